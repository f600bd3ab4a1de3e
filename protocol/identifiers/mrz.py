"""The machine-readable zone of a travel document (ICAO Doc 9303, parts 3 to 6), as a source of several kinds.

Every check digit must fit, else the zone is refused: an optical reading mistake would otherwise become an identifier.
A two-digit year of birth is the latest one that is not after the expiry; without an expiry there is no date, since
the zone alone cannot tell a centenarian from a child.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from protocol.identifiers.errors import CheckDigitError, UnsupportedCharacterError, WrongFormatError
from protocol.identifiers.folding import ASCII, BLANKS, INVISIBLE

MRZ: Final = "mrz"  # as mapping files name it; it is no kind, no list on the wire is made of zones
WEIGHTS: Final = (7, 3, 1)  # Doc 9303-3, section 4.9
VALUES: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"  # "<" is 0
FILLER: Final = "<"
# Doc 9303-5, 9303-6, 9303-4: sides of lines; a zone is told by them alone.
TD1_LINES: Final = (30, 30, 30)
TD2_LINES: Final = (36, 36)
TD3_LINES: Final = (44, 44)
FIRST_EXPIRY_YEAR: Final = 80  # the first edition of Doc 9303 is of 1980; 99 also stands for "permanent" (Spain)
# Issuing states that the zone may write otherwise than ISO 3166-1 (Doc 9303-3, section 5).
ISSUERS: Final = {"D": "DEU"}

_ZONE: Final = re.compile(r"[A-Z0-9<]+")
_SPACING: Final[dict[int, str | None]] = {**ASCII, **dict.fromkeys(map(ord, BLANKS + INVISIBLE))}

RawValue = tuple[str, tuple[str, ...]]  # kind, raw fields in the order of the kind


@dataclass(frozen=True, slots=True)
class _Zone:
    """The fields of a zone as it shows them, checked."""

    document: str
    issuer: str
    number: str
    personal_number: str
    birth: str
    expiry: str
    names: str


def read_mrz(raw: str) -> list[RawValue]:
    """Return what a zone holds as raw values of kinds: the document, and its holder's name with the date of birth.

    Args:
        raw: two or three lines, with or without line ends between them.

    Returns:
        passport and passport-number of a passport (TD3, or a passport card); national-id of another card, and of the
        personal number if the document carries one; name-dob if the date of birth is complete to the year.

    Raises:
        WrongFormatError, UnsupportedCharacterError, CheckDigitError: no zone, or one that was read or typed wrongly.
    """
    text = raw.translate(_SPACING).upper()
    if not _ZONE.fullmatch(text):
        raise UnsupportedCharacterError("expected A-Z, digits and < in a machine-readable zone, got another character")
    if len(text) == sum(TD3_LINES):
        zone = _two_lines(text, TD3_LINES[0])
    elif len(text) == sum(TD2_LINES):
        zone = _two_lines(text, TD2_LINES[0])
    elif len(text) == sum(TD1_LINES):
        zone = _three_lines(text)
    else:
        raise WrongFormatError(f"expected 88, 72 or 90 characters (TD3, TD2, TD1), got {len(text)}")
    if zone.document[0] not in "PIAC":
        raise WrongFormatError("expected a passport or an identity card, got another document, such as a visa")
    return _values(zone)


def _two_lines(text: str, width: int) -> _Zone:
    """TD2 (Doc 9303-6, section 4.2.2) and TD3 (Doc 9303-4, section 4.2.2)."""
    first, second = text[:width], text[width:]
    number, optional = second[:9], second[28:35] if width == TD2_LINES[0] else ""
    _check(second[13:19], second[19])
    _check(second[21:27], second[27])
    if width == TD3_LINES[0]:
        _check(number, second[9])
        personal = second[28:42]
        if personal.strip(FILLER) or second[42] != FILLER:  # the one digit that may be left out with its field
            _check(personal, second[42])
        _check(second[:10] + second[13:20] + second[21:43], second[43])
    else:
        personal = ""
        number = _long_number(number, second[9], optional)
        _check(second[:10] + second[13:20] + second[21:35], second[35])
    return _Zone(first[:2], first[2:5], number, personal, second[13:19], second[21:27], first[5:])


def _three_lines(text: str) -> _Zone:
    """TD1 (Doc 9303-5, section 4.2.2)."""
    first, second, names = text[:30], text[30:60], text[60:]
    _check(second[:6], second[6])
    _check(second[8:14], second[14])
    number = _long_number(first[5:14], first[14], first[15:30])
    _check(first[5:30] + second[:7] + second[8:15] + second[18:29], second[29])
    return _Zone(first[:2], first[2:5], number, "", second[:6], second[8:14], names)


def _long_number(number: str, check: str, optional: str) -> str:
    """A number of more than nine characters goes on in the optional field, with its check digit behind it."""
    if check == FILLER and (rest := optional.partition(FILLER)[0]):
        number, check = number + rest[:-1], rest[-1]
    _check(number, check)
    return number


def _check(field: str, digit: str) -> None:
    total = sum(VALUES.find(character) % 36 * WEIGHTS[i % 3] for i, character in enumerate(field.replace(FILLER, "0")))
    if digit.replace(FILLER, "0") != str(total % 10):
        raise CheckDigitError("expected the check digits of a machine-readable zone that fit, got others")


def _values(zone: _Zone) -> list[RawValue]:
    issuer = zone.issuer.strip(FILLER)
    country, number = ISSUERS.get(issuer, issuer), zone.number.strip(FILLER)
    values: list[RawValue] = []
    if zone.document[0] == "P":
        values += [("passport", (country, number)), ("passport-number", (number,))]
    else:
        values.append(("national-id", (country, number)))
    if personal := zone.personal_number.strip(FILLER):
        values.append(("national-id", (country, personal)))
    if (date := _birth(zone.birth, zone.expiry)) and (name := _name(zone.names)):
        values.append(("name-dob", (name, date)))
    return values


def _birth(birth: str, expiry: str) -> str:
    """YYMMDD with "<" for unknown parts (Doc 9303-3, section 4.8) as an ISO date, complete as far as it is known."""
    year, month, day = birth[:2], birth[2:4], birth[4:]
    if not year.isdigit() or not expiry[:2].isdigit():
        return ""
    century = 20 if int(expiry[:2]) < FIRST_EXPIRY_YEAR else 19
    date = f"{century - (year > expiry[:2])}{year}"
    if month.isdigit() and month != "00":
        date += "-" + month
        if day.isdigit() and day != "00":
            date += "-" + day
    return date


def _name(names: str) -> str:
    """Surname and given names; the last part is left out where the field may have cut it."""
    words = names.strip(FILLER).replace(FILLER * 2, ", ").replace(FILLER, " ")
    return words if names.endswith(FILLER) else words.rpartition(" ")[0]
