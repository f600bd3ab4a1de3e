"""Synthetic agencies with a known overlap, for exercises, demonstrations and measurements. No real person is in it.

The same seed and sizes give the same bytes on any machine: everything about person number p follows from a keyed
hash of p, and numbers that must be unique from a permutation of p. Rows are streamed, so any size up to
MAX_PERSONS fits in memory. Shared persons carry the same identifiers at every agency, each written in its agency's
manner (codes or names of countries, grouped or not, capitals or not). Row order says nothing about who is shared.

Every row says `accord_realm = exercise`, and so does the mapping file: a production node refuses both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from math import gcd
from pathlib import Path
from typing import Final, TextIO

from nodes.errors import NodeError, StorageError
from nodes.registry.table import REALM_COLUMN
from protocol.identifiers.base_encodings import (
    BECH32_ALPHABET,
    BECH32_CONSTANT,
    BITCOIN_ALPHABET,
    bech32_constant,
    keccak_256,
)

REALM: Final = "exercise"
SHIP_EVERY: Final = 67  # one person in so many owns a ship
SHIPS: Final = 900_000  # IMO numbers have six free digits, the first not zero
MAX_PERSONS: Final = SHIP_EVERY * SHIPS
MAX_AGENCIES: Final = 32  # as in a total among many
COLUMNS: Final = (
    "reference", "name", "date_of_birth", "passport_country", "passport_number", "national_id_country",
    "national_id_number", "iban", "imo", "wallet", REALM_COLUMN,
)  # fmt: skip
# Of 256 persons, so many carry the kind.
PASSPORTS, NATIONAL_IDS, IBANS, WALLETS = 220, 180, 80, 40

MAPPING: Final = f"""\
# Written by `accord exercise generate`. For exercise nodes only.
realm = "{REALM}"
reference = "reference"
display = ["name", "date_of_birth"]

[[identifier]]
kind = "passport"
country = "passport_country"
number = "passport_number"

[[identifier]]
kind = "national-id"
country = "national_id_country"
number = "national_id_number"

[[identifier]]
kind = "iban"
number = "iban"

[[identifier]]
kind = "imo"
number = "imo"

