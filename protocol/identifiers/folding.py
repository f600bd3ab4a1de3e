"""Frozen text folding. Unicode normalization follows the Unicode version of the running Python; these tables do not.

A character is mapped by the tables below or it is refused, so that two nodes can never fold one value differently.
"""

from __future__ import annotations

from typing import Final

from protocol.identifiers.errors import EmptyValueError, MaskedError, UnsupportedCharacterError

ASCII_LETTERS_AND_DIGITS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
# Blanks of every width, and marks without width that copying from web pages and right-to-left text leaves behind.
BLANKS: Final = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
INVISIBLE: Final = (
    "\xad\u061c\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)
DASHES: Final = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe63"
QUOTES: Final = "'\"`\u2018\u2019\u201c\u201d\xb4"
# Between the groups of a document number; "<" is the filler of the machine-readable zone (ICAO Doc 9303-3, 4.2).
GROUPING: Final = "./\\()[]#:<\xb7\xb0\xba\u2116"
MASKS: Final = "_*?\u2022\ufffd"  # an illegible or hidden character
DIGIT_ZEROS: Final = "\u0660\u06f0\uff10"  # Arabic-Indic, extended Arabic-Indic and full-width digits: ten from here
FULL_WIDTH: Final = "\uff21\uff41"  # full-width letters A-Z, a-z: twenty-six from here
MAX_RAW_CHARACTERS: Final = 256  # of one raw value; far above any identifier
# At the bottom of every table: what a table lacks stays as it is too, but costs `translate` an exception inside.
ASCII: Final = {code: chr(code) for code in range(128)}

# Latin letters in country names -> ASCII. Also used for nothing else: in a number an accent is refused.
NAME_LETTERS: Final = {
    "A": "ÀÁÂÃÄÅĀĂĄàáâãäåāăą",
    "AE": "Ææ",
    "C": "ÇĆĈĊČçćĉċč",
    "D": "ĎĐÐďđð",
    "E": "ÈÉÊËĒĔĖĘĚèéêëēĕėęě",
    "G": "ĜĞĠĢĝğġģ",
    "H": "ĤĦĥħ",
    "I": "ÌÍÎÏĨĪĬĮİìíîïĩīĭįı",
    "J": "Ĵĵ",
    "K": "Ķķ",
    "L": "ĹĻĽŁĺļľł",
    "N": "ÑŃŅŇñńņň",
    "O": "ÒÓÔÕÖØŌŎŐòóôõöøōŏő",
    "OE": "Œœ",
    "R": "ŔŖŘŕŗř",
    "S": "ŚŜŞŠȘśŝşšș",
    "SS": "ß",
    "T": "ŢŤŦȚţťŧț",
    "TH": "Þþ",
    "U": "ÙÚÛÜŨŪŬŮŰŲùúûüũūŭůűų",
    "W": "Ŵŵ",
    "Y": "ÝŶŸýÿŷ",
    "Z": "ŹŻŽźżž",
}
COMBINING: Final = "".join(map(chr, range(0x300, 0x370)))  # accents written after their letter
NAME_BLANKS: Final = BLANKS + DASHES + "()[],;:/\\"
NAME_DROPPED: Final = INVISIBLE + QUOTES + COMBINING + "."


def _upper_case() -> dict[int, str]:
    table = {ord(letter.lower()): letter for letter in ASCII_LETTERS_AND_DIGITS[:26]}
    for zero in DIGIT_ZEROS:
        table.update({ord(zero) + i: str(i) for i in range(10)})
    for first in FULL_WIDTH:
        table.update({ord(first) + i: letter for i, letter in enumerate(ASCII_LETTERS_AND_DIGITS[:26])})
    return table


_SEPARATORS: Final = BLANKS + INVISIBLE + DASHES + QUOTES + GROUPING
_NUMBER: Final[dict[int, str | None]] = {
    **ASCII,
    **_upper_case(),
    **dict.fromkeys(map(ord, _SEPARATORS)),
}
_SPACING: Final[dict[int, str | None]] = {**ASCII, **dict.fromkeys(map(ord, BLANKS + INVISIBLE))}
_NAME: Final[dict[int, str | None]] = {
    **ASCII,
    **_upper_case(),
    **{ord(letter): to for to, letters in NAME_LETTERS.items() for letter in letters},
    **dict.fromkeys(map(ord, NAME_BLANKS), " "),
    **dict.fromkeys(map(ord, NAME_DROPPED)),
    ord("&"): " AND ",
}


def fold_number(raw: str) -> str:
    """Return the letters A-Z and digits of a written number, in order, without its separators.

    Raises:
        EmptyValueError, MaskedError, UnsupportedCharacterError: what the value holds instead.

    Cost: about a microsecond.
    """
    if len(raw) > MAX_RAW_CHARACTERS:
        raise UnsupportedCharacterError(f"expected at most {MAX_RAW_CHARACTERS} characters, got {len(raw)}")
    folded = raw.translate(_NUMBER)
    if folded.isascii() and folded.isalnum():
        return folded
    if not folded:
        raise EmptyValueError("expected a number, got nothing but separators")
    if any(mark in folded for mark in MASKS):
        raise MaskedError("expected every character of the number, got a mark for an unknown one")
    raise UnsupportedCharacterError("expected letters A-Z, digits and separators, got another character")


def drop_spacing(raw: str) -> str:
    """Return a case-sensitive value without blanks and invisible marks; everything else stays.

    Raises:
        UnsupportedCharacterError: too long. EmptyValueError: nothing is left.
    """
    if len(raw) > MAX_RAW_CHARACTERS:
        raise UnsupportedCharacterError(f"expected at most {MAX_RAW_CHARACTERS} characters, got {len(raw)}")
    if not (text := raw.translate(_SPACING)):
        raise EmptyValueError("expected a value, got nothing but blanks")
    return text


def name_key(raw: str) -> str:
    """Return the key under which a country name is looked up: A-Z and single blanks, no article in front.

    Characters without a mapping stay, and no table entry holds one, so that such a name is unknown.
    """
    return " ".join(raw[:MAX_RAW_CHARACTERS].translate(_NAME).split()).removeprefix("THE ")
