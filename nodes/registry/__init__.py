"""Own records: readers, import, and the encrypted snapshots that a query reads."""

from __future__ import annotations

from nodes.registry.csv_reader import csv_source
from nodes.registry.diff import SnapshotDiff, compare
from nodes.registry.ftm import ftm_source
from nodes.registry.importing import import_source
from nodes.registry.mapping import load_mapping
from nodes.registry.ofac import ofac_source
from nodes.registry.parquet_reader import parquet_source
from nodes.registry.registry import Registry
from nodes.registry.report import ImportReport
from nodes.registry.snapshot import Record, Snapshot
from nodes.registry.source import Source
from nodes.registry.un import un_source

__all__ = [
    "ImportReport",
    "Record",
    "Registry",
    "Snapshot",
    "SnapshotDiff",
    "Source",
    "compare",
    "csv_source",
    "ftm_source",
    "import_source",
    "load_mapping",
    "ofac_source",
    "parquet_source",
    "un_source",
]
