"""`accord query count` and `sum` before anything is sent: options, explanation, and the picture. No node runs here."""

from __future__ import annotations

from pathlib import Path

import pytest

from nodes.cli import plot
from nodes.cli.errors import PlotMissingError
from nodes.error_table import ExitCode
from nodes.exercise_node import MANDATE, introduce
from protocol.disclosure import DISCLOSURES
from protocol.vocabulary import Reveals, Variant
from tests.e2e.figures import figure_rules
from tests.e2e.harness import NodeUnderTest, make_node, rules

OWNED = 25
SUMMED = ("--currency", "EUR", "--high", "1000")


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> NodeUnderTest:
    folder = tmp_path_factory.mktemp("figures")
    north, south = make_node(folder, "north"), make_node(folder, "south")
    introduce(north, south)
    made = folder / "accounts"
    north.must("exercise", "accounts", made, "--size", OWNED, "--json")
    records, mapping = made / "accounts-1.csv", made / "accounts-1.toml"
    north.must("registry", "import", "accounts", records, "--mapping", mapping, "--json")
    north.write_rules(figure_rules("south", "outgoing"))
    north.must(*arguments(north, "count", "--explain", "--json"))  # measures this machine, and says so
    return north


@pytest.fixture
def north(asked: NodeUnderTest) -> NodeUnderTest:
    asked.write_rules(figure_rules("south", "outgoing", max_exact_answers=7, max_epsilon_millis=9_000))
    return asked


def arguments(node: NodeUnderTest, query: str, *more: object) -> list[object]:
    mandate = node.home.with_name("mandate.toml")
    between = ("--partner", "south", "--data-set", "accounts", "--ask", "accounts", "--mandate", mandate)
    return ["query", query, *between, *more]


