"""People with the spellings that different authorities would use, from tables that the product does not know.

Arabic names and their Latin spellings with frequencies: arabic-name-romanizer's index (Wikidata, CC0). Names in all
three scripts: rigour 1.8.2's table (Wikidata, CC0). Russian names: Faker; their Latin spellings: the schemes of iuliia.
A name belongs to the half of the data on which the product's tables were tuned, or to the half that was held out,
by a hash of the name. No person is real: given names, fathers' names and surnames are drawn independently.
"""

from __future__ import annotations

import hashlib
import sqlite3
import unicodedata
import zipfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Final

import iuliia
from anyascii import anyascii
from faker.providers.person.ru_RU import Provider as Russian
from rapidfuzz.distance import JaroWinkler

ARAB_COUNTRIES: Final = ("DZ", "EG", "IQ", "JO", "LB", "LY", "MA", "PS", "SA", "SD", "SY", "TN", "YE")
# Names borne by more belong to both halves, with half their weight: nobody makes tables without knowing them.
COMMON_COUNT: Final = 300
MIN_SPELLING_COUNT: Final = 2  # below, mistakes of the source prevail
MIN_SPELLING_SHARE: Final = 0.005
MIN_LIKENESS: Final = 0.75  # of a Wikidata label to one in another script, romanized: else it is another name's label
# Every scheme for Russian that iuliia has; those that authorities and newspapers use count more.
SCHEMES: Final = tuple(getattr(iuliia, name) for name in sorted(iuliia.__all__) if name.isupper() and name != "UZ")
USUAL_SCHEMES: Final = {"icao_doc_9303": 8, "bgn_pcgn": 8, "wikipedia": 4, "gost_52535": 4, "mvd_310_fr": 2}
SCRIPTS: Final = ("latin", "cyrillic", "arabic")

Spellings = dict[str, dict[str, int]]  # script -> spelling -> weight


@dataclass(frozen=True, slots=True)
class Name:
    """One name of a person: how often it is borne, and how it is spelled."""

    weight: int
    spellings: Spellings


@dataclass(frozen=True, slots=True)
class Culture:
    """Names of one culture by their place: given, father's, family."""

    given: tuple[Name, ...]
    father: tuple[Name, ...]
    family: tuple[Name, ...]


def held_out(key: str) -> bool:
    """Whether a name belongs to the half that was not looked at while the product's tables were made."""
    return hashlib.sha256(key.encode()).digest()[0] >= 128


def script(word: str) -> str:
    """Return the script of a word's letters, or nothing if they are of several or of another one."""
    names = {unicodedata.name(letter).split()[0].lower() for letter in word if letter.isalpha()}
    return names.pop() if len(names) == 1 and names <= set(SCRIPTS) else ""


def load_cultures(wheel: Path, half: Callable[[str], bool]) -> dict[str, Culture]:
    """Return the cultures `arabic` and `russian`, with the names of one half of the data."""
    labels = _labels(wheel)
    return {"arabic": _arabic(labels, half), "russian": _russian(labels, half)}


def _labels(wheel: Path) -> dict[str, Spellings]:
    """Return, for each Arabic or Cyrillic label of the multilingual table, the labels of the same name."""
    found: dict[str, Spellings] = defaultdict(lambda: defaultdict(dict))
    with zipfile.ZipFile(wheel) as archive:
        lines = archive.read("rigour/data/names/persons.txt").decode().splitlines()
    for line in lines:
        words = [word for word in line.rpartition(" => ")[0].split(", ") if " " not in word and "." not in word]
        by_script: dict[str, list[str]] = defaultdict(list)
        for word in words:
            by_script[script(word)].append(_plain(word) if script(word) == "arabic" else word)
        for own in ("arabic", "cyrillic"):
            for word in by_script[own]:
                for other in SCRIPTS:
                    for label in by_script[other]:
                        if _alike(word, label):
                            found[word][other][label.title() if other != "arabic" else label] = 1
    return found


def _alike(word: str, label: str) -> bool:
    consonants = [
        "".join(c for c in anyascii(text).lower() if c.isalpha() and c not in "aeiouyw") or "-"
        for text in (word, label)
    ]
    return JaroWinkler.similarity(*consonants) >= MIN_LIKENESS


def _plain(word: str) -> str:
    """Arabic as the index of names writes it: without vowel marks and hamza, final letters as typed in a hurry."""
    bare = "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))
    return bare.translate(str.maketrans("ىةیکہ", "يهيكه")).replace("\u0640", "")


def _arabic(labels: dict[str, Spellings], half: Callable[[str], bool]) -> Culture:
    package = find_spec("arabic_name_romanizer")
    if package is None or package.origin is None:
        raise SystemExit("expected the packages of benchmarks/requirements-matching.txt, got none")
    index = sqlite3.connect(Path(package.origin).parent / "resources" / "names.sqlite3")
    rows = index.execute(
        "SELECT arabic_key, latin, role, country, SUM(count) FROM units"
        " WHERE source = 'wikidata' AND role IN ('given', 'surname') GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"
    )
    counts: dict[str, dict[str, dict[str, int]]] = {"given": defaultdict(dict), "surname": defaultdict(dict)}
    for arabic, latin, role, country, count in rows:
        if country in ARAB_COUNTRIES:
            counts[role][arabic][latin] = counts[role][arabic].get(latin, 0) + count
    places = {}
    for role, names in counts.items():
        kept = []
        for arabic, latin in sorted(names.items()):
            total = sum(latin.values())
            if total < COMMON_COUNT and not half(arabic):
                continue
            usual = {s: n for s, n in latin.items() if n >= max(MIN_SPELLING_COUNT, total * MIN_SPELLING_SHARE)}
            if usual:
                spellings: Spellings = {"latin": usual, "arabic": {_plain(arabic): 1}}
                if cyrillic := labels.get(_plain(arabic), {}).get("cyrillic"):
                    spellings["cyrillic"] = dict(sorted(cyrillic.items()))
                weight = sum(usual.values())
                kept.append(Name(weight if total < COMMON_COUNT else max(1, weight // 2), spellings))
        places[role] = tuple(kept)
    return Culture(places["given"], places["given"], places["surname"])


def _russian(labels: dict[str, Spellings], half: Callable[[str], bool]) -> Culture:
    def names(*groups: Sequence[str]) -> tuple[Name, ...]:
        kept = []
        for word in sorted({word for group in groups for word in group if " " not in word}):
            if half(word):
                latin: dict[str, int] = defaultdict(int)
                for scheme in SCHEMES:
                    latin[scheme.translate(word)] += USUAL_SCHEMES.get(scheme.name, 1)
                spellings: Spellings = {"cyrillic": {word: 1}, "latin": dict(latin)}
                if arabic := labels.get(word.lower(), {}).get("arabic"):
                    spellings["arabic"] = dict(sorted(arabic.items()))
                kept.append(Name(1, spellings))
        return tuple(kept)

    return Culture(names(Russian.first_names_male), names(Russian.middle_names_male), names(Russian.last_names_male))


def spelled(name: Name, in_script: str, random: Random) -> str:
    """Return one spelling of a name, as often as it is used."""
    choices = name.spellings[in_script]
    return random.choices(list(choices), list(choices.values()))[0]
