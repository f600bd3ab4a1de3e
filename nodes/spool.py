"""Columns of fixed-width rows that need not fit in memory: encrypted on disk, sorted in runs, streamed.

A session's spools live in unlinked files, sealed block by block (AES-256-GCM) under random keys that exist in
memory only. A crash leaves nothing behind, and the disk never sees a tag or an output in the clear.

Memory: about 2 * RUN_BYTES while a spool is sorted or joined, whatever its size up to 2^29 bytes; above it a
merge needs one block more for every further RUN_BYTES. A join
holds what it returns besides, once. Not safe for concurrent calls: the runner queues them.
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from numpy.typing import NDArray

from nodes.errors import StorageError
from protocol.effects import SpoolName
from protocol.rows import ROW_NUMBER_BYTES
from psi import TAG_BYTES

BLOCK_BYTES: Final = 1 << 16  # sealed at once; a sort reads whole blocks
SEAL_BYTES: Final = 16  # GCM tag, NIST SP 800-38D
RUN_BYTES: Final = 1 << 23  # sorted in memory at once
WINDOW_BYTES: Final = 1 << 22  # of all runs together in a merge, of each side in a join

Rows = NDArray[Any]  # dtype "S<row bytes>": numpy compares it as unsigned bytes over the full width


class RowSource(Protocol):
    """Bytes that can be read at any offset: a spool's, or a file's that a node keeps."""

    def __len__(self) -> int: ...
    def read(self, first: int, count: int) -> bytes | bytearray: ...


class Nothing:
    """A source without rows."""

    def __len__(self) -> int:
        return 0

    def read(self, first: int, count: int) -> bytes:  # noqa: ARG002, the same for all sources
        return b""


class Quota:
    """Bytes on disk that one session may hold at a time."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.used_bytes = 0

    def take(self, count_bytes: int) -> None:
        if self.used_bytes + count_bytes > self.limit_bytes:
            raise StorageError(f"expected a session to spool at most {self.limit_bytes} bytes, got more")
        self.used_bytes += count_bytes

    def give(self, count_bytes: int) -> None:
        self.used_bytes -= count_bytes


class SpoolFile:
    """Bytes appended to an unlinked file, each block sealed once under the file's own key."""

    def __init__(self, folder: Path, quota: Quota) -> None:
        self._quota = quota
        self._cipher = AESGCM(os.urandom(32))
        self._tail = bytearray()
        self._blocks = 0
        try:
            self._descriptor = _unlinked(folder)
        except OSError as cause:
            raise _storage_error(cause) from None

    def __len__(self) -> int:
        return self._blocks * BLOCK_BYTES + len(self._tail)

    def append(self, data: bytes | bytearray | memoryview) -> None:
        view = memoryview(data)
        while view:
            taken = BLOCK_BYTES - len(self._tail)
            self._tail += view[:taken]
            view = view[taken:]
            if len(self._tail) == BLOCK_BYTES:
                self._seal_tail()

    def _seal_tail(self) -> None:
        sealed = self._cipher.encrypt(self._nonce(self._blocks), self._tail, None)
        self._quota.take(len(sealed))
        try:
            written = os.pwrite(self._descriptor, sealed, self._blocks * len(sealed))
        except OSError as cause:
            raise _storage_error(cause) from None
        if written != len(sealed):
            raise StorageError("expected to spool a whole block, got room for less: the disk is full")
        self._blocks += 1
        self._tail.clear()

    def read(self, first: int, count: int) -> bytearray:
        """Return `count` bytes from offset `first`; both must lie within what was appended."""
        if not 0 <= first <= first + count <= len(self):
            raise StorageError(f"expected a range within {len(self)} spooled bytes, got {first}+{count}")
        out = bytearray(count)
        done = 0
        while done < count:
            block, skip = divmod(first + done, BLOCK_BYTES)
            piece = memoryview(self._block(block))[skip : skip + count - done]
            out[done : done + len(piece)] = piece
            done += len(piece)
        return out

    def _block(self, number: int) -> bytes | bytearray:
        if number == self._blocks:
            return self._tail
        sealed_bytes = BLOCK_BYTES + SEAL_BYTES
        try:
            sealed = os.pread(self._descriptor, sealed_bytes, number * sealed_bytes)
            return self._cipher.decrypt(self._nonce(number), sealed, None)
        except OSError as cause:
            raise _storage_error(cause) from None
        except InvalidTag:
            raise StorageError("expected the spooled block as it was written, got another: failing disk?") from None

    @staticmethod
    def _nonce(block: int) -> bytes:
        return block.to_bytes(12, "big")

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            self._quota.give(self._blocks * (BLOCK_BYTES + SEAL_BYTES))
            self._tail.clear()


def _unlinked(folder: Path) -> int:
    try:
        return os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except (IsADirectoryError, OSError) as cause:
        if isinstance(cause, FileNotFoundError | PermissionError):
            raise
    descriptor, name = tempfile.mkstemp(prefix=".spool-", dir=folder)  # a file system without O_TMPFILE
    Path(name).unlink()
    return descriptor


