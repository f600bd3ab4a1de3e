"""An import works on blocks of rows, and nobody can tell from what it makes."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.registry import csv_source, import_source, load_mapping
from nodes.registry import source as source_module
from nodes.registry.errors import SourceRealmError
from nodes.registry.snapshot_writer import _text
from nodes.registry.source import BLOCK_ITEMS, STEP_ITEMS, RejectedRow, Removal, SourceRecord, blocks
from tests.unit.nodes.registry.reading import NOW, registry

OWNER = """
realm = "production"
reference = "ref"
display = ["name"]
person = "name"
[[identifier]]
kind = "passport-number"
number = "passport"
[[identifier]]
kind = "iban"
number = "iban"
[transaction]
amount = "amount"
fixed_currency = "EUR"
offence = "offence"
"""
KEEPER = """
realm = "production"
reference = "keeper"
[[identifier]]
kind = "passport-number"
number = "keeper_passport"
"""
HEADER = "ref,name,passport,iban,amount,offence,keeper,keeper_passport"
SIZES = (0, 1, 7, 8, 9, BLOCK_ITEMS - 1, BLOCK_ITEMS, BLOCK_ITEMS + 1, 2 * BLOCK_ITEMS + 9)


def line(number: int) -> str:
    """A row; some are refused, some say nothing of the owner or of the keeper, values come back."""
    if number % 41 == 0:
        return "too,short"
    reference = "" if number % 29 == 0 else f"r{number}"
    iban = ("DE89370400440532013000", "NL91ABNA0417164300", "DE00370400440532013000")[number % 3]
    owner = (
        f"{reference},Ann {number % 5},P{number * 7919 % 997:06},{iban},{number}.5,{'a b' if number % 31 == 0 else 'a'}"
    )
    keeper = f"k{number},Q{number:06}" if number % 4 else ","
    return f"{',,,,,' if number % 23 == 0 else owner},{keeper}"


def mappings(folder: Path, *texts: str):
    for number, text in enumerate(texts):
        (folder / f"{number}.toml").write_text(text)
    return [load_mapping(folder / f"{number}.toml") for number in range(len(texts))]


def table(folder: Path, size: int) -> Path:
    file = folder / "rows.csv"
    file.write_text("\n".join([HEADER, *map(line, range(2, size + 2)), ""]))  # a row's number is its line
    return file


def said(number: int) -> list[tuple[type, str]]:
    """What the rows above say, row by row."""
    if number % 41 == 0:
        return [(RejectedRow, "wrong-column-count")]
    found: list[tuple[type, str]] = []
    if number % 23:
        found.append((SourceRecord, f"r{number}") if number % 29 else (RejectedRow, "no-reference"))
    if number % 4:
        found.append((SourceRecord, f"k{number}"))
    return found


@pytest.mark.parametrize("size", SIZES)
def test_blocks_hold_everything_in_order(size: int) -> None:
    found = list(blocks(range(size), io.BytesIO()))
    assert [item for block in found for item in block] == list(range(size))
    assert all(len(block) == BLOCK_ITEMS for block in found[:-1])
    assert all(block for block in found)


def test_long_rows_make_short_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "BLOCK_BYTES", 1_000)
    file = io.BytesIO(bytes(100) * 200)
    rows = iter(lambda: file.read(100), b"")
    assert [len(block) for block in blocks(rows, file)] == [STEP_ITEMS] * 12 + [200 - 12 * STEP_ITEMS]


def test_what_a_source_raises_ends_the_blocks() -> None:
    def rows():
        yield from range(BLOCK_ITEMS + 3)
        raise SourceRealmError("expected one realm, got another")

    found = blocks(rows(), io.BytesIO())
    assert next(found) == list(range(BLOCK_ITEMS))
    with pytest.raises(SourceRealmError):
        next(found)


@pytest.mark.parametrize("size", SIZES)
def test_rows_come_in_the_order_of_the_file(tmp_path: Path, size: int) -> None:
    source = csv_source(table(tmp_path, size), *mappings(tmp_path, OWNER, KEEPER))
    with source.path.open("rb") as file:
        found = list(source.read(file))
        assert file.tell() == source.path.stat().st_size  # it can still be asked
    expected = [(number, *one) for number in range(2, size + 2) for one in said(number)]
    shown = [(r.row, type(r), r.reason if isinstance(r, RejectedRow) else r.reference) for r in found]
    assert shown == expected


def test_changes_come_in_the_order_of_the_file(tmp_path: Path) -> None:
    words = ("add", " Replace", "REMOVE", "drop")
    size = BLOCK_ITEMS + 9
    file = tmp_path / "rows.csv"
    rows = (f"{words[n % 4]},k{n},{f'Q{n:06}' if n % 3 else ''}" for n in range(2, size + 2))
    file.write_text("\n".join(["accord_change,keeper,keeper_passport", *rows, ""]))
    source = csv_source(file, *mappings(tmp_path, KEEPER), changes=True)
    expected = {
        0: [SourceRecord], 1: [Removal, SourceRecord], 2: [Removal], 3: [RejectedRow]
    }  # fmt: skip
    with file.open("rb") as opened:
        found = [(row.row, type(row)) for row in source.read(opened)]
    assert found == [(n, kind) for n in range(2, size + 2) for kind in expected[n % 4]]


def test_the_row_of_another_realm_is_named(tmp_path: Path) -> None:
    wrong = BLOCK_ITEMS + 5
    file = tmp_path / "rows.csv"
    realms = ("exercise" if n == wrong else " production" for n in range(2, 2 * BLOCK_ITEMS))
    file.write_text("\n".join(["accord_realm,keeper,keeper_passport", *(f"{r},k,Q123457" for r in realms), ""]))
    with pytest.raises(SourceRealmError, match=rf"row {wrong}:"):
        import_source(registry(tmp_path), "set", csv_source(file, *mappings(tmp_path, KEEPER)), NOW)
    assert registry(tmp_path).data_sets() == []


def test_snapshot_and_report_do_not_depend_on_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = csv_source(table(tmp_path, 700), *mappings(tmp_path, OWNER, KEEPER))
    found = []
    for size in (1, STEP_ITEMS, 3 * STEP_ITEMS, BLOCK_ITEMS, 4 * BLOCK_ITEMS):
        monkeypatch.setattr(source_module, "BLOCK_ITEMS", size)
        monkeypatch.setattr(source_module, "STEP_ITEMS", min(size, STEP_ITEMS))
        made = registry(tmp_path / str(size))
        (tmp_path / str(size)).mkdir()
        report = import_source(made, "set", source, NOW)
        with made.open("set") as snapshot:
            snapshot.check()
            texts = snapshot.record_texts(np.arange(snapshot.record_count))
            found.append((snapshot.root, texts, report.to_json()))
    assert all(one == found[0] for one in found)
    report = found[0][2]
    assert report["transactions"]["rejected"]["bad-offence"]["rows"] == [
        n for n in range(2, 702) if n % 31 == 0 and n % 41 and n % 29 and n % 23
    ]  # a word that is refused is refused each time
    checked = [n for n in range(2, 702) if n % 3 == 2 and n % 41 and n % 29 and n % 23]
    assert report["kinds"]["iban"]["rejected"]["check-digit"] == {"count": len(checked), "rows": checked[:100]}
    assert report["kinds"]["iban"]["accepted"] == 2


TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)


@given(TEXTS, st.dictionaries(TEXTS, TEXTS, max_size=3))
def test_a_record_is_written_as_json_is(reference: str, display: dict[str, str]) -> None:
    expected = json.dumps({"reference": reference, "display": display}, ensure_ascii=False, separators=(",", ":"))
    assert _text(SourceRecord(1, reference, display, [])) == expected.encode()
