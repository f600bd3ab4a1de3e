"""What counts, sums and totals must not tell."""

from __future__ import annotations

from nodes.errors import NodeError
from protocol.errors import Reason


class AggregateError(NodeError):
    """A count or a sum names columns or values that records do not have. Told to a partner as policy."""

    code = "bad-aggregate"
    reason = Reason.POLICY


class OverlappingTotalError(NodeError):
    """A total would, beside one answered lately, isolate what they have not in common. Told to a partner as policy."""

    code = "overlapping-total"
    reason = Reason.POLICY


class SchemeMissingError(NodeError):
    """A total under a scheme that an extra brings, which is not installed here."""

    code = "scheme-missing"
    reason = Reason.UNSUPPORTED
