"""Imports of changes, and versions compared: against sets worked out by hand and by plain Python."""

from __future__ import annotations

import random
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nodes.registry import Snapshot, Source, compare, csv_source, import_source, load_mapping, snapshot
from nodes.registry.errors import (
    DataSetUnknownError,
    MappingError,
    SnapshotProfileError,
    SourceError,
    SourceRealmError,
    VersionUnknownError,
)
from nodes.registry.source import Removal, SourceRecord
from protocol.identifiers import KINDS
from tests.unit.nodes.registry.reading import NOW, identifiers, registry

MAPPING = """
realm = "production"
reference = "ref"
display = ["name"]
[[identifier]]
kind = "passport-number"
number = "passport"
[[identifier]]
kind = "iban"
number = "account"
"""
WHOLE = "ref,name,passport,account\n"
DELTA = "accord_change,ref,name,passport,account\n"
IBAN = "DE89370400440532013000"
FEW = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)

Content = dict[str, list[tuple[dict[str, str], frozenset[tuple[str, bytes]]]]]


def import_text(folder: Path, text: str, *, changes: bool = False):
    file, map_file = folder / "records.csv", folder / "mapping.toml"
    file.write_text(text)
    map_file.write_text(MAPPING)
    return import_source(registry(folder), "set", csv_source(file, load_mapping(map_file), changes=changes), NOW)


def held(opened: Snapshot) -> Content:
    """What a snapshot holds, by reference: display and identifiers of each record."""
    values: dict[int, set[tuple[str, bytes]]] = defaultdict(set)
    for kind in KINDS:
        if opened.size(kind):
            holders = opened.holders(kind, np.arange(opened.size(kind)))
            for row, canonical in enumerate(identifiers(opened, kind)):
                for number in holders.numbers[holders.bounds[row] : holders.bounds[row + 1]].tolist():
                    values[number].add((kind, canonical))
    content: Content = defaultdict(list)
    for number, text in enumerate(opened.record_texts(np.arange(opened.record_count))):
        record = opened._record(text)
        content[record.reference].append((dict(record.display), frozenset(values[number])))
    return content


def test_changes_add_replace_and_remove(tmp_path: Path) -> None:
    import_text(
        tmp_path, WHOLE + f"1,Alfa,A1000001,\n2,Bravo,B1000001,{IBAN}\n3,Charlie,A1000001,\n3,Charlie,C1000003,\n"
    )
    report = import_text(tmp_path, DELTA
        + "add,4,Delta,B1000001,\n"
        + "REMOVE,3,,,\n"
        + "replace,2,Bravo B,B2000002,\n"
        + "replace,5,Echo,E1000005,\n"
        + "remove,9,,,\n"
        + "add,1,Alfa A,A3000003,\n"
        + "delete,1,,,\n"
        + "add,,Nobody,N1000001,\n", changes=True)  # fmt: skip
    assert report.records == 5
    assert report.to_json()["changes"] == {"base": 1, "added": 4, "removed": 3}
    assert {reason: found.rows for reason, found in report.rows.rejected.items()} == {
        "unknown-reference": [6], "reference-already-held": [7], "unknown-change": [8], "no-reference": [9],
    }  # fmt: skip
    assert {k: (c.accepted, c.merged) for k, c in report.kinds.items() if c.accepted} == {"passport-number": (5, 0)}
    with registry(tmp_path).open("set") as opened:
        opened.check()
        shown = {r: [(d["name"], sorted(v.decode()[2:] for _, v in i)) for d, i in c] for r, c in held(opened).items()}
        assert shown == {
            "1": [("Alfa A", ["A3000003"]), ("Alfa", ["A1000001"])],
            "2": [("Bravo B", ["B2000002"])],
            "4": [("Delta", ["B1000001"])],
            "5": [("Echo", ["E1000005"])],
        }
        assert opened.version == 2 and opened.size("iban") == 0
        assert opened.report == report.to_json()


def test_a_removal_never_concerns_what_its_own_source_adds(tmp_path: Path) -> None:
    import_text(tmp_path, WHOLE + "1,Alfa,A1000001,\n2,Bravo,B1000001,\n")
    for rows in ("remove,1,,,\nadd,1,New,A2000002,\n", "add,1,New,A2000002,\nremove,1,,,\n"):
        import_text(tmp_path, DELTA + rows, changes=True)
        with registry(tmp_path).open("set") as opened:
            assert [d["name"] for d, _ in held(opened)["1"]] == ["New"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (f"1,Alfa,,{IBAN[:-1]}\n2,Bravo,,{IBAN[:-2]}\n", r"none to keep \(iban [a-z-]+ in 2, first in row 2\)"),
        ("short\n", r"expected records, got none to keep \(row [a-z-]+ in 1, first in row 2\)"),
    ],
)
def test_a_file_whose_identifiers_are_all_rejected_leaves_the_data_set(tmp_path: Path, rows: str, message: str) -> None:
    import_text(tmp_path, WHOLE + "1,Alfa,A1000001,\n")
    with pytest.raises(SourceError, match=message):
        import_text(tmp_path, WHOLE + rows)
    with registry(tmp_path).open("set") as opened:
        assert opened.version == 1


