"""Matchers that others wrote and that see every record in the clear, for comparison: what is lost by using keys.

Both compare only records whose dates could be of one person, as matchers do that must not compare all with all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from anyascii import anyascii
from followthemoney import model
from nomenklatura.matching import LogicV2
from nomenklatura.matching.types import ScoringConfig
from rapidfuzz import fuzz, process

RAPIDFUZZ_SCORE: Final = 80.0  # with an equal date
RAPIDFUZZ_YEAR_SCORE: Final = 95.0  # where only the year is known on one side
NOMENKLATURA_SCORE: Final = 0.7  # the threshold of OpenSanctions' own service
NOMENKLATURA_CANDIDATE: Final = 45.0  # rapidfuzz score below which its slower comparison is not tried


@dataclass(frozen=True, slots=True)
class Written:
    """A record as an authority wrote it; `known` is the date as numbers, 0 where it is not known."""

    name: str
    date: str
    known: tuple[int, int, int]


Pairs = Iterator[tuple[int, int]]


def _candidates(a: Sequence[Written], b: Sequence[Written]) -> Iterator[tuple[list[int], list[int], bool]]:
    """Yield blocks of rows: equal dates, day and month exchanged or not; then equal years where one is a year only."""
    days: dict[tuple[int, int, int], tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    years: dict[int, tuple[list[int], list[int], list[int], list[int]]] = defaultdict(lambda: ([], [], [], []))
    for side, rows in enumerate((a, b)):
        for row, written in enumerate(rows):
            year, month, day = written.known
            vague = not day or (month, day) == (1, 1)
            if not vague:
                days[year, min(month, day), max(month, day)][side].append(row)
            years[year][side * 2 + vague].append(row)
    for rows_a, rows_b in days.values():
        if rows_a and rows_b:
            yield rows_a, rows_b, True
    for exact_a, vague_a, exact_b, vague_b in years.values():
        if vague_a and (exact_b or vague_b):
            yield vague_a, exact_b + vague_b, False
        if exact_a and vague_b:
            yield exact_a, vague_b, False


def _alike(a: Sequence[Written], b: Sequence[Written], day_score: float, year_score: float) -> Pairs:
    names = [[anyascii(written.name).lower().replace(",", "") for written in rows] for rows in (a, b)]
    for rows_a, rows_b, to_the_day in _candidates(a, b):
        wanted = day_score if to_the_day else year_score
        scores = process.cdist(
            [names[0][i] for i in rows_a],
            [names[1][i] for i in rows_b],
            scorer=fuzz.token_sort_ratio,
            score_cutoff=wanted,
            dtype=np.float32,
        )
        for i, j in zip(*np.nonzero(scores), strict=True):
            yield rows_a[i], rows_b[j]


def rapidfuzz_matcher(a: Sequence[Written], b: Sequence[Written]) -> Pairs:
    """Names romanized by anyascii, words sorted, edit distance by rapidfuzz."""
    yield from _alike(a, b, RAPIDFUZZ_SCORE, RAPIDFUZZ_YEAR_SCORE)


def nomenklatura_matcher(a: Sequence[Written], b: Sequence[Written]) -> Pairs:
    """OpenSanctions' matcher `logic-v2`, with its own tables of names from Wikidata."""
    config = ScoringConfig.defaults()
    made: dict[tuple[int, int], object] = {}

    def entity(side: int, row: int, written: Written) -> object:
        if (side, row) not in made:
            year, month, day = written.known
            date = f"{year}-{month:02}-{day:02}" if day else f"{year}-{month:02}" if month else f"{year}"
            data = {
                "id": f"{side}-{row}",
                "schema": "Person",
                "properties": {"name": [written.name], "birthDate": [date]},
            }
            made[side, row] = model.get_proxy(data)
        return made[side, row]

    for i, j in _alike(a, b, NOMENKLATURA_CANDIDATE, NOMENKLATURA_CANDIDATE):
        if LogicV2.compare(entity(0, i, a[i]), entity(1, j, b[j]), config).score >= NOMENKLATURA_SCORE:
            yield i, j


MATCHERS: Final[dict[str, Callable[[Sequence[Written], Sequence[Written]], Pairs]]] = {
    "rapidfuzz": rapidfuzz_matcher,
    "nomenklatura logic-v2": nomenklatura_matcher,
}