def _storage_error(cause: OSError) -> StorageError:
    return StorageError(f"expected to spool a session's rows, got: {cause.strerror}")


@dataclass(slots=True)
class _Spool:
    row_bytes: int
    file: SpoolFile


class Spools:
    """All spools of one session.

    Args:
        folder: private folder on the disk that shall hold them.
        limit_bytes: of all files together; a sort holds its rows twice for a while.
    """

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder = folder
        self._quota = Quota(limit_bytes)
        self._spools: dict[SpoolName, _Spool] = {}
        self._lent: dict[SpoolName, tuple[int, RowSource]] = {}

    def lend(self, name: SpoolName, row_bytes: int, source: RowSource) -> None:
        """Let sorted rows that this node keeps elsewhere be read as a spool. The lender closes them, later."""
        self._lent[name] = (row_bytes, source)

    def rows(self, name: SpoolName, row_bytes: int) -> RowSource:
        """Return the bytes of a spool, of one that was lent, or none where there is neither."""
        lent_row_bytes, source = self._lent.get(name, (row_bytes, Nothing()))
        if lent_row_bytes != row_bytes:
            raise StorageError(f"expected rows of {row_bytes} bytes, got rows of another width")
        return self._get(name, row_bytes).file if name in self._spools else source

    def drop(self, name: SpoolName) -> None:
        """Forget a spool's rows; it may be appended to again."""
        if name in self._spools:
            self._spools.pop(name).file.close()

    def append(self, name: SpoolName, row_bytes: int, rows: bytes) -> None:
        """Add whole rows. Raises StorageError: no room, or rows of another width."""
        if len(rows) % row_bytes:
            raise StorageError(f"expected whole rows of {row_bytes} bytes, got {len(rows)} bytes")
        if name not in self._spools:
            self._spools[name] = _Spool(row_bytes, self._new_file())
        self._get(name, row_bytes).file.append(rows)

    def sort(self, name: SpoolName, row_bytes: int) -> None:
        """Sort by bytes, ascending. Cost: one pass over the disk up to RUN_BYTES, two above."""
        if name not in self._spools:
            return
        spool = self._get(name, row_bytes)
        runs = list(self._sorted_runs(spool))
        if len(runs) > 1:
            merged = self._new_file()
            _merge(_windows(spool.file, row_bytes, runs), merged.append)
            self._replace(spool, merged)

    def _sorted_runs(self, spool: _Spool) -> Iterator[tuple[int, int]]:
        """Replace the spool's file by one of sorted runs; yield each run's first byte and end."""
        run_bytes = RUN_BYTES // spool.row_bytes * spool.row_bytes
        sorted_file = self._new_file()
        for start in range(0, len(spool.file), run_bytes):
            end = min(start + run_bytes, len(spool.file))
            rows = as_rows(spool.file.read(start, end - start), spool.row_bytes)
            rows.sort()
            sorted_file.append(as_bytes(rows))
            yield start, end
        self._replace(spool, sorted_file)

    def read(self, name: SpoolName, row_bytes: int, first: int, count: int) -> bytes:
        """Return rows `first .. first+count-1`."""
        if name not in self._spools and first == count == 0:
            return b""
        return bytes(self._get(name, row_bytes).file.read(first * row_bytes, count * row_bytes))

    def join(self, outputs: SpoolName, output_row_bytes: int, tags: SpoolName, tag_row_bytes: int) -> bytes:
        """Return each row of the sorted `outputs` whose tag is among the sorted `tags`, with that row of `tags`.

        Returns: the pairs, ascending by row number. Cost: one pass over both; the pairs of each window are a run
        on disk, and are merged into what is returned.
        """
        left, right = self.rows(outputs, output_row_bytes), self.rows(tags, tag_row_bytes)
        pair_bytes = ROW_NUMBER_BYTES + output_row_bytes + tag_row_bytes
        joined = io.BytesIO()  # gives its bytes away without a copy

        def write(pairs: memoryview) -> None:
            columns = np.frombuffer(pairs, np.uint8).reshape(-1, pair_bytes)
            joined.write(np.ascontiguousarray(columns[:, ROW_NUMBER_BYTES:]).data)

        runs: list[tuple[int, int]] = []
        file = self._new_file()
        try:
            for pairs in _join(
                Window(left, output_row_bytes, 0, len(left), WINDOW_BYTES),
                Window(right, tag_row_bytes, 0, len(right), WINDOW_BYTES),
            ):
                pairs.sort()
                start = len(file)
                file.append(as_bytes(pairs))
                runs.append((start, len(file)))
            _merge(_windows(file, pair_bytes, runs), write)
        finally:
            file.close()
        return joined.getvalue()

    def close(self) -> None:
        """Drop all rows and the keys they are sealed under."""
        for spool in self._spools.values():
            spool.file.close()
        self._spools.clear()
        self._lent.clear()

    def _get(self, name: SpoolName, row_bytes: int) -> _Spool:
        spool = self._spools.get(name)
        if spool is None or spool.row_bytes != row_bytes:
            raise StorageError(f"expected a spool with rows of {row_bytes} bytes, got none or another width")
        return spool

    def _new_file(self) -> SpoolFile:
        return SpoolFile(self._folder, self._quota)

    @staticmethod
    def _replace(spool: _Spool, file: SpoolFile) -> None:
        spool.file.close()
        spool.file = file


