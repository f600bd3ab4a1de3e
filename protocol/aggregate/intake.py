"""Rows that arrive frame by frame: their number and order checked, hashed, spooled."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial

from protocol.aggregate.jobs import placed
from protocol.chunks import Span, frames
from protocol.effects import Append, SpoolName
from protocol.intersect.agreed import Drive
from protocol.messages import Packet, PacketType
from protocol.rows import check_ascending, check_rows
from psi import TAG_BYTES


class Intake:
    """Takes in one list's rows.

    Args:
        spool: where the rows go.
        size: how many rows there must be.
        then: called once, when the last has arrived.
        ascending: whether the first 16 bytes of the rows must ascend strictly. Rows that need not are spooled behind
            their place, because a spool is read in the order of its rows (`placed`).
        each: called with every frame, after it was spooled.
    """

    def __init__(
        self,
        drive: Drive,
        kind: PacketType,
        spool: SpoolName,
        row_bytes: int,
        size: int,
        then: Callable[[], None],
        *,
        ascending: bool = True,
        each: Callable[[Span, bytes], None] | None = None,
    ) -> None:
        self._drive = drive
        self._kind = kind
        self._spool = spool
        self._row_bytes = row_bytes
        self._to_come = frames([size], row_bytes)
        self._then = then
        self._ascending = ascending
        self._each = each
        self._last = b""
        self._hash = hashlib.sha512()

    @property
    def digest(self) -> bytes:
        """SHA-512 of all rows so far."""
        return self._hash.digest()

    def begin(self) -> None:
        """Expect the next frame, or go on where there is none."""
        frame = next(self._to_come, None)
        if frame is None:
            self._then()
        else:
            self._drive.expect(self._kind, partial(self._on_rows, frame))

    def _on_rows(self, frame: Span, packet: Packet) -> None:
        rows = packet.payload
        check_rows(rows, self._row_bytes, frame.count)
        if self._ascending:
            check_ascending(rows, self._row_bytes, self._last)
            self._last = rows[-self._row_bytes :][:TAG_BYTES]
        self._hash.update(rows)
        kept = rows if self._ascending else placed(rows, self._row_bytes, frame.first)
        self._drive.emit(Append(self._spool, len(kept) // frame.count, kept))
        self._drive.advance(frame.count)
        if self._each is not None:
            self._each(frame, rows)
        self.begin()
