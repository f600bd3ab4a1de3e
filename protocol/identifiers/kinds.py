"""The kinds of identifier and the rule of each: raw fields in, canonical bytes out, or a reason.

Canonical bytes are the kind's tag (one byte) and each field with its length (one byte) in front. No canonical value
is a prefix of another, and no two values of one kind or of two kinds share one encoding. Libraries accept or reject
(python-stdnum, pycryptodome); every byte that comes out follows from rules and tables in this package.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from types import MappingProxyType
from typing import Final

import stdnum.exceptions
from stdnum import iban, imo

from protocol.identifiers.countries import resolve
from protocol.identifiers.errors import (
    CheckDigitError,
    NoDigitError,
    PlaceholderError,
    TooLongError,
    TooShortError,
    WrongFormatError,
)
from protocol.identifiers.folding import fold_number
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

_IBAN: Final = re.compile(IBAN_FORM)
_IMO: Final = re.compile(IMO_FORM)


class Strength(StrEnum):
    """What an equal value means. Reasons are in docs/identifiers.md."""

    STRONG = "strong"  # names one document, account, ship or wallet worldwide
    CANDIDATE = "candidate"  # equal values of different things are to be expected


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of identifier.

    Args:
        name: as in mapping files, envelopes and reports.
        tag: first byte of its canonical values.
        fields: what `canonicalize` takes, in order.
        strength: what an equal value means.
    """

    name: str
    tag: int
    fields: tuple[str, ...]
    strength: Strength
    _rule: Callable[..., tuple[bytes, ...]]

    def canonicalize(self, *fields: str) -> bytes:
        """Return the canonical bytes of one raw value.

        Args:
            fields: raw text, one per name in `self.fields`.

        Raises:
            IdentifierError: the value is not one; the code says why, the message never says what.

        Cost: 2 us for numbers, 20 to 50 us for checksums of accounts and wallets.
        """
        return bytes([self.tag]) + b"".join(bytes([len(part)]) + part for part in self._rule(*fields))


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
    if number == number[0] * len(number) or any(filler.startswith(number) for filler in FILLERS):
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


_ALL: Final = (
    Kind("passport", 1, ("country", "number"), Strength.STRONG, _document),
    Kind("passport-number", 2, ("number",), Strength.CANDIDATE, _number_alone),
    Kind("national-id", 3, ("country", "number"), Strength.STRONG, _document),
    Kind("iban", 4, ("number",), Strength.STRONG, _iban),
    Kind("imo", 5, ("number",), Strength.STRONG, _imo),
    Kind("crypto-wallet", 6, ("address",), Strength.STRONG, canonical_address),
)
KINDS: Final = MappingProxyType({kind.name: kind for kind in _ALL})
