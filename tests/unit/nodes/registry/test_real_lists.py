"""The real lists, imported, against the oracle: kind by kind the same values, the same sizes, the same overlap.

Differences that are meant are named here by rule, counted, and explained in docs/identifiers.md:

- masked: a passport number with "_" for a character that could not be read (OFAC 2024: 1)
- too short: national numbers of three digits (OFAC: 2 in each file)
- check digit: numbers listed as ship numbers whose check digit is wrong (9 in each), or that are shorter (2021: 1)
- no address: a Monero payment id (1 in each), and an Ethereum address with 39 digits (2021: 1)
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from nodes.registry import ImportReport, Registry, Snapshot, import_source, ofac_source, un_source
from protocol.identifiers import KINDS
from tests import oracle
from tests.unit.nodes.registry.reading import NOW, identifiers, plain, registry

PAIRS = [("un-2020", "ofac-2024"), ("un-2020", "ofac-2021"), ("ofac-2024", "ofac-2021")]
DIFFERENCES = {
    ("ofac-2024", "passport"): 1, ("ofac-2024", "passport-number"): 1, ("ofac-2024", "national-id"): 2,
    ("ofac-2024", "imo"): 9, ("ofac-2024", "crypto-wallet"): 1, ("ofac-2021", "national-id"): 2,
    ("ofac-2021", "imo"): 10, ("ofac-2021", "crypto-wallet"): 2,
}  # fmt: skip
# docs/identifiers.md shows these; measured, and compared with the oracle's own numbers below.
SIZES = {
    "un-2020": (221, 302, 91, 0, 0, 0),
    "ofac-2024": (1946, 2145, 2099, 0, 843, 279),
    "ofac-2021": (1369, 1565, 1717, 0, 400, 78),
}
SHARED = {
    ("un-2020", "ofac-2024"): (102, 191, 42, 0, 0, 0),
    ("un-2020", "ofac-2021"): (102, 191, 41, 0, 0, 0),
    ("ofac-2024", "ofac-2021"): (1227, 1417, 1359, 0, 384, 78),
}


def is_refused_on_purpose(kind: str, value: str, raw: str) -> bool:
    """The rules of the list above, written without the product."""
    if kind in ("passport", "passport-number"):
        return "_" in raw
    if kind == "national-id":
        return len(value.partition("|")[2]) < 4
    if kind == "imo":
        digits = [int(c) for c in value]
        return (
            len(digits) != 7 or sum(d * w for d, w in zip(digits, (7, 6, 5, 4, 3, 2), strict=False)) % 10 != digits[6]
        )
    return bool(re.fullmatch("[0-9a-f]{64}|0x[0-9a-f]{39}", value))


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    folder = oracle.data_folder()
    made = registry(tmp_path_factory.mktemp("lists"))
    for name, file in oracle.FILES.items():
        report = import_source(made, name, (un_source if name.startswith("un") else ofac_source)(folder / file), NOW)
        check_report(name, report)
    return made


def check_report(name: str, report: ImportReport) -> None:
    rows = {reason: found.count for reason, found in report.rows.rejected.items()}
    assert rows == {"un-2020": {}, "ofac-2024": {"remarks-truncated": 18}, "ofac-2021": {"remarks-truncated": 5}}[name]
    assert report.records == {"un-2020": 713 + 305, "ofac-2024": 14965, "ofac-2021": 9083}[name]


@pytest.fixture(scope="module")
def snapshots(held: Registry) -> Iterator[dict[str, Snapshot]]:
    opened = {name: held.open(name) for name in oracle.FILES}
    yield opened
    for snapshot in opened.values():
        snapshot.close()


@pytest.fixture(scope="module")
def wanted(held: Registry) -> dict[str, dict[str, set[str]]]:
    """The oracle's values without those that the product refuses on purpose, which are counted here."""
    kept: dict[str, dict[str, set[str]]] = {}
    for name, kinds in oracle.lists().items():
        kept[name] = {}
        for kind, values in kinds.items():
            kept[name][kind] = {v for v, raw in values.items() if not is_refused_on_purpose(kind, v, raw)}
            assert len(values) - len(kept[name][kind]) == DIFFERENCES.get((name, kind), 0), (name, kind)
    return kept


@pytest.mark.parametrize("name", oracle.FILES)
def test_sizes_are_the_oracle_s(
    name: str, snapshots: dict[str, Snapshot], wanted: dict[str, dict[str, set[str]]]
) -> None:
    sizes = tuple(snapshots[name].size(kind) for kind in oracle.KINDS)
    if name == "ofac-2024":
        # One EVM address is listed under ETH and ETC, or ARB and BSC: the oracle, too, compares addresses alone.
        assert sizes[-1] == len(wanted[name]["crypto-wallet"])
    assert sizes == tuple(len(wanted[name][kind]) for kind in oracle.KINDS) == SIZES[name]


