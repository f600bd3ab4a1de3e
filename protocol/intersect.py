"""intersect: the requester learns which of its own identifiers the responder holds (docs/protocol.md, "intersect").

RFC 9497 VOPRF over ristretto255 with a fresh key per list. The requester blinds, the responder evaluates and proves,
chunk by chunk; then the responder sends the tags of its own identifiers, and the requester compares.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from protocol import jobs
from protocol.chunks import MAX_UNANSWERED, Span, chunks, frames
from protocol.codec import decode_message
from protocol.dsse import Signer
from protocol.dst import COMMIT_COIN, COMMIT_SEED
from protocol.effects import (
    OUTPUT_ROW_BYTES,
    TAG_ROW_BYTES,
    Admission,
    Admit,
    Answer,
    Append,
    Charge,
    Compute,
    ConsumeSeed,
    Disclosed,
    Join,
    Progress,
    ReadItems,
    ReadRows,
    Rejection,
    Sort,
)
from protocol.errors import (
    ProtocolError,
    PublicKeyError,
    RefusedError,
    RejectedError,
    SizeError,
    UnexpectedPacketError,
    WindowError,
    WrongReferenceError,
)
from protocol.handshake import (
    Question,
    check_accept,
    check_envelope,
    check_opening,
    commit,
    commit_snapshot,
    make_envelope,
    session_ctx,
    session_salt,
)
from protocol.messages import Accept, Envelope, Key, Open, Packet, PacketType, Query, Refusal, Role
from protocol.rows import check_ascending, check_rows
from protocol.session import Local, Peer, Secrets, Session, reason_from
from protocol.transcript import digest
from psi import (
    ELEMENT_BYTES,
    SUITE,
    TAG_BYTES,
    ChunkStatement,
    ElementError,
    Items,
    check_elements,
    public_key,
    stream_key,
)

PROOF_BYTES: Final = 64
LEG: Final = 0  # the requester's question; `mutual` adds the other direction


def _stream_key(secrets: Secrets, salt: bytes, role: Role, list_number: int, purpose: str) -> bytes:
    """Every list, leg and purpose has its own key, or blinds repeat and the difference of two items leaks."""
    return stream_key(
        secrets.seed,
        salt,
        suite=SUITE,
        protocol=Query.INTERSECT.value,
        role=role.value,
        leg=LEG,
        list_number=list_number,
        purpose=purpose,
    )


def _statement(ctx: bytes, chunk: Span, public_keys: tuple[bytes, ...]) -> ChunkStatement:
    return ChunkStatement(ctx, LEG, chunk.list_number, chunk.number, public_keys[chunk.list_number])


def _check_public_keys(public_keys: tuple[bytes, ...], expected: int) -> None:
    """One canonical element per list, none of them the identity."""
    if len(public_keys) != expected:
        raise SizeError(f"expected {expected} public keys, got {len(public_keys)}")
    try:
        check_elements(b"".join(public_keys))
    except ElementError as error:
        raise PublicKeyError(f"expected a canonical element as public key of list {error.index}") from None


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

    # ---------------------------------------------------------------------------------------------------- handshake

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
        self._handshake.append(self._send_signed(PacketType.OPEN, Open(self._salt, self.secrets.coin)))
        self._expect((PacketType.KEY, self._on_key))

    def _on_key(self, packet: Packet) -> None:
        key = decode_message(packet, Key)
        envelope, accept, opened = self._handshake
        if key.open_digest != digest(opened):
            raise WrongReferenceError("expected the partner's answer to this opening")
        _check_public_keys(key.public_keys, len(self._sizes))
        self._public_keys = key.public_keys
        self._blind_keys = [
            _stream_key(self.secrets, self._salt, self.role, number, "blind") for number in range(len(self._sizes))
        ]
        self._begin_transcript(session_ctx(envelope, [accept], opened, [packet]))
        self._expect((PacketType.EVALUATED, self._on_evaluated))
        self._blind_next()
        self._checkpoint_if_verified()

    # --------------------------------------------------------------------------------------------------- evaluation

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
            _statement(self._agreed().ctx, chunk, self._public_keys),
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

    # --------------------------------------------------------------------------------------------------------- tags

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
                partial(Join, outputs=("outputs", number), tags=("tags", number)), partial(self._on_joined, number)
            )

    def _on_joined(self, number: int, rows: bytes) -> None:
        self._answers[number] = rows
        self.progress = Progress("comparing", len(self._answers), len(self._sizes))
        if len(self._answers) == len(self._sizes):
            self._finish(Answer(tuple(rows for _, rows in sorted(self._answers.items())), self._partner_sizes))


class IntersectResponder(Session):
    """Answers. Learns the requester's sizes, and that it asked."""

    role = Role.RESPONDER

    def __init__(self, local: Local, secrets: Secrets, signer: Signer, peer: Peer) -> None:
        super().__init__(local, secrets, signer, peer)
        self.envelope: Envelope | None = None
        self._seed_commitment = commit(COMMIT_SEED, self.role, secrets.seed)
        self._sizes: tuple[int, ...] = ()  # the requester's
        self._own_sizes: tuple[int, ...] = ()
        self._handshake: list[Packet] = []
        self._oprf_keys: list[bytes] = []
        self._proof_keys: list[bytes] = []
        self._public_keys: tuple[bytes, ...] = ()
        self._to_come: Iterator[Span] = iter(())
        self._pending: deque[tuple[Span, bytes]] = deque()
        self._evaluated = 0
        self._to_tag: Iterator[Span] = iter(())
        self._unsorted = 0
        self._tags_ready = False
        self._checkpointed = False
        self._to_disclose: Iterator[Span] = iter(())
        self._expect((PacketType.ENVELOPE, self._on_envelope))

    # ---------------------------------------------------------------------------------------------------- handshake

    def _on_envelope(self, packet: Packet) -> None:
        self._handshake.append(packet)
        self._expect()
        reference = self._identify(packet)
        try:
            envelope = decode_message(packet, Envelope)
            check_envelope(envelope, self.local, self._signer.public_key, self.peer, self._now_ms)
        except ProtocolError as error:
            self._refuse(error)
            return
        self.envelope = envelope
        self._do(
            partial(Admit, envelope=envelope, envelope_digest=reference, now_ms=self._now_ms),
            lambda decision: self._on_decision(envelope, decision),
        )

    def _refuse(self, error: ProtocolError) -> None:
        self._send_signed(PacketType.REFUSAL, Refusal(self._references[-1], self.local.agency, error.reason.value))
        self._fail(error, tell_partner=False)

    def _on_decision(self, envelope: Envelope, decision: Admission | Rejection) -> None:
        if isinstance(decision, Rejection):
            self._refuse(RejectedError(decision.reason))
            return
        self._sizes = tuple(entry.size for entry in envelope.lists)
        self._own_sizes = decision.sizes
        accept = Accept(
            envelope_digest=self._references[-1],
            agency=self.local.agency,
            sizes=decision.sizes,
            profile_hash=self.local.profile_hash,
            seed_commitment=self._seed_commitment,
            snapshot_commitment=commit_snapshot(self.secrets.snapshot_salt, decision.snapshot_root),
        )
        self._do(
            partial(ConsumeSeed, seed_commitment=self._seed_commitment), lambda _: self._accept(envelope, accept)
        )

    def _accept(self, envelope: Envelope, accept: Accept) -> None:
        self._handshake.append(self._send_signed(PacketType.ACCEPT, accept))
        self._expect((PacketType.OPEN, partial(self._on_open, envelope.coin_commitment)))

    def _on_open(self, coin_commitment: bytes, packet: Packet) -> None:
        opened = decode_message(packet, Open)
        check_opening(coin_commitment, COMMIT_COIN, Role.REQUESTER, opened.coin)
        envelope, accept = self._handshake
        salt = session_salt(envelope, [accept], opened.coin)
        if opened.salt != salt:
            raise WrongReferenceError("expected the opening of this session")
        self._references.append(digest(packet))
        numbers = range(len(self._sizes))
        self._oprf_keys = [_stream_key(self.secrets, salt, self.role, number, "oprf-key") for number in numbers]
        self._proof_keys = [_stream_key(self.secrets, salt, self.role, number, "proof") for number in numbers]
        self._public_keys = tuple(public_key(key) for key in self._oprf_keys)
        key = self._send_signed(PacketType.KEY, Key(self._references[-1], self._public_keys))
        self._begin_transcript(session_ctx(envelope, [accept], packet, [key]))
        self.progress = Progress("evaluating", 0, sum(self._sizes))
        self._to_come, self._to_tag = chunks(self._sizes), chunks(self._own_sizes)
        self._expect_chunk_or_checkpoint()
        self._tag_next()

    # --------------------------------------------------------------------------------------------------- evaluation

    def _expect_chunk_or_checkpoint(self) -> None:
        chunk = next(self._to_come, None)
        if chunk is None:
            self._expect((PacketType.CHECKPOINT, self._on_checkpoint))
        else:
            self._expect((PacketType.BLINDED, partial(self._on_blinded, chunk)))

    def _on_blinded(self, chunk: Span, packet: Packet) -> None:
        check_rows(packet.payload, ELEMENT_BYTES, chunk.count)
        if len(self._pending) == MAX_UNANSWERED:
            raise WindowError(f"expected at most {MAX_UNANSWERED} unanswered chunks, got one more")
        self._pending.append((chunk, packet.payload))
        if len(self._pending) == 1:
            self._evaluate_next()
        self._expect_chunk_or_checkpoint()

    def _evaluate_next(self) -> None:
        """One chunk at a time, in order: an evaluation already uses all cores."""
        chunk, blinded = self._pending[0]
        job = jobs.Evaluate(
            self._oprf_keys[chunk.list_number],
            self._proof_keys[chunk.list_number],
            _statement(self._agreed().ctx, chunk, self._public_keys),
            blinded,
        )
        self._do(partial(Compute, job=job), self._on_evaluation)

    def _on_evaluation(self, result: tuple[bytes, bytes]) -> None:
        evaluated, proof = result
        chunk, _ = self._pending.popleft()
        self._send_rows(PacketType.EVALUATED, evaluated)
        self._send_rows(PacketType.PROOF, proof)
        self._evaluated += chunk.count
        self.progress = Progress("evaluating", self._evaluated, sum(self._sizes))
        if self._pending:
            self._evaluate_next()

    # --------------------------------------------------------------------------------------------------------- tags

    def _tag_next(self) -> None:
        """Own tags, one chunk at a time beside the evaluations, then sorted list by list."""
        chunk = next(self._to_tag, None)
        if chunk is not None:
            self._do(
                partial(ReadItems, list_number=chunk.list_number, first=chunk.first, count=chunk.count),
                lambda items: self._tag(chunk, items),
            )
            return
        self._unsorted = len(self._own_sizes)
        for number in range(len(self._own_sizes)):
            self._do(partial(Sort, spool=("tags", number), row_bytes=TAG_ROW_BYTES), self._on_sorted)

    def _tag(self, chunk: Span, items: Items) -> None:
        job = jobs.Tags(items, self._oprf_keys[chunk.list_number])
        self._do(partial(Compute, job=job), lambda rows: self._on_tags(chunk, rows))

    def _on_tags(self, chunk: Span, rows: bytes) -> None:
        self._emit(Append(("tags", chunk.list_number), TAG_ROW_BYTES, rows))
        self._tag_next()

    def _on_sorted(self, _: None) -> None:
        self._unsorted -= 1
        self._tags_ready = self._unsorted == 0
        self._charge()

    # --------------------------------------------------------------------------------------------------- disclosure

    def _on_checkpoint(self, packet: Packet) -> None:
        if self._pending:
            raise UnexpectedPacketError("expected a checkpoint after the last evaluation, got it before")
        self._check_statement(packet)
        self._checkpointed = True
        self._expect()
        self._charge()

    def _charge(self) -> None:
        """All is proved, all own tags are sorted: charge, durably, and only then disclose."""
        if self._checkpointed and self._tags_ready:
            charge = partial(Charge, elements=sum(self._sizes), ctx=self._agreed().ctx)
            self._do(charge, self._on_charged)

    def _on_charged(self, _: None) -> None:
        self.progress = Progress("sending tags", 0, sum(self._own_sizes))
        self._to_disclose = frames(self._own_sizes, TAG_ROW_BYTES)
        self._disclose_next()

    def _disclose_next(self) -> None:
        frame = next(self._to_disclose, None)
        if frame is None:
            self._send_statement(PacketType.RECEIPT)
            self._expect((PacketType.RECEIPT, self._on_receipt))
            return
        spool = ("tags", frame.list_number)
        self._do(
            partial(ReadRows, spool=spool, row_bytes=TAG_ROW_BYTES, first=frame.first, count=frame.count),
            lambda rows: self._on_tag_rows(frame, rows),
        )

    def _on_tag_rows(self, frame: Span, rows: bytes) -> None:
        self._send_rows(PacketType.TAGS, rows)
        before = sum(self._own_sizes[: frame.list_number])
        self.progress = Progress("sending tags", before + frame.first + frame.count, sum(self._own_sizes))
        self._disclose_next()

    def _on_receipt(self, packet: Packet) -> None:
        self._check_statement(packet)
        self._finish(Disclosed())
