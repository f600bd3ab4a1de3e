"""Lists of tags in one sealed file: whole and in place, or an error."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from nodes.epochs.tag_file import TagFile, TagFileWriter, context
from nodes.errors import StorageError
from nodes.sealed import SealedFileError, SealedWriter

KEY = bytes(range(32))
CONTEXT = context("given", "an epoch", "00000001.index")


def written(path: Path, lists: list[list[bytes]]) -> None:
    writer = TagFileWriter(path, KEY, CONTEXT)
    for rows in lists:
        for row in rows:
            writer.write(row)
        writer.end_list()
    writer.finish({"about": "something"})


@pytest.mark.parametrize("sizes", [[0], [1], [7, 0, 9], [0, 0, 8], [5_000, 1, 4_097]])
def test_lists_come_back_as_they_went(tmp_path: Path, sizes: list[int]) -> None:
    rng = random.Random(str(sizes))
    lists = [sorted(rng.randbytes(16) for _ in range(size)) for size in sizes]
    written(tmp_path / "tags", lists)
    with TagFile(tmp_path / "tags", KEY, CONTEXT) as file:
        assert file.sizes == tuple(sizes)
        assert file.facts == {"about": "something"}
        for number, rows in enumerate(lists):
            source = file.rows(number)
            assert len(source) == 16 * len(rows)
            assert source.read(0, len(source)) == b"".join(rows)
            for _ in range(5):
                first = rng.randint(0, len(rows))
                count = rng.randint(0, len(rows) - first)
                assert file.read(number, first, count) == b"".join(rows[first : first + count])
            for first, count in ((-1, 1), (0, len(rows) + 1), (len(rows), 1)):
                with pytest.raises(ValueError, match="within"):
                    file.read(number, first, count)


def test_nothing_appears_before_it_is_finished(tmp_path: Path) -> None:
    writer = TagFileWriter(tmp_path / "tags", KEY, CONTEXT)
    writer.write(bytes(1 << 17))
    assert not (tmp_path / "tags").exists()
    writer.abort()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("changed", ["key", "context", "byte", "cut"])
def test_a_file_that_is_not_this_one(tmp_path: Path, changed: str) -> None:
    path = tmp_path / "tags"
    written(path, [[bytes(16)] * 9])
    key = bytes(32) if changed == "key" else KEY
    about = context("held", "an epoch", "00000001.index") if changed == "context" else CONTEXT
    raw = bytearray(path.read_bytes())
    if changed == "byte":
        raw[60] ^= 1
    path.write_bytes(raw[:-1] if changed == "cut" else raw)
    with pytest.raises(SealedFileError):
        TagFile(path, key, about)


@pytest.mark.parametrize(
    "manifest",
    [
        b"",
        b"{}",
        b"[]",
        b"nonsense",
        json.dumps({"ends": [1], "facts": {}}).encode(),
        json.dumps({"ends": [-1], "facts": {}}).encode(),
        json.dumps({"ends": [], "facts": {}}).encode(),
        json.dumps({"ends": ["1"], "facts": {}}).encode(),
        json.dumps({"ends": [10**9], "facts": {}}).encode(),
    ],
)
def test_a_sealed_file_of_another_kind(tmp_path: Path, manifest: bytes) -> None:
    path = tmp_path / "tags"
    with SealedWriter(path, KEY, CONTEXT) as file:
        file.write(manifest + len(manifest).to_bytes(4, "little"))
    with pytest.raises(SealedFileError):
        TagFile(path, KEY, CONTEXT)


@pytest.mark.parametrize("raw", [b"", b"\xff" * 4, b"\xff\xff\xff\x7f"])
def test_a_manifest_longer_than_the_file(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "tags"
    with SealedWriter(path, KEY, CONTEXT) as file:
        file.write(raw)
    with pytest.raises(SealedFileError):
        TagFile(path, KEY, CONTEXT)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        TagFile(tmp_path / "nothing", KEY, CONTEXT)
