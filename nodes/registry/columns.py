"""One kind's identifiers while they are imported: gathered in flat buffers, then sorted and made distinct in bulk."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nodes.registry.errors import SourceError

MAX_COLUMN_BYTES: Final = (1 << 32) - 1  # offsets are 32-bit

Offsets = NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Column:
    """Distinct identifiers in ascending order of bytes, and the records in which each occurs.

    Identifier i is data[offsets[i]:offsets[i + 1]]; its records are holders[holder_offsets[i]:holder_offsets[i + 1]],
    ascending and distinct.
    """

    data: bytes
    offsets: Offsets
    holders: Offsets
    holder_offsets: Offsets

    def __len__(self) -> int:
        return len(self.offsets) - 1


def padded(data: bytes | bytearray, lengths: NDArray[Any]) -> NDArray[np.uint8]:
    """Return identifiers, given end to end, as rows of one width.

    Canonical values are prefix-free, so filling them up with zeros keeps them distinct and in order.

    Args:
        lengths: of the identifiers; at least one.
    """
    width = int(lengths.max())
    rows = np.zeros((len(lengths), width), dtype=np.uint8)
    rows[np.arange(width) < lengths[:, None]] = np.frombuffer(data, dtype=np.uint8)
    return rows


class ColumnBuilder:
    """Gathers (identifier, record) pairs; for each identifier, records come in ascending order.

    Cost: the identifier's bytes and 8 more per pair; `column` needs three times that while it runs.
    """

    def __init__(self) -> None:
        self._data = bytearray()
        self._lengths = array("I")
        self._holders = array("I")

    def add(self, data: bytes, lengths: Iterable[int], holders: Iterable[int]) -> None:
        """Add pairs: identifiers end to end, their lengths, their records.

        Raises:
            SourceError: more than 4 GiB of one kind.
        """
        if len(self._data) + len(data) > MAX_COLUMN_BYTES:
            raise SourceError(f"expected at most {MAX_COLUMN_BYTES} bytes of identifiers of one kind, got more")
        self._data += data
        self._lengths.extend(lengths)
        self._holders.extend(holders)

    def column(self) -> Column:
        """Sort, merge equal identifiers, and give up the gathered buffers."""
        lengths = np.frombuffer(self._lengths, dtype=np.uint32)
        holders = np.frombuffer(self._holders, dtype=np.uint32)
        if not len(lengths):
            nothing = np.zeros(0, dtype=np.uint32)
            return Column(b"", np.zeros(1, dtype=np.uint32), nothing, np.zeros(1, dtype=np.uint32))
        rows = padded(self._data, lengths)
        width = rows.shape[1]
        self._data = bytearray()
        order = np.argsort(rows.view(f"S{width}").ravel(), kind="stable")
        rows, lengths, holders = rows[order], lengths[order], holders[order]
        new = np.ones(len(rows), dtype=bool)
        new[1:] = (rows[1:] != rows[:-1]).any(axis=1)
        kept = new.copy()  # an identifier that one record names twice has that record once
        kept[1:] |= holders[1:] != holders[:-1]
        starts = np.flatnonzero(new[kept])
        lengths = lengths[new]
        rows = rows[new]
        data = rows[np.arange(width) < lengths[:, None]].tobytes()
        return Column(
            data,
            np.concatenate(([0], np.cumsum(lengths, dtype=np.uint64))).astype(np.uint32),
            holders[kept],
            np.append(starts, int(kept.sum())).astype(np.uint32),
        )
