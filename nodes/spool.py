"""Columns of fixed-width rows that need not fit in memory: encrypted on disk, sorted in runs, streamed.

A session's spools live in unlinked files, sealed block by block (AES-256-GCM) under random keys that exist in
memory only. A crash leaves nothing behind, and the disk never sees a tag or an output in the clear.

Rows are sorted while they arrive, in runs; what is left for the end is to merge those. Of each kind of spool one list
at a time gathers rows in memory, the latest.

Memory: four times RUN_BYTES while a run is sorted, as many times WINDOW_BYTES while runs are merged or joined, whatever
the size of a spool up to 2^28 bytes; above it a merge needs one block more for every further RUN_BYTES. A join holds
what it returns besides, once. Not safe for concurrent calls: the runner queues them.
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from nodes import sorted_rows
from nodes.errors import StorageError
from nodes.sorted_rows import Nothing, Rows, RowSource, Window, as_bytes, as_rows, columns, count_up_to, lowest
from protocol.effects import SpoolName
from protocol.rows import ROW_NUMBER_BYTES
from psi import TAG_BYTES

BLOCK_BYTES: Final = 1 << 16  # sealed at once; a sort reads whole blocks
SEAL_BYTES: Final = 16  # GCM tag, NIST SP 800-38D
RUN_BYTES: Final = 1 << 22  # sorted in memory at once


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
    """Rows in `file` lie in ascending runs that end at `ends`; `fresh` ones come behind, in no order."""

    row_bytes: int
    file: SpoolFile
    ends: list[int] = field(default_factory=list)
    fresh: bytearray = field(default_factory=bytearray)
    last: bytes = b""

    def settle(self) -> None:
        """Sort the fresh rows and put them into the file: as a run of their own, unless they continue the last one."""
        if not self.fresh:
            return
        rows = sorted_rows.sort(as_rows(self.fresh, self.row_bytes))
        self.fresh = bytearray()
        if self.ends and rows[:1].tobytes() >= self.last:
            self.ends.pop()
        self.file.append(as_bytes(rows))
        self.ends.append(len(self.file))
        self.last = rows[-1:].tobytes()


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

    @property
    def used_bytes(self) -> int:
        """On disk, of all spools together."""
        return self._quota.used_bytes

    @property
    def limit_bytes(self) -> int:
        """What all spools together may take."""
        return self._quota.limit_bytes

    def lend(self, name: SpoolName, row_bytes: int, source: RowSource) -> None:
        """Let sorted rows that this node keeps elsewhere be read as a spool. The lender closes them, later."""
        self._lent[name] = (row_bytes, source)

    def rows(self, name: SpoolName, row_bytes: int) -> RowSource:
        """Return the bytes of a sorted spool, of one that was lent, or none where there is neither."""
        lent_row_bytes, source = self._lent.get(name, (row_bytes, Nothing()))
        if lent_row_bytes != row_bytes:
            raise StorageError(f"expected rows of {row_bytes} bytes, got rows of another width")
        return self._sorted(name, row_bytes) if name in self._spools else source

    def drop(self, name: SpoolName) -> None:
        """Forget a spool's rows; it may be appended to again."""
        if name in self._spools:
            self._spools.pop(name).file.close()

    def append(self, name: SpoolName, row_bytes: int, rows: bytes) -> None:
        """Add whole rows. Raises StorageError: no room, or rows of another width."""
        if len(rows) % row_bytes:
            raise StorageError(f"expected whole rows of {row_bytes} bytes, got {len(rows)} bytes")
        if name not in self._spools:
            for (kind, _), other in self._spools.items():
                if kind == name[0]:
                    other.settle()
            self._spools[name] = _Spool(row_bytes, self._new_file())
        spool = self._get(name, row_bytes)
        spool.fresh += rows
        if len(spool.fresh) >= RUN_BYTES:
            spool.settle()

    def settle(self) -> None:
        """Put all rows on the disk. Raises StorageError: no room."""
        for spool in self._spools.values():
            spool.settle()

    def sort(self, name: SpoolName, row_bytes: int) -> None:
        """Sort by bytes, ascending. Cost: one pass over the disk, unless all is one run."""
        if name not in self._spools:
            return
        spool = self._get(name, row_bytes)
        spool.settle()
        if len(spool.ends) > 1:
            merged = self._new_file()
            sorted_rows.merge(spool.file, row_bytes, spool.ends, merged.append)
            spool.file.close()
            spool.file, spool.ends = merged, [len(merged)]

    def read(self, name: SpoolName, row_bytes: int, first: int, count: int) -> bytes:
        """Return rows `first .. first+count-1` of a sorted spool."""
        if name not in self._spools and first == count == 0:
            return b""
        return bytes(self._sorted(name, row_bytes).read(first * row_bytes, count * row_bytes))

    def join(self, outputs: SpoolName, output_row_bytes: int, tags: SpoolName, tag_row_bytes: int) -> bytes:
        """Return each row of the sorted `outputs` whose tag is among the sorted `tags`, with that row of `tags`.

        Returns: the pairs, ascending by row number. Cost: one pass over both; the pairs of each window are a run
        on disk, and are merged into what is returned.
        """
        left, right = self.rows(outputs, output_row_bytes), self.rows(tags, tag_row_bytes)
        pair_bytes = ROW_NUMBER_BYTES + output_row_bytes + tag_row_bytes
        joined = io.BytesIO()  # gives its bytes away without a copy

        def write(pairs: memoryview) -> None:
            joined.write(np.ascontiguousarray(columns(as_rows(pairs, pair_bytes))[:, ROW_NUMBER_BYTES:]).data)

        window_bytes = sorted_rows.WINDOW_BYTES
        ends: list[int] = []
        file = self._new_file()
        try:
            for pairs in _join(
                Window(left, output_row_bytes, 0, len(left), window_bytes),
                Window(right, tag_row_bytes, 0, len(right), window_bytes),
            ):
                file.append(as_bytes(sorted_rows.sort(pairs)))
                ends.append(len(file))
            sorted_rows.merge(file, pair_bytes, ends, write)
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

    def _sorted(self, name: SpoolName, row_bytes: int) -> SpoolFile:
        spool = self._get(name, row_bytes)
        spool.settle()
        if len(spool.ends) > 1:
            raise StorageError("expected rows in ascending order, got them unsorted")
        return spool.file


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
        places, hits = sorted_rows.find(keys, theirs)
        ours = columns(rows)[hits]
        numbers = ours[:, : -ROW_NUMBER_BYTES - 1 : -1]
        pairs = np.hstack([numbers, ours, columns(tags.rows.take(places[hits]))])
        yield pairs.view(f"S{pairs.shape[1]}").ravel()
        # The last tag up to the bound stays: outputs with the same tag may follow.
        tags.take(max(count_up_to(theirs, bound) - 1, 0))
        if bound is None:
            return


def _tags_of(rows: Rows) -> Rows:
    tags: Rows = np.ascontiguousarray(columns(rows)[:, :TAG_BYTES]).view(f"S{TAG_BYTES}").ravel()
    return tags
