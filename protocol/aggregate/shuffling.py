"""The requester's part in one list: ask, shuffle the targets under the own mask, and prove that it did nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from protocol.aggregate import jobs
from protocol.aggregate.agreed import ShuffledList
from protocol.chunks import Span, frames, in_turn
from protocol.effects import Append, Compute, ReadRows, Sort
from protocol.intersect.agreed import Drive
from protocol.messages import PacketType
from protocol.rows import ROW_NUMBER_BYTES
from psi import ELEMENT_BYTES
from psi.shuffle import RESPONSE_BYTES, ShuffleCommitted, ShuffleProof, ShuffleProver


@dataclass(frozen=True, slots=True)
class Commit:
    """Commit to the permutation."""

    prover: ShuffleProver

    def run(self) -> ShuffleCommitted:
        return self.prover.commit()


@dataclass(frozen=True, slots=True)
class Absorb:
    """The next rows of the shuffled list, into the proof."""

    committed: ShuffleCommitted
    after: bytes = field(repr=False)
    row_bytes: int

    def run(self) -> ShuffleCommitted:
        return self.committed.absorb(jobs.unnumbered(self.after, self.row_bytes)[0])


@dataclass(frozen=True, slots=True)
class Close:
    """The proof's opening is complete when the shuffled list has been read."""

    committed: ShuffleCommitted

    def run(self) -> ShuffleProof:
        return self.committed.close()


@dataclass(frozen=True, slots=True)
class Respond:
    """The next responses of the proof, and what responds after them."""

    proof: ShuffleProof
    count: int

    def run(self) -> tuple[bytes, ShuffleProof]:
        return self.proof.respond(self.count)


class Shuffle:
    """Sends what is asked, the shuffled targets and the proof; the targets are in ("targets", list), what is asked
    sorted in ("asked", list).

    Args:
        of: the list.
        then: called once, when all is sent.
    """

    def __init__(
        self,
        drive: Drive,
        of: ShuffledList,
        then: Callable[[], None],
    ) -> None:
        self._drive = drive
        self._list = of
        self._then = then
        self._mask_key = of.keys.key("mask", of.number)
        self._randomness_key = of.keys.key("rerandomize", of.number)
        self._asked_hash = hashlib.sha512()
        self._after_hash = hashlib.sha512()
        self._permutation = bytearray()

    def begin(self) -> None:
        """Send what is asked, masked; then the partner's list, shuffled."""
        in_turn(frames([self._list.asked], ELEMENT_BYTES), self._ask, self._mask)

    # --- what is asked

    def _ask(self, span: Span, done: Callable[[], None]) -> None:
        def send(rows: bytes) -> None:
            self._asked_hash.update(rows)
            self._drive.send_rows(PacketType.ASKED, rows)
            done()

        self._read("asked", ELEMENT_BYTES, span, send)

    # --- the shuffle

    def _mask(self) -> None:
        in_turn(frames([self._list.targets], self._list.plan.row_bytes), self._mask_frame, self._sort)

    def _mask_frame(self, span: Span, done: Callable[[], None]) -> None:
        def compute(rows: bytes) -> None:
            job = jobs.MaskTargets(
                rows, self._list.plan, self._mask_key, span.first, self._list.joint_key, self._randomness_key
            )
            self._drive.do(partial(Compute, job=job), keep)

        def keep(rows: bytes) -> None:
            self._drive.emit(Append(("shuffled", self._list.number), self._numbered_bytes, rows))
            self._drive.advance(span.count)
            done()

        self._read("targets", self._list.plan.row_bytes, span, compute)

    def _sort(self) -> None:
        sort = partial(Sort, spool=("shuffled", self._list.number), row_bytes=self._numbered_bytes)
        self._drive.do(sort, lambda _: self._send())

    def _send(self) -> None:
        in_turn(frames([self._list.targets], self._list.plan.row_bytes), self._send_frame, self._prove)

    def _send_frame(self, span: Span, done: Callable[[], None]) -> None:
        def send(numbered: bytes) -> None:
            rows, numbers = jobs.unnumbered(numbered, self._list.plan.row_bytes)
            self._after_hash.update(rows)
            self._permutation += numbers
            self._drive.send_rows(PacketType.SHUFFLED, rows)
            done()

        self._read("shuffled", self._numbered_bytes, span, send)

    # --- the proof

    def _prove(self) -> None:
        if not self._list.targets:
            self._then()
            return
        statement = self._list.statement(self._after_hash.digest(), self._asked_hash.digest())
        prover = ShuffleProver(
            statement,
            self._mask_key,
            self._list.keys.key("shuffle-proof", self._list.number),
            bytes(self._permutation),
            self._randomness_key if self._list.plan.columns else b"",
        )
        self._permutation.clear()
        self._drive.do(partial(Compute, job=Commit(prover)), self._on_committed)

    def _on_committed(self, committed: ShuffleCommitted) -> None:
        self._committed = committed
        in_turn(frames([self._list.targets], self._list.plan.row_bytes), self._absorb, self._close)

    def _absorb(self, span: Span, done: Callable[[], None]) -> None:
        def compute(after: bytes) -> None:
            job = Absorb(self._committed, after, self._list.plan.row_bytes)
            self._drive.do(partial(Compute, job=job), absorbed)

        def absorbed(committed: ShuffleCommitted) -> None:
            self._committed = committed
            self._drive.advance(span.count)
            done()

        self._read("shuffled", self._numbered_bytes, span, compute)

    def _close(self) -> None:
        self._drive.do(partial(Compute, job=Close(self._committed)), self._open)

    def _open(self, proof: ShuffleProof) -> None:
        self._proof = proof
        self._drive.send_rows(PacketType.SHUFFLE_PROOF, proof.opening)
        in_turn(frames([self._list.targets], RESPONSE_BYTES), self._respond, self._then)

    def _respond(self, span: Span, done: Callable[[], None]) -> None:
        def send(responded: tuple[bytes, ShuffleProof]) -> None:
            responses, self._proof = responded
            self._drive.send_rows(PacketType.SHUFFLE_PROOF, responses)
            done()

        self._drive.do(partial(Compute, job=Respond(self._proof, span.count)), send)

    # --- spools

    @property
    def _numbered_bytes(self) -> int:
        return self._list.plan.row_bytes + ROW_NUMBER_BYTES

    def _read(self, spool: str, row_bytes: int, span: Span, then: Callable[[bytes], None]) -> None:
        read = partial(
            ReadRows, spool=(spool, self._list.number), row_bytes=row_bytes, first=span.first, count=span.count
        )
        self._drive.do(read, then)
