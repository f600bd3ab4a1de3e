"""What all questions of `accord query` have in common: their options, how they are confirmed, put and cancelled."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from nodes.cli.options import FILE, adding, kinds_option, mandate_option, partner_option
from nodes.cli.output import json_option
from nodes.cli.progress import ProgressLine
from nodes.control.client import connect
from nodes.control.errors import ControlError
from nodes.control.wire import Order, QueryOrder
from nodes.errors import NodeError, OutputExistsError, QuestionError
from nodes.home import Home, create_private, removed_on_error
from nodes.mandate import Mandate, load_mandate
from protocol.errors import Reason, RefusedError

SESSION_SHOWN: Final = 16  # digits, as `accord ledger show` has them

# What each reason of a refusal means for the one who asked. Policy is told without its grounds, on purpose.
_AFTER_REFUSAL: Final = {
    Reason.POLICY: "The partner's rules or records do not allow it; it need not say why. Ask its contact point.",
    Reason.BUSY: "The partner's node runs as many sessions as it may. Ask again in a few minutes.",
    Reason.TOO_LARGE: "Ask with fewer kinds or a smaller data set: the partner limits how long a list may be.",
    Reason.EXPIRED: "Compare the clocks of both nodes, and look at the period of the mandate.",
    Reason.REPLAYED: "Ask again; if it repeats, tell the partner, because somebody may be repeating envelopes.",
    Reason.REALM: "One node is for exercises, the other for casework. They never answer each other.",
    Reason.PROFILE: "The nodes canonicalize identifiers by different profiles. Bring both to the same version.",
    Reason.OUTDATED: "Run `accord epoch sync`. If that is refused too, the epoch ended: close it and fetch another.",
    Reason.UNSUPPORTED: "The partner's node does not answer this kind of question. Compare versions and extras.",
    Reason.SHUTTING_DOWN: "The partner's node is being stopped. Ask again when it is back.",
}

F = TypeVar("F", bound=Callable[..., Any])


def question_options(command: F) -> F:
    """Add the options that every question to one partner has. The command gets them as `partner`, `data_set`, `asked`,
    `kinds`, `mandate`, `output`, `only_explain`, `yes` and `as_json`.
    """
    own, theirs = "Own data set whose identifiers are looked for.", "The partner's data set."
    return partner_option("Agency to ask")(common_options(own, theirs)(command))


def common_options(own: str, theirs: str) -> Callable[[F], F]:
    """Add the options that every question has: those of `question_options`, but for `partner`.

    Args:
        own, theirs: what --data-set and --ask name.
    """
    options = (
        click.option("--data-set", required=True, metavar="NAME", help=own),
        click.option("--ask", "asked", required=True, metavar="NAME", help=theirs),
        kinds_option("default: all"),
        mandate_option,
        click.option(
            "--output",
            type=FILE,
            help="New file for the result.  [default: one in the node's results folder]",
        ),
        click.option("--explain", "only_explain", is_flag=True, help="Say what it would tell and cost; send nothing."),
        click.option(
            "--yes", is_flag=True, help="Send it without being asked to confirm; needed where there is no terminal."
        ),
        json_option,
    )
    return adding(*options)


def check_options(kinds: tuple[str, ...], mandate: Path, output: Path | None) -> tuple[str, Mandate]:
    """See that the options can be used, before the node is asked. Returns: the mandate, as text and as it is read.

    Raises:
        OutputExistsError, QuestionError, MandateError.
    """
    if output is not None and output.exists():
        raise OutputExistsError(f"expected a new file for the result, got {output}, which is there")
    if len(set(kinds)) != len(kinds):
        raise QuestionError("expected each --kind once, got one twice")
    return load_mandate(mandate)


def put(
    home: Home, order: QueryOrder, mandate: Mandate, *, only_explain: bool, yes: bool, as_json: bool
) -> dict[str, Any] | None:
    """Explain the question and have it confirmed, unless `yes`; then ask. Returns: the summary; None if only explained.

    Raises:
        QuestionError: nobody can be asked to confirm. As `nodes.explain.explain`, and whatever ended the query.
    """
    if only_explain or not yes:
        from nodes.cli import explaining  # loads what a query with --yes leaves to the node

        if not only_explain:
            explaining.require_terminal()
        explanation = explaining.explained(home, order, mandate)
        if only_explain:
            explaining.show(explanation, as_json=as_json)
            explanation.enforce()
            return None
        explaining.confirm(explanation)
    try:
        return ask(home, order, ProgressLine(quiet=as_json))
    except RefusedError as error:
        advise(error, home, order.partner)
        raise


def move(file: Path, output: Path) -> None:
    """Move a result to where the operator wants it, however large it is. Another disk gets a copy."""
    create_private(output)
    with removed_on_error(output):
        try:
            file.replace(output)
        except OSError as cause:
            if cause.errno != errno.EXDEV:
                raise
            with file.open("rb") as source, output.open("wb") as target:
                shutil.copyfileobj(source, target)
                target.flush()
                os.fsync(target.fileno())
            file.unlink()


def print_whole(file: Path) -> None:
    """Print a result, one JSON object over many lines, and where it is; a large one does not go through memory."""
    with file.open(encoding="utf-8") as text:
        click.echo(text.readline().rstrip() + f'"file": {json.dumps(str(file))},')
        shutil.copyfileobj(text, sys.stdout)


def ask(home: Home, order: Order, line: ProgressLine) -> dict[str, Any]:
    """Ask, and let Ctrl-C end the query in good order: the partner gets a signed abort.

    Raises:
        QuestionError: an option holds what no question can. Whatever ended the query.
    """
    _check(order)
    with connect(home) as node:
        number = ""

        def interrupt(_signal: int, _frame: object) -> None:
            signal.signal(signal.SIGINT, signal.default_int_handler)  # a second Ctrl-C does not wait
            click.echo("\ncancelling: the partner is told", err=True)
            with suppress(NodeError):  # it ended by itself just now
                node.cancel(number)

        before = signal.getsignal(signal.SIGINT)
        try:
            for event in node.query(order):
                if event["event"] == "accepted":
                    number = event["query"]
                    signal.signal(signal.SIGINT, interrupt)
                elif event["event"] == "progress":
                    line.show(event)
                elif event["event"] == "done":
                    return dict(event["result"])
        finally:
            signal.signal(signal.SIGINT, before)
            line.end()
    raise AssertionError("expected the client to raise where a query does not end")


def _check(order: Order) -> None:
    """Read the order as the node will, so that a mistake in an option is not told as one of this program."""
    try:
        order.parse(json.dumps(order.as_json()).encode())
    except ControlError as mistake:
        raise QuestionError(str(mistake)) from None


def advise(error: RefusedError, home: Home, partner: str) -> None:
    """Note what a refusal's reason means for the one who asked, and by which session the partner finds its row."""
    _, _, reason = str(error).rpartition(": ")
    if reason in _AFTER_REFUSAL:
        from nodes.ledger import Event, LedgerFile  # loads what a query that is answered does not need

        rows = LedgerFile(home.ledger_file).entries()
        refused = [r["session"] for r in rows if (r["event"], r.get("partner")) == (Event.REFUSAL, partner)]
        session = f" Both ledgers have it as session {refused[-1][:SESSION_SHOWN]}." if refused else ""
        error.add_note(_AFTER_REFUSAL[Reason(reason)] + session)
