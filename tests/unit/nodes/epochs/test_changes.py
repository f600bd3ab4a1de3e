"""Streams of changes against Python's own sets, with windows so small that every path is taken."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable
from pathlib import Path

import pytest

from nodes import sorted_rows
from nodes.epochs import changes
from nodes.epochs.changes import apply_changes, differences
from nodes.registry.snapshot import Snapshot
from protocol.identifiers import KINDS
from tests.sim.host import values
from tests.unit.nodes.epochs.records import KIND, Records

SIZES = [0, 1, 7, 8, 9, 65, 535]


class Rows:
    """Tags in memory, ascending."""

    def __init__(self, rows: Iterable[bytes]) -> None:
        self._data = b"".join(sorted(rows))

    def __len__(self) -> int:
        return len(self._data)

    def read(self, first: int, count: int) -> bytes:
        assert 0 <= first <= first + count <= len(self._data)
        return self._data[first : first + count]


@pytest.fixture(params=[False, True], ids=["as-shipped", "tiny-windows"], autouse=True)
def windows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param:
        monkeypatch.setattr(sorted_rows, "MIN_WINDOW_BYTES", 48)
        monkeypatch.setattr(changes, "WINDOW_BYTES", 48)
        monkeypatch.setattr(changes, "BLOCK_ITEMS", 3)


def merged(index: set[bytes], additions: set[bytes], removals: set[bytes]) -> tuple[list[bytes], int]:
    written = bytearray()
    result = apply_changes(Rows(index), Rows(additions), Rows(removals), written.extend)
    assert result.size * 16 == len(written)
    assert result.rows_digest == hashlib.sha512(written).digest()
    return [bytes(written[i : i + 16]) for i in range(0, len(written), 16)], result.misfits


@pytest.mark.parametrize("kept", SIZES)
@pytest.mark.parametrize("coming", SIZES)
@pytest.mark.parametrize("leaving", [0, 1, 8, 65])
def test_changes_that_fit(kept: int, coming: int, leaving: int) -> None:
    rng = random.Random(f"{kept}/{coming}/{leaving}")
    pool = [rng.randbytes(16) for _ in range(kept + coming + leaving)]
    index, additions = set(pool[: kept + leaving]), set(pool[kept + leaving :])
    removals = set(pool[kept : kept + leaving])
    rows, misfits = merged(index, additions, removals)
    assert rows == sorted((index - removals) | additions)
    assert misfits == 0


@pytest.mark.parametrize("seed", range(40))
def test_every_misfit_is_counted(seed: int) -> None:
    rng = random.Random(seed)
    pool = [bytes(15) + bytes([i]) if seed % 2 else rng.randbytes(16) for i in range(60)]
    index, additions, removals = (set(rng.sample(pool, rng.randrange(60))) for _ in range(3))
    assert merged(index, additions, removals)[1] == len(additions & index) + len(removals - index)


def test_rows_with_zero_bytes() -> None:
    index = {bytes(16), bytes(15) + b"\x01", b"\x01" + bytes(15)}
    assert merged(index, {b"\x01" + bytes(14) + b"\x01"}, {bytes(16)})[0] == [
        bytes(15) + b"\x01",
        b"\x01" + bytes(15),
        b"\x01" + bytes(14) + b"\x01",
    ]


@pytest.fixture
def records(tmp_path: Path) -> Records:
    return Records(tmp_path)


def held(snapshot: Snapshot) -> set[bytes]:
    return set(values(snapshot.items(KIND, 0, snapshot.size(KIND))))


def found(old: Snapshot | None, new: Snapshot) -> tuple[list[bytes], list[bytes]]:
    gone: list[bytes] = []
    came: list[bytes] = []
    for some, others in differences(old, new, KIND):
        gone += values(some)
        came += values(others)
    return gone, came


def number(rng: random.Random) -> str:
    """Of different lengths, many of them with a common beginning."""
    return rng.choice(("X1", "X1000", "Y")) + str(rng.randrange(10 ** rng.randrange(5, 8)) + 10_000)


@pytest.mark.parametrize(
    ("before", "after", "shared"), [(0, 0, 0), (0, 9, 0), (9, 0, 0), (1, 1, 1), (40, 50, 30), (50, 50, 50)]
)
def test_differences_of_snapshots(records: Records, before: int, after: int, shared: int) -> None:
    rng = random.Random(before * 100 + after)
    pool = list({number(rng) for _ in range(300)})
    both, left, right = pool[:shared], pool[shared:before], pool[before : before + after - shared]
    records.hold(both + left)
    with records.registry.open("suspects") as old:
        records.hold(both + right)
        with records.registry.open("suspects") as new:
            gone, came = found(old, new)
            assert gone == sorted(held(old) - held(new))
            assert came == sorted(held(new) - held(old))
            assert (len(gone), len(came)) == (before - shared, after - shared)
            assert found(None, new) == ([], sorted(held(new)))
            assert list(differences(old, new, next(kind for kind in KINDS if kind != KIND))) == []
