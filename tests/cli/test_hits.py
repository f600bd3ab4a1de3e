"""`accord results` and `accord hits`, on results as a node leaves them; no node runs here."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from nodes.config import load_config
from nodes.error_table import ExitCode
from nodes.exercise_node import introduce
from nodes.home import Home
from nodes.identity import load_identity
from tests.agency import Agency
from tests.cli.command import Outcome, accord, accord_process, init
from tests.e2e.harness import NodeUnderTest
from tests.results import PERSON, Kept, identifier, keep_result

WORDS = "Seen the file of Mallory, page 3"


class Node:
    """A node made by `accord init`, with results as `nodes.results` writes them."""

    def __init__(self, folder: Path, agency_id: str) -> None:
        self.home = folder / agency_id
        assert init(self.home, agency_id).code == 0
        config = load_config(Home(self.home))
        self.agency = Agency(Home(self.home), config, load_identity(Home(self.home), agency_id, _now_ms()))

    def accord(self, *arguments: object, typed: str | None = None) -> Outcome:
        return accord(self.home, *arguments, typed=typed)

    def must(self, *arguments: object, typed: str | None = None) -> Outcome:
        outcome = self.accord(*arguments, typed=typed)
        assert outcome.code == 0, outcome.err
        return outcome

    def ledger(self) -> list[dict[str, Any]]:
        self.must("ledger", "verify")
        return [json.loads(line) for line in self.must("ledger", "show", "--json", "--last", "1000").out.splitlines()]


def _now_ms() -> int:
    from nodes.cli.local import now_ms

    return now_ms()


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path, "fiu-north")


@pytest.fixture
def kept(node: Node) -> Kept:
    return keep_result(node.agency)


def test_a_new_node_has_no_results(node: Node) -> None:
    assert node.must("results", "list", "--json").json == []
    assert node.must("hits", "stats", "--json").json == []
    outcome = node.accord("hits", "list", "ab", "--json")
    assert (outcome.code, outcome.error["code"]) == (ExitCode.INPUT, "unknown-result")


def test_from_the_result_to_the_statistics(node: Node, kept: Kept, tmp_path: Path) -> None:
    """The whole way of an operator, in one piece."""
    session = kept.result.session
    (listed,) = node.must("results", "list", "--json").json
    assert (listed["session"], listed["query"], listed["hits"], listed["open"]) == (session, "intersect", 3, 3)

    hits = [json.loads(line) for line in node.must("hits", "list", session[:6], "--json").out.splitlines()]
    assert [(hit["number"], hit["identifier"], hit["state"]) for hit in hits] == [
        (n, identifier(n), "open") for n in (1, 2, 3)
    ]
    assert hits[0]["records"] == [{"reference": "own-1", "display": {"name": PERSON}}]

    made = node.must(
        "hits", "confirm", session, 1, 3, "--reason", "documents-agree", "--note", "-", "--json", typed=f"{WORDS}\n"
    )
    assert [(d["hit"], d["verdict"], d["note"]) for d in made.json] == [
        (1, "confirmed", WORDS),
        (3, "confirmed", WORDS),
    ]
    node.must("hits", "discard", session, 2, "--reason", "other-subject")

    states = node.must("hits", "list", session, "--state", "confirmed", "--json").out.splitlines()
    assert [json.loads(line)["number"] for line in states] == [1, 3]
    shown = node.must("hits", "show", session, 1, "--json").json
    assert (shown["state"], shown["decisions"][0]["note"]) == ("confirmed", WORDS)

    target = tmp_path / "request.json"
    exported = node.must("hits", "export", session, 1, 3, "--output", target, "--json").json
    assert [hit["identifier"] for hit in exported["hits"]] == [identifier(1), identifier(3)]
    assert target.stat().st_mode & 0o077 == 0
    assert node.must("hits", "verify", target, "--json").json["fingerprint"] == exported["fingerprint"]

    rows = node.ledger()[-3:]
    assert [(row["event"], row["hits"]) for row in rows] == [
        ("hit-confirmed", [1, 3]),
        ("hit-discarded", [2]),
        ("follow-up", [1, 3]),
    ]
    assert {row["session"] for row in rows} == {kept.digest}
    assert rows[-1]["note"] == f"fingerprint {exported['fingerprint']}"

    assert node.must("hits", "stats", "--json").json == [
        {
            "partner": "fiu-south",
            "kind": "iban",
            "hits": 1,
            "open": 0,
            "confirmed": {"documents-agree": 1},
            "discarded": {},
        },
        {
            "partner": "fiu-south",
            "kind": "passport-number",
            "hits": 2,
            "open": 0,
            "confirmed": {"documents-agree": 1},
            "discarded": {"other-subject": 1},
        },
    ]
    assert (
        "fiu-south\tpassport-number\t2\t0\t1\t1\t1 documents-agree, 1 other-subject" in node.must("hits", "stats").out
    )
    assert node.must("hits", "stats", "--partner", "fiu-east", "--json").json == []
    (listed,) = node.must("results", "list", "--json").json
    assert (listed["open"], listed["confirmed"], listed["discarded"]) == (0, 2, 1)


def test_tables_say_the_same(node: Node) -> None:
    session = keep_result(node.agency, notes=True).result.session
    node.must("hits", "confirm", session, 2, "--reason", "second-source")
    listed = node.must("hits", "list", session).out.splitlines()
    assert listed[0].split("\t")[0] == "hit" and len(listed) == 4
    assert (
        listed[2]
        == f"2\tpassport-number\tcandidate\t{identifier(2)}\town-2\tSouth, desk 4: S-2\tconfirmed\tsecond-source\t"
        + node.agency.config.operators[0].id
    )
    shown = node.must("hits", "show", session, 2).out
    assert "South, desk 4: S-2" in shown and PERSON in shown and "confirmed" in shown
    assert f"{session}\t" in node.must("results", "list").out


def test_nothing_that_identifies_anybody_outside_results_and_requests(
    node: Node, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Ledger, state, statistics, errors: searched for what hits share, what records show and what operators wrote."""
    kept = keep_result(node.agency, notes=True)
    session = kept.result.session
    note = tmp_path / "words.txt"
    note.write_text(WORDS)
    said = [
        node.must("hits", "confirm", session, 1, 2, "--reason", "documents-agree", "--note", note, "--json").err,
        node.must("hits", "discard", session, 3, "--reason", "outdated-record", "--note", note).err,
        node.accord("hits", "export", session, 3, "--output", tmp_path / "no.json").err,
        node.must("hits", "export", session, 1, "--output", tmp_path / "yes.json").err,
        node.accord("hits", "confirm", session, 9, "--reason", "documents-agree", "--json").err,
        node.must("hits", "stats").out,
        node.must("hits", "stats", "--json").out,
        node.must("results", "list").out,
        node.must("results", "list", "--json").out,
        node.must("ledger", "show", "--json").out,
        node.must("ledger", "show").out,
        "".join(capfd.readouterr()),
    ]
    files = [
        path.read_bytes().decode("latin-1")
        for path in node.home.rglob("*")
        if path.is_file() and path.parent != node.agency.config.paths.results
    ]
    assert any("hit-confirmed" in file for file in files), "the ledger is among them"
    secrets = [identifier(1), identifier(2), identifier(3), PERSON, "Mallory", "own-1", "S-1", "page 3"]
    for text in (*said, *files):
        assert [secret for secret in secrets if secret in text] == []
    left = (tmp_path / "yes.json").read_text()
    assert identifier(1) not in left, "with a partner's note, not even the request has it"