def test_records_without_identifiers_are_a_data_set(tmp_path: Path) -> None:
    assert import_text(tmp_path, WHOLE + "1,Alfa,,\n2,Bravo,,\n").records == 2


def test_changes_that_cannot_be_applied_leave_the_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataSetUnknownError):
        import_text(tmp_path, DELTA + "add,1,Alfa,A1000001,\n", changes=True)
    import_text(tmp_path, WHOLE + "1,Alfa,A1000001,\n")
    before = {path.name: path.read_bytes() for path in (tmp_path / "registry" / "set").iterdir()}
    for text, changes, message in (
        (DELTA + "add,1,Alfa,A1000001,\n", False, "import them with --update"),
        (WHOLE + "1,Alfa,A1000001,\n", True, "expected a column accord_change"),
        (DELTA + "remove,1,,,\n", True, "got none to keep"),
    ):
        with pytest.raises(SourceError, match=message):
            import_text(tmp_path, text, changes=changes)
    monkeypatch.setattr("nodes.registry.registry.profile_hash", lambda: bytes(64))
    with pytest.raises(SnapshotProfileError):
        import_text(tmp_path, DELTA + "add,2,Alfa,A1000001,\n", changes=True)
    assert {path.name: path.read_bytes() for path in (tmp_path / "registry" / "set").iterdir()} == before


def test_changes_of_the_other_realm_are_refused(tmp_path: Path) -> None:
    import_text(tmp_path, WHOLE + "1,Alfa,A1000001,\n")
    source = csv_source(tmp_path / "records.csv", load_mapping(tmp_path / "mapping.toml"), changes=True)
    with pytest.raises(SourceRealmError):
        import_source(registry(tmp_path, "exercise"), "set", source, NOW)


references = st.sampled_from([f"r{i}" for i in range(8)])
numbers = st.lists(st.sampled_from([f"A{i:06}7" for i in range(12)]), max_size=3)
records = st.tuples(references, st.sampled_from(["x", "y"]), numbers)
changes = st.lists(st.tuples(st.sampled_from(["add", "replace", "remove"]), records), max_size=12)


def rows_of(things):
    for row, (change, (reference, name, values)) in enumerate(things, 1):
        if change != "add":
            yield Removal(row, reference, replaced=change == "replace")
        if change != "remove":
            yield SourceRecord(row, reference, {"name": name}, [("passport-number", (v,)) for v in values])


def content_of(things) -> Content:
    content: Content = defaultdict(list)
    for change, (reference, name, values) in things:
        if change != "remove":
            found = frozenset(("passport-number", KINDS["passport-number"].canonicalize(v)) for v in values)
            content[reference].append(({"name": name}, found))
    return content


def plain(content: Content) -> dict[str, list[str]]:
    return {
        reference: sorted(str((shown, sorted(values))) for shown, values in held) for reference, held in content.items()
    }


@FEW
@given(first=st.lists(records, min_size=1, max_size=10), then=changes, block=st.sampled_from([1, 2, 7, 1 << 15]))
def test_any_changes_give_what_sets_give(tmp_path_factory, first, then, block) -> None:
    folder = tmp_path_factory.mktemp("changes")
    (folder / "source").write_bytes(b"x")
    made = registry(folder)
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr(snapshot, "BLOCK_ITEMS", block)
    whole = [("add", record) for record in first]
    import_source(made, "set", Source(folder / "source", "t", "production", lambda _: rows_of(whole)), NOW)
    source = Source(folder / "source", "t", "production", lambda _: rows_of(then), changes=True)
    gone = {reference for change, (reference, _, _) in then if change != "add"}
    before = content_of(whole)
    after = {reference: found for reference, found in before.items() if reference not in gone}
    for reference, found in content_of(then).items():
        after[reference] = found + after.get(reference, [])
    try:
        report = import_source(made, "set", source, NOW)
    except SourceError:
        assert not after
        return
    finally:
        monkeypatch.undo()
    assert report.records == sum(map(len, after.values()))
    with made.inspect("set", 1) as old, made.open("set") as new:
        assert plain(held(new)) == plain(after)
        new.check()
        values = report.kinds["passport-number"]
        added = [v for change, (_, _, vs) in then if change != "remove" for v in vs]
        kept = {v for r, found in before.items() if r not in gone for _, vs in found for v in vs}
        assert values.accepted == len({v for found in after.values() for _, vs in found for v in vs})
        assert values.merged == len(added) - (values.accepted - len(kept))
        monkeypatch.setattr(snapshot, "BLOCK_ITEMS", block)
        found = compare(old, new)
        monkeypatch.undo()
        check_diff(found, before, after)


