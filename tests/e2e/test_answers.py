"""Two served nodes on loopback answer real questions, asked from the command line."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import Pair
from tests.e2e.harness import number


@pytest.mark.parametrize(("own", "theirs"), [(7, 9), (1, 1), (0, 5), (5, 0), (6_789, 7_890)])
def test_the_answer_is_the_intersection(pair: Pair, own: int, theirs: int) -> None:
    north, south = pair.north, pair.south
    mine, yours = range(own), range(own // 2, own // 2 + theirs)
    north.hold(mine)
    south.hold(yours)
    outcome = north.ask_here("south", "--kind", "passport-number", "--json")
    assert outcome.code == 0, outcome.err
    result = outcome.json
    assert {hit["identifier"] for hit in result["hits"]} == {number(value) for value in set(mine) & set(yours)}
