"""The import: from a source's rows to a new snapshot. All or nothing, beside a running node.

A source of changes makes the new snapshot from the current one: what it removes goes, what it adds comes first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import partial
from typing import Final

from nodes.registry.columns import Column, ColumnBuilder
from nodes.registry.errors import SourceError, SourceRealmError
from nodes.registry.registry import Registry
from nodes.registry.report import ChangeCounts, ImportReport, KindCounts
from nodes.registry.snapshot import Record
from nodes.registry.snapshot_writer import SnapshotWriter
from nodes.registry.source import RejectedRow, Removal, Source, SourceRecord, opened
from nodes.registry.transactions import Transaction, read_transaction
from nodes.registry.update import Carried, Changes
from protocol.identifiers import KINDS, IdentifierError, profile_hash

PROGRESS_RECORDS: Final = 4096  # between two calls of `progress`

Progress = Callable[[int, int], None]  # bytes of the source that were read, records so far


def import_source(
    registry: Registry,
    data_set: str,
    source: Source,
    now: datetime,
    *,
    progress: Progress | None = None,
    record: Callable[[ImportReport], None] | None = None,
) -> ImportReport:
    """Import a file into a data set and make the result its current snapshot.

    Args:
        data_set: made if it is new; otherwise the new snapshot takes the place of the current one.
        source: the file and how to read it; with `changes`, they are applied to the current snapshot.
        now: with time zone; becomes the snapshot's time.
        progress: called now and then.
        record: called when the snapshot is durable and not yet current, to note the import in the ledger; if it
            raises, the current snapshot stays.

    Returns:
        What was accepted, merged and rejected, without any value.

    Raises:
        SourceRealmError: the source, or a row of it, is of the other realm.
        SourceError, MappingError: the file cannot be imported; the current snapshot stays.
        ImportRunningError, DataSetNameError, StorageError: see `Registry.importing`.
        With changes also as `Registry.open`: there is nothing to change, or not in this version's form.

    Cost: 1,000,000 rows with all kinds take about a minute and 200 MiB; memory grows by some 40 bytes per identifier,
    20 to 38 and the reference per record. Changes cost a few seconds per million records that stay.
    """
    if source.realm != registry.realm:
        raise SourceRealmError(f"expected a source of realm {registry.realm}, got one of realm {source.realm}")
    with (
        opened(source.path) as file,
        registry.importing(data_set) as draft,
        registry.open(data_set) if source.changes else nullcontext() as base,
    ):
        created_at = now.astimezone(UTC).isoformat(timespec="seconds")
        report = ImportReport(data_set, draft.version, source.realm, source.format, created_at)
        report.kinds = {name: KindCounts() for name in KINDS}
        builders = {name: ColumnBuilder() for name in KINDS}
        changes = Changes()
        with SnapshotWriter(draft.path, registry.key, data_set, draft.version) as writer:
            for row in source.read(file):
                if isinstance(row, RejectedRow):
                    report.rows.reject(row.reason, row.row)
                elif isinstance(row, Removal):
                    changes.remove(row)
                else:
                    changes.add(row)
                    number = writer.add_record(
                        Record(row.reference, row.display), row.person or row.reference, _transaction(row, report)
                    )
                    report.records += 1
                    _gather(row, number, builders, report)
                    if progress and report.records % PROGRESS_RECORDS == 0:
                        progress(file.tell(), report.records)
            carried = None
            if base is not None:
                added = report.records
                carried = changes.apply(base, writer, report)
                report.changes = ChangeCounts(base.version, added, base.record_count - (report.records - added))
            if not report.records:
                raise SourceError(f"{source.path.name}: expected records, got none to keep")
            writer.finish(
                _columns(builders, report, carried),
                profile_hash(),
                lambda: {"realm": source.realm, "created_at": created_at, "report": report.to_json()},
            )
        registry.publish(data_set, draft, partial(record, report) if record else None)
    return report


def _gather(row: SourceRecord, number: int, builders: dict[str, ColumnBuilder], report: ImportReport) -> None:
    for reason in row.remarks:
        report.rows.reject(reason, row.row)
    for name, reason in row.rejected:
        report.kinds[name].reject(reason, row.row)
    for name, fields in row.values:
        try:
            keys = KINDS[name].keys(*fields)
        except IdentifierError as error:
            report.kinds[name].reject(error.code, row.row)
            continue
        for key in keys:
            builders[name].add(key, number)
        report.kinds[name].merged += len(keys)  # until the column tells how many are distinct


def _transaction(row: SourceRecord, report: ImportReport) -> Transaction | None:
    if row.transaction is None:
        return None
    read = read_transaction(row.transaction)
    if isinstance(read, str):
        report.transactions.reject(read, row.row)
        return None
    report.transactions.accepted += 1
    return read


def _columns(
    builders: dict[str, ColumnBuilder], report: ImportReport, carried: Carried | None
) -> Iterator[tuple[str, Column]]:
    """Yield the columns in the order of the profile, each built only when the one before is written."""
    for name in KINDS:
        builder = builders.pop(name)
        kept = carried.extend(name, builder) if carried else 0
        column = builder.column()
        counts = report.kinds[name]
        counts.accepted, counts.merged = len(column), counts.merged - (len(column) - kept)
        yield name, column
