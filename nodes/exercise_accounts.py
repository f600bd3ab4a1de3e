"""Synthetic accounts and their transactions, with known totals over the accounts that agencies share.

Each agency has transactions of its own over its accounts, in several currencies, corridors and offence categories; one
of the corridors is rare, so that an answer has something to suppress. Every 16th pair of accounts has one owner. A
shared account has the same number at every agency, written in its agency's manner.

The same seed and sizes give the same bytes on any machine. No real account is in it.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from nodes.errors import StorageError
from nodes.exercise import BANKS, MAX_AGENCIES, REALM, ExerciseError, ExerciseFiles, Permutation, iban
from nodes.registry.currencies import DECIMAL_PLACES
from nodes.registry.table import REALM_COLUMN

MAX_ACCOUNTS: Final = 5_000_000
MOST_TRANSACTIONS: Final = 4  # of one account at one agency; at least one
ONE_OWNER: Final = 16  # every so many pairs of accounts
REVERSALS: Final = 16  # of 256: amounts below zero
COLUMNS: Final = (
    "reference", "owner", "iban", "amount", "currency", "from_country", "to_country", "offence", "booked_on",
    REALM_COLUMN,
)  # fmt: skip
TRUTH_COLUMNS: Final = ("agency", "currency", "category", "value", "accounts", "minor_units")
# With their shares of 256.
CURRENCIES: Final = (("EUR", 128), ("USD", 96), ("JPY", 32))
CORRIDORS: Final = (  # from and to, as one agency writes them, and as another does
    ("DEU", "Germany", "TUR", "Turkey", 100),
    ("TUR", "Turkey", "DEU", "Germany", 60),
    ("GBR", "United Kingdom", "ARE", "United Arab Emirates", 60),
    ("ARE", "United Arab Emirates", "LBN", "Lebanon", 34),
    ("FRA", "France", "MMR", "Burma", 2),
)
OFFENCES: Final = (("fraud", 110), ("drug-trafficking", 80), ("sanctions-evasion", 50), ("corruption", 16))

_CURRENCY_OF: Final = tuple(currency for currency, share in CURRENCIES for _ in range(share))
_CORRIDOR_OF: Final = tuple(corridor for *corridor, share in CORRIDORS for _ in range(share))
_OFFENCE_OF: Final = tuple(offence for offence, share in OFFENCES for _ in range(share))

_MAPPING: Final = f"""\
# Written by `accord exercise accounts`. For exercise nodes only.
realm = "{REALM}"
delimiter = "{{delimiter}}"
reference = "reference"
person = "owner"

[[identifier]]
kind = "iban"
number = "iban"

[transaction]
amount = "amount"
decimal = "{{decimal}}"
currency = "currency"
from_country = "from_country"
to_country = "to_country"
offence = "offence"
date = "booked_on"
"""


@dataclass(frozen=True, slots=True)
class AccountsSummary:
    """What was made: the files of each agency, and the truth about what moved over shared accounts."""

    agencies: tuple[ExerciseFiles, ...]
    truth: Path


@dataclass(frozen=True, slots=True)
class _Transaction:
    minor_units: int
    currency: str
    corridor: list[str]  # as CORRIDORS has it
    offence: str
    day: str


class _Accounts:
    """Every account in one exercise, by number, and its transactions at each agency."""

    def __init__(self, seed: int, size: int, overlap: int, agencies: int) -> None:
        self._key = hashlib.sha256(f"accord exercise accounts {seed}".encode()).digest()
        self._numbers = Permutation(self._key, "iban", 10**10)
        self.size, self.overlap = size, overlap
        self.orders = tuple(Permutation(self._key, f"order {agency}", size) for agency in range(agencies))

    def number(self, agency: int, row: int) -> int:
        """The account in a place of an agency's list: shared ones come first in places, not in rows."""
        place = self.orders[agency](row)
        return place if place < self.overlap else place + agency * (self.size - self.overlap)

    def iban(self, number: int) -> str:
        return iban(*BANKS[number % len(BANKS)], self._numbers(number))

    @staticmethod
    def owner(number: int) -> int:
        pair = number // 2
        return pair * 2 if pair % ONE_OWNER == 0 else number

    def transactions(self, agency: int, number: int) -> list[_Transaction]:
        made = []
        for serial in range(1 + self._draw(agency, number, 255)[0] % MOST_TRANSACTIONS):
            draw = self._draw(agency, number, serial)
            currency = _CURRENCY_OF[draw[0]]
            units = 10 ** (1 + draw[1] % 5) + int.from_bytes(draw[2:5], "big") % 90_000
            minor_units = units if DECIMAL_PLACES[currency] == 0 else 100 * units + draw[5] % 100
            made.append(
                _Transaction(
                    -minor_units if draw[7] < REVERSALS else minor_units,
                    currency,
                    _CORRIDOR_OF[draw[6]],
                    _OFFENCE_OF[draw[8]],
                    f"2025-{1 + draw[9] % 12:02}-{1 + draw[10] % 28:02}",
                )
            )
        return made

    def _draw(self, agency: int, number: int, serial: int) -> bytes:
        about = agency.to_bytes(2, "big") + number.to_bytes(8, "big") + serial.to_bytes(2, "big")
        return hashlib.blake2b(about, key=self._key, digest_size=16).digest()


