"""FollowTheMoney entities, one JSON object a line, as Aleph and OpenSanctions export them (flat and nested).

Parsed with the standard library; the names of schemata and properties are those of the public model
(followthemoney.tech), frozen here. Persons, organizations, vessels and vehicles become records. Passports, other
identifications, accounts and wallets belong to the record of their holder or owner, wherever in the file that is: the
file is read twice, first for what has to be attached, then for the records.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

from nodes.registry.errors import SourceError, SourceRealmError
from nodes.registry.source import (
    MAX_FIELD_CHARACTERS,
    MAX_NAME_VALUES,
    RawValue,
    RejectedRow,
    Rows,
    Source,
    SourceRecord,
    display,
    passport,
    persons,
)
from nodes.registry.table import REALM_COLUMN

MAX_LINE_BYTES: Final = 1 << 22  # of one entity with all that is nested in it
MAX_DEPTH: Final = 8  # of nesting; exports use 3
MAX_ATTACHED: Final = (
    2_000_000  # documents, accounts and wallets of one file, held while it is read: about 500 bytes each
)

# Property -> kind, per schema, and the properties of the same entity that name the country.
_OF_ENTITIES: Final = {"taxNumber": "tax-id", "vatCode": "tax-id", "email": "e-mail", "phone": "phone"}
_OF_PERSONS: Final = {
    **_OF_ENTITIES,
    "passportNumber": "passport",
    "idNumber": "national-id",
    "socialSecurityNumber": "national-id",
}
SUBJECTS: Final = {
    "Person": _OF_PERSONS,
    "LegalEntity": _OF_ENTITIES,
    "Organization": _OF_ENTITIES,
    "PublicBody": _OF_ENTITIES,
    "Company": _OF_ENTITIES,
    "Vessel": {"imoNumber": "imo"},
    "Vehicle": {"registrationNumber": "vehicle-plate"},
}
DOCUMENTS: Final = {
    "Passport": {"number": "passport", "passportNumber": "passport", "personalNumber": "national-id"},
    "Identification": {"number": "national-id"},
}
ASSETS: Final = {"BankAccount": {"iban": "iban"}, "CryptoWallet": {"publicKey": "crypto-wallet"}}
OWNERSHIP: Final = "Ownership"
# Numbers that one state alone gives out, whatever country the entity names.
ONE_COUNTRY: Final = {"innCode": ("tax-id", "RUS"), "irsCode": ("tax-id", "USA"), "voenCode": ("tax-id", "AZE")}
NAMES: Final = ("name", "alias", "previousName")  # of persons; not weakAlias, which others bear too
COUNTRIES: Final = ("country", "jurisdiction", "mainCountry")
PERSONS_COUNTRIES: Final = ("nationality", "citizenship", "country")  # a person's numbers come from the own state
# ISO 3166-3 codes of the model, for states that broke up or changed their code -> alpha-3.
FORMER: Final = {
    "suhh": "SUN", "yucs": "YUG", "csxx": "SCG", "cshh": "CSK", "ddde": "DDR", "ydyd": "YMD", "ydye": "YMD",
    "anhh": "ANT", "bumm": "MMR", "zrcd": "COD", "tptl": "TLS",
}  # fmt: skip
WITH_COUNTRY: Final = ("national-id", "tax-id", "phone", "vehicle-plate")

_PASSPORT: Final = re.compile(r"passport|passeport|pasaporte|travel document", re.IGNORECASE)
_TAX: Final = re.compile(r"\btax|fiscal|\b(?:TIN|INN|NIF|NIT|RFC|CUIT|VAT)\b", re.IGNORECASE)
_OTHER: Final = re.compile(r"driv|licen[cs]e|regist|birth|certificate|voter|elector|military|student", re.IGNORECASE)
_NATIONAL: Final = re.compile(
    r"national|identity|identification|personal|c[eé]dula|\bID\b|\b(?:SSN|CURP|C\.U\.R\.P\.|DNI|D\.N\.I\.|NIC|CNIC|EGN)\b"
    r"|social security",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Held:
    """What belongs to one holder: the row that named it first, identifiers, and refused ones."""

    row: int
    values: list[RawValue] = field(default_factory=list)
    rejected: list[tuple[str, str]] = field(default_factory=list)

    @property
    def size(self) -> int:
        return 1 + len(self.values) + len(self.rejected)

    def extend(self, more: _Held) -> None:
        self.values.extend(more.values)
        self.rejected.extend(more.rejected)


def ftm_source(path: Path, realm: str) -> Source:
    """Return the source for a file of entities.

    Args:
        realm: of the node. Entities are of the realm `production` unless each says `"accord_realm": "exercise"`.
    """
    return Source(path, "ftm", realm, lambda file: _read(file, path.name, realm))


@dataclass(frozen=True, slots=True)
class _Entity:
    id: str
    schema: str
    caption: str
    values: dict[str, list[str]]
    nested: list[tuple[str, _Entity]] = field(default_factory=list)  # property, entity

    def ids(self, name: str) -> list[str]:
        """The entities that a property names, by id or nested, each once."""
        ids = [*map(str.strip, self.values.get(name, [])), *(e.id for where, e in self.nested if where == name)]
        return [entity_id for entity_id in dict.fromkeys(ids) if entity_id]


class _BadEntityError(Exception):
    """Not an entity; the argument says why."""


def _read(file: BinaryIO, name: str, realm: str) -> Rows:
    attachments = _attachments(file, name)
    file.seek(0)
    records = 0
    for row, found in _entities(file):
        if isinstance(found, str):
            yield RejectedRow(row, found)
            continue
        entity, said = found
        if said != realm:
            raise SourceRealmError(f"{name}: line {row}: expected an entity of realm {realm}, got another")
        if (record := _record(row, entity, attachments)) is not None:
            records += 1
            yield record
    for holder, held in attachments.by_holder.items():  # whose entity is not in this file
        records += 1
        yield SourceRecord(held.row, holder, {}, held.values, held.rejected)
    if not records:
        raise SourceError(f"{name}: expected FollowTheMoney entities, one a line, got none that can be compared")


class _Attachments:
    """What belongs to the records of others, gathered from the whole file.

    Raises (all methods):
        SourceError: more than MAX_ATTACHED, each counted once for every holder.
    """

    def __init__(self, name: str) -> None:
        self.by_holder: dict[str, _Held] = {}
        self.owned: set[str] = set()  # accounts and wallets that belong to the record of an owner
        self._unheld: dict[str, _Held] = {}
        self._ownerships: list[tuple[str, str]] = []
        self._name = name
        self._left = MAX_ATTACHED

    def add(self, row: int, entity: _Entity, parent: _Entity | None) -> None:
        """Take a document, account, wallet or ownership; anything else is left."""
        if entity.schema == OWNERSHIP:
            owners, assets = entity.ids("owner"), entity.ids("asset")
            if parent is not None and parent.schema in ASSETS:
                assets = assets or [parent.id]
            elif parent is not None:
                owners = owners or [parent.id]
            self._count(len(owners) * len(assets))
            self._ownerships += [(owner, asset) for owner in owners for asset in assets]
        elif entity.schema in DOCUMENTS or entity.schema in ASSETS:
            held = _Held(row, *_values(entity))
            if holders := _holders(entity, parent):
                for holder in holders:
                    self._attach(holder, held)
            else:
                self._count(held.size)
                self._unheld.setdefault(entity.id, _Held(row)).extend(held)

    def resolve(self) -> None:
        """Attach accounts and wallets to their owners, once all are known."""
        for owner, asset in self._ownerships:
            if held := self._unheld.get(asset):
                self._attach(owner, held)
                self.owned.add(asset)

    def _attach(self, holder: str, held: _Held) -> None:
        self._count(held.size)
        self.by_holder.setdefault(holder, _Held(held.row)).extend(held)

    def _count(self, more: int) -> None:
        self._left -= more
        if self._left < 0:
            raise SourceError(
                f"{self._name}: expected at most {MAX_ATTACHED} documents and accounts, got more: split it"
            )


def _attachments(file: BinaryIO, name: str) -> _Attachments:
    attachments = _Attachments(name)
    for row, found in _entities(file):
        if not isinstance(found, str):
            for entity, parent in _walk(found[0]):
                attachments.add(row, entity, parent)
    attachments.resolve()
    return attachments


def _holders(entity: _Entity, parent: _Entity | None) -> list[str]:
    return entity.ids("holder") or ([parent.id] if parent is not None and parent.schema in SUBJECTS else [])


def _record(row: int, entity: _Entity, attachments: _Attachments) -> SourceRecord | None:
    """Return the record of an entity of its own; None for what belongs to another, or is nothing to compare."""
    if entity.schema in DOCUMENTS or entity.schema in ASSETS:
        if entity.id in attachments.owned or _holders(entity, None):
            return None
    elif entity.schema not in SUBJECTS:
        return None
    own = _Held(row, *_values(entity))
    if held := attachments.by_holder.pop(entity.id, None):
        own.extend(held)
    remarks: tuple[str, ...] = ()
    if entity.schema == "Person":
        names, dates = _said(entity, NAMES), _said(entity, ("birthDate",))
        own.values.extend(persons(names, dates))
        remarks = ("names-left-out",) if len(names) * len(dates) > MAX_NAME_VALUES else ()
    shown = display(
        name=next(iter(_said(entity, ("name",))), entity.caption),
        schema=entity.schema,
        born=", ".join(_said(entity, ("birthDate",))),
        country=", ".join(_said(entity, PERSONS_COUNTRIES + COUNTRIES)),
    )
    return SourceRecord(row, entity.id, shown, own.values, own.rejected, remarks)


def _said(entity: _Entity, names: tuple[str, ...]) -> list[str]:
    """What an entity says under these properties, each once."""
    return list(dict.fromkeys(text for name in names for text in entity.values.get(name, [])))


def _values(entity: _Entity) -> tuple[list[RawValue], list[tuple[str, str]]]:
    """Return the identifiers of one entity, and the kinds of those that it does not say what they are."""
    properties = {**SUBJECTS, **DOCUMENTS, **ASSETS}[entity.schema]
    country = _country(entity, PERSONS_COUNTRIES if entity.schema == "Person" else COUNTRIES)
    values: list[RawValue] = []
    rejected: list[tuple[str, str]] = []
    for name, kind in properties.items():
        for number in entity.values.get(name, []):
            if entity.schema == "Identification":
                kind = _kind_of_document(" ".join(entity.values.get("type", [])))
            if kind == "passport":
                values += passport(country, number)
            elif kind == "":
                rejected.append(("national-id", "other-document"))
            else:
                values.append((kind, (country, number) if kind in WITH_COUNTRY else (number,)))
    if entity.schema in SUBJECTS:
        for name, (kind, state) in ONE_COUNTRY.items():
            values += [(kind, (state, number)) for number in entity.values.get(name, [])]
    return values, rejected


def _kind_of_document(said: str) -> str:
    """The kind of an identification by what it calls itself; empty for another sort of document."""
    if _PASSPORT.search(said):
        return "passport"
    if _TAX.search(said):
        return "tax-id"
    if _OTHER.search(said):
        return ""
    return "national-id" if not said.strip() or _NATIONAL.search(said) else ""


def _country(entity: _Entity, names: tuple[str, ...]) -> str:
    """The only country that an entity names, or nothing."""
    for name in names:
        if said := {FORMER.get(code.lower(), code) for code in entity.values.get(name, [])}:
            return said.pop() if len(said) == 1 else ""
    return ""


def _walk(entity: _Entity, parent: _Entity | None = None) -> Iterator[tuple[_Entity, _Entity | None]]:
    """Yield an entity and all that is nested in it, each with the one around it."""
    yield entity, parent
    for _, nested in entity.nested:
        yield from _walk(nested, entity)


def _entities(file: BinaryIO) -> Iterator[tuple[int, tuple[_Entity, str] | str]]:
    """Yield (line, entity and its realm, or the reason why the line is none)."""
    row = 0
    while line := file.readline(MAX_LINE_BYTES + 1):
        row += 1
        if len(line) > MAX_LINE_BYTES:
            while line and not line.endswith(b"\n"):
                line = file.readline(MAX_LINE_BYTES)
            yield row, "line-too-long"
        elif line.strip():
            try:
                yield row, _parse(line)
            except _BadEntityError as error:
                yield row, str(error)


def _parse(line: bytes) -> tuple[_Entity, str]:
    try:
        text = line.decode("utf-8-sig")
        value = json.loads(text)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError):
        raise _BadEntityError("bad-json") from None
    entity = _entity(value, MAX_DEPTH)
    if not entity.id:
        raise _BadEntityError("no-reference")
    realm = value.get(REALM_COLUMN, "production")
    return entity, realm if isinstance(realm, str) else ""


def _entity(value: Any, depth: int) -> _Entity:
    if not isinstance(value, dict) or not depth:
        raise _BadEntityError("bad-entity")
    entity_id, schema, caption, properties = (value.get(k, "") for k in ("id", "schema", "caption", "properties"))
    if not isinstance(entity_id, str) or not isinstance(schema, str) or not isinstance(properties, dict):
        raise _BadEntityError("bad-entity")
    entity = _Entity(entity_id.strip(), schema, caption if isinstance(caption, str) else "", {})
    if len(entity.id) > MAX_FIELD_CHARACTERS:
        raise _BadEntityError("field-too-long")
    for name, given in properties.items():
        texts = entity.values.setdefault(name, [])
        for item in given if isinstance(given, list) else [given]:
            if isinstance(item, dict):
                entity.nested.append((name, _entity(item, depth - 1)))
            elif isinstance(item, str):
                if len(item) > MAX_FIELD_CHARACTERS:
                    raise _BadEntityError("field-too-long")
                if item.strip():
                    texts.append(item)
    return entity
