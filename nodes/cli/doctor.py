"""`accord doctor`: check this node and say what to repair."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import Any, Final

import click

from nodes.cli.errors import DoctorError
from nodes.cli.local import now_ms
from nodes.cli.output import json_option, print_json, print_table
from nodes.config import Config, load_config
from nodes.control.client import connect
from nodes.control.errors import NotRunningError
from nodes.error_table import error_row
from nodes.errors import NodeError
from nodes.home import Home
from nodes.identity import Identity, load_identity
from nodes.ledger import LedgerFile
from nodes.partners import PartnerBook, Status
from nodes.policy import RuleBook
from nodes.registry import Registry
from nodes.state import State
from psi import available_backends, backend

CERTIFICATE_WARNING_DAYS: Final = 60
SPACE_WARNING_BYTES: Final = 5 << 30
SPACE_FAILURE_BYTES: Final = 256 << 20


class Mark(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the examination. `advice` is empty where all is well."""

    check: str
    mark: Mark
    says: str
    advice: str = ""


@click.command(short_help="Check this node and say what to repair.")
@json_option
@click.pass_obj
def command(home: Home, as_json: bool) -> None:
    """Check folders, keys, rules, ledger, data, disk, clock and partners. Ends with an error if anything fails."""
    findings = list(examine(home))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        print_table(("", "check", "found", "what to do"), [(f.mark, f.check, f.says, f.advice) for f in findings])
    failed = sum(finding.mark is Mark.FAIL for finding in findings)
    if failed:
        raise DoctorError(f"expected a healthy node, got {failed} failed checks")


def examine(home: Home) -> Iterator[Finding]:
    """Yield a finding per check; what depends on a broken part is left out."""
    yield _backend()
    config: list[Config] = []
    identity: list[Identity] = []
    yield _check("home", lambda: _home(home))
    yield _check("configuration", lambda: _configuration(home, config))
    if not config:
        return
    yield _check("keys", lambda: _keys(home, config[0], identity))
    yield _check("rules", lambda: _rules(home))
    yield _check("partners", lambda: _partners(home, config[0]))
    yield _check("clock", lambda: _clock(home))
    yield from _space(home, config[0])
    if identity:
        yield _certificate(identity[0])
        yield _check("ledger", lambda: _ledger(home, identity[0]))
        yield from _registry(config[0], identity[0])
    yield from _running(home)


def _check(name: str, check: Callable[[], Finding | str]) -> Finding:
    try:
        found = check()
    except NodeError as error:
        row = error_row(error)
        return Finding(name, Mark.FAIL, str(error), row.advice if row is not None else "")
    return found if isinstance(found, Finding) else Finding(name, Mark.OK, found)


def _backend() -> Finding:
    others = ", ".join(available_backends())
    return Finding("backend", Mark.OK, f"{backend()} computes; available: {others}; {os.cpu_count()} processors")


def _home(home: Home) -> str:
    home.check()
    return f"{home.path} belongs to this user alone"


def _configuration(home: Home, config: list[Config]) -> Finding | str:
    config.append(load_config(home))
    agency = f"{config[0].agency_id}, realm {config[0].realm}"
    if not config[0].operators:
        return Finding("configuration", Mark.WARN, f"{agency}, no operators", "Name operators in accord.toml.")
    return agency


def _keys(home: Home, config: Config, identity: list[Identity]) -> str:
    identity.append(load_identity(home, config.agency_id, now_ms()))
    return "signing, TLS and storage keys are private and fit together"


def _certificate(identity: Identity) -> Finding:
    until = identity.certificate.not_valid_after_utc
    days = (until - datetime.now(UTC)).days
    says = f"valid until {until:%Y-%m-%d}, {days} days"
    if days < CERTIFICATE_WARNING_DAYS:
        return Finding("certificate", Mark.WARN, says, "Agree on an hour for `accord certificate renew`.")
    return Finding("certificate", Mark.OK, says)


def _rules(home: Home) -> Finding | str:
    rules = RuleBook(home).check()
    if not rules:
        return Finding("rules", Mark.WARN, "no rules: everything is refused", "Write rules.toml.")
    return f"{len(rules)} rules, {sum(rule.allow for rule in rules)} of them allow"


def _partners(home: Home, config: Config) -> Finding | str:
    partners = PartnerBook(home, config).all()
    active = [partner for partner in partners if partner.status is Status.ACTIVE]
    if not active:
        return Finding("partners", Mark.WARN, "no active partner", "Add one with `accord partner add`.")
    soon = [
        partner.file.agency_id
        for partner in active
        if (partner.file.certificate.not_valid_after_utc - datetime.now(UTC)).days < CERTIFICATE_WARNING_DAYS
    ]
    if soon:
        advice = "Ask them for new partner files."
        return Finding("partners", Mark.WARN, f"certificates that end soon: {', '.join(soon)}", advice)
    return f"{len(active)} active of {len(partners)}"


def _clock(home: Home) -> str:
    """The clock must not stand before what state.db has seen; that it is right, only another clock can tell."""
    if home.state_file.exists():
        with closing(State(home)) as state:
            state.check_clock(now_ms())
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _space(home: Home, config: Config) -> Iterator[Finding]:
    seen: set[int] = set()
    for path in (home.path, config.paths.registry, config.paths.spool, config.paths.results):
        folder = next(parent for parent in (path, *path.parents) if parent.exists())
        device = folder.stat().st_dev
        if device in seen:
            continue
        seen.add(device)
        free_bytes = shutil.disk_usage(folder).free
        mark = Mark.OK if free_bytes > SPACE_WARNING_BYTES else Mark.WARN
        mark = mark if free_bytes > SPACE_FAILURE_BYTES else Mark.FAIL
        advice = "" if mark is Mark.OK else "Free space: spools need about 100 bytes per element while a session runs."
        yield Finding("disk", mark, f"{free_bytes / 2**30:.1f} GiB free at {folder}", advice)


def _ledger(home: Home, identity: Identity) -> str:
    head = LedgerFile(home.ledger_file).verify(identity.signer.public_key)
    return f"{head.sequence} rows verify, head {head.hash.hex()[:16]}"


def _registry(config: Config, identity: Identity) -> Iterator[Finding]:
    registry = Registry(config.paths.registry, identity.storage_key, config.realm)
    names = registry.data_sets()
    if not names:
        yield Finding("registry", Mark.WARN, "no data set", "Import one with `accord registry import`.")
    for name in names:
        yield _check(f"data set {name}", partial(_snapshot, registry, name))


def _snapshot(registry: Registry, name: str) -> str:
    with registry.open(name) as snapshot:
        snapshot.check()
        return f"version {snapshot.version} of {snapshot.created_at} reads and fits together"


def _running(home: Home) -> list[Finding]:
    """What only the running node knows: whether it answers, and whether partners do."""
    try:
        with connect(home) as node:
            status = node.status()
            findings = [Finding("node", Mark.OK, f"serves as process {status['process']}")]
            findings.extend(_reached(partner) for partner in node.partners() if partner["status"] == "active")
            return findings
    except NotRunningError:
        return [Finding("node", Mark.WARN, "is not running", "Start it with `accord serve`.")]
    except NodeError as error:
        row = error_row(error)
        return [Finding("node", Mark.FAIL, str(error), row.advice if row is not None else "")]


def _reached(partner: dict[str, Any]) -> Finding:
    name = f"partner {partner['agency']}"
    if partner["reachable"]:
        return Finding(name, Mark.OK, "answers over TLS 1.3 with its certificate")
    advice = "Check address, network and both partner files with the partner."
    return Finding(name, Mark.WARN, partner["error"]["message"], advice)