@pytest.mark.parametrize("decided", [None, "other-subject"])
def test_only_confirmed_hits_leave(node: Node, kept: Kept, tmp_path: Path, decided: str | None) -> None:
    session, target = kept.result.session, tmp_path / "request.json"
    node.must("hits", "confirm", session, 1, "--reason", "second-source")
    if decided:
        node.must("hits", "discard", session, 2, "--reason", decided)
    before = len(node.ledger())
    outcome = node.accord("hits", "export", session, 1, 2, "--output", target, "--json")
    assert (outcome.code, outcome.error["code"]) == (ExitCode.REFUSED_BY_OWN_RULES, "hit-not-confirmed")
    assert "hit 2" in outcome.error["message"]
    assert not target.exists() and len(node.ledger()) == before


def test_a_confirmation_that_only_the_file_has_does_not_count(node: Node, kept: Kept, tmp_path: Path) -> None:
    session = kept.result.session
    node.must("hits", "confirm", session, 1, "--reason", "second-source")
    file = kept.result.path.with_name(f"{session}.decisions.json")
    file.write_text(file.read_text().replace('"hit": 1', '"hit": 2'))
    outcome = node.accord("hits", "export", session, 2, "--output", tmp_path / "request.json", "--json")
    assert (outcome.code, outcome.error["code"]) == (ExitCode.STORAGE, "bad-result")


def test_a_request_overwrites_nothing(node: Node, kept: Kept, tmp_path: Path) -> None:
    (tmp_path / "there.json").write_text("mine")
    node.must("hits", "confirm", kept.result.session, 1, "--reason", "second-source")
    before = len(node.ledger())
    outcome = node.accord("hits", "export", kept.result.session, 1, "--output", tmp_path / "there.json", "--json")
    assert outcome.error["code"] == "output-exists"
    assert (tmp_path / "there.json").read_text() == "mine" and len(node.ledger()) == before


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (("confirm", "SESSION", 4, "--reason", "second-source"), ExitCode.INPUT, "unknown-hit"),
        (("confirm", "SESSION", 1, 4, "--reason", "second-source"), ExitCode.INPUT, "unknown-hit"),
        (("show", "SESSION", 4), ExitCode.INPUT, "unknown-hit"),
        (("show", "ffff", 1), ExitCode.INPUT, "unknown-result"),
        (("confirm", "SESSION", 1), ExitCode.USAGE, None),
        (("confirm", "SESSION", "--reason", "second-source"), ExitCode.USAGE, None),
        (("confirm", "SESSION", 1, "--reason", "other-subject"), ExitCode.USAGE, None),
        (("discard", "SESSION", 1, "--reason", "because"), ExitCode.USAGE, None),
        (("confirm", "SESSION", 0, "--reason", "second-source"), ExitCode.USAGE, None),
    ],
)
def test_mistakes_decide_nothing(
    node: Node, kept: Kept, arguments: tuple[object, ...], code: ExitCode, error: str | None
) -> None:
    before = len(node.ledger())
    typed = [kept.result.session if argument == "SESSION" else argument for argument in arguments]
    outcome = node.accord("hits", *typed, "--json")
    assert outcome.code == code, outcome.err
    if error:
        assert outcome.error["code"] == error
    assert len(node.ledger()) == before
    assert not kept.result.path.with_name(f"{kept.result.session}.decisions.json").exists()