def check_diff(found, before: Content, after: Content) -> None:
    assert set(found.added) == after.keys() - before.keys() and set(found.removed) == before.keys() - after.keys()
    assert set(found.changed) == {
        r for r in before.keys() & after.keys() if stands_for(before[r]) != stands_for(after[r])
    }
    assert all(len(set(names)) == len(names) for names in (found.added, found.removed, found.changed))
    for change in found.kinds:
        old, new = (
            {v for c in side.values() for _, vs in c for k, v in vs if k == change.kind} for side in (before, after)
        )
        assert (change.before, change.after) == (len(old), len(new))
        assert (change.added, change.removed) == (len(new - old), len(old - new))


def stands_for(held) -> tuple[list[str], set[tuple[str, bytes]]]:
    """What a reference stands for: what is shown of its records, and their identifiers together."""
    return sorted(str(shown) for shown, _ in held), {value for _, values in held for value in values}


def test_a_version_compared_with_itself_differs_in_nothing(tmp_path: Path) -> None:
    import_text(tmp_path, WHOLE + "".join(f"{i},P{i},A{i:07},\n" for i in range(100)))
    with registry(tmp_path).open("set") as opened:
        found = compare(opened, opened)
    assert found.added == found.removed == found.changed == () and found.same_profile
    assert all(change.added == change.removed == 0 for change in found.kinds)


def test_large_versions_are_compared_block_by_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(4)
    rows = {i: (f"P{i}", f"A{chance.randrange(10**7):07}") for i in range(3000)}
    import_text(tmp_path, WHOLE + "".join(f"{i},{n},{p},\n" for i, (n, p) in rows.items()))
    gone, renamed, moved = set(range(300)), set(range(300, 350)), set(range(400, 470))
    later = {i: row for i, row in rows.items() if i not in gone}
    later |= {i: ("Renamed", rows[i][1]) for i in renamed} | {i: (rows[i][0], f"Z{i:07}") for i in moved}
    later |= {i: (f"P{i}", f"N{i:07}") for i in range(5000, 5020)}
    import_text(tmp_path, WHOLE + "".join(f"{i},{n},{p},\n" for i, (n, p) in reversed(later.items())))
    monkeypatch.setattr(snapshot, "BLOCK_ITEMS", 97)
    made = registry(tmp_path)
    assert made.versions("set") == [1, 2]
    with made.inspect("set", 1) as old, made.inspect("set", 2) as new:
        found = compare(old, new)
    (change,) = [c for c in found.kinds if c.kind == "passport-number"]
    old_values, new_values = {p for _, p in rows.values()}, {p for _, p in later.values()}
    assert (change.added, change.removed) == (len(new_values - old_values), len(old_values - new_values))
    assert set(map(int, found.changed)) == renamed | moved
    assert set(map(int, found.removed)) == gone and set(map(int, found.added)) == set(range(5000, 5020))
    for version in (0, 3):
        with pytest.raises(VersionUnknownError, match=r"kept \(1, 2\)"):
            made.inspect("set", version)
    with pytest.raises(DataSetUnknownError):
        made.versions("other")


BASE = WHOLE + "".join(f"{i},P{i},A{i:06}7,\n" for i in range(12))
CHANGED = DELTA + "".join(f"{('add', 'replace', 'remove')[i % 3]},{i},Q{i},B{i:06}7,\n" for i in range(4, 16))
REASONS = {
    "wrong-column-count",
    "bad-quoting",
    "no-reference",
    "unknown-change",
    "unknown-reference",
    "reference-already-held",
}


@FEW
@given(
    st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 40), st.binary(max_size=5) | st.just(b"remove,")),
        max_size=4,
    )
)
def test_damaged_changes_are_applied_as_far_as_they_go_or_not_at_all(tmp_path_factory, edits) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    import_text(folder, BASE)
    content = CHANGED.encode()
    for place, length, new in edits:
        at = int(place * len(content))
        content = content[:at] + new + content[at + length :]
    (folder / "records.csv").write_bytes(content)
    source = csv_source(folder / "records.csv", load_mapping(folder / "mapping.toml"), changes=True)
    try:
        report = import_source(registry(folder), "set", source, NOW)
    except (SourceError, MappingError) as error:
        assert "records.csv" in str(error) and len(str(error)) < 300
        assert registry(folder).versions("set") == [1]
        return
    assert set(report.rows.rejected) <= REASONS and report.changes is not None
    assert 12 - report.changes.removed + report.changes.added == report.records
    with registry(folder).inspect("set", 1) as old, registry(folder).open("set") as new_version:
        new_version.check()
        check_diff(compare(old, new_version), held(old), held(new_version))
