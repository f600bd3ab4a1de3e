"""Totals of three and five served nodes over TLS, asked from the command line: against plain sums over all files."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from nodes.error_table import ExitCode
from tests.e2e.circle import MONEY, PER_PERSON, Circle, as_told, by, expected, make_circle, served, told_in
from tests.e2e.figures import CORRIDORS, OFFENCES, Row
from tests.patience import PATIENCE_SECONDS

NAMES = ("north", "south", "east", "west", "coast")
SIZE, OVERLAP = 120, 20


@pytest.fixture(scope="module")
def circle(tmp_path_factory: pytest.TempPathFactory, logarithms: Path) -> Iterator[Circle]:
    circle = make_circle(tmp_path_factory.mktemp("circle"), NAMES, SIZE, OVERLAP, logarithms)
    with served(circle):
        yield circle


def quarter(number: int) -> tuple[str, ...]:
    """A condition on dates. Each test asks about its own: an overlapping total would be refused."""
    first, last = 3 * number - 2, 3 * number
    return ("--where", f"date>=2025-{first:02}-01", "--where", f"date<=2025-{last:02}-28")


def of_quarter(held: list[list[Row]], number: int) -> list[list[Row]]:
    months = {f"2025-{month:02}" for month in range(3 * number - 2, 3 * number + 1)}
    return [[row for row in rows if row.day[:7] in months] for rows in held]


def test_sums_by_category_of_three_equal_the_files(circle: Circle) -> None:
    circle.allow()
    result = circle.told(*MONEY, *by("offence", OFFENCES), *quarter(1), "--minimum", "1")
    found = expected(of_quarter(circle.held[:3], 1), "offence")
    told = {word for word in OFFENCES if found[word][0] == 3}
    assert told
    assert as_told(result) == {
        word: found[word] if word in told else (found[word][0], None, Decimal()) for word in OFFENCES
    }
    assert [p["agency"] for p in result["participants"]] == ["north", "south", "east"]


def test_counts_of_five_equal_the_files(circle: Circle) -> None:
    circle.allow()
    euros = ("--where", "currency=EUR", "--most", "1000", "--per-person", "2", "--minimum", "1")
    result = circle.told(*by("corridor", CORRIDORS), *quarter(2), *euros, count=5)
    found = expected(of_quarter(circle.held, 2), "corridor")
    assert {f["category"]: (f["contributors"], f["count"]) for f in result["figures"]} == {
        word: (found[word][0], found[word][1] if found[word][0] >= 3 else None) for word in CORRIDORS
    }


def test_who_has_too_few_adds_nothing_and_below_three_nothing_is_opened(circle: Circle) -> None:
    rows = of_quarter(circle.held[:3], 3)
    sizes = {
        word: sorted(len({r.account for r in held if r.currency == "EUR" and r.offence == word}) for held in rows)
        for word in OFFENCES
    }
    minimum = min(counts[0] for counts in sizes.values()) // PER_PERSON + 1
    least = minimum * PER_PERSON
    assert any(counts[0] >= least for counts in sizes.values()), "expected some categories above, got none"
    circle.allow()
    result = circle.told(*MONEY, *by("offence", OFFENCES), *quarter(3), "--minimum", minimum)
    for figure in result["figures"]:
        contributors = sum(count >= least for count in sizes[figure["category"]])
        assert figure["contributors"] == contributors
        assert (figure["count"] is None) == (figure["amount"] is None) == (contributors < 3)


def test_a_second_question_that_could_isolate_somebody_is_refused(circle: Circle) -> None:
    circle.allow()
    asked = (*MONEY, *by("offence", OFFENCES[:2]), *quarter(4), "--minimum", "1")
    circle.told(*asked)
    again = circle.told(*asked)
    assert [f["contributors"] for f in again["figures"]] == [3, 3]
    more = circle.ask(*asked, "--json", count=4)
    assert (more.code, more.error["code"]) == (ExitCode.REFUSED_BY_OWN_RULES, "overlapping-total")


def test_the_books_of_all_agree(circle: Circle) -> None:
    north, *others = circle.nodes[:3]
    sessions = told_in(north, "completion")
    assert sessions
    deadline = time.monotonic() + PATIENCE_SECONDS
    while any(told_in(node, "completion") != sessions for node in others):  # each writes its last row for itself
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert all(told_in(node, "disclosure") == sessions for node in circle.nodes[:3])


def test_contributors_keep_what_they_learn(circle: Circle) -> None:
    results = sorted((circle.nodes[1].home / "results").glob("*.json"))
    kept = [json.loads(path.read_text()) for path in results]
    assert kept
    assert all(figure.get("amount") is None for one in kept for figure in one["figures"])
    assert any(figure["count"] for one in kept for figure in one["figures"])


def test_without_one_of_them_there_is_no_total_and_its_name_is_told(circle: Circle) -> None:
    circle.allow()
    east = circle.nodes[2]
    east.kill()
    try:
        outcome = circle.ask(*MONEY, "--minimum", "1", "--where", "date>=2026-01-01", "--json")
        assert outcome.code != 0
        assert "east" in outcome.error["message"]
    finally:
        east.serve()


def test_explain_sends_nothing(circle: Circle) -> None:
    circle.allow()
    before = len(circle.nodes[1].ledger())
    outcome = circle.ask(*MONEY, "--explain")
    assert outcome.code == 0, outcome.err
    assert "south (accounts), east (accounts)" in outcome.out
    assert "all are told these terms" in " ".join(outcome.out.split())
    assert len(circle.nodes[1].ledger()) == before


def test_a_plot_shows_what_was_opened_and_what_was_not(circle: Circle, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the extra `plot` is not installed")
    circle.allow()
    asked = (*MONEY, *by("corridor", CORRIDORS[2:4]), "--where", "date>=2027-01-01", "--where", "date<=2027-12-31")
    outcome = circle.ask(*asked, "--plot", tmp_path / "totals.png")
    assert outcome.code == 0, outcome.err
    assert "not opened" in outcome.out
    assert (tmp_path / "totals.png").read_bytes().startswith(b"\x89PNG")


def test_a_data_set_without_transactions_is_refused_before_anything_is_sent(circle: Circle) -> None:
    circle.allow()
    north = circle.nodes[0]
    north.hold(range(5))
    mandate = north.home.with_name("mandate.toml")
    whom = ("--with", "south", "--with", "east", "--data-set", "suspects", "--ask", "accounts", "--mandate", mandate)
    outcome = north.accord("query", "totals", *whom, *MONEY, "--yes", "--json")
    assert (outcome.code, outcome.error["code"]) == (ExitCode.INPUT, "bad-aggregate")


@pytest.mark.parametrize(
    "whom", [("--with", "east="), ("--with", "east=Konten 7"), ("--with", "east", "--most", 10**19)]
)
def test_an_option_that_no_question_can_hold_is_named(circle: Circle, whom: tuple[object, ...]) -> None:
    north = circle.nodes[0]
    mandate = north.home.with_name("mandate.toml")
    rest = ("--data-set", "accounts", "--ask", "accounts", "--mandate", mandate, "--yes", "--json")
    outcome = north.accord("query", "totals", "--with", "south", *whom, *rest)
    assert (outcome.code, outcome.error["code"]) == (ExitCode.INPUT, "bad-question")


def test_who_holds_more_than_the_question_says_refuses_and_is_paid(circle: Circle, tmp_path: Path) -> None:
    circle.allow()
    north, south = circle.nodes[:2]
    north.must("exercise", "accounts", tmp_path / "few", "--size", 5, "--overlap", 0, "--seed", 12)
    file = tmp_path / "few" / "accounts-1.csv"
    north.must("registry", "import", "few", file, "--mapping", file.with_suffix(".toml"), "--json")
    mandate = north.home.with_name("mandate.toml")
    whom = (
        "--with",
        "south",
        "--with",
        "east",
        "--data-set",
        "few",
        "--ask",
        "accounts",
        "--kind",
        "iban",
        "--mandate",
        mandate,
    )
    asked = ("--most", SIZE // 2, "--minimum", "1", "--where", "date>=2029-01-01", "--yes", "--json")
    outcome = north.accord("query", "totals", *whom, *asked)
    assert (outcome.code, outcome.error["code"]) == (ExitCode.REFUSED_BY_PARTNER, "refused")
    assert "Both ledgers have it as session" in outcome.error["advice"]
    refused = [row for row in south.ledger() if row["event"] == "decision" and row["decision"] == "refused"][-1]
    assert (refused["reason"], refused["charged"], refused["exact"]) == ("bad-aggregate", 1, 1)
