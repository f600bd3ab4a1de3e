"""One authenticated, encrypted file that is written once, appears whole or not at all, and is read at any offset.

Format: header (16 bytes that name it, 32 random bytes), then chunks of 64 KiB, each sealed by AES-256-GCM, the last
one shorter. This is the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizar 2015): the nonce is the chunk's
number and a byte that marks the last chunk, so that chunks which were cut off, added, repeated, moved or taken from
another file do not open. Every file has its own key, derived from the random bytes and from the caller's context
(what the file is, of which data set, which version), so that files cannot stand in for each other either.

The last chunk is opened first. That proves where the file ends before a byte of it is used.
"""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from nodes.errors import NodeError, StorageError
from nodes.home import FILE_MODE, sync_folder
from psi import lp

MAGIC: Final = b"accord sealed 1\n"
SALT_BYTES: Final = 32
HEADER_BYTES: Final = len(MAGIC) + SALT_BYTES
CHUNK_BYTES: Final = 1 << 16
SEAL_BYTES: Final = 16  # GCM tag, NIST SP 800-38D
KEY_BYTES: Final = 32
DST_KEY: Final = "accord/v1/sealed-file"
_LAST: Final = b"\x01"
_MORE: Final = b"\x00"


class SealedFileError(NodeError):
    """A sealed file was altered, cut, or belongs to another key or place."""

    code = "sealed-file-damaged"


def _cipher(key: bytes, header: bytes, context: bytes) -> AESGCM:
    if len(key) != KEY_BYTES:
        raise ValueError(f"expected a key of {KEY_BYTES} bytes, got {len(key)}")
    salt = header[len(MAGIC) :]
    return AESGCM(HKDF(SHA512(), KEY_BYTES, salt, lp(DST_KEY, context)).derive(key))


def _nonce(number: int, mark: bytes) -> bytes:
    return number.to_bytes(11, "big") + mark


class SealedWriter:
    """Writes a sealed file from front to back. Use as a context manager: an exception leaves nothing behind.

    Args:
        path: where the file appears at `close`, durably; until then there is a temporary file beside it.
        key: 32 bytes.
        context: what this file is; the reader must say the same.
        preamble: bytes in clear before the sealed file's own first byte; authenticated only if `context` holds them.

    Raises:
        StorageError: from every method: not written, the disk is full for instance; the temporary file is gone.
    """

    def __init__(self, path: Path, key: bytes, context: bytes, preamble: bytes = b"") -> None:
        self._path = path
        self._temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.new")
        self._header = MAGIC + os.urandom(SALT_BYTES)
        self._cipher = _cipher(key, self._header, context)
        self._pending = bytearray()
        self._chunks = 0
        self._descriptor = -1
        try:
            self._descriptor = os.open(
                self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE
            )
            self._put(preamble + self._header)
        except OSError as cause:
            raise self._failed(cause) from None

    @property
    def size(self) -> int:
        """Bytes written so far, before sealing: the offset of the next."""
        return self._chunks * CHUNK_BYTES + len(self._pending)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append bytes."""
        view = memoryview(data).cast("B")
        while view:
            if len(self._pending) == CHUNK_BYTES:  # more follows, so it is not the last
                self._seal(_MORE)
            taken = CHUNK_BYTES - len(self._pending)
            self._pending += view[:taken]
            view = view[taken:]

    def close(self) -> None:
        """Seal the end, make it durable, and let the file appear under its name, replacing one that is there."""
        self._seal(_LAST)
        try:
            os.fsync(self._descriptor)
            self._temporary.replace(self._path)
            sync_folder(self._path.parent)
        except OSError as cause:
            raise self._failed(cause) from None
        os.close(self._descriptor)
        self._descriptor = -1

    def abort(self) -> None:
        """Remove what was written; nothing appears."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            with suppress(OSError):
                self._temporary.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            self.abort()

    def _seal(self, mark: bytes) -> None:
        if self._descriptor < 0:
            raise ValueError("expected an open file, got one that was closed")
        sealed = self._cipher.encrypt(_nonce(self._chunks, mark), self._pending, self._header)
        try:
            self._put(sealed)
        except OSError as cause:
            raise self._failed(cause) from None
        self._chunks += 1
        self._pending.clear()

    def _put(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]

    def _failed(self, cause: OSError) -> StorageError:
        self.abort()
        return StorageError(f"expected to write {self._path}, got: {cause.strerror}")


