"""A batch of inputs of different widths, in two flat buffers."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from psi.errors import ItemsError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from typing_extensions import Buffer

OFFSET_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class Items:
    """Inputs ``i`` at ``data[offsets[i]:offsets[i + 1]]``.

    Args:
        data: the inputs, end to end. ``bytes`` are used in place; any other buffer is copied by every call that
            gets it, since what lies behind a read-only view may change too.
        offsets: n + 1 ascending little-endian 32-bit numbers. The first may be above zero, so that a part of
            a data set needs no copy of its data.

    Raises:
        ItemsError: ``offsets`` is empty or not a whole number of offsets. Their values are checked by the batch
            operations, once, in native code.
    """

    data: Buffer = field(repr=False)
    offsets: Buffer = field(repr=False)

    def __post_init__(self) -> None:
        length_bytes = memoryview(self.offsets).nbytes
        if length_bytes == 0 or length_bytes % OFFSET_BYTES:
            raise ItemsError(f"items: expected n + 1 offsets of {OFFSET_BYTES} bytes, got {length_bytes} bytes")

    def __len__(self) -> int:
        return memoryview(self.offsets).nbytes // OFFSET_BYTES - 1

    @classmethod
    def from_sequence(cls, inputs: Iterable[bytes]) -> Items:
        """Lay out separate inputs; for imports and tests, since it visits each one.

        Raises:
            ItemsError: more than 4 GiB in total.
        """
        parts = list(inputs)
        ends = list(accumulate(map(len, parts), initial=0))
        if ends[-1] >= 1 << 8 * OFFSET_BYTES:
            raise ItemsError(f"items: expected less than 2^32 bytes in total, got {ends[-1]}")
        return cls(b"".join(parts), struct.pack(f"<{len(ends)}I", *ends))

    def slice(self, first: int, count: int) -> Items:
        """The inputs ``first`` to ``first + count``, without a copy.

        Raises:
            ItemsError: the range is not within the batch.
        """
        if first < 0 or count < 0 or first + count > len(self):
            raise ItemsError(f"items: expected a range within {len(self)}, got {count} from {first}")
        offsets = memoryview(self.offsets).cast("B")
        return Items(self.data, offsets[first * OFFSET_BYTES : (first + count + 1) * OFFSET_BYTES])
