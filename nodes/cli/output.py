"""What the command line shows: tables on a terminal, plain lines in a pipe, JSON on request, errors one way.

A known error becomes its message, a sentence of advice and an exit code, both from nodes/error_table.py.
An unknown one becomes its type and the place where it happened, never its text: that could hold a value.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from nodes.error_table import ErrorRow, ExitCode, error_row

_JSON: Final = "accord.json"
_CODE: Final = Path(__file__).parents[2]

F = TypeVar("F", bound=Callable[..., Any])


def json_option(command: F) -> F:
    """Add `--json` to a command; its errors become JSON too. The command gets `as_json: bool`."""

    def remember(context: click.Context, _parameter: click.Parameter, value: bool) -> bool:
        context.meta[_JSON] = value
        return value

    return click.option(
        "--json",
        "as_json",
        is_flag=True,
        callback=remember,
        is_eager=True,
        help="Print JSON instead of text.",
    )(command)


def print_json(value: object) -> None:
    """Print one JSON value on one line of stdout."""
    click.echo(json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True))


def print_facts(facts: Mapping[str, object], *, err: bool = False) -> None:
    """Print names and values, one pair a line, aligned."""
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        click.echo(f"{name:<{width}}  {value}", err=err)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "") -> None:
    """Print a table: drawn on a terminal; tab-separated, without title, elsewhere or when NO_COLOR is set."""
    if not sys.stdout.isatty() or "NO_COLOR" in os.environ:
        for row in (columns, *rows):
            click.echo("\t".join(map(str, row)))
        return
    from rich.console import Console  # loaded only when something is drawn
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, title=title or None, title_justify="left")
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))  # Text: no markup from values
    Console().print(table)


def moment(time_ms: int) -> str:
    """Return a time as tables show it, in UTC."""
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m-%d %H:%MZ}"


def report(error: BaseException, context: click.Context) -> ExitCode:
    """Show an error on stderr and return the exit code it stands for."""
    row = error_row(error)
    if row is not None:
        code, message, advice, exit_code = type(error).code, str(error), _advice(error, row), row.exit_code  # type: ignore[attr-defined]
    elif isinstance(error, KeyboardInterrupt | click.Abort):
        code, message, exit_code = "cancelled", "cancelled by the operator", ExitCode.CANCELLED
        advice = "Nothing more was sent; run the command again when you are ready."
    else:
        code, message, exit_code = (
            "unexpected",
            f"unexpected {type(error).__name__}{_place(error)}",
            ExitCode.UNEXPECTED,
        )
        advice = "This is a defect; report the line above and what you ran. Values are left out on purpose."
    if context.meta.get(_JSON):
        failure = {"advice": advice, "code": code, "exit_code": int(exit_code), "message": message}
        click.echo(json.dumps({"error": failure}, ensure_ascii=False, sort_keys=True), err=True)
    else:
        click.echo(f"accord: {message} [{code}]\n{advice}", err=True)
    return exit_code


def _advice(error: BaseException, row: ErrorRow) -> str:
    """What a command noted on the error, which knows more than the table; else what the table says."""
    return " ".join(getattr(error, "__notes__", ())) or row.advice


def _place(error: BaseException) -> str:
    trace, place = error.__traceback__, ""
    while trace is not None:
        file = Path(trace.tb_frame.f_code.co_filename)
        if file.is_relative_to(_CODE):
            place = f" at {file.relative_to(_CODE)}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
