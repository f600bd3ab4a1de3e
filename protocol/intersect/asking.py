"""The asking side of a leg: blind, send, verify what comes back, and only then finalize."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from protocol import jobs
from protocol.chunks import MAX_UNANSWERED, Span, chunks
from protocol.effects import Append, Compute, ReadItems, Sort
from protocol.errors import UnexpectedPacketError
from protocol.intersect.agreed import PROOF_BYTES, Drive, Terms, check_public_keys, chunk_statement
from protocol.messages import Packet, PacketType
from protocol.rows import Widths, check_rows
from psi import ELEMENT_BYTES, Items


@dataclass(slots=True)
class _Flight:
    """A chunk with the answering side, and what its verification will need."""

    chunk: Span
    items: Items = field(repr=False)
    blinded: bytes = field(repr=False)
    evaluated: bytes = field(default=b"", repr=False)


class Asking:
    """Asks for every element of the own lists; outputs go to the spools ("outputs", list).

    Args:
        ctx: of the session, agreed.
        public_keys: the answering side's, one per list; checked here.
        verified: called once, when every proof has verified.
        sorted_: called once, later, when the outputs are sorted too.
    """

    def __init__(
        self,
        drive: Drive,
        terms: Terms,
        ctx: bytes,
        sizes: Sequence[int],
        public_keys: Sequence[bytes],
        widths: Widths,
        verified: Callable[[], None],
        sorted_: Callable[[], None],
    ) -> None:
        check_public_keys(public_keys, len(sizes))
        self.verified = False
        self.sorted = False
        self._drive = drive
        self._leg = terms.leg
        self._ctx = ctx
        self._sizes = sizes
        self._public_keys = public_keys
        self._widths = widths
        self._blind_keys = terms.keys(len(sizes), "blind")
        self._when_verified = verified
        self._when_sorted = sorted_
        self._to_blind = chunks(sizes)
        self._blinding = False
        self._unanswered: deque[_Flight] = deque()
        self._verifying = 0
        self._to_verify = sum(sizes)
        self._unsorted = len(sizes)

    def begin(self) -> None:
        """Send the lists blinded, chunk by chunk, as far ahead of the answers as the window lets."""
        self._drive.expect(PacketType.EVALUATED, self._on_evaluated)
        self._blind_next()
        self._finish_if_verified()

    def _blind_next(self) -> None:
        """Read and blind one more chunk while earlier ones are being answered or verified."""
        if self._blinding or len(self._unanswered) + self._verifying == MAX_UNANSWERED:
            return
        chunk = next(self._to_blind, None)
        if chunk is None:
            return
        self._blinding = True
        self._drive.do(
            partial(ReadItems, list_number=chunk.list_number, first=chunk.first, count=chunk.count),
            lambda items: self._blind(chunk, items),
        )

    def _blind(self, chunk: Span, items: Items) -> None:
        job = jobs.Blind(items, self._blind_keys[chunk.list_number], chunk.first)
        self._drive.do(partial(Compute, job=job), lambda blinded: self._send(_Flight(chunk, items, blinded)))

    def _send(self, flight: _Flight) -> None:
        self._blinding = False
        self._unanswered.append(flight)
        self._drive.send_rows(PacketType.BLINDED, flight.blinded)
        self._blind_next()

    def _on_evaluated(self, packet: Packet) -> None:
        if not self._unanswered:
            raise UnexpectedPacketError("expected an evaluation of what was asked, got one more")
        flight = self._unanswered[0]
        check_rows(packet.payload, ELEMENT_BYTES, flight.chunk.count)
        flight.evaluated = packet.payload
        self._drive.expect(PacketType.PROOF, self._on_proof)

    def _on_proof(self, packet: Packet) -> None:
        check_rows(packet.payload, PROOF_BYTES, 1)
        flight = self._unanswered.popleft()
        chunk = flight.chunk
        job = jobs.Finalize(
            flight.items,
            self._blind_keys[chunk.list_number],
            chunk.first,
            chunk_statement(self._ctx, self._leg, chunk, self._public_keys),
            flight.blinded,
            flight.evaluated,
            packet.payload,
            self._widths,
        )
        self._verifying += 1
        self._drive.do(partial(Compute, job=job), lambda rows: self._on_outputs(chunk, rows))
        self._drive.expect(PacketType.EVALUATED, self._on_evaluated)

    def _on_outputs(self, chunk: Span, rows: bytes) -> None:
        self._drive.emit(Append(("outputs", chunk.list_number), self._widths.output, rows))
        self._drive.advance(chunk.count)
        self._verifying -= 1
        self._to_verify -= chunk.count
        self._blind_next()
        self._finish_if_verified()

    def _finish_if_verified(self) -> None:
        if self._to_verify:
            return
        self.verified = True
        self._when_verified()
        for number in range(len(self._sizes)):
            sort = partial(Sort, spool=("outputs", number), row_bytes=self._widths.output)
            self._drive.do(sort, self._on_sorted)

    def _on_sorted(self, _: None) -> None:
        self._unsorted -= 1
        if self._unsorted == 0:
            self.sorted = True
            self._when_sorted()
