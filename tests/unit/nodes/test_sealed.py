"""A sealed file gives back what was written, or refuses; it never gives back something else."""

from __future__ import annotations

import os
import resource
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nodes.errors import StorageError
from nodes.sealed import CHUNK_BYTES, HEADER_BYTES, SEAL_BYTES, SealedFileError, SealedReader, SealedWriter

KEY = bytes(range(32))
CONTEXT = b"test"
SEALED = CHUNK_BYTES + SEAL_BYTES
SIZES = [0, 1, 7, 8, 9, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 3 * CHUNK_BYTES + 77]


def content(size: int) -> bytes:
    return bytes(i * i % 251 for i in range(size))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write(path: Path, data: bytes, *, context: bytes = CONTEXT, step: int = 1 << 20) -> Path:
    with SealedWriter(path, KEY, context) as writer:
        for start in range(0, len(data), step):
            writer.write(data[start : start + step])
        assert writer.size == len(data)
    return path


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("step", [1000, 1 << 20])
def test_what_was_written_comes_back(tmp_path: Path, size: int, step: int) -> None:
    data = content(size)
    path = write(tmp_path / "file", data, step=step)
    chunks = max(1, -(-size // CHUNK_BYTES))
    assert path.stat().st_size == HEADER_BYTES + size + chunks * SEAL_BYTES
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert names(tmp_path) == ["file"]
    with SealedReader(path, KEY, CONTEXT) as reader:
        assert reader.size == size
        assert reader.read(0, size) == data
        assert reader.read(size, 0) == b""


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(offset=st.integers(0, 3 * CHUNK_BYTES + 77), count=st.integers(0, 2 * CHUNK_BYTES))
def test_any_range_comes_back(tmp_path: Path, offset: int, count: int) -> None:
    data, path = content(3 * CHUNK_BYTES + 77), tmp_path / "file"
    if not path.exists():
        write(path, data)
    with SealedReader(path, KEY, CONTEXT) as reader:
        if offset + count <= len(data):
            assert reader.read(offset, count) == data[offset : offset + count]
        else:
            with pytest.raises(ValueError, match="expected a range"):
                reader.read(offset, count)


def flip(at: int) -> Callable[[bytearray], None]:
    def change(raw: bytearray) -> None:
        raw[at] ^= 1

    return change


def swap(raw: bytearray) -> None:
    a, b = HEADER_BYTES, HEADER_BYTES + SEALED
    raw[a : a + SEALED], raw[b : b + SEALED] = raw[b : b + SEALED], raw[a : a + SEALED]


def cut(to: int) -> Callable[[bytearray], None]:
    def change(raw: bytearray) -> None:
        del raw[to:]

    return change


def repeat_last(raw: bytearray) -> None:
    raw += raw[-SEALED:]


def drop_first_chunk(raw: bytearray) -> None:
    del raw[HEADER_BYTES : HEADER_BYTES + SEALED]


@pytest.mark.parametrize(
    "change",
    [flip(0), flip(20), flip(HEADER_BYTES), flip(HEADER_BYTES + SEALED - 1), flip(HEADER_BYTES + 2 * SEALED),
     flip(-1), swap, cut(0), cut(10), cut(HEADER_BYTES), cut(HEADER_BYTES + 15), cut(HEADER_BYTES + SEALED),
     cut(HEADER_BYTES + 2 * SEALED), cut(-1), cut(-SEALED), repeat_last, drop_first_chunk, lambda raw: raw.append(0)],
)  # fmt: skip
def test_any_change_is_refused(tmp_path: Path, change: Callable[[bytearray], None]) -> None:
    size = 3 * CHUNK_BYTES  # the last chunk is full: nothing but its mark tells it from the others
    path = write(tmp_path / "file", content(size))
    raw = bytearray(path.read_bytes())
    change(raw)
    path.write_bytes(raw)
    with pytest.raises(SealedFileError), SealedReader(path, KEY, CONTEXT) as reader:
        reader.read(0, reader.size)


def test_a_chunk_of_another_file_is_refused(tmp_path: Path) -> None:
    data = content(2 * CHUNK_BYTES + 5)
    one, two = write(tmp_path / "one", data), write(tmp_path / "two", data)
    raw, other = bytearray(one.read_bytes()), two.read_bytes()
    raw[HEADER_BYTES : HEADER_BYTES + SEALED] = other[HEADER_BYTES : HEADER_BYTES + SEALED]
    one.write_bytes(raw)
    with SealedReader(one, KEY, CONTEXT) as reader:
        assert reader.read(CHUNK_BYTES, 10) == data[CHUNK_BYTES : CHUNK_BYTES + 10]
        with pytest.raises(SealedFileError):
            reader.read(0, 1)


@pytest.mark.parametrize(("key", "context"), [(bytes(32), CONTEXT), (KEY, b"tes"), (KEY, b"")])
def test_another_key_or_context_is_refused(tmp_path: Path, key: bytes, context: bytes) -> None:
    path = write(tmp_path / "file", b"data")
    with pytest.raises(SealedFileError):
        SealedReader(path, key, context)


def test_nothing_in_the_file_is_in_the_clear(tmp_path: Path) -> None:
    secret = b"A1234567-in-the-clear"
    path = write(tmp_path / "file", secret * 5000)
    assert secret not in path.read_bytes()
    assert write(tmp_path / "again", secret * 5000).read_bytes()[HEADER_BYTES:] != path.read_bytes()[HEADER_BYTES:]


def test_an_error_while_writing_leaves_the_old_file(tmp_path: Path) -> None:
    path = write(tmp_path / "file", b"old")
    with pytest.raises(RuntimeError), SealedWriter(path, KEY, CONTEXT) as writer:
        writer.write(bytes(3 * CHUNK_BYTES))
        raise RuntimeError
    assert names(tmp_path) == ["file"]
    with SealedReader(path, KEY, CONTEXT) as reader:
        assert reader.read(0, 3) == b"old"


def test_a_full_disk_is_one_clear_error_and_leaves_nothing(tmp_path: Path) -> None:
    """A real limit of the kernel on the size of files, since a full disk cannot be had without being root."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * CHUNK_BYTES, before[1]))
    try:
        with (
            pytest.raises(StorageError, match="File too large"),
            SealedWriter(tmp_path / "file", KEY, CONTEXT) as writer,
        ):
            for _ in range(10):
                writer.write(bytes(CHUNK_BYTES))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert names(tmp_path) == []


def test_an_open_file_outlives_its_replacement_and_removal(tmp_path: Path) -> None:
    path = write(tmp_path / "file", content(200_000))
    with SealedReader(path, KEY, CONTEXT) as reader:
        write(path, b"new")
        path.unlink()
        assert reader.read(150_000, 10) == content(200_000)[150_000:150_010]


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        SealedReader(tmp_path / "missing", KEY, CONTEXT)
    with pytest.raises(SealedFileError):
        SealedReader(tmp_path, KEY, CONTEXT)
    (tmp_path / "link").symlink_to(write(tmp_path / "file", b"data"))
    with pytest.raises(StorageError):
        SealedReader(tmp_path / "link", KEY, CONTEXT)
    with pytest.raises(StorageError):
        SealedWriter(tmp_path / "no-folder" / "file", KEY, CONTEXT)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SealedFileError):
        SealedReader(tmp_path / "pipe", KEY, CONTEXT)
