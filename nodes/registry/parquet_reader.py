"""Parquet files of an agency's own, read through the mapping files that CSV files are read through.

Needs pyarrow (the extra `parquet`), imported here alone and only when it is used. It is large; of the readers that were
tried it is the one that answers a damaged file with an error and not by ending the process.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

from nodes.registry.errors import MappingError, ReaderMissingError, SourceError
from nodes.registry.mapping import Mapping, agreed
from nodes.registry.source import MAX_FIELD_CHARACTERS, RejectedRow, Rows, Source
from nodes.registry.table import CHANGE_COLUMN, REALM_COLUMN, Row, Table

BATCH_ROWS: Final = 4096
BUFFER_BYTES: Final = 1 << 20  # of a column while its pages are read


def parquet_source(path: Path, *mappings: Mapping, changes: bool = False) -> Source:
    """Return the source for a Parquet file. The mapping's encoding and delimiter mean nothing here.

    Raises:
        MappingError: mappings that do not go together.
        ReaderMissingError: pyarrow is not installed.
    """
    realm = agreed(mappings).realm
    try:
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise ReaderMissingError("expected pyarrow to read Parquet, got none") from None
    return Source(path, "parquet", realm, lambda file: _read(parquet, file, path.name, mappings, changes), changes)


def _read(parquet: Any, file: BinaryIO, name: str, mappings: Sequence[Mapping], changes: bool) -> Rows:
    arrow = importlib.import_module("pyarrow")
    with _source_errors(arrow, name):
        opened = parquet.ParquetFile(file, buffer_size=BUFFER_BYTES, pre_buffer=False)
        schema = opened.schema_arrow
    header = list(schema.names)
    table = Table(name, header, mappings, changes=changes)
    needed = {column for mapping in mappings for column in mapping.columns()} | {REALM_COLUMN, CHANGE_COLUMN}
    columns = [column for column in header if column in needed]
    amounts = {mapping.transaction.amount for mapping in mappings if mapping.transaction}
    for column in columns:
        _check_type(arrow.types, name, column, schema.field(column).type, exact=column in amounts)
    return (yield from table.read(_rows(arrow, opened, name, header, columns), file))


def _check_type(types: Any, name: str, column: str, kind: Any, *, exact: bool) -> None:
    if types.is_dictionary(kind):
        kind = kind.value_type
    tests = ("string", "large_string", "string_view", "integer", "date", "timestamp", "null")
    if exact and types.is_decimal(kind):
        return
    if not any(getattr(types, f"is_{test}")(kind) for test in tests):
        # A number with a fraction has lost the leading zeros, perhaps also digits, that an identifier had.
        expected = f"text, whole numbers{', decimals' if exact else ''} or dates"
        raise MappingError(f"{name}: {column}: expected a column of {expected}, got {str(kind)[:60]}")


def _rows(
    arrow: Any, opened: Any, name: str, header: Sequence[str], columns: Sequence[str]
) -> Iterator[Row | RejectedRow]:
    number = 0
    places = [columns.index(column) if column in columns else -1 for column in header]
    with _source_errors(arrow, name):
        batches = opened.iter_batches(BATCH_ROWS, columns=list(columns), use_threads=False)
    while True:
        with _source_errors(arrow, name):
            batch = next(batches, None)
            if batch is None:
                return
            cells = [_texts(arrow, batch.column(column)) for column in columns]
        for row in zip(*cells, strict=True):
            number += 1
            if any(len(cell) > MAX_FIELD_CHARACTERS for cell in row):
                yield RejectedRow(number, "field-too-long")
            else:
                yield number, [row[place] if place >= 0 else "" for place in places]


def _texts(arrow: Any, column: Any) -> list[str]:
    if arrow.types.is_timestamp(column.type):
        column = column.cast(arrow.timestamp("us", column.type.tz), safe=False)  # Python has no nanoseconds
    if arrow.types.is_decimal(column.type):
        return ["" if value is None else f"{value:f}" for value in column.to_pylist()]  # no exponents
    return ["" if value is None else str(value) for value in column.to_pylist()]


@contextmanager
def _source_errors(arrow: Any, name: str) -> Iterator[None]:
    try:
        yield
    except (arrow.ArrowException, OSError, ValueError, OverflowError, MemoryError, RuntimeError):
        # The cause is not told: it may quote what the file holds.
        raise SourceError(
            f"{name}: expected a Parquet file, got something else, a damaged or an encrypted one"
        ) from None
