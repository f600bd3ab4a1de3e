"""What an epoch's signed messages say, and what each must agree with. Pure functions."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from protocol import codec, dsse
from protocol.dst import EPOCH_SALT
from protocol.errors import EpochError, ReleaseError, SizeError
from protocol.host_answers import Grant, Signed
from protocol.intersect.agreed import REQUESTER_ASKS, Terms, check_public_keys
from protocol.messages import EPOCH_ID, PROTOCOL_VERSION, Envelope, Epoch, Packet, PacketType, Release
from protocol.session import Local, Peer
from protocol.transcript import digest
from protocol.vocabulary import Reveals, Role
from psi import SUITE, lp, public_key


@dataclass(frozen=True, slots=True)
class Held:
    """An epoch as the requester holds it.

    Args:
        statement: the signed Epoch, pinned; `epoch` is what it says.
        release: the newest release that is in the index; 0 before the first.
        previous: the digest that the next release must name.
        sizes: rows of the index, in the epoch's order.
    """

    statement: Signed
    epoch: Epoch
    release: int
    previous: bytes
    sizes: tuple[int, ...]


def sign(signer: dsse.Signer, kind: PacketType, message: Epoch | Release) -> Signed:
    """Sign a message once, for every session that will carry it."""
    payload = codec.encode_message(message)
    return Signed(payload, dsse.sign(signer, kind, payload))


def read_epoch(signed: Signed) -> Epoch:
    """What a signed Epoch says; the signature is the caller's to check."""
    return codec.decode_message(Packet(PacketType.EPOCH, signed.payload, signed.signature), Epoch)


def read_release(signed: Signed) -> Release:
    """What a signed Release says; the signature is the caller's to check."""
    return codec.decode_message(Packet(PacketType.RELEASE, signed.payload, signed.signature), Release)


def digest_of(kind: PacketType, signed: Signed) -> bytes:
    """The digest by which the next release names this message. Returns 64 bytes."""
    return digest(Packet(kind, signed.payload, signed.signature))


def held_epoch(statement: Signed, release: Signed | None) -> Held:
    """An epoch at a release, from the two signed messages."""
    epoch = read_epoch(statement)
    if release is None:
        return Held(statement, epoch, 0, digest_of(PacketType.EPOCH, statement), (0,) * len(epoch.kinds))
    read = read_release(release)
    sizes = tuple(change.size for change in read.changes)
    return Held(statement, epoch, read.number, digest_of(PacketType.RELEASE, release), sizes)


def epoch_keys(
    seed: bytes, epoch_id: str, responder: str, requester: str, data_set: str, kinds: tuple[str, ...]
) -> list[bytes]:
    """The OPRF key of each list: as in a session, with a salt that says which epoch it is. Returns 32 bytes each."""
    salt = hashlib.sha512(lp(EPOCH_SALT, epoch_id, responder, requester, data_set, *kinds)).digest()
    return Terms(seed, salt, Role.RESPONDER, REQUESTER_ASKS).keys(len(kinds), "oprf-key")


def own_keys(seed: bytes, epoch: Epoch) -> list[bytes]:
    """The responder's keys of its own epoch.

    Raises:
        EpochError: the seed is not the one that the statement was made with.
    """
    keys = epoch_keys(seed, epoch.id, epoch.responder, epoch.requester, epoch.data_set, epoch.kinds)
    if tuple(public_key(key) for key in keys) != epoch.public_keys:
        raise EpochError("expected the seed of this epoch's public keys, got another")
    return keys


def list_numbers(epoch: Epoch, envelope: Envelope) -> list[int]:
    """Which of the epoch's lists an envelope's are. Raises EpochError for a kind that the epoch does not have."""
    kinds = [entry.kind for entry in envelope.lists]
    if not set(kinds) <= set(epoch.kinds):
        raise EpochError("expected identifier kinds of the epoch, got another")
    return [epoch.kinds.index(kind) for kind in kinds]


def granted(grant: Grant | None, envelope: Envelope, local: Local, peer: Peer) -> tuple[Grant, Epoch]:
    """The epoch that this node's host opened for a question.

    Raises:
        EpochError: it opened none, or another one than was asked for.
    """
    if grant is None:
        raise EpochError("expected an epoch with the admission, got none")
    epoch = read_epoch(grant.statement)
    got = (epoch.responder, epoch.requester, epoch.data_set, envelope.epoch or epoch.id)
    if got != (local.agency, peer.agency, envelope.participant(Role.RESPONDER).data_set, epoch.id):
        raise EpochError("expected the epoch that was asked for, got another")
    return grant, epoch


def check_epoch(epoch: Epoch, envelope: Envelope, local: Local, peer: Peer, now_ms: int) -> None:
    """The requester's checks of an epoch that it sees for the first time, before it pins it.

    Raises:
        EpochError: not what was asked for, or not now. SizeError, PublicKeyError: its keys.
    """
    got = (epoch.version, epoch.suite, epoch.realm, epoch.responder, epoch.requester, epoch.data_set)
    data_set = envelope.participant(Role.RESPONDER).data_set
    expected = (PROTOCOL_VERSION, SUITE, local.realm, peer.agency, local.agency, data_set)
    if got != expected or epoch.profile_hash != local.profile_hash or not EPOCH_ID.fullmatch(epoch.id):
        raise EpochError("expected an epoch between this node and its partner over the data set asked for")
    if epoch.kinds != tuple(entry.kind for entry in envelope.lists) or epoch.reveals != Reveals.SHARED_IDENTIFIERS:
        raise EpochError("expected an epoch of the kinds and the answer asked for")
    check_public_keys(epoch.public_keys, len(epoch.kinds))
    if not epoch.not_before_ms - local.clock_skew_ms <= now_ms <= epoch.not_after_ms + local.clock_skew_ms:
        raise EpochError("expected an epoch that runs now; compare the clocks of both nodes")
    if not 0 < epoch.max_elements_per_query <= epoch.max_elements:
        raise EpochError("expected caps that allow a question")


def check_release(release: Release, held: Held, max_elements: int) -> None:
    """The requester's checks of the next release, before any row of it.

    Raises:
        ReleaseError: of another epoch, out of order, not chained, or sizes that do not add up.
        SizeError: more rows than this node holds.
    """
    if release.epoch != held.epoch.id or release.number != held.release + 1:
        raise ReleaseError(f"expected release {held.release + 1} of the epoch, got another")
    if release.previous != held.previous:
        raise ReleaseError(f"expected release {release.number} to name the one before, got another")
    if len(release.changes) != len(held.sizes):
        raise ReleaseError(f"expected changes of {len(held.sizes)} lists, got {len(release.changes)}")
    for number, (change, size) in enumerate(zip(release.changes, held.sizes, strict=True)):
        if change.removals > size or change.size != size + change.additions - change.removals:
            raise ReleaseError(f"expected the sizes of list {number} to add up")
    rows = sum(change.additions for change in release.changes)
    if max(rows, sum(change.size for change in release.changes)) > max_elements:
        raise SizeError(f"expected at most {max_elements} rows, got more declared")


def parts(release: Release) -> tuple[int, ...]:
    """Rows of a release as they travel: for each list what comes in, then what leaves."""
    return tuple(count for change in release.changes for count in (change.additions, change.removals))
