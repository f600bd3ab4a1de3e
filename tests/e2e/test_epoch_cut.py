"""A synchronisation whose connection is cut goes on; one whose node dies begins again where it was."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from nodes.exercise_node import ACCORD, MANDATE
from tests.e2e.conftest import Pair
from tests.e2e.harness import NodeUnderTest, outcome_of
from tests.e2e.proxy import TO_CLIENT
from tests.e2e.test_epochs import KIND, ask, code_of, epoch_rules, hits, numbers, open_epoch, synchronised
from tests.patience import PATIENCE_SECONDS

RESUME_SECONDS = 20
ROWS = 8_000  # 128 kB of tags


@pytest.fixture(autouse=True)
def prepared(pair: Pair) -> Iterator[str]:
    """South gives an epoch that north does not have yet. Returns its id."""
    pair.north.write_rules(epoch_rules("south", "outgoing"))
    pair.south.write_rules(epoch_rules("north", "incoming"))
    pair.north.hold(range(5, 15))
    pair.south.hold(range(10, 10 + ROWS))
    epoch = open_epoch(pair.south)["epoch"]
    yield epoch
    pair.healthy()
    for node in (pair.north, pair.south):
        for one in node.must("epoch", "list", "--json").json:
            node.must("epoch", "close", one["epoch"], "--json")


@pytest.mark.parametrize("offset", [20_000, 126_000])
def test_a_cut_synchronisation_goes_on(pair: Pair, prepared: str, offset: int) -> None:
    known = len(pair.south.ledger())
    pair.proxy.cut_at(TO_CLIENT, offset)
    facts = synchronised(pair.north, "--kind", KIND)
    assert pair.proxy.reached.is_set()
    assert (facts["epoch"], facts["release"]) == (prepared, 1)
    rows = [row for row in pair.south.ledger()[known:] if row["event"] == "disclosure"]
    assert len(rows) == 1, "charged once"
    assert hits(ask(pair.north, prepared)) == numbers(range(10, 15))


def synchronise_meanwhile(pair: Pair) -> subprocess.Popen[str]:
    mandate = pair.north.home.with_name("mandate.toml")
    mandate.write_text(MANDATE)
    named = ["--partner", "south", "--ask", "suspects", "--kind", KIND, "--mandate", str(mandate), "--json"]
    command = [*ACCORD, "--home", str(pair.north.home), "epoch", "sync", *named]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("killed", ["north", "south"])
def test_a_node_that_dies_leaves_no_half_index(pair: Pair, prepared: str, killed: str) -> None:
    pair.proxy.hold_at(TO_CLIENT, 70_000)
    syncing = synchronise_meanwhile(pair)
    assert pair.proxy.reached.wait(PATIENCE_SECONDS)
    node: NodeUnderTest = getattr(pair, killed)
    node.kill()
    pair.proxy.reset()
    node.serve()
    assert code_of(outcome_of(syncing)) == {"north": "not-running", "south": "cannot-resume"}[killed]
    assert pair.north.must("epoch", "list", "--json").json == []
    synchronised(pair.north, "--kind", KIND)
    assert hits(ask(pair.north, prepared)) == numbers(range(10, 15))
    (folder,) = (pair.north.home / "registry" / ".epochs" / "held" / "south").glob(prepared)
    assert {path.name for path in folder.iterdir()} == {"epoch", "current", "00000001.index"}
    for each in (pair.north, pair.south):
        assert not list((each.home / "spool").iterdir())
        each.must("ledger", "verify")
