"""OFAC's Specially Designated Nationals list, sdn.csv, as the US Treasury publishes it.

Latin-1, no header, twelve columns, `-0-` for null, a control character on a last line of its own. Identifiers are
in the remarks, separated by semicolons. Remarks end after 1,000 characters, sometimes within an identifier; that
identifier is refused, because its beginning may look like a whole one.

Which labels are which kind, and how the number is told from what stands around it, is in docs/identifiers.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import BinaryIO, Final

from nodes.registry.errors import SourceError
from nodes.registry.lines import read_records
from nodes.registry.source import (
    RawValue,
    RejectedRow,
    Rows,
    Source,
    SourceRecord,
    display,
    passport,
    persons,
    without_system,
)
from protocol.identifiers import IdentifierError
from protocol.identifiers.countries import resolve

COLUMNS: Final = 12  # entity number, name, type, programme, title, call sign, ..., remarks (sdn_data_spec of OFAC)
REMARKS_CHARACTERS: Final = 1000
NULL: Final = "-0-"
INDIVIDUAL: Final = "individual"
END_OF_FILE: Final = "\x1a"

LABELS: Final = {
    "passport": (r"Passport(?: Booklet| No\.)?", "Travel Document Number"),
    "national-id": (
        r"National ID (?:No\.|Card)", r"Personal ID (?:No\.|Card)", r"Kenyan ID No\.", "Turkish Identification Number",
        "Citizen's Card Number", r"Cedula No\.", r"C\.U\.R\.P\.", r"D\.N\.I\.", "Numero de Identidad", "SSN",
        "Italian Fiscal Code",
    ),
    "imo": ("Vessel Registration Identification IMO",),
    "tax-id": (r"Tax ID No\.", r"R\.F\.C\.", "NIT #", "RUC #"),
    "phone": ("Phone Number",),
    "e-mail": ("Email Address",),
    "crypto-wallet": ("Digital Currency Address - [A-Z]{2,6}",),
}  # fmt: skip
_GROUPS: Final = {kind.replace("-", "_"): kind for kind in LABELS}
_LABEL: Final = re.compile(
    r"(?<![^\s(])(?:" + "|".join(f"(?P<{g}>{'|'.join(LABELS[k])})" for g, k in _GROUPS.items()) + r"):?(?=\s|$)"
)
_BEGUN_KINDS: Final = ("crypto-wallet", "imo", "tax-id", "phone", "e-mail", "passport", "national-id")
_LABEL_WORDS: Final = (
    "Digital Currency Address - ",
    "Vessel Registration Identification IMO",
    "Tax ID No.",
    "Phone Number",
    "Email Address",
    "Passport",
    "National ID No.",
)
_BIRTH: Final = re.compile(r"(?:alt\. )?DOB (.+?)\.?")
_COUNTRY: Final = re.compile(r"\s\(([^()]*)\)(?=[\s.,]|$)")
_NUMBER_ENDS: Final = re.compile(r"(?:^|\s)(?:issued|expires|expired|and)\b|,| - |\s\([^()]*\)(?=[\s.,]|$)")
_ADJECTIVE: Final = re.compile(r"[A-Z][a-z]{3,}")  # not the codes that a label holds: ID, No


def ofac_source(path: Path) -> Source:
    """Return the source for a copy of sdn.csv. It lists real persons: realm `production`."""
    return Source(path, "ofac-sdn", "production", lambda file: _read(file, path.name))


def _read(file: BinaryIO, name: str) -> Rows:
    records = 0
    for row in read_records(file, name, encoding="latin-1", delimiter=","):
        if isinstance(row, RejectedRow):
            yield row
            continue
        line, cells = row
        if cells == [END_OF_FILE]:
            continue
        if len(cells) != COLUMNS:
            yield RejectedRow(line, "wrong-column-count")
        elif not (number := cells[0].strip()).isascii() or not number.isdigit():
            yield RejectedRow(line, "no-entity-number")
        else:
            records += 1
            yield _record(line, [_value(cell) for cell in cells], cut=len(cells[-1]) >= REMARKS_CHARACTERS)
    if not records:
        raise SourceError(f"{name}: expected rows of sdn.csv ({COLUMNS} columns, a number first), got none")


def _value(cell: str) -> str:
    cell = cell.strip()
    return "" if cell == NULL else cell


def _record(line: int, cells: list[str], *, cut: bool) -> SourceRecord:
    number, name, kind, programme, title, *_, remarks = cells
    segments = remarks.split(";")
    rejected: list[tuple[str, str]] = []
    if cut:
        rejected = [(kind, "truncated") for kind in _begun(segments.pop())]
    values = [value for segment in segments for value in _identifiers(" ".join(segment.split()))]
    if kind == INDIVIDUAL:
        values += persons([name], [birth[1] for segment in segments if (birth := _BIRTH.fullmatch(segment.strip()))])
    shown = display(name=name, type=kind or "entity", programme=programme, title=title)
    return SourceRecord(line, number, shown, values, rejected, ("remarks-truncated",) if cut else ())


def _begun(segment: str) -> Iterator[str]:
    """Yield the kinds of the identifiers in a segment that may be cut, even within its label."""
    labels = [kind for match in _LABEL.finditer(segment) for group, kind in _GROUPS.items() if match[group]]
    if not labels and (text := segment.strip().removeprefix("alt. ")):
        labels = [k for k, word in zip(_BEGUN_KINDS, _LABEL_WORDS, strict=True)
                  if len(text) >= 4 and word.startswith(text)]  # fmt: skip
    yield from labels


def _identifiers(segment: str) -> Iterator[RawValue]:
    matches = list(_LABEL.finditer(segment))
    for match, following in zip_longest(matches, matches[1:]):
        kind = next(kind for group, kind in _GROUPS.items() if match[group])
        text = segment[match.end() : following.start() if following else None].strip()
        if kind in ("crypto-wallet", "e-mail"):
            if text:
                yield kind, (text.split()[0].rstrip("."),)
            continue
        number = text[: end.start()] if (end := _NUMBER_ENDS.search(text)) else text
        number = without_system(number.strip().rstrip("."))
        if not any(map(str.isdigit, number)):
            continue  # "Passport issued in Sarajevo": a passport without its number
        if kind == "imo":
            yield kind, (number,)
            continue
        if kind == "phone":  # in international form, without its sign
            yield kind, ("", number if number.startswith("+") else "+" + number)
            continue
        number, country = _issuer(segment[: match.start()] + match[0], number, text)
        if kind == "passport":
            yield from passport(country, _without_words(number))
        else:
            yield kind, (country, number)


def _issuer(before: str, number: str, text: str) -> tuple[str, str]:
    """Return number and issuing country: in brackets, behind a comma, behind the number, or in front of the label."""
    if bracket := _COUNTRY.search(text):
        return number, bracket[1]
    behind = text[len(number) :].split(",")
    candidates = [(number, behind[1].strip())] if len(behind) > 1 else []
    candidates += [(number[: gap.start()], number[gap.end() :]) for gap in re.finditer(r"\s+(?=[A-Z][a-z])", number)]
    candidates += [(number, word) for word in _ADJECTIVE.findall(before)]
    for candidate, country in candidates:
        try:
            resolve(country)
        except IdentifierError:
            continue
        return candidate, country
    return number, ""


def _without_words(number: str) -> str:
    """Drop words in front of a passport number, such as Laissez-Passer."""
    words = number.split()
    while len(words) > 1 and not any(map(str.isdigit, words[0])) and any(map(str.islower, words[0])):
        words.pop(0)
    return " ".join(words)
