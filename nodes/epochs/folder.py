"""One epoch's folder on disk: its sealed record, and which release is the newest."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from nodes.config import Config
from nodes.epochs.errors import EpochBusyError, EpochDamagedError
from nodes.epochs.tag_file import TagFile, TagFileWriter, context
from nodes.errors import StorageError
from nodes.home import FILE_MODE, make_folder, read_private, sync_folder, write_private
from nodes.sealed import SealedReader, SealedWriter
from protocol.host_answers import Signed

MAX_RECORD_BYTES: Final = 1 << 20
DRAFT: Final = ".new-"  # begins the name of a folder that is being made, and is held while it is
_GONE: Final = ".gone-"
_POINTER: Final = "current"
_RECORD: Final = "epoch"
_LOCK: Final = "lock"
_NUMBERED: Final = re.compile(r"([0-9]{8})\.(index|snapshot)")


def epochs_folder(config: Config) -> Path:
    """Where epochs lie: below the registry, on the same file system as the snapshots that they keep."""
    return config.paths.registry / ".epochs"


@dataclass(frozen=True, slots=True)
class EpochFolder:
    """The files of one epoch.

    Args:
        path: its folder, named by the epoch's id; not there until something is written.
        key: 32 bytes that seal the files.
        names: whose epoch it is; sealed files of one cannot stand in for another's.
    """

    path: Path
    key: bytes = field(repr=False)
    names: tuple[str, ...]

    @property
    def release(self) -> int:
        """The newest release, or 0."""
        pointer = self.path / _POINTER
        if not pointer.exists():
            return 0
        text = read_private(pointer).strip()
        if not re.fullmatch(rb"[1-9][0-9]{0,7}", text):
            raise EpochDamagedError(f"expected {pointer} to hold the number of a release, got something else")
        return int(text)

    def move_to(self, release: int) -> None:
        """Make a release the newest, durably, and remove what only older ones needed."""
        write_private(self.path / _POINTER, f"{release}\n".encode())
        for path in list(self.path.iterdir()):
            numbered = _NUMBERED.fullmatch(path.name)
            if numbered and int(numbered[1]) != release:
                path.unlink(missing_ok=True)

    def file(self, release: int, what: str) -> Path:
        """Where a file of a release lies."""
        return self.path / f"{release:08}.{what}"

    def tags(self, release: int, what: str) -> TagFile:
        """Open the tags of a release: "release", what it changed, or "index", all rows after it."""
        return TagFile(self.file(release, what), self.key, self._context(f"{release:08}.{what}"))

    def write_tags(self, release: int, what: str) -> TagFileWriter:
        """Write the tags of a release, in place of what a crash may have left."""
        return TagFileWriter(self.file(release, what), self.key, self._context(f"{release:08}.{what}"))

    def read_record(self) -> dict[str, bytes]:
        """The sealed record: the statement and, of an own epoch, the seed."""
        with SealedReader(self.path / _RECORD, self.key, self._context(_RECORD)) as file:
            if file.size > MAX_RECORD_BYTES:
                raise EpochDamagedError(f"expected at most {MAX_RECORD_BYTES} bytes in {file}, got more")
            record = json.loads(file.read(0, file.size))
        return {name: bytes.fromhex(value) for name, value in record.items()}

    def write_record(self, record: Mapping[str, bytes]) -> None:
        """Write the sealed record, durably."""
        with SealedWriter(self.path / _RECORD, self.key, self._context(_RECORD)) as file:
            file.write(json.dumps({name: value.hex() for name, value in record.items()}).encode())

    @property
    def has_record(self) -> bool:
        return (self.path / _RECORD).exists()

    def make(self) -> None:
        """Make the folder, and remove what a crash left in it. Raises StorageError."""
        try:
            make_folder(self.path)
            for left in self.path.glob(".*.new"):
                left.unlink(missing_ok=True)
        except OSError as cause:
            raise StorageError(f"expected to write into {self.path}, got: {cause.strerror}") from None

    def locked(self) -> AbstractContextManager[None]:
        """Hold the epoch alone, to change it; see `locked`."""
        return locked(self.path)

    def delete(self) -> None:
        """Remove all of it: gone at once under its name, whatever a crash leaves of the rest."""
        gone = self.path.with_name(f"{_GONE}{self.path.name}")
        try:
            self.path.rename(gone)
            sync_folder(self.path.parent)
            shutil.rmtree(gone)
        except OSError as cause:
            raise StorageError(f"expected to remove {self.path}, got: {cause.strerror}") from None

    def _context(self, name: str) -> bytes:
        return context(*self.names, name)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder alone, against other sessions and commands.

    Raises:
        EpochBusyError: somebody else holds it.
    """
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
    except OSError as cause:
        raise StorageError(f"expected to lock {folder}, got: {cause.strerror}") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EpochBusyError("expected an epoch that nobody else changes now, got one that is held") from None
        yield
    finally:
        os.close(descriptor)


def remove_leftovers(parent: Path) -> None:
    """Finish what a crash cut short: removals, and epochs that were never opened."""
    for gone in parent.glob(f"{_GONE}*"):
        shutil.rmtree(gone, ignore_errors=True)
    for draft in parent.glob(f"{DRAFT}*"):
        with suppress(EpochBusyError, StorageError), locked(draft):
            shutil.rmtree(draft, ignore_errors=True)


def signed_facts(signed: Signed) -> dict[str, str]:
    """A signed message, as facts of a tag file."""
    return {"payload": signed.payload.hex(), "signature": signed.signature.hex()}


def signed_from(facts: Mapping[str, str]) -> Signed:
    """The signed message in a tag file's facts. Raises EpochDamagedError."""
    try:
        return Signed(bytes.fromhex(facts["payload"]), bytes.fromhex(facts["signature"]))
    except (KeyError, ValueError):
        raise EpochDamagedError("expected a signed release beside an epoch's tags, got none") from None
