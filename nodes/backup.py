"""A node in one encrypted file: taken beside the running node, put back where there is none.

Format: 16 bytes that name it and 32 bytes of salt, then a sealed file (nodes/sealed.py) under the key that scrypt makes
of passphrase and salt. Inside is a tar archive: configuration, rules, keys, partner book, ledger and state as of one
moment each, the current snapshot of each data set, and the results.

What happened after the backup is forgotten by a restore, and cannot be known: which envelopes came, which budgets were
used. So the restored state says that it is one, and refuses what depends on that (see nodes/state.py). Sessions, spools
and measurements of the machine are not in a backup.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import tarfile
import tempfile
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from nodes.config import Config, load_config, parse_config
from nodes.errors import BackupError, HomeExistsError, OutputExistsError, PassphraseError, StorageError
from nodes.home import FILE_MODE, Home, make_folder, open_private, sync_folder, write_private
from nodes.identity import load_identity
from nodes.ledger import Entry, Event, Head, Ledger, LedgerFile
from nodes.partners import PartnerBook
from nodes.registry import Registry
from nodes.sealed import KEY_BYTES, SealedFileError, SealedReader, SealedWriter
from nodes.state import State
from psi import lp

MAGIC: Final = b"accord backup 1\n"
SALT_BYTES: Final = 32
PREAMBLE_BYTES: Final = len(MAGIC) + SALT_BYTES
DST_BACKUP: Final = "accord/v1/backup"
SCRYPT_COST: Final = {"n": 1 << 17, "r": 8, "p": 1}  # OWASP Password Storage Cheat Sheet: 128 MiB, for version 1
MIN_PASSPHRASE_CHARACTERS: Final = 15  # NIST SP 800-63B-4, section 3.1.1.2
COPY_BYTES: Final = 1 << 20

_CONFIG: Final = "home/accord.toml"
_HOME_FILES: Final = (
    "rules.toml",
    "partners.json",
    "keys/signing.key",
    "keys/tls.key",
    "keys/tls.crt",
    "keys/storage.key",
)
_NAME: Final = re.compile(
    "home/(?:accord[.]toml|ledger[.]db|state[.]db|" + "|".join(map(re.escape, _HOME_FILES)) + ")"
    r"|registry/[a-z0-9][a-z0-9_-]{0,63}/(?:current|[0-9]{8}[.]snapshot)"
    r"|results(?:/[A-Za-z0-9_-][A-Za-z0-9._-]{0,254}){1,3}"
)


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back, and verified.

    Args:
        made_ms: when the backup was made.
        head: of the ledger as it was in the backup: compare it with what was noted elsewhere.
        data_sets: whose snapshots were read to the last byte.
    """

    agency_id: str
    made_ms: int
    head: Head
    data_sets: tuple[str, ...]


def create_backup(home: Home, target: Path, passphrase: str, now_ms: int) -> int:
    """Copy a node, running or not, into one new private file that only the passphrase opens.

    Returns:
        the size of the file, in bytes.

    Raises:
        PassphraseError: too short. OutputExistsError: `target` is there already.
        StorageError: it cannot be written; nothing is left.
        Any error of the node's parts that cannot be read.

    Security: the file holds every secret of the node. Its name, size and time are all that is not encrypted.
    Cost: a copy of ledger and state in the home meanwhile; 128 MiB of memory for scrypt.
    """
    if target.exists():
        raise OutputExistsError(f"expected a new file, got {target}, which is there")
    config = load_config(home)
    preamble = MAGIC + os.urandom(SALT_BYTES)
    with (
        SealedWriter(target, _key(passphrase, preamble), _context(preamble), preamble) as sealed,
        _known_storage_errors("the backup"),
        closing(_files(home, config)) as files,
    ):
        archive = tarfile.TarFile(fileobj=_Sink(sealed), mode="w", format=tarfile.PAX_FORMAT)
        for name, file in files:
            with file:
                entry = tarfile.TarInfo(name)
                entry.size, entry.mtime = os.fstat(file.fileno()).st_size, now_ms // 1000
                archive.addfile(entry, file)
        archive.close()
    return target.stat().st_size


