"""`accord certificate`: renew the TLS key and certificate before they end, or after somebody may have seen the key."""

from __future__ import annotations

import os

import click
from cryptography.hazmat.primitives.hashes import SHA256

from nodes.cli.local import now_ms
from nodes.cli.output import json_option, print_facts, print_json
from nodes.config import load_config
from nodes.home import Home
from nodes.identity import create_tls, load_identity, load_signer, write_tls
from nodes.ledger import Entry, Event, Ledger


@click.group(short_help="Renew the TLS key and certificate.")
def command() -> None:
    """Renew the TLS key and certificate of this node."""


@command.command()
@json_option
@click.pass_obj
def renew(home: Home, as_json: bool) -> None:
    """Make a new TLS key and certificate in place of the old; also where the old has ended or is damaged.

    Partners know this node by its certificate: they turn it away until they have its new partner file. Agree on a
    time with them. The running node goes on with the old one until it is started again.
    """
    config, signer = load_config(home), load_signer(home)
    operator = config.operator(os.getuid())
    at_ms = now_ms()
    key_pem, certificate = create_tls(config.agency_id, at_ms)
    ledger = Ledger(home, config, signer, at_ms)
    try:
        note = f"certificate {certificate.fingerprint(SHA256()).hex()}"
        ledger.append(Entry(event=Event.IDENTITY_CHANGE, operator=operator.id, note=note), at_ms)
    finally:
        ledger.close()
    write_tls(home, key_pem, certificate)
    until = load_identity(home, config.agency_id, at_ms).certificate.not_valid_after_utc
    facts = {"agency": config.agency_id, "certificate_until": f"{until:%Y-%m-%d}"}
    if as_json:
        print_json(facts)
        return
    print_facts(facts)
    click.echo("\nNext: start the node again, `accord partner export FILE`, and send the file to all partners.")
