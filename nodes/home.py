"""The node's home folder: where each file lives, who may read it, and how it is written.

Folders are 0700 and files 0600, owned by the user that runs the node. Both are checked whenever something is
loaded, because a key that others could read is no longer a key. A crash leaves the old or the new.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from nodes.errors import HomeExistsError, HomeMissingError, OutputExistsError, PermissionsError, StorageError

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600
MAX_PRIVATE_BYTES: Final = 1 << 20  # keys, certificates, partner book: small files by nature


@dataclass(frozen=True, slots=True)
class Home:
    """One node's folder and the places in it."""

    path: Path

    @property
    def config_file(self) -> Path:
        """accord.toml; its presence means that `init` finished."""
        return self.path / "accord.toml"

    @property
    def rules_file(self) -> Path:
        """Who may ask what."""
        return self.path / "rules.toml"

    @property
    def keys_folder(self) -> Path:
        """Signing, TLS and storage keys."""
        return self.path / "keys"

    @property
    def signing_key_file(self) -> Path:
        """Ed25519 private key, PKCS #8 PEM."""
        return self.keys_folder / "signing.key"

    @property
    def tls_key_file(self) -> Path:
        """P-256 private key, PKCS #8 PEM."""
        return self.keys_folder / "tls.key"

    @property
    def tls_certificate_file(self) -> Path:
        """Self-signed certificate, PEM."""
        return self.keys_folder / "tls.crt"

    @property
    def storage_key_file(self) -> Path:
        """32 random bytes that seal the registry and what is spooled."""
        return self.keys_folder / "storage.key"

    @property
    def partners_file(self) -> Path:
        """The book of partners."""
        return self.path / "partners.json"

    @property
    def ledger_file(self) -> Path:
        """Hash-chained, signed rows (SQLite)."""
        return self.path / "ledger.db"

    @property
    def state_file(self) -> Path:
        """Nonces, budgets, consumed seeds (SQLite)."""
        return self.path / "state.db"

    @property
    def calibration_file(self) -> Path:
        """What questions take on this machine, as it was measured."""
        return self.path / "calibration.json"

    @property
    def logarithms_file(self) -> Path:
        """The table that finds totals: public, and made again where it is missing."""
        return self.path / "logarithms.table"

    @property
    def control_socket(self) -> Path:
        """Unix socket of the control API."""
        return self.path / "control.sock"

    def create(self) -> None:
        """Make the folder for a new node.

        Raises:
            HomeExistsError: it exists and is not empty; nothing is ever overwritten.
            StorageError: it cannot be made.
        """
        try:
            self.path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            if any(self.path.iterdir()):
                raise HomeExistsError(f"expected no folder or an empty one at {self.path}, got one that holds files")
            self.path.chmod(FOLDER_MODE)
            make_folder(self.keys_folder)
        except OSError as cause:
            raise StorageError(f"expected to create {self.path}, got: {cause.strerror}") from None

    def check(self) -> None:
        """Verify that a node lives here and that its folders belong to this user alone.

        Raises:
            HomeMissingError: no finished node.
            PermissionsError: a folder or the configuration is open to others.
        """
        for path, mode in (
            (self.path, FOLDER_MODE),
            (self.keys_folder, FOLDER_MODE),
            (self.config_file, FILE_MODE),
        ):
            try:
                status = path.lstat()
            except (FileNotFoundError, NotADirectoryError):
                missing = "folder" if path == self.path else path.name
                raise HomeMissingError(f"expected a node at {self.path}, got no {missing} there") from None
            except OSError as cause:
                raise StorageError(f"expected to read {path}, got: {cause.strerror}") from None
            _check_private(path, status, mode)


def _check_private(path: Path, status: os.stat_result, wanted_mode: int) -> None:
    is_kind, kind = (stat.S_ISDIR, "a folder") if wanted_mode == FOLDER_MODE else (stat.S_ISREG, "an ordinary file")
    if not is_kind(status.st_mode):
        raise PermissionsError(f"expected {path} to be {kind}, got something else")
    if status.st_uid != os.geteuid():
        raise PermissionsError(f"expected {path} to belong to user {os.geteuid()}, got user {status.st_uid}")
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        raise PermissionsError(
            f"expected {path} to be private (mode {wanted_mode:04o}), got {mode:04o}; "
            f"repair: chmod {wanted_mode:04o} {path}"
        )


def make_folder(path: Path) -> None:
    """Make a private folder, with parents, if it is not there; raises OSError."""
    if not path.parent.exists():  # mkdir(parents=True) would make the parents for everybody
        make_folder(path.parent)
    path.mkdir(mode=FOLDER_MODE, exist_ok=True)


@contextmanager
def open_private(path: Path) -> Iterator[BinaryIO]:
    """Open a private file for reading, after checking kind, owner and mode of what was opened.

    Raises:
        PermissionsError: open to others, or not an ordinary file.
        StorageError: missing or unreadable, also while it is read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            _check_private(path, os.fstat(descriptor), FILE_MODE)
            with open(descriptor, "rb", closefd=False) as file:
                yield file
        finally:
            os.close(descriptor)
    except OSError as cause:
        raise StorageError(f"expected to read {path}, got: {cause.strerror}") from None


def read_private(path: Path, max_bytes: int = MAX_PRIVATE_BYTES) -> bytes:
    """Return the bytes of a private file. Raises as `open_private`; StorageError: longer than max_bytes."""
    with open_private(path) as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise StorageError(f"expected {path} to hold at most {max_bytes} bytes, got more")
    return data


def write_private(path: Path, data: bytes, *, replace: bool = True) -> None:
    """Write a private file durably: whoever reads the path sees the old bytes or the new ones, never a part.

    Args:
        path: in an existing folder.
        data: the whole content.
        replace: False refuses, with OutputExistsError, to replace a file that is there.

    Raises:
        StorageError: not written; what was there before is still there.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.new")
    try:
        with removed_on_error(temporary):
            descriptor = os.open(
                temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE
            )
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(descriptor)
            if replace:
                temporary.replace(path)
            else:
                path.hardlink_to(temporary)
                temporary.unlink()
        sync_folder(path.parent)
    except FileExistsError:
        raise OutputExistsError(f"expected no file at {path}, got one that would be overwritten") from None
    except OSError as cause:
        raise StorageError(f"expected to write {path}, got: {cause.strerror}") from None


@contextmanager
def removed_on_error(path: Path) -> Iterator[None]:
    """Remove a file that could not be finished."""
    try:
        yield
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise


def create_private(path: Path) -> None:
    """Make an empty private file if there is none; check kind, owner and mode of one that is there.

    Raises:
        PermissionsError: open to others, or not an ordinary file. StorageError: cannot be made.
    """
    try:
        with suppress(FileExistsError):  # never open, then close, a database: that drops SQLite's locks on it
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE))
        _check_private(path, path.lstat(), FILE_MODE)
    except OSError as cause:
        raise StorageError(f"expected to open {path}, got: {cause.strerror}") from None


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other processes of this node from changing `path` meanwhile: read, change, write as one step.

    Raises:
        StorageError: the lock file beside it cannot be made.
    """
    try:
        descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
    except OSError as cause:
        raise StorageError(f"expected to lock {path}, got: {cause.strerror}") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Make a rename or a new name in this folder durable; raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
