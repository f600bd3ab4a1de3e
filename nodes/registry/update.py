"""Changes to a data set: what a source of changes says, and what the next snapshot keeps of the one before."""

from __future__ import annotations

import json
from collections.abc import Iterable

import numpy as np

from nodes.registry.columns import ColumnBuilder
from nodes.registry.report import ImportReport
from nodes.registry.snapshot import Numbers, Snapshot
from nodes.registry.snapshot_writer import SnapshotWriter
from nodes.registry.source import Removal, SourceRecord

GONE = -1


class Changes:
    """Additions and removals by reference, whatever their order in the source.

    Removals concern what the data set held before, never what the same source adds.

    Cost: memory of the references that the source names.
    """

    def __init__(self) -> None:
        self._added: dict[str, int] = {}  # reference -> the row that named it first
        self._removed: dict[str, int] = {}
        self._replaced: set[str] = set()

    def add(self, records: Iterable[SourceRecord]) -> None:
        """Records come."""
        for record in records:
            self._added.setdefault(record.reference, record.row)

    def remove(self, removal: Removal) -> None:
        """All that was held under a reference goes."""
        self._removed.setdefault(removal.reference, removal.row)
        if removal.replaced:
            self._replaced.add(removal.reference)

    def apply(self, base: Snapshot, writer: SnapshotWriter, report: ImportReport) -> Carried:
        """Write the records of `base` that stay behind those that were added.

        The report gets their number, and remarks on removals of what was not held (`unknown-reference`) and on
        additions to what stays (`reference-already-held`).
        """
        numbers = np.full(base.record_count, GONE, np.int64)
        removed, extended = set(), set()
        for block in base.record_blocks():
            texts = base.record_texts(np.asarray(block))
            references: list[str] = []
            kept: list[bytes] = []
            for number, text in zip(block, texts, strict=True):
                reference = str(json.loads(text)["reference"])
                if reference in self._removed:
                    removed.add(reference)
                    continue
                if reference in self._added:
                    extended.add(reference)
                numbers[number] = report.records + len(kept)
                references.append(reference)
                kept.append(text)
            columns = base.record_columns(block).chosen(numbers[block.start : block.stop] != GONE)
            writer.carry(references, kept, columns)
            report.records += len(kept)
        unknown = self._removed.keys() - removed - self._replaced
        for row in sorted(self._removed[reference] for reference in unknown):
            report.rows.reject("unknown-reference", row)
        for row in sorted(self._added[reference] for reference in extended):
            report.rows.reject("reference-already-held", row)
        return Carried(base, numbers)


class Carried:
    """What stays of a snapshot.

    Args:
        base: the snapshot.
        numbers: for each of its records, the number in the next one, or GONE; ascending without those.
    """

    def __init__(self, base: Snapshot, numbers: Numbers) -> None:
        self._base = base
        self._numbers = numbers

    def extend(self, kind: str, builder: ColumnBuilder) -> int:
        """Add the identifiers of a kind that records hold which stay. Returns: how many distinct ones."""
        kept = 0
        for block in self._base.blocks(kind):
            items = self._base.items(kind, block.start, len(block))
            offsets = np.frombuffer(bytes(items.offsets), "<u4").astype(np.int64)
            holders = self._base.holders(kind, np.asarray(block))
            numbers = self._numbers[holders.numbers]
            stays = numbers != GONE
            owners = np.repeat(np.arange(len(block)), np.diff(holders.bounds))[stays]
            kept += len(np.unique(owners))
            starts, lengths = offsets[owners], np.diff(offsets)[owners]
            ends = np.cumsum(lengths)
            places = np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - (ends - lengths), lengths)
            data = np.frombuffer(bytes(items.data), np.uint8)[places]
            builder.add(data.tobytes(), lengths.tolist(), numbers[stays].tolist())
        return kept
