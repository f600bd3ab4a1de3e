"""Two lists with a known overlap, from a seed: the same files for every system that is compared.

Each file has a header `id` and one passport number a line, in random order. Half of the smaller list is shared.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np

COLUMN: Final = "id"
_NUMBERS: Final = 10**9
_SPREAD: Final = 3**18  # has no factor in common with 10^9: row numbers become distinct passport numbers


@dataclass(frozen=True, slots=True)
class Size:
    """How many identifiers the requester and the responder have."""

    requester: int
    responder: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `20000` (both) or `1000x1000000` (requester x responder). Raises ValueError."""
        match = re.fullmatch(r"([1-9][0-9]{0,7})(?:x([1-9][0-9]{0,7}))?", text)
        if match is None:
            raise ValueError(f"expected a size such as 20000 or 1000x1000000, got {text}")
        return cls(int(match[1]), int(match[2] or match[1]))

    @property
    def shared(self) -> int:
        """Half of the smaller list."""
        return min(self.requester, self.responder) // 2

    @property
    def total(self) -> int:
        """All identifiers of both lists, shared ones twice."""
        return self.requester + self.responder

    def __str__(self) -> str:
        return f"{self.requester}x{self.responder}"


@dataclass(frozen=True, slots=True)
class Lists:
    """The two files."""

    size: Size
    requester: Path
    responder: Path

    def truth(self) -> set[str]:
        """What both files hold, by reading them: no part of what is measured has a hand in it."""
        return read_ids(self.requester) & read_ids(self.responder)


def make_lists(size: Size, seed: int, folder: Path) -> Lists:
    """Write the files of a size."""
    random = np.random.default_rng([seed, size.requester, size.responder])
    rows = random.permutation(size.total - size.shared).astype(np.int64)
    lists = Lists(size, folder / "requester.csv", folder / "responder.csv")
    _write(lists.requester, rows[: size.requester])
    _write(lists.responder, random.permutation(rows[size.requester - size.shared :]))
    return lists


def read_ids(path: Path) -> set[str]:
    """Read a file of identifiers."""
    with path.open(encoding="ascii", newline="") as file:
        header, *rows = csv.reader(file)
        if header != [COLUMN]:
            raise ValueError(f"{path.name}: expected the one column {COLUMN}")
        return {row[0] for row in rows}


def _write(path: Path, rows: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> None:
    numbers = rows * _SPREAD % _NUMBERS
    path.write_text("\n".join([COLUMN, *(f"P{number:09d}" for number in numbers), ""]), encoding="ascii")
