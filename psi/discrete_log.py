"""From v*G to v, for totals of less than 2^47 in absolute value.

A table of the first 2^24 multiples of 4G, the same on every machine, and giant steps between them. Variable time in v:
only for who learns v anyway, and where no one else may measure it. The table is public.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from psi import native
from psi.elgamal import MAX_TOTAL
from psi.errors import TableError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import Buffer

TABLE_BYTES: Final = native.LOGARITHM_TABLE_BYTES
# SHA-512 of the table. Every backend fills it with these bytes; tests/vectors/derive_elgamal.py derives entries of it.
TABLE_DIGEST: Final = bytes.fromhex(
    "c282dfcc69b7e25f90c1213b926aeb36aec2bfe7fa2e5a966ed8e4ac15412543"
    "f8ba45b41beaeb4cf661df278f45655ccb44d4c54261bd893ca32ee469087f8a"
)


@dataclass(frozen=True, slots=True)
class Table:
    """The table for discrete logarithms, from ``build`` or ``from_bytes``. Share one: it has 104 MiB."""

    _data: bytes = field(repr=False)

    @classmethod
    def build(cls) -> Table:
        """Compute the table.

        Cost: a second on two cores with AVX-512 IFMA, two with AVX2, three to four without; so keep
        ``to_bytes`` in a file.
        """
        return cls(native.build_logarithms())

    @classmethod
    def from_bytes(cls, data: bytes) -> Table:
        """The table that a file has kept.

        Raises:
            TableError: these are not the bytes that ``build`` makes. Build it again.
        """
        if hashlib.sha512(data).digest() != TABLE_DIGEST:
            raise TableError(f"expected the {TABLE_BYTES} bytes of the table, got {len(data)} that differ")
        return cls(data)

    def to_bytes(self) -> bytes:
        """All of it, ``TABLE_BYTES``, for a file. Nothing in it is secret."""
        return self._data

    def solve(self, elements: Buffer, bound: int = MAX_TOTAL) -> NDArray[np.int64]:
        """The v_i with v_i*G = element i and abs(v_i) <= bound.

        Args:
            elements: n x 32 bytes from ``psi.elgamal.open_shares``; the identity stands for 0.
            bound: the largest total that is expected, 0 to ``MAX_TOTAL``.

        Returns:
            n signed 64-bit numbers.

        Raises:
            TotalRangeError: an element that no v within the bound leads to, or that is none; ``index`` says which.
            LengthError: a bound outside its range.

        Security: variable time in v.
        Cost: grows with abs(v) / 2^24; some milliseconds below 2^40, half a second at 2^47.
        """
        return np.frombuffer(native.solve_logarithms(self._data, elements, bound), "<i8").astype(np.int64)
