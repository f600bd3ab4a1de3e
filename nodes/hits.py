"""The results on this node, and the hits in them, whoever asked.

A result is the file that `nodes.results` wrote: what was asked and learned, then one hit a line. It is read line by
line, so that a large answer needs no large memory. Hits are numbered from 1 in the order of the file, list by list.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO, Final

from nodes.errors import HitUnknownError, ResultError, ResultUnknownError, StorageError
from nodes.fields import LATEST_MS, Fields, parse_json
from nodes.home import open_private
from protocol.messages import MAX_LISTS, LegalBasis
from protocol.vocabulary import REVEALED, Query

RESULT: Final = re.compile(r"([0-9a-f]{32})\.json")
MAX_HEADER_BYTES: Final = 65_536
MAX_HIT_BYTES: Final = 1 << 24  # an identifier that very many own records hold
MAX_ELEMENTS: Final = 1 << 32
UNOPENED: Final = "note did not open"  # what people read in place of a note that was not authentic
_HITS: Final = b' "hits": ['  # the line after which hits begin, as nodes.results writes it
_END: Final = b" ]\n}\n"


@dataclass(frozen=True, slots=True)
class KindCount:
    """One list of a result, and how many hits it has."""

    kind: str
    strength: str
    shared: int


@dataclass(frozen=True, slots=True)
class Hit:
    """One shared identifier.

    Args:
        number: from 1, within its result.
        records: own records that hold it: reference, and what a result shows of each.
        note: the partner's, where answers carry notes and this one opened.
        note_authentic: false where there was one that did not open.
    """

    number: int
    kind: str
    strength: str
    identifier: str
    records: tuple[tuple[str, dict[str, str]], ...]
    note: str | None
    note_authentic: bool = True

    @property
    def shown_note(self) -> str:
        """The note for people: empty where there is none."""
        return self.note or ("" if self.note_authentic else UNOPENED)


@dataclass(frozen=True, slots=True)
class Result:
    """What a result says of its question."""

    path: Path
    session: str
    answered_ms: int
    partner: str
    asked_by: str
    operator: str
    asked: str
    data_set: str
    reveals: str
    legal_basis: LegalBasis
    lists: tuple[KindCount, ...]

    @property
    def query(self) -> Query:
        """What kind of question it answers. Raises ResultError."""
        for query, reveals in REVEALED.items():
            if self.reveals in reveals:
                return query
        raise _damaged()

    @property
    def count(self) -> int:
        """How many hits there are."""
        return sum(entry.shared for entry in self.lists)

    def kind(self, number: int) -> str:
        """The identifier kind of a hit. Raises HitUnknownError."""
        left = number
        for entry in self.lists:
            if 1 <= left <= entry.shared:
                return entry.kind
            left -= entry.shared
        raise HitUnknownError(f"expected the number of a hit, 1 to {self.count}, got another")

    def hits(self) -> Iterator[Hit]:
        """Yield every hit in order. Raises ResultError, StorageError, PermissionsError."""
        with open_private(self.path) as file:
            _header(file)
            for number in range(1, self.count + 1):
                yield _hit(number, file.readline(MAX_HIT_BYTES + 1))
            if file.read(len(_END) + 1) != _END:
                raise _damaged()

    def choose(self, numbers: frozenset[int]) -> list[Hit]:
        """Return these hits, in order. Raises HitUnknownError, and as `hits`."""
        for number in numbers:
            self.kind(number)
        return [hit for hit in self.hits() if hit.number in numbers]


def read_result(path: Path) -> Result:
    """Read what a result says of its question. Raises ResultError, StorageError, PermissionsError."""
    with open_private(path) as file:
        summary = parse_json(_header(file) + b"]}", ResultError, "result")
    basis = summary.table("legal_basis")
    result = Result(
        path=path,
        session=summary.text("session"),
        answered_ms=summary.integer("answered_ms", 0, LATEST_MS),
        **{name: summary.text(name) for name in ("partner", "asked_by", "operator", "asked", "data_set", "reveals")},
        legal_basis=LegalBasis(**{field.name: basis.text(field.name) for field in fields(LegalBasis)}),
        lists=tuple(_list(entry) for entry in summary.tables("lists", max_items=MAX_LISTS)),
    )
    if path.name != f"{result.session}.json":
        raise ResultError("expected a result under the name of its session, got another")
    return result


def all_results(folder: Path) -> list[Result]:
    """Read all results of a folder, oldest first; none where there is no folder. Raises as `read_result`."""
    found = [read_result(path) for path in _paths(folder)]
    return sorted(found, key=lambda result: (result.answered_ms, result.session))


def find_result(folder: Path, beginning: str) -> Result:
    """Read the result whose session begins like this.

    Raises:
        ResultUnknownError: none, or more than one. And as `read_result`.
    """
    found = [path for path in _paths(folder) if path.name.startswith(beginning.lower())]
    if len(found) != 1:
        raise ResultUnknownError(f"expected the beginning of one result's session, got that of {len(found)}")
    return read_result(found[0])


def _paths(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if RESULT.fullmatch(path.name)]
    except FileNotFoundError:
        return []
    except OSError as cause:
        raise StorageError(f"expected to read {folder}, got: {cause.strerror}") from None


def _header(file: BinaryIO) -> bytes:
    """Read up to the line after which hits begin, and that line."""
    header = b""
    while len(header) <= MAX_HEADER_BYTES:
        line = file.readline(MAX_HEADER_BYTES)
        header += line
        if line.rstrip(b"\n") == _HITS:
            return header
        if not line:
            break
    raise _damaged()


def _list(entry: Fields) -> KindCount:
    shared = entry.integer("shared", 0, MAX_ELEMENTS) if "shared" in entry else 0  # figures have no hits
    return KindCount(entry.text("kind"), entry.text("strength"), shared)


def _hit(number: int, line: bytes) -> Hit:
    try:
        value: dict[str, Any] = json.loads(line.rstrip().removesuffix(b","))
        records = tuple((record["reference"], dict(record["display"])) for record in value["records"])
        opened = value.get("note_authentic") is not False
        return Hit(number, value["kind"], value["strength"], value["identifier"], records, value.get("note"), opened)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise _damaged() from None


def _damaged() -> ResultError:
    return ResultError("expected a result as this node wrote it, got a damaged one")
