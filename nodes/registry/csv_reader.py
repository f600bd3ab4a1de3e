"""CSV files of an agency's own, read through a mapping file."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Final

from nodes.registry.errors import MappingError, SourceError, SourceRealmError
from nodes.registry.lines import read_records
from nodes.registry.mapping import Mapping
from nodes.registry.source import RawValue, RejectedRow, Rows, Source, SourceRecord, display, passport

# If a file has this column, every row says to which realm it belongs: exercise data carries its mark along.
REALM_COLUMN: Final = "accord_realm"


def csv_source(path: Path, mapping: Mapping) -> Source:
    """Return the source for a CSV file with a header line."""
    return Source(path, "csv", mapping.realm, lambda file: _read(file, path.name, mapping))


def _read(file: BinaryIO, name: str, mapping: Mapping) -> Rows:
    rows = read_records(file, name, encoding=mapping.encoding, delimiter=mapping.delimiter)
    first = next(rows, None)
    if first is None or isinstance(first, RejectedRow):
        raise SourceError(f"{name}: expected a header line, got none")
    header = [cell.strip() for cell in first[1]]
    at = {column: number for number, column in enumerate(header)}
    if missing := sorted(mapping.columns() - at.keys()):
        raise MappingError(f"{name}: expected the mapping's columns {', '.join(missing)}, got a header without them")
    if len(at) != len(header):
        raise MappingError(f"{name}: expected each column once, got a repeated one")
    realm = at.get(REALM_COLUMN)
    reference = at[mapping.reference]
    shown = [(column, at[column]) for column in mapping.display]
    identifiers = [
        (identifier.kind, [at[c] if c else -1 for c in identifier.columns], identifier.country)
        for identifier in mapping.identifiers
    ]
    for row in rows:
        if isinstance(row, RejectedRow):
            yield row
            continue
        line, cells = row
        if len(cells) != len(header):
            yield RejectedRow(line, "wrong-column-count")
            continue
        if realm is not None and cells[realm].strip() != mapping.realm:
            raise SourceRealmError(f"{name}: line {line}: expected records of realm {mapping.realm}, got another")
        if not (own := cells[reference].strip()):
            yield RejectedRow(line, "no-reference")
            continue
        values: list[RawValue] = []
        for kind, columns, country in identifiers:
            fields = tuple(cells[column] if column >= 0 else country for column in columns)
            if not fields[-1].strip():
                continue  # the number is always last; an empty cell is no value
            if kind == "passport":
                values += passport(*fields)
            else:
                values.append((kind, fields))
        yield SourceRecord(line, own, display(**{column: cells[number] for column, number in shown}), values)
