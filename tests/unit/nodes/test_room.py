"""Sessions that would fit alone and not together."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from nodes import spool
from nodes.errors import StorageError
from nodes.room import Room
from nodes.spool import BLOCK_BYTES, SEAL_BYTES, Spools

DISK_BYTES = 1_000_000
SEALED_BYTES = BLOCK_BYTES + SEAL_BYTES


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Spools]:
    """A disk of a million bytes; holds what the spools in the list have written."""
    written: list[Spools] = []

    def usage(folder: Path) -> SimpleNamespace:
        assert folder == tmp_path
        return SimpleNamespace(free=DISK_BYTES - sum(spools.used_bytes for spools in written))

    monkeypatch.setattr(shutil, "disk_usage", usage)
    return written


def spools_on(disk: list[Spools], folder: Path) -> Spools:
    disk.append(Spools(folder, DISK_BYTES))
    return disk[-1]


def test_two_sessions_that_fit_alone_and_not_together(tmp_path: Path, disk: list[Spools]) -> None:
    room, first, second = Room(tmp_path), spools_on(disk, tmp_path), spools_on(disk, tmp_path)
    room.promise(first, 600_000)
    with pytest.raises(StorageError, match="expected 600000 bytes left"):
        room.promise(second, 600_000)
    room.promise(second, 400_000)
    room.release(first)
    room.promise(second, 600_000)


def test_what_is_spooled_already_is_not_counted_twice(
    tmp_path: Path, disk: list[Spools], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "RUN_BYTES", BLOCK_BYTES)
    room, first, second = Room(tmp_path), spools_on(disk, tmp_path), spools_on(disk, tmp_path)
    room.promise(first, 8 * SEALED_BYTES)
    first.append(("outputs", 0), 16, bytes(7 * BLOCK_BYTES))
    assert first.used_bytes > 0
    room.promise(first, 8 * SEALED_BYTES)
    left = DISK_BYTES - 8 * SEALED_BYTES
    room.promise(second, left)
    with pytest.raises(StorageError):
        room.promise(second, left + 1)


def test_a_later_promise_takes_the_place_of_the_one_before(tmp_path: Path, disk: list[Spools]) -> None:
    """A requester learns the partner's sizes only when it is accepted."""
    room, spools = Room(tmp_path), spools_on(disk, tmp_path)
    room.promise(spools, DISK_BYTES)
    room.promise(spools, DISK_BYTES)
    with pytest.raises(StorageError):
        room.promise(spools, DISK_BYTES + 1)


def test_a_session_that_was_promised_nothing_is_released_too(tmp_path: Path, disk: list[Spools]) -> None:
    Room(tmp_path).release(spools_on(disk, tmp_path))
