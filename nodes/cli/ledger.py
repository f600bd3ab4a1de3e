"""`accord ledger`: verify, show and export what this node did. Works beside a running node, and on copies anywhere."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from nodes.cli.completion import complete_partners
from nodes.cli.options import FILE, example
from nodes.cli.output import json_option, print_facts, print_json, print_table
from nodes.errors import PartnerFileError
from nodes.fields import read_bounded
from nodes.home import Home
from nodes.identity import load_signer
from nodes.ledger import HASH_BYTES, Event, LedgerFile
from nodes.partners import read_partner_file


class HexBytes(click.ParamType[bytes]):
    """So many bytes in hexadecimal."""

    name = "hex"

    def __init__(self, size_bytes: int) -> None:
        self._size_bytes = size_bytes

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        try:
            data = value if isinstance(value, bytes) else bytes.fromhex(value)
        except ValueError:
            data = b""
        if len(data) != self._size_bytes:
            self.fail(f"expected {2 * self._size_bytes} hexadecimal digits", param, ctx)
        return data


_FILE = click.option("--file", "copy", type=FILE, help="A copy; without it, this node's own.")


@click.group(short_help="Verify, show and export what this node did.")
def command() -> None:
    """Verify, show and export the ledger: who asked whom what, when, why, and what left this node."""


@command.command(epilog=example("accord ledger verify --file ledger-copy.db --partner-file customs-south.partner"))
@_FILE
@click.option("--public-key", type=HexBytes(32), help="The agency's signing key; without it, this node's own.")
@click.option(
    "--partner-file",
    type=FILE,
    help="The agency's partner file, in place of its key: compare the fingerprint that is shown.",
)
@click.option("--expect-head", type=HexBytes(HASH_BYTES), help="A head noted earlier, which must still be there.")
@json_option
@click.pass_obj
def verify(
    home: Home,
    copy: Path | None,
    public_key: bytes | None,
    partner_file: Path | None,
    expect_head: bytes | None,
    as_json: bool,
) -> None:
    """Check every row, hash and signature, and name the first row that is wrong.

    Rows cut off at the end leave a shorter ledger that is right in itself. Only a head that somebody else noted shows
    it: keep the head below outside this machine, and give it to the next check with --expect-head.
    """
    if public_key is not None and partner_file is not None:
        raise click.UsageError("expected either --public-key or --partner-file, got both")
    agency: dict[str, str] = {}
    if partner_file is not None:
        file = read_partner_file(read_bounded(partner_file, PartnerFileError, "partner file"))
        public_key, agency = file.signing_key, {"agency": file.agency_id, "fingerprint": file.spoken_fingerprint}
    key = public_key if public_key is not None else load_signer(home).public_key
    head = _open(home, copy).verify(key, expect_head)
    facts = {
        **agency,
        "rows": head.sequence,
        "head": head.hash.hex(),
        "signing_key": key.hex(),
        "anchored": expect_head is not None,
    }
    if as_json:
        print_json(facts)
        return
    print_facts({**facts, "anchored": "no" if expect_head is None else "yes"})
    if expect_head is None:
        click.echo(
            "\nEvery row verifies. Rows cut off at the end would show only against a noted head (--expect-head)."
        )
    else:
        click.echo("\nEvery row verifies, and the noted head is among them.")


@command.command()
@_FILE
@click.option(
    "--event",
    type=click.Choice([event.value for event in Event]),
    metavar="EVENT",
    help=f"Only rows of this event: {', '.join(Event)}.",
)
@click.option("--partner", metavar="ID", shell_complete=complete_partners, help="Only rows about this agency id.")
@click.option("--session", metavar="HEX", help="Only rows whose session begins like this.")
@click.option("--last", type=click.IntRange(min=1), default=100, show_default=True, help="Only so many, the newest.")
@json_option
@click.pass_obj
def show(
    home: Home, copy: Path | None, event: str | None, partner: str | None, session: str | None, last: int, as_json: bool
) -> None:
    """Show rows, oldest first; with --json one row a line, complete. Does not verify them."""
    chosen = deque(
        (
            row
            for row in _open(home, copy).entries()
            if (event is None or row.get("event") == event)
            and (partner is None or partner in str(row.get("partner", "")).split(", "))
            and (session is None or str(row.get("session", "")).startswith(session))
        ),
        maxlen=last,
    )
    if as_json:
        for row in chosen:
            print_json(row)
        return
    columns = ("row", "time", "event", "partner", "operator", "case", "session", "outcome")
    print_table(columns, [_cells(row) for row in chosen])


@command.command()
@click.argument("target", metavar="FILE", type=FILE)
@json_option
@click.pass_obj
def export(home: Home, target: Path, as_json: bool) -> None:
    """Copy the ledger into one new FILE, to be kept elsewhere; `ledger verify --file FILE` checks it."""
    _open(home, None).export(target)
    head = LedgerFile(target, copied=True).verify(load_signer(home).public_key)
    facts = {"file": str(target), "rows": head.sequence, "head": head.hash.hex()}
    if as_json:
        print_json(facts)
    else:
        print_facts(facts)


def _open(home: Home, copy: Path | None) -> LedgerFile:
    if copy is not None:
        return LedgerFile(copy, copied=True)
    home.check()
    return LedgerFile(home.ledger_file)


def _cells(row: dict[str, Any]) -> tuple[object, ...]:
    time = f"{datetime.fromtimestamp(int(row.get('time_ms', 0)) / 1000, UTC):%Y-%m-%d %H:%M:%SZ}"
    outcome = " ".join(str(row[key]) for key in ("decision", "reason", "rule", "note") if key in row)
    about = (
        row.get("partner", ""),
        row.get("operator", ""),
        row.get("case_reference", ""),
        row.get("session", "")[:16],
    )
    return (row.get("sequence"), time, row.get("event"), *about, outcome)
