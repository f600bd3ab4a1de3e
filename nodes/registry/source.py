"""What every reader gives: records with raw identifiers, in the order of the file, with the rows that it refused.

A bad row costs that row; a bad file raises SourceError and costs the import. Readers stream: memory is bounded by
the limits below, whatever the file holds.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, TypeVar

from nodes.registry.errors import SourceError
from nodes.registry.transactions import Transaction

MAX_FIELD_CHARACTERS: Final = 1 << 16  # of one cell or element: sanctions remarks and comments stay below 10,000
MAX_RECORD_CHARACTERS: Final = 1 << 20  # of one record with everything in it; an open quote ends here
# Of names with dates of birth of one record: each gives several keys, and each key widens what a list asks about.
MAX_NAME_VALUES: Final = 32
BLOCK_ITEMS: Final = 256  # rows or records that are worked on together
BLOCK_BYTES: Final = 1 << 20  # of the source; a block that has taken more ends
STEP_ITEMS: Final = 16  # between two looks at how much that is
MAX_DISPLAY_CHARACTERS: Final = 512  # of one display field; the rest is in the agency's own system

# The name of a numbering system in front of a number, which another agency would not write.
ID_SYSTEMS: Final = ("CNIC", "NIC", "JMBG", "JMB", "SSN")
_SYSTEM: Final = re.compile(rf"(?:{'|'.join(ID_SYSTEMS)}):? ")

T = TypeVar("T")
RawValue = tuple[str, tuple[str, ...]]  # kind, raw fields in the order of the kind


class SourceRecord(NamedTuple):
    """One record of a source. A tuple: an import makes one for every row.

    Args:
        row: line on which it begins, from 1.
        reference: under which the agency finds it in its own system.
        display: what a result shows of it.
        values: raw identifiers.
        rejected: (kind, reason) of identifiers that the reader itself refuses, such as one that was cut off.
        remarks: reasons that concern the row as a whole while it is kept.
        person: whom the record is about, in the agency's own words; empty: whoever the reference stands for.
        transaction: what the row says about money, or the reason why that cannot be read, in kebab-case.
    """

    row: int
    reference: str
    display: Mapping[str, str]
    values: Sequence[RawValue]
    rejected: Sequence[tuple[str, str]] = ()
    remarks: Sequence[str] = ()
    person: str = ""
    transaction: Transaction | str | None = None


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that is not a record. The reason is a kebab-case code."""

    row: int
    reason: str


@dataclass(frozen=True, slots=True)
class Removal:
    """All that the data set held under this reference goes.

    Args:
        replaced: its row also gives a record under this reference, which may be new.
    """

    row: int
    reference: str
    replaced: bool


Rows = Iterator[SourceRecord | RejectedRow | Removal]


@dataclass(frozen=True, slots=True)
class Source:
    """A file and how to read it.

    Args:
        path: of the file.
        format: name of the reader, for the report.
        realm: to which its records belong.
        read: gives the rows of the opened file.
        changes: it holds changes to what was imported before, not a whole data set.
    """

    path: Path
    format: str
    realm: str
    read: Callable[[BinaryIO], Rows]
    changes: bool = False


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a source file for reading.

    Raises:
        SourceError: missing, unreadable, empty, or not an ordinary file; also a read that fails later.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for its other end
            raise SourceError(f"{path.name}: expected an ordinary file, got something else")
        if status.st_size == 0:
            raise SourceError(f"{path.name}: expected records, got an empty file")
        with path.open("rb") as file:
            yield file
    except OSError as cause:
        raise SourceError(f"{path.name}: expected a readable file, got: {cause.strerror}") from None


def blocks(items: Iterable[T], file: BinaryIO) -> Iterator[list[T]]:
    """Yield what comes from a file in lists of BLOCK_ITEMS; shorter ones where the file has long rows."""
    left = iter(items)
    block: list[T] = []
    start = file.tell()
    while more := list(islice(left, STEP_ITEMS)):
        block += more
        if len(block) >= BLOCK_ITEMS or file.tell() - start >= BLOCK_BYTES:
            yield block
            block, start = [], file.tell()
    if block:
        yield block


def passport(country: str, number: str) -> list[RawValue]:
    """Return both identifiers that a passport gives: with its issuing country, and the number alone."""
    return [("passport", (country, number)), ("passport-number", (number,))]


def persons(names: Sequence[str], dates: Sequence[str]) -> list[RawValue]:
    """Return each name with each date of birth, the first names and dates first, at most MAX_NAME_VALUES."""
    spoken = [name for name in dict.fromkeys(" ".join(name.split()) for name in names) if " " in name]
    pairs = ((name, date) for name in spoken for date in dict.fromkeys(dates))
    return [("name-dob", pair) for pair in islice(pairs, MAX_NAME_VALUES)]


def without_system(number: str) -> str:
    """Return a national number without the name of its numbering system in front."""
    return number[match.end() :] if (match := _SYSTEM.match(number)) else number


def display(**fields: str) -> dict[str, str]:
    """Return display fields without those that are empty, each on one line and of bounded length."""
    return {name: line for name, value in fields.items() if (line := " ".join(value.split())[:MAX_DISPLAY_CHARACTERS])}
