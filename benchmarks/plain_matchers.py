"""Matchers that others wrote and that see every record in the clear, for comparison: what is lost by using keys.

Both compare only records whose dates could be of one person, as matchers do that must not compare all with all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from anyascii import anyascii
from followthemoney import EntityProxy, model
from nomenklatura.matching import LogicV2
from nomenklatura.matching.types import ScoringConfig
from rapidfuzz import fuzz, process

VAGUE_HANDICAP: Final = 0.15  # taken from the score where one date is not known to the day, as less speaks for the pair
LEAST_VAGUE_SCORE: Final = 0.55  # of rapidfuzz: the many pairs of one year below it are not looked at again


@dataclass(frozen=True, slots=True)
class Written:
    """A record as an authority wrote it; `known` is the date as numbers, 0 where it is not known."""

    name: str
    date: str
    known: tuple[int, int, int]


Scores = dict[tuple[int, int], float]  # by row of a and row of b, from 0 to 1


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


def _alike(a: Sequence[Written], b: Sequence[Written], least_score: float) -> Iterator[tuple[int, int, float, bool]]:
    """Yield rows with the likeness of their romanized names, and whether both dates are known to the day."""
    names = [[anyascii(written.name).lower().replace(",", "") for written in rows] for rows in (a, b)]
    for rows_a, rows_b, to_the_day in _candidates(a, b):
        scores = process.cdist(
            [names[0][i] for i in rows_a],
            [names[1][i] for i in rows_b],
            scorer=fuzz.token_sort_ratio,
            dtype=np.float32,
        )
        wanted = least_score if to_the_day else LEAST_VAGUE_SCORE
        for i, j in zip(*np.nonzero(scores >= wanted * 100), strict=True):
            yield rows_a[i], rows_b[j], float(scores[i, j]) / 100, to_the_day


def rapidfuzz_matcher(a: Sequence[Written], b: Sequence[Written]) -> Scores:
    """Names romanized by anyascii, words sorted, edit distance by rapidfuzz."""
    return {(i, j): score - (not day) * VAGUE_HANDICAP for i, j, score, day in _alike(a, b, 0.3)}


def nomenklatura_matcher(a: Sequence[Written], b: Sequence[Written]) -> Scores:
    """OpenSanctions' matcher `logic-v2`, with its own tables of names from Wikidata."""
    config = ScoringConfig.defaults()

    @cache
    def entity(side: int, row: int) -> EntityProxy:
        written = (a, b)[side][row]
        year, month, day = written.known
        date = f"{year}-{month:02}-{day:02}" if day else f"{year}-{month:02}" if month else f"{year}"
        data = {"id": f"{side}-{row}", "schema": "Person", "properties": {"name": [written.name], "birthDate": [date]}}
        return model.get_proxy(data)

    return {
        (i, j): LogicV2.compare(entity(0, i), entity(1, j), config).score - (not day) * VAGUE_HANDICAP
        for i, j, _, day in _alike(a, b, 0)
    }


MATCHERS: Final[dict[str, Callable[[Sequence[Written], Sequence[Written]], Scores]]] = {
    "rapidfuzz": rapidfuzz_matcher,
    "nomenklatura logic-v2": nomenklatura_matcher,
}
