"""intersect: the requester learns which of its own identifiers the responder holds (docs/protocol.md, "intersect").

RFC 9497 VOPRF over ristretto255 with a fresh key per list. The requester blinds, the responder evaluates and proves,
chunk by chunk; then the responder sends the tags of its own identifiers, and the requester compares.
"""

from __future__ import annotations

from protocol.intersect.requester import IntersectRequester
from protocol.intersect.responder import IntersectResponder

__all__ = ["IntersectRequester", "IntersectResponder"]
