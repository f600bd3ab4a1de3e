"""Envelope, Accept or Refusal, Open, Key: what both sides fix before the first row travels (docs/protocol.md).

Pure functions over messages. The sessions call them in order; each check raises its own error.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from protocol.aggregate.terms import check_aggregate, check_answerable
from protocol.dst import COMMIT_COIN, COMMIT_SEED, COMMIT_SNAPSHOT, SESSION_CTX, SESSION_SALT
from protocol.errors import (
    CommitmentError,
    EnvelopeError,
    ExpiredEnvelopeError,
    ProfileError,
    RealmError,
    SizeError,
    UnsupportedError,
    WrongReferenceError,
)
from protocol.messages import (
    EPOCH_ID,
    MAX_LISTS,
    MAX_PARTICIPANTS,
    PROTOCOL_VERSION,
    Accept,
    Aggregate,
    Envelope,
    LegalBasis,
    List,
    Packet,
    Participant,
)
from protocol.session import Local, Peer, Secrets
from protocol.transcript import message_bytes
from protocol.vocabulary import REVEALED, Query, Reveals, Role, Variant
from psi import SUITE, lp

MIN_CIRCLE: Final = 3  # of two, each could subtract its own contribution
_BASIS: Final = ("purpose", "instrument", "reference", "case_reference", "officer")


@dataclass(frozen=True, slots=True)
class Question:
    """The requester's host fills this in; the session adds version, suite and commitments."""

    data_set: str
    operator: str
    lists: tuple[List, ...]
    legal_basis: LegalBasis
    not_before_ms: int
    not_after_ms: int
    nonce: bytes
    reveals: Reveals = Reveals.SHARED_IDENTIFIERS
    epoch: str = ""
    release: int = 0
    aggregate: Aggregate | None = None


def revealed(envelope: Envelope) -> Reveals:
    """What a checked envelope asks to reveal."""
    return Reveals(envelope.reveals)


def commit(dst: str, role: Role, value: bytes) -> bytes:
    """SHA-512(LP(DST, role, value)). Returns 64 bytes."""
    return hashlib.sha512(lp(dst, role.value, value)).digest()


def commit_snapshot(salt: bytes, root: bytes) -> bytes:
    """The data set used, hidden by a fresh salt. Returns 64 bytes."""
    return hashlib.sha512(lp(COMMIT_SNAPSHOT, salt, root)).digest()


def check_opening(commitment: bytes, dst: str, role: Role, value: bytes) -> None:
    """Raises CommitmentError where `value` does not open `commitment`."""
    if commit(dst, role, value) != commitment:
        raise CommitmentError("expected the value that the partner committed to")


def check_no_proofs(proofs: Sequence[bytes]) -> None:
    """Raises SizeError where a partner proves possession of keys in a protocol that has none to prove."""
    if proofs:
        raise SizeError(f"expected no proof of possession, got {len(proofs)}")


def session_salt(envelope: Packet, accepts: Sequence[Packet], coin: bytes) -> bytes:
    """The coin comes after the responder's seed commitment, so that no side can grind its seed. Returns 64 bytes."""
    parts = [message_bytes(accept) for accept in accepts]
    return hashlib.sha512(lp(SESSION_SALT, message_bytes(envelope), *parts, coin)).digest()


def session_ctx(envelope: Packet, accepts: Sequence[Packet], opened: Packet, keys: Sequence[Packet]) -> bytes:
    """Everything agreed, in one hash. Returns 64 bytes."""
    messages = [message_bytes(packet) for packet in (envelope, *accepts, opened, *keys)]
    return hashlib.sha512(lp(SESSION_CTX, *messages)).digest()