def restore_backup(home: Home, source: Path, passphrase: str, now_ms: int, restored_by: str) -> Restored:
    """Put a node back into an empty home, say in state and ledger that this is a restored one, and verify all of it.

    Args:
        restored_by: operator, for the ledger's row.

    Raises:
        HomeExistsError: the home, or a folder that the restored configuration names, holds files.
        BackupError: not a whole backup, or another passphrase.
        LedgerBrokenError, SealedFileError, SnapshotError, IdentityError and others: what was restored does not verify.
        ClockError: the clock stands before the time of the backup. After any of these, nothing is left behind.
    """
    with ExitStack() as undo:
        with _opened(source, passphrase) as archive:
            first = archive.next()
            if first is None or first.name != _CONFIG:
                raise BackupError("expected a backup that begins with the configuration, got another")
            content = _content(archive, first).read()
            config = parse_config(content, home.path)
            _make_empty(home, config, undo)
            for member in archive:
                if member.name != _CONFIG:
                    _extract(archive, member, home, config)
            made_ms = int(first.mtime) * 1000
        with closing(State(home)) as state:
            state.mark_restored(now_ms)
        write_private(home.config_file, content, replace=False)  # from here on, a node lives here
        restored = _verify(home, config, made_ms, now_ms)
        note = f"backup of {datetime.fromtimestamp(made_ms / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
        identity = load_identity(home, config.agency_id, now_ms)
        with closing(Ledger(home, config, identity.signer, now_ms)) as ledger:
            ledger.append(Entry(event=Event.RESTORED, operator=restored_by, note=note), now_ms)
        undo.pop_all()
    return restored


def _verify(home: Home, config: Config, made_ms: int, now_ms: int) -> Restored:
    identity = load_identity(home, config.agency_id, now_ms)
    PartnerBook(home, config).all()
    head = LedgerFile(home.ledger_file).verify(identity.signer.public_key)
    registry = Registry(config.paths.registry, identity.storage_key, config.realm)
    data_sets = registry.data_sets()
    for name in data_sets:
        with registry.inspect(name) as snapshot:
            snapshot.check()
    return Restored(config.agency_id, made_ms, head, tuple(data_sets))


# --- what is in a backup


def _files(home: Home, config: Config) -> Generator[tuple[str, BinaryIO], None, None]:
    """Yield name and open file, the configuration first: where the others go depends on it."""
    yield _CONFIG, _open(home.config_file)
    for name in _HOME_FILES:
        if (home.path / name).exists():
            yield f"home/{name}", _open(home.path / name)
    with tempfile.TemporaryDirectory(prefix=".backup-", dir=home.path) as folder:
        ledger, state = Path(folder) / "ledger.db", Path(folder) / "state.db"
        LedgerFile(home.ledger_file).export(ledger)
        yield "home/ledger.db", _open(ledger)
        with closing(State(home)) as running:
            running.export(state)
        yield "home/state.db", _open(state)
    registry = Registry(config.paths.registry, b"", config.realm)
    for data_set in registry.data_sets():
        version, snapshot = registry.open_sealed(data_set)
        yield f"registry/{data_set}/{version:08}.snapshot", snapshot
        yield f"registry/{data_set}/current", _in_memory(f"{version}\n".encode())
    for path in sorted(config.paths.results.rglob("*")):
        name = f"results/{path.relative_to(config.paths.results)}"
        if path.is_file() and _NAME.fullmatch(name) and path.suffix != ".lock":
            yield name, _open(path)


def _open(path: Path) -> BinaryIO:
    with open_private(path) as file:
        return os.fdopen(os.dup(file.fileno()), "rb")


