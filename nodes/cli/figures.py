"""`accord query count` and `accord query sum`: how many, and how much, without who."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from nodes.cli.asking import check_options, move, print_whole, put, question_options
from nodes.cli.options import FILE, adding, example
from nodes.cli.output import print_facts, print_table
from nodes.cli.plot import SUPPRESSED, check_plot, draw
from nodes.control.wire import QueryOrder
from nodes.errors import QuestionError
from nodes.home import Home
from nodes.mandate import Mandate
from protocol.messages import Aggregate, Filter
from protocol.vocabulary import Comparison, Reveals

DEFAULT_MINIMUM: Final = 10
TESTS: Final = {"=": Comparison.ONE_OF, ">=": Comparison.FROM, "<=": Comparison.UNTIL}
_CONDITION: Final = re.compile(r"([a-z-]+)(>=|<=|=)(.+)")
_EPSILON: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3})?")

F = TypeVar("F", bound=Callable[..., Any])


def figure_options(whose: str) -> Callable[[F], F]:
    """Add the options that all figures have: `conditions`, `per_person`, `minimum`, `epsilon` and `plot`.

    Args:
        whose: the records that are looked at.
    """
    options = (
        click.option(
            "--where",
            "conditions",
            multiple=True,
            metavar="CONDITION",
            help=f"Only {whose} that fit, again for more: corridor=DEU-TUR,TUR-DEU; offence=fraud; currency=EUR; "
            "date>=2026-01-31; amount<=999.99.",
        ),
        click.option(
            "--per-person",
            type=click.IntRange(1, 64),
            default=1,
            show_default=True,
            help="At most so many identifiers of one person count.",
        ),
        click.option(
            "--minimum",
            type=click.IntRange(1, 1_000_000_000),
            default=DEFAULT_MINIMUM,
            show_default=True,
            help="Tell of no fewer persons, each with --per-person identifiers. A data owner's own applies if larger.",
        ),
        click.option(
            "--epsilon",
            metavar="NUMBER",
            default="0",
            help="Ask for noise, as 0.5: less is more of it. A data owner may insist on some.  [default: none]",
        ),
        click.option(
            "--plot", type=FILE, help="Draw the figures into this new file, .png or .svg. Needs the extra `plot`."
        ),
    )
    return adding(*options)


def sum_options(*, required: bool) -> Callable[[F], F]:
    """Add the options that all sums have: `currency`, `category`, `categories`, `high`, `low` and `unit`.

    Args:
        required: False where without a currency there is a count.
    """
    options = (
        click.option(
            "--currency",
            required=required,
            metavar="CODE",
            help="Sum amounts in this currency: EUR, by ISO 4217." + ("" if required else "  [default: only count]"),
        ),
        click.option("--by", "category", type=click.Choice(["corridor", "offence"]), help="Tell figures by category."),
        click.option(
            "--category", "categories", multiple=True, metavar="WORD", help="One of the categories; again for more."
        ),
        click.option(
            "--high",
            required=required,
            metavar="AMOUNT",
            help=("" if required else "Needed with --currency. ")
            + "What one identifier adds in a category is cut off here; it also decides how much noise is needed.",
        ),
        click.option("--low", metavar="AMOUNT", help="And here; below zero, or 0.  [default: 0]"),
        click.option(
            "--unit",
            metavar="AMOUNT",
            help="Sum in units of so much, for large ranges.  [default: the smallest unit of the currency]",
        ),
    )
    return adding(*options)


@click.command(
    "count",
    epilog=example(
        "accord query count --partner customs-south --data-set accounts --ask accounts --where offence=fraud \\\n"
        "    --mandate mandate.toml"
    ),
)
@question_options
@figure_options("the partner's records")
@click.pass_obj
def count(
    home: Home,
    partner: str,
    data_set: str,
    asked: str,
    kinds: tuple[str, ...],
    conditions: tuple[str, ...],
    per_person: int,
    minimum: int,
    epsilon: str,
    mandate: Path,
    output: Path | None,
    plot: Path | None,
    only_explain: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Count how many identifiers of an own data set a partner's data set holds too, and not which.

    The partner learns that you asked, why, how many identifiers of each kind you hold, and the exact count. You learn
    the count as its rules tell it, or that it is below a threshold.
    """
    where = filters(conditions, currency="")
    aggregate = Aggregate("", "", "", (), where, 0, 0, 0, per_person, minimum, epsilon_millis(epsilon))
    text, parsed = check_options(kinds, mandate, output)
    order = QueryOrder(partner, data_set, asked, kinds, Reveals.COUNT, text, aggregate=aggregate)
    _answer(home, order, parsed, output, plot, only_explain=only_explain, yes=yes, as_json=as_json)


