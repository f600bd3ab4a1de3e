"""epoch: a key that outlives a session, so that a small question costs its own size (docs/protocol.md, "epoch").

The responder signs once under which keys, for whom and how long, and releases the tags of its list, and later what
changed in it. The requester keeps them as an index: an answer then needs evaluations alone.
"""

from __future__ import annotations

from protocol.epoch.answering import EpochResponder
from protocol.epoch.asking import EpochRequester
from protocol.epoch.synchronising import SyncRequester, SyncResponder

__all__ = ["EpochRequester", "EpochResponder", "SyncRequester", "SyncResponder"]
