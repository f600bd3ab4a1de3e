"""A total of three served nodes, of which one is gone or held up in the middle: who says what, and what it costs.

The asking node reaches one contributor through a proxy, which holds the connection when a part of the run is over. No
outcome is a total; a failure is an error that does not name who was not heard, or a charge that does not fit it.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nodes.error_table import ExitCode
from nodes.exercise_node import ACCORD, free_port
from tests.cli.command import Outcome
from tests.e2e.circle import MONEY, Circle, make_circle, served
from tests.e2e.harness import NodeUnderTest
from tests.e2e.proxy import TO_CLIENT, Proxy

IDLE_SECONDS = 12  # no honest run is so long silent, even on a busy machine
LOOK_SECONDS = 60  # for a row to be there


@dataclass
class Scene:
    """North asks south and, through the proxy, east: always the same, so that no answer forbids the next."""

    circle: Circle
    proxy: Proxy
    answer_bytes: int = 0  # that east sends in a whole run

    @property
    def nodes(self) -> list[NodeUnderTest]:
        return self.circle.nodes

    def ask(self) -> subprocess.Popen[str]:
        for node in self.nodes:
            if node.process is None:
                node.serve()
        self.proxy.reset()
        arguments = self.circle.arguments(*MONEY, "--minimum", "1", "--json")
        command = [*ACCORD, "--home", str(self.nodes[0].home), *map(str, arguments)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def held_at(self, offset_bytes: int) -> subprocess.Popen[str]:
        """Ask, and wait until east has sent so much, and no more."""
        asking = self.ask()
        self.proxy.hold_at(TO_CLIENT, offset_bytes)
        assert self.proxy.reached.wait(LOOK_SECONDS)
        return asking

    @property
    def in_the_middle(self) -> int:
        """East has pledged, and not yet told."""
        return self.answer_bytes * 6 // 10

    @property
    def at_the_end(self) -> int:
        """What is left is a share or two."""
        return self.answer_bytes - 400

    def last_row(self, node: NodeUnderTest, before: int) -> dict[str, Any]:
        """The row with which its newest session ends, when it is there."""
        deadline = time.monotonic() + LOOK_SECONDS
        while (rows := node.ledger()[before:])[-1:] == [] or rows[-1]["event"] != "abort":
            assert time.monotonic() < deadline, [row["event"] for row in rows]
            time.sleep(0.2)
        return rows[-1]


def ended(asking: subprocess.Popen[str]) -> Outcome:
    out, err = asking.communicate(timeout=LOOK_SECONDS)
    return Outcome(asking.returncode, out, err)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, logarithms: Path) -> Iterator[Scene]:
    door = free_port()
    names = ("north", "south", "east")
    circle = make_circle(tmp_path_factory.mktemp("circle"), names, 20, 5, logarithms, {"east": door})
    for node in circle.nodes:
        node.configure(f"[limits]\nidle_seconds = {IDLE_SECONDS}\n")
    scene = Scene(circle, Proxy(circle.nodes[2].port, door))
    with served(circle):
        try:
            outcome = ended(scene.ask())
            assert outcome.code == 0, outcome.err
            scene.answer_bytes = scene.proxy.counts[TO_CLIENT]
            yield scene
        finally:
            scene.proxy.close()


def events(node: NodeUnderTest, before: int) -> list[str]:
    return [row["event"] for row in node.ledger()[before:]]


def test_a_participant_killed_before_anything_is_opened_costs_nobody(scene: Scene) -> None:
    north, south, east = scene.nodes
    before = {node.agency: len(node.ledger()) for node in (north, south)}
    asking = scene.held_at(scene.in_the_middle)
    east.kill()
    scene.proxy.cut()
    outcome = ended(asking)
    assert (outcome.code, outcome.error["code"]) == (ExitCode.NETWORK, "not-heard")
    said = outcome.error["message"]
    assert said.startswith("not heard by north: east ("), said
    assert said.endswith("; connection-lost); charged: nothing"), said
    assert scene.last_row(north, before["north"])["reason"] == "not-heard (east)"
    assert scene.last_row(south, before["south"])["reason"] == "aborted-by-partner: not-heard (east)"
    assert not {"disclosure"} & {*events(north, before["north"]), *events(south, before["south"])}


def test_a_participant_killed_when_shares_are_out_costs_all_and_tells_no_sum(scene: Scene) -> None:
    north, south, east = scene.nodes
    before = {node.agency: len(node.ledger()) for node in (north, south)}
    asking = scene.held_at(scene.at_the_end)
    east.kill()
    scene.proxy.cut()
    outcome = ended(asking)
    said = outcome.error["message"]
    assert said.startswith("not heard by north: east ("), said
    assert said.endswith("; charged: 1 exact answer and 1 of the day's elements, with each agency"), said
    for node in (north, south):
        row = scene.last_row(node, before[node.agency])
        assert row["reason"].endswith("not-heard (east)")
        [disclosed] = [r for r in node.ledger()[before[node.agency] :] if r["event"] == "disclosure"]
        assert (disclosed["session"], disclosed["exact"]) == (row["session"], 1)


def test_behind_a_line_that_carries_nothing_more_each_side_names_whom_it_waited_for(scene: Scene) -> None:
    _, south, east = scene.nodes
    before = {node.agency: len(node.ledger()) for node in scene.nodes}
    outcome = ended(scene.held_at(scene.in_the_middle))
    said = outcome.error["message"]
    assert said.startswith("not heard by north: east ("), said
    assert said.endswith("); charged: nothing"), said
    assert "connection-lost" not in said
    assert scene.last_row(south, before["south"])["reason"].endswith("not-heard (east)")
    # Whose messages of the round had still come through before the line was held is the network's choice.
    unheard = ("not-heard (north, south)", "not-heard (south)", "not-heard (north)")
    assert scene.last_row(east, before["east"])["reason"] in unheard
    assert "not heard by east through north: north (" in east.log_text()


def test_when_the_asking_node_is_killed_contributors_name_it(scene: Scene) -> None:
    north, south, east = scene.nodes
    before = {node.agency: len(node.ledger()) for node in scene.nodes}
    asking = scene.held_at(scene.in_the_middle)
    north.kill()
    scene.proxy.reset()
    assert ended(asking).error["code"] == "not-running"
    for node in (south, east):
        assert scene.last_row(node, before[node.agency])["reason"].startswith("not-heard (north")
        assert "disclosure" not in events(node, before[node.agency])
        assert f"not heard by {node.agency} through north: north (connection-lost)" in node.log_text()