@click.command(
    "sum",
    epilog=example(
        "accord query sum --partner customs-south --data-set accounts --ask accounts --currency EUR --high 50000 \\\n"
        "    --by offence --category fraud --category corruption --mandate mandate.toml"
    ),
)
@question_options
@sum_options(required=True)
@figure_options("the partner's records")
@click.pass_obj
def sum_(
    home: Home,
    partner: str,
    data_set: str,
    asked: str,
    kinds: tuple[str, ...],
    currency: str,
    category: str | None,
    categories: tuple[str, ...],
    high: str,
    low: str | None,
    unit: str | None,
    conditions: tuple[str, ...],
    per_person: int,
    minimum: int,
    epsilon: str,
    mandate: Path,
    output: Path | None,
    plot: Path | None,
    only_explain: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Sum amounts that a partner's records hold behind shared identifiers, and how many these are; not which.

    The partner learns that you asked, why, how many identifiers of each kind you hold, and the exact count in each
    category. You learn counts and sums as its rules tell them; small ones are suppressed.
    """
    check_categories(category, categories)
    aggregate = Aggregate(
        "amount", currency, category or "", categories, filters(conditions, currency=currency),
        *range_of(currency, low, high, unit), per_person, minimum, epsilon_millis(epsilon),
    )  # fmt: skip
    text, parsed = check_options(kinds, mandate, output)
    order = QueryOrder(partner, data_set, asked, kinds, Reveals.SUMS, text, aggregate=aggregate)
    _answer(home, order, parsed, output, plot, only_explain=only_explain, yes=yes, as_json=as_json)


# --- what is asked


def check_categories(category: str | None, categories: tuple[str, ...]) -> None:
    """Raises QuestionError where only one of the two is given."""
    if bool(category) != bool(categories):
        raise QuestionError("expected --by together with each --category to be told, got one without the other")


def range_of(currency: str, low: str | None, high: str, unit: str | None) -> tuple[int, int, int]:
    """Read a unit, in minor units of the currency, and the range of one value, in units. Raises QuestionError."""
    minor = minor_units(unit, currency, "--unit") if unit is not None else 1
    if minor < 1:
        raise QuestionError("expected --unit above zero, got another")
    return minor, in_units(low or "0", currency, minor, "--low"), in_units(high, currency, minor, "--high")


def filters(conditions: tuple[str, ...], *, currency: str) -> tuple[Filter, ...]:
    """Read conditions on records. Raises QuestionError."""
    parsed = [_condition(text) for text in conditions]
    named = [f.values for f in parsed if f.column == "currency" and len(f.values) == 1]
    currency = currency or (named[0][0] if named else "")
    return tuple(_in_minor_units(f, currency) if f.column == "amount" else f for f in parsed)


def _condition(text: str) -> Filter:
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise QuestionError("expected --where as COLUMN=WORD,WORD or COLUMN>=VALUE or COLUMN<=VALUE, got another form")
    column, sign, values = match.groups()
    test = TESTS[sign]
    return Filter(column, test.value, tuple(values.split(",")) if test is Comparison.ONE_OF else (values,))


def _in_minor_units(condition: Filter, currency: str) -> Filter:
    if not currency:
        raise QuestionError("expected --where currency=CODE beside a condition on amounts, got none")
    minor = minor_units(condition.values[0], currency, "--where amount")
    return Filter(condition.column, condition.test, (str(minor),))


def minor_units(text: str, currency: str, option: str) -> int:
    """Read an amount in minor units of a currency. Raises QuestionError."""
    from nodes.registry.currencies import DECIMAL_PLACES  # loads what a question without amounts does not need
    from nodes.registry.transactions import read_amount

    if currency not in DECIMAL_PLACES:
        raise QuestionError("expected a currency of ISO 4217, such as EUR, got another word")
    minor = read_amount(text, DECIMAL_PLACES[currency])
    if isinstance(minor, str):
        raise QuestionError(f"expected an amount in {currency} for {option}, such as 1234.5, got {minor}")
    return minor


def in_units(text: str, currency: str, unit: int, option: str) -> int:
    """Read an amount in units. Raises QuestionError."""
    minor = minor_units(text, currency, option)
    if minor % unit:
        raise QuestionError(f"expected {option} in whole units, got a part of one")
    return minor // unit


def epsilon_millis(text: str) -> int:
    """Read an epsilon, in thousandths. Raises QuestionError."""
    if not _EPSILON.fullmatch(text):
        raise QuestionError("expected --epsilon as a number of at most three decimal places, such as 0.5, got another")
    return int(Decimal(text) * 1000)


# --- what is shown


def _answer(
    home: Home,
    order: QueryOrder,
    mandate: Mandate,
    output: Path | None,
    plot: Path | None,
    *,
    only_explain: bool,
    yes: bool,
    as_json: bool,
) -> None:
    if plot is not None:
        check_plot(plot)
    summary = put(home, order, mandate, only_explain=only_explain, yes=yes, as_json=as_json)
    if summary is not None:
        finish(summary, output, plot, _show, as_json=as_json)


def finish(
    summary: dict[str, Any],
    output: Path | None,
    plot: Path | None,
    show: Callable[[dict[str, Any]], dict[str, object]],
    *,
    as_json: bool,
) -> None:
    """Move, draw and print a result.

    Args:
        show: prints the figures of a summary for people, and returns facts to print with those of the session.
    """
    file = Path(summary["file"])
    if output is not None:
        move(file, output)
        file = output
    if plot is not None:
        draw(summary, plot)
    if as_json:
        print_whole(file)
        return
    facts = show(summary)
    click.echo()
    print_facts({**facts, **_session(summary, file), **({"plot": plot} if plot else {})})


def _show(summary: dict[str, Any]) -> dict[str, object]:
    columns, rows = table(summary)
    print_table(columns, rows, title=f"Shared {described(summary)}, {summary['partner']}")
    click.echo()
    print_table(
        ("kind", "own identifiers", "partner's identifiers"),
        [(entry["kind"], entry["own"], entry["partner"]) for entry in summary["lists"]],
        title="Sizes, which both sides now know",
    )
    return _terms(summary)


def described(summary: dict[str, Any]) -> str:
    """What the figures are of, in a line."""
    asked = summary["aggregate"]
    what = f"{asked['value']}s in {asked['currency']}" if asked["value"] else "identifiers"
    return f"{what}{' by ' + asked['category'] if asked['category'] else ''}"


def table(summary: dict[str, Any]) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """Columns and rows of the figures; a suppressed one says so."""
    asked, noise = summary["aggregate"], summary["noise"]
    columns = ("shared identifiers", *([f"sum in {asked['currency']}"] if asked["value"] else []))
    rows: list[tuple[object, ...]] = []
    for figure in summary["figures"]:
        row: list[object] = [figure["category"]] if asked["category"] else []
        if figure["count"] is None:
            row += [SUPPRESSED, *([""] if asked["value"] else [])]
        else:
            row.append(f"{figure['count']:,}{plus_minus(noise and noise['count'])}")
            row += [money(figure["amount"]) + plus_minus(noise and money(noise["amount"]))] if asked["value"] else []
        rows.append(tuple(row))
    return (*([asked["category"]] if asked["category"] else []), *columns), rows


def money(amount: str) -> str:
    """An amount for people, in thousands."""
    return f"{Decimal(amount):,f}"


def plus_minus(width: object) -> str:
    """What follows a figure with noise."""
    return f" \N{PLUS-MINUS SIGN} {width}" if width else ""


def _terms(summary: dict[str, Any]) -> dict[str, object]:
    terms, asked = summary["terms"], summary["aggregate"]
    noise = f"epsilon {terms['epsilon_millis'] / 1000:g} for each figure" if terms["epsilon_millis"] else "none"
    if summary["noise"]:
        noise += "; 95 of 100 lie within what follows \N{PLUS-MINUS SIGN}"
    return {
        "told from": f"{terms['minimum'] * asked['per_person']} identifiers on",
        "rounding": f"counts to multiples of {terms['rounding']}" if terms["rounding"] else "none",
        "noise": noise,
        "per person": f"at most {asked['per_person']} identifiers",
    }


def _session(summary: dict[str, Any], file: Path) -> dict[str, object]:
    return {
        "session": summary["session"],
        "seconds": summary["seconds"],
        "bytes": f"{summary['sent_bytes']} sent, {summary['received_bytes']} received",
        "backend": summary["backend"],
        "result": file,
    }
