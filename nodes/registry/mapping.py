"""The mapping file: which column of a table is what. Unknown keys are refused.

docs/samples/mapping.toml explains each key, and a test reads it through here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nodes.config import REALMS
from nodes.fields import Fields, parse_toml, read_bounded
from nodes.registry.currencies import DECIMAL_PLACES
from nodes.registry.errors import MappingError
from nodes.registry.lines import ENCODINGS
from protocol.identifiers import KINDS, MRZ, IdentifierError
from protocol.identifiers.countries import resolve

DELIMITERS: Final = {",": ",", ";": ";", "|": "|", "tab": "\t"}
DECIMAL_MARKS: Final = (".", ",")
TRANSACTION_COLUMNS: Final = ("amount", "currency", "from_country", "to_country", "offence", "date")


@dataclass(frozen=True, slots=True)
class MappedIdentifier:
    """One identifier of a row.

    Args:
        kind: name of the kind, or `mrz` for a machine-readable zone, which gives several.
        columns: the column of each field of the kind; None where the country is fixed or not given.
        country: the fixed issuing country, or empty.
    """

    kind: str
    columns: tuple[str | None, ...]
    country: str


@dataclass(frozen=True, slots=True)
class MappedTransaction:
    """What a row says about money.

    Args:
        columns: the column of each of TRANSACTION_COLUMNS; None where there is none.
        currency: the fixed currency, or empty.
        decimal: the decimal mark of amounts.
    """

    columns: tuple[str | None, ...]
    currency: str
    decimal: str

    @property
    def amount(self) -> str | None:
        """The column of the amount."""
        return self.columns[0]


@dataclass(frozen=True, slots=True)
class Mapping:
    """The checked content of a mapping file."""

    realm: str
    encoding: str
    delimiter: str
    reference: str
    display: tuple[str, ...]
    identifiers: tuple[MappedIdentifier, ...]
    person: str = ""
    transaction: MappedTransaction | None = None

    def columns(self) -> set[str]:
        """All columns that the table must have."""
        mapped = {column for identifier in self.identifiers for column in identifier.columns if column}
        of_transaction = self.transaction.columns if self.transaction else ()
        more = {column for column in (self.person, *of_transaction) if column}
        return mapped | {self.reference, *self.display} | more


def agreed(mappings: Sequence[Mapping]) -> Mapping:
    """Return the first of the mappings of one file.

    Raises:
        MappingError: they say different things of the file itself.
    """
    first = mappings[0]
    for key in ("realm", "encoding", "delimiter"):
        if any(getattr(mapping, key) != getattr(first, key) for mapping in mappings):
            raise MappingError(f"expected the same {key} in all mapping files of a source, got others")
    return first


def load_mapping(path: Path) -> Mapping:
    """Read and check a mapping file.

    Raises:
        UnreadableFileError: missing or not readable.
        MappingError: names the key, what was expected and what was found.
    """
    return parse_mapping(read_bounded(path, MappingError, path.name), path.name)


def parse_mapping(data: bytes, name: str) -> Mapping:
    """Parse the bytes of a mapping file."""
    with parse_toml(data, MappingError, name) as root:
        mapping = Mapping(
            realm=root.choice("realm", REALMS),
            encoding=root.choice("encoding", tuple(ENCODINGS)) if "encoding" in root else "utf-8",
            delimiter=DELIMITERS[root.choice("delimiter", tuple(DELIMITERS))] if "delimiter" in root else ",",
            reference=root.text("reference"),
            display=root.texts("display") if "display" in root else (),
            identifiers=tuple(_identifier(table) for table in root.tables("identifier")),
            person=root.text("person") if "person" in root else "",
            transaction=_transaction(root.table("transaction")) if "transaction" in root else None,
        )
        if not mapping.identifiers:
            raise root.fail("identifier", "at least one [[identifier]]", "none")
    return mapping


def _identifier(table: Fields) -> MappedIdentifier:
    with table:
        name = table.choice("kind", (*KINDS, MRZ))
        if name == MRZ:
            return MappedIdentifier(MRZ, (table.text("zone"),), "")
        kind = KINDS[name]
        country = table.text("fixed_country") if "fixed_country" in table else ""
        if country:
            if "country" not in kind.fields:
                raise table.fail("fixed_country", f"no country for the kind {kind.name}", "one")
            try:
                resolve(country)
            except IdentifierError:
                raise table.fail("fixed_country", "a country of the profile's table", "another word") from None
        # A telephone number in international form needs no country.
        without = bool(country) or (name == "phone" and "country" not in table)
        columns = tuple(None if field == "country" and without else table.text(field) for field in kind.fields)
    return MappedIdentifier(kind.name, columns, country)


def _transaction(table: Fields) -> MappedTransaction:
    with table:
        columns = tuple(table.text(key) if key in table else None for key in TRANSACTION_COLUMNS)
        fixed = table.choice("fixed_currency", tuple(DECIMAL_PLACES)) if "fixed_currency" in table else ""
        decimal = table.choice("decimal", DECIMAL_MARKS) if "decimal" in table else "."
        amount, currency, origin, destination, *_ = columns
        if not any(columns):
            raise table.fail("amount", f"at least one of {', '.join(TRANSACTION_COLUMNS)}", "none")
        if amount is not None and (currency is None) == (not fixed):
            raise table.fail("currency", "a column, or fixed_currency, for the amount", "both" if fixed else "neither")
        if amount is None and (currency is not None or fixed):
            raise table.fail("amount", "a column, since there is a currency", "none")
        if (origin is None) != (destination is None):
            raise table.fail("to_country", "both countries of a corridor or none", "one")
    return MappedTransaction(columns, fixed, decimal)
