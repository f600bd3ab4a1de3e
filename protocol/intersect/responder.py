"""The responder of intersect."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from functools import partial

from protocol import jobs
from protocol.chunks import MAX_UNANSWERED, Span, chunks, frames
from protocol.codec import decode_message
from protocol.dsse import Signer
from protocol.dst import COMMIT_COIN, COMMIT_SEED
from protocol.effects import (
    TAG_ROW_BYTES,
    Admission,
    Admit,
    Append,
    Charge,
    Compute,
    ConsumeSeed,
    Disclosed,
    Progress,
    ReadItems,
    ReadRows,
    Rejection,
    Sort,
)
from protocol.errors import (
    ProtocolError,
    RejectedError,
    UnexpectedPacketError,
    WindowError,
    WrongReferenceError,
)
from protocol.handshake import (
    check_envelope,
    check_opening,
    commit,
    commit_snapshot,
    session_ctx,
    session_salt,
)
from protocol.intersect.agreed import chunk_statement, session_stream_key
from protocol.messages import Accept, Envelope, Key, Open, Packet, PacketType, Refusal, Role
from protocol.rows import check_rows
from protocol.session import Local, Peer, Secrets, Session
from protocol.transcript import digest
from psi import ELEMENT_BYTES, Items, public_key


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

    # --- handshake

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
            partial(ConsumeSeed, seed_commitment=self._seed_commitment),
            lambda _: self._accept(envelope, accept),
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
        self._references += [salt, digest(packet)]
        numbers = range(len(self._sizes))
        self._oprf_keys = [session_stream_key(self.secrets, salt, self.role, number, "oprf-key") for number in numbers]
        self._proof_keys = [session_stream_key(self.secrets, salt, self.role, number, "proof") for number in numbers]
        self._public_keys = tuple(public_key(key) for key in self._oprf_keys)
        key = self._send_signed(PacketType.KEY, Key(self._references[-1], self._public_keys))
        self._begin_transcript(session_ctx(envelope, [accept], packet, [key]))
        self.progress = Progress("evaluating", 0, sum(self._sizes))
        self._to_come, self._to_tag = chunks(self._sizes), chunks(self._own_sizes)
        self._expect_chunk_or_checkpoint()
        self._tag_next()

    # --- evaluation

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
            chunk_statement(self._agreed().ctx, chunk, self._public_keys),
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

    # --- tags

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

    # --- disclosure

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
