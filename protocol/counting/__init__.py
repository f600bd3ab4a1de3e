"""count: the requester learns how many identifiers are shared, and not which (docs/protocol.md, "count")."""

from __future__ import annotations

from protocol.counting.requester import CountRequester
from protocol.counting.responder import CountResponder

__all__ = ["CountRequester", "CountResponder"]
