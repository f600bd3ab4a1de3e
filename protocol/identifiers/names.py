"""Name and date of birth: several keys for one person, each telling enough to stand alone.

A key is a date, to the day or to the month, and two to four skeletons of the name, in order of their letters. A set of
skeletons makes a key if together with the date it carries enough information to be rare among strangers, and if no
smaller part of it does. Whether a set makes a key depends on the set alone, never on the rest of the record: so two
agencies that both have those words and that date both have the key, whatever else their records hold.

The information that a skeleton carries is estimated from its length, less for the most common names of the world.
docs/matching.md measures what comes of it; ADR 0020 says why it is made so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import combinations, islice, product
from typing import Final

from protocol.identifiers.dates import Birth, parse_birth
from protocol.identifiers.errors import NotDistinctiveError, TooShortError
from protocol.identifiers.name_parts import MIN_WORDS, name_words
from protocol.identifiers.name_sounds import CACHED_WORDS, VOWEL, skeletons

MAX_KEYS: Final = 48  # of one name and date; a key more is an element more that a list of this kind asks about
MONTHS: Final = 12
MAX_WORDS_IN_KEY: Final = 4
MAX_COMBINED_WORDS: Final = 6  # the most telling ones of a name
# Information in bits: of a skeleton of 1, 2, ... classes, as names of several languages have it (docs/matching.md).
BITS: Final = (6, 7, 7, 8, 9)
# The skeletons of the most common names carry less where these are common: bits, then names as examples of each.
COMMON: Final = """\
3 muhammad
4 ahmad
5 ali hasan abdullah hani said
6 ibrahim mustafa khalid amin yusuf
"""
DAY_BITS: Final = 10  # names need at least this much beside a date to the day (14.4 bits over sixty years)
NEW_YEAR_BITS: Final = 12  # and this beside a first of January, which stands for an unknown day at many authorities
MONTH_BITS: Final = 16  # and this beside a month (9.5 bits)
MAX_WORDS_IN_WHOLE: Final = 3  # four words always have a part that carries enough
EXACT: Final = "."  # ends the key of a whole name that no part of it can stand for

_COMMON_BITS: Final = {
    skeleton: int(bits)
    for bits, *words in map(str.split, reversed(COMMON.splitlines()))
    for word in words
    for skeleton in skeletons(word)
}


Readings = tuple[tuple[str, int], ...]  # of one word: skeletons, each with its bits


def name_keys(name: str, date: str) -> tuple[tuple[bytes, ...], ...]:
    """Return the keys of a person: distinct, at least one, at most MAX_KEYS, those with the most telling words first.

    Raises:
        NotDistinctiveError: common words and a date that is too vague.
        IdentifierError: no name, no date.
    """
    birth = parse_birth(date)
    words = [readings for word in name_words(name) if (readings := _readings(word))]
    if len(words) < MIN_WORDS:
        raise TooShortError(f"expected at least {MIN_WORDS} words with consonants, got {len(words)}")
    words.sort(key=_bits, reverse=True)
    keys = dict.fromkeys(_keys(birth, words))
    if not keys:
        raise NotDistinctiveError("expected a name that tells strangers apart beside its date, got a common one")
    return tuple((when.encode("ascii"), names.encode("ascii")) for when, names in islice(keys, MAX_KEYS))


def skeleton_bits(skeleton: str) -> int:
    """Return the estimated information of a skeleton."""
    return _COMMON_BITS.get(skeleton) or BITS[min(len(skeleton.removeprefix(VOWEL)), len(BITS)) - 1]


@lru_cache(maxsize=CACHED_WORDS)
def _readings(word: str) -> Readings:
    return tuple((skeleton, skeleton_bits(skeleton)) for skeleton in skeletons(word))


def _bits(readings: Readings) -> int:
    return max(bits for _, bits in readings)


def _keys(birth: Birth, words: list[Readings]) -> Iterator[tuple[str, str]]:
    combined = words[:MAX_COMBINED_WORDS]
    if birth.day:
        day = f"{birth.years[0]}{birth.month:02}{birth.day:02}"
        new_year = (birth.month, birth.day) == (1, 1)
        telling = list(_telling(combined, NEW_YEAR_BITS if new_year else DAY_BITS))
        if len(words) <= MAX_WORDS_IN_WHOLE and not new_year:
            telling += [
                _joined(readings) + EXACT
                for readings in product(*words)
                if not any(_telling([(reading,) for reading in readings], DAY_BITS))
            ]
        for names in telling:
            yield day, names
    # A date that is known to the year has twelve possible months; an exact one has its own, or two if it may be
    # written in either order. So a vague date meets an exact one, and exact ones that differ hardly meet.
    months: Iterable[int] = range(1, MONTHS + 1)
    if birth.month:
        months = sorted({birth.month} | ({birth.day} if 0 < birth.day <= MONTHS else set()))
    for names in _telling(combined, MONTH_BITS):
        for year in birth.years:
            for month in months:
                yield f"{year}{month:02}", names


def _telling(words: list[Readings], wanted_bits: int) -> Iterator[str]:
    """Yield the smallest sets of skeletons that carry the wanted information, one reading of each word."""
    for size in range(MIN_WORDS, MAX_WORDS_IN_KEY + 1):
        for subset in combinations(words, size):
            for readings in product(*subset):
                bits = [bits for _, bits in readings]
                total = sum(bits)
                if total >= wanted_bits and (size == MIN_WORDS or total - min(bits) < wanted_bits):
                    yield _joined(readings)


def _joined(readings: Iterable[tuple[str, int]]) -> str:
    return " ".join(sorted(skeleton for skeleton, _ in readings))
