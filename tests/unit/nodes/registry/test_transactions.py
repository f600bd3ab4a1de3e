"""Transactions: amounts read exactly or not at all, and columns that follow their records through every import."""

from __future__ import annotations

import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.registry import Registry, Snapshot, compare, csv_source, import_source, load_mapping, parquet_source
from nodes.registry import record_columns as record_columns_module
from nodes.registry.currencies import DECIMAL_PLACES
from nodes.registry.errors import MappingError, SnapshotError, SourceError
from nodes.registry.mapping import parse_mapping
from nodes.registry.record_columns import PERSONS, person_number
from nodes.registry.report import report_table
from nodes.registry.transactions import MAX_AMOUNT, Transaction, read_amount, read_transaction
from tests.unit.nodes.registry.reading import KEY, NOW, identifiers, registry

FORMAT_2 = Path(__file__).parent / "data" / "format-2.snapshot"  # made by the last commit that wrote format 2
IBANS = ("DE89370400440532013000", "NL91ABNA0417164300", "AT611904300234573201")
MAPPING = """
realm = "production"
reference = "ref"
person = "owner"
[[identifier]]
kind = "iban"
number = "iban"
[transaction]
amount = "amount"
currency = "currency"
from_country = "from"
to_country = "to"
offence = "offence"
date = "booked"
"""
HEADER = "ref,owner,iban,amount,currency,from,to,offence,booked\n"
ROWS = (
    f"t1,c1,{IBANS[0]},1234.56,eur,Germany,TUR,fraud,2026-01-31\n"
    f"t2,c1,{IBANS[0]},-7,JPY,DEU,LBN,,2026-02-01T23:59:59Z\n"
    f"t3,,{IBANS[1]},,,,,drugs,\n"
    f"t4,c2,{IBANS[2]},,,,,,\n"
)


def import_text(folder: Path, text: str, mapping: str = MAPPING, *, changes: bool = False):
    file, map_file = folder / "records.csv", folder / "mapping.toml"
    file.write_text(text)
    map_file.write_text(mapping)
    return import_source(registry(folder), "set", csv_source(file, load_mapping(map_file), changes=changes), NOW)


def held(snapshot: Snapshot) -> list[Transaction | None]:
    """The transactions of all records, in order."""
    found: list[Transaction | None] = []
    for block in snapshot.record_blocks():
        columns = snapshot.record_columns(block)
        for at in range(len(block)):
            if not columns.has_transactions:
                found.append(None)
                continue
            value = {name: int(columns.values[name][at]) for name in columns.values}
            words = {name: ("", *columns.words[name])[value[name]] for name in columns.words}
            read = Transaction(amount=value["amount"], day=value["date"], **words)
            found.append(None if read == Transaction() else read)
    return found


def persons(snapshot: Snapshot) -> list[int]:
    return [int(n) for block in snapshot.record_blocks() for n in snapshot.record_columns(block).values[PERSONS]]


# --- amounts


@given(
    st.integers(-MAX_AMOUNT, MAX_AMOUNT), st.sampled_from(sorted(set(DECIMAL_PLACES.values()))), st.integers(0, 4),
)  # fmt: skip
def test_every_amount_of_a_database_is_read_exactly(minor: int, places: int, padding: int) -> None:
    text = f"{Decimal(minor).scaleb(-places):f}"
    if padding:
        text += ("" if "." in text else ".") + "0" * padding
    assert read_amount(text, places) == minor
    assert read_amount(f"+{text}" if minor >= 0 else text, places) == minor