@pytest.mark.parametrize("name", oracle.FILES)
def test_numbers_are_the_oracle_s(
    name: str, snapshots: dict[str, Snapshot], wanted: dict[str, dict[str, set[str]]]
) -> None:
    for kind in ("passport-number", "imo"):
        assert {fields[0] for fields in plain(snapshots[name], kind)} == wanted[name][kind]
    for kind in ("passport", "national-id"):
        ours = defaultdict(set)
        for country, number in plain(snapshots[name], kind):
            ours[number].add(country)
        theirs = defaultdict(set)
        for country, _, number in (value.partition("|") for value in wanted[name][kind]):
            theirs[number].add(country)
        assert ours.keys() == theirs.keys()
        assert {n: len(c) for n, c in ours.items()} == {n: len(c) for n, c in theirs.items()}
        code_of, name_of = defaultdict(set), defaultdict(set)
        for number in ours:
            if len(ours[number]) == 1:
                (code,), (word,) = ours[number], theirs[number]
                code_of[word].add(code)
                name_of[code].add(word)
        assert not {w: c for w, c in code_of.items() if len(c) != 1}, "one country as two"
        assert not {c: w for c, w in name_of.items() if len(w) != 1}, "two countries as one"


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_the_plaintext_join_of_the_snapshots_is_the_oracle_s(
    pair: tuple[str, str], snapshots: dict[str, Snapshot], wanted: dict[str, dict[str, set[str]]]
) -> None:
    one, two = (snapshots[name] for name in pair)
    for place, kind in enumerate(oracle.KINDS):
        shared = set(identifiers(one, kind)) & set(identifiers(two, kind))
        assert len(shared) == len(wanted[pair[0]][kind] & wanted[pair[1]][kind]) == SHARED[pair][place], kind
    if pair[0] == "un-2020":
        assert SHARED[pair][1] >= 160


def test_a_hit_shows_the_own_record(snapshots: dict[str, Snapshot]) -> None:
    for name, snapshot in snapshots.items():
        rows = np.arange(0, snapshot.size("passport-number"), 7)
        found = snapshot.records("passport-number", rows)
        assert len(found) == len(rows)
        assert all(records and all(r.reference and r.display["name"] for r in records) for records in found), name


def test_the_record_behind_a_number_is_the_one_that_lists_it(snapshots: dict[str, Snapshot]) -> None:
    text = (oracle.data_folder() / oracle.FILES["un-2020"]).read_text("utf-8")
    listed = next(entry for entry in text.split("<INDIVIDUAL>") if "No. 96/184442" in entry)
    (reference,) = re.findall("<REFERENCE_NUMBER>(.*?)</REFERENCE_NUMBER>", listed)
    un = snapshots["un-2020"]
    row = identifiers(un, "passport-number").index(KINDS["passport-number"].canonicalize("96/184442"))
    assert [r.reference for r in un.records("passport-number", np.array([row]))[0]] == [reference.strip()]


def test_an_identifier_cut_at_the_limit_of_the_field_is_rejected(
    held: Registry, snapshots: dict[str, Snapshot]
) -> None:
    for name, rows in (("ofac-2024", [7514, 7807, 8004, 8382, 8650, 9774, 10133, 10911, 10918, 11002]),
                       ("ofac-2021", [8311, 8604])):  # fmt: skip
        rejected = snapshots[name].report["kinds"]["crypto-wallet"]["rejected"]["truncated"]
        assert rejected == {"count": len(rows), "rows": rows}


def test_every_snapshot_checks(snapshots: dict[str, Snapshot]) -> None:
    for snapshot in snapshots.values():
        snapshot.check()


def test_importing_again_gives_the_same_root(held: Registry, snapshots: dict[str, Snapshot], tmp_path: Path) -> None:
    again = registry(tmp_path)
    import_source(again, "other", un_source(oracle.data_folder() / oracle.FILES["un-2020"]), NOW)
    with again.open("other") as snapshot:
        assert snapshot.root == snapshots["un-2020"].root != snapshots["ofac-2021"].root


def test_the_documentation_shows_these_numbers() -> None:
    text = (Path(__file__).parents[4] / "docs" / "identifiers.md").read_text("utf-8")
    for place, kind in enumerate(oracle.KINDS):
        numbers = [SIZES[name][place] for name in oracle.FILES] + [SHARED[pair][place] for pair in PAIRS]
        assert f"| {kind} | {' | '.join(f'{n:,}' for n in numbers)} |" in text
