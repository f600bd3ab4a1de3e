"""Synthetic agencies: the same seed gives the same files, the truth is true, and production refuses them."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import numpy as np
import pytest

from nodes.exercise import COLUMNS, MAX_PERSONS, REALM, ExerciseError, ExerciseSummary, generate
from nodes.registry import Registry, csv_source, import_source, load_mapping
from nodes.registry.errors import SourceRealmError
from nodes.registry.mapping import parse_mapping
from protocol.identifiers import KINDS
from tests.unit.nodes.registry.reading import NOW, identifiers, registry


def digest(summary: ExerciseSummary) -> str:
    files = [summary.truth, *(p for a in summary.agencies for p in (a.records, a.mapping))]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def imported(folder: Path, summary: ExerciseSummary) -> Registry:
    made = registry(folder, REALM)
    for number, files in enumerate(summary.agencies):
        report = import_source(made, f"agency-{number}", csv_source(files.records, load_mapping(files.mapping)), NOW)
        assert report.records == summary.size
        assert all(not counts.rejected and not counts.merged for counts in report.kinds.values()), (
            "every value is valid"
        )
    return made


@pytest.mark.parametrize(
    ("size", "overlap", "agencies"), [(1, 0, 2), (1, 1, 2), (7, 3, 2), (8, 8, 2), (9, 0, 3), (501, 67, 2), (240, 80, 4)]
)
def test_the_truth_is_the_overlap(tmp_path: Path, size: int, overlap: int, agencies: int) -> None:
    summary = generate(tmp_path, seed=5, size=size, overlap=overlap, agencies=agencies)
    made = imported(tmp_path, summary)
    truth: dict[str, dict[bytes, tuple[str, ...]]] = {kind: {} for kind in KINDS}
    with summary.truth.open(newline="") as file:
        for row in csv.reader(list(file)[1:]):
            kind, country, value, *references = row
            fields = (country, value) if "country" in KINDS[kind].fields else (value,)
            truth[kind][KINDS[kind].canonicalize(*fields)] = tuple(references)
    assert {kind: len(values) for kind, values in truth.items() if values} == summary.shared
    snapshots = [made.open(name) for name in made.data_sets()]
    for kind in KINDS:
        held = [identifiers(snapshot, kind) for snapshot in snapshots]
        assert set.intersection(*map(set, held)) == truth[kind].keys(), kind
        for agency, (snapshot, own) in enumerate(zip(snapshots, held, strict=True)):
            for canonical, references in truth[kind].items():
                (records,) = snapshot.records(kind, np.array([own.index(canonical)]))
                assert [r.reference for r in records] == [references[agency]]
    for one in range(agencies):  # nothing but the truth is shared by any two
        for other in range(one):
            for kind in KINDS:
                pair = set(identifiers(snapshots[one], kind)) & set(identifiers(snapshots[other], kind))
                assert pair == truth[kind].keys()
    for snapshot in snapshots:
        snapshot.close()


def test_every_kind_occurs_and_agencies_write_differently(tmp_path: Path) -> None:
    summary = generate(tmp_path, seed=1, size=600, overlap=600)
    assert summary.shared.keys() == {"passport", "passport-number", "national-id", "iban", "imo", "crypto-wallet"}
    rows = [list(csv.DictReader(a.records.open(newline=""))) for a in summary.agencies]
    assert all(tuple(row) == COLUMNS and row["accord_realm"] == REALM for agency in rows for row in agency)
    for column in ("passport_country", "passport_number", "national_id_number", "iban", "imo", "wallet"):
        written = [{row[column] for row in agency if row[column]} for agency in rows]
        assert all(written) and written[0] != written[1], column
    names = [[row["name"] for row in agency] for agency in rows]
    assert sorted(names[0]) == sorted(names[1]) and names[0] != names[1], "order says nothing"


def test_the_seed_decides(tmp_path: Path) -> None:
    one = generate(tmp_path / "one", seed=7, size=300, overlap=50)
    same = generate(tmp_path / "same", seed=7, size=300, overlap=50)
    other = generate(tmp_path / "other", seed=8, size=300, overlap=50)
    assert digest(one) == digest(same) != digest(other)
    # Bytes must not change with a Python or library release: people compare exercises across machines.
    assert digest(one) == "8ceedc498a1f0c3dd50e94762a7683b8b23e67b0cd2e90f1f4f2094ddb7b3fdd"


def test_a_production_node_refuses_it(tmp_path: Path) -> None:
    files = generate(tmp_path, seed=7, size=20, overlap=5).agencies[0]
    production = registry(tmp_path, "production")
    mapping = load_mapping(files.mapping)
    assert mapping.realm == REALM
    with pytest.raises(SourceRealmError):
        import_source(production, "set", csv_source(files.records, mapping), NOW)
    changed = files.mapping.read_text().replace('realm = "exercise"', 'realm = "production"')
    with pytest.raises(SourceRealmError, match="row 2"):
        import_source(
            production, "set", csv_source(files.records, parse_mapping(changed.encode(), "changed.toml")), NOW
        )
    assert production.data_sets() == []


@pytest.mark.parametrize(
    ("size", "overlap", "agencies"), [(0, 0, 2), (5, 6, 2), (5, -1, 2), (5, 1, 1), (5, 1, 33), (MAX_PERSONS, 0, 2)]
)
def test_sizes_out_of_range(tmp_path: Path, size: int, overlap: int, agencies: int) -> None:
    with pytest.raises(ExerciseError):
        generate(tmp_path / "out", 1, size, overlap, agencies)
    assert not (tmp_path / "out").exists()


def test_nothing_is_overwritten_and_nothing_half_made_stays(tmp_path: Path) -> None:
    (tmp_path / "truth.csv").write_text("mine")
    with pytest.raises(ExerciseError, match="choose an empty folder"):
        generate(tmp_path, 1, 10, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["truth.csv"]
    assert (tmp_path / "truth.csv").read_text() == "mine"
