"""People of an exercise: the same seed gives the same files, and names meet across scripts as often as they should."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from nodes.exercise import REALM, ExerciseError
from nodes.exercise_people import COLUMNS, MAX_PEOPLE, PeopleSummary, generate_people
from nodes.registry import csv_source, import_source, load_mapping
from nodes.registry.errors import SourceRealmError
from tests.unit.nodes.registry.reading import NOW, identifiers, registry


def pairs(folder: Path, made: PeopleSummary, kind: str) -> set[tuple[str, str]]:
    """The pairs of references that share a value of a kind."""
    registered = registry(folder, REALM)
    held = []
    for number, files in enumerate(made.agencies):
        if str(number) not in registered.data_sets():
            report = import_source(registered, str(number), csv_source(files.records, load_mapping(files.mapping)), NOW)
            assert {k for k, c in report.kinds.items() if c.rejected} <= {"name-dob"}
            assert set(report.kinds["name-dob"].rejected) <= {"not-distinctive"}
        with registered.open(str(number)) as snapshot:
            values = identifiers(snapshot, kind)
            records = snapshot.records(kind, np.arange(len(values)))
            held.append({value: [r.reference for r in rs] for value, rs in zip(values, records, strict=True)})
    return {(a, b) for value in held[0].keys() & held[1].keys() for a in held[0][value] for b in held[1][value]}


def test_shared_people_are_found_across_scripts(tmp_path: Path) -> None:
    made = generate_people(tmp_path, seed=3, size=1500, overlap=600)
    with made.truth.open(newline="") as file:
        truth = {(row["agency_1"], row["agency_2"]): row for row in csv.DictReader(file)}
    assert len(truth) == 600
    for kind in ("phone", "e-mail", "imei"):
        assert pairs(tmp_path, made, kind) == truth.keys(), kind
    found = pairs(tmp_path, made, "name-dob")
    right = found & truth.keys()
    assert len(right) >= 0.97 * len(found)
    by = {column: Counter(truth[pair][column] for pair in right) for column in ("script", "difficulty")}
    all_by = {column: Counter(row[column] for row in truth.values()) for column in ("script", "difficulty")}
    for script in ("latin", "arabic", "cyrillic"):
        assert by["script"][script] >= 0.9 * all_by["script"][script] > 100, script
    assert by["difficulty"]["none"] >= 0.97 * all_by["difficulty"]["none"]
    assert by["difficulty"]["day and month exchanged"] >= 0.9 * all_by["difficulty"]["day and month exchanged"] > 0
    assert all(all_by["difficulty"].values()) and len(all_by["difficulty"]) == 5


def test_the_seed_decides(tmp_path: Path) -> None:
    def digest(name: str, seed: int) -> str:
        made = generate_people(tmp_path / name, seed, 200, 50)
        files = [made.truth, *(path for a in made.agencies for path in (a.records, a.mapping))]
        return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()

    assert digest("one", 7) == digest("same", 7) != digest("other", 8)


def test_every_row_carries_the_mark_of_an_exercise(tmp_path: Path) -> None:
    files = generate_people(tmp_path, 1, 20, 5).agencies[1]
    with files.records.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 20 and all(tuple(row) == COLUMNS and row["accord_realm"] == REALM for row in rows)
    with pytest.raises(SourceRealmError):
        import_source(
            registry(tmp_path, "production"), "set", csv_source(files.records, load_mapping(files.mapping)), NOW
        )


@pytest.mark.parametrize(("size", "overlap"), [(0, 0), (5, 6), (5, -1), (MAX_PEOPLE + 1, 0)])
def test_sizes_out_of_range(tmp_path: Path, size: int, overlap: int) -> None:
    with pytest.raises(ExerciseError):
        generate_people(tmp_path / "out", 1, size, overlap)
    assert not (tmp_path / "out").exists()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    generate_people(tmp_path, 1, 1, 1)
    with pytest.raises(ExerciseError):
        generate_people(tmp_path, 2, 1, 1)
