"""The two ends of every bilateral session: the handshake as the requester and as the responder see it.

A protocol's roles derive from these and begin where the handshake ends: both sides hold the same ctx.
"""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from protocol.aggregate.terms import check_answerable
from protocol.codec import decode_message
from protocol.dsse import Signer
from protocol.dst import COMMIT_COIN, COMMIT_SEED
from protocol.effects import Admit, ConsumeSeed
from protocol.errors import (
    ProtocolError,
    Reason,
    RefusedError,
    RejectedError,
    SizeError,
    TermsError,
    WrongReferenceError,
)
from protocol.handshake import (
    Question,
    check_accept,
    check_envelope,
    check_no_proofs,
    check_opening,
    commit,
    commit_snapshot,
    make_envelope,
    session_ctx,
    session_salt,
)
from protocol.host_answers import Admission, Grant, Rejection
from protocol.messages import Accept, Envelope, Key, Open, Packet, PacketType, Refusal, Terms
from protocol.session import Local, Peer, Secrets, Session, reason_from
from protocol.transcript import digest
from protocol.vocabulary import Query, Role, Variant


class Requester(Session):
    """Sends the envelope, the coin and its keys; then `_begin`."""

    role = Role.REQUESTER
    speaks: ClassVar[tuple[Query, Variant]]

    def __init__(
        self, question: Question, local: Local, secrets: Secrets, snapshot_root: bytes, signer: Signer, peer: Peer
    ) -> None:
        super().__init__(local, secrets, signer, peer)
        self.envelope = make_envelope(question, local, signer.public_key, peer, secrets, snapshot_root, self.speaks)
        self._own_sizes = tuple(entry.size for entry in self.envelope.lists)
        self._terms: Terms | None = None

    def _own_public_keys(self, salt: bytes) -> tuple[bytes, ...]:
        """What Open carries beside the coin: keys, where this protocol has the requester evaluate too."""
        raise NotImplementedError

    def _own_proofs(self, salt: bytes) -> tuple[bytes, ...]:  # noqa: ARG002, for protocols that have some
        """What Open carries to prove possession of own keys."""
        return ()

    def _check_proofs(self, salt: bytes, public_keys: tuple[bytes, ...], proofs: tuple[bytes, ...]) -> None:  # noqa: ARG002
        """See that the responder possesses the keys that it must prove to."""
        check_no_proofs(proofs)

    def _begin(self, salt: bytes, partner_sizes: tuple[int, ...], public_keys: tuple[bytes, ...]) -> None:
        """The handshake is complete and the transcript has begun. `public_keys` are the responder's, unchecked."""
        raise NotImplementedError

    def _start(self) -> None:
        self.do(partial(ConsumeSeed, seed_commitment=self.envelope.seed_commitment), self._ask)

    def _ask(self, _: None) -> None:
        envelope = self._send_signed(PacketType.ENVELOPE, self.envelope)
        reference = self._identify(envelope)
        self.expect(PacketType.ACCEPT, partial(self._on_accept, envelope, reference))
        self.expect(PacketType.REFUSAL, partial(self._on_refusal, reference))

    def _on_refusal(self, reference: bytes, packet: Packet) -> None:
        refusal = decode_message(packet, Refusal)
        if refusal.envelope_digest != reference or refusal.agency != self.peer.agency:
            raise WrongReferenceError("expected the partner's answer to this envelope")
        raise RefusedError(reason_from(refusal.reason))

    def _on_accept(self, envelope: Packet, reference: bytes, packet: Packet) -> None:
        accept = decode_message(packet, Accept)
        check_accept(accept, self.envelope, reference, self.local, self.peer)
        self._partner_refers = True
        salt = session_salt(envelope, [packet], self.secrets.coin)
        self._terms = accept.terms
        keys = Open(salt, self.secrets.coin, self._own_public_keys(salt), self._own_proofs(salt))
        opened = self._send_signed(PacketType.OPEN, keys)
        self._references += [salt, digest(opened)]
        self._expect_nothing()
        self.expect(PacketType.KEY, partial(self._on_key, (envelope, packet, opened), salt, accept.sizes))

    def _on_key(
        self, before: tuple[Packet, Packet, Packet], salt: bytes, partner_sizes: tuple[int, ...], packet: Packet
    ) -> None:
        key = decode_message(packet, Key)
        envelope, accept, opened = before
        if key.open_digest != digest(opened):
            raise WrongReferenceError("expected the partner's answer to this opening")
        self._check_proofs(salt, key.public_keys, key.proofs)
        self._begin_transcript(session_ctx(envelope, [accept], opened, [packet]))
        self._begin(salt, partner_sizes, key.public_keys)


