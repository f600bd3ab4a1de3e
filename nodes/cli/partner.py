"""`accord partner`: exchange partner files, and decide whom this node talks to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import click

from nodes.cli.completion import complete_partners
from nodes.cli.local import LocalNode, now_ms
from nodes.cli.options import FILE, example
from nodes.cli.output import json_option, moment, print_facts, print_json, print_table
from nodes.config import load_config
from nodes.errors import NodeError, OutputExistsError, PartnerFileError
from nodes.fields import read_bounded
from nodes.home import Home, write_private
from nodes.identity import load_identity
from nodes.ledger import Entry, Event
from nodes.partners import Partner, PartnerBook, PartnerFile, Status, export_partner_file, read_partner_file

_SHOWN_BEFORE: Final = ("agency", "name", "realm", "address")  # the fingerprint, and what it is made of, come after


@click.group(short_help="Exchange partner files; see, suspend and remove partners.")
def command() -> None:
    """Exchange partner files, and decide whom this node talks to.

    Each agency exports its file and sends it to the other. People then compare the fingerprints over a channel that
    they trust (a call to a known telephone number), and each adds the other's file.
    """


@command.command(epilog=example("accord partner export fiu-north.partner"))
@click.argument("file", type=FILE)
@json_option
@click.pass_obj
def export(home: Home, file: Path, as_json: bool) -> None:
    """Write this agency's partner FILE, to be sent to partners, and show its fingerprint.

    Replaces nothing but an earlier partner file of this agency.
    """
    config = load_config(home)
    identity = load_identity(home, config.agency_id, now_ms())
    content = export_partner_file(identity, config)
    if os.path.lexists(file) and not _is_of(file, identity.signer.public_key):
        raise OutputExistsError(f"expected a new file, or this agency's earlier partner file, got {file}, another one")
    write_private(file, content)
    _show(read_partner_file(content), {"file": str(file)}, as_json)


@command.command(epilog=example("accord partner add customs-south.partner"))
@click.argument("file", type=FILE)
@click.option(
    "--fingerprint", metavar="WORDS", help="As the partner's people gave it to yours; without it, you are asked."
)
@json_option
@click.pass_obj
def add(home: Home, file: Path, fingerprint: str | None, as_json: bool) -> None:
    """Add the partner of FILE, after its fingerprint has been compared."""
    node = LocalNode.load(home)
    content = _read(file)
    if fingerprint is None:  # what is typed must come from the telephone, so the screen does not show it
        print_facts({name: _facts(content, {})[name] for name in _SHOWN_BEFORE}, err=True)
        fingerprint = click.prompt("Type the fingerprint that the partner's people gave you", err=True)

    def record(partner: Partner) -> None:
        _record(node, partner, f"added, fingerprint {partner.file.fingerprint}")

    partner = PartnerBook(home, node.config).add(content, str(fingerprint), now_ms(), record)
    _show(partner.file, {"status": partner.status.value}, as_json)


@command.command("list")
@json_option
@click.pass_obj
def list_partners(home: Home, as_json: bool) -> None:
    """List all partners, removed ones too."""
    partners = PartnerBook(home, load_config(home)).all()
    if as_json:
        print_json([_facts(partner.file, {"status": partner.status.value}) for partner in partners])
        return
    rows = [
        (p.file.agency_id, p.file.agency_name, p.status.value, p.file.address, moment(p.changed_ms)) for p in partners
    ]
    print_table(("agency", "name", "status", "address", "since"), rows)


@command.command()
@click.argument("agency_id", metavar="ID", shell_complete=complete_partners)
@json_option
@click.pass_obj
def show(home: Home, agency_id: str, as_json: bool) -> None:
    """Show what is known of one partner."""
    partner = PartnerBook(home, load_config(home)).entry(agency_id)
    _show(partner.file, {"status": partner.status.value, "since": moment(partner.changed_ms)}, as_json)


@command.command()
@click.argument("agency_id", metavar="ID", shell_complete=complete_partners)
@json_option
@click.pass_obj
def suspend(home: Home, agency_id: str, as_json: bool) -> None:
    """Stop talking to a partner for now; sessions under way end at their next frame."""
    _change(home, agency_id, Status.SUSPENDED, as_json)


@command.command()
@click.argument("agency_id", metavar="ID", shell_complete=complete_partners)
@json_option
@click.pass_obj
def resume(home: Home, agency_id: str, as_json: bool) -> None:
    """Talk to a suspended partner again."""
    _change(home, agency_id, Status.ACTIVE, as_json)


@command.command()
@click.argument("agency_id", metavar="ID", shell_complete=complete_partners)
@json_option
@click.pass_obj
def remove(home: Home, agency_id: str, as_json: bool) -> None:
    """Stop talking to a partner for good; only a newly added file brings it back."""
    _change(home, agency_id, Status.REMOVED, as_json)


def _change(home: Home, agency_id: str, status: Status, as_json: bool) -> None:
    node = LocalNode.load(home)

    def record(partner: Partner) -> None:
        _record(node, partner, partner.status.value)

    partner = PartnerBook(home, node.config).set_status(agency_id, status, now_ms(), record)
    _show(partner.file, {"status": partner.status.value}, as_json)


def _record(node: LocalNode, partner: Partner, note: str) -> None:
    node.record(Entry(event=Event.PARTNER_CHANGE, partner=partner.file.agency_id, operator=node.operator.id, note=note))


def _read(path: Path) -> PartnerFile:
    return read_partner_file(read_bounded(path, PartnerFileError, "partner file"))


def _is_of(path: Path, signing_key: bytes) -> bool:
    try:
        return not path.is_symlink() and _read(path).signing_key == signing_key
    except NodeError:
        return False


def _facts(file: PartnerFile, more: dict[str, str]) -> dict[str, Any]:
    return {
        "agency": file.agency_id,
        "name": file.agency_name,
        "realm": file.realm,
        "address": file.address,
        "signing_key": file.signing_key.hex(),
        "certificate_until": f"{file.certificate.not_valid_after_utc:%Y-%m-%d}",
        "fingerprint": file.spoken_fingerprint,
        **more,
    }


def _show(file: PartnerFile, more: dict[str, str], as_json: bool) -> None:
    if as_json:
        print_json(_facts(file, more))
    else:
        print_facts(_facts(file, more))
