"""The requester of intersect."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from protocol import jobs
from protocol.chunks import MAX_UNANSWERED, Span, chunks, frames
from protocol.codec import decode_message
from protocol.dsse import Signer
from protocol.effects import (
    OUTPUT_ROW_BYTES,
    TAG_ROW_BYTES,
    Answer,
    Append,
    Compute,
    ConsumeSeed,
    Join,
    Progress,
    ReadItems,
    Sort,
)
from protocol.errors import RefusedError, UnexpectedPacketError, WrongReferenceError
from protocol.handshake import Question, check_accept, make_envelope, session_ctx, session_salt
from protocol.intersect.agreed import PROOF_BYTES, check_public_keys, chunk_statement, session_stream_key
from protocol.messages import Accept, Key, Open, Packet, PacketType, Refusal, Role
from protocol.rows import check_ascending, check_rows
from protocol.session import Local, Peer, Secrets, Session, reason_from
from protocol.transcript import digest
from psi import ELEMENT_BYTES, TAG_BYTES, Items


@dataclass(slots=True)
class _Flight:
    """A chunk with the responder, and what its verification will need."""

    chunk: Span
    items: Items = field(repr=False)
    blinded: bytes = field(repr=False)
    evaluated: bytes = field(default=b"", repr=False)


class IntersectRequester(Session):
    """Asks. Learns the shared rows and the responder's size per list."""

    role = Role.REQUESTER

    def __init__(
        self,
        question: Question,
        local: Local,
        secrets: Secrets,
        snapshot_root: bytes,
        signer: Signer,
        peer: Peer,
    ) -> None:
        super().__init__(local, secrets, signer, peer)
        self.envelope = make_envelope(question, local, signer.public_key, peer, secrets, snapshot_root)
        self._sizes = tuple(entry.size for entry in self.envelope.lists)
        self._partner_sizes: tuple[int, ...] = ()
        self._handshake: list[Packet] = []
        self._salt = b""
        self._public_keys: tuple[bytes, ...] = ()
        self._blind_keys: list[bytes] = []
        self._to_blind = chunks(self._sizes)
        self._blinding = False
        self._unanswered: deque[_Flight] = deque()
        self._verifying = 0
        self._verified = 0
        self._unsorted = 0
        self._tags_to_come: Iterator[Span] = iter(())
        self._last_tag = b""
        self._receipt_sent = False
        self._answers: dict[int, bytes] = {}

    # --- handshake

    def _start(self) -> None:
        self._do(partial(ConsumeSeed, seed_commitment=self.envelope.seed_commitment), self._ask)

    def _ask(self, _: None) -> None:
        envelope = self._send_signed(PacketType.ENVELOPE, self.envelope)
        self._handshake.append(envelope)
        self._identify(envelope)
        self._expect((PacketType.ACCEPT, self._on_accept), (PacketType.REFUSAL, self._on_refusal))

    def _on_refusal(self, packet: Packet) -> None:
        refusal = decode_message(packet, Refusal)
        if refusal.envelope_digest != self._references[-1] or refusal.agency != self.peer.agency:
            raise WrongReferenceError("expected the partner's answer to this envelope")
        raise RefusedError(reason_from(refusal.reason))

    def _on_accept(self, packet: Packet) -> None:
        accept = decode_message(packet, Accept)
        check_accept(accept, self.envelope, self._references[-1], self.local, self.peer)
        self._partner_sizes = accept.sizes
        self._handshake.append(packet)
        self._salt = session_salt(self._handshake[0], [packet], self.secrets.coin)
        self._references.append(self._salt)
        opened = self._send_signed(PacketType.OPEN, Open(self._salt, self.secrets.coin))
        self._handshake.append(opened)
        self._references.append(digest(opened))
        self._expect((PacketType.KEY, self._on_key))

    def _on_key(self, packet: Packet) -> None:
        key = decode_message(packet, Key)
        envelope, accept, opened = self._handshake
        if key.open_digest != self._references[-1]:
            raise WrongReferenceError("expected the partner's answer to this opening")
        check_public_keys(key.public_keys, len(self._sizes))
        self._public_keys = key.public_keys
        self._blind_keys = [
            session_stream_key(self.secrets, self._salt, self.role, number, "blind")
            for number in range(len(self._sizes))
        ]
        self._begin_transcript(session_ctx(envelope, [accept], opened, [packet]))
        self._expect((PacketType.EVALUATED, self._on_evaluated))
        self._blind_next()
        self._checkpoint_if_verified()

    # --- evaluation

    def _blind_next(self) -> None:
        """Read and blind one more chunk while earlier ones are with the responder or being verified."""
        if self._blinding or len(self._unanswered) + self._verifying == MAX_UNANSWERED:
            return
        chunk = next(self._to_blind, None)
        if chunk is None:
            return
        self._blinding = True
        self._do(
            partial(ReadItems, list_number=chunk.list_number, first=chunk.first, count=chunk.count),
            lambda items: self._blind(chunk, items),
        )

    def _blind(self, chunk: Span, items: Items) -> None:
        job = jobs.Blind(items, self._blind_keys[chunk.list_number], chunk.first)
        self._do(partial(Compute, job=job), lambda blinded: self._send_chunk(_Flight(chunk, items, blinded)))

    def _send_chunk(self, flight: _Flight) -> None:
        self._blinding = False
        self._unanswered.append(flight)
        self._send_rows(PacketType.BLINDED, flight.blinded)
        self._blind_next()

    def _on_evaluated(self, packet: Packet) -> None:
        if not self._unanswered:
            raise UnexpectedPacketError("expected an evaluation of what was asked, got one more")
        flight = self._unanswered[0]
        check_rows(packet.payload, ELEMENT_BYTES, flight.chunk.count)
        flight.evaluated = packet.payload
        self._expect((PacketType.PROOF, self._on_proof))

    def _on_proof(self, packet: Packet) -> None:
        check_rows(packet.payload, PROOF_BYTES, 1)
        flight = self._unanswered.popleft()
        chunk = flight.chunk
        job = jobs.Finalize(
            flight.items,
            self._blind_keys[chunk.list_number],
            chunk.first,
            chunk_statement(self._agreed().ctx, chunk, self._public_keys),
            flight.blinded,
            flight.evaluated,
            packet.payload,
        )
        self._verifying += 1
        self._do(partial(Compute, job=job), lambda rows: self._on_outputs(chunk, rows))
        self._expect((PacketType.EVALUATED, self._on_evaluated))

    def _on_outputs(self, chunk: Span, rows: bytes) -> None:
        self._emit(Append(("outputs", chunk.list_number), OUTPUT_ROW_BYTES, rows))
        self._verifying -= 1
        self._verified += chunk.count
        self._blind_next()
        self._checkpoint_if_verified()

    def _checkpoint_if_verified(self) -> None:
        self.progress = Progress("evaluating", self._verified, sum(self._sizes))
        if self._verified < sum(self._sizes):
            return
        self._send_statement(PacketType.CHECKPOINT)
        self._tags_to_come = frames(self._partner_sizes, TAG_ROW_BYTES)
        self._expect_tags_or_receipt()
        self._unsorted = len(self._sizes)
        for number in range(len(self._sizes)):
            self._do(partial(Sort, spool=("outputs", number), row_bytes=OUTPUT_ROW_BYTES), self._on_sorted)

    # --- tags

    def _expect_tags_or_receipt(self) -> None:
        frame = next(self._tags_to_come, None)
        if frame is None:
            self._expect((PacketType.RECEIPT, self._on_receipt))
        else:
            self._expect((PacketType.TAGS, partial(self._on_tags, frame)))

    def _on_tags(self, frame: Span, packet: Packet) -> None:
        check_rows(packet.payload, TAG_ROW_BYTES, frame.count)
        check_ascending(packet.payload, self._last_tag if frame.number else b"")
        self._last_tag = packet.payload[-TAG_BYTES:]
        self._emit(Append(("tags", frame.list_number), TAG_ROW_BYTES, packet.payload))
        before = sum(self._partner_sizes[: frame.list_number])
        self.progress = Progress("receiving tags", before + frame.first + frame.count, sum(self._partner_sizes))
        self._expect_tags_or_receipt()

    def _on_receipt(self, packet: Packet) -> None:
        self._check_statement(packet)
        self._send_statement(PacketType.RECEIPT)  # covers theirs, and does not depend on the result
        self._receipt_sent = True
        self._expect()
        self._compare()

    def _on_sorted(self, _: None) -> None:
        self._unsorted -= 1
        self._compare()

    def _compare(self) -> None:
        if self._unsorted or not self._receipt_sent:
            return
        self.progress = Progress("comparing", 0, len(self._sizes))
        for number in range(len(self._sizes)):
            self._do(
                partial(Join, outputs=("outputs", number), tags=("tags", number)),
                partial(self._on_joined, number),
            )

    def _on_joined(self, number: int, rows: bytes) -> None:
        self._answers[number] = rows
        self.progress = Progress("comparing", len(self._answers), len(self._sizes))
        if len(self._answers) == len(self._sizes):
            self._finish(Answer(tuple(rows for _, rows in sorted(self._answers.items())), self._partner_sizes))
