"""`accord registry`: import own records, and see what is held. Works beside a running node and without one."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from nodes.cli.local import LocalNode
from nodes.cli.options import FILE, example
from nodes.cli.output import json_option, print_facts, print_json, print_table
from nodes.config import load_config
from nodes.home import Home
from nodes.identity import load_identity
from nodes.ledger import Entry, Event
from nodes.registry import (
    ImportReport,
    Registry,
    Snapshot,
    compare,
    csv_source,
    ftm_source,
    import_source,
    load_mapping,
    ofac_source,
    parquet_source,
    un_source,
)
from nodes.registry.errors import SnapshotFormatError
from nodes.registry.report import report_table
from protocol.identifiers import KINDS, profile_hash

TABLES: Final = {"csv": csv_source, "parquet": parquet_source}
OUTDATED: Final = "outdated: import again"
LISTS: Final = {"ofac-sdn": ofac_source, "un-consolidated": un_source}
REPORT_COLUMNS: Final = ("kind", "what", "count", "rows")


@click.group(short_help="Import own records and see what is held.")
def command() -> None:
    """Import own records, and see what is held.

    A data set is replaced as a whole. The running node goes on with the old version until the new one is complete,
    and answers the next question from the new one. Records rest encrypted; only this node can read them.
    """


@command.command(
    "import",
    epilog=example(
        "accord registry import persons persons.csv --mapping mapping.toml",
        "accord registry import sanctions sdn.csv --format ofac-sdn",
    ),
)
@click.argument("data_set")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "file_format",
    type=click.Choice([*TABLES, "ftm", *LISTS]),
    default="csv",
    show_default=True,
    help="csv, parquet: own records; ftm: FollowTheMoney entities, one a line; ofac-sdn: OFAC's sdn.csv; "
    "un-consolidated: the UN Security Council's list in XML.",
)
@click.option(
    "--mapping",
    "mappings",
    type=FILE,
    multiple=True,
    help="For csv and parquet: which column is what (mapping.toml). Several read several records from each row.",
)
@click.option(
    "--update",
    is_flag=True,
    help="For csv and parquet: FILE holds changes; its column accord_change says add, replace or remove.",
)
@json_option
@click.pass_obj
def import_(
    home: Home, data_set: str, file: Path, file_format: str, mappings: tuple[Path, ...], update: bool, as_json: bool
) -> None:
    """Import FILE into DATA_SET, in place of what it held before.

    The report counts accepted, merged and rejected values by kind and reason, with the numbers of rows.
    """
    if bool(mappings) != (file_format in TABLES):
        raise click.UsageError("--mapping goes with --format csv or parquet, and only with them")
    if update and file_format not in TABLES:
        raise click.UsageError("--update goes with --format csv or parquet; import other formats as a whole")
    node = LocalNode.load(home)
    if file_format in TABLES:
        source = TABLES[file_format](file, *map(load_mapping, mappings), changes=update)
    elif file_format == "ftm":
        source = ftm_source(file, node.config.realm)
    else:
        source = LISTS[file_format](file)

    def record(report: ImportReport) -> None:
        held = {kind: counts.accepted for kind, counts in report.kinds.items() if counts.accepted}
        node.record(
            Entry(
                event=Event.IMPORT,
                operator=node.operator.id,
                data_set=data_set,
                snapshot=str(report.version),
                kinds=tuple(held),
                sizes=tuple(held.values()),
            )
        )

    progress = _Progress(file)
    registry = Registry(node.config.paths.registry, node.identity.storage_key, node.config.realm)
    try:
        report = import_source(registry, data_set, source, datetime.now(UTC), progress=progress.show, record=record)
    finally:
        progress.end()
    if as_json:
        print_json(report.to_json())
        return
    print_table(REPORT_COLUMNS, report_table(report.to_json()), title=f"{data_set}, version {report.version}")
    if report.changes:
        click.echo(f"{report.changes.added} records added, {report.changes.removed} removed.", err=True)
    click.echo(f"{report.records} records; {data_set} is now at version {report.version}.", err=True)


@command.command("list")
@json_option
@click.pass_obj
def list_data_sets(home: Home, as_json: bool) -> None:
    """List the data sets of this node."""
    registry = _registry(home)
    facts: list[dict[str, Any]] = []
    for data_set in registry.data_sets():
        try:
            with registry.inspect(data_set) as snapshot:
                facts.append(_facts(snapshot))
        except SnapshotFormatError:
            facts.append({"data_set": data_set, "version": registry.versions(data_set)[-1], "profile": OUTDATED})
    if as_json:
        print_json(facts)
        return
    columns = ("data set", "version", "imported", "format", "records", "identifiers", "profile")
    rows = [
        (
            f["data_set"],
            f["version"],
            f.get("created_at", ""),
            f.get("format", ""),
            f.get("records", ""),
            sum(f["sizes"].values()) if "sizes" in f else "",
            f["profile"],
        )
        for f in facts
    ]
    print_table(columns, rows)


@command.command()
@click.argument("data_set")
@click.argument("old", type=click.IntRange(min=1), required=False)
@click.argument("new", type=click.IntRange(min=1), required=False)
@click.option("--references", is_flag=True, help="List the references of records that came, went and changed.")
@json_option
@click.pass_obj
def diff(home: Home, data_set: str, old: int | None, new: int | None, references: bool, as_json: bool) -> None:
    """Compare version OLD of DATA_SET with version NEW: by default the one before the current with the current one.

    Identifiers are counted and never shown. A record has changed if its reference now stands for other identifiers or
    for another display.
    """
    if old is not None and new is None:
        raise click.UsageError("give both versions, or none")
    registry = _registry(home)
    if old is None or new is None:
        old, new = ([0, *registry.versions(data_set)])[-2:]
    with registry.inspect(data_set, old) as before, registry.inspect(data_set, new) as after:
        found = compare(before, after)
    names = {name: getattr(found, name) for name in ("added", "removed", "changed")}
    counts = {name: len(of_records) for name, of_records in names.items()}
    if as_json:
        facts = {
            "data_set": data_set,
            "old": found.old,
            "new": found.new,
            "same_profile": found.same_profile,
            "kinds": [asdict(kind) for kind in found.kinds],
            "records": {"before": found.records_before, "after": found.records_after},
            "references": counts,
        }
        print_json({**facts, **names} if references else facts)
        return
    kinds = [(k.kind, k.before, k.after, k.added, k.removed) for k in found.kinds if k.before or k.after]
    print_table(
        ("kind", "before", "after", "added", "removed"), kinds, title=f"{data_set}, version {old} to version {new}"
    )
    if not found.same_profile:
        click.echo("Made under different identifier profiles: identifiers differ that nobody changed.", err=True)
    records = f"{found.records_before} records before, {found.records_after} after"
    click.echo(f"{records}; references: {', '.join(f'{n} {name}' for name, n in counts.items())}.", err=True)
    if references:
        print_table(("change", "reference"), [(change, _line(name)) for change in names for name in names[change]])


@command.command()
@click.argument("data_set")
@json_option
@click.pass_obj
def show(home: Home, data_set: str, as_json: bool) -> None:
    """Show the current version of DATA_SET and the report of its import."""
    with _registry(home).inspect(data_set) as snapshot:
        facts, report = _facts(snapshot), snapshot.report
    if as_json:
        print_json({**facts, "report": report})
        return
    sizes = facts.pop("sizes")
    print_facts({name.replace("_", " "): value for name, value in facts.items()})
    print_table(("kind", "strength", "identifiers"), [(k, KINDS[k].strength.value, n) for k, n in sizes.items() if n])
    print_table(REPORT_COLUMNS, report_table(report), title="Report of its import")


@command.command()
@click.argument("data_set", required=False)
@json_option
@click.pass_obj
def check(home: Home, data_set: str | None, as_json: bool) -> None:
    """Read every byte of DATA_SET, or of all, and verify that it is what was imported."""
    registry = _registry(home)
    checked: list[dict[str, Any]] = []
    for name in [data_set] if data_set else registry.data_sets():
        with registry.inspect(name) as snapshot:
            snapshot.check()
            checked.append({"data_set": name, "version": snapshot.version, "root": snapshot.root.hex()})
    if as_json:
        print_json(checked)
        return
    print_table(("data set", "version", "root"), [(c["data_set"], c["version"], c["root"][:32]) for c in checked])


def _registry(home: Home) -> Registry:
    config = load_config(home)
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    return Registry(config.paths.registry, load_identity(home, config.agency_id, now_ms).storage_key, config.realm)


def _facts(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "data_set": snapshot.data_set,
        "version": snapshot.version,
        "realm": snapshot.realm,
        "created_at": snapshot.created_at,
        "format": snapshot.report["format"],
        "records": snapshot.report["records"],
        "profile": "current" if snapshot.profile_hash == profile_hash() else OUTDATED,
        "root": snapshot.root.hex(),
        "sizes": {kind: snapshot.size(kind) for kind in KINDS},
    }


def _line(reference: str) -> str:
    """A reference as one printable line: it comes from a file."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in reference)


class _Progress:
    """One line on stderr that renews itself; only on a terminal."""

    def __init__(self, file: Path) -> None:
        self._total = file.stat().st_size if file.is_file() else 0
        self._shown = False

    def show(self, read_bytes: int, records: int) -> None:
        if sys.stderr.isatty() and self._total:
            percent = min(100, 100 * read_bytes // self._total)
            click.echo(f"\r{percent:3} %, {records:,} records", nl=False, err=True)
            self._shown = True

    def end(self) -> None:
        if self._shown:
            click.echo(err=True)
