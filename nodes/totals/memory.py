"""What this node remembers of totals, so that a second one cannot isolate what the two have not in common."""

from __future__ import annotations

from nodes.aggregates.errors import OverlappingTotalError
from nodes.state import State
from protocol import codec
from protocol.messages import Envelope, Packet, PacketType, Terms
from protocol.totals.overlap import conflicts, same_question


def check_overlap(state: State, asked: Envelope, snapshot: str, terms: Terms, period_days: int, now_ms: int) -> None:
    """See that no total answered in the period would, beside this one, isolate an agency's or a person's part.

    Args:
        snapshot: the version of own records that would be added up. Without noise the same question over another
            version would tell the difference of the two.
        terms: of this node.

    Raises:
        OverlappingTotalError: one would.
    """
    for payload, before in state.totals_answered(period_days, now_ms):
        answered = codec.decode_message(Packet(PacketType.ENVELOPE, payload), Envelope)
        tells_changes = same_question(asked, answered) and snapshot != before and not terms.epsilon_millis
        if tells_changes or conflicts(asked, answered):
            raise OverlappingTotalError(
                f"expected a total over other records or categories than those of the last {period_days} days, got one "
                "that overlaps"
            )
