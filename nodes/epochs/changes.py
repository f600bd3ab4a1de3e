"""What changes from one release to the next: of snapshots, which identifiers; of an index, which rows. All streamed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nodes.registry.snapshot import BLOCK_ITEMS, Snapshot
from nodes.sorted_rows import WINDOW_BYTES, Rows, RowSource, Window, as_bytes, count_up_to, find, lowest, sort
from protocol.host_answers import Merged
from psi import TAG_BYTES, Items


def apply_changes(
    index: RowSource, additions: RowSource, removals: RowSource, write: Callable[[memoryview], None]
) -> Merged:
    """Write the rows of an index after a release.

    Args:
        index, additions, removals: tags, each source strictly ascending.
        write: gets the resulting rows, ascending, block by block.

    Returns: what was written, and how many changes did not fit.

    Cost: one pass over all three; memory of a few windows.
    """
    digest, size, misfits = hashlib.sha512(), 0, 0
    windows = [Window(rows, TAG_BYTES, 0, len(rows), WINDOW_BYTES) for rows in (index, additions, removals)]
    while True:
        for window in windows:
            window.fill()
        if not any(len(window.rows) for window in windows):
            return Merged(size, digest.digest(), misfits)
        bound = lowest([window.rows[-1:] for window in windows if window.more])
        held, coming, leaving = (window.take(count_up_to(window.rows, bound)) for window in windows)
        leaves = _among(held, leaving)
        misfits += len(leaving) - int(leaves.sum()) + int(_among(coming, held).sum())
        rows = sort(np.concatenate([held[~leaves], coming]))
        data = as_bytes(rows)
        write(data)
        digest.update(data)
        size += len(rows)


def differences(old: Snapshot | None, new: Snapshot, kind: str) -> Iterator[tuple[Items, Items]]:
    """Yield, block by block, the identifiers of a kind that `old` holds and `new` does not, and the other way round.

    Cost: one pass over both columns, no row of Python per identifier.
    """
    before, after = _Column(old, kind), _Column(new, kind)
    while True:
        columns = [column for column in (before, after) if column.fill()]
        if not columns:
            return
        bound = lowest([column.rows[-1:] for column in columns if column.more])
        gone, came = before.take_up_to(bound), after.take_up_to(bound)
        yield _without(gone, came), _without(came, gone)


class _Column:
    """The part of a snapshot's sorted column that is in memory, each identifier filled up with zeros.

    Canonical values are prefix-free, so that keeps them distinct and in order.
    """

    def __init__(self, snapshot: Snapshot | None, kind: str) -> None:
        self._snapshot = snapshot
        self._kind = kind
        self._size = snapshot.size(kind) if snapshot is not None else 0
        self._next = 0
        self.rows: Rows = np.empty(0, "S1")
        self.lengths: NDArray[Any] = np.empty(0, np.uint32)

    @property
    def more(self) -> bool:
        return self._next < self._size

    def fill(self) -> bool:
        """Read on where nothing is left in memory. Returns whether there is anything then."""
        if not len(self.rows) and self.more and self._snapshot is not None:
            count = min(BLOCK_ITEMS, self._size - self._next)
            self.rows, self.lengths = _padded(self._snapshot.items(self._kind, self._next, count))
            self._next += count
        return len(self.rows) > 0

    def take_up_to(self, bound: Rows | None) -> tuple[Rows, NDArray[Any]]:
        count = count_up_to(self.rows, bound)
        taken = self.rows[:count], self.lengths[:count]
        self.rows, self.lengths = self.rows[count:], self.lengths[count:]
        return taken


def _padded(items: Items) -> tuple[Rows, NDArray[Any]]:
    offsets = np.frombuffer(bytes(items.offsets), "<u4")
    lengths = offsets[1:] - offsets[:-1]
    width = int(lengths.max())
    rows = np.zeros((len(lengths), width), np.uint8)
    rows[np.arange(width) < lengths[:, None]] = np.frombuffer(bytes(items.data), np.uint8)[offsets[0] : offsets[-1]]
    return rows.view(f"S{width}").ravel(), lengths


def _without(some: tuple[Rows, NDArray[Any]], others: tuple[Rows, NDArray[Any]]) -> Items:
    stays = ~_among(some[0], others[0])
    rows, lengths = some[0][stays], some[1][stays]
    width = rows.dtype.itemsize
    data = rows.view(np.uint8).reshape(-1, width)[np.arange(width) < lengths[:, None]].tobytes()
    return Items(data, np.concatenate(([0], np.cumsum(lengths, dtype=np.uint64))).astype("<u4").tobytes())


def _among(rows: Rows, others: Rows) -> NDArray[np.bool_]:
    """Which of sorted rows are among sorted others."""
    if not len(rows) or not len(others):
        return np.zeros(len(rows), bool)
    return find(rows, others)[1]
