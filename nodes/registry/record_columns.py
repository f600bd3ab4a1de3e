"""What a snapshot holds of every record beside its text: whom it is about, and its transaction.

A transaction belongs to one record, and identifiers name the records that hold them: an account with many transactions
is one identifier with many records, and no further join is needed. Words are stored as codes; 0 stands for none.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nodes.registry.errors import SourceError
from nodes.registry.transactions import WORD_COLUMNS, Transaction

PERSON_BYTES: Final = 8  # of a digest: two persons of a million share one with a chance of 2^-25, and then count as one
PERSONS: Final = "persons"
DTYPES: Final[Mapping[str, str]] = {
    PERSONS: "<u8",
    "amount": "<i8",
    "date": "<u4",
    "currency": "<u2",
    "corridor": "<u2",
    "offence": "<u2",
}
TRANSACTION_COLUMNS: Final = tuple(name for name in DTYPES if name != PERSONS)
MAX_WORDS: Final = {"currency": 1_024, "corridor": 65_535, "offence": 4_096}  # they lie in the manifest

_NOTHING: Final = Transaction()
_TYPECODES: Final = {"<u8": "Q", "<i8": "q", "<u4": "I", "<u2": "H"}

Values = NDArray[Any]


def person_number(text: str) -> int:
    """Return the number under which the records of a person are found together."""
    return int.from_bytes(_person(text), "little")


def _person(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=PERSON_BYTES).digest()


@dataclass(frozen=True, slots=True)
class RecordColumns:
    """One number per record and column.

    Args:
        values: persons, and the columns of transactions unless no record has one.
        words: for each of WORD_COLUMNS the words that the codes 1, 2, ... stand for.
    """

    values: Mapping[str, Values]
    words: Mapping[str, Sequence[str]]

    @property
    def has_transactions(self) -> bool:
        return len(self.values) > 1

    def chosen(self, which: NDArray[np.bool_]) -> RecordColumns:
        """Return those of some of the records."""
        return RecordColumns({name: values[which] for name, values in self.values.items()}, self.words)

    def texts(self) -> list[bytes]:
        """Return each record's transaction as text, to compare it with one of another snapshot; empty for none."""
        if not self.has_transactions:
            return [b""] * len(self.values[PERSONS])
        columns: list[list[Any]] = [self.values[name].tolist() for name in ("amount", "date")]
        for name in WORD_COLUMNS:
            words = ("", *self.words[name])
            columns.append([words[code] for code in self.values[name].tolist()])
        return [repr(row).encode() if any(row) else b"" for row in zip(*columns, strict=True)]


class RecordColumnsBuilder:
    """Gathers them while records are imported, in the order of records.

    Cost: 8 bytes per record, and 18 more once there is a transaction.
    """

    def __init__(self) -> None:
        self._columns = {name: array(_TYPECODES[dtype]) for name, dtype in DTYPES.items()}
        self._codes: dict[str, dict[str, int]] = {name: {} for name in WORD_COLUMNS}

    def add(self, persons: Iterable[str], transactions: Sequence[Transaction | None]) -> None:
        """Add records: whom each is about, and its transaction.

        Raises:
            SourceError: too many different words in a column.
        """
        if any(said is not None for said in transactions):
            self._pad()
            amounts, *words, days = zip(*(said or _NOTHING for said in transactions), strict=True)
            self._columns["amount"].extend(amounts)
            self._columns["date"].extend(days)
            for name, column in zip(WORD_COLUMNS, words, strict=True):
                codes = {word: self._code(name, word) for word in dict.fromkeys(column)}
                self._columns[name].extend([codes[word] for word in column])
        self._columns[PERSONS].frombytes(b"".join(map(_person, persons)))

    def extend(self, columns: RecordColumns) -> None:
        """Add records as another snapshot holds them. Raises SourceError as `add`."""
        if columns.has_transactions:
            self._pad()
            for name in ("amount", "date"):
                self._columns[name].frombytes(columns.values[name].tobytes())
            for name in WORD_COLUMNS:
                codes = np.array([0, *(self._code(name, word) for word in columns.words[name])], DTYPES[name])
                self._columns[name].frombytes(codes[columns.values[name]].tobytes())
        self._columns[PERSONS].frombytes(columns.values[PERSONS].tobytes())

    def columns(self) -> RecordColumns:
        """Return the columns of all records."""
        names = DTYPES if self._columns["amount"] else (PERSONS,)
        if len(names) > 1:
            self._pad()
        values = {name: np.frombuffer(self._columns[name], DTYPES[name]) for name in names}
        return RecordColumns(values, {name: tuple(codes) for name, codes in self._codes.items()})

    def _pad(self) -> None:
        """Records without a transaction hold zeros; nothing is held before the first that has one."""
        missing = len(self._columns[PERSONS]) - len(self._columns["amount"])
        for name in TRANSACTION_COLUMNS if missing else ():
            self._columns[name].frombytes(bytes(missing * self._columns[name].itemsize))

    def _code(self, name: str, word: str) -> int:
        if not word:
            return 0
        codes = self._codes[name]
        code = codes.setdefault(word, len(codes) + 1)
        if code > MAX_WORDS[name]:
            raise SourceError(f"expected at most {MAX_WORDS[name]} different words in a column {name}, got more")
        return code
