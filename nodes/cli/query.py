"""`accord query`: ask a partner a question through the running node."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any, Final

import click

from nodes.cli.asking import check_options, move, print_whole, put, question_options
from nodes.cli.figures import count, sum_
from nodes.cli.options import example
from nodes.cli.output import print_facts, print_table
from nodes.cli.totals import totals
from nodes.control.wire import QueryOrder
from nodes.errors import QuestionError
from nodes.hits import Hit, read_result
from nodes.home import Home
from protocol.vocabulary import REVEALED, Query, Reveals

MAX_SHOWN_HITS: Final = 50


@click.group(short_help="Ask a partner a question.")
def command() -> None:
    """Ask a partner a question through the node that serves this home."""


@command.command(
    epilog=example(
        "accord query intersect --partner customs-south --data-set persons --ask persons --mandate mandate.toml"
    )
)
@question_options
@click.option(
    "--reveals",
    type=click.Choice([reveals.value for reveals in REVEALED[Query.INTERSECT]]),
    default=Reveals.SHARED_IDENTIFIERS.value,
    show_default=True,
    help="What the answer tells: to both sides or to you alone, with the partner's note for each hit or without.",
)
@click.option(
    "--epoch", metavar="ID", default="", help="Ask in this epoch; see `accord epoch list`.  [default: fresh keys]"
)
@click.pass_obj
def intersect(
    home: Home,
    partner: str,
    data_set: str,
    asked: str,
    kinds: tuple[str, ...],
    reveals: str,
    mandate: Path,
    output: Path | None,
    epoch: str,
    only_explain: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Find which identifiers of an own data set a partner's data set holds too.

    The partner learns that you asked, why, and how many identifiers of each kind you hold; not which, unless the answer
    goes to both. You learn the shared ones and how many it holds. A hit is a lead, not an identity.
    """
    text, parsed = check_options(kinds, mandate, output)
    if epoch and Reveals(reveals) is not Reveals.SHARED_IDENTIFIERS:
        raise QuestionError("expected an epoch to reveal shared identifiers to this side alone, got another --reveals")
    order = QueryOrder(partner, data_set, asked, kinds, Reveals(reveals), text, epoch)
    summary = put(home, order, parsed, only_explain=only_explain, yes=yes, as_json=as_json)
    if summary is None:
        return
    file = Path(summary["file"])
    shown = [] if as_json else list(islice(read_result(file).hits(), MAX_SHOWN_HITS))
    if output is not None:
        move(file, output)
        file = output
    if as_json:
        print_whole(file)
    else:
        _show(summary, shown, file)


command.add_command(count)
command.add_command(sum_)
command.add_command(totals)


def _show(result: dict[str, Any], shown: list[Hit], file: Path) -> None:
    count = sum(entry["shared"] for entry in result["lists"])
    rows: list[tuple[object, ...]] = [
        (hit.number, hit.kind, hit.strength, hit.identifier, "; ".join(_record(*record) for record in hit.records))
        for hit in shown
    ]
    columns: tuple[str, ...] = ("hit", "kind", "strength", "identifier", "own records")
    if Reveals(result["reveals"]).with_notes:
        rows = [(*row, hit.shown_note) for row, hit in zip(rows, shown, strict=True)]
        columns = (*columns, "partner's note")
    if rows:
        click.echo("Leads, not identities: each hit says only that both lists hold the same identifier.\n")
        print_table(columns, rows, title="Shared identifiers")
    else:
        click.echo("No shared identifiers.")
    if count > len(shown):
        click.echo(f"... and {count - len(shown)} more in the file below")
    click.echo()
    print_table(
        ("kind", "own identifiers", "partner's identifiers", "shared"),
        [(entry["kind"], entry["own"], entry["partner"], entry["shared"]) for entry in result["lists"]],
        title="Sizes, which both sides now know",
    )
    click.echo()
    print_facts(
        {
            "session": result["session"],
            **({"as of": f"release {result['release']} of epoch {result['epoch']}"} if "epoch" in result else {}),
            "seconds": result["seconds"],
            "bytes": f"{result['sent_bytes']} sent, {result['received_bytes']} received",
            "backend": result["backend"],
            "result": file,
        }
    )
    if count and file.name == f"{result['session']}.json":  # not where --output took it
        click.echo(f"\nNext: check each hit, then `accord hits confirm` or `discard` {result['session'][:8]} NUMBER.")


def _record(reference: str, display: dict[str, str]) -> str:
    shown = ", ".join(display.values())
    return f"{reference} ({shown})" if shown else reference
