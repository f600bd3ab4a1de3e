"""Widths of rows, and checks of rows that arrive, on whole frames at once.

A tag row is a tag; with notes, tag || sealed note. An output row is tag || row number (little-endian uint32); with
notes, the whole VOPRF output || row number, because the rest of the output opens the note.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from protocol.errors import OrderError, SizeError
from psi import NOTED_TAG_BYTES, OUTPUT_BYTES, TAG_BYTES

ROW_NUMBER_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class Widths:
    """Bytes per row in spools and frames."""

    output: int
    tag: int


PLAIN: Final = Widths(TAG_BYTES + ROW_NUMBER_BYTES, TAG_BYTES)
NOTED: Final = Widths(OUTPUT_BYTES + ROW_NUMBER_BYTES, NOTED_TAG_BYTES)


def check_rows(payload: bytes, row_bytes: int, expected: int) -> None:
    """Raises SizeError where the payload is not exactly `expected` rows."""
    if len(payload) != expected * row_bytes:
        raise SizeError(f"expected {expected} rows of {row_bytes} bytes, got {len(payload)} bytes")


def check_ascending(rows: bytes, row_bytes: int, last: bytes) -> None:
    """The tags that tag rows begin with must ascend strictly, also from `last`, the previous frame's, or empty.

    Args:
        rows: n x row_bytes.

    Raises:
        OrderError: names the row in the frame, never its value. A repeated tag is an error too.

    Cost: vectorized, about a millisecond for a full frame.
    """
    tags = np.frombuffer(rows, np.uint8).reshape(-1, row_bytes)[:, :TAG_BYTES].tobytes()
    words = np.frombuffer(last + tags, ">u8").reshape(-1, 2)
    high, low = words[:, 0], words[:, 1]
    ascending = (high[:-1] < high[1:]) | ((high[:-1] == high[1:]) & (low[:-1] < low[1:]))
    if not ascending.all():
        raise OrderError(f"expected strictly ascending rows, got another at row {int(np.argmin(ascending))}")