@pytest.mark.parametrize(
    ("text", "places", "reason"),
    [
        ("", 2, "bad-amount"),
        ("1,234.56", 2, "bad-amount"),
        ("1 234", 2, "bad-amount"),
        ("1e3", 2, "bad-amount"),
        (".5", 2, "bad-amount"),
        ("5.", 2, "bad-amount"),
        ("--5", 2, "bad-amount"),
        ("٣", 2, "bad-amount"),
        ("0x10", 2, "bad-amount"),
        ("1.2.3", 2, "bad-amount"),
        ("1" * 41, 2, "bad-amount"),
        ("0.001", 2, "amount-too-precise"),
        ("0.5", 0, "amount-too-precise"),
        ("1000000000000000.01", 2, "amount-too-large"),
        (f"-{MAX_AMOUNT + 1}", 0, "amount-too-large"),
    ],
)
def test_what_is_no_amount_is_not_guessed_at(text: str, places: int, reason: str) -> None:
    assert read_amount(text, places) == reason


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"amount": "1"}, "no-currency"),
        ({"amount": "1", "currency": "EURO"}, "unknown-currency"),
        ({"amount": "1.5", "currency": "JPY"}, "amount-too-precise"),
        ({"from_country": "DEU"}, "country-missing"),
        ({"from_country": "DEU", "to_country": "Atlantis"}, "country-unknown"),
        ({"from_country": "Congo", "to_country": "DEU"}, "country-ambiguous"),
        ({"offence": "tax\nfraud"}, "bad-offence"),
        ({"offence": "x" * 65}, "bad-offence"),
        ({"date": "31.01.2026"}, "bad-date"),
        ({"date": "2026-02-30"}, "bad-date"),
        ({"date": "2026-1-3"}, "bad-date"),
    ],
)
def test_a_transaction_that_cannot_be_read_says_why(cells: dict[str, str], reason: str) -> None:
    assert read_transaction(**cells) == reason


def test_countries_and_currencies_have_one_spelling() -> None:
    cells = (" 2.50 ", " kwd ", "Burma", "tr", " a/b-1 ", "0001-01-01 10:00")
    assert read_transaction(*cells) == Transaction(2500, "KWD", "MMR-TUR", "a/b-1", 1)


def test_every_currency_is_three_capitals_and_has_the_places_of_the_standard() -> None:
    assert all(len(code) == 3 and code.isalpha() and code.isupper() for code in DECIMAL_PLACES)
    known = {"EUR": 2, "USD": 2, "JPY": 0, "KRW": 0, "KWD": 3, "TND": 3, "CLF": 4, "CLP": 0, "UGX": 0, "IQD": 3}
    assert {code: DECIMAL_PLACES[code] for code in known} == known


# --- imports


def test_a_table_of_transactions_becomes_columns(tmp_path: Path) -> None:
    report = import_text(tmp_path, HEADER + ROWS)
    assert report.to_json()["transactions"] == {"accepted": 3, "rejected": {}}
    with registry(tmp_path).open("set") as snapshot:
        assert held(snapshot) == [
            Transaction(123456, "EUR", "DEU-TUR", "fraud", date(2026, 1, 31).toordinal()),
            Transaction(-7, "JPY", "DEU-LBN", "", date(2026, 2, 1).toordinal()),
            Transaction(offence="drugs"),
            None,
        ]
        assert persons(snapshot) == [person_number(name) for name in ("c1", "c1", "t3", "c2")]
        assert snapshot.holder_counts("iban", np.arange(3)).tolist() == [1, 1, 2]  # shorter ones first: NL, AT, DE
        snapshot.check()


def test_rejected_transactions_are_counted_and_the_records_stay(tmp_path: Path) -> None:
    rows = f"t1,c1,{IBANS[0]},1.234,EUR,,,,\nt2,c1,{IBANS[1]},5,EUR,DEU,,,\nt3,c1,{IBANS[2]},5,EUR,,,,\n"
    report = import_text(tmp_path, HEADER + rows)
    assert report.records == 3 and report.kinds["iban"].accepted == 3
    assert report.to_json()["transactions"] == {
        "accepted": 1,
        "rejected": {"amount-too-precise": {"count": 1, "rows": [2]}, "country-missing": {"count": 1, "rows": [3]}},
    }
    lines = report_table(report.to_json())
    assert ("transaction", "accepted", "1", "") in lines
    assert ("transaction", "rejected: amount-too-precise", "1", "2") in lines


