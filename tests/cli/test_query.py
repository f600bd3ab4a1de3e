"""`accord query` as an operator meets it: what it shows, where it keeps the answer, and how it ends."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from nodes.exercise_node import MANDATE
from tests.e2e.conftest import Pair, pair, served
from tests.e2e.harness import NodeUnderTest, make_node, number, rules

__all__ = ["pair", "served"]  # fixtures


@pytest.fixture(scope="module", autouse=True)
def lists(served: Pair) -> None:
    served.north.hold(range(70))
    served.south.hold(range(10, 100))


def results(node: NodeUnderTest) -> set[Path]:
    return set((node.home / "results").iterdir())


def test_the_table_says_what_a_hit_is_and_shows_own_records(pair: Pair) -> None:
    before = results(pair.north)
    outcome = pair.north.ask_here("south")
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("Leads, not identities")
    assert f"passport-number\tcandidate\t{number(10)}\tnorth-10 (Person 10)" in outcome.out
    assert number(9) not in outcome.out
    assert "and 10 more in the file below" in outcome.out
    assert "passport-number\t70\t90\t60" in outcome.out
    (made,) = results(pair.north) - before
    assert str(made) in outcome.out
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    for word in ("session", "seconds", "bytes", "backend"):
        assert word in outcome.out


def test_json_is_the_whole_answer_and_nothing_else(pair: Pair) -> None:
    outcome = pair.north.ask_here("south", "--json")
    assert (outcome.code, outcome.err) == (0, "")
    result = outcome.json
    assert {hit["identifier"] for hit in result["hits"]} == {number(value) for value in range(10, 70)}
    assert result["hits"][0]["records"][0]["reference"].startswith("north-")
    assert "lead" in result["notice"].lower()
    assert result["legal_basis"]["case_reference"] == "CASE-1"
    assert json.loads(Path(result["file"]).read_bytes()) == {k: v for k, v in result.items() if k != "file"}


def test_progress_goes_to_stderr(pair: Pair) -> None:
    outcome = pair.north.ask_here("south")
    assert "comparing" in outcome.err
    assert "comparing" not in outcome.out


def test_the_answer_in_a_file_of_ones_own(pair: Pair, tmp_path: Path) -> None:
    before, file = results(pair.north), tmp_path / "answer.json"
    outcome = pair.north.ask_here("south", "--output", file)
    assert outcome.code == 0, outcome.err
    assert results(pair.north) == before
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(json.loads(file.read_bytes())["hits"]) == 60
    known = len(pair.south.ledger())
    again = pair.north.ask_here("south", "--output", file, "--json")
    assert (again.code, again.error["code"]) == (9, "output-exists")
    assert len(pair.south.ledger()) == known  # refused before anything is asked


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["--kind", "shoe-size"], 9, "bad-question"),
        (["--kind", "imo", "--kind", "imo"], 9, "bad-question"),
        (["--ask", "Konten 7"], 9, "bad-question"),
        (["--partner", ""], 9, "bad-question"),
        (["--partner", "east"], 3, "unknown-partner"),
        (["--data-set", "nothing"], None, "unknown-data-set"),
    ],
)
def test_questions_that_cannot_be_asked(
    pair: Pair,
    arguments: list[str],
    code: int | None,
    error: str,
) -> None:
    known = len(pair.south.ledger())
    outcome = pair.north.ask_here("south", "--json", *arguments)
    assert outcome.error["code"] == error
    assert outcome.code == outcome.error["exit_code"] != 0
    assert code is None or outcome.code == code
    assert outcome.error["advice"]
    assert len(pair.south.ledger()) == known


@pytest.mark.parametrize(
    ("mandate", "error"),
    [
        ("", "bad-mandate"),
        (MANDATE.replace("purpose", "porpoise"), "bad-mandate"),
        (MANDATE.replace("2099", "2021"), "mandate-not-valid-now"),
        (MANDATE.replace("2020", "2098"), "mandate-not-valid-now"),
        (None, "unreadable-file"),
    ],
    ids=["empty", "unknown-key", "over", "later", "missing"],
)
def test_without_a_mandate_nothing_is_asked(
    pair: Pair,
    tmp_path: Path,
    mandate: str | None,
    error: str,
) -> None:
    file = tmp_path / "mandate.toml"
    if mandate is not None:
        file.write_text(mandate)
    known = len(pair.south.ledger())
    outcome = pair.north.ask_here("south", "--json", "--mandate", file)
    assert (outcome.code, outcome.error["code"]) == (9, error)
    assert len(pair.south.ledger()) == known


def test_a_refusal_tells_what_to_do_next(pair: Pair) -> None:
    outcome = pair.north.ask_here("south", "--ask", "others")
    assert outcome.code == 4
    session = pair.south.ledger()[-1]["session"]
    message, advice = outcome.err.splitlines()[-2:]
    assert message == "accord: the partner refused the question: policy [refused]"
    assert "it need not say why" in advice
    assert advice.endswith(f"session {session[:16]}.")
    in_json = pair.north.ask_here("south", "--ask", "others", "--json")
    assert "it need not say why" in in_json.error["advice"]
    assert outcome.out == ""


def test_names_that_are_not_known_are_said_with_those_that_are(pair: Pair) -> None:
    outcome = pair.north.ask_here("south", "--json", "--data-set", "nothing")
    assert outcome.error["message"] == "expected a data set of this node (suspects), got nothing"
    outcome = pair.north.ask_here("south", "--json", "--partner", "east")
    assert outcome.error["message"] == "expected a partner among those known here (south), got 'east'"


def test_lists_that_are_empty_ask_nothing_and_an_empty_answer_says_so(pair: Pair) -> None:
    known = len(pair.south.ledger())
    outcome = pair.north.ask_here("south", "--json", "--kind", "imo")
    assert (outcome.code, outcome.error["code"]) == (9, "bad-question")
    assert len(pair.south.ledger()) == known
    pair.north.hold(range(500, 507))
    try:
        outcome = pair.north.ask_here("south")
    finally:
        pair.north.hold(range(70))
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("No shared identifiers.")


def test_broken_rules_are_reported_as_such(pair: Pair) -> None:
    pair.north.write_rules(rules("south", "outgoing").replace('"allow"', '"alow"'))
    try:
        outcome = pair.north.ask_here("south", "--json")
    finally:
        pair.north.write_rules(rules("south", "outgoing"))
    assert (outcome.code, outcome.error["code"]) == (3, "bad-rules")
    assert "rules[0]: effect: expected one of allow, refuse" in outcome.error["message"]


def test_a_node_that_does_not_run(tmp_path: Path) -> None:
    node = make_node(tmp_path, "north")
    outcome = node.ask_here("south", "--json")
    assert (outcome.code, outcome.error["code"]) == (6, "not-running")
