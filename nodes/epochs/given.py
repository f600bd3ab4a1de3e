"""The epochs that this node gives its partners: each with its seed, its releases, and the tags as last released."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from nodes.config import Config
from nodes.database import DAY_MS
from nodes.epochs.errors import EpochDamagedError, EpochExistsError, EpochUnknownError
from nodes.epochs.folder import DRAFT, EpochFolder, epochs_folder, remove_leftovers, signed_from
from nodes.epochs.releasing import Releaser
from nodes.epochs.tag_file import TagFile
from nodes.errors import NodeError, QuestionError, TooManyElementsError
from nodes.home import sync_folder
from nodes.identity import Identity
from nodes.registry import Registry, Snapshot
from nodes.spool import Spools
from nodes.state import EpochAccount
from protocol.epoch.statements import digest_of, epoch_keys, own_keys, read_epoch, read_release, sign
from protocol.host_answers import Signed
from protocol.identifiers import KINDS, profile_hash
from protocol.messages import EPOCH_ID, PROTOCOL_VERSION, Epoch, PacketType, Release
from protocol.vocabulary import Reveals
from psi import SUITE, public_key

ID_BYTES: Final = 16
SEED_BYTES: Final = 32
MAX_PERIOD_MS: Final = 366 * DAY_MS
MAX_ELEMENTS: Final = 1 << 32  # RFC 9497, section 7.2.3: q evaluations cost at most log2(q)/2 = 16 bits of security


@dataclass(frozen=True, slots=True)
class Terms:
    """What an operator decides when an epoch is opened."""

    partner: str
    data_set: str
    kinds: tuple[str, ...]
    not_after_ms: int
    max_elements: int
    max_elements_per_query: int

    def check(self, now_ms: int) -> None:
        """Raises QuestionError: terms that no epoch has."""
        if not now_ms < self.not_after_ms <= now_ms + MAX_PERIOD_MS:
            raise QuestionError(f"expected an epoch of at most {MAX_PERIOD_MS // DAY_MS} days, got another period")
        if not 0 < self.max_elements_per_query <= self.max_elements <= MAX_ELEMENTS:
            raise QuestionError(f"expected 0 < elements per query <= elements in all <= {MAX_ELEMENTS}, got others")
        if not self.kinds or list(self.kinds) != [kind for kind in KINDS if kind in self.kinds]:
            raise QuestionError("expected identifier kinds, in the profile's order and each once, got others")


@dataclass(frozen=True, slots=True)
class GivenEpoch:
    """One of them, as it lies on disk."""

    folder: EpochFolder
    statement: Signed
    seed: bytes = field(repr=False)
    epoch: Epoch

    @property
    def account(self) -> EpochAccount:
        """What it may cost its partner in all."""
        return EpochAccount(self.epoch.id, self.epoch.not_before_ms, self.epoch.max_elements)

    def newest(self) -> Newest:
        """Look at the newest release.

        Raises:
            EpochUnknownError: removed meanwhile. EpochDamagedError, SealedFileError, StorageError.
        """
        release = self.folder.release
        if not release:
            raise EpochUnknownError("expected an epoch with a release, got one that has ended")
        with self.folder.tags(release, "index") as index:
            signed = signed_from(index.facts)
            root, snapshot = bytes.fromhex(index.facts["root"]), int(index.facts["snapshot"])
            if read_release(signed).number != release:
                raise EpochDamagedError(f"expected release {release} in its place, got another")
        return Newest(signed, read_release(signed), root, snapshot)

    def releases_after(self, number: int) -> tuple[Signed, ...]:
        """The signed releases after that one, in order."""
        found = []
        for later in range(number + 1, self.folder.release + 1):
            with self.rows(later) as rows:
                found.append(signed_from(rows.facts))
        return tuple(found)

    def rows(self, release: int) -> TagFile:
        """Open what a release changed: for each list the additions, then the removals. The caller closes it."""
        return self.folder.tags(release, "release")


@dataclass(frozen=True, slots=True)
class Newest:
    """A release, and the snapshot that it was made from."""

    signed: Signed
    release: Release
    root: bytes
    snapshot: int

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(change.size for change in self.release.changes)


class GivenEpochs:
    """All of them.

    Args:
        config, identity: of the node.
        registry: whose data sets they are over.
        spools: makes room on disk for one release; it is closed afterwards.
    """

    def __init__(self, config: Config, identity: Identity, registry: Registry, spools: Callable[[], Spools]) -> None:
        self._root = epochs_folder(config) / "given"
        self._config = config
        self._key = identity.storage_key
        self._registry = registry
        self._signer = identity.signer
        self._spools = spools

    def all(self) -> list[GivenEpoch]:
        """Every epoch, the newest first."""
        return sorted((self._read(path) for path in self._paths()), key=lambda one: -one.epoch.not_before_ms)

    def ids(self) -> list[str]:
        """The ids of all, also of one that cannot be read."""
        return [path.name for path in self._paths()]

    def by_id(self, epoch_id: str) -> GivenEpoch:
        """Raises EpochUnknownError."""
        if epoch_id not in self.ids():
            raise EpochUnknownError("expected the id of an epoch that this node gives, got another")
        return self._read(self._root / epoch_id)

    def end(self, epoch_id: str, record: Callable[[], None]) -> None:
        """Delete an epoch: seed, releases and index; `record` notes it in the ledger first.

        Raises:
            EpochUnknownError. EpochBusyError: a release of it is being made.
        """
        if epoch_id not in self.ids():
            raise EpochUnknownError("expected the id of an epoch that this node gives, got another")
        folder = self._folder(epoch_id, self._root / epoch_id)
        with folder.locked():
            record()
            folder.delete()

    def of(self, partner: str, data_set: str, kinds: Sequence[str], now_ms: int) -> GivenEpoch:
        """The one that runs now, for a partner, a data set and exactly these kinds. Raises EpochUnknownError."""
        for one in self.all():
            epoch = one.epoch
            if (epoch.requester, epoch.data_set, set(epoch.kinds)) == (partner, data_set, set(kinds)) and (
                now_ms < epoch.not_after_ms
            ):
                return one
        raise EpochUnknownError("expected an epoch that is open for this partner, data set and kinds, got none")

    def open(self, terms: Terms, now_ms: int, record: Callable[[Epoch], None]) -> GivenEpoch:
        """Open an epoch, with its first release: the tags of the data set as it is now.

        Args:
            record: called when all is on disk and not yet in force, to note it in the ledger; if it raises, there is
                no epoch.

        Raises:
            QuestionError: see `Terms.check`. TooManyElementsError: a list is too long. Errors of the registry.
            EpochExistsError: one is open for the same partner, data set and kinds.

        Cost: one evaluation per identifier, about 3 microseconds of one core.
        """
        terms.check(now_ms)
        try:
            found = self.of(terms.partner, terms.data_set, terms.kinds, now_ms)
        except EpochUnknownError:
            pass
        else:
            raise EpochExistsError(f"expected no epoch for this partner, data set and kinds, got {found.epoch.id}")
        epoch_id, seed, agency = os.urandom(ID_BYTES).hex(), os.urandom(SEED_BYTES), self._config.agency_id
        keys = epoch_keys(seed, epoch_id, agency, terms.partner, terms.data_set, terms.kinds)
        epoch = Epoch(
            version=PROTOCOL_VERSION,
            suite=SUITE,
            id=epoch_id,
            realm=self._config.realm,
            responder=agency,
            requester=terms.partner,
            data_set=terms.data_set,
            kinds=terms.kinds,
            public_keys=tuple(public_key(key) for key in keys),
            profile_hash=profile_hash(),
            reveals=Reveals.SHARED_IDENTIFIERS.value,
            not_before_ms=now_ms,
            not_after_ms=terms.not_after_ms,
            max_elements=terms.max_elements,
            max_elements_per_query=terms.max_elements_per_query,
        )
        statement = sign(self._signer, PacketType.EPOCH, epoch)
        draft = self._folder(epoch_id, self._root / f"{DRAFT}{epoch_id}")
        draft.make()
        with draft.locked():
            try:
                draft.write_record({"payload": statement.payload, "signature": statement.signature, "seed": seed})
                one = GivenEpoch(draft, statement, seed, epoch)
                with self._registry.open(terms.data_set) as snapshot, self.releaser(one, snapshot) as releaser:
                    self.check_sizes(snapshot, terms.kinds, TooManyElementsError)
                    releaser.prepare()
                    releaser.write(digest_of(PacketType.EPOCH, statement), now_ms)
                record(epoch)
            except BaseException:
                draft.delete()
                raise
            draft.path.rename(self._root / epoch_id)
            sync_folder(self._root)
        return self._read(self._root / epoch_id)

    def check_sizes(self, snapshot: Snapshot, kinds: Sequence[str], error: type[NodeError]) -> None:
        """Raises `error` where a list is longer than accord.toml allows."""
        limit = self._config.limits.elements_per_list
        if max(snapshot.size(kind) for kind in kinds) > limit:
            raise error(f"expected at most {limit} elements in a list, got more")

    @contextmanager
    def releaser(self, one: GivenEpoch, snapshot: Snapshot) -> Iterator[Releaser]:
        """Make a release of an epoch from a snapshot, where anything changed. The caller holds the epoch locked."""
        spools = self._spools()
        try:
            keys = own_keys(one.seed, one.epoch)
            yield Releaser(one.folder, one.epoch, keys, self._registry, snapshot, self._signer, spools)
        finally:
            spools.close()

    def _paths(self) -> list[Path]:
        if not self._root.is_dir():
            return []
        remove_leftovers(self._root)
        return [path for path in sorted(self._root.iterdir()) if EPOCH_ID.fullmatch(path.name)]

    def _folder(self, epoch_id: str, path: Path) -> EpochFolder:
        return EpochFolder(path, self._key, ("given", epoch_id))

    def _read(self, path: Path) -> GivenEpoch:
        folder = self._folder(path.name, path)
        record = folder.read_record()
        statement = Signed(record["payload"], record["signature"])
        epoch = read_epoch(statement)
        if epoch.id != path.name:
            raise EpochDamagedError(f"expected the statement of {path.name} in its folder, got another")
        return GivenEpoch(folder, statement, record["seed"], epoch)
