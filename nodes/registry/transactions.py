"""Transactions: what the cells of a row say about money, read exactly or not at all.

An amount becomes whole minor units of its currency: no binary fraction, no rounding, no guess about separators. A row
whose transaction cannot be read keeps its record and identifiers, and the report of the import counts why.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Final

from nodes.fields import NAME
from nodes.registry.currencies import DECIMAL_PLACES
from protocol.identifiers import IdentifierError
from protocol.identifiers.countries import resolve

MAX_AMOUNT: Final = 10**17  # minor units of one transaction: far above any payment, far below 2^63
WORD_COLUMNS: Final = ("currency", "corridor", "offence")  # hold one word of a few
ORDERED_COLUMNS: Final = ("amount", "date")
MAX_AMOUNT_CHARACTERS: Final = 40

_AMOUNT: Final = re.compile(r"([+-]?)([0-9]+)(?:\.([0-9]+))?")
_DATE: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ].*)?")  # ISO 8601; the time of day is dropped


@dataclass(frozen=True, slots=True)
class RawTransaction:
    """The cells of a row; empty where the mapping or the row has none. The decimal mark is a point."""

    amount: str = ""
    currency: str = ""
    from_country: str = ""
    to_country: str = ""
    offence: str = ""
    date: str = ""


@dataclass(frozen=True, slots=True)
class Transaction:
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


def read_transaction(raw: RawTransaction) -> Transaction | str:
    """Return the transaction, or the reason why it cannot be read, in kebab-case."""
    currency, amount = raw.currency.strip().upper(), raw.amount.strip()
    if amount and currency not in DECIMAL_PLACES:
        return "unknown-currency" if currency else "no-currency"
    minor_units = read_amount(amount, DECIMAL_PLACES[currency]) if amount else 0
    if isinstance(minor_units, str):
        return minor_units
    try:
        corridor = _corridor(raw.from_country.strip(), raw.to_country.strip())
    except IdentifierError as error:
        return error.code
    offence = raw.offence.strip()
    if offence and not NAME.fullmatch(offence):
        return "bad-offence"
    try:
        day = read_day(raw.date.strip()) if raw.date.strip() else 0
    except ValueError:
        return "bad-date"
    return Transaction(minor_units, currency if amount else "", corridor, offence, day)


def read_amount(text: str, decimal_places: int) -> int | str:
    """Return whole minor units, or the reason why there are none.

    Args:
        text: digits with at most one decimal point and a sign; no thousands separators, which differ from land to land.
        decimal_places: of the currency; digits beyond them must be zeros, as databases pad them.
    """
    match = _AMOUNT.fullmatch(text) if len(text) <= MAX_AMOUNT_CHARACTERS else None
    if match is None:
        return "bad-amount"
    sign, whole, fraction = match[1], match[2], match[3] or ""
    if fraction[decimal_places:].strip("0"):
        return "amount-too-precise"
    minor_units = int(whole + fraction[:decimal_places].ljust(decimal_places, "0"))
    if minor_units > MAX_AMOUNT:
        return "amount-too-large"
    return -minor_units if sign == "-" else minor_units


def read_day(text: str) -> int:
    """Return the ordinal of an ISO 8601 date, whose time of day is dropped. Raises ValueError."""
    match = _DATE.fullmatch(text)
    if match is None:
        raise ValueError("expected a date such as 2026-01-31, got other text")
    return date.fromisoformat(match[1]).toordinal()


def _corridor(origin: str, destination: str) -> str:
    return f"{resolve(origin)}-{resolve(destination)}" if origin or destination else ""
