"""`accord epoch` for people, beside a node that does not run."""

from __future__ import annotations

from pathlib import Path

import pytest

from nodes.error_table import ExitCode
from nodes.exercise_node import introduce
from tests.e2e.harness import NodeUnderTest, make_node
from tests.e2e.test_epochs import KIND, MANDATE, UNTIL

TERMS = ("--partner", "north", "--data-set", "suspects", "--until", UNTIL)
CAPS = ("--max-elements", 1000, "--max-per-query", 10)


@pytest.fixture
def south(tmp_path: Path) -> NodeUnderTest:
    north, south = make_node(tmp_path, "north"), make_node(tmp_path, "south")
    introduce(north, south)
    south.hold(range(7))
    return south


def test_open_list_close(south: NodeUnderTest) -> None:
    opened = south.must("epoch", "open", *TERMS, "--kind", KIND, *CAPS).out
    assert "accord epoch sync --partner south --ask suspects --kind passport-number --mandate FILE" in opened
    epoch = next(line.split()[-1] for line in opened.splitlines() if line.startswith("epoch "))
    header, row = (line.split("\t") for line in south.must("epoch", "list").out.splitlines())
    listed = dict(zip(header, row, strict=True))
    assert (listed["epoch"], listed["partner"], listed["role"], listed["release"]) == (epoch, "north", "given", "1")
    assert listed["until"] == f"{UNTIL} 23:59Z"
    assert (listed["elements"], listed["charged"]) == ("7", "0 of 1000")
    assert epoch in south.must("epoch", "close", epoch).out
    assert len(south.must("epoch", "list").out.splitlines()) == 1
    events = [row["event"] for row in south.ledger()]
    assert events[-2:] == ["epoch-opened", "epoch-ended"]
    assert all(row.get("operator") for row in south.ledger()[-2:])


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ((), ExitCode.INPUT),
        (("--kind", "shoe-size"), ExitCode.INPUT),
        (("--kind", KIND, "--max-per-query", 1001), ExitCode.INPUT),
        (("--kind", KIND, "--until", "tomorrow"), ExitCode.USAGE),
        (("--kind", KIND, "--partner", "west"), ExitCode.CONFIGURATION),
    ],
)
def test_terms_that_cannot_be(south: NodeUnderTest, more: tuple[object, ...], code: ExitCode) -> None:
    before = len(south.ledger())
    assert south.accord("epoch", "open", *TERMS, *CAPS, *more).code == code
    assert len(south.ledger()) == before


def test_twice_the_same(south: NodeUnderTest) -> None:
    south.must("epoch", "open", *TERMS, "--kind", KIND, *CAPS)
    outcome = south.accord("epoch", "open", *TERMS, "--kind", KIND, *CAPS)
    assert (outcome.code, "[epoch-exists]" in outcome.err) == (ExitCode.CONFIGURATION, True)


def test_an_epoch_that_is_not_there(south: NodeUnderTest) -> None:
    for epoch in ("0" * 32, "../../keys", ""):
        assert south.accord("epoch", "close", epoch).code == ExitCode.CONFIGURATION


def test_fetching_needs_the_node(south: NodeUnderTest) -> None:
    mandate = south.home.with_name("mandate.toml")
    mandate.write_text(MANDATE)
    outcome = south.accord("epoch", "sync", "--partner", "north", "--ask", "suspects", "--mandate", mandate)
    assert (outcome.code, "[not-running]" in outcome.err) == (ExitCode.NETWORK, True)
    mandate.write_text("nonsense")
    outcome = south.accord("epoch", "sync", "--partner", "north", "--ask", "suspects", "--mandate", mandate)
    assert outcome.code == ExitCode.INPUT
