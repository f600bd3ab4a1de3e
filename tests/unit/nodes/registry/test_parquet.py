"""Parquet through mapping files: the same records as the same table in CSV, and damage that is always an error."""

from __future__ import annotations

import csv
import datetime
import io
import random
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nodes.registry import csv_source, import_source, load_mapping, parquet_source
from nodes.registry.errors import MappingError, ReaderMissingError, SourceError, SourceRealmError
from nodes.registry.mapping import parse_mapping
from nodes.registry.source import MAX_FIELD_CHARACTERS, RejectedRow, Removal, SourceRecord
from tests.unit.nodes.registry.reading import NOW, registry

pa = pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
pq = pytest.importorskip("pyarrow.parquet")

TEXT = """
realm = "production"
reference = "ref"
display = ["name", "born"]
[[identifier]]
kind = "passport"
country = "issuer"
number = "passport"
[[identifier]]
kind = "iban"
number = "account"
"""
MAPPING = parse_mapping(TEXT.encode(), "mapping.toml")
COLUMNS = ("ref", "name", "born", "issuer", "passport", "account")
EXAMPLES = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)


def table(size: int, **more: Any) -> Any:
    columns = {
        "ref": [f"r{i}" for i in range(size)],
        "name": [f"Zoë {i}" if i % 3 else None for i in range(size)],
        "born": pa.array([datetime.date(1970, 1, 1 + i % 28) for i in range(size)], pa.date32()),
        "issuer": pa.array(["Iran" if i % 2 else "DEU" for i in range(size)], pa.string()).dictionary_encode(),
        "passport": pa.array([10**8 + i for i in range(size)], pa.int64()),
        "account": pa.array([None] * size, pa.null()),
        "unused": [[1.5]] * size,
    }
    return pa.table(columns | more)


def as_bytes(content: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(content, file, **options)
    return file.getvalue()


def read(content: bytes, *mappings: Any, changes: bool = False) -> list[Any]:
    source = parquet_source(Path("list.parquet"), *(mappings or (MAPPING,)), changes=changes)
    return list(source.read(io.BytesIO(content)))


@pytest.mark.parametrize("size", [1, 7, 8, 9, 4095, 4097])
@pytest.mark.parametrize("compression", ["snappy", "zstd", "none"])
def test_the_same_table_in_csv_gives_the_same_records(tmp_path: Path, size: int, compression: str) -> None:
    content = table(size)
    pq.write_table(content, tmp_path / "list.parquet", compression=compression, row_group_size=1000)
    with (tmp_path / "list.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for row in content.select(COLUMNS).to_pylist():
            writer.writerow("" if row[c] is None else str(row[c]) for c in COLUMNS)
    (tmp_path / "mapping.toml").write_text(TEXT)
    mapping = load_mapping(tmp_path / "mapping.toml")
    made = registry(tmp_path)
    found = []
    for source in (csv_source(tmp_path / "list.csv", mapping), parquet_source(tmp_path / "list.parquet", mapping)):
        report = import_source(made, "set", source, NOW).to_json()
        with made.open("set") as snapshot:
            texts = snapshot.record_texts(np.arange(snapshot.record_count))
            found.append((snapshot.root, texts, report["records"], report["rows"], report["kinds"]))
    assert found[0] == found[1] and len(found[0][1]) == size


@pytest.mark.parametrize(
    ("column", "shown"),
    [
        (pa.array(["a"], pa.large_string()), "a"),
        (pa.array(["a"], pa.string_view()), "a"),
        (pa.array([7], pa.uint8()), "7"),
        (pa.array([-7], pa.int64()), "-7"),
        (pa.array([datetime.date(1970, 1, 2)], pa.date64()), "1970-01-02"),
        (pa.array([1_577_934_245], pa.timestamp("s")), "2020-01-02 03:04:05"),
        (pa.array([1_577_934_245_000_000_007], pa.timestamp("ns", "UTC")), "2020-01-02 03:04:05+00:00"),
    ],
)
def test_columns_that_are_read(column: Any, shown: str) -> None:
    (record,) = read(as_bytes(table(1, name=column)))
    assert record.display["name"] == shown


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1.0]), pa.array([True]), pa.array([b"x"]), pa.array([["x"]]), pa.array([{"a": 1}]),
        pa.array([1], pa.decimal128(3, 1)), pa.array([1], pa.time32("s")), pa.array([1.0]).dictionary_encode(),
    ],
    ids=lambda column: str(column.type)[:20],
)  # fmt: skip
def test_columns_that_could_have_lost_digits_or_are_no_text_are_refused(column: Any) -> None:
    with pytest.raises(MappingError, match=r"list\.parquet: passport: expected a column of text, whole numbers"):
        read(as_bytes(table(1, passport=column)))


