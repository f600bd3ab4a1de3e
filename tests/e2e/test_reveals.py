"""What an answer tells, and to whom: to both sides, and with the partner's notes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from protocol.vocabulary import REVEALED, Query, Reveals
from tests.e2e.conftest import Pair
from tests.e2e.harness import number, rules
from tests.patience import PATIENCE_SECONDS


@pytest.fixture
def open_pair(pair: Pair) -> Iterator[Pair]:
    """North holds 0 to 6, south 4 to 12; rules allow whatever an answer can tell."""
    everything = 'reveals = ["*"]'
    pair.north.write_rules(
        *(
            rules("south", way).replace('reveals = ["shared-identifiers"]', everything)
            for way in ("outgoing", "incoming")
        )
    )
    pair.south.write_rules(rules("north", "incoming").replace('reveals = ["shared-identifiers"]', everything))
    pair.north.hold(range(7))
    pair.south.hold(range(4, 13))
    yield pair
    pair.north.write_rules(rules("south", "outgoing"))
    pair.south.write_rules(rules("north", "incoming"))


def wait_for(file: Path) -> None:
    """The responder compares and writes after the requester has its answer."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not file.exists():
        assert time.monotonic() < deadline, "expected the responder's answer"
        time.sleep(0.05)


@pytest.mark.parametrize("reveals", REVEALED[Query.INTERSECT])
def test_each_side_learns_what_was_asked_for(open_pair: Pair, reveals: Reveals) -> None:
    north, south = open_pair.north, open_pair.south
    outcome = north.ask_here("south", "--kind", "passport-number", "--reveals", reveals.value, "--json")
    assert outcome.code == 0, outcome.err
    shared = {number(value) for value in range(4, 7)}
    assert {hit["identifier"] for hit in outcome.json["hits"]} == shared
    assert all(("note" in hit) is reveals.with_notes for hit in outcome.json["hits"])
    if reveals.with_notes:
        assert all(hit["note"] for hit in outcome.json["hits"])

    received = south.home / "results" / f"{outcome.json['session']}.json"
    if reveals.to_both:
        wait_for(received)
        assert received.stat().st_mode & 0o777 == 0o600
        answer = json.loads(received.read_bytes())
        assert {hit["identifier"] for hit in answer["hits"]} == shared
        assert answer["asked_by"] == "north"

    else:
        assert not received.exists()

    for node, discloses in ((south, True), (north, reveals.to_both)):
        rows = [row for row in node.ledger() if row.get("session", "").startswith(outcome.json["session"])]
        assert any(row["event"] == "disclosure" for row in rows) is discloses
        assert node.accord("ledger", "verify").code == 0


def test_a_rule_that_allows_less_refuses_more(pair: Pair) -> None:
    pair.north.write_rules(rules("south", "outgoing").replace('"shared-identifiers"', '"*"'))
    pair.north.hold(range(7))
    pair.south.hold(range(4, 13))
    outcome = pair.north.ask_here("south", "--kind", "passport-number", "--reveals", "shared-identifiers-to-both")
    assert outcome.code == 4, outcome.err
    assert "policy" in outcome.err
    pair.north.write_rules(rules("south", "outgoing"))


def test_to_both_needs_the_own_rules_leave_to_be_asked(open_pair: Pair) -> None:
    """To both, the partner asks as well: without an own rule that lets it, nothing of ours is evaluated."""
    everything = rules("south", "outgoing").replace('reveals = ["shared-identifiers"]', 'reveals = ["*"]')
    open_pair.north.write_rules(everything)
    outcome = open_pair.north.ask_here("south", "--kind", "passport-number", "--reveals", "shared-identifiers-to-both")
    assert outcome.code == 5, outcome.err
    assert "no-rule" in outcome.err
    assert not any(row["event"] == "disclosure" for row in open_pair.north.ledger()[-4:])