@pytest.mark.parametrize(
    ("query", "more", "message"),
    [
        ("count", ("--where", "offence"), "--where as COLUMN=WORD,WORD"),
        ("count", ("--where", "offence>fraud"), "--where as COLUMN=WORD,WORD"),
        ("count", ("--where", "amount>=5"), "--where currency=CODE beside a condition on amounts"),
        ("count", ("--where", "currency=EUR", "--where", "amount>=5.001"), "got amount-too-precise"),
        ("count", ("--where", "owner=c1"), "filters on some of currency, corridor"),
        ("count", ("--where", "date>=31.01.2026"), "a date such as 2026-01-31"),
        ("count", ("--where", "date=2026-01-31"), "from and until for amount and date"),
        ("count", ("--where", "offence=fraud,fraud"), "different values in a filter"),
        ("count", ("--epsilon", "0.0001"), "at most three decimal places"),
        ("count", ("--epsilon", "-1"), "at most three decimal places"),
        ("count", ("--kind", "iban", "--kind", "iban"), "each --kind once"),
        ("count", ("--plot", "figures.pdf"), "a name that ends in .png or .svg"),
        ("sum", ("--currency", "EURO", "--high", "5"), "a currency of ISO 4217"),
        ("sum", ("--currency", "EUR", "--high", "1,000"), "for --high, such as 1234.5, got bad-amount"),
        ("sum", ("--currency", "EUR", "--high", "0"), "a range that holds 0 and more"),
        ("sum", ("--currency", "EUR", "--low", "1", "--high", "2"), "a range that holds 0 and more"),
        ("sum", (*SUMMED, "--unit", "0"), "--unit above zero"),
        ("sum", (*SUMMED, "--unit", "300"), "--high in whole units"),
        ("sum", (*SUMMED, "--by", "corridor"), "--by together with each --category"),
        ("sum", (*SUMMED, "--category", "DEU-TUR"), "--by together with each --category"),
        ("sum", (*SUMMED, "--by", "corridor", "--category", "DEUTUR"), "each corridor as records have it"),
        ("sum", (*SUMMED, "--by", "offence", "--category", "a", "--category", "a"), "1 to 200 different categories"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_said_before_anything_is_sent(
    north: NodeUnderTest, query: str, more: tuple[str, ...], message: str
) -> None:
    outcome = north.accord(*arguments(north, query, "--explain", "--json", *more))
    assert outcome.code == ExitCode.INPUT, outcome.err
    assert outcome.error["code"] in ("bad-question", "bad-aggregate", "output-exists")
    assert message in outcome.error["message"]


def test_a_total_that_cannot_be_found_is_refused(north: NodeUnderTest) -> None:
    wide = ("--explain", "--json", "--currency", "EUR", "--high", "1" + "0" * 12)
    outcome = north.accord(*arguments(north, "sum", *wide))
    assert (outcome.code, outcome.error["code"]) == (ExitCode.INPUT, "range-too-wide")
    assert north.accord(*arguments(north, "sum", *wide, "--unit", "1000")).code == 0


def test_all_of_it_in_json(north: NodeUnderTest) -> None:
    rows = len(north.ledger())
    options = (*SUMMED, "--by", "offence", "--category", "fraud", "--category", "theft", "--where", "date>=2025-01-01")
    found = north.must(
        *arguments(north, "sum", "--explain", "--json", "--epsilon", "0.5", "--minimum", "3", *options)
    ).json
    assert (found["query"], found["reveals"]) == ("sum", "sums")
    assert found["aggregate"] == {
        "value": "amount", "currency": "EUR", "category": "offence", "categories": ["fraud", "theft"], "unit": 1,
        "filters": [{"column": "date", "test": "from", "values": ["2025-01-01"]}], "low": 0, "high": 100_000,
        "per_person": 1, "minimum": 3, "epsilon_millis": 500,
    }  # fmt: skip
    assert found["figure_budget"] == {
        "cost": {"epsilon_millis": 2000, "exact": 0},
        "used": {"epsilon_millis": 0, "exact": 0},
        "budget": {"epsilon_millis": 9000, "exact": 7, "period_days": 30},
    }
    learns = DISCLOSURES[Variant.FRESH_KEYS, Reveals.SUMS]
    assert [statement["learns"] for statement in found["learns"]] == [s.learns for s in learns.statements]
    assert found["estimate"]["seconds"] > 0 and found["budget"]["charged"] == OWNED
    assert len(north.ledger()) == rows, "an explanation is no event"


def test_in_words(north: NodeUnderTest) -> None:
    said = north.must(*arguments(north, "count", "--explain", "--minimum", "3")).out
    assert "count; 1 per person" in said
    assert "told from 3 identifiers on; noise: none" in said
    assert "by south, which counts; this node refuses looser terms than it asked for" in said
    assert "1 exact answer; then 6 of 7 are left of this node's own in 30 days" in said
    for statement in DISCLOSURES[Variant.FRESH_KEYS, Reveals.COUNT].statements:
        assert statement.learns in said
    said = north.must(*arguments(north, "count", "--explain", "--epsilon", "1.5")).out
    assert "epsilon 1.5 in all; then 7.5 of 9 are left of this node's own in 30 days" in said


def test_own_rules_make_the_question_stricter(north: NodeUnderTest) -> None:
    north.write_rules(figure_rules("south", "outgoing", minimum=50, epsilon_millis=250))
    found = north.must(*arguments(north, "count", "--explain", "--json", "--epsilon", "1")).json
    assert (found["aggregate"]["minimum"], found["aggregate"]["epsilon_millis"]) == (50, 250)


@pytest.mark.parametrize(
    ("limits", "more"), [({"max_exact_answers": 0}, ()), ({"max_epsilon_millis": 1999}, ("--epsilon", "2"))]
)
def test_a_budget_that_does_not_bear_it(north: NodeUnderTest, limits: dict[str, int], more: tuple[str, ...]) -> None:
    north.write_rules(figure_rules("south", "outgoing", **limits))
    outcome = north.accord(*arguments(north, "count", "--explain", "--json", *more))
    assert (outcome.code, outcome.error["code"]) == (ExitCode.REFUSED_BY_OWN_RULES, "budget-exceeded")
    assert outcome.json["figure_budget"] is not None


def test_rules_of_before_allow_no_figures(north: NodeUnderTest) -> None:
    north.write_rules(rules("south", "outgoing").replace('["intersect"]', '["*"]').replace(
        '["shared-identifiers"]', '["*"]'))  # fmt: skip
    outcome = north.accord(*arguments(north, "count", "--explain", "--json"))
    assert (outcome.code, outcome.error["code"]) == (ExitCode.REFUSED_BY_OWN_RULES, "refused-by-own-rules")
    assert 'lacks aggregates "count"' in outcome.error["message"]


def test_without_matplotlib_a_plot_is_refused_before_anything_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plot, "find_spec", lambda _: None)
    with pytest.raises(PlotMissingError):
        plot.check_plot(tmp_path / "figures.svg")


def test_a_picture_of_figures(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the extra `plot` is not installed")
    told = [{"category": "a", "count": 12, "amount": "-3.50"}, {"category": "b<&", "count": None, "amount": None}]
    summary = {
        "aggregate": {"value": "amount", "currency": "EUR"}, "noise": {"count": 3, "amount": "2.00"}, "figures": told,
        "partner": "south", "asked": "accounts",
    }  # fmt: skip
    plot.draw(summary, tmp_path / "one.svg")
    drawn = (tmp_path / "one.svg").read_text()
    assert "below threshold" in drawn and "b&lt;&amp;" in drawn and "sum in EUR" in drawn
    counted = {**summary, "aggregate": {"value": "", "currency": ""}, "noise": None, "figures": told[:1]}
    plot.draw(counted, tmp_path / "two.png")
    assert (tmp_path / "two.png").read_bytes().startswith(b"\x89PNG")


def test_the_mandate_is_read_first(north: NodeUnderTest) -> None:
    ended = north.home.with_name("ended.toml")
    ended.write_text(MANDATE.replace("2099", "2021"))
    outcome = north.accord(*arguments(north, "count", "--explain", "--json"), "--mandate", ended)
    assert outcome.error["code"] == "mandate-not-valid-now"
