"""Dates of birth as authorities write them: exact, to the month, to the year, about a year, between two years.

There is no clock here and no calendar but the Gregorian: a year that only another calendar knows is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from protocol.identifiers.errors import DateError, EmptyValueError
from protocol.identifiers.folding import ASCII, BLANKS, DASHES, DIGIT_ZEROS, INVISIBLE, MAX_RAW_CHARACTERS

FIRST_YEAR: Final = 1850
LAST_YEAR: Final = 2099
MAX_YEARS: Final = 5  # of one value; a wider range says too little and would ask too much
ABOUT_YEARS: Final = 1  # "circa 1961" is 1960 to 1962
# Month names by number, in the languages of the public lists: English, French, Spanish, German, Russian, Arabic
# (Levantine and Egyptian). A word counts if it begins with one of these and goes on with letters alone.
MONTHS: Final = (
    "jan|ene|янв|يناير|كانونالثاني",
    "feb|fev|fév|фев|فبراير|شباط",
    "mar|mär|мар|مارس|اذار|آذار",
    "apr|avr|abr|апр|ابريل|أبريل|نيسان",
    "may|mai|май|мая|مايو|ايار|أيار",
    "jun|juin|июн|يونيو|حزيران",
    "jul|juil|июл|يوليو|تموز",
    "aug|aou|aoû|ago|авг|اغسطس|أغسطس|اب|آب",
    "sep|set|сен|سبتمبر|ايلول|أيلول",
    "oct|okt|окт|اكتوبر|أكتوبر|تشرينالاول|تشرينالأول",
    "nov|ноя|نوفمبر|تشرينالثاني",
    "dec|déc|dic|dez|дек|ديسمبر|كانونالاول|كانونالأول",
)
ABOUT: Final = "circa|ca|c|approximately|approx|about|around|environ|около|حوالي"
BETWEEN: Final = "between|from|entre|de|между"
UNTIL: Final = "to|and|until|or|et|a|à|y|и|по|-"

_YEAR: Final = "([0-9]{4})"
_ISO: Final = re.compile(rf"{_YEAR}(-?)([0-9]{{2}})\2([0-9]{{2}})(?:[t ]00:00:00.*|z|[-+][0-9]{{2}}:[0-9]{{2}})?")
_YEAR_FIRST: Final = re.compile(rf"{_YEAR}[-/. ]([0-9]{{1,2}})[-/. ]([0-9]{{1,2}})")
_YEAR_LAST: Final = re.compile(rf"([0-9]{{1,2}})[-/. ]([0-9]{{1,2}})[-/. ]{_YEAR}")
_MONTH: Final = re.compile(rf"{_YEAR}[-/. ]([0-9]{{1,2}})|([0-9]{{1,2}})[-/. ]{_YEAR}")
_NAMED: Final = re.compile(
    rf"(?:([0-9]{{1,2}})(?:st|nd|rd|th|er|º)?[-/. ]*(?:de )?)?([^\W\d]+)\.?[-/. ,]*(?:de )?{_YEAR}"
)
_NAMED_FIRST: Final = re.compile(rf"([^\W\d]+)\.? ([0-9]{{1,2}})(?:st|nd|rd|th)?,? {_YEAR}")
# In front of a year whose day and month are not to be trusted, or that only bounds a range.
_DAY_AND_MONTH: Final = r"(?:(?:[0-9]{1,2} )?[^\W\d]{3,} )?"
_ABOUT: Final = re.compile(rf"(?:{ABOUT})\.? ?{_DAY_AND_MONTH}{_YEAR}")
_BETWEEN: Final = re.compile(rf"(?:(?:{BETWEEN}) )?{_DAY_AND_MONTH}{_YEAR} ?(?:{UNTIL}) ?{_DAY_AND_MONTH}{_YEAR}")
_ONLY_YEAR: Final = re.compile(_YEAR)
_MONTHS: Final = tuple(re.compile(rf"(?:{names})[^\W\d]*") for names in MONTHS)
_DAYS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

_FOLDED: Final[dict[int, str | None]] = {
    **ASCII,
    **dict.fromkeys(map(ord, BLANKS), " "),
    **dict.fromkeys(map(ord, INVISIBLE)),
    **dict.fromkeys(map(ord, DASHES), "-"),
    **{ord(zero) + digit: str(digit) for zero in DIGIT_ZEROS for digit in range(10)},
}


@dataclass(frozen=True, slots=True)
class Birth:
    """What is known of a date: the years that it may lie in, and month and day if they are known, else 0.

    `month` is known only beside a single year, and `day` only beside a month. Which of two numbers of at most twelve
    is the month nobody can tell from the value: `month` is the smaller one.
    """

    years: tuple[int, ...]
    month: int = 0
    day: int = 0


def parse_birth(raw: str) -> Birth:
    """Return what a written date of birth says.

    Raises:
        EmptyValueError: nothing. DateError: not a date, an impossible one, or a range of more than MAX_YEARS.
    """
    text = " ".join(raw[:MAX_RAW_CHARACTERS].translate(_FOLDED).lower().split())
    if not text:
        raise EmptyValueError("expected a date of birth, got nothing")
    if match := _ISO.fullmatch(text):
        return _exact(int(match[1]), int(match[3]), int(match[4]))
    if match := _YEAR_FIRST.fullmatch(text):
        return _exact(*map(int, match.groups()))
    if match := _YEAR_LAST.fullmatch(text):
        first, second, year = map(int, match.groups())
        return _exact(year, first, second) if second > len(_DAYS) else _exact(year, second, first)
    if match := _NAMED_FIRST.fullmatch(text):
        return _exact(int(match[3]), _month(match[1]), int(match[2]))
    if match := _ONLY_YEAR.fullmatch(text):
        return _years(int(match[1]), int(match[1]))
    if match := _MONTH.fullmatch(text):
        return _exact(int(match[1] or match[4]), int(match[2] or match[3]), 0)
    if match := _BETWEEN.fullmatch(text):
        return _years(int(match[1]), int(match[2]))
    if match := _ABOUT.fullmatch(text):
        return _years(int(match[1]) - ABOUT_YEARS, int(match[1]) + ABOUT_YEARS)
    if match := _NAMED.fullmatch(text):
        return _exact(int(match[3]), _month(match[2]), int(match[1] or 0))
    raise DateError("expected a date of birth, a year, or a range of years, got another form")


def _month(name: str) -> int:
    for number, names in enumerate(_MONTHS, 1):
        if names.fullmatch(name):
            return number
    raise DateError("expected the name of a month, got another word")


def _years(first: int, last: int) -> Birth:
    if not FIRST_YEAR <= first <= last <= LAST_YEAR:
        raise DateError(f"expected years from {FIRST_YEAR} to {LAST_YEAR} in order, got others")
    if last - first >= MAX_YEARS:
        raise DateError(f"expected a range of at most {MAX_YEARS} years, got {last - first + 1}")
    return Birth(tuple(range(first, last + 1)))


def _exact(year: int, month: int, day: int) -> Birth:
    birth = _years(year, year)
    if month == 0 or day == 0:
        if month > len(_DAYS) or day > max(_DAYS):
            raise DateError("expected a month and a day of the calendar, got others")
        return Birth(birth.years, month)
    if month > len(_DAYS) >= day:
        month, day = day, month
    if month > len(_DAYS) or day > _DAYS[month - 1]:
        raise DateError("expected a month and a day of the calendar, got others")
    return Birth(birth.years, min(month, day), max(month, day))
