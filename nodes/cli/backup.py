"""`accord backup`: this node in one encrypted file, and back."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import click

from nodes.backup import create_backup, restore_backup
from nodes.cli.local import LocalNode, now_ms
from nodes.cli.options import FILE
from nodes.cli.output import json_option, print_facts, print_json
from nodes.errors import PassphraseError, PassphraseFileError, UnreadableFileError
from nodes.home import Home, read_private
from nodes.ledger import Entry, Event

_PASSPHRASE = click.option(
    "--passphrase-file",
    type=FILE,
    help="Private file (0600) whose first line is the passphrase; without it, you are asked.",
)


@click.group(short_help="Copy this node into one encrypted file, or back from it.")
def command() -> None:
    """Copy this node into one encrypted file, or back from it.

    The file holds every secret of the node: keys, records, results. Keep passphrase and file apart.
    """


@command.command()
@click.argument("target", metavar="FILE", type=FILE)
@_PASSPHRASE
@json_option
@click.pass_obj
def create(home: Home, target: Path, passphrase_file: Path | None, as_json: bool) -> None:
    """Copy this node into a new FILE. The node may be running."""
    node = LocalNode.load(home)
    passphrase = _passphrase(passphrase_file, confirm=True)
    node.record(Entry(event=Event.BACKUP, operator=node.operator.id))
    size_bytes = create_backup(home, target, passphrase, now_ms())
    facts = {"file": str(target), "bytes": size_bytes}
    if as_json:
        print_json(facts)
    else:
        print_facts(facts)


@command.command()
@click.argument("source", metavar="FILE", type=FILE)
@_PASSPHRASE
@json_option
@click.pass_obj
def restore(home: Home, source: Path, passphrase_file: Path | None, as_json: bool) -> None:
    """Put a node back from FILE into an empty home, and verify it.

    Never while another copy of the node runs anywhere. What happened since the backup is forgotten: until the day (UTC)
    ends, questions that need a budget are refused, and envelopes from before the restore for good.
    """
    passphrase = _passphrase(passphrase_file, confirm=False)
    restored = restore_backup(home, source, passphrase, now_ms(), f"uid-{os.getuid()}")
    facts = {
        "home": str(home.path),
        "agency": restored.agency_id,
        "backup_of": f"{datetime.fromtimestamp(restored.made_ms / 1000, UTC):%Y-%m-%d %H:%M:%SZ}",
        "ledger_rows": restored.head.sequence,
        "ledger_head": restored.head.hash.hex(),
        "data_sets": list(restored.data_sets),
    }
    if as_json:
        print_json(facts)
        return
    print_facts({**facts, "data_sets": ", ".join(restored.data_sets) or "none"})
    click.echo("\nLedger, keys and snapshots verify. Compare the head with the last one that was noted elsewhere.")


def _passphrase(file: Path | None, *, confirm: bool) -> str:
    if file is None:
        return str(click.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm, err=True))
    try:
        return read_private(_given(file)).decode("utf-8").partition("\n")[0]
    except UnicodeDecodeError:
        raise PassphraseError("expected a passphrase in UTF-8, got other bytes") from None


def _given(file: Path) -> Path:
    try:
        mode = file.stat().st_mode
    except OSError as cause:
        raise UnreadableFileError(f"passphrase file: cannot read {file}: {cause.strerror}; check the name") from None
    if mode & 0o077:
        raise PassphraseFileError(
            f"expected a passphrase file that only you can read (mode 0600), got {stat.S_IMODE(mode):04o}; "
            f"repair: chmod 0600 {file}"
        )
    return file
