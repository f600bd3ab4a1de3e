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
from nodes.cli.proceedings import print_proceedings, print_proceedings_json
from nodes.config import load_config
from nodes.errors import EvidenceError, LedgerBrokenError, PartnerFileError
from nodes.fields import read_bounded
from nodes.home import Home
from nodes.identity import load_signer
from nodes.ledger import HASH_BYTES, Event, LedgerFile
from nodes.partners import PartnerBook, PartnerFile, read_partner_file
from nodes.proceedings import Signatures, check_signatures, compare, read_session
from protocol.evidence import Known


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
_PARTNER_FILES = click.option(
    "--partner-file",
    "partner_files",
    type=FILE,
    multiple=True,
    help="An agency's partner file, again for more. On this node, without any: its own key and its partner book.",
)


@click.group(short_help="Verify, show and export what this node did.")
def command() -> None:
    """Verify, show and export the ledger: who asked whom what, when, why, and what left this node."""


@command.command(epilog=example("accord ledger verify --file ledger-copy.db --partner-file customs-south.partner"))
@_FILE
@click.option("--public-key", type=HexBytes(32), help="The agency's signing key; without it, this node's own.")
@_PARTNER_FILES
@click.option("--expect-head", type=HexBytes(HASH_BYTES), help="A head noted earlier, which must still be there.")
@json_option
@click.pass_obj
def verify(
    home: Home,
    copy: Path | None,
    public_key: bytes | None,
    partner_files: tuple[Path, ...],
    expect_head: bytes | None,
    as_json: bool,
) -> None:
    """Check every row, hash and signature, and name the first row that is wrong.

    Signed messages beside the rows are checked too where the key of their signer is known. With partner files, which
    show their fingerprints to be compared, one must be that of the agency whose ledger it is.

    Rows cut off at the end leave a shorter ledger that is right in itself. Only a head that somebody else noted shows
    it: keep the head below outside this machine, and give it to the next check with --expect-head.
    """
    if public_key is not None and partner_files:
        raise click.UsageError("expected either --public-key or --partner-file, got both")
    ledger, files = _open(home, copy), _read(partner_files)
    agency: dict[str, str] = {}
    if files:
        own = _own_file(ledger, files)
        public_key, agency = own.signing_key, {"agency": own.agency_id, "fingerprint": own.spoken_fingerprint}
    key = public_key if public_key is not None else load_signer(home).public_key
    head = ledger.verify(key, expect_head)
    signatures = check_signatures(ledger, _known(home, copy, files))
    facts = {
        **agency,
        "rows": head.sequence,
        "head": head.hash.hex(),
        "signing_key": key.hex(),
        "anchored": expect_head is not None,
        "messages_verified": signatures.verified,
        "messages_of_unknown_key": dict(sorted(signatures.unknown.items())),
    }
    if as_json:
        print_json(facts)
        return
    print_facts({**facts, "anchored": "no" if expect_head is None else "yes", **_shown(signatures)})
    if expect_head is None:
        click.echo(
            "\nEvery row verifies. Rows cut off at the end would show only against a noted head (--expect-head)."
        )
    else:
        click.echo("\nEvery row verifies, and the noted head is among them.")


@command.command(
    "session",
    epilog=example(
        "accord ledger session 3f9a6c01 --file fiu.db --partner-file fiu.partner --partner-file customs.partner"
    ),
)
@click.argument("session", metavar="SESSION")
@_FILE
@click.option(
    "--other", "others", type=FILE, multiple=True, help="Another agency's ledger, to compare with; again for more."
)
@_PARTNER_FILES
@json_option
@click.pass_obj
def show_session(
    home: Home,
    session: str,
    copy: Path | None,
    others: tuple[Path, ...],
    partner_files: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Show what one session left: every row and every signed message, in order, and what they prove together.

    SESSION is how its number begins, 8 digits or more. Each message's signature is verified, and that it belongs to
    this very session and to the messages before it. Exits with 8 where something is wrong or ledgers contradict each
    other.
    """
    known = _known(home, copy, _read(partner_files))
    files = [_open(home, copy), *(LedgerFile(other, copied=True) for other in others)]
    ledgers = [read_session(file, session, known) for file in files]
    if len({one.session for one in ledgers}) > 1:
        raise EvidenceError("expected one session, got another of the same beginning in each ledger")
    compared = compare(ledgers, known)
    (print_proceedings_json if as_json else print_proceedings)(ledgers, compared)
    if compared.contradictions:
        more = len(compared.contradictions) - 1
        raise EvidenceError(compared.contradictions[0] + (f"; and {more} more above" if more else ""))


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
    """Show rows, oldest first; with --json one row a line, with all it says. Does not verify them.

    Of signed messages a row has the digests; `accord ledger session` shows what they say.
    """
    chosen = deque(
        (
            row
            for row in _open(home, copy).entries()
            if (event is None or row.get("event") == event)
            and (partner is None or partner in _about(row))
            and (session is None or str(row.get("session", "")).startswith(session))
        ),
        maxlen=last,
    )
    if as_json:
        for row in chosen:
            print_json(row)
        return
    columns = ("row", "time", "event", "query", "partner", "operator", "case", "instrument", "session", "outcome")
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


def _read(partner_files: tuple[Path, ...]) -> list[PartnerFile]:
    return [read_partner_file(read_bounded(path, PartnerFileError, "partner file")) for path in partner_files]


def _own_file(ledger: LedgerFile, files: list[PartnerFile]) -> PartnerFile:
    """The partner file of the agency that says it wrote a ledger; that it did, its key shows."""
    agency = next((row.get("agency") for row in ledger.entries()), None)
    own = next((file for file in files if file.agency_id == agency), None)
    if own is None:
        raise LedgerBrokenError("expected the partner file of the agency whose ledger this is, got those of others")
    return own


def _known(home: Home, copy: Path | None, files: list[PartnerFile]) -> Known:
    """Signing keys by agency: of these files; without any, and for this node's own ledger, its own and its book's."""
    keys = [(file.agency_id, file.signing_key) for file in files]
    if not keys and copy is None:
        home.check()
        config = load_config(home)
        book = (partner.file for partner in PartnerBook(home, config).all())
        keys = [(config.agency_id, load_signer(home).public_key), *((one.agency_id, one.signing_key) for one in book)]
    return {agency: tuple(key for name, key in keys if name == agency) for agency, _ in keys}


def _shown(signatures: Signatures) -> dict[str, str]:
    unknown = ", ".join(f"{count} of {agency}" for agency, count in sorted(signatures.unknown.items()))
    return {"messages_of_unknown_key": unknown or "none"}


def _about(row: dict[str, Any]) -> set[str]:
    """The agencies that a row is about."""
    participants = row.get("participants")
    return {*str(row.get("partner", "")).split(", "), *(participants if isinstance(participants, list) else ())}


def _cells(row: dict[str, Any]) -> tuple[object, ...]:
    time = f"{datetime.fromtimestamp(int(row.get('time_ms', 0)) / 1000, UTC):%Y-%m-%d %H:%M:%SZ}"
    outcome = " ".join(str(row[key]) for key in ("decision", "reason", "rule", "note") if key in row)
    names = ("query", "partner", "operator", "case_reference", "instrument")
    about = (*(row.get(name, "") for name in names), row.get("session", "")[:16])
    return (row.get("sequence"), time, row.get("event"), *about, outcome)