[[identifier]]
kind = "crypto-wallet"
address = "wallet"
"""

_COUNTRIES: Final = (  # code, and as another agency writes it
    ("DEU", "Germany"), ("IRN", "Iran (Islamic Republic of)"), ("TUR", "Turkey"), ("MMR", "Burma"), ("PRK", "DPRK"),
    ("RUS", "Russian Federation"), ("SYR", "Syrian Arab Republic"), ("COL", "Colombia"), ("FRA", "France"),
    ("GBR", "United Kingdom"), ("LBY", "Libya"), ("YEM", "Yemen"), ("CIV", "Cote d'Ivoire"), ("USA", "U.S.A."),
    ("COD", "Democratic Republic of the Congo"), ("CPV", "Cape Verde"),
)  # fmt: skip
_WORDS: Final = (  # the spelling alphabet: names that nobody mistakes for a person's
    "Alfa", "Bravo", "Charlie", "Delta", "Echo", "Foxtrot", "Golf", "Hotel", "India", "Juliett", "Kilo", "Lima", "Mike",
    "November", "Oscar", "Papa", "Quebec", "Romeo", "Sierra", "Tango", "Uniform", "Victor", "Whiskey", "Xray", "Yankee",
    "Zulu",
)  # fmt: skip
BANKS: Final = (("DE", "37040044"), ("NL", "ABNA"), ("AT", "190430"), ("PL", "10901014000000"))
_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class ExerciseError(NodeError):
    """An exercise that cannot be made as asked."""

    code = "bad-exercise"


@dataclass(frozen=True, slots=True)
class ExerciseFiles:
    """One synthetic agency: its records and how to read them."""

    records: Path
    mapping: Path


@dataclass(frozen=True, slots=True)
class ExerciseSummary:
    """What was made.

    Args:
        seed, size, overlap: as asked; size and overlap in persons.
        agencies: files of each agency.
        truth: CSV of every shared identifier, with the reference that each agency has for it.
        shared: number of shared identifiers per kind.
    """

    seed: int
    size: int
    overlap: int
    agencies: tuple[ExerciseFiles, ...]
    truth: Path
    shared: dict[str, int]


class Permutation:
    """i -> (a * i + b) mod n, with a prime to n: unique numbers without remembering which were given out."""

    def __init__(self, seed: bytes, purpose: str, size: int) -> None:
        stream = hashlib.shake_256(seed + purpose.encode()).digest(32)
        self.size = size
        self._step = int.from_bytes(stream[:16], "big") % size
        while gcd(self._step, size) != 1:
            self._step = (self._step + 1) % size
        self._start = int.from_bytes(stream[16:], "big") % size

    def __call__(self, number: int) -> int:
        return (self._step * number + self._start) % self.size

    def inverse(self, number: int) -> int:
        return (number - self._start) * pow(self._step, -1, self.size) % self.size


@dataclass(frozen=True, slots=True)
class _Person:
    """Identifiers of one person in plain form; empty where there is none. Countries are indices."""

    name: str
    born: str
    passport: tuple[int, str]
    national_id: tuple[int, str]
    iban: str
    imo: str
    wallet: tuple[str, bytes]


class _Population:
    """Everybody in one exercise, by number."""

    def __init__(self, seed: int) -> None:
        self._key = hashlib.sha256(f"accord exercise {seed}".encode()).digest()
        self._passports = Permutation(self._key, "passport", 26 * 26 * 10**7)
        self._national_ids = Permutation(self._key, "national-id", 10**11)
        self._accounts = Permutation(self._key, "iban", 10**10)
        self._ships = Permutation(self._key, "imo", SHIPS)

    def order(self, agency: int, size: int) -> Permutation:
        """The order of an agency's rows."""
        return Permutation(self._key, f"order {agency}", size)

    def person(self, number: int) -> _Person:
        draw = hashlib.blake2b(number.to_bytes(8, "big"), key=self._key, digest_size=48).digest()
        serial, digits = divmod(self._passports(number), 10**7)
        letters = _LETTERS[serial // 26] + _LETTERS[serial % 26]
        country = draw[0] % len(_COUNTRIES)
        return _Person(
            f"{_WORDS[draw[1] % 26]} {_WORDS[draw[2] % 26]} {int.from_bytes(draw[12:15], 'big')}",
            f"{1940 + draw[3] % 65}-{1 + draw[4] % 12:02}-{1 + draw[5] % 28:02}",
            (country, f"{letters}{digits:07}" if draw[6] < PASSPORTS else ""),
            (country, f"{self._national_ids(number):011}" if draw[7] < NATIONAL_IDS else ""),
            iban(*BANKS[draw[8] % len(BANKS)], self._accounts(number)) if draw[9] < IBANS else "",
            _imo(100_000 + self._ships(number // SHIP_EVERY)) if number % SHIP_EVERY == 0 else "",
            (("evm", "evm", "p2pkh", "segwit", "tron")[draw[10] % 5], draw[28:] if draw[11] < WALLETS else b""),
        )


def iban(country: str, bank: str, account: int) -> str:
    number = int(f"{_as_digits(bank)}{account:010}{_as_digits(country)}00")  # ISO 7064 mod 97-10, letters as 10 to 35
    return f"{country}{98 - number % 97:02}{bank}{account:010}"


@cache
def _as_digits(text: str) -> str:
    return "".join(str(int(character, 36)) for character in text)


def _imo(serial: int) -> str:
    digits = [int(c) for c in str(serial)]
    return f"{serial}{sum(d * w for d, w in zip(digits, range(7, 1, -1), strict=True)) % 10}"


def _base58check(version: int, payload: bytes) -> str:
    data = bytes([version]) + payload
    data += hashlib.sha256(hashlib.sha256(data).digest()).digest()[:4]
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = BITCOIN_ALPHABET[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def _segwit(program: bytes) -> str:
    number = int.from_bytes(program, "big")
    values = [0, *(number >> shift & 31 for shift in range(len(program) * 8 - 5, -1, -5))]  # 160 bits: no padding
    checksum = bech32_constant("bc", [*values, 0, 0, 0, 0, 0, 0]) ^ BECH32_CONSTANT
    return "bc1" + "".join(BECH32_ALPHABET[v] for v in (*values, *(checksum >> 5 * i & 31 for i in range(5, -1, -1))))


def _evm(payload: bytes) -> str:
    digits, nibbles = payload.hex(), keccak_256(payload.hex().encode()).hex()  # EIP-55
    return "0x" + "".join(c.upper() if n >= "8" else c for c, n in zip(digits, nibbles, strict=False))


_ADDRESSES: Final[dict[str, Callable[[bytes], str]]] = {
    "evm": _evm,
    "p2pkh": partial(_base58check, 0x00),
    "segwit": _segwit,
    "tron": partial(_base58check, 0x41),
}


def _plainly(person: _Person) -> tuple[str, ...]:
    """As an agency writes that keeps codes and compact numbers."""
    (country, passport), (_, national_id), (kind, payload) = person.passport, person.national_id, person.wallet
    return (
        _COUNTRIES[country][0] if passport else "", passport,
        _COUNTRIES[country][0] if national_id else "", national_id,
        person.iban, person.imo, _ADDRESSES[kind](payload) if payload else "",
    )  # fmt: skip


def _on_paper(person: _Person) -> tuple[str, ...]:
    """As an agency writes that keeps names of countries and numbers as they are printed."""
    (country, passport), (_, national_id), (kind, payload) = person.passport, person.national_id, person.wallet
    address = f"0x{payload.hex()}" if kind == "evm" else _ADDRESSES[kind](payload) if payload else ""
    return (
        _COUNTRIES[country][1] if passport else "", f"{passport[:2].lower()} {passport[2:]}" if passport else "",
        _COUNTRIES[country][1] if national_id else "", f"{national_id[:5]}-{national_id[5:]}" if national_id else "",
        " ".join(person.iban[i : i + 4] for i in range(0, len(person.iban), 4)),
        f"IMO {person.imo}" if person.imo else "",
        (address.upper() if kind == "segwit" else address) if payload else "",
    )  # fmt: skip


def generate(out_dir: Path, seed: int, size: int, overlap: int, agencies: int = 2) -> ExerciseSummary:
    """Write the records and mapping of each agency, and the truth, into a folder.

    Args:
        out_dir: made if it is not there; nothing in it is overwritten.
        seed: any integer.
        size: persons per agency.
        overlap: how many of them every agency has.
        agencies: how many.

    Raises:
        ExerciseError: sizes out of range, or a file that is already there.
        StorageError: not written; files of this call are removed.

    Cost: about 15 us per row.
    """
    if not (2 <= agencies <= MAX_AGENCIES and size >= 1 and 0 <= overlap <= size):
        raise ExerciseError(
            f"expected 2 to {MAX_AGENCIES} agencies and an overlap from 0 to the size, got other numbers"
        )
    if overlap + agencies * (size - overlap) > MAX_PERSONS:
        raise ExerciseError(f"expected at most {MAX_PERSONS} persons in all, got more")
    population = _Population(seed)
    orders = [population.order(agency, size) for agency in range(agencies)]
    files = tuple(
        ExerciseFiles(out_dir / f"agency-{number}.csv", out_dir / f"agency-{number}.toml")
        for number in range(1, agencies + 1)
    )
    made: list[Path] = []

    def create(path: Path) -> TextIO:
        file = path.open("x", encoding="utf-8", newline="")
        made.append(path)
        return file

    shared: dict[str, int] = {}
    truth = out_dir / "truth.csv"
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        for agency, (paths, order) in enumerate(zip(files, orders, strict=True)):
            with create(paths.mapping) as mapping:
                mapping.write(MAPPING)
            with create(paths.records) as records:
                records.writelines(_rows(population, order, agency, overlap))
        with create(truth) as lines:
            lines.writelines(_truth(population, orders, overlap, shared))
    except FileExistsError:
        _remove(made)
        raise ExerciseError(f"expected no exercise in {out_dir}, got one: choose an empty folder") from None
    except OSError as cause:
        _remove(made)
        raise StorageError(f"expected to write into {out_dir}, got: {cause.strerror}") from None
    except BaseException:
        _remove(made)
        raise
    return ExerciseSummary(seed, size, overlap, files, truth, shared)


def _remove(paths: list[Path]) -> None:
    for path in paths:
        with suppress(OSError):
            path.unlink()


def _reference(agency: int, row: int) -> str:
    return f"EX{agency + 1}-{row + 1:08}"


def _rows(population: _Population, order: Permutation, agency: int, overlap: int) -> Iterator[str]:
    yield ",".join(COLUMNS) + "\n"
    write = _on_paper if agency % 2 else _plainly
    own = overlap + agency * (order.size - overlap) - overlap  # what turns a private place into a person's number
    for row in range(order.size):
        place = order(row)
        person = population.person(place if place < overlap else own + place)
        cells = (_reference(agency, row), person.name, person.born, *write(person), REALM)
        yield ",".join(cells) + "\n"


def _truth(population: _Population, orders: list[Permutation], overlap: int, shared: dict[str, int]) -> Iterator[str]:
    yield ",".join(("kind", "country", "value", *(f"agency_{i + 1}" for i in range(len(orders))))) + "\n"
    for number in range(overlap):
        references = [_reference(agency, order.inverse(number)) for agency, order in enumerate(orders)]
        code, passport, id_code, national_id, iban, imo, wallet = _plainly(population.person(number))
        for kind, country, value in (
            ("passport", code, passport),
            ("passport-number", "", passport),
            ("national-id", id_code, national_id),
            ("iban", "", iban),
            ("imo", "", imo),
            ("crypto-wallet", "", wallet),
        ):
            if value:
                shared[kind] = shared.get(kind, 0) + 1
                yield ",".join((kind, country, value, *references)) + "\n"
