"""Tables of an agency's own, row by row, through mapping files: what CSV and Parquet have in common.

With several mapping files each row is read once per mapping, for rows that tell of several persons or things, such as a
vehicle's owner and its keeper.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, repeat
from typing import BinaryIO, Final

from nodes.registry.errors import MappingError, SourceError, SourceRealmError
from nodes.registry.mapping import MappedTransaction, Mapping
from nodes.registry.source import RawValue, RejectedRow, Removal, Rows, SourceRecord, blocks, display, passport
from nodes.registry.transactions import Transaction, read_transaction
from protocol.identifiers import MRZ, IdentifierError, read_mrz

# If a table has this column, every row says to which realm it belongs: exercise data carries its mark along.
REALM_COLUMN: Final = "accord_realm"
# In a table of changes, every row says what it is. docs/identifiers.md explains the words.
CHANGE_COLUMN: Final = "accord_change"
CHANGES: Final = ("add", "replace", "remove")

_COMMA: Final = str.maketrans(",.0123456789", ".,0123456789")  # a point then stands where none may stand

Row = tuple[int, Sequence[str]]  # its number in the file, and its cells in the order of the header
Column = Sequence[str]


class Table:
    """How the rows of one table become records.

    Args:
        name: of the file, for messages.
        header: names of the columns.
        mappings: how each record of a row is read; at least one.
        changes: whether the table holds changes to a data set.

    Raises:
        MappingError: the table does not have a column of a mapping.
        SourceError: a column occurs twice; changes where a whole data set is expected, or the other way round.
    """

    def __init__(self, name: str, header: Sequence[str], mappings: Sequence[Mapping], *, changes: bool) -> None:
        self._name = name
        self._width = len(header)
        self._realm = mappings[0].realm
        at = {column: number for number, column in enumerate(header)}
        if missing := sorted({column for mapping in mappings for column in mapping.columns()} - at.keys()):
            columns = ", ".join(missing)
            raise MappingError(f"{name}: expected the mapping's columns {columns}, got a header without them")
        if len(at) != len(header):
            raise MappingError(f"{name}: expected each column once, got a repeated one")
        if changes and CHANGE_COLUMN not in at:
            raise SourceError(f"{name}: expected a column {CHANGE_COLUMN}, got none: import a whole data set as such")
        if CHANGE_COLUMN in at and not changes:
            raise SourceError(f"{name}: expected a whole data set, got changes: import them with --update")
        self._realm_at = at.get(REALM_COLUMN)
        self._change_at = at.get(CHANGE_COLUMN)
        self._mapped = [_Mapped(mapping, at) for mapping in mappings]

    def read(self, rows: Iterable[Row | RejectedRow], file: BinaryIO) -> Rows:
        """Yield what the rows of a file say.

        Raises:
            SourceRealmError: a row of the other realm.

        Cost: some 4 us a row. Blocks of rows are read column by column: calls for every row would double that.
        """
        for block in blocks(rows, file):
            for fits, some in groupby(block, self._fits):
                if fits:
                    numbers, cells = zip(*some, strict=True)
                    yield from self._read(numbers, list(zip(*cells, strict=True)))
                else:
                    for row in some:
                        yield row if isinstance(row, RejectedRow) else RejectedRow(row[0], "wrong-column-count")

    def _fits(self, row: Row | RejectedRow) -> bool:
        return not isinstance(row, RejectedRow) and len(row[1]) == self._width

    def _read(self, numbers: Sequence[int], columns: Sequence[Column]) -> Rows:
        if self._realm_at is not None:
            for number, realm in zip(numbers, map(str.strip, columns[self._realm_at]), strict=True):
                if realm != self._realm:
                    raise SourceRealmError(f"{self._name}: row {number}: expected realm {self._realm}, got another")
        records = [mapped.records(numbers, columns) for mapped in self._mapped]
        changes: Iterable[str] = repeat(CHANGES[0])
        if self._change_at is not None:
            changes = (cell.strip().lower() for cell in columns[self._change_at])
        for number, change, *said in zip(numbers, changes, *records, strict=False):
            if change not in CHANGES:
                yield RejectedRow(number, "unknown-change")
                continue
            for record in said:
                if len(said) > 1 and not record.values and not record.remarks and change != "remove":
                    continue  # this row tells nothing of this person or thing
                if not record.reference:
                    yield RejectedRow(number, "no-reference")
                    continue
                if change != "add":
                    yield Removal(number, record.reference, replaced=change == "replace")
                if change != "remove":
                    yield record


class _Mapped:
    """One mapping, with the places of its columns."""

    def __init__(self, mapping: Mapping, at: dict[str, int]) -> None:
        self._reference = at[mapping.reference]
        self._display = {column: at[column] for column in mapping.display}
        self._identifiers = [
            (identifier.kind, [at[c] if c else -1 for c in identifier.columns], identifier.country)
            for identifier in mapping.identifiers
        ]
        self._person = at[mapping.person] if mapping.person else -1
        self._money = _Money(mapping.transaction, at) if mapping.transaction else None

    def records(self, numbers: Sequence[int], columns: Sequence[Column]) -> Iterator[SourceRecord]:
        """Return what each row says of the person or thing that the mapping is about; the reference may be empty."""
        values, remarks = self._values(len(numbers), columns)
        return map(
            SourceRecord,
            numbers,
            map(str.strip, columns[self._reference]),
            self._shown(columns),
            values,
            repeat(()),
            remarks,
            map(str.strip, columns[self._person]) if self._person >= 0 else repeat(""),
            self._money.read(columns) if self._money else repeat(None),
        )

    def _shown(self, columns: Sequence[Column]) -> Iterator[dict[str, str]]:
        if not self._display:
            return repeat({})
        cells = zip(*(columns[place] for place in self._display.values()), strict=True)
        return (display(**dict(zip(self._display, shown, strict=True))) for shown in cells)

    def _values(self, count: int, columns: Sequence[Column]) -> tuple[list[list[RawValue]], list[tuple[str, ...]]]:
        """Return the raw identifiers of each row, and reasons why a machine-readable zone of it gives none."""
        values: list[list[RawValue]] = [[] for _ in range(count)]
        remarks: list[tuple[str, ...]] = [()] * count
        for kind, places, country in self._identifiers:
            rows = zip(*(columns[place] if place >= 0 else [country] * count for place in places), strict=True)
            for at, fields in enumerate(rows):
                if not fields[-1].strip():
                    continue  # the number is always last; an empty cell is no value
                if kind == "passport":
                    values[at] += passport(*fields)
                elif kind == MRZ:
                    try:
                        values[at] += read_mrz(fields[0])
                    except IdentifierError as error:
                        remarks[at] += (f"{MRZ}-{error.code}",)
                else:
                    values[at].append((kind, fields))
        return values, remarks


class _Money:
    """The columns of a transaction, with their places."""

    def __init__(self, mapped: MappedTransaction, at: dict[str, int]) -> None:
        self._places = [at[column] if column else -1 for column in mapped.columns]
        self._currency = mapped.currency
        self._comma = mapped.decimal == ","

    def read(self, columns: Sequence[Column]) -> list[Transaction | str | None]:
        """Return what each row says about money, or why that cannot be read; None where it says nothing."""
        nothing = [""] * len(columns[0])
        amounts, currencies, *others = (columns[place] if place >= 0 else nothing for place in self._places)
        if self._comma:
            amounts = [amount.translate(_COMMA) for amount in amounts]
        if self._currency:
            currencies = [self._currency if amount.strip() else "" for amount in amounts]
        rows = zip(amounts, currencies, *others, strict=True)
        return [read_transaction(*cells) if any(map(str.strip, cells)) else None for cells in rows]