class SealedReader:
    """Reads any part of a sealed file; only authenticated bytes come out. Safe for concurrent calls.

    The file stays readable while it is open, also after it was replaced or removed.

    Args:
        path, key, context: as they were given to `SealedWriter`.
        preamble_bytes: length of the preamble.

    Raises:
        StorageError: missing or unreadable, from every method.
        SealedFileError: altered, cut, or another key or context, from every method.

    Cost: memory of one chunk besides what is returned.
    """

    def __init__(self, path: Path, key: bytes, context: bytes, preamble_bytes: int = 0) -> None:
        self._path = path
        self._first = preamble_bytes + HEADER_BYTES
        self._descriptor = -1
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
            status = os.fstat(self._descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise SealedFileError(f"expected {path} to be an ordinary file, got something else")
            self._header = os.pread(self._descriptor, HEADER_BYTES, preamble_bytes)
            body_bytes = status.st_size - self._first
            self._last = (body_bytes - 1) // (CHUNK_BYTES + SEAL_BYTES)
            last_bytes = body_bytes - self._last * (CHUNK_BYTES + SEAL_BYTES)
            if not self._header.startswith(MAGIC) or body_bytes < SEAL_BYTES or last_bytes < SEAL_BYTES:
                raise SealedFileError(f"expected {path} to be a whole sealed file, got something else or a part")
            self._cipher = _cipher(key, self._header, context)
            self.size = self._last * CHUNK_BYTES + last_bytes - SEAL_BYTES
            self._opened: tuple[int, bytes] = (-1, b"")  # the latest chunk; replaced as a whole
            self._chunk(self._last)
        except OSError as cause:
            self.close()
            raise StorageError(f"expected to read {path}, got: {cause.strerror}") from None
        except BaseException:
            self.close()
            raise

    def read(self, offset: int, count: int) -> bytes:
        """Return exactly `count` bytes from `offset`."""
        if offset < 0 or count < 0 or offset + count > self.size:
            raise ValueError(f"expected a range within {self.size} bytes, got {count} from {offset}")
        if count == 0:
            return b""
        first, last = offset // CHUNK_BYTES, (offset + count - 1) // CHUNK_BYTES
        start = offset - first * CHUNK_BYTES
        if first == last:
            return self._chunk(first)[start : start + count]
        parts = [self._chunk(number) for number in range(first, last + 1)]
        parts[0] = parts[0][start:]
        parts[-1] = parts[-1][: offset + count - last * CHUNK_BYTES]
        return b"".join(parts)

    def close(self) -> None:
        """Let go of the file. Reading ends; closing twice does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _chunk(self, number: int) -> bytes:
        held, chunk = self._opened
        if held == number:
            return chunk
        if self._descriptor < 0:
            raise ValueError("expected an open file, got one that was closed")
        sealed_bytes = CHUNK_BYTES + SEAL_BYTES
        mark = _LAST if number == self._last else _MORE
        try:
            sealed = os.pread(self._descriptor, sealed_bytes, self._first + number * sealed_bytes)
            chunk = self._cipher.decrypt(_nonce(number, mark), sealed, self._header)
        except OSError as cause:
            raise StorageError(f"expected to read {self._path}, got: {cause.strerror}") from None
        except InvalidTag:
            raise SealedFileError(
                f"expected {self._path} as this node sealed it, got one that was altered, cut or moved here"
            ) from None
        self._opened = (number, chunk)
        return chunk
