"""`accord query intersect --explain`, and the question that is asked before one is sent. No node runs here."""

from __future__ import annotations

import os
import pty
import sys
from dataclasses import asdict

import pytest

from nodes.error_table import ExitCode
from nodes.exercise_node import MANDATE, introduce
from nodes.explain import KnownSize, told_sizes
from protocol.disclosure import DISCLOSURES
from protocol.vocabulary import Reveals, Variant
from tests.cli.command import accord_process
from tests.e2e.harness import NodeUnderTest, make_node, number, rules

SIZE = 7
ASKED = (Variant.FRESH_KEYS, Reveals.SHARED_IDENTIFIERS)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> NodeUnderTest:
    folder = tmp_path_factory.mktemp("explain")
    north, south = make_node(folder, "north"), make_node(folder, "south")
    introduce(north, south)
    north.hold(range(1, SIZE + 1))
    return north


@pytest.fixture
def north(asked: NodeUnderTest) -> NodeUnderTest:
    asked.write_rules(rules("south", "outgoing"))
    return asked


def arguments(node: NodeUnderTest, *more: object) -> list[str]:
    """As an operator types a query, without the node's consent to ask."""
    return [argument for argument in node.query_arguments("south", *more) if argument != "--yes"]


def explained(node: NodeUnderTest, *more: object) -> list[str]:
    return arguments(node, "--explain", *more)[2:]


def test_all_of_it_in_json(north: NodeUnderTest) -> None:
    rows = len(north.ledger())
    outcome = north.must(*explained(north, "--json"))
    found = outcome.json
    assert found["lists"] == [{"kind": "passport-number", "strength": "candidate", "own": SIZE, "partner": None}]
    assert found["learns"] == [asdict(s) for s in DISCLOSURES[ASKED].statements]
    assert found["caveats"] == list(DISCLOSURES[ASKED].caveats)
    assert found["decision"] == {"allowed": True, "ground": "allowed", "rule": "outgoing-south"}
    assert found["budget"] == {"charged": SIZE, "used": 0, "limit": 100_000_000, "left": 100_000_000 - SIZE}
    assert (found["partner"], found["asked"], found["data_set"]) == ("south", "suspects", "suspects")
    assert (found["reveals"], found["legal_basis"]["case_reference"]) == ("shared-identifiers", "CASE-1")
    estimate = found["estimate"]
    assert estimate["partner_sizes_known"] is False
    assert 0 < estimate["seconds"] < 60 and estimate["sent_bytes"] > 32 * SIZE
    assert estimate["per_million_of_partner"]["received_bytes"] == pytest.approx(16_000_000, rel=0.01)
    assert estimate["machine"]["cpu"] and estimate["measured_ms"] > 0

    assert len(north.ledger()) == rows, "an explanation is no event"
    assert not list((north.home / "spool").iterdir())
    assert not (north.home / "results").exists()
    assert all(number(value) not in outcome.out + outcome.err for value in range(1, SIZE + 1))


def test_in_words(north: NodeUnderTest) -> None:
    said = north.must(*explained(north)).out
    disclosure = DISCLOSURES[ASKED]
    for statement in disclosure.statements:
        assert statement.learns in said and statement.assumption in said and statement.adversary in said
    assert all(caveat in said for caveat in disclosure.caveats)
    assert "allowed by outgoing-south; south decides by its own" in said
    assert "7 elements; then 99,999,993 of 100,000,000 are left today (UTC)" in said
    assert "passport-number\tcandidate\t7\tunknown" in said
    assert "per million that south holds; the line is not counted" in said


def test_a_question_that_own_rules_refuse(north: NodeUnderTest) -> None:
    north.write_rules(rules("elsewhere", "outgoing"))
    outcome = north.accord(*explained(north, "--json"))
    assert outcome.code == ExitCode.REFUSED_BY_OWN_RULES
    assert outcome.error["code"] == "refused-by-own-rules"
    assert outcome.json["decision"] == {"allowed": False, "ground": "no-rule", "rule": ""}
    assert outcome.json["budget"] is None
    north.write_rules(rules("south", "outgoing", allow=False))
    assert "refused: refused-by-rule by rule outgoing-south" in north.accord(*explained(north)).out


