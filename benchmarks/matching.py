"""Whether the same person, written by two authorities, has a key in common, and whether strangers have none.

    python -m pip install -r benchmarks/requirements-matching.txt
    python -m pip download --no-deps --dest NAMES rigour==1.8.2
    python -m benchmarks.matching --names NAMES/rigour-1.8.2-py3-none-any.whl

For each pair of scripts two lists are made, with persons who are on both and strangers, among them namesakes, twins
and people who share a date of birth; then the keys of `name-dob` are joined as two nodes would join them, and the same
records are given to matchers that see everything in the clear. docs/matching.md has the table and says what it means.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

from benchmarks.people import SCRIPTS, Culture, Name, held_out, load_cultures, spelled
from benchmarks.plain_matchers import MATCHERS, Written
from benchmarks.results import describe, destination, headline, markdown, parser, write
from protocol.identifiers import KINDS, PROFILE_VERSION, IdentifierError

PAIRS: Final = (
    ("latin", "latin"), ("latin", "arabic"), ("latin", "cyrillic"),
    ("arabic", "cyrillic"), ("arabic", "arabic"), ("cyrillic", "cyrillic"),
)  # fmt: skip
COLUMNS: Final = {
    "scripts": "<", "matcher": "<", "recall": ">", "precision": ">", "wrong pairs": ">", "keys per record": ">",
}  # fmt: skip
WANTED_PRECISION: Final = 0.99
RUSSIAN_SHARE: Final = 0.3
FIRST_BIRTH_YEAR: Final = 1945
BIRTH_YEARS: Final = 60
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
MIN_NAMES: Final = 20
NOBODY: Final = Name(1, {script: {"": 1} for script in SCRIPTS})
# Of strangers: how many bear the name of a person on the other list, or have a twin there.
NAMESAKES: Final = 0.05
TWINS: Final = 0.0005
UNKNOWN_DAY: Final = 0.05  # of persons: the first of January stands on both lists
MIDDLE_LEFT_OUT: Final = 0.2  # at each authority: father's name or patronymic
# Of persons on both lists, what one of the two authorities does to the record. The rest is written without mistakes.
NOISE: Final = {
    "typing error": 0.04,
    "day and month exchanged": 0.02,
    "year only": 0.03,
    "month and year": 0.005,
    "circa": 0.005,
    "wrong day": 0.005,
    "wrong year": 0.005,
}


@dataclass(frozen=True, slots=True)
class Person:
    """One person: names by place, and the date of birth."""

    given: Name
    father: Name
    family: Name
    year: int
    month: int
    day: int


@dataclass(frozen=True, slots=True)
class Lists:
    """Two lists, and which rows of them are one person: row a -> (row b, what was done to it)."""

    a: list[Written]
    b: list[Written]
    truth: dict[int, tuple[int, str]]


def make_lists(cultures: dict[str, Culture], pair: tuple[str, str], size: int, shared: int, random: Random) -> Lists:
    """Return lists of `size` rows each, `shared` persons on both."""
    people = [_person(cultures, pair, random) for _ in range(size)]
    strangers = [_stranger(people, cultures, pair, random) for _ in range(size - shared)]
    a = [_written(person, pair[0], random, "") for person in people]
    truth, b = {}, []
    for row in range(shared):
        noise = random.choices([*NOISE, ""], [*NOISE.values(), 1 - sum(NOISE.values())])[0]
        truth[row] = (row, noise)
        if random.random() < 0.5:
            a[row] = _written(people[row], pair[0], random, noise)
            b.append(_written(people[row], pair[1], random, ""))
        else:
            b.append(_written(people[row], pair[1], random, noise))
    b += [_written(person, pair[1], random, "") for person in strangers]
    return Lists(a, b, truth)


def _person(cultures: dict[str, Culture], pair: tuple[str, str], random: Random) -> Person:
    culture = cultures["russian" if random.random() < RUSSIAN_SHARE else "arabic"]
    if _drawable_names(culture.family, pair)[0] == [NOBODY]:
        culture = cultures["arabic"]
    given, family = (_drawn(names, pair, random) for names in (culture.given, culture.family))
    father = _drawn(culture.father, pair, random)
    month, day = random.randint(1, 12), random.randint(1, 28)
    if random.random() < UNKNOWN_DAY:
        month = day = 1
    return Person(given, father, family, FIRST_BIRTH_YEAR + random.randrange(BIRTH_YEARS), month, day)


_drawable: dict[tuple[int, tuple[str, str]], tuple[list[Name], list[int]]] = {}


def _drawn(names: Sequence[Name], pair: tuple[str, str], random: Random) -> Name:
    return random.choices(*_drawable_names(names, pair))[0]


def _drawable_names(names: Sequence[Name], pair: tuple[str, str]) -> tuple[list[Name], list[int]]:
    """Return the names that have spellings in both scripts, and how often each is borne."""
    key = (id(names), pair)
    if key not in _drawable:
        fit = [name for name in names if name.spellings.keys() >= set(pair)]
        if len(fit) < MIN_NAMES:
            fit = [NOBODY]  # a handful of names would make everybody a namesake
        _drawable[key] = fit, [name.weight for name in fit]
    return _drawable[key]


def _stranger(people: Sequence[Person], cultures: dict[str, Culture], pair: tuple[str, str], random: Random) -> Person:
    stranger, other = _person(cultures, pair, random), random.choice(people)
    chance = random.random()
    if chance < TWINS:
        return Person(stranger.given, other.father, other.family, other.year, other.month, other.day)
    if chance < TWINS + NAMESAKES:
        return Person(other.given, other.father, other.family, stranger.year, stranger.month, stranger.day)
    return stranger


def _written(person: Person, script: str, random: Random, noise: str) -> Written:
    given, father, family = (spelled(n, script, random) for n in (person.given, person.father, person.family))
    words = [given, family] if not father or random.random() < MIDDLE_LEFT_OUT else [given, father, family]
    if noise == "typing error":
        at = random.randrange(len(words))
        words[at] = _mistyped(words[at], random)
    name = f"{words[-1].upper()}, {' '.join(words[:-1])}" if random.random() < 0.5 else " ".join(words)
    return Written(name, *_date(person, random, noise))


def _mistyped(word: str, random: Random) -> str:
    """One letter left out, doubled, exchanged with its neighbour, or replaced by another letter of the word."""
    if len(word) < 3:
        return word
    at = random.randrange(1, len(word) - 1)
    kind = random.randrange(4)
    if kind == 0:
        return word[:at] + word[at + 1 :]
    if kind == 1:
        return word[:at] + word[at] + word[at:]
    if kind == 2:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return word[:at] + random.choice(word) + word[at + 1 :]


def _date(person: Person, random: Random, noise: str) -> tuple[str, tuple[int, int, int]]:
    year, month, day = person.year, person.month, person.day
    if noise == "year only":
        return str(year), (year, 0, 0)
    if noise == "month and year":
        return f"{MONTHS[month - 1]} {year}", (year, month, 0)
    if noise == "circa":
        return f"circa {year + random.choice((-1, 0, 1))}", (year, 0, 0)
    if noise == "day and month exchanged" and day <= 12:
        month, day = day, month
    if noise == "wrong day":
        day = 1 + (day + random.randrange(1, 27)) % 28
    if noise == "wrong year":
        year += random.choice((-10, -1, 1, 10))
    form = random.choice(("{0}-{1:02}-{2:02}", "{2} {3} {0}", "{2:02}.{1:02}.{0}", "{1:02}/{2:02}/{0}"))
    return form.format(year, month, day, MONTHS[month - 1]), (year, month, day)


def matched_by_keys(lists: Lists) -> tuple[set[tuple[int, int]], list[int], float]:
    """Return the pairs of rows with a key in common, the keys of each record, and the microseconds per record."""
    kind = KINDS["name-dob"]
    holders: dict[bytes, list[int]] = defaultdict(list)
    counts: list[int] = []
    started = time.process_time()
    keys: list[list[tuple[bytes, ...]]] = [[], []]
    for rows, found in zip((lists.a, lists.b), keys, strict=True):
        for written in rows:
            try:
                found.append(kind.keys(written.name, written.date))
            except IdentifierError:
                found.append(())
    elapsed = time.process_time() - started
    for row, of_row in enumerate(keys[0]):
        for key in of_row:
            holders[key].append(row)
    pairs = {(a, b) for b, of_row in enumerate(keys[1]) for key in of_row for a in holders.get(key, ())}
    counts = [len(of_row) for of_list in keys for of_row in of_list]
    return pairs, counts, elapsed / len(counts) * 1e6


def judged(pairs: Iterable[tuple[int, int]], lists: Lists) -> dict[str, Any]:
    """Return recall, precision and recall by what was done to the record."""
    pairs = set(pairs)
    right = sum((a, b) in pairs for a, (b, _) in lists.truth.items())
    wrong = len(pairs) - right
    noises: dict[str, Counter[bool]] = defaultdict(Counter)
    for a, (b, noise) in lists.truth.items():
        noises[noise or "none"][(a, b) in pairs] += 1
    return {
        "recall": right / len(lists.truth),
        "precision": right / (right + wrong) if pairs else None,
        "wrong": wrong,
        "wrong_per_million_pairs_of_strangers": wrong / (len(lists.a) * len(lists.b)) * 1e6,
        "recall_by_noise": {noise: [found[True], sum(found.values())] for noise, found in sorted(noises.items())},
    }


def measure(cultures: dict[str, Culture], pair: tuple[str, str], arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of one pair of scripts."""
    lists = make_lists(cultures, pair, arguments.size, arguments.shared, Random(f"{arguments.seed} {pair}"))
    pairs, counts, cost_us = matched_by_keys(lists)
    if arguments.show:
        _show(pairs, lists, arguments.show)
    result = {
        "scripts": list(pair),
        "name-dob": judged(pairs, lists)
        | {
            "keys_mean": statistics.mean(counts),
            "keys_max": max(counts),
            "refused": counts.count(0),
            "cost_us": cost_us,
        },
    }
    for name, matcher in MATCHERS.items() if arguments.matchers else ():
        started = time.process_time()
        scores = matcher(lists.a, lists.b)
        threshold = _threshold(scores, lists)
        found = {pair for pair, score in scores.items() if score >= threshold}
        result[name] = judged(found, lists) | {"threshold": threshold, "seconds": time.process_time() - started}
    return result


