"""Spools against Python's own sorted() and sets, with runs and blocks so small that every path is taken."""

from __future__ import annotations

import errno
import os
import random
import struct
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from nodes import sorted_rows, spool
from nodes.errors import StorageError
from nodes.spool import Spools
from protocol.rows import PLAIN

SIZES = [0, 1, 7, 8, 9, 65, 535, 1_501]
OUTPUTS, TAGS = ("outputs", 0), ("partner-tags", 0)
OUTPUT_ROW_BYTES, TAG_ROW_BYTES = PLAIN.output, PLAIN.tag
ROOMY_BYTES = 1 << 26


@pytest.fixture(params=[False, True], ids=["as-shipped", "tiny-blocks"])
def spools(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Spools]:
    if request.param:
        monkeypatch.setattr(spool, "BLOCK_BYTES", 96)
        monkeypatch.setattr(spool, "RUN_BYTES", 500)
        monkeypatch.setattr(sorted_rows, "WINDOW_BYTES", 1_000)
        monkeypatch.setattr(sorted_rows, "MIN_WINDOW_BYTES", 96)
    made = Spools(tmp_path, ROOMY_BYTES)
    yield made
    made.close()


def rows_of(data: bytes, row_bytes: int) -> list[bytes]:
    return [data[i : i + row_bytes] for i in range(0, len(data), row_bytes)]


def random_rows(rng: random.Random, count: int, row_bytes: int) -> list[bytes]:
    return [rng.randbytes(row_bytes) for _ in range(count)]


