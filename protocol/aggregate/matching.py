"""The responder's part in one list: take in what is asked, the shuffled targets and the proof; verify; compare."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import numpy as np

from protocol.aggregate import jobs
from protocol.aggregate.agreed import Plan, ShuffledList
from protocol.aggregate.intake import Intake
from protocol.chunks import Span, frames, in_turn
from protocol.effects import Append, Compute, Join, ReadRows, Sort
from protocol.intersect.agreed import Drive
from protocol.messages import Packet, PacketType
from protocol.rows import ROW_NUMBER_BYTES
from psi import ELEMENT_BYTES, TAG_BYTES
from psi.shuffle import RESPONSE_BYTES, ShuffleStatement, ShuffleVerifier

_PLACED_BYTES: Final = ROW_NUMBER_BYTES + RESPONSE_BYTES


@dataclass(frozen=True, slots=True)
class BeginVerification:
    """The verifier of an opening. Raises ProofError where it is none."""

    statement: ShuffleStatement
    opening: bytes
    verification_key: bytes = field(repr=False)
    encryption_key: bytes = field(repr=False)

    def run(self) -> ShuffleVerifier:
        return ShuffleVerifier(self.statement, self.opening, self.verification_key, self.encryption_key)


@dataclass(frozen=True, slots=True)
class Verify:
    """The verifier after the next rows of both lists and their responses, as they were spooled."""

    verifier: ShuffleVerifier
    plan: Plan
    before: bytes = field(repr=False)
    after: bytes = field(repr=False)
    responses: bytes = field(repr=False)

    def run(self) -> ShuffleVerifier:
        responses = np.frombuffer(self.responses, np.uint8).reshape(-1, _PLACED_BYTES)[:, ROW_NUMBER_BYTES:]
        before = jobs.encrypted(self.before, self.plan)
        return self.verifier.absorb(before, self.after, responses.tobytes())


@dataclass(frozen=True, slots=True)
class FinishVerification:
    """Raises ProofError unless the shuffle is proved."""

    verifier: ShuffleVerifier

    def run(self) -> None:
        self.verifier.finish()


class Matching:
    """Finds which of the shuffled targets were asked; the targets are sorted in ("targets", list), as they are kept.

    Args:
        of: the list.
        arrived: called once, when all of this list is here.
        matched: called once, later, with the numbers of the shuffled rows that were asked (little-endian uint32,
            ascending).
    """

    def __init__(
        self,
        drive: Drive,
        of: ShuffledList,
        arrived: Callable[[], None],
        matched: Callable[[bytes], None],
    ) -> None:
        self._drive = drive
        self._list = of
        self._arrived = arrived
        self._matched = matched
        self._opening = b""
        self._parts_to_come = 2
        asked, shuffled, responses = PacketType.ASKED, PacketType.SHUFFLED, PacketType.SHUFFLE_PROOF
        self._asked_intake = self._intake(asked, "asked", ELEMENT_BYTES, of.asked, self._on_asked)
        self._shuffled_intake = self._intake(
            shuffled,
            "shuffled",
            of.plan.row_bytes,
            of.targets,
            self._on_shuffled,
            each=self._keep_beginnings,
        )
        self._response_intake = self._intake(
            responses, "responses", RESPONSE_BYTES, of.targets, self._on_responses, ascending=False
        )

    def begin(self) -> None:
        """Take in what the requester asked and shuffled."""
        self._asked_intake.begin()

    def _intake(
        self,
        kind: PacketType,
        spool: str,
        row_bytes: int,
        size: int,
        then: Callable[[], None],
        *,
        ascending: bool = True,
        each: Callable[[Span, bytes], None] | None = None,
    ) -> Intake:
        place = (spool, self._list.number)
        return Intake(self._drive, kind, place, row_bytes, size, then, ascending=ascending, each=each)

    # --- what arrives

    def _on_asked(self) -> None:
        in_turn(frames([self._list.asked], ELEMENT_BYTES), self._mask, self._sort)
        self._shuffled_intake.begin()

    def _keep_beginnings(self, span: Span, rows: bytes) -> None:
        beginnings = jobs.beginnings(rows, self._list.plan.row_bytes, span.first)
        self._drive.emit(Append(("beginnings", self._list.number), TAG_BYTES + ROW_NUMBER_BYTES, beginnings))

    def _on_shuffled(self) -> None:
        if self._list.targets:
            self._drive.expect(PacketType.SHUFFLE_PROOF, self._on_opening)
        else:  # nothing was shuffled, so nothing is proved
            self._part_is_done()
            self._arrived()

    def _on_opening(self, packet: Packet) -> None:
        self._opening = packet.payload
        self._response_intake.begin()

    def _on_responses(self) -> None:
        statement = self._list.statement(self._shuffled_intake.digest, self._asked_intake.digest)
        verification_key, encryption_key = (self._key(purpose) for purpose in ("verification", "encrypt"))
        if not self._list.plan.columns:
            encryption_key = b""
        job = BeginVerification(statement, self._opening, verification_key, encryption_key)
        self._drive.do(partial(Compute, job=job), self._verify)
        self._arrived()

    # --- verification

    def _verify(self, verifier: ShuffleVerifier) -> None:
        self._verifier = verifier
        in_turn(frames([self._list.targets], self._list.plan.row_bytes), self._verify_frame, self._finish)

    def _verify_frame(self, span: Span, done: Callable[[], None]) -> None:
        plan = self._list.plan
        parts: list[bytes] = []

        def on_part(rows: bytes) -> None:
            parts.append(rows)
            if len(parts) == 3:
                job = Verify(self._verifier, plan, *parts)
                self._drive.do(partial(Compute, job=job), on_verified)

        def on_verified(verifier: ShuffleVerifier) -> None:
            self._verifier = verifier
            self._drive.advance(span.count)
            done()

        spools = (("targets", plan.kept_row_bytes), ("shuffled", plan.row_bytes), ("responses", _PLACED_BYTES))
        self._read_in_turn(spools, span, on_part)

    def _finish(self) -> None:
        self._drive.do(partial(Compute, job=FinishVerification(self._verifier)), lambda _: self._part_is_done())

    # --- comparison

    def _mask(self, span: Span, done: Callable[[], None]) -> None:
        def compute(rows: bytes) -> None:
            job = jobs.MaskAsked(rows, self._key("mask"))
            self._drive.do(partial(Compute, job=job), keep)

        def keep(rows: bytes) -> None:
            self._drive.emit(Append(("masked", self._list.number), TAG_BYTES, rows))
            done()

        self._read_in_turn((("asked", ELEMENT_BYTES),), span, compute)

    def _sort(self) -> None:
        sort = partial(Sort, spool=("masked", self._list.number), row_bytes=TAG_BYTES)
        self._drive.do(sort, lambda _: self._part_is_done())

    def _part_is_done(self) -> None:
        """Proved, and masked: compare, and not before."""
        self._parts_to_come -= 1
        if self._parts_to_come:
            return
        join = partial(
            Join,
            outputs=("beginnings", self._list.number),
            output_row_bytes=TAG_BYTES + ROW_NUMBER_BYTES,
            tags=("masked", self._list.number),
            tag_row_bytes=TAG_BYTES,
        )
        self._drive.do(join, self._on_joined)

    def _on_joined(self, pairs: bytes) -> None:
        self._matched(jobs.joined_numbers(pairs))

    def _key(self, purpose: str) -> bytes:
        return self._list.keys.key(purpose, self._list.number)

    # --- spools

    def _read_in_turn(self, spools: tuple[tuple[str, int], ...], span: Span, each: Callable[[bytes], None]) -> None:
        """The same rows of several spools, one after the other."""
        (name, row_bytes), *rest = spools

        def on_rows(rows: bytes) -> None:
            each(rows)
            if rest:
                self._read_in_turn(tuple(rest), span, each)

        read = partial(
            ReadRows, spool=(name, self._list.number), row_bytes=row_bytes, first=span.first, count=span.count
        )
        self._drive.do(read, on_rows)
