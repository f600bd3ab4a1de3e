"""The UN Security Council's consolidated list, as the UN publishes it in XML.

Parsed as a stream by expat. A document type declaration is refused, so that no entity can be declared; depth, text
and entries are bounded. Individuals carry documents; entities of this list carry none.

A document names its type in one of several languages, sometimes narrows it in a second field, and puts words around
some numbers ("Libyan Passport No. 96/184442"). How both are taken apart is in docs/identifiers.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final
from xml.parsers import expat

from nodes.registry.errors import SourceError
from nodes.registry.source import (
    MAX_FIELD_CHARACTERS,
    MAX_RECORD_CHARACTERS,
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
from protocol.identifiers.countries import resolve
from protocol.identifiers.errors import CountryAmbiguousError, CountryMissingError, CountryUnknownError

ROOT: Final = "CONSOLIDATED_LIST"
ENTRIES: Final = ("INDIVIDUAL", "ENTITY")
DOCUMENT: Final = "INDIVIDUAL_DOCUMENT"
ALIAS: Final = "INDIVIDUAL_ALIAS"
BIRTH: Final = "INDIVIDUAL_DATE_OF_BIRTH"
GOOD_QUALITY: Final = ("Good", "a.k.a.", "f.k.a.")  # of an alias; the list calls the others low
MAX_DEPTH: Final = 16  # the list uses 5
MAX_NUMBER_CHARACTERS: Final = 512  # of a number with the words around it; the list's longest has 85
MAX_TAG_BYTES: Final = 1 << 20  # of one tag or comment, which expat holds until it ends
BLOCK_BYTES: Final = 1 << 16

_PASSPORT: Final = re.compile(r"passport|passeport|pasaporte|laissez-passer|travel document", re.IGNORECASE)
# What the list also keeps under "National Identification Number", though it is none.
_OTHER_DOCUMENT: Final = re.compile(
    r"ration card|birth|certificate|driver|driving|student|voter|residential|serviceman|military|FARDC|other id",
    re.IGNORECASE,
)
_NATIONAL: Final = re.compile(
    r"national identification|identity|identification|fiscal code|social security|SSN", re.IGNORECASE
)
_NO_NUMBER: Final = re.compile(
    r"issued|expire[sd]?|expiration|valid|date|born|under|name|cancelled|revoked", re.IGNORECASE
)
_MARKER: Final = re.compile(r"(?:No\.?|N[°º]|number):?", re.IGNORECASE)
_BRACKET: Final = re.compile(r"\s*\(([^()]*)\)\s*$")

Fields = dict[str, str]


def un_source(path: Path) -> Source:
    """Return the source for a copy of the consolidated list. It lists real persons: realm `production`."""
    return Source(path, "un-consolidated", "production", lambda file: _read(file, path.name))


class _Entry:
    """One individual or entity while it is parsed: its own fields, and its documents, aliases and dates of birth."""

    def __init__(self, line: int) -> None:
        self.line = line
        self.characters = 0
        self.fields: Fields = {}
        self.parts: dict[str, list[Fields]] = {DOCUMENT: [], ALIAS: [], BIRTH: []}
        self.too_long = False


class _Parser:
    """Turns parser events into entries."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._path: list[str] = []
        self._entry: _Entry | None = None
        self._text: list[str] = []
        self._characters = 0
        self._fed_bytes = 0
        self.ready: list[_Entry] = []
        self._expat = expat.ParserCreate()
        self._expat.buffer_text = True
        self._expat.StartDoctypeDeclHandler = self._doctype
        self._expat.StartElementHandler = self._start
        self._expat.EndElementHandler = self._end
        self._expat.CharacterDataHandler = self._data

    def feed(self, block: bytes, *, last: bool) -> None:
        try:
            self._expat.Parse(block, last)
        except expat.ExpatError as cause:
            raise self._bad(f"well-formed XML, got: {expat.ErrorString(cause.code)}", cause.lineno) from None
        except (ValueError, LookupError):  # an encoding declaration that Python does not know
            raise self._bad("XML in UTF-8", 1) from None
        self._fed_bytes += len(block)
        if not last and self._fed_bytes - self._expat.CurrentByteIndex > MAX_TAG_BYTES:
            raise self._bad(f"tags and comments of at most {MAX_TAG_BYTES} bytes, got a longer one")

    def _bad(self, expected: str, line: int | None = None) -> SourceError:
        return SourceError(f"{self._name}: line {line or self._expat.CurrentLineNumber}: expected {expected}")

    def _doctype(self, *_: object) -> None:
        raise self._bad("no document type declaration, got one; the UN's list has none")

    def _start(self, tag: str, _attributes: dict[str, str]) -> None:
        if not self._path and tag != ROOT:
            raise self._bad(f"the element {ROOT} first, got another: not the UN's consolidated list")
        self._path.append(tag)
        if len(self._path) > MAX_DEPTH:
            raise self._bad(f"elements at most {MAX_DEPTH} deep, got deeper ones")
        if len(self._path) == 3 and tag in ENTRIES:
            self._entry = _Entry(self._expat.CurrentLineNumber)
        elif len(self._path) == 4 and self._entry and tag in self._entry.parts:
            self._entry.parts[tag].append({})
        self._text, self._characters = [], 0
        self._count(len(tag) + 1)

    def _count(self, characters: int) -> None:
        if self._entry is not None:
            self._entry.characters += characters
            if self._entry.characters > MAX_RECORD_CHARACTERS:
                raise self._bad(f"entries of at most {MAX_RECORD_CHARACTERS} characters, got a longer one")

    def _data(self, text: str) -> None:
        self._characters += len(text)
        self._count(len(text))
        if self._entry is None:
            return
        if self._characters > MAX_FIELD_CHARACTERS:
            self._entry.too_long = True
        else:
            self._text.append(text)

    def _end(self, tag: str) -> None:
        entry, depth = self._entry, len(self._path)
        self._path.pop()
        if entry is None:
            return
        if depth == 4 and tag not in entry.parts:
            entry.fields.setdefault(tag, "".join(self._text).strip())
        elif depth == 5 and (parts := entry.parts.get(self._path[-1])):
            parts[-1].setdefault(tag, " ".join("".join(self._text).split()))
        elif depth == 3:
            self.ready.append(entry)
            self._entry = None