class Responder(Session):
    """Checks the envelope, has its host decide, sends its keys; then `_begin`."""

    role = Role.RESPONDER
    speaks: ClassVar[tuple[Query, Variant]]

    def __init__(self, local: Local, secrets: Secrets, signer: Signer, peer: Peer) -> None:
        super().__init__(local, secrets, signer, peer)
        self.envelope: Envelope | None = None
        self._own_sizes: tuple[int, ...] = ()
        self._grant: Grant | None = None
        self._terms: Terms | None = None
        self._partner_refers = True  # it wrote the envelope
        self.expect(PacketType.ENVELOPE, self._on_envelope)

    def _own_public_keys(self, envelope: Envelope, salt: bytes) -> tuple[bytes, ...]:
        """What Key carries: one public key per list."""
        raise NotImplementedError

    def _own_proofs(self, salt: bytes) -> tuple[bytes, ...]:  # noqa: ARG002, for protocols that have some
        """What Key carries to prove possession of own keys."""
        return ()

    def _check_proofs(self, salt: bytes, public_keys: tuple[bytes, ...], proofs: tuple[bytes, ...]) -> None:  # noqa: ARG002
        """See that the requester possesses the keys that it must prove to."""
        check_no_proofs(proofs)

    def _begin(self, envelope: Envelope, salt: bytes, public_keys: tuple[bytes, ...]) -> None:
        """The handshake is complete and the transcript has begun. `public_keys` are the requester's, unchecked."""
        raise NotImplementedError

    def _check_means(self) -> None:
        """See that this node has what it takes to answer. Raises UnsupportedError."""

    def _on_envelope(self, packet: Packet) -> None:
        reference = self._identify(packet)
        try:
            envelope = decode_message(packet, Envelope)
            check_envelope(envelope, self.local, self._signer.public_key, self.peer, self._now_ms, self.speaks)
            self._check_means()
        except ProtocolError as error:
            self._refuse(error)
            return
        self.envelope = envelope
        self.do(
            partial(Admit, envelope=envelope, envelope_digest=reference, now_ms=self._now_ms),
            partial(self._on_decision, envelope, packet),
        )

    def _refuse(self, error: ProtocolError) -> None:
        self._send_signed(PacketType.REFUSAL, Refusal(self._references[-1], self.local.agency, error.reason.value))
        self._fail(error, tell_partner=False)

    def _on_decision(self, envelope: Envelope, packet: Packet, decision: Admission | Rejection) -> None:
        if isinstance(decision, Rejection):
            self._refuse(RejectedError(decision.reason))
            return
        try:
            check_answerable(envelope, decision.terms)
        except ProtocolError:  # by own terms, of which a refusal does not tell
            self._refuse(RejectedError(Reason.POLICY))
            return
        self._own_sizes = decision.sizes
        self._grant = decision.grant
        self._terms = decision.terms
        accept = Accept(
            envelope_digest=self._references[-1],
            agency=self.local.agency,
            sizes=decision.sizes,
            profile_hash=self.local.profile_hash,
            seed_commitment=commit(COMMIT_SEED, self.role, self.secrets.seed),
            snapshot_commitment=commit_snapshot(self.secrets.snapshot_salt, decision.snapshot_root),
            terms=decision.terms,
        )
        self.do(
            partial(ConsumeSeed, seed_commitment=accept.seed_commitment),
            lambda _: self._accept(envelope, packet, accept),
        )

    def _accept(self, envelope: Envelope, packet: Packet, accept: Accept) -> None:
        sent = self._send_signed(PacketType.ACCEPT, accept)
        self.expect(PacketType.OPEN, partial(self._on_open, envelope, packet, sent))

    def _on_open(self, envelope: Envelope, asked: Packet, accepted: Packet, packet: Packet) -> None:
        opened = decode_message(packet, Open)
        check_opening(envelope.coin_commitment, COMMIT_COIN, Role.REQUESTER, opened.coin)
        salt = session_salt(asked, [accepted], opened.coin)
        if opened.salt != salt:
            raise WrongReferenceError("expected the opening of this session")
        if opened.terms is not None:
            raise TermsError("expected no terms of a requester beside one responder")
        self._references += [salt, digest(packet)]
        self._check_proofs(salt, opened.public_keys, opened.proofs)
        if opened.modulus:
            raise SizeError(f"expected no modulus, got one of {len(opened.modulus)} bytes")
        keys = Key(self._references[-1], self._own_public_keys(envelope, salt), self._own_proofs(salt))
        key = self._send_signed(PacketType.KEY, keys)
        self._begin_transcript(session_ctx(asked, [accepted], packet, [key]))
        self._begin(envelope, salt, opened.public_keys)
