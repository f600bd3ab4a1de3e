"""Two served nodes on loopback answer real questions, asked from the command line."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import Pair
from tests.e2e.harness import number


@pytest.mark.parametrize(("own", "theirs"), [(7, 9), (1, 1), (5, 0), (6_789, 7_890)])
def test_the_answer_is_the_intersection(pair: Pair, own: int, theirs: int) -> None:
    north, south = pair.north, pair.south
    mine, yours = range(own), range(own // 2, own // 2 + theirs)
    north.hold(mine)
    south.hold(yours)
    outcome = north.ask_here("south", "--kind", "passport-number", "--json")
    assert outcome.code == 0, outcome.err
    result = outcome.json
    assert {hit["identifier"] for hit in result["hits"]} == {number(value) for value in set(mine) & set(yours)}


def test_an_empty_list_beside_another_is_asked_but_not_empty_lists_alone(pair: Pair) -> None:
    north, south = pair.north, pair.south
    north.hold(range(7))
    south.hold(range(5, 14))
    outcome = north.ask_here("south", "--kind", "passport-number", "--kind", "imo", "--json")
    assert outcome.code == 0, outcome.err
    assert [(entry["own"], entry["shared"]) for entry in outcome.json["lists"]] == [(7, 2), (0, 0)]
    known = len(south.ledger())
    north.hold(range(0))
    outcome = north.ask_here("south", "--kind", "passport-number", "--json")
    assert (outcome.code, outcome.error["code"]) == (9, "bad-question")
    assert len(south.ledger()) == known
