"""An epoch between two served nodes, as operators have it: opened, fetched, asked in, followed, closed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nodes.exercise_node import MANDATE, introduce
from nodes.home import Home
from tests.cli.command import Outcome
from tests.e2e.harness import NodeUnderTest, make_node, number, rules

KIND = "passport-number"
UNTIL = f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}"


def epoch_rules(partner: str, direction: str) -> str:
    return rules(partner, direction).replace('["intersect"]', '["intersect", "epoch-sync", "epoch-intersect"]')


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[NodeUnderTest, NodeUnderTest]]:
    folder = tmp_path_factory.mktemp("nodes")
    north, south = make_node(folder, "north"), make_node(folder, "south")
    introduce(north, south)
    north.write_rules(epoch_rules("south", "outgoing"))
    south.write_rules(epoch_rules("north", "incoming"))
    try:
        north.serve(wait=False)
        south.serve()
        north.wait_until_ready()
        yield north, south
        assert north.stop() == south.stop() == 0
    finally:
        north.kill()
        south.kill()


@pytest.fixture
def pair(served: tuple[NodeUnderTest, NodeUnderTest]) -> Iterator[tuple[NodeUnderTest, NodeUnderTest]]:
    """Both nodes, without an epoch."""
    yield served
    for node in served:
        for one in node.must("epoch", "list", "--json").json:
            node.must("epoch", "close", one["epoch"], "--json")


def open_epoch(south: NodeUnderTest, *, total: int = 1_000, per_query: int = 100, **more: str) -> dict[str, Any]:
    options = {"--partner": "north", "--data-set": "suspects", "--kind": KIND, "--until": UNTIL} | more
    named = [part for option in options.items() for part in option]
    caps = ["--max-elements", total, "--max-per-query", per_query]
    facts: dict[str, Any] = south.must("epoch", "open", *named, *caps, "--json").json
    return facts


def sync(north: NodeUnderTest, *more: str) -> Outcome:
    mandate = north.home.with_name("mandate.toml")
    mandate.write_text(MANDATE)
    return north.accord(
        "epoch", "sync", "--partner", "south", "--ask", "suspects", "--mandate", mandate, "--json", *more
    )


def synchronised(north: NodeUnderTest, *more: str) -> dict[str, Any]:
    outcome = sync(north, *more)
    assert outcome.code == 0, outcome.err
    facts: dict[str, Any] = outcome.json
    return facts


def ask(north: NodeUnderTest, epoch: str) -> Outcome:
    return north.ask("south", "--epoch", epoch, "--json")


def hits(outcome: Outcome) -> set[str]:
    assert outcome.code == 0, outcome.err
    return {hit["identifier"] for hit in outcome.json["hits"]}


def numbers(values: range) -> set[str]:
    return {number(value) for value in values}


def code_of(outcome: Outcome) -> str:
    return str(json.loads(outcome.err.splitlines()[-1])["error"]["code"])


def test_answers_follow_what_the_partner_imports(pair: tuple[NodeUnderTest, NodeUnderTest]) -> None:
    north, south = pair
    north.hold(range(50))
    south.hold(range(40, 3_000))
    opened = open_epoch(south)
    first = synchronised(north, "--kind", KIND)
    assert (first["epoch"], first["release"]) == (opened["epoch"], 1)
    assert first["lists"] == [{"kind": KIND, "partner": 2_960}]
    assert hits(ask(north, opened["epoch"])) == numbers(range(40, 50))

    south.hold(range(45, 3_005))  # five go, five come
    assert hits(ask(north, opened["epoch"])) == numbers(range(40, 50)), "as of the release that north holds"
    second = synchronised(north)
    assert (second["release"], second["lists"]) == (2, [{"kind": KIND, "partner": 2_960}])
    assert second["received_bytes"] < 5_000, "only what changed"
    answer = ask(north, opened["epoch"])
    assert hits(answer) == numbers(range(45, 50))
    assert (answer.json["epoch"], answer.json["release"]) == (opened["epoch"], 2)
    assert answer.json["received_bytes"] < 8_000, "a question costs its own size"

    results = north.must("results", "list", "--json").out
    assert answer.json["session"] in results
    assert len(north.must("hits", "list", answer.json["session"], "--json").out.splitlines()) == 5

    again = synchronised(north)
    assert again["release"] == 2, "nothing changed, nothing released"
    south.hold(range(20))
    synchronised(north)
    assert hits(ask(north, opened["epoch"])) == numbers(range(20))


def test_what_it_gives_away_is_said_before(pair: tuple[NodeUnderTest, NodeUnderTest]) -> None:
    north, south = pair
    north.hold(range(7))
    south.hold(range(5, 9))
    epoch = open_epoch(south)["epoch"]
    synchronised(north, "--kind", KIND)
    before = len(south.ledger())
    mandate = north.home.with_name("mandate.toml")
    named = ["--partner", "south", "--data-set", "suspects", "--ask", "suspects", "--mandate", mandate]
    told = north.must("query", "intersect", *named, "--epoch", epoch, "--explain", "--json").json
    assert (told["epoch"], told["query"], told["decision"]["allowed"]) == (epoch, "epoch-intersect", True)
    assert [(entry["kind"], entry["own"]) for entry in told["lists"]] == [(KIND, 7)]
    assert any("standing watch" in caveat for caveat in told["caveats"])
    assert len(south.ledger()) == before, "nothing was sent"
    noted = north.accord(
        "query", "intersect", *named, "--epoch", epoch, "--reveals", "shared-identifiers-with-notes", "--yes"
    )
    assert (noted.code, "[bad-question]" in noted.err) == (9, True)


def test_the_ledgers_say_what_happened(pair: tuple[NodeUnderTest, NodeUnderTest]) -> None:
    north, south = pair
    north.hold(range(7))
    south.hold(range(5, 9))
    before = len(north.ledger()), len(south.ledger())
    epoch = open_epoch(south)["epoch"]
    synchronised(north, "--kind", KIND)
    hits(ask(north, epoch))
    south.hold(range(6, 9))
    synchronised(north)
    south.must("epoch", "close", epoch, "--json")
    mine, theirs = north.ledger()[before[0] :], south.ledger()[before[1] :]
    adopted = [(row["epoch"], row["release"]) for row in mine if row["event"] == "release-adopted"]
    assert adopted == [(epoch, 1), (epoch, 2)]
    made = [(row["epoch"], row["release"]) for row in theirs if row["event"] == "release-made"]
    assert made == [(epoch, 2)]
    disclosed = [(row["query"], row["epoch"], row.get("charged", 0)) for row in theirs if row["event"] == "disclosure"]
    assert disclosed == [("epoch-sync", epoch, 0), ("epoch-intersect", epoch, 7), ("epoch-sync", epoch, 7)]
    ends = [(row["event"], row.get("note", "")[:6]) for row in theirs if row["event"].startswith("epoch-")]
    assert ends == [("epoch-opened", "until "), ("epoch-ended", "closed")]
    evidence = [row for row in mine if row["event"] == "release-adopted"]
    assert all(row["evidence"] for row in evidence), "the signed release is kept beside the row"


def test_caps_and_what_each_release_charges_again(pair: tuple[NodeUnderTest, NodeUnderTest]) -> None:
    north, south = pair
    north.hold(range(10))
    south.hold(range(100))
    epoch = open_epoch(south, total=35, per_query=10)["epoch"]
    synchronised(north, "--kind", KIND)
    hits(ask(north, epoch))
    south.hold(range(101))
    synchronised(north)  # the ten are watched again
    (listed,) = south.must("epoch", "list", "--json").json
    assert listed["charged"] == 20
    hits(ask(north, epoch))
    assert south.must("epoch", "list", "--json").json[0]["charged"] == 30
    refused = ask(north, epoch)
    assert (refused.code, code_of(refused)) == (4, "refused")
    south.hold(range(102))
    assert code_of(sync(north)) == "refused", "the next release would answer twenty again, and five are left"
    assert south.must("epoch", "list", "--json").json[0]["release"] == 2, "and is not made"
    reasons = [row.get("reason") for row in south.ledger() if row["event"] == "decision"]
    assert reasons[-2:] == ["budget-exceeded"] * 2
    north.hold(range(11))
    outcome = ask(north, epoch)
    assert code_of(outcome) == "too-many-elements", "the cap per question is in the statement"


def test_without_the_newest_release_nothing_is_answered(pair: tuple[NodeUnderTest, NodeUnderTest]) -> None:
    north, south = pair
    north.hold(range(3))
    south.hold(range(5))
    epoch = open_epoch(south)["epoch"]
    synchronised(north, "--kind", KIND)
    held = Home(north.home).path / "registry" / ".epochs" / "held" / "south" / epoch
    kept = {path.name: path.read_bytes() for path in held.iterdir()}
    south.hold(range(6))
    synchronised(north)
    for path in held.iterdir():
        path.unlink()
    for name, content in kept.items():  # as a restored backup would have it
        (held / name).write_bytes(content)
        (held / name).chmod(0o600)
    outcome = ask(north, epoch)
    assert code_of(outcome) == "refused"
    assert "outdated" in outcome.err
    assert synchronised(north)["release"] == 2
    assert hits(ask(north, epoch)) == numbers(range(3))


def test_an_epoch_that_was_closed_is_refused_and_replaced(pair: tuple[NodeUnderTest, NodeUnderTest]) -> None:
    north, south = pair
    north.hold(range(3))
    south.hold(range(5))
    epoch = open_epoch(south)["epoch"]
    synchronised(north, "--kind", KIND)
    folder = Home(south.home).path / "registry" / ".epochs" / "given" / epoch
    assert folder.is_dir()
    south.must("epoch", "close", epoch, "--json")
    assert not folder.exists(), "seed, releases and index are gone"
    assert code_of(ask(north, epoch)) == "refused"
    assert code_of(sync(north)) == "refused"
    north.must("epoch", "close", epoch, "--json")
    assert code_of(ask(north, epoch)) == "unknown-epoch"
    assert code_of(sync(north)) == "bad-question", "nobody knows which kinds"
    other = open_epoch(south)["epoch"]
    assert other != epoch
    assert synchronised(north, "--kind", KIND)["epoch"] == other
    assert hits(ask(north, other)) == numbers(range(3))


def test_what_rules_do_not_name_is_refused(pair: tuple[NodeUnderTest, NodeUnderTest]) -> None:
    north, south = pair
    north.hold(range(3))
    south.hold(range(5))
    epoch = open_epoch(south)["epoch"]
    try:
        south.write_rules(rules("north", "incoming"))
        assert code_of(sync(north, "--kind", KIND)) == "refused"
        south.write_rules(epoch_rules("north", "incoming"))
        synchronised(north, "--kind", KIND)
        south.write_rules(rules("north", "incoming"))
        assert code_of(ask(north, epoch)) == "refused"
        assert hits(north.ask("south", "--json")) == numbers(range(3)), "with fresh keys it is allowed"
        north.write_rules(rules("south", "outgoing"))
        assert code_of(ask(north, epoch)) == "refused-by-own-rules"
    finally:
        north.write_rules(epoch_rules("south", "outgoing"))
        south.write_rules(epoch_rules("north", "incoming"))


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"--partner": "west"}, "unknown-partner"),
        ({"--data-set": "nothing"}, "unknown-data-set"),
        ({"--kind": "shoe-size"}, "bad-question"),
        ({"--until": "2020-01-01"}, "bad-question"),
    ],
)
def test_terms_that_no_epoch_has(pair: tuple[NodeUnderTest, NodeUnderTest], more: dict[str, str], code: str) -> None:
    _, south = pair
    options = {"--partner": "north", "--data-set": "suspects", "--kind": KIND, "--until": UNTIL} | more
    named = [part for option in options.items() for part in option]
    outcome = south.accord("epoch", "open", *named, "--max-elements", 10, "--max-per-query", 5, "--json")
    assert code_of(outcome) == code
    assert south.must("epoch", "list", "--json").json == []


def test_no_identifier_is_in_any_file(pair: tuple[NodeUnderTest, NodeUnderTest]) -> None:
    north, south = pair
    north.hold(range(70_000_000, 70_000_003))
    south.hold(range(70_000_001, 70_000_005))
    open_epoch(south)
    synchronised(north, "--kind", KIND)
    for node in pair:
        for path in (Home(node.home).path / "registry" / ".epochs").rglob("*"):
            if path.is_file():
                assert b"X7000000" not in path.read_bytes(), path
                assert path.stat().st_mode & 0o777 == 0o600, path
            else:
                assert path.stat().st_mode & 0o777 == 0o700, path
