"""A real node in this process, over records, at a time that a test sets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nodes.node import Node, open_node
from tests.unit.nodes.epochs.records import Clock, Records


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(Node, "now_ms", staticmethod(made))
    return made


@pytest.fixture
def records(tmp_path: Path) -> Records:
    made = Records(tmp_path)
    made.hold(["X0000001", "X0000002"])
    return made


@pytest.fixture
def node(records: Records, clock: Clock) -> Iterator[Node]:
    with open_node(records.agency.home) as node:
        yield node
