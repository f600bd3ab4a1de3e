"""What this node remembers of totals, so that a second one cannot isolate what the two have not in common."""

from __future__ import annotations

from nodes.errors import OverlappingTotalError
from nodes.state import State
from protocol import codec
from protocol.messages import Envelope, Packet, PacketType
from protocol.totals.overlap import conflicts


def check_overlap(state: State, asked: Envelope, period_days: int, now_ms: int) -> None:
    """See that no total answered in the period would, beside this one, isolate an agency's or a person's part.

    Raises:
        OverlappingTotalError: one would.
    """
    for payload in state.totals_answered(period_days, now_ms):
        if conflicts(asked, codec.decode_message(Packet(PacketType.ENVELOPE, payload), Envelope)):
            raise OverlappingTotalError(
                f"expected a question unlike those of the last {period_days} days, or the same again, got one that "
                "overlaps with another"
            )
