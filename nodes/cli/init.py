"""`accord init`: make this agency's node."""

from __future__ import annotations

import os
import pwd
from typing import Final

import click

from nodes.cli.errors import OptionError
from nodes.cli.local import now_ms
from nodes.cli.options import example
from nodes.cli.output import json_option, print_facts, print_json
from nodes.config import (
    AGENCY_ID,
    AGENCY_ID_HINT,
    REALMS,
    Operator,
    load_config,
    parse_config,
    read_address,
    render_config,
)
from nodes.fields import NAME, Fields
from nodes.home import Home, write_private
from nodes.identity import create_identity, load_identity
from nodes.ledger import Ledger

_NO_RULES: Final = b"""\
# Who may ask what. Without a rule, everything is refused. docs/samples/rules.toml shows how rules are written;
# run `accord doctor` after each change.
"""


@click.command(
    short_help="Make this agency's node: keys, certificate, configuration.",
    epilog=example(
        'accord init --agency-id fiu-north --name "FIU North" --realm production --address node.north.example:7443'
    ),
)
@click.option(
    "--agency-id", required=True, metavar="ID", help="Short name: a-z, 0-9 and '-'. Partners' rules and ledgers use it."
)
@click.option("--name", required=True, metavar="TEXT", help="Name of the agency, for people.")
@click.option("--realm", required=True, type=click.Choice(REALMS), help="Exercise and production never mix.")
@click.option("--address", required=True, metavar="HOST:PORT", help="Where partners reach this node.")
@click.option(
    "--listen", metavar="HOST:PORT", help="Where this node binds, such as 0.0.0.0:7443.  [default: the address]"
)
@json_option
@click.pass_obj
def command(home: Home, agency_id: str, name: str, realm: str, address: str, listen: str | None, as_json: bool) -> None:
    """Make a signing key, a TLS key and certificate, a storage key, a configuration and a ledger.

    The caller becomes the first operator. Nothing that exists is overwritten.
    """
    listen = address if listen is None else listen
    _check_options({"--agency-id": agency_id, "--name": name, "--address": address, "--listen": listen})
    content = render_config(agency_id, name, realm, address, _caller(), listen=listen)
    parse_config(content, home.path)  # before anything is made
    at_ms = now_ms()
    home.create()
    create_identity(home, agency_id, at_ms)
    write_private(home.rules_file, _NO_RULES, replace=False)
    write_private(home.config_file, content, replace=False)
    config, identity = load_config(home), load_identity(home, agency_id, at_ms)
    Ledger(home, config, identity.signer, at_ms).close()
    facts = {
        "home": str(home.path),
        "agency": agency_id,
        "realm": realm,
        "operator": config.operators[0].id,
        "signing_key": identity.signer.public_key.hex(),
        "certificate_until": f"{identity.certificate.not_valid_after_utc:%Y-%m-%d}",
    }
    if as_json:
        print_json(facts)
        return
    print_facts(facts)
    click.echo("\nNext: write rules.toml, then `accord partner export FILE` and send the file to your partners.")


def _check_options(given: dict[str, str]) -> None:
    with Fields(given, "accord init", OptionError) as options:
        options.text("--agency-id", pattern=AGENCY_ID, hint=AGENCY_ID_HINT)
        options.text("--name")
        read_address(options, "--address")
        read_address(options, "--listen")


def _caller() -> Operator:
    uid = os.getuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = ""
    return Operator(name if NAME.fullmatch(name) else f"uid-{uid}", uid)
