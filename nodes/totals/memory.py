"""What this node remembers of totals, so that a second one cannot isolate what the two have not in common."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from nodes.aggregates.errors import OverlappingTotalError
from nodes.policy import AggregateLimits
from nodes.state import AnsweredTotal, State
from protocol import codec
from protocol.messages import Envelope, Packet, PacketType, Terms
from protocol.totals.overlap import conflicts, same_question


@dataclass(frozen=True, slots=True)
class OwnPart:
    """What this node's part of a total is made from.

    Args:
        snapshot: the version of own records.
        terms: as all are told them.
        limits: of the rules that allow it.
    """

    snapshot: str
    terms: Terms
    limits: AggregateLimits

    def check_overlap(self, state: State, asked: Envelope, now_ms: int) -> None:
        """See that no total answered in the period would, beside this one, isolate an agency's or a person's part.

        Raises:
            OverlappingTotalError: one would.
        """
        self._check(asked, state.totals_answered(self.limits.period_days, now_ms))

    def remember(self, state: State, session: bytes, asked: bytes, now_ms: int) -> None:
        """Remember a question before the first share leaves, unless one that overlaps was answered meanwhile.

        Args:
            session: digest of the envelope.
            asked: the envelope, as it was signed.

        Raises:
            OverlappingTotalError: one was.
        """
        envelope = codec.decode_message(Packet(PacketType.ENVELOPE, asked), Envelope)

        def check(others: Iterable[AnsweredTotal]) -> None:
            self._check(envelope, others)

        total = AnsweredTotal(asked, self.snapshot, self._terms)
        state.remember_total(session, total, check, self.limits.period_days, now_ms)

    @property
    def _terms(self) -> str:
        """All that decides what a cell contributes, beside records and question."""
        terms = self.terms
        return f"{terms.minimum} {terms.epsilon_millis} {terms.rounding} {self.limits.max_share_percent}"

    def _check(self, asked: Envelope, answered: Iterable[AnsweredTotal]) -> None:
        for before in answered:
            other = codec.decode_message(Packet(PacketType.ENVELOPE, before.envelope), Envelope)
            if conflicts(asked, other) or (same_question(asked, other) and self._tells_own_part(before)):
                raise OverlappingTotalError(
                    "expected a total over other records or categories than those of the last "
                    f"{self.limits.period_days} days, got one that overlaps"
                )

    def _tells_own_part(self, before: AnsweredTotal) -> bool:
        """Whether the same question again would tell what changed here alone: on other terms a cell that was withheld
        may be contributed, and without noise other records tell what was added to them.
        """
        other_records = self.snapshot != before.snapshot
        return self._terms != before.terms or (other_records and not self.terms.epsilon_millis)
