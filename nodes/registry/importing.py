"""The import: from a source's rows to a new snapshot. All or nothing, beside a running node.

A source of changes makes the new snapshot from the current one: what it removes goes, what it adds comes first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Final

from nodes.registry.columns import Column, ColumnBuilder
from nodes.registry.errors import SourceError, SourceRealmError
from nodes.registry.registry import Registry
from nodes.registry.report import ChangeCounts, ImportReport, KindCounts
from nodes.registry.snapshot_writer import SnapshotWriter
from nodes.registry.source import RejectedRow, Removal, Source, SourceRecord, blocks, opened
from nodes.registry.transactions import Transaction
from nodes.registry.update import Carried, Changes
from protocol.identifiers import KINDS, IdentifierError, profile_hash

PROGRESS_RECORDS: Final = 4096  # between two calls of `progress`
# An account comes back with each of its transactions. A document number is read sooner than it is found again.
REMEMBERED_KINDS: Final = ("iban", "imo", "crypto-wallet", "name-dob")  # those whose rules take tens of microseconds
REMEMBERED_VALUES: Final = 1 << 14  # of each

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

    Cost: 1,000,000 transactions take 11 to 16 seconds of one core and 190 MiB; identifiers with check digits and names
    add what their rules take. Memory grows by some 40 bytes per identifier, 20 to 38 and the reference per record.
    Changes cost a few seconds per million records that stay.
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
        changes = Changes() if source.changes else None
        with SnapshotWriter(draft.path, registry.key, data_set, draft.version) as writer:
            intake = _Intake(writer, report, changes)
            told = 0
            for block in blocks(source.read(file), file):
                intake.take(block)
                if progress and report.records - told >= PROGRESS_RECORDS:
                    told = report.records
                    progress(file.tell(), told)
            carried = None
            if base is not None and changes is not None:
                added = report.records
                carried = changes.apply(base, writer, report)
                report.changes = ChangeCounts(base.version, added, base.record_count - (report.records - added))
            if not report.records:
                raise SourceError(f"{source.path.name}: expected records, got none to keep{report.told_rejections()}")
            writer.finish(
                intake.columns(carried),
                profile_hash(),
                lambda: {"realm": source.realm, "created_at": created_at, "report": report.to_json()},
            )
            if changes is None and report.is_rejected:
                why = f"{source.path.name}: expected identifiers, got none to keep{report.told_rejections()}"
                raise SourceError(why)
        registry.publish(data_set, draft, partial(record, report) if record else None)
    return report


class _Intake:
    """Takes in what a source says: records go to the snapshot at once, identifiers when all are known."""

    def __init__(self, writer: SnapshotWriter, report: ImportReport, changes: Changes | None) -> None:
        self._writer = writer
        self._report = report
        self._changes = changes
        self._builders = {name: ColumnBuilder() for name in KINDS}
        self._keys = {name: kind.keys for name, kind in KINDS.items()}
        self._keys |= {name: lru_cache(REMEMBERED_VALUES)(KINDS[name].keys) for name in REMEMBERED_KINDS}

    def take(self, block: Sequence[SourceRecord | RejectedRow | Removal]) -> None:
        """Take the next rows."""
        records: list[SourceRecord] = []
        for row in block:
            if isinstance(row, SourceRecord):
                records.append(row)
            elif isinstance(row, RejectedRow):
                self._report.rows.reject(row.reason, row.row)
            elif self._changes:
                self._changes.remove(row)
        if self._changes:
            self._changes.add(records)
        self._writer.add(records, self._transactions(records))
        self._identifiers(records)
        self._report.records += len(records)

    def _identifiers(self, records: Sequence[SourceRecord]) -> None:
        counts = self._report.kinds
        found: dict[str, tuple[list[bytes], list[int]]] = {}  # per kind: identifiers, and numbers of their records
        for number, record in enumerate(records, self._report.records):
            for reason in record.remarks:
                self._report.rows.reject(reason, record.row)
            for name, reason in record.rejected:
                counts[name].reject(reason, record.row)
            for name, fields in record.values:
                try:
                    keys = self._keys[name](*fields)
                except IdentifierError as error:
                    counts[name].reject(error.code, record.row)
                    continue
                if name not in found:
                    found[name] = [], []
                identifiers, holders = found[name]
                identifiers += keys
                holders += [number] * len(keys)
        for name, (identifiers, holders) in found.items():
            self._builders[name].add(b"".join(identifiers), map(len, identifiers), holders)
            counts[name].merged += len(holders)  # until the column tells how many are distinct

    def _transactions(self, records: Sequence[SourceRecord]) -> list[Transaction | None]:
        counts = self._report.transactions
        transactions: list[Transaction | None] = []
        for record in records:
            said = record.transaction
            if isinstance(said, str):
                counts.reject(said, record.row)
                said = None
            transactions.append(said)
        counts.accepted += len(transactions) - transactions.count(None)
        return transactions

    def columns(self, carried: Carried | None) -> Iterator[tuple[str, Column]]:
        """Yield the columns in the order of the profile, each built only when the one before is written."""
        for name in KINDS:
            builder = self._builders.pop(name)
            kept = carried.extend(name, builder) if carried else 0
            column = builder.column()
            counts = self._report.kinds[name]
            counts.accepted, counts.merged = len(column), counts.merged - (len(column) - kept)
            yield name, column