def test_words_that_are_no_text(node: Node, kept: Kept, tmp_path: Path) -> None:
    (tmp_path / "words").write_bytes(b"\xff\xfe")
    confirm = ("hits", "confirm", kept.result.session, 1, "--reason", "second-source", "--json", "--note")
    assert node.accord(*confirm, tmp_path / "words").error["code"] == "bad-hit-note"
    (tmp_path / "words").write_text("two\nlines")
    assert node.accord(*confirm, tmp_path / "words").error["code"] == "bad-hit-note"


def test_only_operators_decide(node: Node, kept: Kept) -> None:
    config = node.home / "accord.toml"
    config.write_text(config.read_text().replace(f"uid = {os.getuid()}", "uid = 4242"))
    for arguments in (("hits", "list", kept.result.session), ("results", "list"), ("hits", "stats")):
        assert node.accord(*arguments, "--json").error["code"] == "unknown-operator"


class TestVerify:
    """A request at its recipient, and at whoever else finds it."""

    @pytest.fixture
    def south(self, node: Node, tmp_path: Path) -> Node:
        south = Node(tmp_path, "fiu-south")
        introduce(NodeUnderTest(node.home, "fiu-north", 0), NodeUnderTest(south.home, "fiu-south", 0))
        return south

    def exported(self, node: Node, kept: Kept, target: Path) -> Path:
        node.must("hits", "confirm", kept.result.session, 1, "--reason", "second-source")
        node.must("hits", "export", kept.result.session, 1, "--output", target)
        return target

    def test_the_recipient_knows_sender_and_session(self, node: Node, south: Node, kept: Kept, tmp_path: Path) -> None:
        request = self.exported(node, kept, tmp_path / "request.json")
        outcome = south.accord("hits", "verify", request, "--json")
        assert (outcome.code, outcome.error["code"]) == (ExitCode.INPUT, "bad-follow-up")
        assert "session" in outcome.error["message"], "a session that the recipient never had"
        keep_result(south.agency, partner="fiu-north")  # now it has the session of that digest
        verified = south.must("hits", "verify", request, "--json").json
        assert (verified["sender"], verified["hits"][0]["identifier"]) == ("fiu-north", identifier(1))
        shown = south.must("hits", "verify", request).out
        assert identifier(1) in shown
        assert "Verified: signed by fiu-north with the key in the partner book" in shown
        assert "about a session with fiu-north that is in this node's ledger" in shown
        assert "with this node's own key" in node.must("hits", "verify", request).out

    def test_a_stranger_refuses(self, node: Node, kept: Kept, tmp_path: Path) -> None:
        request = self.exported(node, kept, tmp_path / "request.json")
        stranger = Node(tmp_path, "fiu-east")
        assert stranger.accord("hits", "verify", request, "--json").error["code"] == "bad-follow-up"

    def test_a_sender_that_is_no_partner(self, node: Node, kept: Kept, tmp_path: Path) -> None:
        request = self.exported(node, kept, tmp_path / "request.json")
        alone = Node(tmp_path, "fiu-south")
        outcome = alone.accord("hits", "verify", request, "--json")
        assert "partner in the book" in outcome.error["message"]

    def test_a_changed_request(self, node: Node, kept: Kept, tmp_path: Path) -> None:
        request = self.exported(node, kept, tmp_path / "request.json")
        envelope = json.loads(request.read_bytes())
        envelope["signatures"][0]["sig"] = "A" * 86 + "=="
        request.write_text(json.dumps(envelope))
        assert "signature" in node.accord("hits", "verify", request, "--json").error["message"]


def test_the_commands_as_processes(node: Node, kept: Kept) -> None:
    """Once as an operator's shell runs them: standard input, exit codes."""
    arguments = ("--home", node.home, "hits", "confirm", kept.result.session, 1, "--reason", "second-source", "--json")
    assert accord_process(*arguments, "--note", "-", typed=WORDS).json[0]["note"] == WORDS
    assert accord_process("--home", node.home, "hits", "list", "zz").code == ExitCode.INPUT