def make_envelope(
    question: Question,
    local: Local,
    signing_key: bytes,
    peer: Peer,
    secrets: Secrets,
    snapshot_root: bytes,
    speaks: tuple[Query, Variant],
) -> Envelope:
    """The question as it will be signed."""
    role = Role.REQUESTER
    return Envelope(
        version=PROTOCOL_VERSION,
        suite=SUITE,
        query=speaks[0].value,
        variant=speaks[1].value,
        reveals=question.reveals.value,
        realm=local.realm,
        participants=(
            Participant(local.agency, role.value, "", signing_key),
            Participant(peer.agency, Role.RESPONDER.value, question.data_set, peer.signing_key),
        ),
        recipients=(local.agency, peer.agency) if question.reveals.to_both else (local.agency,),
        operator=question.operator,
        lists=question.lists,
        profile_hash=local.profile_hash,
        legal_basis=question.legal_basis,
        not_before_ms=question.not_before_ms,
        not_after_ms=question.not_after_ms,
        nonce=question.nonce,
        seed_commitment=commit(COMMIT_SEED, role, secrets.seed),
        coin_commitment=commit(COMMIT_COIN, role, secrets.coin),
        snapshot_commitment=commit_snapshot(secrets.snapshot_salt, snapshot_root),
        epoch=question.epoch,
        release=question.release,
        aggregate=question.aggregate,
    )


def check_envelope(
    envelope: Envelope, local: Local, own_key: bytes, peer: Peer, now_ms: int, speaks: tuple[Query, Variant]
) -> None:
    """What the protocol demands of any envelope, before the node's own rules are asked.

    Args:
        speaks: what the session that got it answers.

    Raises:
        UnsupportedError, RealmError, ProfileError, ExpiredEnvelopeError, EnvelopeError, SizeError, RangeError: by their
        names.
    """
    _check_versions(envelope, speaks)
    if envelope.realm != local.realm:
        raise RealmError("expected a question of this node's realm")
    if envelope.profile_hash != local.profile_hash:
        raise ProfileError("expected this node's canonicalization profile")
    if envelope.query == Query.TOTALS:
        _check_place_in_circle(envelope, local, own_key, peer)
    else:
        _check_participants(envelope, local, own_key, peer)
    _check_legal_basis(envelope)
    kinds = [entry.kind for entry in envelope.lists]
    if not 1 <= len(kinds) <= MAX_LISTS or len(set(kinds)) != len(kinds) or not all(kinds):
        raise EnvelopeError(f"expected 1 to {MAX_LISTS} lists of different kinds")
    elements = sum(entry.size for entry in envelope.lists)
    if elements > local.max_elements:
        raise SizeError(f"expected at most {local.max_elements} elements, got {elements} declared")
    _check_period(envelope, local, now_ms)
    _check_epoch(envelope)
    check_aggregate(envelope)


def _check_versions(envelope: Envelope, speaks: tuple[Query, Variant]) -> None:
    got = (envelope.version, envelope.suite, envelope.query, envelope.variant)
    expected = (PROTOCOL_VERSION, SUITE, *speaks)
    if got != expected or envelope.reveals not in REVEALED[speaks[0]]:
        raise UnsupportedError(f"expected version {PROTOCOL_VERSION} of {', '.join((SUITE, *speaks))}")


def _check_epoch(envelope: Envelope) -> None:
    """Only an epoch's questions name one; a synchronisation may ask for whichever there is, and sends no element."""
    named = EPOCH_ID.fullmatch(envelope.epoch) is not None
    if envelope.variant != Variant.EPOCH_KEY:
        fits = not envelope.epoch and not envelope.release
    elif envelope.query == Query.EPOCH_SYNC:
        fits = not any(entry.size for entry in envelope.lists) and (named or not (envelope.epoch or envelope.release))
    else:
        fits = named and envelope.release > 0
    if not fits:
        raise EnvelopeError("expected epoch, release and sizes as the query and variant have them")
    if envelope.variant == Variant.EPOCH_KEY and envelope.reveals != Reveals.SHARED_IDENTIFIERS:
        raise UnsupportedError("expected an epoch to reveal shared identifiers to the requester alone, without notes")


def _check_participants(envelope: Envelope, local: Local, own_key: bytes, peer: Peer) -> None:
    if len(envelope.participants) > MAX_PARTICIPANTS:
        raise EnvelopeError(f"expected at most {MAX_PARTICIPANTS} participants")
    got = [(p.agency, p.role, p.signing_key) for p in envelope.participants]
    expected = [
        (peer.agency, Role.REQUESTER, peer.signing_key),
        (local.agency, Role.RESPONDER, own_key),
    ]
    if got != expected:
        raise EnvelopeError("expected the sender as requester and this node as responder, with the keys exchanged")
    if envelope.participants[0].data_set or not envelope.participants[1].data_set:
        raise EnvelopeError("expected the name of the responder's data set alone")
    recipients = (peer.agency, local.agency) if revealed(envelope).to_both else (peer.agency,)
    if envelope.recipients != recipients:
        raise EnvelopeError("expected as recipients exactly those whom the answer reaches")


