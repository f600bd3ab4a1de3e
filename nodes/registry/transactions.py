"""Transactions: what the cells of a row say about money, read exactly or not at all.

An amount becomes whole minor units of its currency: no binary fraction, no rounding, no guess about separators. A row
whose transaction cannot be read keeps its record and identifiers, and the report of the import counts why.
"""

from __future__ import annotations

import datetime
import re
from functools import lru_cache
from typing import Final, NamedTuple

from nodes.fields import NAME
from nodes.registry.currencies import DECIMAL_PLACES
from protocol.identifiers import IdentifierError
from protocol.identifiers.countries import resolve

MAX_AMOUNT: Final = 10**17  # minor units of one transaction: far above any payment, far below 2^63
WORD_COLUMNS: Final = ("currency", "corridor", "offence")  # hold one word of a few
ORDERED_COLUMNS: Final = ("amount", "date")
MAX_AMOUNT_CHARACTERS: Final = 40
REMEMBERED: Final = 512  # words and dates of each column: a file says the same few again and again

_EXAMPLES: Final = {"currency": "EUR", "corridor": "DEU-TUR", "offence": "fraud"}
_AMOUNT: Final = re.compile(r"([+-]?)([0-9]+)(?:\.([0-9]+))?")
_DATE: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ].*)?")  # ISO 8601; the time of day is dropped


class Transaction(NamedTuple):
    """What a record says about money; zero or empty where it says nothing.

    Args:
        amount: minor units of `currency`; counts only where there is a currency.
        corridor: alpha-3 codes of the countries from and to, such as "DEU-TUR".
        offence: offence category, as the agencies agreed to write it.
        day: proleptic Gregorian ordinal, 1 for 0001-01-01.
    """

    amount: int = 0
    currency: str = ""
    corridor: str = ""
    offence: str = ""
    day: int = 0


class _UnreadableError(Exception):
    """A word or a date that is none; what is raised is not remembered."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def read_transaction(
    amount: str = "",
    currency: str = "",
    from_country: str = "",
    to_country: str = "",
    offence: str = "",
    date: str = "",
) -> Transaction | str:
    """Return what the cells of a row say, or the reason why they cannot be read, in kebab-case.

    Args: the cells, each empty where the mapping or the row has none. The decimal mark is a point.

    Cost: under 2 us. Words and dates are remembered; they come back with every row.
    """
    try:
        currency = _currency(currency) if (amount := amount.strip()) else ""
        minor_units = read_amount(amount, DECIMAL_PLACES[currency]) if amount else 0
        if isinstance(minor_units, str):
            return minor_units
        return Transaction(minor_units, currency, _corridor(from_country, to_country), _offence(offence), _day(date))
    except _UnreadableError as error:
        return error.reason
    except IdentifierError as error:
        return error.code


def read_amount(text: str, decimal_places: int) -> int | str:
    """Return whole minor units, or the reason why there are none.

    Args:
        text: digits with at most one decimal point and a sign; no thousands separators, which differ from land to land.
        decimal_places: of the currency; digits beyond them must be zeros, as databases pad them.
    """
    match = _AMOUNT.fullmatch(text) if len(text) <= MAX_AMOUNT_CHARACTERS else None
    if match is None:
        return "bad-amount"
    sign, whole, fraction = match.groups("")
    if len(fraction) != decimal_places:
        if fraction[decimal_places:].strip("0"):
            return "amount-too-precise"
        fraction = fraction[:decimal_places].ljust(decimal_places, "0")
    minor_units = int(whole + fraction)
    if minor_units > MAX_AMOUNT:
        return "amount-too-large"
    return -minor_units if sign == "-" else minor_units


def read_day(text: str) -> int:
    """Return the ordinal of an ISO 8601 date, whose time of day is dropped. Raises ValueError."""
    match = _DATE.fullmatch(text)
    if match is None:
        raise ValueError("expected a date such as 2026-01-31, got other text")
    return datetime.date.fromisoformat(match[1]).toordinal()


def check_word(column: str, word: str) -> None:
    """See that a column of words can hold this one, written as records have it. Raises ValueError."""
    try:
        if column == "currency":
            held = _currency(word)
        elif column == "corridor":
            held = _corridor(*word.split("-", 1)) if "-" in word else ""
        else:
            held = _offence(word)
    except (_UnreadableError, IdentifierError):
        held = ""
    if not word or held != word:
        raise ValueError(f"expected each {column} as records have it, such as {_EXAMPLES[column]}, got another word")


@lru_cache(REMEMBERED)
def _currency(text: str) -> str:
    currency = text.strip().upper()
    if currency not in DECIMAL_PLACES:
        raise _UnreadableError("unknown-currency" if currency else "no-currency")
    return currency


@lru_cache(REMEMBERED)
def _corridor(origin: str, destination: str) -> str:
    origin, destination = origin.strip(), destination.strip()
    return f"{resolve(origin)}-{resolve(destination)}" if origin or destination else ""


@lru_cache(REMEMBERED)
def _offence(text: str) -> str:
    offence = text.strip()
    if offence and not NAME.fullmatch(offence):
        raise _UnreadableError("bad-offence")
    return offence


@lru_cache(REMEMBERED)
def _day(text: str) -> int:
    try:
        return read_day(stripped) if (stripped := text.strip()) else 0
    except ValueError:
        raise _UnreadableError("bad-date") from None