def test_rows_are_refused_as_in_csv() -> None:
    content = table(4, ref=["r1", " ", None, "r4"], name=["a", "b", "c", "x" * (MAX_FIELD_CHARACTERS + 1)])
    found = read(as_bytes(content))
    assert [(type(row), row.row) for row in found] == [
        (SourceRecord, 1), (RejectedRow, 2), (RejectedRow, 3), (RejectedRow, 4),
    ]  # fmt: skip
    assert [row.reason for row in found[1:]] == ["no-reference", "no-reference", "field-too-long"]


def test_columns_of_a_mapping_and_of_the_product() -> None:
    with pytest.raises(MappingError, match="account"):
        read(as_bytes(table(1).drop_columns(["account"])))
    with pytest.raises(SourceRealmError):
        read(as_bytes(table(1, accord_realm=["exercise"])))
    with pytest.raises(SourceError, match="--update"):
        read(as_bytes(table(1, accord_change=["add"])))
    found = read(as_bytes(table(2, accord_change=["remove", "replace"])), changes=True)
    assert [type(row) for row in found] == [Removal, Removal, SourceRecord]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" * 10, b"ref,name\n1,2\n", b"\x00" * 4096])
def test_a_file_of_something_else_is_refused(content: bytes) -> None:
    with pytest.raises(SourceError, match=r"list\.parquet: expected a Parquet file"):
        read(content)


def test_text_that_is_none_is_refused() -> None:
    bad = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\x02\0\0\0"), pa.py_buffer(b"\xff\xfe")])
    with pytest.raises(SourceError):
        read(as_bytes(table(1, name=bad)))


def test_without_the_extra_the_operator_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(ReaderMissingError):
        parquet_source(Path("list.parquet"), MAPPING)


FILES = [as_bytes(table(300), compression=c, row_group_size=90) for c in ("snappy", "zstd", "none", "gzip")]


def outcome(content: bytes) -> Counter[str]:
    seen: Counter[str] = Counter()
    try:
        for row in read(content):
            assert isinstance(row, SourceRecord | RejectedRow) and row.row >= 1
            seen[row.reason if isinstance(row, RejectedRow) else "record"] += 1
    except (SourceError, MappingError) as error:
        assert "list.parquet" in str(error) and len(str(error)) < 300
        seen[error.code] += 1
    return seen


@EXAMPLES
@given(
    st.sampled_from(FILES),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 30), st.binary(max_size=8)), max_size=4),
)
def test_damaged_files(content: bytes, changes: list[tuple[float, int, bytes]]) -> None:
    for place, length, new in changes:
        at = int(place * len(content))
        content = content[:at] + new + content[at + length :]
    seen = outcome(content)
    if not changes:
        assert seen == {"record": 300}


def test_damage_ends_in_many_ways() -> None:
    chance, seen = random.Random(3), Counter[str]()
    for _ in range(300):
        content = bytearray(chance.choice(FILES))
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        seen.update(outcome(bytes(content)).keys())
    assert seen["bad-source"] > 30 and seen["record"] > 30, seen
