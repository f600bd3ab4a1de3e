"""CSV files of an agency's own, read through mapping files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from nodes.registry.errors import SourceError
from nodes.registry.lines import read_records
from nodes.registry.mapping import Mapping, agreed
from nodes.registry.source import RejectedRow, Rows, Source
from nodes.registry.table import Table


def csv_source(path: Path, *mappings: Mapping, changes: bool = False) -> Source:
    """Return the source for a CSV file with a header line. Raises MappingError: mappings that do not go together."""
    realm = agreed(mappings).realm
    return Source(path, "csv", realm, lambda file: _read(file, path.name, mappings, changes), changes)


def _read(file: BinaryIO, name: str, mappings: Sequence[Mapping], changes: bool) -> Rows:
    rows = read_records(file, name, encoding=mappings[0].encoding, delimiter=mappings[0].delimiter)
    first = next(rows, None)
    if first is None or isinstance(first, RejectedRow):
        raise SourceError(f"{name}: expected a header line, got none")
    table = Table(name, [cell.strip() for cell in first[1]], mappings, changes=changes)
    yield from table.read(rows, file)
