"""Tables of an agency's own, row by row, through mapping files: what CSV and Parquet have in common.

With several mapping files each row is read once per mapping, for rows that tell of several persons or things, such as a
vehicle's owner and its keeper.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from nodes.registry.errors import MappingError, SourceError, SourceRealmError
from nodes.registry.mapping import MappedTransaction, Mapping
from nodes.registry.source import RawValue, RejectedRow, Removal, Rows, SourceRecord, display, passport
from nodes.registry.transactions import RawTransaction
from protocol.identifiers import MRZ, IdentifierError, read_mrz

# If a table has this column, every row says to which realm it belongs: exercise data carries its mark along.
REALM_COLUMN: Final = "accord_realm"
# In a table of changes, every row says what it is. docs/identifiers.md explains the words.
CHANGE_COLUMN: Final = "accord_change"
CHANGES: Final = ("add", "replace", "remove")

_COMMA: Final = str.maketrans(",.", ".,")  # a point then stands where none may stand

Row = tuple[int, Sequence[str]]  # its number in the file, and its cells in the order of the header


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

    def read(self, rows: Iterable[Row | RejectedRow]) -> Rows:
        """Yield what the rows say.

        Raises:
            SourceRealmError: a row of the other realm.
        """
        for row in rows:
            if isinstance(row, RejectedRow):
                yield row
            elif len(row[1]) != self._width:
                yield RejectedRow(row[0], "wrong-column-count")
            else:
                yield from self._row(*row)

    def _row(self, number: int, cells: Sequence[str]) -> Rows:
        if self._realm_at is not None and cells[self._realm_at].strip() != self._realm:
            raise SourceRealmError(f"{self._name}: row {number}: expected realm {self._realm}, got another")
        change = CHANGES[0] if self._change_at is None else cells[self._change_at].strip().lower()
        if change not in CHANGES:
            yield RejectedRow(number, "unknown-change")
            return
        for mapped in self._mapped:
            values, remarks = mapped.values(cells)
            if len(self._mapped) > 1 and not values and not remarks and change != "remove":
                continue  # this row tells nothing of this person or thing
            if not (reference := cells[mapped.reference].strip()):
                yield RejectedRow(number, "no-reference")
                continue
            if change != "add":
                yield Removal(number, reference, replaced=change == "replace")
            if change != "remove":
                shown = display(**{column: cells[place] for column, place in mapped.display})
                person, transaction = mapped.person(cells), mapped.transaction(cells)
                yield SourceRecord(number, reference, shown, values, (), remarks, person, transaction)


class _Mapped:
    """One mapping, with the places of its columns."""

    def __init__(self, mapping: Mapping, at: dict[str, int]) -> None:
        self.reference = at[mapping.reference]
        self.display = [(column, at[column]) for column in mapping.display]
        self._identifiers = [
            (identifier.kind, [at[c] if c else -1 for c in identifier.columns], identifier.country)
            for identifier in mapping.identifiers
        ]
        self._person = at[mapping.person] if mapping.person else -1
        self._money = _Money(mapping.transaction, at) if mapping.transaction else None

    def person(self, cells: Sequence[str]) -> str:
        """Return whom a row is about; empty where it does not say."""
        return cells[self._person].strip() if self._person >= 0 else ""

    def transaction(self, cells: Sequence[str]) -> RawTransaction | None:
        """Return what a row says about money; None where it says nothing."""
        return self._money.read(cells) if self._money else None

    def values(self, cells: Sequence[str]) -> tuple[list[RawValue], list[str]]:
        """Return the raw identifiers of a row, and reasons why a machine-readable zone of it gives none."""
        values: list[RawValue] = []
        remarks: list[str] = []
        for kind, columns, country in self._identifiers:
            fields = tuple(cells[column] if column >= 0 else country for column in columns)
            if not fields[-1].strip():
                continue  # the number is always last; an empty cell is no value
            if kind == "passport":
                values += passport(*fields)
            elif kind == MRZ:
                try:
                    values += read_mrz(fields[0])
                except IdentifierError as error:
                    remarks.append(f"{MRZ}-{error.code}")
            else:
                values.append((kind, fields))
        return values, remarks


class _Money:
    """The columns of a transaction, with their places."""

    def __init__(self, mapped: MappedTransaction, at: dict[str, int]) -> None:
        self._places = [at[column] if column else -1 for column in mapped.columns]
        self._currency = mapped.currency
        self._comma = mapped.decimal == ","

    def read(self, cells: Sequence[str]) -> RawTransaction | None:
        texts = [cells[place].strip() if place >= 0 else "" for place in self._places]
        if not any(texts):
            return None
        amount, currency, *others = texts
        if self._comma:
            amount = amount.translate(_COMMA)
        return RawTransaction(amount, currency or (self._currency if amount else ""), *others)
