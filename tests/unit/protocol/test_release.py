"""What of an answer may be told, and the bytes that tell it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.aggregate import cells
from protocol.aggregate.agreed import Plan
from protocol.aggregate.cells import Table
from protocol.aggregate.release import rounded, told
from protocol.errors import CellsError, SizeError
from protocol.messages import Terms
from protocol.vocabulary import Query
from tests.sim.aggregates import COUNT, SUM, categorised

counts = st.lists(st.integers(-5, 30), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("noisy", "minimum", "expected"),
    [
        ([0], 0, "y"),
        ([-1], 0, "n"),
        ([9], 10, "n"),
        ([10], 10, "y"),
        ([10, 50, 70], 10, "yyy"),
        ([3, 50, 70], 10, "nny"),  # 3 alone is the total less the others
        ([3, 10], 10, "nn"),
        ([3, 8, 70], 10, "nny"),  # 11 together: enough to hide in
        ([3, 6, 70, 80], 10, "nnny"),
        ([0, 0, 20, 10], 10, "nnyn"),
        ([1, 2, 3], 10, "nnn"),
        ([-4, 12, 9], 10, "nnn"),
    ],
)
def test_who_is_told(noisy: list[int], minimum: int, expected: str) -> None:
    assert "".join("y" if tells else "n" for tells in told(noisy, minimum)) == expected


@given(counts, st.integers(0, 20))
def test_nothing_below_the_minimum_is_told_and_what_is_hidden_holds_enough(noisy: list[int], minimum: int) -> None:
    tells = told(noisy, minimum)
    assert all(count >= minimum for count, tell in zip(noisy, tells, strict=True) if tell)
    hidden = [max(count, 0) for count, tell in zip(noisy, tells, strict=True) if not tell]
    assert not hidden or not any(tells) or sum(hidden) >= minimum


@given(counts, st.integers(0, 20))
def test_no_more_is_hidden_than_must_be(noisy: list[int], minimum: int) -> None:
    tells = told(noisy, minimum)
    also_hidden = sorted(c for c, tell in zip(noisy, tells, strict=True) if not tell and c >= minimum)
    below = sum(max(count, 0) for count in noisy if count < minimum)
    assert all(below + sum(also_hidden[:place]) < minimum for place in range(len(also_hidden)))


@given(st.integers(0, 10**6), st.integers(0, 1000))
def test_rounding_goes_to_the_nearest_multiple(count: int, rounding: int) -> None:
    near = rounded(count, rounding)
    if not rounding:
        assert near == count
        return
    assert near % rounding == 0
    assert 2 * abs(near - count) <= rounding


def test_rounding_keeps_the_order() -> None:
    assert all(rounded(a, 7) <= rounded(b, 7) for a, b in pairwise(range(100)))


def test_with_several_identifiers_a_person_the_least_count_grows() -> None:
    """Five identifiers may be one person: ten persons are behind fifty at least."""
    plan = Plan(Query.COUNT, replace(COUNT, per_person=5), (100,))
    assert plan.least(Terms(10, 0, 0)) == 50
    with pytest.raises(CellsError):
        cells.decode(cells.encode(Table((49,))), plan, Terms(10, 0, 0))
    assert cells.decode(cells.encode(Table((50,))), plan, Terms(10, 0, 0)) == Table((50,))


COUNTING = Plan(Query.COUNT, COUNT, (5,))
SUMMING = Plan(Query.SUM, categorised(SUM, "x", "y"), (5,))
TOTALS = {"ciphertexts": bytes(range(128)), "partials": bytes(range(64))}


@given(st.integers(0, 1000), st.integers(0, 50), st.integers(0, 20))
def test_an_honest_table_comes_back_as_it_went(noisy: int, minimum: int, rounding: int) -> None:
    terms = Terms(minimum, 0, rounding)
    table = Table(cells.table_of([noisy], told([noisy], minimum), terms))
    assert cells.decode(cells.encode(table), COUNTING, terms) == table


@pytest.mark.parametrize("counts", [(None, None), (None, 7), (5, 9)])
def test_a_table_with_totals_has_the_same_size_whatever_it_tells(counts: tuple[int | None, ...]) -> None:
    table = Table(counts, **TOTALS)
    rows = cells.encode(table)
    assert len(rows) == 2 * 105
    assert cells.decode(rows, SUMMING, Terms(5, 0, 0)) == table


@pytest.mark.parametrize(
    ("rows", "terms", "error"),
    [
        (b"", Terms(0, 0, 0), SizeError),
        (bytes(10), Terms(0, 0, 0), SizeError),
        (bytes(18), Terms(0, 0, 0), SizeError),
        (b"\x02" + bytes(8), Terms(0, 0, 0), CellsError),
        (b"\x00\x01" + bytes(7), Terms(0, 0, 0), CellsError),
        (b"\x01\x04" + bytes(7), Terms(5, 0, 0), CellsError),
        (b"\x01\x06" + bytes(7), Terms(5, 0, 5), CellsError),
    ],
)
def test_what_is_no_table(rows: bytes, terms: Terms, error: type[Exception]) -> None:
    with pytest.raises(error):
        cells.decode(rows, COUNTING, terms)
