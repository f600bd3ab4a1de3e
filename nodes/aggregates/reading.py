"""What own records say to a count or a sum: for each identifier and category, whether it counts and what moved.

Records are filtered, and identifiers find theirs. Of one person at most so many identifiers count, in all lists
together: the first in the order of lists and snapshot among those that pass the filters, which depends on nobody
else's records. What a person adds to an identifier is clipped before persons are added up, so that nobody moves a total
by more than the range that the question declares.

All of it runs in bulk, once per question, in storage threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nodes.aggregates.errors import AggregateError
from nodes.errors import QuestionError
from nodes.registry import Snapshot
from nodes.registry.record_columns import PERSONS, RecordColumns
from nodes.registry.transactions import ORDERED_COLUMNS, WORD_COLUMNS, check_word, read_day
from protocol.aggregate.terms import check_question
from protocol.effects import ReadValues
from protocol.errors import EnvelopeError
from protocol.host_answers import Values
from protocol.messages import Aggregate, Filter
from protocol.vocabulary import Comparison, Query

AMOUNT: Final = "amount"
CURRENCY: Final = "currency"
CATEGORY_COLUMNS: Final = ("corridor", "offence")
MAX_BOUND_CHARACTERS: Final = 19  # as many as 10^17 and a sign need, and one more
_INT64: Final = np.iinfo(np.int64)
_HALF_BITS: Final = 32

Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]


def check_columns(aggregate: Aggregate) -> None:
    """See that a question names columns that records have, and values that these can hold.

    Raises:
        AggregateError: it does not.
    """
    if aggregate.value not in ("", AMOUNT):
        raise AggregateError(f"expected {AMOUNT} to be summed, got another column")
    if aggregate.category not in ("", *CATEGORY_COLUMNS):
        raise AggregateError(f"expected categories by {' or '.join(CATEGORY_COLUMNS)}, got another column")
    _check_words(aggregate.category, aggregate.categories)
    for condition in aggregate.filters:
        if condition.column not in (*WORD_COLUMNS, *ORDERED_COLUMNS):
            known = ", ".join((*WORD_COLUMNS, *ORDERED_COLUMNS))
            raise AggregateError(f"expected filters on some of {known}, got another column")
        if (condition.test == Comparison.ONE_OF) is not (condition.column in WORD_COLUMNS):
            raise AggregateError("expected one-of for words, from and until for amount and date, got another test")
        if condition.column in ORDERED_COLUMNS:
            _bound(condition)
        else:
            _check_words(condition.column, condition.values)
    if any(condition.column == AMOUNT for condition in aggregate.filters) and not _one_currency(aggregate):
        raise AggregateError("expected a filter on amounts to go with one currency, got several or none")


def _check_words(column: str, words: Sequence[str]) -> None:
    """A word that no record can have, a corridor without its dash for one, would be charged and answered as nothing."""
    for word in words:
        try:
            check_word(column, word)
        except ValueError as mistake:
            raise AggregateError(str(mistake)) from None


def check_asked(aggregate: Aggregate, query: Query, elements: int, participants: int = 2) -> None:
    """See that an own question is one that partners can answer. Raises QuestionError, AggregateError, RangeError."""
    try:
        check_question(aggregate, query, elements, participants)
    except EnvelopeError as error:
        raise QuestionError(str(error)) from None
    check_columns(aggregate)


class AggregateReader:
    """Answers `ReadValues` of one question from one snapshot.

    Args:
        snapshot: of the responder; kept open by the caller.
        kinds: identifier kinds, list by list.
        aggregate: of the envelope.

    Raises:
        AggregateError: see `check_columns`; or no record of the data set has a transaction, where some are asked for.

    Cost: about a microsecond and 60 bytes per identifier and record that holds it, at the first read.
    """

    def __init__(self, snapshot: Snapshot, kinds: Sequence[str], aggregate: Aggregate) -> None:
        check_columns(aggregate)
        asks_for_money = bool(aggregate.value or aggregate.category or aggregate.filters)
        if asks_for_money and not snapshot.has_transactions:
            raise AggregateError("expected a data set with transactions, got one without")
        self.aggregate = aggregate
        self._snapshot = snapshot
        self._kinds = kinds
        self._categories = max(1, len(aggregate.categories))
        self._first_rows = np.cumsum([0, *(snapshot.size(kind) for kind in kinds)])
        self._cells: _Cells | None = None

    def read(self, effect: ReadValues) -> Values:
        """Return what the records behind some identifiers say.

        Raises:
            As `Snapshot`.
        """
        if self._cells is None:
            self._cells = _Cells(*self._entries(), self.aggregate)
        first = int(self._first_rows[effect.list_number]) + effect.first
        return self._cells.dense(first, effect.count, self._categories)

    def read_all(self) -> Iterator[Values]:
        """Yield what the records behind all identifiers say, some identifiers at a time."""
        for number, kind in enumerate(self._kinds):
            for block in self._snapshot.blocks(kind):
                yield self.read(ReadValues(0, number, block.start, len(block)))

    def _entries(self) -> tuple[Numbers, NDArray[np.uint64], Numbers, Numbers]:
        """Pairs of identifier and record that passes: rows over all lists, persons, categories, amounts."""
        snapshot = self._snapshot
        persons = np.empty(snapshot.record_count, np.uint64)
        categories = np.empty(snapshot.record_count, np.int16)  # -1: does not pass
        amounts = np.zeros(snapshot.record_count if self.aggregate.value else 0, np.int64)
        for block in snapshot.record_blocks():
            columns, here = snapshot.record_columns(block), slice(block.start, block.stop)
            persons[here] = columns.values[PERSONS]
            categories[here] = _categories(columns, self.aggregate)
            if self.aggregate.value:
                amounts[here] = columns.values[AMOUNT]
        rows, holders = self._held(categories >= 0)
        of_entries = amounts[holders] if self.aggregate.value else np.zeros(0, np.int64)
        return rows, persons[holders], categories[holders].astype(np.int64), of_entries

    def _held(self, passes: Flags) -> tuple[Numbers, Numbers]:
        rows, holders = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for kind, first_row in zip(self._kinds, self._first_rows.tolist(), strict=False):
            for block in self._snapshot.blocks(kind):
                held = self._snapshot.holders(kind, np.asarray(block))
                of_block = np.repeat(first_row + np.asarray(block), np.diff(held.bounds))
                kept = passes[held.numbers]
                rows.append(of_block[kept])
                holders.append(held.numbers[kept])
        return np.concatenate(rows), np.concatenate(holders)


class _Cells:
    """The cells that are not empty, ascending by row and category."""

    def __init__(
        self, rows: Numbers, persons: NDArray[np.uint64], categories: Numbers, amounts: Numbers, aggregate: Aggregate
    ) -> None:
        order = np.lexsort((categories, rows, persons))
        rows, persons, categories = rows[order], persons[order], categories[order]
        kept = _first_of_each_person(rows, persons, aggregate.per_person)
        rows, persons, categories = rows[kept], persons[kept], categories[kept]
        starts = _starts(persons, rows, categories)
        rows, categories = rows[starts], categories[starts]
        if aggregate.value:
            low, high = (_int64(bound * aggregate.unit) for bound in (aggregate.low, aggregate.high))
            amounts = np.clip(_sums(amounts[order][kept], starts), low, high)
        order = np.lexsort((categories, rows))
        rows, categories = rows[order], categories[order]
        starts = _starts(rows, categories)
        self._rows, self._categories = rows[starts], categories[starts]
        self._amounts = _sums(amounts[order], starts) if aggregate.value else None

    def dense(self, first: int, count: int, categories: int) -> Values:
        """Return `count` rows from `first` with all their cells."""
        here = slice(*np.searchsorted(self._rows, (first, first + count)).tolist())
        places = (self._rows[here] - first) * categories + self._categories[here]
        flags = np.zeros(count * categories, np.uint8)
        flags[places] = 1
        if self._amounts is None:
            return Values(flags.tobytes())
        amounts = np.zeros(count * categories, "<i8")
        amounts[places] = self._amounts[here]
        return Values(flags.tobytes(), amounts.tobytes())


def _first_of_each_person(rows: Numbers, persons: NDArray[np.uint64], most: int) -> Flags:
    """Which entries, sorted by person and row, belong to the first `most` rows of their person."""
    new_person = _changes(persons)
    pair = np.cumsum(new_person | _changes(rows)) - 1
    first_pair = pair[new_person]
    return np.asarray(pair - first_pair[np.cumsum(new_person) - 1] < most)


def _changes(values: NDArray[Any]) -> Flags:
    changed = np.ones(len(values), bool)
    changed[1:] = values[1:] != values[:-1]
    return changed


def _starts(*columns: NDArray[Any]) -> Numbers:
    """Where groups of equal rows begin in sorted columns."""
    return np.flatnonzero(np.logical_or.reduce([_changes(column) for column in columns]))


def _sums(amounts: Numbers, starts: Numbers) -> Numbers:
    """Sums of the groups that begin at `starts`, held within 64 bits; whatever is clipped later may saturate."""
    if not len(starts):
        return np.zeros(0, np.int64)
    high = np.add.reduceat(amounts >> _HALF_BITS, starts)
    low = np.add.reduceat(amounts & (2**_HALF_BITS - 1), starts)
    high += low >> _HALF_BITS
    sums = (high << _HALF_BITS) | (low & (2**_HALF_BITS - 1))
    bound = 2 ** (63 - _HALF_BITS)
    return np.where(high >= bound, _INT64.max, np.where(high < -bound, _INT64.min, sums))


def _int64(value: int) -> int:
    return max(int(_INT64.min), min(int(_INT64.max), value))


def _one_currency(aggregate: Aggregate) -> bool:
    named = [c.values for c in aggregate.filters if c.column == CURRENCY]
    return bool(aggregate.currency) or any(len(values) == 1 for values in named)


def _bound(condition: Filter) -> int:
    """The number that a filter on an amount or a date compares with."""
    text = condition.values[0]
    try:
        if condition.column == AMOUNT:
            if len(text) > MAX_BOUND_CHARACTERS or not text.removeprefix("-").isdecimal() or not text.isascii():
                raise ValueError
            return int(text)
        return read_day(text)
    except ValueError:
        form = "whole minor units" if condition.column == AMOUNT else "a date such as 2026-01-31"
        raise AggregateError(f"expected {form} in a filter on {condition.column}, got other text") from None


def _categories(columns: RecordColumns, aggregate: Aggregate) -> NDArray[np.int16]:
    """The category of each record, from 0; -1 for a record that does not pass."""
    passes = np.ones(len(columns.values[PERSONS]), bool)
    for condition in aggregate.filters:
        passes &= _TESTS[Comparison(condition.test)](columns, condition)
    if aggregate.value:
        passes &= _position(columns, CURRENCY, (aggregate.currency,)) >= 0
    found = np.zeros(len(passes), np.int16)
    if aggregate.category:
        found = _position(columns, aggregate.category, aggregate.categories)
    return np.where(passes, found, np.int16(-1))


def _position(columns: RecordColumns, name: str, words: Sequence[str]) -> NDArray[np.int16]:
    """Where the word of each record stands among the words; -1 where it does not."""
    wanted = {word: place for place, word in enumerate(words)}
    places = np.array([-1, *(wanted.get(word, -1) for word in columns.words[name])], np.int16)
    return places[columns.values[name]]


def _one_of(columns: RecordColumns, condition: Filter) -> Flags:
    return np.asarray(_position(columns, condition.column, condition.values) >= 0)


def _has(columns: RecordColumns, name: str) -> Flags:
    """Which records have an amount or a date at all."""
    return np.asarray(columns.values[CURRENCY if name == AMOUNT else name] != 0)


def _from(columns: RecordColumns, condition: Filter) -> Flags:
    name = condition.column
    return np.asarray(_has(columns, name) & (columns.values[name].astype(np.int64) >= _int64(_bound(condition))))


def _until(columns: RecordColumns, condition: Filter) -> Flags:
    name = condition.column
    return np.asarray(_has(columns, name) & (columns.values[name].astype(np.int64) <= _int64(_bound(condition))))


_TESTS: Final[dict[Comparison, Callable[[RecordColumns, Filter], Flags]]] = {
    Comparison.ONE_OF: _one_of,
    Comparison.FROM: _from,
    Comparison.UNTIL: _until,
}
