"""Two served nodes on loopback answer real questions, asked from the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.harness import NodeUnderTest, introduce, make_node, number, rules


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[NodeUnderTest, NodeUnderTest]]:
    folder = tmp_path_factory.mktemp("answers")
    north, south = make_node(folder, "north"), make_node(folder, "south")
    introduce(north, south)
    north.write_rules(rules("south", "outgoing"))
    south.write_rules(rules("north", "incoming"))
    north.serve(wait=False)
    south.serve()
    north.serve() if north.process is None else None
    yield north, south
    north.stop()
    south.stop()


@pytest.mark.parametrize(("own", "theirs"), [(7, 9), (1, 1), (0, 5), (5, 0), (6_789, 7_890)])
def test_the_answer_is_the_intersection(
    nodes: tuple[NodeUnderTest, NodeUnderTest], own: int, theirs: int
) -> None:
    north, south = nodes
    mine, yours = range(own), range(own // 2, own // 2 + theirs)
    north.hold(mine)
    south.hold(yours)
    outcome = north.ask("south", "--kind", "passport-number", "--json")
    assert outcome.code == 0, outcome.err
    result = outcome.json
    assert {hit["identifier"] for hit in result["hits"]} == {number(value) for value in set(mine) & set(yours)}
