from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence

import numpy as np
import pytest

from psi import LengthError, TableError, TotalRangeError, discrete_log, group, native
from psi.discrete_log import TABLE_DIGEST, Table
from psi.elgamal import MAX_TOTAL
from tests.unit.psi.logarithms import table
from tests.vectors.backends import backend

__all__ = ["backend"]

M = 2**24  # multiples in the table


def elements(values: Sequence[int]) -> bytes:
    return native.multiply_base(b"".join((value % group.ORDER).to_bytes(32, "little") for value in values))


def test_the_table_is_the_one_that_the_digest_names() -> None:
    data = table().to_bytes()
    assert len(data) == discrete_log.TABLE_BYTES
    assert hashlib.sha512(data).digest() == TABLE_DIGEST


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("count", [0, 1, 7, 8, 9])
def test_small_totals(count: int) -> None:
    values = [(-3) ** i for i in range(count)]
    assert table().solve(elements(values)).tolist() == values


def test_where_the_table_ends_and_steps_meet() -> None:
    """Both sides of each border: of the table, of a step, of a centre's reach, of a walk."""
    step, reach, width = 2 * M - 1, 256, 513 * 513
    borders = [0, M - 1, step, reach * step + M - 1, 256 * 513 * step, width // 2 * step + M - 1]
    values = [sign * (border + off) for border in borders for off in (-1, 0, 1) for sign in (1, -1)]
    assert table().solve(elements(values)).tolist() == values


def test_the_ends_of_the_range() -> None:
    values = [MAX_TOTAL, -MAX_TOTAL]
    assert table().solve(elements(values)).tolist() == values


@pytest.mark.usefixtures("backend")
def test_any_total() -> None:
    generator = random.Random(25519)
    values = [generator.randrange(-(2**bits), 2**bits) for bits in range(0, 43, 2)]
    solved = table().solve(elements(values))
    assert solved.tolist() == values
    assert solved.dtype == np.int64


@pytest.mark.parametrize("bound", [0, 1, M - 1, M, 3 * M, 2**42 + 12345])
def test_the_bound_is_exact(bound: int) -> None:
    inside, outside = elements([bound, -bound]), elements([0, -bound - 1, bound + 1])
    assert table().solve(inside, bound).tolist() == [bound, -bound]
    with pytest.raises(TotalRangeError, match="entry 1") as raised:
        table().solve(outside, bound)
    assert (raised.value.index, raised.value.code) == (1, "total-out-of-range")


def test_a_total_beyond_the_range_ends_in_an_error() -> None:
    with pytest.raises(TotalRangeError) as raised:
        table().solve(elements([0, 2**47]))
    assert raised.value.index == 1
    with pytest.raises(TotalRangeError):
        table().solve(group.hash_to_group(b"no total", b"test"), 2**40)


@pytest.mark.parametrize("bad", [b"\1" + bytes(31), b"\xff" * 32], ids=["negative", "unreduced"])
def test_what_is_no_element_has_no_logarithm(bad: bytes) -> None:
    with pytest.raises(TotalRangeError) as raised:
        table().solve(bytes(32) + bad)
    assert raised.value.index == 1


@pytest.mark.parametrize("bound", [-1, MAX_TOTAL + 1, 2**63])
def test_a_bound_outside_the_range_is_refused(bound: int) -> None:
    with pytest.raises(LengthError):
        table().solve(bytes(32), bound)


def test_lengths_that_do_not_fit_are_refused() -> None:
    with pytest.raises(LengthError):
        table().solve(bytes(33))


def test_a_table_comes_back_from_its_bytes_and_from_no_others() -> None:
    data = table().to_bytes()
    assert Table.from_bytes(data).solve(elements([77])).tolist() == [77]
    for damaged in (b"", data[:-1], data + b"\0", bytes(len(data)), data[:-1] + bytes([data[-1] ^ 1])):
        with pytest.raises(TableError, match=f"got {len(damaged)} that differ"):
            Table.from_bytes(damaged)
    assert "data" not in repr(table())
