"""The responder's side of a session in one of this node's epochs: is it allowed by its terms, and at what price."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nodes.epochs.errors import EpochOutdatedError, EpochUnknownError
from nodes.epochs.given import GivenEpoch, Newest
from nodes.epochs.tag_file import TagFile
from nodes.errors import RefusedByRulesError, TooManyElementsError
from nodes.node import Node
from protocol.effects import Admit, ReadRelease
from protocol.epoch.statements import digest_of
from protocol.host_answers import Admission, Grant
from protocol.messages import Envelope, Epoch, PacketType, Release
from protocol.vocabulary import Query, Role


class GivenSession:
    """One session in one epoch.

    Args:
        node: whose.
        partner: agency id of who asks.
        reserve: sets elements of the day's budget aside; raises BudgetError.
    """

    def __init__(self, node: Node, partner: str, reserve: Callable[[int], None]) -> None:
        self._node = node
        self._partner = partner
        self._reserve = reserve
        self._one: GivenEpoch | None = None
        self._rows: tuple[int, TagFile] | None = None
        self.made: Release | None = None
        self.facts: dict[str, Any] = {}

    def admit(self, effect: Admit) -> Admission:
        """Find the epoch, check its terms, set budget and cap aside; for a synchronisation, release what changed.

        Raises:
            EpochUnknownError, EpochOutdatedError: not an epoch, or release, that this partner may use now.
            TooManyElementsError, BudgetError: beyond its caps. EpochBusyError: being changed. Errors of the registry.
        """
        envelope = effect.envelope
        self._one = one = self._find(envelope)
        asks = self._admit_question if envelope.query == Query.INTERSECT else self._admit_synchronisation
        newest, grant = asks(effect, one)
        self.facts = {"epoch": one.epoch.id, "release": newest.release.number, "snapshot": str(newest.snapshot)}
        sizes = dict(zip(one.epoch.kinds, newest.sizes, strict=True))
        return Admission(tuple(sizes[entry.kind] for entry in envelope.lists), newest.root, grant)

    def read(self, effect: ReadRelease) -> bytes:
        """Read rows of a release."""
        if self._one is None:
            raise EpochUnknownError("expected an admitted session, got a read before")
        if self._rows is None or self._rows[0] != effect.release:
            self.close()
            self._rows = effect.release, self._one.rows(effect.release)
        return self._rows[1].read(effect.part, effect.first, effect.count)

    def close(self) -> None:
        """Let go of the release that was read."""
        if self._rows is not None:
            self._rows[1].close()
            self._rows = None

    def _find(self, envelope: Envelope) -> GivenEpoch:
        """Whose epoch it is, when it ends, what it is over: any mismatch is told as an epoch that is not there."""
        given, now_ms = self._node.given, self._node.now_ms()
        kinds = tuple(entry.kind for entry in envelope.lists)
        data_set = envelope.participant(Role.RESPONDER).data_set
        one = given.by_id(envelope.epoch) if envelope.epoch else given.of(self._partner, data_set, kinds, now_ms)
        epoch = one.epoch
        covered = epoch.kinds == kinds if envelope.query == Query.EPOCH_SYNC else set(kinds) <= set(epoch.kinds)
        fits = (epoch.requester, epoch.data_set) == (self._partner, data_set) and self._signed_here(epoch)
        if not fits or not covered or now_ms >= epoch.not_after_ms:
            raise EpochUnknownError("expected an epoch that is open for this partner, data set and kinds, got another")
        return one

    def _signed_here(self, epoch: Epoch) -> bool:
        local = self._node.local
        return (epoch.responder, epoch.realm, epoch.profile_hash) == (local.agency, local.realm, local.profile_hash)

    def _admit_question(self, effect: Admit, one: GivenEpoch) -> tuple[Newest, Grant]:
        envelope, newest = effect.envelope, one.newest()
        if envelope.release != newest.release.number:
            raise EpochOutdatedError(f"expected release {newest.release.number}, got {envelope.release}")
        elements, limit = sum(entry.size for entry in envelope.lists), one.epoch.max_elements_per_query
        if elements > limit:
            raise TooManyElementsError(f"expected at most {limit} elements in a question of this epoch, got {elements}")
        self._reserve(elements)
        self._node.state.reserve_in_epoch(effect.envelope_digest, one.account, elements, self._node.now_ms())
        return newest, Grant(one.statement, one.seed)

    def _admit_synchronisation(self, effect: Admit, one: GivenEpoch) -> tuple[Newest, Grant]:
        node, given, held = self._node, self._node.given, effect.envelope.release
        with (
            one.folder.locked(),
            node.registry.open(one.epoch.data_set) as snapshot,
            given.releaser(one, snapshot) as releaser,
        ):
            given.check_sizes(snapshot, one.epoch.kinds, RefusedByRulesError)  # depends on own data, so told as such
            newest = one.newest()
            if held > newest.release.number:
                raise EpochOutdatedError(f"expected a release up to {newest.release.number}, got {held}")
            changed = releaser.prepare()
            watched = sum(
                node.state.reserve_release(effect.envelope_digest, one.account, number, node.now_ms())
                for number in range(held + 1, newest.release.number + 1 + changed)
            )
            self._reserve(watched)
            if changed:
                self.made = releaser.write(digest_of(PacketType.RELEASE, newest.signed), node.now_ms())
                newest = one.newest()
        return newest, Grant(one.statement, one.seed, one.releases_after(held), watched)
