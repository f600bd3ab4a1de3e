"""Counts and sums of two served nodes, asked from the command line: against plain sums over files, and the books."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import Outcome
from tests.e2e.conftest import Pair
from tests.e2e.figures import CORRIDORS, OFFENCES, Row, figure_rules, hold_accounts, shared, sums
from tests.e2e.harness import rules

SIZE, OVERLAP = 400, 130
ALL = ("--low", "-1000000", "--high", "1000000")  # wider than anything that moved


@dataclass
class Books:
    """Two nodes with accounts, and what their files say."""

    pair: Pair
    own: list[Row]
    theirs: list[Row]

    def allow(self, incoming: dict[str, int] | None = None, outgoing: dict[str, int] | None = None) -> None:
        self.pair.north.write_rules(figure_rules("south", "outgoing", **(outgoing or {})))
        self.pair.south.write_rules(figure_rules("north", "incoming", **(incoming or {})))

    def ask(self, query: str, *more: object, data_set: str = "accounts") -> Outcome:
        north = self.pair.north
        mandate = north.home.with_name("mandate.toml")
        between = ("--partner", "south", "--data-set", "accounts", "--ask", data_set, "--mandate", mandate)
        return north.accord("query", query, *between, "--yes", *more)

    def told(self, query: str, *more: object) -> dict[str, Any]:
        outcome = self.ask(query, *more, "--json")
        assert outcome.code == 0, outcome.err
        result: dict[str, Any] = outcome.json
        return result

    def rows(self, event: str) -> list[dict[str, Any]]:
        """South's rows of an event about figures."""
        return [row for row in self.pair.south.ledger() if row["event"] == event and row.get("figures")]


@pytest.fixture(scope="module")
def made(served: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Books]:
    own, theirs = hold_accounts(tmp_path_factory.mktemp("accounts"), [served.north, served.south], SIZE, OVERLAP)
    yield Books(served, own, theirs)
    served.north.write_rules(rules("south", "outgoing"))


@pytest.fixture
def books(made: Books, pair: Pair) -> Books:
    made.allow()
    return made


def by(category: str, words: tuple[str, ...]) -> list[str]:
    return ["--by", category, *(option for word in words for option in ("--category", word))]


# --- against the plain text


@pytest.mark.parametrize(
    ("conditions", "passes"),
    [
        ([], lambda row: True),
        (["corridor=DEU-TUR,TUR-DEU"], lambda row: row.corridor in ("DEU-TUR", "TUR-DEU")),
        (["offence=fraud", "date>=2025-06-01"], lambda row: row.offence == "fraud" and row.day >= "2025-06-01"),
        (["currency=EUR", "amount>=1000.50"], lambda row: row.currency == "EUR" and row.amount >= Decimal("1000.50")),
        (["offence=no-such-offence"], lambda row: False),
    ],
)  # fmt: skip
def test_a_count_is_that_of_the_files(books: Books, conditions: list[str], passes: Any) -> None:
    options = [option for condition in conditions for option in ("--where", condition)]
    told = books.told("count", "--per-person", 2, "--minimum", 1, *options)
    count = len(shared(books.own, books.theirs, passes))
    assert told["figures"] == [{"category": "", "count": count or None}]  # nothing is below the smallest minimum
    assert told["lists"] == [{"kind": "iban", "strength": "strong", "own": SIZE, "partner": SIZE}]
    assert "hits" in told and told["hits"] == []


@pytest.mark.parametrize(("category", "words"), [("", ()), ("corridor", CORRIDORS), ("offence", OFFENCES)])
@pytest.mark.parametrize("currency", ["EUR", "JPY"])
def test_sums_are_those_of_the_files(books: Books, category: str, words: tuple[str, ...], currency: str) -> None:
    options = by(category, words) if category else []
    told = books.told("sum", "--currency", currency, *ALL, "--per-person", 2, "--minimum", 1, *options)
    truth = sums(books.own, books.theirs, category, lambda row: row.currency == currency)
    assert len(told["figures"]) == (len(words) or 1)
    for figure in told["figures"]:
        count, amount = truth.get(figure["category"], (0, Decimal()))
        if count < 2:  # two identifiers may be one person, the least of whom is told
            assert figure == {"category": figure["category"], "count": None, "total": None, "amount": None}
        elif figure["count"] is not None:  # another may be suppressed to hide an empty one
            assert (figure["count"], Decimal(figure["amount"])) == (count, amount), figure["category"]
            assert figure["total"] == amount * (1 if currency == "JPY" else 100)
    large = [name for name, (count, _) in truth.items() if count >= 2]
    assert sum(figure["count"] is not None for figure in told["figures"]) >= len(large) - 1


