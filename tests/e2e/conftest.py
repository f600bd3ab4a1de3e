"""Two served nodes for a module: north asks, through a proxy, and south answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from nodes.exercise_node import free_port, introduce
from nodes.home import write_private
from psi.discrete_log import Table
from tests.e2e.harness import NodeUnderTest, make_node, rules
from tests.e2e.proxy import Proxy


@pytest.fixture(scope="session")
def logarithms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The table behind totals, made once: it is the same for all nodes."""
    path = tmp_path_factory.mktemp("logarithms") / "logarithms.table"
    write_private(path, Table.build().to_bytes())
    return path


@dataclass
class Pair:
    north: NodeUnderTest
    south: NodeUnderTest
    proxy: Proxy

    def healthy(self) -> None:
        """Both nodes run and nothing is held; a test may have left them otherwise."""
        self.proxy.reset()
        for node in (self.north, self.south):
            if node.process is None or node.process.poll() is not None:
                node.process = None
                node.serve(wait=False)
        for node in (self.north, self.south):
            node.wait_until_ready()


@pytest.fixture(scope="module")
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """A module that sets RESUME_SECONDS has sessions that survive a cut; elsewhere a cut ends them at once."""
    folder = tmp_path_factory.mktemp("nodes")
    door = free_port()
    north, south = make_node(folder, "north"), make_node(folder, "south", address_port=door)
    proxy = Proxy(south.port, door)
    for node in (north, south):
        node.configure(f"[limits]\nresume_seconds = {getattr(request.module, 'RESUME_SECONDS', 0)}\n")
    introduce(north, south)
    north.write_rules(rules("south", "outgoing"))
    south.write_rules(rules("north", "incoming"))
    pair = Pair(north, south, proxy)
    try:
        pair.healthy()
        yield pair
        pair.proxy.reset()
        assert north.stop() == south.stop() == 0
    finally:
        north.kill()
        south.kill()
        proxy.close()


@pytest.fixture
def pair(served: Pair) -> Pair:
    served.healthy()
    return served
