"""epoch-sync: the responder sends its signed epoch and the releases that the requester lacks, one after the other.

The requester applies each, durably, and says so with a checkpoint before the next one comes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Final

from protocol.chunks import frames
from protocol.codec import DIGEST_BYTES
from protocol.dsse import Signer
from protocol.effects import Adopt, Charge, Merge, ReadRelease
from protocol.epoch.statements import (
    Held,
    check_epoch,
    check_release,
    digest_of,
    granted,
    held_epoch,
    parts,
    read_epoch,
    read_release,
)
from protocol.errors import EpochError, ReleaseError, SizeError
from protocol.handshake import Question
from protocol.host_answers import Merged, Signed
from protocol.intersect.tags import Tags
from protocol.messages import Envelope, Packet, PacketType, Release
from protocol.results import Disclosed, Synchronised
from protocol.roles import Requester, Responder
from protocol.rows import PLAIN
from protocol.session import Local, Peer, Secrets
from protocol.vocabulary import Query, Variant

NO_SNAPSHOT: Final = bytes(DIGEST_BYTES)  # the root that a requester commits to: it uses no data set of its own


class SyncRequester(Requester):
    """Brings its index of an epoch up to the responder's newest release.

    Args:
        held: the epoch, or None to accept whichever the responder has for these kinds.
        known: ids that this side holds already; a new epoch has another.
    """

    speaks = (Query.EPOCH_SYNC, Variant.EPOCH_KEY)

    def __init__(
        self,
        question: Question,
        local: Local,
        secrets: Secrets,
        signer: Signer,
        peer: Peer,
        held: Held | None,
        known: Iterable[str] = (),
    ) -> None:
        super().__init__(question, local, secrets, NO_SNAPSHOT, signer, peer)
        self._pinned = held
        self._known = frozenset(known)

    def _own_public_keys(self, salt: bytes) -> tuple[bytes, ...]:  # noqa: ARG002, the same for all roles
        return ()

    def _begin(self, salt: bytes, partner_sizes: tuple[int, ...], public_keys: tuple[bytes, ...]) -> None:  # noqa: ARG002
        self._announced = partner_sizes
        self._enter("receiving releases", sum(partner_sizes))
        self.expect(PacketType.EPOCH, partial(self._on_epoch, public_keys))

    def _on_epoch(self, public_keys: tuple[bytes, ...], packet: Packet) -> None:
        statement = Signed(packet.payload, packet.signature)
        if self._pinned is None:
            epoch = read_epoch(statement)
            check_epoch(epoch, self.envelope, self.local, self.peer, self._now_ms)
            if epoch.id in self._known:
                raise EpochError("expected an epoch that is new here, got the id of one that is held")
            self._held = held_epoch(statement, None)
        elif statement != self._pinned.statement:
            raise EpochError("expected the epoch as it was pinned, got another statement")
        else:
            self._held = self._pinned
        if public_keys != self._held.epoch.public_keys:
            raise EpochError("expected the keys of the epoch, got others")
        self._expect_next()

    def _expect_next(self) -> None:
        self.expect(PacketType.RELEASE, self._on_release)
        self.expect(PacketType.RECEIPT, self._on_receipt)

    def _on_release(self, packet: Packet) -> None:
        self._expect_nothing()
        signed = Signed(packet.payload, packet.signature)
        release = read_release(signed)
        check_release(release, self._held, self.local.max_elements)
        Tags(self, parts(release), PLAIN, partial(self._merge, signed, release, 0)).begin()

    def _merge(self, signed: Signed, release: Release, number: int) -> None:
        if number == len(release.changes):
            adopt = partial(Adopt, statement=self._held.statement, release=signed)
            self.do(adopt, lambda _: self._on_adopted(signed, release))
            return
        merge = partial(
            Merge,
            epoch=release.epoch,
            release=release.number,
            list_number=number,
            additions=("partner-tags", 2 * number),
            removals=("partner-tags", 2 * number + 1),
        )
        self.do(merge, partial(self._on_merged, signed, release, number))

    def _on_merged(self, signed: Signed, release: Release, number: int, merged: Merged) -> None:
        change = release.changes[number]
        if merged.misfits:
            raise ReleaseError(f"expected changes that fit list {number}, got {merged.misfits} that do not")
        if (merged.size, merged.rows_digest) != (change.size, change.rows_digest):
            raise ReleaseError(f"expected the rows of list {number} that the release names, got others")
        self._merge(signed, release, number + 1)

    def _on_adopted(self, signed: Signed, release: Release) -> None:
        sizes = tuple(change.size for change in release.changes)
        previous = digest_of(PacketType.RELEASE, signed)
        self._held = replace(self._held, release=release.number, previous=previous, sizes=sizes)
        self._send_statement(PacketType.CHECKPOINT)
        self._expect_next()

    def _on_receipt(self, packet: Packet) -> None:
        self._check_statement(packet)
        if not self._held.release or self._held.sizes != self._announced:
            raise ReleaseError("expected releases up to the sizes that the partner accepted with, got fewer")
        self._send_statement(PacketType.RECEIPT)
        self.partner_needed = False
        self._finish(Synchronised(self._held.epoch.id, self._held.release, self._held.sizes))


class SyncResponder(Responder):
    """Releases its tags. Charges first: whoever was asked about before is answered about again."""

    speaks = (Query.EPOCH_SYNC, Variant.EPOCH_KEY)

    def _own_public_keys(self, envelope: Envelope, salt: bytes) -> tuple[bytes, ...]:  # noqa: ARG002, as above
        self._granted, epoch = granted(self._grant, envelope, self.local, self.peer)
        return epoch.public_keys

    def _begin(self, envelope: Envelope, salt: bytes, public_keys: tuple[bytes, ...]) -> None:  # noqa: ARG002
        if public_keys:
            raise SizeError(f"expected no public key of the requester, got {len(public_keys)}")
        releases = [(signed, read_release(signed)) for signed in self._granted.releases]
        self._to_send = iter(releases)
        self._enter("sending releases", sum(sum(parts(release)) for _, release in releases))
        self.do(partial(Charge, elements=self._granted.watched, ctx=self._agreed().ctx), self._send_epoch)

    def _send_epoch(self, _: None) -> None:
        statement = self._granted.statement
        self._send_payload(PacketType.EPOCH, statement.payload, statement.signature)
        self._send_next()

    def _send_next(self) -> None:
        signed, release = next(self._to_send, (None, None))
        if signed is None or release is None:
            self._send_statement(PacketType.RECEIPT)
            self.expect(PacketType.RECEIPT, self._on_receipt)
            return
        self._send_payload(PacketType.RELEASE, signed.payload, signed.signature)
        to_read = frames(parts(release), PLAIN.tag)

        def read_next() -> None:
            frame = next(to_read, None)
            if frame is None:
                self.expect(PacketType.CHECKPOINT, self._on_checkpoint)
                return
            read = partial(
                ReadRelease, release=release.number, part=frame.list_number, first=frame.first, count=frame.count
            )
            self.do(read, send)

        def send(rows: bytes) -> None:
            self.send_rows(PacketType.TAGS, rows)
            self.advance(len(rows) // PLAIN.tag)
            read_next()

        read_next()

    def _on_checkpoint(self, packet: Packet) -> None:
        self._check_statement(packet)
        self._send_next()

    def _on_receipt(self, packet: Packet) -> None:
        self._check_statement(packet)
        self.partner_needed = False
        self._finish(Disclosed())