def _read(file: BinaryIO, name: str) -> Rows:
    parser, entries = _Parser(name), 0
    while True:
        block = file.read(BLOCK_BYTES)
        parser.feed(block, last=not block)
        for entry in parser.ready:
            entries += 1
            yield RejectedRow(entry.line, "field-too-long") if entry.too_long else _record(entry)
        parser.ready.clear()
        if not block:
            break
    if not entries:
        raise SourceError(f"{name}: expected individuals or entities, got none")


def _record(entry: _Entry) -> SourceRecord:
    field = entry.fields.get
    names = [field(tag, "") for tag in ("FIRST_NAME", "SECOND_NAME", "THIRD_NAME", "FOURTH_NAME")]
    shown = display(name=" ".join(names), list=field("UN_LIST_TYPE", ""), listed_on=field("LISTED_ON", ""))
    aliases = [alias.get("ALIAS_NAME", "") for alias in entry.parts[ALIAS] if alias.get("QUALITY") in GOOD_QUALITY]
    dates = [date for birth in entry.parts[BIRTH] if (date := _date(birth))]
    values = persons([" ".join(names), field("NAME_ORIGINAL_SCRIPT", ""), *aliases], dates)
    rejected: list[tuple[str, str]] = []
    for document in entry.parts[DOCUMENT]:
        found = _identifier(document)
        if isinstance(found, str):
            rejected.append((found, "other-document"))
        else:
            values += found
    return SourceRecord(entry.line, field("REFERENCE_NUMBER") or field("DATAID", ""), shown, values, rejected)


def _date(birth: Fields) -> str:
    """Return a date of birth as protocol/identifiers/dates.py reads it, or nothing."""
    if exact := birth.get("DATE") or birth.get("YEAR"):
        return f"circa {exact}" if birth.get("TYPE_OF_DATE") == "APPROXIMATELY" and exact.isdigit() else exact
    if (first := birth.get("FROM_YEAR")) and (last := birth.get("TO_YEAR")):
        return f"{first} to {last}"
    return ""


def _identifier(document: Fields) -> list[RawValue] | str:
    """Return the identifiers of one document, or the kind under which the list keeps a document of another sort."""
    kind_1, kind_2 = document.get("TYPE_OF_DOCUMENT", ""), document.get("TYPE_OF_DOCUMENT2", "")
    words, number = take_apart(document.get("NUMBER", ""))
    words_2, number_2 = take_apart(kind_2)
    if not number:
        number = number_2
    if not number:
        words, number = take_apart(document.get("NOTE", ""))
    if not number:
        return []  # a document is mentioned, its number is not
    said = " ".join((kind_2, *words))
    if _OTHER_DOCUMENT.search(said):
        return "national-id"
    country = _country(document, words, words_2)
    if _PASSPORT.search(said) or _PASSPORT.search(kind_1):
        return passport(country, number)
    if _NATIONAL.search(kind_1):
        return [("national-id", (country, without_system(number)))]
    return []


def _country(document: Fields, *said: list[str]) -> str:
    """The issuing country: named as such, else in the words around the number, else where it was issued."""
    if issuing := document.get("ISSUING_COUNTRY", ""):
        return issuing.removesuffix(" passport")
    for words in said:
        for end in range(min(len(words), 5), 0, -1):
            for part in (words[:end], words[-end:]):
                with suppress(CountryMissingError, CountryUnknownError):
                    with suppress(CountryAmbiguousError):  # said, so it is refused as such, not as missing
                        resolve(" ".join(part))
                    return " ".join(part)
    return document.get("COUNTRY_OF_ISSUE", "")


def take_apart(text: str) -> tuple[list[str], str]:
    """Split the words around a number from it: ("Libyan", "Passport"), "96/184442".

    Words in front end with the last one that has a small letter; a serial in capitals belongs to the number. Words
    in brackets or behind a comma follow. What is only prose, such as a date of issue, has no number.
    """
    if len(text) > MAX_NUMBER_CHARACTERS:
        return [], text  # prose without end: no rule refuses it later but its length
    behind: list[str] = []
    while bracket := _BRACKET.search(text):
        text, behind = text[: bracket.start()], bracket[1].split()
    text, comma, rest = text.partition(",")
    if comma and not any(map(str.isdigit, rest)):
        behind = rest.split()
    tokens = text.split()
    digits = [any(map(str.isdigit, token)) for token in tokens]
    first = digits.index(True) if True in digits else len(tokens)
    start = max((i + 1 for i in range(first) if _is_word(tokens[i])), default=0)
    words, number = tokens[:start], list(_until_word(tokens[start:]))
    if any(_NO_NUMBER.fullmatch(word) for word in words):
        return words, ""
    words = [word for word in words if not _MARKER.fullmatch(word)]
    return words + behind, " ".join(number).removeprefix("N°") if True in digits else ""


def _is_word(token: str) -> bool:
    return any(map(str.islower, token)) or bool(_MARKER.fullmatch(token)) or token.endswith(":")


def _until_word(tokens: list[str]) -> Iterator[str]:
    for token in tokens:
        if _MARKER.fullmatch(token):
            continue
        if _is_word(token) and not any(map(str.isdigit, token)):
            return
        yield token
