"""Snapshots and the pointer to them: what an import changes, what a crash leaves, what a reader keeps."""

from __future__ import annotations

import fcntl
import os
import random
import resource
import struct
from datetime import timedelta, timezone
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import nodes.registry.registry as registry_module
from nodes.errors import StorageError
from nodes.registry import Registry, Source, import_source, snapshot_writer
from nodes.registry.columns import ColumnBuilder
from nodes.registry.errors import (
    DataSetNameError,
    DataSetUnknownError,
    ImportRunningError,
    SnapshotError,
    SnapshotFormatError,
    SnapshotProfileError,
    SourceError,
)
from nodes.registry.snapshot import file_context
from nodes.registry.snapshot_writer import SnapshotWriter
from nodes.registry.source import SourceRecord
from nodes.sealed import CHUNK_BYTES, HEADER_BYTES, SealedFileError, SealedReader
from protocol.identifiers import KINDS
from tests.unit.nodes.registry.reading import KEY, NOW, identifiers, registry

SECRET = "A7654321X"


def source(folder: Path, numbers: list[str], *, fails: bool = False) -> Source:
    """A source without a format: one record per number."""
    file = folder / "source"
    file.write_bytes(b"x")

    def read(_file):
        for row, number in enumerate(numbers, 1):
            yield SourceRecord(row, f"ref-{row}", {"name": f"Person {row}"}, [("passport-number", (number,))])
        if fails:
            raise SourceError("source: expected more, got the end")

    return Source(file, "test", "production", read)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "registry" / "set").iterdir())


