# ruff: noqa: RUF001
"""Vehicle plates: letters that look alike in three alphabets are one letter, since readers and clerks write either.

Plates for international traffic use letters that exist in Latin (Vienna Convention on Road Traffic, annex 2); Cyrillic
and Greek plates are made of look-alikes for that reason. A Saudi plate shows each Arabic letter with its Latin one.
"""

from __future__ import annotations

from typing import Final

from protocol.identifiers.countries import resolve
from protocol.identifiers.errors import NoDigitError, PlaceholderError, TooLongError, TooShortError
from protocol.identifiers.folding import ASCII, COMBINING, NAME_LETTERS, fold_number

LOOK_ALIKES: Final = {
    "АаӐӑΑα": "A", "ВвΒβ": "B", "Сс": "C", "ЕеЁёΕε": "E", "НнΗη": "H", "ІіЇїΙι": "I", "ЈјЙй": "J", "КкΚκ": "K",
    "МмΜμ": "M", "Νν": "N", "ОоΟο": "O", "РрΡρ": "P", "ТтΤτ": "T", "УуΥυ": "Y", "ХхΧχ": "X", "Ζζ": "Z",
}  # fmt: skip
# The letters of Saudi plates and the Latin ones beside them (Saudi standard plate, 2007); Egypt's plates use others.
SAUDI_LETTERS: Final = {
    "ا": "A", "أ": "A", "ب": "B", "ح": "J", "د": "D", "ر": "R", "س": "S", "ص": "X", "ط": "T", "ع": "E", "ق": "G",
    "ك": "K", "ل": "L", "م": "Z", "ن": "N", "ه": "H", "و": "U", "ى": "V", "ي": "V",
}  # fmt: skip
# Written behind the number of a Russian plate, from the plate's own right-hand field.
COUNTRY_MARKS: Final = {"RUS": "RUS"}
MIN_PLATE_CHARACTERS: Final = 3
MAX_PLATE_CHARACTERS: Final = 12

_LETTERS: Final[dict[int, str | None]] = {
    **ASCII,
    **{ord(letter): to for letters, to in LOOK_ALIKES.items() for letter in letters},
    **{ord(letter): to for to, letters in NAME_LETTERS.items() for letter in letters},  # Ü on a German plate
    **dict.fromkeys(map(ord, COMBINING)),
}
_SAUDI: Final = {ord(letter): to for letter, to in SAUDI_LETTERS.items()}


def canonical_plate(country: str, plate: str) -> tuple[bytes, ...]:
    """Return the issuing country and the plate's letters A-Z and digits.

    Raises:
        IdentifierError: no plate.
    """
    code = resolve(country)
    number = fold_number((plate.translate(_SAUDI) if code == "SAU" else plate).translate(_LETTERS))
    number = number.removesuffix(COUNTRY_MARKS.get(code, ""))
    if len(number) < MIN_PLATE_CHARACTERS:
        raise TooShortError(f"expected at least {MIN_PLATE_CHARACTERS} letters and digits, got {len(number)}")
    if len(number) > MAX_PLATE_CHARACTERS:
        raise TooLongError(f"expected at most {MAX_PLATE_CHARACTERS} letters and digits, got {len(number)}")
    if not any(map(str.isdigit, number)):
        raise NoDigitError("expected a plate with at least one digit, got letters alone")
    if set(number) == {"0"}:
        raise PlaceholderError("expected a plate, got a filler")
    return code.encode("ascii"), number.encode("ascii")
