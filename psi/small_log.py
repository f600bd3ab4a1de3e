"""From v*G to v, for counts: where v is known to be small, without the table of `psi.discrete_log`.

Baby steps and giant steps over canonical encodings, all of a batch at once. Whoever learns counts alone never makes the
table, which takes seconds and 104 MiB.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from psi import native
from psi.errors import ElementError, LengthError, TotalRangeError
from psi.group import ELEMENT_BYTES, IDENTITY, ORDER, multiply_base

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import Buffer

MAX_SMALL: Final = 1 << 20  # beyond it the table is found sooner than as many giant steps are walked
_STRIDE: Final = 1 << 13  # multiples of G that one giant step passes: steps up to MAX_SMALL take as long as these
_WORDS: Final = ELEMENT_BYTES // 8


def solve_small(elements: Buffer, bound: int) -> NDArray[np.int64]:
    """The v_i with v_i*G = element i and abs(v_i) <= bound.

    Args:
        elements: n x 32 bytes from ``psi.elgamal.open_shares``; the identity stands for 0.
        bound: the largest v that is expected, 0 to ``MAX_SMALL``.

    Returns:
        n signed 64-bit numbers.

    Raises:
        TotalRangeError: an element that no v within the bound leads to, or that is none; ``index`` says which.
        LengthError: a bound outside its range, or bytes that are no elements.

    Security: takes the same steps whatever the v are; their number depends on n and the bound.
    Cost: 2^13 multiples of G once, then 2n additions for each 2^13 of the bound: at 2^20 and 200 elements a tenth of a
    second on lanes, and a second without.
    """
    if not 0 <= bound <= MAX_SMALL:
        raise LengthError(f"bound: expected 0 to {MAX_SMALL}, got {bound}")
    data = memoryview(elements).tobytes()
    if len(data) % ELEMENT_BYTES:
        raise LengthError(f"elements: expected a multiple of {ELEMENT_BYTES} bytes, got {len(data)}")
    count = len(data) // ELEMENT_BYTES
    if not count:
        return np.empty(0, np.int64)
    rows = _shifted(np.frombuffer(data, "<u8").reshape(count, _WORDS), bound)
    beginnings, numbers, multiples = _multiples()
    back = np.tile(_multiple(-_STRIDE), (len(rows), 1))
    found = np.full(count, bound + 1, np.int64)
    for passed in range(0, 2 * bound + 1, _STRIDE):
        places = np.minimum(np.searchsorted(beginnings, rows[:count, 0]), _STRIDE - 1)
        equal = (multiples[places] == rows[:count]).all(axis=1)
        found[equal] = numbers[places[equal]] + (passed - bound)
        rows = _added(rows, back)
    beyond = np.flatnonzero(found > bound)
    if len(beyond):
        raise _out_of_range(int(beyond[0]), bound)
    return found


@cache
def _multiples() -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """The first multiples of G, ascending by the beginnings of their encodings: beginning, number, encoding of each."""
    scalars = np.zeros((_STRIDE - 1, ELEMENT_BYTES), np.uint8)
    scalars[:, :4] = np.arange(1, _STRIDE, dtype="<u4").view(np.uint8).reshape(-1, 4)
    encoded = IDENTITY + native.multiply_base(scalars.tobytes())
    rows = np.frombuffer(encoded, "<u8").reshape(-1, _WORDS)
    order = np.argsort(rows[:, 0])
    return rows[order, 0], order.astype(np.int64), rows[order]


def _multiple(value: int) -> NDArray[Any]:
    return np.frombuffer(multiply_base((value % ORDER).to_bytes(ELEMENT_BYTES, "little")), "<u8")


def _shifted(rows: NDArray[Any], bound: int) -> NDArray[Any]:
    """Each element and bound*G, so that what is to be found is not negative; and a row more where their number is odd.

    Raises:
        TotalRangeError: one is no element. It is added beside the identity, so that the index is its own.
    """
    beside = np.zeros_like(rows)
    shift = np.hstack([np.tile(_multiple(bound), (len(rows), 1)), beside])
    try:
        both = native.add_ciphertexts(np.hstack([rows, beside]).tobytes(), shift.tobytes())
    except ElementError as error:
        raise _out_of_range(error.index, bound) from None
    moved = np.frombuffer(both, "<u8").reshape(-1, 2 * _WORDS)[:, :_WORDS]
    return np.vstack([moved, moved[: len(moved) % 2]])


def _added(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """Element by element; two of them are a ciphertext to the core, which adds these in batches."""
    return np.frombuffer(native.add_ciphertexts(a.tobytes(), b.tobytes()), "<u8").reshape(-1, _WORDS)


def _out_of_range(index: int, bound: int) -> TotalRangeError:
    return TotalRangeError(f"elements, entry {index}: expected v*G for a v of at most {bound}, got none", index)