def generate_accounts(out_dir: Path, seed: int, size: int, overlap: int, agencies: int = 2) -> AccountsSummary:
    """Write transactions and mapping of each agency, and the totals over shared accounts, into a folder.

    Args:
        out_dir: made if it is not there; nothing in it is overwritten.
        seed: any integer.
        size: accounts per agency.
        overlap: how many of them every agency has.
        agencies: how many.

    Raises:
        ExerciseError: sizes out of range, or a file that is already there.
        StorageError: not written.

    Cost: about 25 us per account.
    """
    if not (2 <= agencies <= MAX_AGENCIES and 1 <= size <= MAX_ACCOUNTS and 0 <= overlap <= size):
        raise ExerciseError(f"expected 2 to {MAX_AGENCIES} agencies, up to {MAX_ACCOUNTS} accounts, and so many shared")
    accounts = _Accounts(seed, size, overlap, agencies)
    files = tuple(
        ExerciseFiles(out_dir / f"accounts-{number}.csv", out_dir / f"accounts-{number}.toml")
        for number in range(1, agencies + 1)
    )
    truth = out_dir / "accounts-truth.csv"
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        for agency, paths in enumerate(files):
            delimiter, decimal = ";," if agency % 2 else ",."
            with _created(paths.mapping) as mapping:
                mapping.write(_MAPPING.format(delimiter=delimiter, decimal=decimal))
            with _created(paths.records) as records:
                records.writelines(delimiter.join(cells) + "\n" for cells in _rows(accounts, agency))
        with _created(truth) as lines:
            lines.writelines(",".join(cells) + "\n" for cells in _truth(accounts))
    except FileExistsError:
        raise ExerciseError(f"expected no accounts of an exercise in {out_dir}, got some") from None
    except OSError as cause:
        raise StorageError(f"expected to write into {out_dir}, got: {cause.strerror}") from None
    return AccountsSummary(files, truth)


def _created(path: Path) -> TextIO:
    return path.open("x", encoding="utf-8", newline="")


def _rows(accounts: _Accounts, agency: int) -> Iterator[tuple[str, ...]]:
    yield COLUMNS
    serial = 0
    for row in range(accounts.size):
        number = accounts.number(agency, row)
        account = accounts.iban(number)
        if agency % 2:  # as it is printed
            account = " ".join(account[i : i + 4] for i in range(0, len(account), 4))
        for transaction in accounts.transactions(agency, number):
            serial += 1
            countries = transaction.corridor[agency % 2 :: 2]
            yield (
                f"TX{agency + 1}-{serial:09}",
                f"OW{agency + 1}-{accounts.owner(number)}",
                account,
                _written(transaction, "," if agency % 2 else "."),
                transaction.currency,
                *countries,
                transaction.offence,
                transaction.day,
                REALM,
            )


def _written(transaction: _Transaction, mark: str) -> str:
    places = DECIMAL_PLACES[transaction.currency]
    digits = f"{abs(transaction.minor_units):0{places + 1}}"
    sign = "-" if transaction.minor_units < 0 else ""
    return sign + (digits[:-places] + mark + digits[-places:] if places else digits)


def _truth(accounts: _Accounts) -> Iterator[tuple[str, ...]]:
    """Per agency whose records are counted: shared accounts, and what moved over them, in all and by category."""
    yield TRUTH_COLUMNS
    for agency in range(len(accounts.orders)):
        holding: dict[tuple[str, str, str], int] = defaultdict(int)
        moved: dict[tuple[str, str, str], int] = defaultdict(int)
        for number in range(accounts.overlap):
            here = set()
            for made in accounts.transactions(agency, number):
                origin, _, destination, _ = made.corridor
                for category, value in (
                    ("", ""),
                    ("corridor", f"{origin}-{destination}"),
                    ("offence", made.offence),
                ):
                    moved[made.currency, category, value] += made.minor_units
                    here.add((made.currency, category, value))
            for cell in here:
                holding[cell] += 1
        yield str(agency + 1), "", "", "", str(accounts.overlap), ""
        for cell in sorted(holding):
            yield str(agency + 1), *cell, str(holding[cell]), str(moved[cell])
