"""`accord query totals`: how many and how much, over several agencies, and nobody's part in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from nodes.cli.asking import advise, ask, check_options, common_options
from nodes.cli.completion import complete_partners
from nodes.cli.figures import (
    check_categories,
    described,
    epsilon_millis,
    figure_options,
    filters,
    finish,
    money,
    plus_minus,
    range_of,
    sum_options,
)
from nodes.cli.options import example
from nodes.cli.output import print_facts, print_json, print_table
from nodes.cli.plot import NOT_OPENED, check_plot
from nodes.cli.progress import ProgressLine
from nodes.control.wire import TotalsOrder
from nodes.errors import QuestionError
from nodes.home import Home
from nodes.mandate import Mandate
from protocol.errors import RefusedError
from protocol.messages import Aggregate
from protocol.vocabulary import Scheme

DEFAULT_MOST: Final = 100_000


@click.command(
    "totals",
    epilog=example(
        "accord query totals --with customs-south,police-east=konten --data-set accounts --ask accounts \\\n"
        "    --kind iban --currency EUR --high 50000 --by offence --category fraud --mandate mandate.toml"
    ),
)
@click.option(
    "--with",
    "named",
    required=True,
    multiple=True,
    metavar="ID[=NAME],...",
    shell_complete=complete_partners,
    help="The other agencies; =NAME where one's data set is not called as --ask says. Or again for each.",
)
@common_options("Own data set whose records are added up.", "The other agencies' data set.")
@sum_options(required=False)
@click.option(
    "--most",
    type=click.IntRange(1),
    default=DEFAULT_MOST,
    show_default=True,
    help="Identifiers of a kind that one agency may hold; who holds more does not take part.",
)
@click.option("--to-all", is_flag=True, help="All agencies learn the sums, as they learn the counts.")
@click.option(
    "--scheme",
    type=click.Choice([scheme.value for scheme in Scheme]),
    default=Scheme.ELGAMAL.value,
    show_default=True,
    help="How figures are encrypted. Under paillier (an extra) nothing proves that they keep within their bounds.",
)
@figure_options("records")
@click.pass_obj
def totals(
    home: Home,
    named: tuple[str, ...],
    data_set: str,
    asked: str,
    kinds: tuple[str, ...],
    currency: str | None,
    category: str | None,
    categories: tuple[str, ...],
    high: str | None,
    low: str | None,
    unit: str | None,
    most: int,
    to_all: bool,
    scheme: str,
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
    """Add up what this agency and two others or more hold, each in its own records, so that nobody shows its part.

    All take part or nobody learns anything. Counts of agencies and of identifiers are told to all who take part, sums
    to you, or to all with --to-all. Each agency decides by its own rules, and adds its own noise.
    """
    check_categories(category, categories)
    if currency is None and (high, low, unit) != (None, None, None):
        raise QuestionError("expected --currency beside --high, --low and --unit, got none")
    if currency is not None and high is None:
        raise QuestionError("expected --high beside --currency, got none")
    scaled = range_of(currency, low, high or "0", unit) if currency is not None else (0, 0, 0)
    aggregate = Aggregate(
        "amount" if currency is not None else "", currency or "", category or "", categories,
        filters(conditions, currency=currency or ""), *scaled, per_person, minimum, epsilon_millis(epsilon),
    )  # fmt: skip
    text, parsed = check_options(kinds, mandate, output)
    if plot is not None:
        check_plot(plot)
    order = TotalsOrder(_invited(named, asked), data_set, kinds, most, to_all, text, aggregate, Scheme(scheme))
    if not _confirmed(home, order, parsed, only_explain=only_explain, yes=yes, as_json=as_json):
        return
    try:
        summary = ask(home, order, ProgressLine(quiet=as_json))
    except RefusedError as error:
        advise(error, home, ", ".join(agency for agency, _ in order.invited))
        raise
    finish(summary, output, plot, _show, as_json=as_json)


def _invited(named: tuple[str, ...], asked: str) -> tuple[tuple[str, str], ...]:
    """Each agency with its data set. One whose name was left out behind `=` stays empty, which no order may have."""
    pairs = (one.partition("=") for some in named for one in some.split(","))
    return tuple((agency.strip(), data_set.strip() if sign else asked) for agency, sign, data_set in pairs)


def _confirmed(
    home: Home, order: TotalsOrder, mandate: Mandate, *, only_explain: bool, yes: bool, as_json: bool
) -> bool:
    """Explain the question and have it confirmed, unless `yes`. Returns: whether to ask."""
    if yes and not only_explain:
        return True
    from nodes.cli import explaining  # loads what a question with --yes leaves to the node
    from nodes.cli.local import LocalNode, now_ms
    from nodes.totals.asking import TotalsRequest
    from nodes.totals.explain import explain_totals

    if not only_explain:
        explaining.require_terminal()
    node = LocalNode.load(home)
    request = TotalsRequest(
        order.invited, order.data_set, order.kinds, order.most, mandate, node.operator.id, order.aggregate,
        order.to_all, order.scheme,
    )  # fmt: skip
    explanation = explain_totals(home, node.config, node.identity, request, now_ms())
    if not only_explain:
        explaining.confirm_totals(explanation)
        return True
    if as_json:
        print_json(explanation.as_json())
    else:
        print_facts(explaining.totals_facts(explanation))
        click.echo()
        explaining.show_disclosure(explanation.disclosure, explaining.TOTALS_WHO)
    explanation.enforce()
    return False


def _show(summary: dict[str, Any]) -> dict[str, object]:
    columns, rows = table(summary)
    asked = summary["aggregate"]
    print_table(columns, rows, title=f"Totals: {described(summary)}")
    click.echo()
    print_table(
        ("agency", "data set", "contributes from", "rounding", "epsilon"),
        [
            (p["agency"], p["data_set"] or summary["data_set"], p["minimum"] * asked["per_person"],
             p["rounding"] or "none", f"{p['epsilon_millis'] / 1000:g}" if p["epsilon_millis"] else "none")
            for p in summary["participants"]
        ],
        title="Terms of each agency; a part that is too small is added as nothing, and nobody can tell",
    )  # fmt: skip
    return {}


def table(summary: dict[str, Any]) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """Columns and rows of the totals; what was not opened says so."""
    asked, noise = summary["aggregate"], summary["noise"]
    columns = ("agencies", "identifiers", *([f"sum in {asked['currency']}"] if asked["value"] else []))
    rows: list[tuple[object, ...]] = []
    for figure in summary["figures"]:
        row: list[object] = [figure["category"]] if asked["category"] else []
        row.append(NOT_OPENED if figure["contributors"] is None else figure["contributors"])
        count, amount = figure["count"], figure.get("amount")
        row.append(NOT_OPENED if count is None else f"{count:,}{plus_minus(noise and noise['count'])}")
        if asked["value"]:
            row.append(NOT_OPENED if amount is None else money(amount) + plus_minus(noise and money(noise["amount"])))
        rows.append(tuple(row))
    return (*([asked["category"]] if asked["category"] else []), *columns), rows
