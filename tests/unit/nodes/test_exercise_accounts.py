"""Accounts of an exercise: the same seed gives the same files, and the truth is what plain sums over them give."""

from __future__ import annotations

import csv
import hashlib
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest

from nodes.exercise import REALM, ExerciseError
from nodes.exercise_accounts import CORRIDORS, CURRENCIES, MAX_ACCOUNTS, OFFENCES, AccountsSummary, generate_accounts
from nodes.registry import csv_source, import_source, load_mapping
from nodes.registry.errors import SourceRealmError
from tests.unit.nodes.registry.reading import NOW, identifiers, registry

CODES = {name: code for code, name, other_code, other_name, _ in CORRIDORS for code, name in
         ((code, code), (code, name), (other_code, other_code), (other_code, other_name))}  # fmt: skip


def rows(made: AccountsSummary, agency: int) -> list[dict[str, str]]:
    with made.agencies[agency].records.open(newline="") as file:
        return list(csv.DictReader(file, delimiter=";" if agency % 2 else ","))


def test_the_truth_is_what_the_files_add_up_to(tmp_path: Path) -> None:
    made = generate_accounts(tmp_path, seed=3, size=400, overlap=151, agencies=3)
    held = [{row["iban"].replace(" ", "") for row in rows(made, agency)} for agency in range(3)]
    shared = set.intersection(*held)
    assert len(shared) == 151 and all(len(accounts) == 400 for accounts in held)
    expected = {}
    for agency in range(3):
        moved: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
        holders: dict[tuple[str, str, str], set[str]] = defaultdict(set)
        for row in rows(made, agency):
            account = row["iban"].replace(" ", "")
            corridor = f"{CODES[row['from_country']]}-{CODES[row['to_country']]}"
            if account in shared:
                for cell in ("", ""), ("corridor", corridor), ("offence", row["offence"]):
                    amount = Decimal(row["amount"].replace(",", "."))
                    moved[row["currency"], *cell] += amount * (1 if row["currency"] == "JPY" else 100)
                    holders[row["currency"], *cell].add(account)
        expected |= {(str(agency + 1), *cell): (len(holders[cell]), int(moved[cell])) for cell in moved}
        expected[str(agency + 1), "", "", ""] = (151, 0)
    with made.truth.open(newline="") as file:
        truth = {
            (row["agency"], row["currency"], row["category"], row["value"]): (
                int(row["accounts"]), int(row["minor_units"] or 0),
            )
            for row in csv.DictReader(file)
        }  # fmt: skip
    assert truth == expected
    assert {cell[1] for cell in truth} == {"", *(currency for currency, _ in CURRENCIES)}
    assert {cell[3] for cell in truth if cell[2] == "offence"} == {offence for offence, _ in OFFENCES}
    rare = [count for (_, _, _, value), (count, _) in truth.items() if value == "FRA-MMR"]
    assert rare and max(rare) < 10  # what a minimum suppresses
    assert any(Decimal(row["amount"]) < 0 for row in rows(made, 0))


def test_all_of_it_can_be_imported(tmp_path: Path) -> None:
    made = generate_accounts(tmp_path, seed=1, size=203, overlap=20)
    held = []
    for number, files in enumerate(made.agencies):
        report = import_source(
            registry(tmp_path, REALM), str(number), csv_source(files.records, load_mapping(files.mapping)), NOW
        )
        assert report.transactions.accepted == report.records == len(rows(made, number))
        assert not report.transactions.rejected and report.kinds["iban"].accepted == 203
        with registry(tmp_path, REALM).open(str(number)) as snapshot:
            held.append(set(identifiers(snapshot, "iban")))
    assert len(held[0] & held[1]) == 20
    with pytest.raises(SourceRealmError):
        files = made.agencies[0]
        import_source(registry(tmp_path), "0", csv_source(files.records, load_mapping(files.mapping)), NOW)


def test_some_owners_have_two_accounts(tmp_path: Path) -> None:
    made = generate_accounts(tmp_path, seed=1, size=640, overlap=64)
    owned: dict[str, set[str]] = defaultdict(set)
    for row in rows(made, 0):
        owned[row["owner"]].add(row["iban"])
    assert {len(accounts) for accounts in owned.values()} == {1, 2}
    assert sum(len(accounts) == 2 for accounts in owned.values()) == 640 // 32


def test_the_seed_decides(tmp_path: Path) -> None:
    def digest(name: str, seed: int) -> str:
        made = generate_accounts(tmp_path / name, seed, 50, 9)
        files = [made.truth, *(path for a in made.agencies for path in (a.records, a.mapping))]
        return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()

    assert digest("one", 5) == digest("two", 5) != digest("three", 6)


@pytest.mark.parametrize(("size", "overlap", "agencies"), [(0, 0, 2), (5, 6, 2), (5, 5, 1), (MAX_ACCOUNTS + 1, 0, 2)])
def test_what_cannot_be_made_is_refused(tmp_path: Path, size: int, overlap: int, agencies: int) -> None:
    with pytest.raises(ExerciseError):
        generate_accounts(tmp_path, 1, size, overlap, agencies)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    generate_accounts(tmp_path, 1, 5, 1)
    before = (tmp_path / "accounts-1.csv").read_bytes()
    with pytest.raises(ExerciseError, match="expected no accounts"):
        generate_accounts(tmp_path, 2, 5, 1)
    assert (tmp_path / "accounts-1.csv").read_bytes() == before
