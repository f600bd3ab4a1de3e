"""Eight agencies, each its own process, learn a total over TLS: once to the one that asks, once to all."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.circle import MONEY, Circle, as_told, by, expected, make_circle, served, told_in
from tests.e2e.figures import OFFENCES
from tests.patience import PATIENCE_SECONDS

NAMES = ("north", "south", "east", "west", "centre", "coast", "hills", "islands")
SIZE, OVERLAP = 40, 8


@pytest.fixture(scope="module")
def circle(tmp_path_factory: pytest.TempPathFactory, logarithms: Path) -> Iterator[Circle]:
    circle = make_circle(tmp_path_factory.mktemp("circle"), NAMES, SIZE, OVERLAP, logarithms)
    with served(circle):
        yield circle


def test_sums_of_eight_equal_the_files_at_all_who_are_told(circle: Circle) -> None:
    result = circle.told(*MONEY, *by("offence", OFFENCES), "--minimum", "1", "--to-all", count=8)
    truth = expected(circle.held, "offence")
    assert {word for word in OFFENCES if truth[word][0] >= 3}, "some are opened"
    opened = {word: truth[word] if truth[word][0] >= 3 else (truth[word][0], None, 0) for word in OFFENCES}
    assert as_told(result) == opened
    assert [participant["agency"] for participant in result["participants"]] == list(NAMES)
    [session] = told_in(circle.nodes[0], "completion")
    assert session.startswith(result["session"])
    deadline = time.monotonic() + PATIENCE_SECONDS
    for node in circle.nodes:
        while told_in(node, "completion") != {session}:  # each ends by itself
            assert time.monotonic() < deadline, f"{node.agency} has not completed"
            time.sleep(0.2)
        assert told_in(node, "disclosure") == {session}
        [kept] = (node.home / "results").glob("*.json")
        assert as_told(json.loads(kept.read_text())) == opened
