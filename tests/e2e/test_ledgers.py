"""What an auditor reads out of exported ledgers and partner files alone, after real questions among three nodes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, fields, replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from nodes.config import load_config
from nodes.error_table import ExitCode
from nodes.home import Home
from nodes.identity import load_signer
from nodes.ledger import Entry, Event, Ledger, LedgerFile
from protocol import codec, dsse
from protocol.effects import Evidence
from protocol.messages import Packet, PacketType, Statement
from tests.cli.command import Outcome, accord
from tests.e2e.circle import MONEY, by, make_circle, served
from tests.e2e.figures import CORRIDORS, figure_rules
from tests.e2e.harness import NodeUnderTest, rules

NAMES = ("north", "south", "east")
SIZE, OVERLAP = 60, 20


@dataclass
class Audit:
    """A machine without a node, and what the agencies handed over; and the home of one that forges its own ledger."""

    folder: Path
    forger: Home
    sessions: dict[str, str]
    told: dict[str, Any]
    secrets: set[str]

    def ledger(self, agency: str) -> Path:
        return self.folder / f"{agency}.db"

    def files(self, *agencies: str) -> tuple[object, ...]:
        return tuple(part for name in agencies or NAMES for part in ("--partner-file", self.folder / f"{name}.partner"))

    def accord(self, *arguments: object) -> Outcome:
        return accord(self.folder / "nowhere", "ledger", *arguments)

    def session(self, name: str, agency: str, *more: object, known: tuple[str, ...] = NAMES) -> Outcome:
        keys = self.files(*known) if known else ()
        return self.accord("session", self.sessions[name], "--file", self.ledger(agency), *keys, *more)


def figures(node: NodeUnderTest, query: str, *more: object) -> dict[str, Any]:
    whom = ("--partner", "south", "--data-set", "accounts", "--ask", "accounts", "--kind", "iban")
    mandate = node.home.with_name("mandate.toml")
    answer: dict[str, Any] = node.must("query", query, *whom, "--mandate", mandate, "--yes", "--json", *more).json
    return answer


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory, logarithms: Path) -> Iterator[Audit]:
    circle = make_circle(tmp_path_factory.mktemp("circle"), NAMES, SIZE, OVERLAP, logarithms)
    north, south, _ = circle.nodes
    for node in circle.nodes:
        node.hold(range(9))
    with served(circle):
        others = [n for n in NAMES if n != "north"]
        north.write_rules(rules("south", "outgoing"), *(figure_rules(name, "outgoing") for name in others),
                          *(figure_rules(name, "incoming") for name in others))  # fmt: skip
        asked = ("--currency", "EUR", "--low", "-1000000", "--high", "1000000", "--minimum", "1")
        told = {
            "sum": figures(north, "sum", *asked, *by("corridor", CORRIDORS[:2]), "--where", "date>=2025-01-01"),
            "total": circle.told(*MONEY, "--minimum", "1", *by("corridor", CORRIDORS[:2])),
        }
        south.write_rules(rules("north", "incoming"))
        told["intersect"] = north.ask_here("south", "--json").json
        south.write_rules(rules("north", "incoming", allow=False))
        refused = north.ask_here("south", "--json")
        assert refused.error["code"] == "refused"
        last = [row["session"] for row in north.ledger() if row["event"] == "refusal"][-1]
        sessions = {name: result["session"] for name, result in told.items()} | {"refused": last}
        folder = tmp_path_factory.mktemp("audit")
        for node in circle.nodes:
            node.must("partner", "export", folder / f"{node.agency}.partner")
            node.must("ledger", "export", folder / f"{node.agency}.db")
        secrets = {row.account for rows in circle.held for row in rows} | {f"X{number:08}" for number in range(9)}
    yield Audit(folder, Home(north.home), sessions, told, secrets)


@pytest.mark.parametrize("name", ["intersect", "sum", "total", "refused"])
def test_a_session_stands_from_one_ledger_and_partner_files_alone(audit: Audit, name: str) -> None:
    for agency in NAMES[:3] if name == "total" else NAMES[:2]:
        outcome = audit.session(name, agency, "--json")
        assert outcome.code == 0, outcome.err
        shown = outcome.json
        assert (shown["contradictions"], shown["missing"]) == ([], [])
        assert shown["ledgers"][0]["rows_verified"] is True
        assert shown["messages"]
        for message in shown["messages"]:
            assert (message["key"], message["error"], message["lacks"]) == ("partner-file", None, "")
            assert message["connects"]
    envelope = shown["messages"][0]["content"]
    assert envelope["legal_basis"]["purpose"]
    assert not (audit.folder / "nowhere").exists()


def test_the_figures_that_a_message_tells_are_shown(audit: Audit) -> None:
    shown = audit.session("sum", "south", "--json").json
    [told] = [message["told"] for message in shown["messages"] if message["type"] == "cells"]
    counts = {f["category"]: f["count"] for f in audit.told["sum"]["figures"]}
    assert told == [f"{name}: {'suppressed' if n is None else n}" for name, n in counts.items()]
    text = audit.session("sum", "south").out
    assert "DEU-TUR" in text and "date" in text and told[0] in text
    opened = [m["opens"] for m in audit.session("total", "east", "--json").json["messages"] if "opens" in m]
    assert opened and all(set(names) <= set(CORRIDORS[:2]) for names in opened)


def test_nothing_that_is_shown_is_an_identifier(audit: Audit) -> None:
    for name in audit.sessions:
        for how in ((), ("--json",)):
            out = audit.session(name, "north", "--other", audit.ledger("south"), *how).out
            assert not [secret for secret in audit.secrets if secret in out]


def test_two_ledgers_hold_the_messages_of_a_session_alike(audit: Audit) -> None:
    shown = audit.session("intersect", "north", "--other", audit.ledger("south"), "--json").json
    assert [ledger["agency"] for ledger in shown["ledgers"]] == ["north", "south"]
    assert {tuple(message["ledgers"]) for message in shown["messages"]} == {("north", "south")}
    text = audit.session("intersect", "north", "--other", audit.ledger("south")).out
    assert "north and south, alike: envelope of north" in text
    assert "What no ledger shows:" in text
    others = [part for name in NAMES[1:] for part in ("--other", audit.ledger(name))]
    shown = audit.session("total", "north", *others, "--json").json
    alone = {message["name"] for message in shown["messages"] if len(message["ledgers"]) == 1}
    assert alone == {"shares of values"}  # the requester's own, which nobody else may have


def test_participants_and_categories_of_a_total_stand_in_every_row(audit: Audit) -> None:
    for agency in NAMES:
        listed = audit.accord("show", "--file", audit.ledger(agency), "--partner", "east", "--json").out.splitlines()
        rows = [row for row in map(json.loads, listed) if row.get("query") == "totals" and "session" in row]
        assert {tuple(row["participants"]) for row in rows} == {NAMES}
        assert all(", ".join(CORRIDORS[:2]) in row["figures"] for row in rows)
    head = audit.accord("show", "--file", audit.ledger("east")).out.splitlines()[0].split("\t")
    assert {"query", "instrument"} <= set(head)


def test_without_partner_files_it_says_whose_word_a_key_is(audit: Audit) -> None:
    shown = audit.session("intersect", "north", "--json", known=()).json
    assert shown["ledgers"][0]["rows_verified"] is False
    assert {message["key"] for message in shown["messages"]} == {"envelope"}
    text = audit.session("intersect", "north", known=("north",)).out
    assert "which no partner file confirms" in text


def test_verify_checks_what_partners_signed(audit: Audit) -> None:
    facts = audit.accord("verify", "--file", audit.ledger("north"), *audit.files(), "--json").json
    assert facts["messages_verified"] > 20 and facts["messages_of_unknown_key"] == {}
    facts = audit.accord("verify", "--file", audit.ledger("north"), *audit.files("north"), "--json").json
    assert facts["messages_verified"] and set(facts["messages_of_unknown_key"]) == {"south", "east"}
    none = audit.accord("verify", "--file", audit.ledger("north"), *audit.files("south"), "--json")
    assert none.error["code"] == "ledger-broken"


Rewrite = Callable[[Entry, list[Evidence]], tuple[Entry | None, list[Evidence]]]


def forge(audit: Audit, target: Path, rewrite: Rewrite) -> Path:
    """What an agency can do to its own ledger: write it anew, with its own key, and other rows and messages in it."""
    config, signer, forged = load_config(audit.forger), load_signer(audit.forger), Home(target)
    forged.create()
    with closing(Ledger(forged, config, signer, 1)) as ledger:
        for row, messages in islice(LedgerFile(audit.ledger("north"), copied=True).kept(), 1, None):
            names = {field.name for field in fields(Entry)} & set(row)
            values = {name: tuple(row[name]) if isinstance(row[name], list) else row[name] for name in names}
            entry, kept = rewrite(Entry(**values), list(messages))
            if entry is not None:
                ledger.append(entry, row["time_ms"], kept)
    return forged.ledger_file


def test_an_agency_that_rewrites_what_its_partner_signed_is_found(audit: Audit, tmp_path: Path) -> None:
    def tampered(entry: Entry, messages: list[Evidence]) -> tuple[Entry, list[Evidence]]:
        return entry, [
            Evidence(m.sender, m.type, m.payload[:-1] + bytes([m.payload[-1] ^ 1]), m.signature)
            if (m.sender, m.type) == ("south", PacketType.ACCEPT)
            else m
            for m in messages
        ]

    copy = forge(audit, tmp_path / "forged", tampered)
    asked = ("session", audit.sessions["intersect"], "--file", copy, *audit.files(), "--json")
    outcome = audit.accord(*asked)
    assert (outcome.code, outcome.error["code"]) == (ExitCode.STORAGE, "bad-evidence")
    wrong = [m["name"] for m in outcome.json["messages"] if m["error"] is not None]
    assert "accept" in wrong
    verified = audit.accord("verify", "--file", copy, *audit.files(), "--json")
    assert verified.error["code"] == "bad-evidence"
    assert audit.accord("verify", "--file", copy, *audit.files("north"), "--json").code == 0


def test_an_agency_that_signs_anew_what_it_said_is_contradicted_by_the_other_ledger(
    audit: Audit, tmp_path: Path
) -> None:
    signer, session = load_signer(audit.forger), audit.sessions["intersect"]

    def anew(entry: Entry, messages: list[Evidence]) -> tuple[Entry, list[Evidence]]:
        if not entry.session.startswith(session):
            return entry, messages
        kept = []
        for m in messages:
            if (m.sender, m.type) == ("north", PacketType.RECEIPT):
                said = codec.decode_message(Packet(m.type, m.payload, m.signature), Statement)
                payload = codec.encode_message(replace(said, responder_chain=bytes(64)))
                m = Evidence("north", m.type, payload, dsse.sign(signer, m.type, payload))
            kept.append(m)
        return entry, kept

    copy = forge(audit, tmp_path / "forged", anew)
    assert audit.accord("verify", "--file", copy, *audit.files(), "--json").code == 0
    asked = ("session", session, "--file", copy, "--other", audit.ledger("south"), *audit.files(), "--json")
    outcome = audit.accord(*asked)
    assert (outcome.code, outcome.error["code"]) == (ExitCode.STORAGE, "bad-evidence")
    assert any("two, signed, that differ" in line for line in outcome.json["contradictions"])
    assert {tuple(m["ledgers"]) for m in outcome.json["messages"]} == {("north",), ("south",), ("north", "south")}


def test_rows_that_say_something_else_than_what_was_signed_contradict_it(audit: Audit, tmp_path: Path) -> None:
    def other_purpose(entry: Entry, messages: list[Evidence]) -> tuple[Entry, list[Evidence]]:
        return (replace(entry, purpose="something else") if entry.purpose else entry), messages

    copy = forge(audit, tmp_path / "forged", other_purpose)
    outcome = audit.accord("session", audit.sessions["intersect"], "--file", copy, *audit.files(), "--json")
    assert outcome.code == ExitCode.STORAGE
    assert all("another purpose" in line for line in outcome.json["contradictions"])


def test_a_ledger_that_was_cut_says_what_is_missing(audit: Audit, tmp_path: Path) -> None:
    session, cut = audit.sessions["refused"], False

    def until_the_end(entry: Entry, messages: list[Evidence]) -> tuple[Entry | None, list[Evidence]]:
        nonlocal cut
        cut = cut or (entry.session == session and entry.event == Event.REFUSAL)
        return (None if cut else entry), messages

    copy = forge(audit, tmp_path / "forged", until_the_end)
    asked = ("session", session, "--file", copy, *audit.files())
    shown = audit.accord(*asked, "--json").json
    assert "accept of south" in shown["missing"]
    assert any("rows were cut off" in line for line in shown["missing"])
    with_other = audit.accord(*asked, "--other", audit.ledger("south"), "--json").json
    assert "south refused: policy" in with_other["ended"]
    assert ["south"] in [m["ledgers"] for m in with_other["messages"] if m["type"] == "refusal"]


def test_a_session_that_a_ledger_does_not_have(audit: Audit) -> None:
    for number in ("00", "0" * 32):
        outcome = audit.accord("session", number, "--file", audit.ledger("north"), "--json")
        assert (outcome.code, outcome.error["code"]) == (ExitCode.INPUT, "session-not-in-ledger")
