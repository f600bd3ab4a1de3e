"""Small numbers behind group elements, found without the table; against the numbers that they were made of."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest

from psi import LengthError, TotalRangeError, group, native
from psi.small_log import _STRIDE, MAX_SMALL, _multiples, solve_small
from tests.unit.psi.logarithms import table
from tests.vectors.backends import backend

__all__ = ["backend"]


def elements(values: Sequence[int]) -> bytes:
    return native.multiply_base(b"".join((value % group.ORDER).to_bytes(32, "little") for value in values))


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("count", [0, 1, 7, 8, 9])
def test_any_number_of_counts(count: int) -> None:
    values = [(-3) ** place for place in range(count)]
    found = solve_small(elements(values), 3**8)
    assert found.tolist() == values
    assert found.dtype == np.int64


@pytest.mark.usefixtures("backend")
def test_the_table_finds_the_same() -> None:
    chance = random.Random(25519)
    values = [chance.randint(-MAX_SMALL, MAX_SMALL) for _ in range(31)]
    made = elements(values)
    assert solve_small(made, MAX_SMALL).tolist() == table().solve(made, MAX_SMALL).tolist() == values


@pytest.mark.parametrize("bound", [0, 1, 2, _STRIDE // 2 - 1, _STRIDE // 2, _STRIDE, 3 * _STRIDE + 1, MAX_SMALL])
def test_the_bound_is_exact(bound: int) -> None:
    """And both sides of where strides meet."""
    borders = {sign * (k * _STRIDE + off) - bound for k in (0, 1, 2) for off in (-1, 0, 1) for sign in (1, -1)}
    values = [0, bound, -bound, *sorted(value for value in borders if abs(value) <= bound)]
    assert solve_small(elements(values), bound).tolist() == values
    for beyond in (bound + 1, -bound - 1, MAX_SMALL + _STRIDE + 1):
        with pytest.raises(TotalRangeError, match=f"entry 2: expected .* at most {bound}") as raised:
            solve_small(elements([0, bound, beyond, beyond]), bound)
        assert (raised.value.index, raised.value.code) == (2, "total-out-of-range")


def test_what_is_no_element_has_no_logarithm() -> None:
    for bad in (b"\1" + bytes(31), b"\xff" * 32, group.hash_to_group(b"no count", b"test")):
        with pytest.raises(TotalRangeError) as raised:
            solve_small(bytes(32) + bad + bytes(32), 9)
        assert raised.value.index == 1


@pytest.mark.parametrize("bound", [-1, MAX_SMALL + 1])
def test_a_bound_outside_the_range_is_refused(bound: int) -> None:
    with pytest.raises(LengthError):
        solve_small(bytes(32), bound)


@pytest.mark.parametrize("size", [1, 31, 33, 65])
def test_lengths_that_do_not_fit_are_refused(size: int) -> None:
    with pytest.raises(LengthError):
        solve_small(bytes(size), 1)


def test_no_two_multiples_begin_alike() -> None:
    """A multiple is looked up by its beginning; it would hide another one with the same."""
    beginnings, numbers, multiples = _multiples()
    assert len(np.unique(beginnings)) == len(beginnings) == _STRIDE
    assert sorted(numbers.tolist()) == list(range(_STRIDE))
    assert multiples[numbers == 5].tobytes() == elements([5])
