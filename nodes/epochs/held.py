"""The epochs of partners that this node holds: each with the statement that it pinned, and an index of tags."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from nodes.config import AGENCY_ID, Config
from nodes.epochs.changes import apply_changes
from nodes.epochs.errors import EpochDamagedError, EpochUnknownError
from nodes.epochs.folder import EpochFolder, epochs_folder, locked, remove_leftovers, signed_facts, signed_from
from nodes.epochs.tag_file import TagFile, TagFileWriter
from nodes.errors import StorageError
from nodes.home import make_folder
from nodes.identity import Identity
from nodes.sorted_rows import Nothing, RowSource
from protocol.epoch.statements import Held, held_epoch, read_release
from protocol.host_answers import Merged, Signed
from protocol.messages import EPOCH_ID, Epoch, Release


@dataclass(frozen=True, slots=True)
class HeldEpoch:
    """One of them, as it lies on disk."""

    partner: str
    folder: EpochFolder
    statement: Signed
    epoch: Epoch
    release: Release
    held: Held

    def index(self) -> TagFile:
        """Open the index of the release that `held` names. The caller closes it."""
        index = self.folder.tags(self.held.release, "index")
        if index.sizes != self.held.sizes:
            index.close()
            raise EpochDamagedError("expected an index of the sizes that its release names, got another")
        return index


class HeldEpochs:
    """All of them.

    Args:
        config, identity: of the node.
    """

    def __init__(self, config: Config, identity: Identity) -> None:
        self._root = epochs_folder(config) / "held"
        self._key = identity.storage_key

    def ids(self) -> list[tuple[str, str]]:
        """Partner and id of every epoch with a release, also of one that cannot be read."""
        if not self._root.is_dir():
            return []
        return [
            (partner.name, path.name)
            for partner in sorted(self._root.iterdir())
            for path in sorted(partner.iterdir())
            if EPOCH_ID.fullmatch(path.name) and (path / "current").exists()
        ]

    def of(self, partner: str) -> list[HeldEpoch]:
        """Those of a partner, the newest first."""
        found = [self._open(*name) for name in self.ids() if name[0] == partner]
        return sorted(found, key=lambda one: -one.epoch.not_before_ms)

    def by_id(self, epoch_id: str) -> HeldEpoch:
        """Raises EpochUnknownError."""
        return self._open(self.partner_of(epoch_id), epoch_id)

    def partner_of(self, epoch_id: str) -> str:
        """Whose epoch it is. Raises EpochUnknownError."""
        for partner, found in self.ids():
            if found == epoch_id:
                return partner
        raise EpochUnknownError("expected the id of an epoch that this node holds, got another")

    def end(self, epoch_id: str, record: Callable[[], None]) -> None:
        """Delete an epoch and its index; `record` notes it in the ledger first.

        Raises:
            EpochUnknownError. EpochBusyError: it is being synchronised.
        """
        partner = self.partner_of(epoch_id)
        with self.locked(partner):
            record()
            self.folder(partner, epoch_id).delete()

    @contextmanager
    def locked(self, partner: str) -> Iterator[None]:
        """Hold all that this node has of a partner, to change it.

        Raises:
            EpochBusyError: another synchronisation or command holds it.
        """
        folder = self._partner(partner)
        try:
            make_folder(folder)
        except OSError as cause:
            raise StorageError(f"expected to make {folder}, got: {cause.strerror}") from None
        with locked(folder):
            remove_leftovers(folder)
            yield

    def folder(self, partner: str, epoch_id: str) -> EpochFolder:
        """Where an epoch of a partner's lies, or will."""
        if not EPOCH_ID.fullmatch(epoch_id):
            raise EpochUnknownError("expected the id of an epoch, got something else")
        return EpochFolder(self._partner(partner) / epoch_id, self._key, ("held", partner, epoch_id))

    def _partner(self, partner: str) -> Path:
        if not AGENCY_ID.fullmatch(partner):
            raise EpochUnknownError("expected the id of a partner, got something else")
        return self._root / partner

    def _open(self, partner: str, epoch_id: str) -> HeldEpoch:
        folder = self.folder(partner, epoch_id)
        record = folder.read_record()
        statement = Signed(record["payload"], record["signature"])
        with folder.tags(folder.release, "index") as index:
            release = signed_from(index.facts)
        held = held_epoch(statement, release)
        if held.epoch.id != epoch_id or held.epoch.responder != partner:
            raise EpochDamagedError(f"expected the statement of {epoch_id} in its folder, got another")
        return HeldEpoch(partner, folder, statement, held.epoch, read_release(release), held)


@dataclass(slots=True)
class Draft:
    """The next index of an epoch, list by list, while a release is being applied. Nothing of it counts before `adopt`.

    Args:
        folder: of the epoch, which may be new.
        release: the release that is being applied.
    """

    folder: EpochFolder
    release: int
    _base: TagFile | None = field(init=False, default=None)
    _writer: TagFileWriter = field(init=False)

    def __post_init__(self) -> None:
        self.folder.make()
        if self.release > 1:
            self._base = self.folder.tags(self.release - 1, "index")
        self._writer = self.folder.write_tags(self.release, "index")

    def merge(self, number: int, additions: RowSource, removals: RowSource) -> Merged:
        """Write a list as it is after the release; lists come in order."""
        base = self._base.rows(number) if self._base is not None else Nothing()
        merged = apply_changes(base, additions, removals, self._writer.write)
        self._writer.end_list()
        return merged

    def adopt(self, statement: Signed, release: Signed) -> None:
        """Make it the index, durably and as a whole."""
        if read_release(release).number != self.release:
            raise EpochDamagedError("expected the release that was drafted, got another")
        if not self.folder.has_record:
            self.folder.write_record({"payload": statement.payload, "signature": statement.signature})
        self._writer.finish(signed_facts(release))
        self.folder.move_to(self.release)
        self.close()

    def close(self) -> None:
        """Drop what was not adopted."""
        self._writer.abort()
        if self._base is not None:
            self._base.close()
            self._base = None
