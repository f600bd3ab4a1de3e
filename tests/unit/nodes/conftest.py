"""An empty home, and the state in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nodes.home import Home
from nodes.state import State


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "node")
    home.create()
    return home


@pytest.fixture
def state(home: Home) -> Iterator[State]:
    state = State(home)
    yield state
    state.close()