@pytest.mark.parametrize("size", [1, 7, 8, 9, 255, 1001])
def test_items_of_any_range_are_those_that_were_imported(tmp_path: Path, size: int) -> None:
    numbers = [f"Z{i * 7919 % 100_003:06}" for i in range(size)]
    report = import_source(registry(tmp_path), "set", source(tmp_path, numbers), NOW)
    assert report.kinds["passport-number"].accepted == size
    kind = KINDS["passport-number"]
    want = sorted(kind.canonicalize(number) for number in numbers)
    with registry(tmp_path).open("set") as snapshot:
        assert snapshot.size("passport-number") == size
        assert snapshot.size("iban") == snapshot.size("no such kind") == 0
        for first in {0, 1, size // 2, size - 1, size}:
            for count in {0, 1, 7, size - first}:
                if first + count > size:
                    with pytest.raises(ValueError, match="expected a range"):
                        snapshot.items("passport-number", first, count)
                    continue
                items = snapshot.items("passport-number", first, count)
                assert len(items) == count
                offsets = struct.unpack(f"<{count + 1}I", bytes(items.offsets))
                assert [bytes(items.data)[a:b] for a, b in pairwise(offsets)] == want[first : first + count]
        rows = np.arange(size)[:: max(1, size // 5)]
        for row, records in zip(rows.tolist(), snapshot.records("passport-number", rows), strict=True):
            place = next(i for i, number in enumerate(numbers) if kind.canonicalize(number) == want[row])
            assert [(r.reference, r.display) for r in records] == [
                (f"ref-{place + 1}", {"name": f"Person {place + 1}"})
            ]
        with pytest.raises(ValueError, match="expected rows"):
            snapshot.records("passport-number", np.array([size]))
        assert (snapshot.version, snapshot.realm, snapshot.created_at) == (1, "production", "2026-01-31T08:00:00+00:00")


def test_columns_agree_with_plain_sorting() -> None:
    chance = random.Random(5)
    kind = KINDS["crypto-wallet"]
    values = [kind.canonicalize(f"0x{chance.randbytes(19).hex()}{'00' if i % 3 else 'ff'}") for i in range(500)]
    values += [KINDS["passport-number"].canonicalize(str(10**i + i)) for i in range(4, 30)]
    pairs = sorted((record, chance.choice(values)) for record in range(3000))
    builder = ColumnBuilder()
    for record, value in pairs:
        builder.add(value, [len(value)], [record])
        if record % 5 == 0:
            builder.add(value, [len(value)], [record])  # the same value twice in one record
    column = builder.column()
    held = sorted({value for _, value in pairs})
    offsets = column.offsets.tolist()
    assert [column.data[a:b] for a, b in pairwise(offsets)] == held
    for i, value in enumerate(held):
        holders = column.holders[column.holder_offsets[i] : column.holder_offsets[i + 1]].tolist()
        assert holders == [record for record, v in pairs if v == value]


def test_rows_in_any_share_are_those_of_single_reads(tmp_path: Path) -> None:
    chance = random.Random(9)
    numbers = [f"Z{chance.randrange(2500):06}" for _ in range(3001)]  # some are held by several records
    import_source(registry(tmp_path), "set", source(tmp_path, numbers), NOW)
    with registry(tmp_path).open("set") as snapshot:
        size = snapshot.size("passport-number")
        single = [snapshot.items("passport-number", row, 1) for row in range(size)]
        for share in (0, 0.001, 0.5, 1):
            rows = np.flatnonzero(np.random.default_rng(1).random(size) < share)
            picked = snapshot.pick("passport-number", rows)
            assert bytes(picked.data) == b"".join(bytes(single[row].data) for row in rows.tolist())
            ends = np.cumsum([0] + [len(bytes(single[row].data)) for row in rows.tolist()])
            assert np.array_equal(np.frombuffer(bytes(picked.offsets), "<u4"), ends)
            records = snapshot.records("passport-number", rows)
            assert snapshot.holder_counts("passport-number", rows).tolist() == list(map(len, records))
            assert [r for row in rows.tolist() for r in snapshot.records("passport-number", np.array([row]))] == records
            held = snapshot.holders("passport-number", rows, 1)
            assert held.bounds.tolist() == list(range(len(rows) + 1))
            first = [f'{{"reference":"{r[0].reference}"'.encode() for r in records]
            assert [
                text[: len(begin)] for text, begin in zip(snapshot.record_texts(held.numbers), first, strict=True)
            ] == first
            references = snapshot.references("passport-number", 0, size)
            ends = np.frombuffer(bytes(references.offsets), "<u4").tolist()
            assert [bytes(references.data)[ends[r] : ends[r + 1]].decode() for r in rows.tolist()] == [
                r[0].reference for r in records
            ]
        with pytest.raises(ValueError, match="ascending"):
            snapshot.pick("passport-number", np.array([3, 3]))
        for kind in ("iban", "no such kind"):
            nothing = np.zeros(0, np.uint32)
            assert len(snapshot.pick(kind, nothing)) == len(snapshot.references(kind, 0, 0)) == 0
            assert snapshot.records(kind, nothing) == snapshot.record_texts(nothing.astype(np.int64)) == []


def test_a_pass_over_many_records_opens_each_chunk_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = [f"Z{i * 7919 % 100_003:06}" for i in range(10_000)]
    import_source(registry(tmp_path), "set", source(tmp_path, numbers), NOW)
    with registry(tmp_path).open("set") as snapshot:
        opened: list[int] = []
        chunk = SealedReader._chunk

        def counting(reader: SealedReader, number: int) -> bytes:
            if reader._opened[0] != number:
                opened.append(number)
            return chunk(reader, number)

        monkeypatch.setattr(SealedReader, "_chunk", counting)
        rows = np.arange(snapshot.size("passport-number"))
        held = snapshot.holders("passport-number", rows)
        opened.clear()
        assert len(snapshot.record_texts(held.numbers)) == 10_000
        records, offsets = snapshot.record_bytes // CHUNK_BYTES + 1, 8 * 10_001 // CHUNK_BYTES + 2
        assert records > 5 and len(opened) <= records + offsets


def test_a_reference_on_several_lines_is_one_in_notes(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"x")
    row = SourceRecord(1, "Case\n7\u202e/é" + "x" * 100, {}, [("passport-number", ("A1234567",))])
    import_source(registry(tmp_path), "set", Source(tmp_path / "source", "t", "production", lambda _: iter([row])), NOW)
    with registry(tmp_path).open("set") as snapshot:
        assert bytes(snapshot.references("passport-number", 0, 1).data).decode() == "Case 7 /é" + "x" * 54
        assert snapshot.records("passport-number", np.array([0]))[0][0].reference == row.reference


def test_a_snapshot_of_another_format_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = registry(tmp_path)
    monkeypatch.setattr(snapshot_writer, "FORMAT", 1)
    import_source(made, "set", source(tmp_path, ["A1000001"]), NOW)
    for opening in (made.open, made.inspect):
        with pytest.raises(SnapshotFormatError, match=r"version 1 of set in a snapshot format among \(2, 3\)"):
            opening("set")


def test_no_values_make_an_empty_column() -> None:
    column = ColumnBuilder().column()
    assert len(column) == 0 and column.offsets.tolist() == [0] and column.holder_offsets.tolist() == [0]


def test_an_import_replaces_the_whole_and_keeps_one_version_back(tmp_path: Path) -> None:
    made = registry(tmp_path)
    roots = []
    for version in range(1, 5):
        report = import_source(made, "set", source(tmp_path, [f"A{version}00000{version}"]), NOW)
        assert report.version == version
        with made.open("set") as snapshot:
            assert identifiers(snapshot, "passport-number") == [
                KINDS["passport-number"].canonicalize(f"A{version}00000{version}")
            ]
            roots.append(snapshot.root)
    assert len(set(roots)) == 4
    assert files(tmp_path) == ["00000003.snapshot", "00000004.snapshot", "current", "import.lock"]
    assert made.data_sets() == ["set"]


def test_an_open_snapshot_outlives_any_number_of_imports(tmp_path: Path) -> None:
    made = registry(tmp_path)
    import_source(made, "set", source(tmp_path, [f"A{i:06}7" for i in range(20_000)]), NOW)
    with made.open("set") as old:
        for i in range(3):
            import_source(made, "set", source(tmp_path, [f"B{i}000001"]), NOW)
        assert "00000001.snapshot" not in files(tmp_path)
        assert len(identifiers(old, "passport-number")) == 20_000
        old.check()


def test_the_root_depends_on_identifiers_alone(tmp_path: Path) -> None:
    made = registry(tmp_path)
    numbers = [f"A{i:06}7" for i in range(100)]
    later = NOW.astimezone(timezone(timedelta(hours=5))) + timedelta(days=1)
    import_source(made, "one", source(tmp_path, numbers), NOW)
    import_source(made, "two", source(tmp_path, numbers[::-1] + numbers), later)
    import_source(made, "three", source(tmp_path, numbers[1:]), NOW)
    roots = []
    for name in ("one", "two", "three"):
        with made.open(name) as snapshot:
            roots.append(snapshot.root)
            assert len(snapshot.root) == 64
    assert roots[0] == roots[1] != roots[2]


def test_a_failing_source_leaves_everything_as_it_was(tmp_path: Path) -> None:
    made = registry(tmp_path)
    with pytest.raises(SourceError):
        import_source(made, "set", source(tmp_path, ["A1000001"], fails=True), NOW)
    assert made.data_sets() == []
    with pytest.raises(DataSetUnknownError):
        made.open("set")
    import_source(made, "set", source(tmp_path, ["A1000001"]), NOW)
    before = files(tmp_path)
    with pytest.raises(SourceError):
        import_source(made, "set", source(tmp_path, [f"B{i:06}" for i in range(50_000)], fails=True), NOW)
    assert files(tmp_path) == before


def test_an_import_that_cannot_be_recorded_does_not_happen(tmp_path: Path) -> None:
    made = registry(tmp_path)
    import_source(made, "set", source(tmp_path, ["A1000001"]), NOW)
    before = files(tmp_path)

    def record(report) -> None:
        assert (report.version, report.kinds["passport-number"].accepted) == (2, 1)
        raise StorageError("expected room for the ledger, got none")

    with pytest.raises(StorageError):
        import_source(made, "set", source(tmp_path, ["B1000001"]), NOW, record=record)
    assert files(tmp_path) == before
    with made.open("set") as snapshot:
        assert snapshot.version == 1


def test_a_full_disk_is_one_clear_error_and_leaves_the_old_snapshot(tmp_path: Path) -> None:
    made = registry(tmp_path)
    import_source(made, "set", source(tmp_path, ["A1000001"]), NOW)
    before = files(tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 17, limits[1]))
    try:
        with pytest.raises(StorageError, match="File too large"):
            import_source(made, "set", source(tmp_path, [f"B{i:06}" for i in range(10_000)]), NOW)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert files(tmp_path) == before


def test_one_import_at_a_time(tmp_path: Path) -> None:
    made = registry(tmp_path)
    with made.importing("set"), pytest.raises(ImportRunningError):
        import_source(made, "set", source(tmp_path, ["A1000001"]), NOW)
    import_source(made, "set", source(tmp_path, ["A1000001"]), NOW)
    lock = os.open(tmp_path / "registry" / "set" / "import.lock", os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ImportRunningError):
            import_source(made, "set", source(tmp_path, ["A1000001"]), NOW)
        import_source(made, "other", source(tmp_path, ["A1000001"]), NOW)
        with made.open("set") as snapshot:
            assert snapshot.version == 1
    finally:
        os.close(lock)


def test_what_a_crash_leaves_is_removed_and_never_read(tmp_path: Path) -> None:
    made = registry(tmp_path)
    import_source(made, "set", source(tmp_path, ["A1000001"]), NOW)
    folder = tmp_path / "registry" / "set"
    (folder / ".00000002.snapshot.0123456789abcdef.new").write_bytes(b"half")  # killed while it wrote
    with SnapshotWriter(folder / "00000007.snapshot", KEY, "set", 7):
        pass  # killed between the snapshot and the pointer
    with made.open("set") as snapshot:
        assert snapshot.version == 1
    assert import_source(made, "set", source(tmp_path, ["B1000001"]), NOW).version == 8
    assert files(tmp_path) == ["00000001.snapshot", "00000008.snapshot", "current", "import.lock"]


def test_a_known_identifier_and_record_rest_encrypted(tmp_path: Path) -> None:
    import_source(registry(tmp_path), "set", source(tmp_path, [SECRET] * 3000), NOW)
    for path in (tmp_path / "registry").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert SECRET.encode() not in content and b"Person" not in content
            assert path.stat().st_mode & 0o077 == 0
        else:
            assert path.stat().st_mode & 0o077 == 0
    assert KEY.hex() not in repr(registry(tmp_path)) and repr(KEY) not in repr(registry(tmp_path))


def test_a_snapshot_cannot_stand_in_for_another(tmp_path: Path) -> None:
    made = registry(tmp_path)
    for name in ("set", "other"):
        import_source(made, name, source(tmp_path, ["A1000001"]), NOW)
    folder = tmp_path / "registry"
    (folder / "set" / "00000001.snapshot").write_bytes((folder / "other" / "00000001.snapshot").read_bytes())
    with pytest.raises(SealedFileError):
        made.open("set")
    with pytest.raises(SealedFileError):
        Registry(folder, bytes(32), "production").open("other")


def test_damage_is_found_where_it_is_read(tmp_path: Path) -> None:
    made = registry(tmp_path)
    import_source(made, "set", source(tmp_path, [f"A{i:06}7" for i in range(20_000)]), NOW)
    path = tmp_path / "registry" / "set" / "00000001.snapshot"
    raw = bytearray(path.read_bytes())
    raw[HEADER_BYTES + 5] ^= 1  # in the first records
    path.write_bytes(raw)
    with made.open("set") as snapshot:
        snapshot.items("passport-number", 19_000, 10)
        with pytest.raises(SealedFileError):
            snapshot.check()


def test_a_file_that_is_sealed_and_still_wrong_is_refused(tmp_path: Path) -> None:
    made = registry(tmp_path)
    import_source(made, "set", source(tmp_path, ["A1000001"]), NOW)
    from nodes.sealed import SealedWriter

    for content in (b"", b"abc", b"\xff\xff\xff\xff", b"{}\x02\0\0\0", b"[]\x02\0\0\0", b"nojson\x06\0\0\0"):
        with SealedWriter(tmp_path / "registry" / "set" / "00000001.snapshot", KEY, file_context("set", 1)) as writer:
            writer.write(content)
        with pytest.raises(SnapshotError):
            made.open("set")


def test_a_snapshot_of_an_older_profile_is_shown_and_not_queried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = registry(tmp_path)
    import_source(made, "set", source(tmp_path, ["A1000001"]), NOW)
    monkeypatch.setattr(registry_module, "profile_hash", lambda: bytes(64))
    with pytest.raises(SnapshotProfileError):
        made.open("set")
    with made.inspect("set") as snapshot:
        assert snapshot.size("passport-number") == 1


@pytest.mark.parametrize("name", ["", ".", "..", "../set", "a/b", "A", "-a", "a-", "x" * 65, "ä", "a\n", "a b"])
def test_names_that_no_data_set_has(tmp_path: Path, name: str) -> None:
    made = registry(tmp_path)
    for call in (lambda: made.open(name), lambda: import_source(made, name, source(tmp_path, ["A1000001"]), NOW)):
        with pytest.raises(DataSetNameError):
            call()
    assert list(tmp_path.glob("registry/*")) == []


@pytest.mark.parametrize("content", [b"", b"x", b"0", b"-1", b"1e3", b"999999999", b"../../etc"])
def test_a_pointer_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    made = registry(tmp_path)
    import_source(made, "set", source(tmp_path, ["A1000001"]), NOW)
    (tmp_path / "registry" / "set" / "current").write_bytes(content)
    with pytest.raises(SnapshotError):
        made.open("set")


def test_a_pointer_to_nothing_is_refused(tmp_path: Path) -> None:
    made = registry(tmp_path)
    import_source(made, "set", source(tmp_path, ["A1000001"]), NOW)
    (tmp_path / "registry" / "set" / "current").write_bytes(b"5\n")
    with pytest.raises(SnapshotError):
        made.open("set")


def test_no_registry_yet_is_an_empty_one(tmp_path: Path) -> None:
    assert registry(tmp_path).data_sets() == []
    with pytest.raises(DataSetUnknownError):
        registry(tmp_path).open("set")


def test_progress_is_told(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    numbers = [f"A{i:06}7" for i in range(10_000)]
    import_source(registry(tmp_path), "set", source(tmp_path, numbers), NOW, progress=lambda b, n: seen.append((b, n)))
    assert [n for _, n in seen] == [4096, 8192]
