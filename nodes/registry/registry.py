"""The registry: one folder per data set, with immutable snapshots and a pointer to the current one.

    <root>/<data set>/00000007.snapshot   sealed; never changed after it appeared
    <root>/<data set>/current             "7"; moved by rename once the snapshot is durable
    <root>/<data set>/import.lock         held by the one import that may run

An import never blocks a reader: whoever opened a snapshot keeps it, also when a later import removes the file.
The current snapshot and the one before it are kept.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, TypeVar

from nodes.errors import StorageError
from nodes.home import FILE_MODE, make_folder, open_private, read_private, write_private
from nodes.registry.errors import (
    DataSetNameError,
    DataSetUnknownError,
    ImportRunningError,
    SnapshotError,
    SnapshotProfileError,
    SourceRealmError,
    VersionUnknownError,
)
from nodes.registry.snapshot import Snapshot
from protocol.identifiers import profile_hash

DATA_SET: Final = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?")  # also the name of a folder
DATA_SET_HINT: Final = "1 to 64 of a-z, 0-9, '-' and '_', a letter or digit at both ends"
_SNAPSHOT: Final = re.compile(r"([0-9]{8})\.snapshot")
_POINTER: Final = "current"
_LOCK: Final = "import.lock"
_OPEN_ATTEMPTS: Final = 3

T = TypeVar("T")


@contextmanager
def _storage_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as cause:
        raise StorageError(f"expected to write into {folder}, got: {cause.strerror}") from None


@dataclass(frozen=True, slots=True)
class Draft:
    """A version that is being written.

    Args:
        path: where its snapshot has to appear before `publish`.
    """

    path: Path
    version: int


@dataclass(frozen=True, slots=True)
class Registry:
    """The data sets of one node.

    Args:
        root: folder of the registry; made when something is imported.
        key: 32 bytes that seal the snapshots.
        realm: of the node; snapshots of the other realm are refused.
    """

    root: Path
    key: bytes = field(repr=False)
    realm: str

    def data_sets(self) -> list[str]:
        """Return the names of the data sets that hold something, sorted."""
        with suppress(FileNotFoundError, NotADirectoryError):
            return sorted(
                path.name
                for path in self.root.iterdir()
                if DATA_SET.fullmatch(path.name) and (path / _POINTER).is_file()
            )
        return []

    def open(self, data_set: str) -> Snapshot:
        """Open the current snapshot, fit for a query. The caller closes it.

        Raises:
            DataSetNameError, DataSetUnknownError: no such data set.
            SnapshotProfileError: it was made under another identifier profile.
            SourceRealmError: it belongs to the other realm.
            StorageError, SealedFileError, SnapshotError: it cannot be read.
        """
        snapshot = self.inspect(data_set)
        try:
            if snapshot.realm != self.realm:
                raise SourceRealmError(f"expected a data set of realm {self.realm}, got one of {snapshot.realm}")
            if snapshot.profile_hash != profile_hash():
                raise SnapshotProfileError(f"expected {data_set} under this node's identifier profile, got another")
        except BaseException:
            snapshot.close()
            raise
        return snapshot

    def inspect(self, data_set: str, version: int | None = None) -> Snapshot:
        """Open the current snapshot, or another that is kept, to look at it, whatever its profile and realm.

        Raises:
            VersionUnknownError: this version is not kept.
        """
        if version is not None:
            kept = self.versions(data_set)
            if version not in kept:
                raise VersionUnknownError(f"expected a version that is kept ({', '.join(map(str, kept))}), got another")
            return Snapshot(self._snapshot(data_set, version), self.key, data_set, version)
        return self._opened(data_set, lambda path, version: Snapshot(path, self.key, data_set, version))

    def open_sealed(self, data_set: str) -> tuple[int, BinaryIO]:
        """Return version and file of the current snapshot, sealed as it is, to copy it. The caller closes the file."""

        def opened(path: Path, version: int) -> tuple[int, BinaryIO]:
            with open_private(path) as file:
                return version, os.fdopen(os.dup(file.fileno()), "rb")

        return self._opened(data_set, opened)

    def _opened(self, data_set: str, opening: Callable[[Path, int], T]) -> T:
        for _ in range(_OPEN_ATTEMPTS):
            version = self._current(data_set)
            if version is None:
                raise self._unknown(data_set)
            path = self._snapshot(data_set, version)
            try:
                return opening(path, version)
            except StorageError:
                if path.exists():
                    raise  # else two imports have passed since the pointer was read
        raise SnapshotError(f"expected version {version} of {data_set}, got a pointer to a snapshot that is not there")

    def _unknown(self, data_set: str) -> DataSetUnknownError:
        known = ", ".join(self.data_sets()) or "none"
        return DataSetUnknownError(f"expected a data set of this node ({known}), got {data_set}")

    def versions(self, data_set: str) -> list[int]:
        """Return the versions that are kept, ascending, the current one last. Raises DataSetUnknownError."""
        current = self._current(data_set)
        if current is None:
            raise self._unknown(data_set)
        return sorted(version for version in self._versions(self._folder(data_set)) if version <= current)

    @contextmanager
    def importing(self, data_set: str) -> Iterator[Draft]:
        """Hold the data set's import lock and give the next version; what a crashed import left is removed.

        Raises:
            ImportRunningError: another import holds it. DataSetNameError: no name for a data set.
        """
        folder = self._folder(data_set)
        with _storage_errors(folder):
            make_folder(folder)
            descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ImportRunningError(f"expected no other import into {data_set}, got one that is running") from None
            with _storage_errors(folder):
                for left in folder.glob(".*.new"):
                    left.unlink()
                versions = self._versions(folder)
            version = max([self._current(data_set) or 0, *versions]) + 1
            yield Draft(self._snapshot(data_set, version), version)
        finally:
            os.close(descriptor)

    def publish(self, data_set: str, draft: Draft, record: Callable[[], None] | None = None) -> None:
        """Make a written snapshot the current one, and remove those before the previous.

        Args:
            record: called first; if it raises, the written snapshot is removed.
        """
        previous = self._current(data_set)
        if record:
            try:
                record()
            except BaseException:
                draft.path.unlink(missing_ok=True)
                raise
        write_private(self._folder(data_set) / _POINTER, f"{draft.version}\n".encode())
        with suppress(OSError):  # they are removed by the next import
            for version in self._versions(self._folder(data_set)):
                if version not in (draft.version, previous):
                    self._snapshot(data_set, version).unlink()

    def keep(self, snapshot: Snapshot, path: Path) -> None:
        """Give a snapshot another name, so that it outlives the imports that follow. `path` lies below the registry.

        Raises:
            StorageError: it is gone already, or cannot be linked.
        """
        try:
            path.unlink(missing_ok=True)
            path.hardlink_to(self._snapshot(snapshot.data_set, snapshot.version))
        except OSError as cause:
            raise StorageError(f"expected to keep a snapshot as {path}, got: {cause.strerror}") from None

    def kept(self, path: Path, data_set: str, version: int) -> Snapshot:
        """Open a snapshot that was kept."""
        return Snapshot(path, self.key, data_set, version)

    def _folder(self, data_set: str) -> Path:
        if not DATA_SET.fullmatch(data_set):
            raise DataSetNameError(f"expected a data set's name ({DATA_SET_HINT}), got another")
        return self.root / data_set

    def _snapshot(self, data_set: str, version: int) -> Path:
        return self._folder(data_set) / f"{version:08}.snapshot"

    def _current(self, data_set: str) -> int | None:
        pointer = self._folder(data_set) / _POINTER
        if not pointer.exists():
            return None
        text = read_private(pointer).strip()
        if not re.fullmatch(rb"[1-9][0-9]{0,7}", text):
            raise SnapshotError(f"expected {pointer} to hold a version, got something else")
        return int(text)

    def _versions(self, folder: Path) -> list[int]:
        return [int(match[1]) for path in folder.iterdir() if (match := _SNAPSHOT.fullmatch(path.name))]
