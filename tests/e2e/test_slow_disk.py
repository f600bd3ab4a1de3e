"""Disks that take their time, under a node's whole home: spools, state and ledger.

What is simulated: a library that is loaded before a node's own (slow_disk.c) delays each write and each fsync below
its home. A failure is: another answer than on a fast disk, a session that is given up although its deadline is far, one
that outlives it, a charge without a disclosure, or a node that does nothing else while its disk works.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from nodes.control.client import connect
from nodes.exercise_node import introduce
from nodes.home import Home
from tests.e2e.harness import NodeUnderTest, make_node, rules
from tests.patience import PATIENCE_SECONDS

OWN, THEIRS = range(6_000), range(3_000, 9_000)
SHARED = 3_000
COMPILER = shutil.which("cc") or ""


@dataclass
class SlowDisk:
    """The disk below one node; fast until told otherwise."""

    delay: Path

    def write_takes(self, seconds: float) -> None:
        self.delay.write_text(str(int(seconds * 1e6)))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not COMPILER:
        pytest.skip("a slow disk needs a C compiler")
    library = tmp_path_factory.mktemp("library") / "slow_disk.so"
    source = Path(__file__).with_name("slow_disk.c")
    subprocess.run([COMPILER, "-shared", "-fPIC", "-O1", "-Wall", "-o", str(library), str(source)], check=True)
    return library


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[dict[str, NodeUnderTest]]:
    north, south = make_node(tmp_path, "north"), make_node(tmp_path, "south")
    introduce(north, south)
    north.write_rules(rules("south", "outgoing"))
    south.write_rules(rules("north", "incoming"))
    north.hold(OWN)
    south.hold(THEIRS)
    try:
        yield {"north": north, "south": south}
        assert north.stop() == south.stop() == 0
    finally:
        north.kill()
        south.kill()


def serve(nodes: dict[str, NodeUnderTest], victim: str, library: Path, limits: str = "") -> SlowDisk:
    slow = nodes[victim]
    disk = SlowDisk(slow.home.with_name("microseconds"))
    disk.write_takes(0)
    slow.environment = {
        "LD_PRELOAD": str(library),
        "SLOW_FOLDER": f"{slow.home}/",  # and not its log, beside it
        "SLOW_MICROSECONDS": str(disk.delay),
    }
    if limits:
        slow.configure(f"[limits]\n{limits}")
    for node in nodes.values():
        node.serve(wait=False)
    for node in nodes.values():
        node.wait_until_ready()
    return disk


@pytest.mark.parametrize("victim", ["north", "south"])
def test_the_answer_is_the_same_and_the_node_stays_awake(
    nodes: dict[str, NodeUnderTest], library: Path, victim: str
) -> None:
    """The disk takes its time, and now and then it stops: the node says how it is all the same."""
    disk = serve(nodes, victim, library)
    disk.write_takes(0.05)
    stops = 0
    with ThreadPoolExecutor(1) as operator, ThreadPoolExecutor(1) as watch:
        asking = operator.submit(nodes["north"].ask, "south", "--json")
        try:
            while not asking.done():
                disk.write_takes(PATIENCE_SECONDS)
                watch.submit(say_how_it_is, nodes[victim]).result(PATIENCE_SECONDS / 2)
                stops += not asking.done()
                disk.write_takes(0.05)
                time.sleep(0.1)
        finally:
            disk.write_takes(0)
    outcome = asking.result()
    assert outcome.code == 0, outcome.err
    assert len(outcome.json["hits"]) == SHARED
    assert stops >= 5, "its ledger and state alone write more than ten times"


def say_how_it_is(node: NodeUnderTest) -> None:
    with connect(Home(node.home)) as client:
        client.status()


@pytest.mark.parametrize("victim", ["north", "south"])
def test_a_disk_too_slow_for_the_deadline(nodes: dict[str, NodeUnderTest], library: Path, victim: str) -> None:
    """Whoever has it gives the session up, says so, and charges nothing that it did not disclose."""
    disk = serve(nodes, victim, library, "deadline_base_seconds = 4\ndeadline_per_element_us = 0\n")
    disk.write_takes(0.5)
    outcome = nodes["north"].ask("south", "--json")
    assert outcome.code != 0
    assert outcome.error["code"] == ("timed-out" if victim == "north" else "aborted-by-partner"), outcome.err
    disk.write_takes(0)
    assert "disclosure" not in [row["event"] for row in nodes["south"].ledger()]
    assert len(nodes["north"].ask("south", "--json").json["hits"]) == SHARED
    for node in nodes.values():
        assert not list((node.home / "spool").iterdir())