def _threshold(scores: dict[tuple[int, int], float], lists: Lists) -> float:
    """Return the threshold that finds most with the wanted precision, chosen on these very lists: in its favour."""
    best, right = 1.0, 0
    ranked = sorted(scores.items(), key=lambda item: -item[1])
    for count, ((a, b), score) in enumerate(ranked, 1):
        right += lists.truth.get(a, (None,))[0] == b
        last_of_score = count == len(ranked) or ranked[count][1] < score
        if last_of_score and right >= WANTED_PRECISION * count:
            best = score
    return best


def _show(pairs: set[tuple[int, int]], lists: Lists, count: int) -> None:
    """Print what was missed and what was confused: all names are made up."""
    missed = [(a, b, noise) for a, (b, noise) in lists.truth.items() if (a, b) not in pairs]
    wrong = [(a, b, "") for a, b in pairs if lists.truth.get(a, (None,))[0] != b]
    for title, rows in (("missed", missed), ("wrong", wrong)):
        print(f"{title}: {len(rows)}")
        for a, b, noise in Random(1).sample(rows, min(count, len(rows))):
            print(f"   {noise:12} {lists.a[a].name} {lists.a[a].date}  |  {lists.b[b].name} {lists.b[b].date}")


def main() -> None:
    """Measure every pair of scripts and write one result."""
    arguments_parser = parser(__doc__ or "")
    arguments_parser.add_argument("--names", type=Path, required=True, help="the wheel of rigour 1.8.2")
    arguments_parser.add_argument("--size", type=int, default=10_000, help="rows of each list")
    arguments_parser.add_argument("--shared", type=int, default=2_500, help="persons on both lists")
    arguments_parser.add_argument("--half", choices=("held-out", "tuning"), default="held-out", help="of the names")
    arguments_parser.add_argument("--matchers", action=argparse.BooleanOptionalAction, default=True)
    arguments_parser.add_argument("--show", type=int, default=0, help="mistakes to print")
    arguments = arguments_parser.parse_args()
    if arguments.smoke:
        arguments.size, arguments.shared = 400, 100
    cultures = load_cultures(arguments.names, held_out if arguments.half == "held-out" else lambda k: not held_out(k))
    arguments.names = arguments.names.name
    with destination(arguments) as arguments:
        result = describe("matching", arguments) | {"profile": PROFILE_VERSION, "pairs": []}
        for pair in PAIRS:
            result["pairs"].append(measure(cultures, pair, arguments))
            print(
                _rows(result["pairs"][-1:]), json.dumps(result["pairs"][-1]["name-dob"]["recall_by_noise"]), flush=True
            )
        table = markdown(COLUMNS, _rows(result["pairs"]))
        write(arguments.results / arguments.run / "matching.json", result, headline(result) + "\n" + table)
        print(table)


def _rows(pairs: Sequence[dict[str, Any]]) -> list[tuple[str, ...]]:
    rows = []
    for figures in pairs:
        for matcher in ("name-dob", *MATCHERS):
            if found := figures.get(matcher):
                keys = f"{found['keys_mean']:.1f} / {found['keys_max']}" if "keys_mean" in found else ""
                rows.append(
                    (
                        " - ".join(figures["scripts"]),
                        matcher,
                        f"{found['recall']:.4f}",
                        f"{found['precision']:.4f}",
                        f"{found['wrong']}",
                        keys,
                    )
                )
    return rows


if __name__ == "__main__":
    main()