def test_a_budget_that_does_not_bear_it(north: NodeUnderTest) -> None:
    north.write_rules(
        rules("south", "outgoing").replace("max_elements_per_day = 100000000", "max_elements_per_day = 5")
    )
    outcome = north.accord(*explained(north, "--json"))
    assert (outcome.code, outcome.error["code"]) == (ExitCode.REFUSED_BY_OWN_RULES, "budget-exceeded")
    assert outcome.json["budget"] == {"charged": SIZE, "used": 0, "limit": 5, "left": 5 - SIZE}


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--partner", "nobody"), "unknown-partner"),
        (("--data-set", "nothing"), "unknown-data-set"),
        (("--kind", "shoe-size"), "bad-question"),
    ],
)
def test_what_cannot_be_asked_cannot_be_explained(north: NodeUnderTest, options: tuple[str, str], code: str) -> None:
    outcome = north.accord(*explained(north, "--json"), *options)
    assert (outcome.out, outcome.error["code"]) == ("", code)


def test_a_mandate_that_has_ended(north: NodeUnderTest) -> None:
    ended = north.home.with_name("ended.toml")
    ended.write_text(MANDATE.replace("2099", "2021"))
    assert north.accord(*explained(north, "--json"), "--mandate", ended).error["code"] == "mandate-not-valid-now"


def test_without_a_terminal_it_takes_a_yes(north: NodeUnderTest) -> None:
    rows = len(north.ledger())
    outcome = accord_process(*arguments(north, "--json"), typed="y\n")
    assert (outcome.code, outcome.error["code"]) == (ExitCode.INPUT, "bad-question")
    assert "--yes" in outcome.error["message"]
    assert len(north.ledger()) == rows
    consented = north.ask("south", "--json")
    assert consented.error["code"] == "not-running", "with it, the node is asked, and here none runs"


@pytest.mark.parametrize(("typed", "ends"), [(b"n\n", ExitCode.CANCELLED), (b"y\n", ExitCode.NETWORK)])
def test_on_a_terminal_the_operator_is_asked(north: NodeUnderTest, typed: bytes, ends: ExitCode) -> None:
    child, terminal = pty.fork()
    if child == 0:
        program = "from nodes.cli.main import main; main()"
        os.execv(sys.executable, [sys.executable, "-c", program, *arguments(north)])  # noqa: S606
    seen = b""
    while b"Send this question? [y/N]" not in seen:
        try:
            seen += os.read(terminal, 1000)
        except OSError:
            raise AssertionError(seen.decode()) from None
    os.write(terminal, typed)
    try:
        while part := os.read(terminal, 1000):
            seen += part
    except OSError:
        pass  # the terminal ends with the process
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == ends, seen
    said = seen.decode().replace("\r\n", "\n")
    for statement in DISCLOSURES[ASKED].statements:
        assert (statement.learns in said) == (statement.learner != "network")
    assert "7 of kind passport-number" in said
    assert "allowed by outgoing-south" in said
    assert ("cancelled by the operator" in said) == (ends is ExitCode.CANCELLED)


class TestToldSizes:
    """From ledger rows: only what this partner said in answers to this node about this data set."""

    ROWS = (
        {"event": "request-sent", "session": "a", "partner": "south", "data_set": "suspects", "time_ms": 1},
        {"event": "completion", "session": "a", "partner": "south", "data_set": "suspects", "time_ms": 2,
         "kinds": ["iban", "imo"], "partner_sizes": [5, 6]},
    )  # fmt: skip

    def test_the_last_word_per_kind(self) -> None:
        again = ({**row, "session": "b", "time_ms": row["time_ms"] + 10} for row in self.ROWS)  # type: ignore[operator]
        rows = [
            *self.ROWS,
            *({**row, "kinds": ["imo"], "partner_sizes": [9]} if "kinds" in row else row for row in again),
        ]
        assert told_sizes(rows, "south", "suspects") == {"iban": KnownSize(5, 2), "imo": KnownSize(9, 12)}

    @pytest.mark.parametrize("change", [{"partner": "west"}, {"data_set": "other"}, {"session": "b"}])
    def test_others_do_not_count(self, change: dict[str, str]) -> None:
        rows = [self.ROWS[0], {**self.ROWS[1], **change}]
        assert told_sizes(rows, "south", "suspects") == {}

    def test_what_it_asked_of_us_does_not_count(self) -> None:
        rows = [{**self.ROWS[0], "event": "request-received"}, self.ROWS[1]]
        assert told_sizes(rows, "south", "suspects") == {}

    @pytest.mark.parametrize("sizes", [[], [1], [1, 2, 3]])
    def test_a_partner_that_tells_other_sizes_than_asked(self, sizes: list[int]) -> None:
        assert told_sizes([self.ROWS[0], {**self.ROWS[1], "partner_sizes": sizes}], "south", "suspects") == {}