ORDERS = {
    "random": lambda rng, n, w: random_rows(rng, n, w),
    "ascending": lambda rng, n, w: sorted(random_rows(rng, n, w)),
    "descending": lambda rng, n, w: sorted(random_rows(rng, n, w), reverse=True),
    "interleaved": lambda rng, n, w: [row for i in range(7) for row in sorted(random_rows(rng, n, w))[i::7]],
    "all-equal": lambda rng, n, w: [bytes(w)] * n,
    "one-prefix": lambda rng, n, w: [bytes(w - 2) + rng.randbytes(2) for _ in range(n)],
    "only-the-last-byte": lambda rng, n, w: [b"\xff" * (w - 1) + rng.randbytes(1) for _ in range(n)],
    "zero-bytes-inside": lambda rng, n, w: [bytes(rng.choice((0, 0, 1, 255)) for _ in range(w)) for _ in range(n)],
    "one-run-far-above": lambda rng, n, w: (
        sorted(random_rows(rng, n, w))[n // 3 :] + sorted(random_rows(rng, n // 3, w))
    ),
}


@pytest.mark.parametrize("row_bytes", [TAG_ROW_BYTES, OUTPUT_ROW_BYTES, 5])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("count", SIZES)
def test_sort_equals_the_oracle(spools: Spools, count: int, order: str, row_bytes: int) -> None:
    rng = random.Random(f"{count}{order}{row_bytes}")
    rows = ORDERS[order](rng, count, row_bytes)
    left = list(rows)
    while left:
        piece = rng.randint(1, len(left))
        spools.append(OUTPUTS, row_bytes, b"".join(left[:piece]))
        del left[:piece]
    spools.sort(OUTPUTS, row_bytes)
    assert rows_of(spools.read(OUTPUTS, row_bytes, 0, len(rows)), row_bytes) == sorted(rows)
    for _ in range(5):
        first = rng.randint(0, len(rows))
        part = rng.randint(0, len(rows) - first)
        if rows:
            assert spools.read(OUTPUTS, row_bytes, first, part) == b"".join(sorted(rows)[first : first + part])


def fill_for_join(spools: Spools, outputs: list[bytes], tags: list[bytes]) -> None:
    for number, tag in enumerate(outputs):
        spools.append(OUTPUTS, OUTPUT_ROW_BYTES, tag + struct.pack("<I", number))
    spools.append(TAGS, TAG_ROW_BYTES, b"".join(sorted(set(tags))))
    for name, row_bytes in ((OUTPUTS, OUTPUT_ROW_BYTES), (TAGS, TAG_ROW_BYTES)):
        spools.sort(name, row_bytes)


def joined(spools: Spools) -> list[int]:
    pairs = spools.join(OUTPUTS, OUTPUT_ROW_BYTES, TAGS, TAG_ROW_BYTES)
    found = [
        (pair[:16], pair[20:], int.from_bytes(pair[16:20], "little")) for (pair,) in struct.iter_unpack("36s", pairs)
    ]
    assert all(output == tag for output, tag, _ in found)
    return [number for _, _, number in found]


@pytest.mark.parametrize("outputs_count", SIZES)
@pytest.mark.parametrize("tags_count", SIZES)
def test_join_equals_the_oracle(spools: Spools, outputs_count: int, tags_count: int) -> None:
    rng = random.Random(outputs_count * 10_000 + tags_count)
    population = random_rows(rng, max(outputs_count, tags_count) * 3 // 2, TAG_ROW_BYTES)
    outputs = rng.sample(population, outputs_count)
    tags = rng.sample(population, tags_count)
    fill_for_join(spools, outputs, tags)
    assert joined(spools) == [number for number, tag in enumerate(outputs) if tag in set(tags)]


NEAR = [bytes(14) + bytes((a, b)) for a in range(40) for b in range(25)]


@pytest.mark.parametrize(
    ("outputs", "tags"),
    [
        (NEAR, NEAR),
        (NEAR[::2], NEAR[1::2]),
        (NEAR, NEAR[-1:]),
        (NEAR, NEAR[:1]),
        (NEAR[500:], NEAR[:501]),
        (NEAR[:501], NEAR[500:]),
        ([NEAR[7]] * 500 + NEAR[8:300], NEAR),
        ([NEAR[7]] * 500, [NEAR[7]]),
        ([bytes(15) + b"\x01"], [bytes(16)]),
    ],
    ids=["same", "no-hit", "last", "first", "touch-above", "touch-below", "repeated", "only-repeated", "nul"],
)
def test_join_of_neighbours(spools: Spools, outputs: list[bytes], tags: list[bytes]) -> None:
    fill_for_join(spools, outputs, tags)
    assert joined(spools) == [number for number, tag in enumerate(outputs) if tag in set(tags)]


def test_a_join_holds_its_pairs_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "BLOCK_BYTES", 1 << 12)
    monkeypatch.setattr(spool, "RUN_BYTES", 1 << 16)
    monkeypatch.setattr(sorted_rows, "WINDOW_BYTES", 1 << 16)
    monkeypatch.setattr(sorted_rows, "MIN_WINDOW_BYTES", 1 << 12)
    tags = sorted(random_rows(random.Random(3), 60_000, TAG_ROW_BYTES))
    spools = Spools(tmp_path, ROOMY_BYTES)
    fill_for_join(spools, random.Random(4).sample(tags, len(tags)), tags)
    tracemalloc.start()
    pairs = spools.join(OUTPUTS, OUTPUT_ROW_BYTES, TAGS, TAG_ROW_BYTES)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    spools.close()
    assert len(pairs) == len(tags) * (OUTPUT_ROW_BYTES + TAG_ROW_BYTES)
    assert peak_bytes < 1.5 * len(pairs) + 20 * sorted_rows.WINDOW_BYTES


def test_the_pairs_of_a_join_leave_the_disk(tmp_path: Path) -> None:
    spools = Spools(tmp_path, ROOMY_BYTES)
    tags = sorted(random_rows(random.Random(5), 5_000, TAG_ROW_BYTES))
    fill_for_join(spools, tags, tags)
    before_bytes = spools._quota.used_bytes
    spools.join(OUTPUTS, OUTPUT_ROW_BYTES, TAGS, TAG_ROW_BYTES)
    assert spools._quota.used_bytes == before_bytes
    spools.close()


def test_unknown_spools_are_empty(spools: Spools) -> None:
    spools.sort(TAGS, TAG_ROW_BYTES)
    assert spools.read(TAGS, TAG_ROW_BYTES, 0, 0) == b""
    assert spools.join(OUTPUTS, OUTPUT_ROW_BYTES, TAGS, TAG_ROW_BYTES) == b""


@pytest.mark.parametrize(("first", "count"), [(0, 4), (3, 1), (4, 0), (-1, 1), (0, 1 << 40)])
def test_reading_beyond_the_rows_is_refused(spools: Spools, first: int, count: int) -> None:
    spools.append(TAGS, TAG_ROW_BYTES, bytes(3 * TAG_ROW_BYTES))
    with pytest.raises(StorageError, match="expected a range"):
        spools.read(TAGS, TAG_ROW_BYTES, first, count)


def test_widths_are_checked(spools: Spools) -> None:
    with pytest.raises(StorageError, match="whole rows"):
        spools.append(TAGS, TAG_ROW_BYTES, bytes(17))
    spools.append(TAGS, TAG_ROW_BYTES, bytes(16))
    with pytest.raises(StorageError, match="width"):
        spools.sort(TAGS, OUTPUT_ROW_BYTES)


def test_a_session_cannot_take_the_whole_disk(tmp_path: Path) -> None:
    spools = Spools(
        tmp_path, limit_bytes=3 * (spool.RUN_BYTES // spool.BLOCK_BYTES) * (spool.BLOCK_BYTES + spool.SEAL_BYTES)
    )
    spools.append(TAGS, TAG_ROW_BYTES, b"\1" * spool.RUN_BYTES)
    spools.append(TAGS, TAG_ROW_BYTES, bytes(spool.RUN_BYTES))
    with pytest.raises(StorageError, match="at most"):
        spools.append(OUTPUTS, OUTPUT_ROW_BYTES, bytes(20 * spool.RUN_BYTES))
    with pytest.raises(StorageError, match="at most"):
        spools.sort(TAGS, TAG_ROW_BYTES)
    spools.close()


def test_closing_gives_the_room_back(tmp_path: Path) -> None:
    spools = Spools(tmp_path, limit_bytes=4 * (spool.BLOCK_BYTES + spool.SEAL_BYTES))
    for _ in range(5):
        spools.append(TAGS, TAG_ROW_BYTES, bytes(2 * spool.BLOCK_BYTES))
        spools.sort(TAGS, TAG_ROW_BYTES)
        spools.close()


def test_a_full_disk_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    spools = Spools(tmp_path, ROOMY_BYTES)
    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(StorageError, match="No space left on device"):
        spools.append(TAGS, TAG_ROW_BYTES, bytes(spool.RUN_BYTES))
    monkeypatch.setattr(os, "pwrite", lambda *_: 17)
    with pytest.raises(StorageError, match="disk is full"):
        spools.append(OUTPUTS, OUTPUT_ROW_BYTES, bytes(20 * spool.RUN_BYTES))
    spools.close()


@pytest.mark.parametrize("with_o_tmpfile", [True, False])
def test_nothing_on_disk_has_a_name_or_is_readable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_o_tmpfile: bool
) -> None:
    if not with_o_tmpfile:
        real = os.open

        def without(path: object, flags: int, mode: int = 0o777) -> int:
            if flags & os.O_TMPFILE == os.O_TMPFILE:
                raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
            return real(path, flags, mode)  # type: ignore[arg-type]

        monkeypatch.setattr(os, "open", without)
    secret = b"\x00known tag here!"
    spools = Spools(tmp_path, ROOMY_BYTES)
    spools.append(TAGS, TAG_ROW_BYTES, secret * (2 * spool.BLOCK_BYTES // TAG_ROW_BYTES))
    spools.sort(TAGS, TAG_ROW_BYTES)
    assert list(tmp_path.iterdir()) == []
    descriptor = spools._spools[TAGS].file._descriptor
    on_disk = os.pread(descriptor, 4 * spool.BLOCK_BYTES, 0)
    assert len(on_disk) == 2 * (spool.BLOCK_BYTES + spool.SEAL_BYTES)
    assert secret[1:] not in on_disk
    assert os.fstat(descriptor).st_nlink == 0
    spools.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_a_changed_block_is_noticed(tmp_path: Path) -> None:
    spools = Spools(tmp_path, ROOMY_BYTES)
    spools.append(TAGS, TAG_ROW_BYTES, b"\1" * spool.RUN_BYTES)
    spools.append(TAGS, TAG_ROW_BYTES, bytes(spool.RUN_BYTES))
    descriptor = spools._spools[TAGS].file._descriptor
    os.pwrite(descriptor, bytes((os.pread(descriptor, 1, 100)[0] ^ 1,)), 100)
    with pytest.raises(StorageError, match="failing disk"):
        spools.sort(TAGS, TAG_ROW_BYTES)
    spools.close()


def test_rows_that_arrive_in_order_are_one_run(spools: Spools) -> None:
    rows = sorted(random_rows(random.Random(6), 1_000, TAG_ROW_BYTES))
    for first in range(0, 1_000, 9):
        spools.append(TAGS, TAG_ROW_BYTES, b"".join(rows[first : first + 9]))
    assert spools.read(TAGS, TAG_ROW_BYTES, 0, 1_000) == b"".join(rows)
    assert spools._spools[TAGS].ends == [1_000 * TAG_ROW_BYTES]


def test_rows_are_not_read_before_they_are_sorted(spools: Spools, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "RUN_BYTES", 5 * TAG_ROW_BYTES)
    for first in b"\2\1":
        spools.append(TAGS, TAG_ROW_BYTES, bytes([first]) * 5 * TAG_ROW_BYTES)
    with pytest.raises(StorageError, match="expected rows in ascending order"):
        spools.read(TAGS, TAG_ROW_BYTES, 0, 1)
    spools.sort(TAGS, TAG_ROW_BYTES)
    assert spools.read(TAGS, TAG_ROW_BYTES, 5, 1) == b"\2" * TAG_ROW_BYTES


@pytest.mark.parametrize("lists", [2, 5])
def test_one_list_of_each_kind_gathers_rows_in_memory(tmp_path: Path, lists: int) -> None:
    spools = Spools(tmp_path, ROOMY_BYTES)
    rng = random.Random(lists)
    rows = {
        (kind, number): random_rows(rng, 20, TAG_ROW_BYTES)
        for kind in ("outputs", "own-tags")
        for number in range(lists)
    }
    for name, some in rows.items():
        spools.append(name, TAG_ROW_BYTES, b"".join(some))
    assert sum(bool(one.fresh) for one in spools._spools.values()) == 2
    for name, some in rows.items():
        spools.append(name, TAG_ROW_BYTES, some[0])
        spools.sort(name, TAG_ROW_BYTES)
        assert rows_of(spools.read(name, TAG_ROW_BYTES, 0, 21), TAG_ROW_BYTES) == sorted([*some, some[0]])
    spools.close()
