"""From a real answer to a follow-up request, at both sides; and what an explanation foresaw of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from protocol.vocabulary import Reveals
from tests.e2e.conftest import Pair
from tests.e2e.harness import NodeUnderTest, number, rules
from tests.e2e.test_reveals import wait_for

MINE, YOURS = range(2_000), range(1_995, 4_000)
SHARED = [number(value) for value in range(1_995, 2_000)]
ANYTHING = 'reveals = ["*"]'


@pytest.fixture(scope="module")
def answers(served: Pair) -> dict[Reveals, dict[str, Any]]:
    """One question to one side, one to both with notes; what was foreseen, and what came."""
    north, south = served.north, served.south
    north.write_rules(
        *(rules("south", way).replace('reveals = ["shared-identifiers"]', ANYTHING) for way in ("outgoing", "incoming"))
    )
    south.write_rules(rules("north", "incoming").replace('reveals = ["shared-identifiers"]', ANYTHING))
    north.hold(MINE)
    south.hold(YOURS)
    served.healthy()
    found = {}
    for reveals in (Reveals.SHARED_IDENTIFIERS, Reveals.SHARED_IDENTIFIERS_TO_BOTH_WITH_NOTES):
        for _ in range(2):  # the first answer tells the partner's sizes, so that the second is foreseen in full
            foreseen = explained(north, reveals)
            outcome = north.ask("south", "--reveals", reveals.value, "--json")
            assert outcome.code == 0, outcome.err
        found[reveals] = {"foreseen": foreseen, **outcome.json}
    north.write_rules(rules("south", "outgoing"))
    south.write_rules(rules("north", "incoming"))
    return found


def explained(node: NodeUnderTest, reveals: Reveals) -> dict[str, Any]:
    arguments = node.query_arguments("south", "--reveals", reveals.value, "--explain", "--json")[2:]
    found: dict[str, Any] = node.must(*arguments).json
    return found


@pytest.mark.parametrize("reveals", [Reveals.SHARED_IDENTIFIERS, Reveals.SHARED_IDENTIFIERS_TO_BOTH_WITH_NOTES])
def test_an_explanation_foresees_what_happens(
    pair: Pair, answers: dict[Reveals, dict[str, Any]], reveals: Reveals
) -> None:
    answer = answers[reveals]
    foreseen, estimate = answer["foreseen"], answer["foreseen"]["estimate"]
    assert foreseen["reveals"] == answer["reveals"] == reveals.value
    assert [(entry["own"], entry["partner"]["elements"]) for entry in foreseen["lists"]] == [(len(MINE), len(YOURS))]
    assert estimate["partner_sizes_known"] is True
    assert estimate["sent_bytes"] == pytest.approx(answer["sent_bytes"], rel=0.02)
    assert estimate["received_bytes"] == pytest.approx(answer["received_bytes"], rel=0.02)
    assert foreseen["decision"]["rule"] == "outgoing-south"
    after = explained(pair.north, Reveals.SHARED_IDENTIFIERS)
    assert after["budget"]["used"] == 4 * len(MINE), "each of the four questions was charged"
    assert (
        foreseen["budget"]["left"] + foreseen["budget"]["charged"] + foreseen["budget"]["used"]
        == after["budget"]["limit"]
    )


def test_from_a_real_answer_to_a_request_that_the_partner_verifies(
    pair: Pair, answers: dict[Reveals, dict[str, Any]], tmp_path: Path
) -> None:
    north, south = pair.north, pair.south
    session = answers[Reveals.SHARED_IDENTIFIERS]["session"]
    listed = [json.loads(line) for line in north.must("hits", "list", session, "--json").out.splitlines()]
    assert [(hit["identifier"], hit["note"], hit["state"]) for hit in listed] == [
        (text, None, "open") for text in SHARED
    ]
    assert listed[0]["records"] == [{"reference": "north-1995", "display": {"name": "Person 1995"}}]

    request = tmp_path / "request.json"
    assert north.accord("hits", "export", session, 2, "--output", request).code == 5
    north.must("hits", "confirm", session, 2, "--reason", "documents-agree")
    north.must("hits", "export", session, 2, "--output", request)
    verified = south.must("hits", "verify", request, "--json").json
    assert (verified["sender"], verified["asked_by"], verified["legal_basis"]["case_reference"]) == (
        "north",
        "north",
        "CASE-1",
    )
    assert [(hit["identifier"], hit["own_references"]) for hit in verified["hits"]] == [(SHARED[1], ["north-1996"])]
    (asked,) = [
        row
        for row in south.ledger()
        if row["event"] == "request-received" and row["session"] == verified["envelope_digest"]
    ]
    assert asked["partner"] == "north"


def test_where_the_answer_goes_to_both_each_side_follows_up(
    pair: Pair, answers: dict[Reveals, dict[str, Any]], tmp_path: Path
) -> None:
    """South was asked, learned the hits too, and asks back: by north's note, without the identifier."""
    north, south = pair.north, pair.south
    session = answers[Reveals.SHARED_IDENTIFIERS_TO_BOTH_WITH_NOTES]["session"]
    wait_for(south.home / "results" / f"{session}.json")
    at_south = [result for result in south.must("results", "list", "--json").json if result["session"] == session]
    assert [(result["partner"], result["asked_by"], result["hits"]) for result in at_south] == [("north", "north", 5)]
    hits = [json.loads(line) for line in south.must("hits", "list", session, "--json").out.splitlines()]
    assert [hit["identifier"] for hit in hits] == SHARED
    assert ["north-1995" in hit["note"] for hit in hits] == [True, *[False] * 4]

    request = tmp_path / "back.json"
    south.must("hits", "confirm", session, 1, "--reason", "second-source")
    south.must("hits", "export", session, 1, "--output", request)
    verified = north.must("hits", "verify", request, "--json").json
    assert (verified["sender"], verified["recipient"], verified["asked_by"]) == ("south", "north", "north")
    assert "north-1995" in verified["hits"][0]["partner_note"]
    assert "identifier" not in verified["hits"][0]
    assert SHARED[0] not in request.read_text()

    (tally,) = [t for t in south.must("hits", "stats", "--json").json if t["partner"] == "north"]
    assert tally["confirmed"]["second-source"] == 1
    assert tally["hits"] == tally["open"] + 1


def test_no_identifier_in_ledgers_logs_and_statistics(pair: Pair, answers: dict[Reveals, dict[str, Any]]) -> None:
    session = answers[Reveals.SHARED_IDENTIFIERS]["session"]
    pair.north.must("hits", "discard", session, 1, 3, "--reason", "other-subject")
    for node in (pair.north, pair.south):
        said = [node.log_text(), json.dumps(node.ledger()), node.must("hits", "stats", "--json").out]
        said += [path.read_bytes().decode("latin-1") for path in node.home.glob("*.db*")]
        assert "hit-" in said[1]
        for text in said:
            assert [identifier for identifier in SHARED if identifier in text] == []
            assert "Person 199" not in text