def _in_memory(data: bytes) -> BinaryIO:
    file = os.fdopen(os.memfd_create("pointer", os.MFD_CLOEXEC), "w+b")
    file.write(data)
    file.seek(0)
    return file


class _Sink(io.RawIOBase):
    """A sealed file as `tarfile` writes it."""

    def __init__(self, sealed: SealedWriter) -> None:
        self._sealed = sealed

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._sealed.write(data)
        return len(data)

    def tell(self) -> int:
        return self._sealed.size


# --- the way back


class _Source(io.RawIOBase):
    """A sealed file as `tarfile` reads it."""

    def __init__(self, sealed: SealedReader) -> None:
        self._sealed = sealed
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._sealed.size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        count = max(0, min(len(buffer), self._sealed.size - self._position))
        buffer[:count] = self._sealed.read(self._position, count)
        self._position += count
        return count


@contextmanager
def _opened(source: Path, passphrase: str) -> Iterator[tarfile.TarFile]:
    with open_private(source) as file:
        preamble = file.read(PREAMBLE_BYTES)
    if len(preamble) < PREAMBLE_BYTES or not preamble.startswith(MAGIC):
        raise BackupError("expected a backup of this version, got another file")
    key = _key(passphrase, preamble)
    try:
        with (
            SealedReader(source, key, _context(preamble), PREAMBLE_BYTES) as sealed,
            tarfile.open(fileobj=io.BufferedReader(_Source(sealed), COPY_BYTES), mode="r:") as archive,
        ):
            yield archive
    except SealedFileError:
        raise BackupError(
            "expected a whole backup and its passphrase, got another passphrase or an altered file"
        ) from None
    except tarfile.TarError:
        raise BackupError("expected a backup's archive inside the sealed file, got something else") from None


def _make_empty(home: Home, config: Config, undo: ExitStack) -> None:
    """Make the folders, and see to it that they vanish again unless all goes well."""
    home.create()
    undo.callback(_clear, home.path)
    for folder in (config.paths.registry, config.paths.results):
        with _known_storage_errors(folder):
            if folder.is_dir() and any(folder.iterdir()):
                raise HomeExistsError(f"expected no folder or an empty one at {folder}, got one that holds files")
            make_folder(folder)
            undo.callback(_clear, folder)


def _clear(folder: Path) -> None:
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, home: Home, config: Config) -> None:
    if not member.isreg() or not _NAME.fullmatch(member.name):
        raise BackupError("expected a backup to hold a node's files alone, got another entry")
    root, _, rest = member.name.partition("/")
    path = {"home": home.path, "registry": config.paths.registry, "results": config.paths.results}[root] / rest
    with _known_storage_errors(path):
        make_folder(path.parent)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
        with os.fdopen(descriptor, "wb") as file:
            shutil.copyfileobj(_content(archive, member), file, COPY_BYTES)
            file.flush()
            os.fsync(descriptor)
        sync_folder(path.parent)


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> BinaryIO:
    file = archive.extractfile(member)
    if file is None:
        raise BackupError("expected a file in the backup, got another entry")
    return file  # type: ignore[return-value]


@contextmanager
def _known_storage_errors(what: object) -> Iterator[None]:
    try:
        yield
    except OSError as cause:
        raise StorageError(f"expected to write {what}, got: {cause.strerror}") from None


def _key(passphrase: str, preamble: bytes) -> bytes:
    if len(passphrase) < MIN_PASSPHRASE_CHARACTERS:
        raise PassphraseError(f"expected a passphrase of at least {MIN_PASSPHRASE_CHARACTERS} characters, got fewer")
    salt = preamble[len(MAGIC) :]
    return Scrypt(salt=salt, length=KEY_BYTES, **SCRYPT_COST).derive(passphrase.encode())


def _context(preamble: bytes) -> bytes:
    return lp(DST_BACKUP, preamble)
