"""The kinds of identifier and the rule of each: raw fields in, canonical bytes out, or a reason.

Canonical bytes are the kind's tag (one byte) and each field with its length (one byte) in front. No canonical value
is a prefix of another, and no two values of one kind or of two kinds share one encoding. Libraries accept or reject
(python-stdnum, pycryptodome); every byte that comes out follows from rules and tables in this package.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from types import MappingProxyType
from typing import Final

import stdnum.exceptions
from stdnum import iban, imo, luhn

from protocol.identifiers.countries import resolve
from protocol.identifiers.emails import canonical_email
from protocol.identifiers.errors import (
    CheckDigitError,
    IdentifierError,
    NoDigitError,
    PlaceholderError,
    TooLongError,
    TooShortError,
    WrongFormatError,
)
from protocol.identifiers.folding import fold_number
from protocol.identifiers.names import MAX_KEYS, name_keys
from protocol.identifiers.phones import canonical_phone
from protocol.identifiers.plates import canonical_plate
from protocol.identifiers.wallets import canonical_address

# Shorter numbers tell nobody apart; longer ones are several numbers in one field. ICAO Doc 9303-4 has at most 9
# characters on the line and none beyond 22; the longest national number on the public lists has 30.
MIN_DOCUMENT_CHARACTERS: Final = 4
MAX_DOCUMENT_CHARACTERS: Final = 32
FILLERS: Final = ("0123456789", "1234567890")  # and any beginning of them; and one character repeated
IBAN_FORM: Final = "[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}"  # ISO 13616-1
IBAN_LABEL: Final = "IBAN"  # often written in front; no country has the code IB
IMO_FORM: Final = "[1-9][0-9]{6}"  # IMO resolution A.1117(30)
IMO_LABEL: Final = "IMO"
# 3GPP TS 23.003, section 6.2: type and serial number, then nothing, a check digit, or a software version.
IMEI_FORM: Final = "(?:IMEI(?:SV)?)?([0-9]{14})([0-9]{0,2})"
# Written in front of a tax number by authorities that think of VAT (Council Directive 2006/112/EC, article 215).
TAX_PREFIXES: Final = {"GRC": "EL"}  # where it is not the alpha-2 code


_FILLERS: Final = frozenset(filler[:end] for filler in FILLERS for end in range(1, len(filler) + 1))
_BYTE: Final = tuple(bytes([value]) for value in range(256))
_IBAN: Final = re.compile(IBAN_FORM)
_IMO: Final = re.compile(IMO_FORM)
_IMEI: Final = re.compile(IMEI_FORM)


class Strength(StrEnum):
    """What an equal value means. Reasons are in docs/identifiers.md."""

    STRONG = "strong"  # names one document, account, ship or wallet worldwide
    CANDIDATE = "candidate"  # equal values of different things are to be expected


Rule = Callable[..., Sequence[tuple[bytes, ...]]]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of identifier.

    Args:
        name: as in mapping files, envelopes and reports.
        tag: first byte of its canonical values.
        fields: what `keys` takes, in order.
        strength: what an equal value means.
        max_keys: how many canonical values one raw value can have. One for exact kinds; a kind that several spellings
            of one thing must share has several, and each widens what a list of this kind probes.
    """

    name: str
    tag: int
    fields: tuple[str, ...]
    strength: Strength
    _rule: Rule
    max_keys: int = 1

    def keys(self, *fields: str) -> tuple[bytes, ...]:
        """Return the canonical values of one raw value: distinct, at least one, at most `max_keys`.

        Args:
            fields: raw text, one per name in `self.fields`.

        Raises:
            IdentifierError: the value is not one; the code says why, the message never says what.

        Cost: 2 us for numbers, 4 to 6 us with a check digit, 20 to 50 us for accounts, wallets, and names.
        """
        found = self._rule(*fields)
        return (self._encoded(found[0]),) if len(found) == 1 else tuple(map(self._encoded, found))

    def canonicalize(self, *fields: str) -> bytes:
        """Return the canonical bytes of one raw value of an exact kind; otherwise as `keys`."""
        if self.max_keys != 1:
            raise TypeError(f"expected an exact kind, got {self.name}, which has several keys per value")
        return self._encoded(self._rule(*fields)[0])

    def _encoded(self, parts: tuple[bytes, ...]) -> bytes:
        canonical = _BYTE[self.tag]
        for part in parts:
            canonical += _BYTE[len(part)] + part
        return canonical


def split_canonical(canonical: bytes) -> tuple[bytes, ...]:
    """Return the fields of canonical bytes, for a table of hits that shows them and for tests."""
    fields, position = [], 1
    while position < len(canonical):
        end = position + 1 + canonical[position]
        fields.append(canonical[position + 1 : end])
        position = end
    return tuple(fields)