def check_circle(envelope: Envelope) -> None:
    """The participants of a total: the requester, who asks, and two contributors or more, all different.

    Raises:
        EnvelopeError: others, or nothing that they could count.
    """
    agencies = [p.agency for p in envelope.participants]
    if not MIN_CIRCLE <= len(agencies) <= MAX_PARTICIPANTS or len(set(agencies)) != len(agencies):
        raise EnvelopeError(f"expected {MIN_CIRCLE} to {MAX_PARTICIPANTS} different participants, got {len(agencies)}")
    first, *others = envelope.participants
    if first.role != Role.REQUESTER or any(p.role != Role.CONTRIBUTOR for p in others):
        raise EnvelopeError("expected a requester first, and contributors alone beside it")
    if first.data_set or not all(p.data_set for p in others):
        raise EnvelopeError("expected the names of the contributors' data sets alone")
    if envelope.recipients not in ((first.agency,), tuple(agencies)):
        raise EnvelopeError("expected as recipients the requester or all participants")
    if not sum(entry.size for entry in envelope.lists):
        raise EnvelopeError("expected lists of at least one record, so that something can be counted")


def _check_place_in_circle(envelope: Envelope, local: Local, own_key: bytes, peer: Peer) -> None:
    """A node takes part only beside partners of its own: a coordinator could otherwise invent the others, and learn
    what this node contributes.
    """
    check_circle(envelope)
    first, *others = envelope.participants
    if first.agency != peer.agency or local.agency not in (p.agency for p in others):
        raise EnvelopeError("expected the sender as requester and this node among the contributors")
    known = {**local.partners, peer.agency: peer.signing_key, local.agency: own_key}
    if any(known.get(p.agency) != p.signing_key for p in envelope.participants):
        raise EnvelopeError("expected partners of this node alone, with the keys exchanged")


def _check_legal_basis(envelope: Envelope) -> None:
    missing = [name for name in _BASIS if not getattr(envelope.legal_basis, name).strip()]
    if missing or not envelope.operator.strip():
        raise EnvelopeError(f"expected an operator and a complete legal basis, got none of: {', '.join(missing)}")


def _check_period(envelope: Envelope, local: Local, now_ms: int) -> None:
    period_ms = envelope.not_after_ms - envelope.not_before_ms
    if not 0 < period_ms <= local.max_period_ms:
        raise EnvelopeError(f"expected a validity of at most {local.max_period_ms} ms")
    if now_ms < envelope.not_before_ms - local.clock_skew_ms:
        raise ExpiredEnvelopeError("expected an envelope that is valid already; compare the clocks of both nodes")
    if now_ms > envelope.not_after_ms + local.clock_skew_ms:
        raise ExpiredEnvelopeError("expected an envelope that is still valid; compare the clocks of both nodes")


def check_accept(accept: Accept, envelope: Envelope, envelope_digest: bytes, local: Local, peer: Peer) -> None:
    """The requester's checks of the answer to its envelope.

    Raises:
        WrongReferenceError, ProfileError, SizeError, TermsError, RangeError.
    """
    if accept.envelope_digest != envelope_digest or accept.agency != peer.agency:
        raise WrongReferenceError("expected the partner's answer to this envelope")
    if accept.profile_hash != envelope.profile_hash:
        raise ProfileError("expected the profile of the question")
    if len(accept.sizes) != len(envelope.lists):
        raise SizeError(f"expected {len(envelope.lists)} sizes, got {len(accept.sizes)}")
    if sum(accept.sizes) > local.max_elements:
        raise SizeError(f"expected at most {local.max_elements} elements, got {sum(accept.sizes)} declared")
    check_answerable(envelope, accept.terms)
