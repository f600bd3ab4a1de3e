"""The UN's list asks OFAC's lists, between two real nodes: the answer equals an independent comparison in the clear."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nodes.exercise_node import introduce
from tests.e2e.harness import NodeUnderTest, make_node, rules
from tests.oracle import FILES, data_folder, lists
from tests.unit.nodes.registry.test_real_lists import is_refused_on_purpose

KINDS = ("passport", "passport-number", "national-id")
AT_LEAST = 160  # passport numbers that both list, whichever year


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[NodeUnderTest, NodeUnderTest]]:
    folder, data = tmp_path_factory.mktemp("lists"), data_folder()
    north, south = (make_node(folder, name, realm="production") for name in ("north", "south"))
    introduce(north, south)
    north.write_rules(rules("south", "outgoing"))
    south.write_rules(rules("north", "incoming"))
    north.must("registry", "import", "suspects", data / FILES["un-2020"], "--format", "un-consolidated", "--json")
    for name in ("ofac-2024", "ofac-2021"):
        south.must("registry", "import", name, data / FILES[name], "--format", "ofac-sdn", "--json")
    try:
        north.serve()
        south.serve()
        yield north, south
    finally:
        north.kill()
        south.kill()


@pytest.mark.parametrize("asked", ["ofac-2024", "ofac-2021"])
def test_the_answer_is_the_oracle_s(nodes: tuple[NodeUnderTest, NodeUnderTest], asked: str) -> None:
    north, _ = nodes
    arguments = north.query_arguments("south", *(f"--kind={kind}" for kind in KINDS), "--json")
    arguments[arguments.index("--ask") + 1] = asked
    outcome = north.accord(*arguments[2:])
    assert outcome.code == 0, outcome.err
    for kind in KINDS:
        own, theirs = lists()["un-2020"][kind], lists()[asked][kind]
        shared = {value for value in own.keys() & theirs.keys() if not is_refused_on_purpose(kind, value, own[value])}
        expected = sorted(value.rsplit("|")[-1] for value in shared)
        got = sorted(hit["identifier"].split()[-1] for hit in outcome.json["hits"] if hit["kind"] == kind)
        assert got == expected, kind
        if kind == "passport-number":
            assert len(got) >= AT_LEAST