def _document_number(raw: str) -> bytes:
    number = fold_number(raw)
    if number.isalpha():
        raise NoDigitError("expected a number with at least one digit, got letters alone")
    if len(number) < MIN_DOCUMENT_CHARACTERS:
        raise TooShortError(f"expected at least {MIN_DOCUMENT_CHARACTERS} letters and digits, got {len(number)}")
    if len(number) > MAX_DOCUMENT_CHARACTERS:
        raise TooLongError(f"expected at most {MAX_DOCUMENT_CHARACTERS} letters and digits, got {len(number)}")
    if number in _FILLERS or number == number[0] * len(number):
        raise PlaceholderError("expected a number, got a filler")
    return number.encode("ascii")


def _document(country: str, number: str) -> tuple[bytes, ...]:
    return resolve(country).encode("ascii"), _document_number(number)


def _number_alone(number: str) -> tuple[bytes, ...]:
    return (_document_number(number),)


def _iban(number: str) -> tuple[bytes, ...]:
    account = fold_number(number).removeprefix(IBAN_LABEL)
    if not _IBAN.fullmatch(account):
        raise WrongFormatError("expected two letters, two digits and 11 to 30 letters and digits, got another form")
    # Not the country modules: only four exist, and Belgium's refuses banks that the library does not list.
    _accepted(partial(iban.validate, check_country=False), account)
    return (account.encode("ascii"),)


def _imo(number: str) -> tuple[bytes, ...]:
    ship = fold_number(number).removeprefix(IMO_LABEL)
    if not _IMO.fullmatch(ship):
        raise WrongFormatError("expected seven digits, the first not zero, got another form")
    if ship == ship[0] * len(ship):
        raise PlaceholderError("expected a number, got a filler")
    _accepted(imo.validate, ship)
    return (ship.encode("ascii"),)


def _accepted(validate: Callable[[str], str], value: str) -> None:
    try:
        validate(value)
    except stdnum.exceptions.InvalidChecksum:
        raise CheckDigitError("expected check digits that fit, got others") from None
    except stdnum.exceptions.ValidationError:
        raise WrongFormatError("expected the form of the country, got another") from None


def _tax(country: str, number: str) -> tuple[bytes, ...]:
    code, digits = _document(country, number)
    prefix, rest = digits[:2].decode(), digits[2:]
    if prefix.isalpha() and rest[:1].isdigit() and len(rest) >= MIN_DOCUMENT_CHARACTERS:
        with suppress(IdentifierError):
            if prefix == TAX_PREFIXES.get(code.decode()) or resolve(prefix).encode("ascii") == code:
                return code, rest
    return code, digits


def _imei(number: str) -> tuple[bytes, ...]:
    match = _IMEI.fullmatch(fold_number(number))
    if not match:
        raise WrongFormatError("expected 14 to 16 digits, got another form")
    device, rest = match.groups()
    if device == device[0] * len(device):
        raise PlaceholderError("expected a number, got a filler")
    if len(rest) == 1:
        _accepted(luhn.validate, device + rest)
    return (device.encode("ascii"),)


def _exact(rule: Callable[..., tuple[bytes, ...]]) -> Rule:
    return lambda *fields: (rule(*fields),)


_ALL: Final = (
    Kind("passport", 1, ("country", "number"), Strength.STRONG, _exact(_document)),
    Kind("passport-number", 2, ("number",), Strength.CANDIDATE, _exact(_number_alone)),
    Kind("national-id", 3, ("country", "number"), Strength.STRONG, _exact(_document)),
    Kind("iban", 4, ("number",), Strength.STRONG, _exact(_iban)),
    Kind("imo", 5, ("number",), Strength.STRONG, _exact(_imo)),
    Kind("crypto-wallet", 6, ("address",), Strength.STRONG, _exact(canonical_address)),
    Kind("tax-id", 7, ("country", "number"), Strength.STRONG, _exact(_tax)),
    Kind("phone", 8, ("country", "number"), Strength.CANDIDATE, _exact(canonical_phone)),
    Kind("e-mail", 9, ("address",), Strength.STRONG, _exact(canonical_email)),
    Kind("vehicle-plate", 10, ("country", "plate"), Strength.CANDIDATE, _exact(canonical_plate)),
    Kind("imei", 11, ("number",), Strength.STRONG, _exact(_imei)),
    Kind("name-dob", 12, ("name", "date"), Strength.CANDIDATE, name_keys, MAX_KEYS),
)
KINDS: Final = MappingProxyType({kind.name: kind for kind in _ALL})