def test_decimal_commas_and_one_currency_for_all(tmp_path: Path) -> None:
    mapping = MAPPING.replace('currency = "currency"', 'fixed_currency = "EUR"\ndecimal = ","')
    rows = f't1,,{IBANS[0]},"1234,56",,,,,\nt2,,{IBANS[0]},1234.56,,,,,\nt3,,{IBANS[0]},"1.234,56",,,,,\n'
    report = import_text(tmp_path, HEADER + rows, mapping)
    assert report.transactions.rejected["bad-amount"].rows == [3, 4]
    with registry(tmp_path).open("set") as snapshot:
        assert held(snapshot) == [Transaction(123456, "EUR"), None, None]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ('currency = "currency"\n', ""),
            "currency: expected a column, or fixed_currency, .*, got neither",
        ),
        (('currency = "currency"\n', 'currency = "currency"\nfixed_currency = "EUR"\n'), "got both"),
        (('amount = "amount"\n', ""), "amount: expected a column, since there is a currency, got none"),
        (('to_country = "to"\n', ""), "to_country: expected both countries of a corridor or none, got one"),
        (('currency = "currency"', 'fixed_currency = "EURO"'), "fixed_currency: expected one of"),
        (('date = "booked"', 'date = "booked"\ndecimal = "\'"'), "decimal: expected one of ., ,"),
        (('date = "booked"', 'day = "booked"'), "expected only known keys, got also: day"),
    ],
)
def test_a_mapping_says_what_is_wrong_with_its_transaction(change: tuple[str, str], message: str) -> None:
    assert change[0] in MAPPING
    with pytest.raises(MappingError, match=message.replace("(", r"\(")):
        parse_mapping(MAPPING.replace(*change).encode(), "mapping.toml")
    with pytest.raises(MappingError, match="at least one of amount"):
        parse_mapping((MAPPING.partition("amount = ")[0]).encode(), "mapping.toml")


@pytest.mark.parametrize("size", [1, 7, 8, 9, 40_001])
def test_columns_stay_with_their_records_at_any_size(tmp_path: Path, size: int) -> None:
    """Blocks of 32,768 records, and the first transaction late, so that zeros stand before it."""
    late = size // 2
    rows = (
        f"t{i},c{i % 5},{IBANS[i % 3]},{f'{i}.25,EUR' if i >= late else ','},,,{'abc'[i % 3]},\n" for i in range(size)
    )
    rows = (row if i >= late else row.replace(f",{'abc'[i % 3]},\n", ",,\n") for i, row in enumerate(rows))
    import_text(tmp_path, HEADER + "".join(rows))
    with registry(tmp_path).open("set") as snapshot:
        found = held(snapshot)
        assert found[:late] == [None] * late
        assert found[late:] == [Transaction(100 * i + 25, "EUR", "", "abc"[i % 3]) for i in range(late, size)]
        assert persons(snapshot) == [person_number(f"c{i % 5}") for i in range(size)]
        snapshot.check()


def test_too_many_words_refuse_the_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(record_columns_module.MAX_WORDS, "offence", 7)
    rows = [f"t{i},,{IBANS[0]},,,,,o{i},\n" for i in range(8)]
    import_text(tmp_path, HEADER + "".join(rows[:7]))
    with pytest.raises(SourceError, match="at most 7 different words in a column offence"):
        import_text(tmp_path, HEADER + "".join(rows))
    assert registry(tmp_path).versions("set") == [1]


def test_the_root_covers_transactions_and_who_holds_what(tmp_path: Path) -> None:
    roots = []
    variants = [
        ROWS,
        ROWS.replace("1234.56", "1234.57"),
        ROWS.replace("fraud", "theft"),
        ROWS.replace("t2,c1", "t2,c9"),
        ROWS.replace(f"t2,c1,{IBANS[0]}", f"t2,c1,{IBANS[1]}"),  # the same identifiers, held by others
    ]
    for number, text in enumerate([*variants, ROWS]):
        import_text(tmp_path, HEADER + text)
        with registry(tmp_path).open("set") as snapshot:
            assert snapshot.version == number + 1
            roots.append(snapshot.root)
    assert len(set(roots[:-1])) == len(variants) and roots[0] == roots[-1]


# --- changes and versions


def test_an_update_keeps_what_stays_and_recodes_its_words(tmp_path: Path) -> None:
    import_text(tmp_path, HEADER + ROWS)
    changes = (
        "accord_change," + HEADER + f"add,t5,c1,{IBANS[1]},9,USD,,,theft,\nreplace,t1,c1,{IBANS[0]},1,EUR,,,theft,\n"
        "remove,t4,,,,,,,,\n"
    )
    import_text(tmp_path, changes, changes=True)
    with registry(tmp_path).open("set") as snapshot:
        assert held(snapshot) == [
            Transaction(900, "USD", "", "theft"),
            Transaction(100, "EUR", "", "theft"),
            Transaction(-7, "JPY", "DEU-LBN", "", date(2026, 2, 1).toordinal()),
            Transaction(offence="drugs"),
        ]
        assert persons(snapshot) == [person_number(name) for name in ("c1", "c1", "c1", "t3")]
        snapshot.check()
    with registry(tmp_path).inspect("set", 1) as old, registry(tmp_path).inspect("set", 2) as new:
        found = compare(old, new)
    assert (found.added, found.removed, found.changed) == (("t5",), ("t4",), ("t1",))