class Window:
    """The part of a sorted run that is in memory: rows leave in front, the next ones come in behind."""

    def __init__(self, file: RowSource, row_bytes: int, start: int, end: int, window_bytes: int) -> None:
        self._file = file
        self._row_bytes = row_bytes
        self._next = start
        self._end = end
        self._step = max(window_bytes, BLOCK_BYTES) // row_bytes * row_bytes
        self.rows: Rows = as_rows(bytearray(), row_bytes)

    def fill(self, keep: int = 0) -> None:
        """Read on when at most `keep` rows are left in memory."""
        if len(self.rows) <= keep and self._next < self._end:
            count = min(self._step, self._end - self._next)
            fresh = as_rows(self._file.read(self._next, count), self._row_bytes)
            self.rows = np.concatenate([self.rows, fresh]) if len(self.rows) else fresh
            self._next += count

    @property
    def more(self) -> bool:
        """Whether rows of the run are still on disk."""
        return self._next < self._end

    def take(self, count: int) -> Rows:
        taken = self.rows[:count]
        self.rows = self.rows[count:]
        return taken


def _windows(file: SpoolFile, row_bytes: int, runs: list[tuple[int, int]]) -> list[Window]:
    return [Window(file, row_bytes, start, end, WINDOW_BYTES // len(runs)) for start, end in runs]


def _merge(windows: list[Window], write: Callable[[memoryview], None]) -> None:
    """Merge sorted runs. In each round, all that is not above the lowest of the windows' last rows leaves."""
    while True:
        for window in windows:
            window.fill()
        windows = [window for window in windows if len(window.rows)]
        if not windows:
            return
        bound = lowest([window.rows[-1:] for window in windows if window.more])
        parts = [window.take(count_up_to(window.rows, bound)) for window in windows]
        rows = np.concatenate(parts)
        rows.sort(kind="stable")  # for text types a merge sort that finds the runs it is given
        write(as_bytes(rows))


def _join(outputs: Window, tags: Window) -> Iterator[Rows]:
    """Yield the pairs window by window, each behind its row number, highest byte first, by which bytes sort."""
    while True:
        outputs.fill()
        tags.fill(keep=1)
        if not len(outputs.rows) or not len(tags.rows):
            return
        keys, theirs = _tags_of(outputs.rows), _tags_of(tags.rows)
        bound = lowest([rows[-1:] for rows, side in ((keys, outputs), (theirs, tags)) if side.more])
        keys = keys[: count_up_to(keys, bound)]
        rows = outputs.take(len(keys))
        places = np.minimum(np.searchsorted(theirs, keys), len(theirs) - 1)
        hits = theirs[places] == keys
        ours = _columns(rows)[hits]
        numbers = ours[:, : -ROW_NUMBER_BYTES - 1 : -1]
        pairs = np.hstack([numbers, ours, _columns(tags.rows)[places[hits]]])
        yield pairs.view(f"S{pairs.shape[1]}").ravel()
        # The last tag up to the bound stays: outputs with the same tag may follow.
        tags.take(max(count_up_to(theirs, bound) - 1, 0))
        if bound is None:
            return


def _tags_of(rows: Rows) -> Rows:
    tags: Rows = np.ascontiguousarray(_columns(rows)[:, :TAG_BYTES]).view(f"S{TAG_BYTES}").ravel()
    return tags


def lowest(ends: list[Rows]) -> Rows | None:
    """Return the lowest of single rows, or None where there is none."""
    return min(ends, key=lambda end: end.tobytes()) if ends else None


def count_up_to(rows: Rows, bound: Rows | None) -> int:
    """Return how many of sorted rows are not above `bound`; all of them where there is none."""
    return len(rows) if bound is None else int(np.searchsorted(rows, bound, side="right")[0])


def as_rows(data: bytes | bytearray, row_bytes: int) -> Rows:
    """Return rows as fixed-width text, which numpy compares as unsigned bytes over the full width."""
    return np.frombuffer(data, dtype=f"S{row_bytes}")


def _columns(rows: Rows) -> NDArray[np.uint8]:
    return rows.view(np.uint8).reshape(-1, rows.dtype.itemsize)


def as_bytes(rows: Rows) -> memoryview:
    """Return the bytes of rows, end to end."""
    return rows.view(np.uint8).data