def test_what_one_account_adds_is_cut_off(books: Books) -> None:
    told = books.told("sum", "--currency", "USD", "--low", "-500", "--high", "500", "--per-person", 2, "--minimum", 1)
    truth = sums(books.own, books.theirs, "", lambda row: row.currency == "USD", Decimal(500))
    assert [(f["count"], Decimal(f["amount"])) for f in told["figures"]] == [truth[""]]


def test_of_one_owner_only_so_many_accounts_count(books: Books) -> None:
    both = shared(books.own, books.theirs)
    owners = {row.account: row.owner for row in books.theirs}
    held = {account for account in owners if owners[account] in {owners[a] for a in both}}
    assert len(held) > len({owners[account] for account in both}), "some owner of a shared account has two"
    told = books.told("count", "--minimum", 1)["figures"][0]["count"]
    assert len({owners[account] for account in both}) - (len(held) - len(both)) <= told < len(both)


# --- terms


def test_small_counts_are_suppressed_and_what_would_give_them_away(books: Books) -> None:
    truth = sums(books.own, books.theirs, "corridor", lambda row: row.currency == "EUR")
    assert truth.get("FRA-MMR", (0,))[0] < 8
    books.allow(incoming={"minimum": 8})
    told = books.told("sum", "--currency", "EUR", *ALL, "--per-person", 2, "--minimum", 1, *by("corridor", CORRIDORS))
    hidden = {figure["category"] for figure in told["figures"] if figure["count"] is None}
    assert told["terms"]["minimum"] == 8
    assert "FRA-MMR" in hidden and sum(truth.get(name, (0,))[0] for name in hidden) >= 16  # 8 persons with two each
    outcome = books.ask("sum", "--currency", "EUR", *ALL, "--per-person", 2, *by("corridor", CORRIDORS))
    lines = dict(line.split("\t", 1) for line in outcome.out.splitlines() if line.count("\t") == 2)
    assert lines["FRA-MMR"].startswith("below threshold")
    (row,) = books.rows("disclosure")[-1:]
    assert (
        row["charged"] == SIZE and row["exact"] == 1 and row["figures"].startswith("sum of amount in EUR; by corridor")
    )


@pytest.mark.parametrize(
    ("asked", "incoming", "outgoing", "terms"),
    [
        (["--minimum", 3], {"minimum": 5}, {}, {"minimum": 5, "epsilon_millis": 0, "rounding": 0}),
        (["--minimum", 7], {"minimum": 5}, {"minimum": 6}, {"minimum": 7, "epsilon_millis": 0, "rounding": 0}),
        (["--minimum", 3], {}, {"minimum": 6}, {"minimum": 6, "epsilon_millis": 0, "rounding": 0}),
        ([], {"rounding": 5}, {}, {"minimum": 10, "epsilon_millis": 0, "rounding": 5}),
        ([], {"rounding": 5}, {"rounding": 20}, {"minimum": 10, "epsilon_millis": 0, "rounding": 20}),
        (["--epsilon", "2"], {}, {}, {"minimum": 10, "epsilon_millis": 2000, "rounding": 0}),
        (["--epsilon", "2"], {"epsilon_millis": 1500}, {"epsilon_millis": 1750}, {"epsilon_millis": 1500}),
        ([], {}, {"epsilon_millis": 1750}, {"epsilon_millis": 1750}),
    ],
)
def test_the_stricter_terms_of_both_sides_apply(
    books: Books, asked: list[object], incoming: dict[str, int], outgoing: dict[str, int], terms: dict[str, int]
) -> None:
    books.allow(incoming, outgoing)
    told = books.told("count", "--per-person", 2, *asked)
    assert told["terms"] == told["terms"] | terms
    truth, count = len(shared(books.own, books.theirs)), told["figures"][0]["count"]
    rounding, noisy = told["terms"]["rounding"], told["terms"]["epsilon_millis"]
    if noisy:
        assert abs(count - truth) <= 2 * 64 * 1000 / noisy  # noise beyond has a probability below 10^-27
        assert told["noise"]["count"] == pytest.approx(2 * 1000 / noisy * 3, rel=0.3)
    else:
        assert abs(count - truth) <= rounding / 2 and (not rounding or count % rounding == 0)
        assert told["noise"] is None


# --- budgets


def test_exact_answers_run_out_for_all_operators_and_across_restarts(books: Books) -> None:
    north, south = books.pair.north, books.pair.south
    used = sum(row.get("exact", 0) for row in books.rows("disclosure") if row["data_set"] == "accounts")
    books.allow(incoming={"max_exact_answers": used + 1})
    books.told("count")
    for _ in range(2):
        refused = books.ask("count", "--json")
        assert (refused.code, refused.error["code"]) == (4, "refused")
        assert books.rows("decision")[-1]["reason"] == "budget-exceeded"
        assert south.stop() == 0
        south.serve()
    before = [row["charged"] for row in books.rows("disclosure")]
    assert books.told("count", "--epsilon", "1")["noise"]  # noise has a budget of its own
    books.allow(incoming={"max_exact_answers": used + 1, "max_epsilon_millis": 1})
    assert books.ask("count", "--epsilon", "1", "--json").error["code"] == "refused"
    assert len(books.rows("disclosure")) == len(before) + 1
    assert north.ledger()[-1]["event"] == "refusal"