def test_the_same_table_in_another_order_of_words_changed_nothing(tmp_path: Path) -> None:
    import_text(tmp_path, HEADER + ROWS)
    import_text(tmp_path, HEADER + "".join(reversed(ROWS.splitlines(keepends=True))))
    with registry(tmp_path).inspect("set", 1) as old, registry(tmp_path).inspect("set", 2) as new:
        found = compare(old, new)
    assert (found.added, found.removed, found.changed) == ((), (), ())


def test_decimals_of_parquet_are_exact_and_fractions_refused(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    pq = pytest.importorskip("pyarrow.parquet")
    columns: dict[str, Any] = {name: ["", ""] for name in HEADER.strip().split(",")}
    columns |= {"ref": ["t1", "t2"], "iban": [IBANS[0]] * 2, "currency": ["EUR"] * 2}
    columns["booked"] = pa.array([date(2026, 1, 31), None], pa.date32())
    columns["amount"] = pa.array([Decimal("99999999999999.9900"), Decimal("-0.0100")], pa.decimal128(24, 4))
    mapping = parse_mapping(MAPPING.encode(), "mapping.toml")
    path = tmp_path / "list.parquet"
    pq.write_table(pa.table(columns), path)
    import_source(registry(tmp_path), "set", parquet_source(path, mapping), NOW)
    with registry(tmp_path).open("set") as snapshot:
        day = date(2026, 1, 31).toordinal()
        assert held(snapshot) == [Transaction(9999999999999999, "EUR", day=day), Transaction(-1, "EUR")]
    pq.write_table(pa.table(columns | {"amount": [0.5, 1.5]}), path)
    with pytest.raises(MappingError, match="amount: expected a column of text, whole numbers, decimals or dates"):
        import_source(registry(tmp_path), "set", parquet_source(path, mapping), NOW)
    pq.write_table(pa.table(columns | {"ref": pa.array([Decimal(1), Decimal(2)], pa.decimal128(9, 2))}), path)
    with pytest.raises(MappingError, match="ref: expected a column of text, whole numbers or dates"):
        import_source(registry(tmp_path), "set", parquet_source(path, mapping), NOW)


# --- format 2


@pytest.fixture
def before(tmp_path: Path) -> Registry:
    """A data set as the version before this format wrote it: references C1, C1, C2, C3; two accounts."""
    folder = tmp_path / "registry" / "set"
    folder.mkdir(parents=True, mode=0o700)
    shutil.copyfile(FORMAT_2, folder / "00000001.snapshot")
    (folder / "current").write_text("1\n")
    for file in folder.iterdir():
        file.chmod(0o600)
    return Registry(tmp_path / "registry", KEY, "exercise")


def test_a_snapshot_of_format_2_is_read_as_records_without_transactions(before: Registry) -> None:
    with before.inspect("set") as snapshot:
        snapshot.check()
        assert not snapshot.has_transactions and held(snapshot) == [None] * 4
        assert len(identifiers(snapshot, "iban")) == 2
        assert persons(snapshot) == [person_number(name) for name in ("C1", "C1", "C2", "C3")]
        assert ("transaction", "accepted", "0", "") not in report_table(snapshot.report)


def test_an_update_turns_format_2_into_this_one(before: Registry, tmp_path: Path) -> None:
    mapping = MAPPING.replace("production", "exercise")
    (tmp_path / "mapping.toml").write_text(mapping)
    (tmp_path / "delta.csv").write_text("accord_change," + HEADER + f"add,t1,C2,{IBANS[2]},1.50,EUR,,,,\n")
    source = csv_source(tmp_path / "delta.csv", load_mapping(tmp_path / "mapping.toml"), changes=True)
    import_source(before, "set", source, NOW)
    with before.open("set") as snapshot:
        assert held(snapshot) == [Transaction(150, "EUR"), None, None, None, None]
        assert persons(snapshot) == [person_number(name) for name in ("C2", "C1", "C1", "C2", "C3")]
        snapshot.check()


def test_codes_without_a_word_are_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import_text(tmp_path, HEADER + ROWS)
    with registry(tmp_path).open("set") as snapshot:
        monkeypatch.setattr(snapshot, "_words", {**snapshot._words, "offence": []})
        with pytest.raises(SnapshotError, match="a wrong column offence"):
            snapshot.record_columns(range(4))
