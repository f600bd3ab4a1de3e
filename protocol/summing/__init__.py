"""sum: the requester learns totals of the responder's values over the shared identifiers (docs/protocol.md, "sum")."""

from __future__ import annotations

from protocol.summing.requester import SumRequester
from protocol.summing.responder import SumResponder

__all__ = ["SumRequester", "SumResponder"]