def test_a_suppressed_answer_costs_what_any_other_does(books: Books) -> None:
    books.allow(incoming={"minimum": 100_000})
    before = len(books.rows("disclosure"))
    told = books.told("count")
    assert told["figures"] == [{"category": "", "count": None}]
    [paid] = books.rows("disclosure")[before:]
    assert (paid["charged"], paid["exact"]) == (SIZE, 1)
    steps = [row["event"] for row in books.pair.south.ledger() if row.get("session") == paid["session"]]
    assert steps == ["request-received", "decision", "disclosure", "checkpoint", "completion"]


def test_noise_costs_epsilon_for_each_figure_and_both_its_numbers(books: Books) -> None:
    told = books.told("sum", "--currency", "EUR", *ALL, "--epsilon", "0.5", *by("offence", OFFENCES))
    assert told["terms"]["epsilon_millis"] == 500
    row = books.rows("disclosure")[-1]
    assert row["epsilon_millis"] == 500 * 2 * len(OFFENCES) and "exact" not in row
    own = [row for row in books.pair.north.ledger() if row["event"] == "checkpoint"][-1]
    assert own["epsilon_millis"] == 500 * 2 * len(OFFENCES)


def test_a_refusal_that_depends_on_records_is_charged_like_an_answer(books: Books) -> None:
    books.pair.south.hold(range(30))  # passport numbers, and no transactions
    refused = books.ask("count", "--where", "offence=fraud", "--json", data_set="suspects")
    assert (refused.code, refused.error["code"]) == (4, "refused")
    row = books.rows("decision")[-1]
    assert (row["decision"], row["reason"], row["charged"], row["exact"]) == ("refused", "bad-aggregate", SIZE, 1)
    books.allow(incoming={"max_exact_answers": 1})
    assert books.ask("count", "--json", data_set="suspects").error["code"] == "refused"
    assert books.rows("decision")[-1]["reason"] == "budget-exceeded"


def test_own_rules_count_what_own_operators_ask(books: Books) -> None:
    books.allow(outgoing={"max_exact_answers": 0})
    refused = books.ask("count", "--json")
    assert (refused.code, refused.error["code"]) == (5, "budget-exceeded")
    assert books.pair.south.ledger()[-1]["event"] == "abort"
    books.allow(outgoing={"max_per_person": 1})
    assert books.ask("count", "--per-person", 2, "--json").error["code"] == "refused-by-own-rules"


def test_a_rule_that_is_not_about_figures_allows_none(books: Books) -> None:
    books.pair.south.write_rules(rules("north", "incoming").replace('["intersect"]', '["*"]').replace(
        '["shared-identifiers"]', '["*"]'))  # fmt: skip
    assert books.ask("count", "--json").error["code"] == "refused"
    assert books.rows("decision")[-1]["reason"] == "no-rule"


# --- what the operator gets


def test_the_answer_in_a_file_and_as_a_picture(books: Books, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the extra `plot` is not installed")
    for suffix, begins in ((".png", b"\x89PNG\r\n"), (".svg", b"<?xml")):
        plot, file = tmp_path / f"figures{suffix}", tmp_path / f"answer{suffix}.json"
        options = (*ALL, "--epsilon", "3", "--plot", plot, "--output", file, *by("corridor", CORRIDORS))
        outcome = books.ask("sum", "--currency", "EUR", *options)
        assert outcome.code == 0, outcome.err
        assert plot.read_bytes().startswith(begins) and stat.S_IMODE(plot.stat().st_mode) == 0o600
        held = json.loads(file.read_bytes())
        assert [figure["category"] for figure in held["figures"]] == list(CORRIDORS)
        assert "95 of 100" in outcome.out and str(plot) in outcome.out


def test_results_lists_figures_too(books: Books) -> None:
    told = books.told("count")
    listed = [r for r in books.pair.north.must("results", "list", "--json").json if r["session"] == told["session"]]
    assert [(result["query"], result["hits"], result["open"]) for result in listed] == [("count", None, None)]


def test_no_account_and_no_amount_is_in_ledger_or_log(books: Books) -> None:
    books.told("sum", "--currency", "EUR", *ALL, *by("corridor", CORRIDORS))
    accounts = {row.account for row in (*books.own, *books.theirs)}
    for node in (books.pair.north, books.pair.south):
        said = json.dumps(node.ledger()) + node.log_text()
        assert not [account for account in accounts if account in said]
