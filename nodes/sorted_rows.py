"""Fixed-width rows in the order of their bytes: sorted, merged and looked up whole windows at a time.

Rows are told apart by their first eight bytes, as numbers, which processors sort and search several times as fast as
text. Tags are evenly distributed, so that is nearly always enough; where those bytes tie, whole rows decide.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

WINDOW_BYTES: Final = 1 << 22  # of all runs together in a merge, of each side in a join
MIN_WINDOW_BYTES: Final = 1 << 16  # of one run
LEADING_BYTES: Final = 8

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


def as_rows(data: bytes | bytearray | memoryview, row_bytes: int) -> Rows:
    """Return rows as fixed-width text, without a copy."""
    return np.frombuffer(data, dtype=f"S{row_bytes}")


def as_bytes(rows: Rows) -> memoryview:
    """Return the bytes of rows, end to end."""
    return rows.view(np.uint8).data


def columns(rows: Rows) -> NDArray[np.uint8]:
    """Return rows as a matrix of bytes, without a copy."""
    return rows.view(np.uint8).reshape(-1, rows.dtype.itemsize)


def sort(rows: Rows) -> Rows:
    """Return rows in ascending order, as a copy."""
    numbers = _leading(rows)
    order = np.argsort(numbers)
    ascending: Rows = rows.take(order)
    if _ties(numbers.take(order)):
        ascending.sort(kind="stable")  # for text types a merge sort that finds the order that is there
    return ascending


def find(rows: Rows, others: Rows) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Look each row up among `others`, which are ascending and at least one.

    Returns:
        Where each row is, if it is there; and whether it is.
    """
    numbers = _leading(others)
    places = np.searchsorted(others, rows) if _ties(numbers) else np.searchsorted(numbers, _leading(rows))
    places = np.minimum(places, len(others) - 1)
    found: NDArray[np.bool_] = others.take(places) == rows
    return places, found


def _leading(rows: Rows) -> NDArray[np.uint64]:
    """The first bytes of each row as a number, short rows filled up with zeros: it orders rows but for ties."""
    numbers = np.zeros((len(rows), LEADING_BYTES), np.uint8)
    leading = columns(rows)[:, :LEADING_BYTES]
    numbers[:, : leading.shape[1]] = leading
    return numbers.view(">u8").ravel().astype(np.uint64)


def _ties(numbers: NDArray[np.uint64]) -> bool:
    return bool(np.any(numbers[1:] == numbers[:-1]))


class Window:
    """The part of an ascending run that is in memory: rows leave in front, the next ones come in behind."""

    def __init__(self, source: RowSource, row_bytes: int, start: int, end: int, window_bytes: int) -> None:
        self._source = source
        self._row_bytes = row_bytes
        self._next = start
        self._end = end
        self._step = max(window_bytes, MIN_WINDOW_BYTES) // row_bytes * row_bytes
        self.rows: Rows = as_rows(b"", row_bytes)

    def fill(self, keep: int = 0) -> None:
        """Read on when at most `keep` rows are left in memory."""
        if len(self.rows) <= keep and self._next < self._end:
            count = min(self._step, self._end - self._next)
            fresh = as_rows(self._source.read(self._next, count), self._row_bytes)
            self.rows = np.concatenate([self.rows, fresh]) if len(self.rows) else fresh
            self._next += count

    def fill_half(self) -> None:
        """Read on when half of the window has left, so that no window alone bounds what may leave of all."""
        self.fill(self._step // self._row_bytes // 2)

    @property
    def more(self) -> bool:
        """Whether rows of the run are still in the source alone."""
        return self._next < self._end

    def take(self, count: int) -> Rows:
        taken = self.rows[:count]
        self.rows = self.rows[count:]
        return taken


def lowest(ends: list[Rows]) -> Rows | None:
    """Return the lowest of single rows, or None where there is none."""
    return min(ends, key=lambda end: end.tobytes()) if ends else None


def count_up_to(rows: Rows, bound: Rows | None) -> int:
    """Return how many of ascending rows are not above `bound`; all of them where there is none."""
    return len(rows) if bound is None else int(np.searchsorted(rows, bound, side="right")[0])


def merge(source: RowSource, row_bytes: int, ends: list[int], write: Callable[[memoryview], None]) -> None:
    """Merge ascending runs that lie end to end and end at `ends`.

    In each round, all that is not above the lowest of the windows' last rows leaves.
    """
    window_bytes = WINDOW_BYTES // max(len(ends), 1)
    windows = [Window(source, row_bytes, start, end, window_bytes) for start, end in pairwise([0, *ends])]
    while True:
        for window in windows:
            window.fill_half()
        windows = [window for window in windows if len(window.rows)]
        if not windows:
            return
        bound = lowest([window.rows[-1:] for window in windows if window.more])
        write(as_bytes(sort(np.concatenate([window.take(count_up_to(window.rows, bound)) for window in windows]))))
