"""Disks that fill up, for real: small file systems in memory under a node's folders."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from nodes.exercise_node import free_port, introduce
from nodes.home import Home, write_private
from tests.e2e.harness import NodeUnderTest, make_node, outcome_of, rules
from tests.e2e.proxy import TO_SERVER, Proxy
from tests.patience import PATIENCE_SECONDS

ABORTED = "aborted-by-partner"
OWN, THEIRS = range(6_000), range(3_000, 9_000)


MOUNT, UMOUNT = shutil.which("mount") or "", shutil.which("umount") or ""


@contextmanager
def small_disk(path: Path, size: str) -> Iterator[None]:
    path.mkdir(parents=True)
    mount = subprocess.run(
        [MOUNT, "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(path)], capture_output=True, check=False
    )
    if mount.returncode != 0:
        pytest.skip("mounting a small file system needs root and the right to mount")
    try:
        yield
    finally:
        subprocess.run([UMOUNT, "-l", str(path)], check=True)


def grow(path: Path, size: str) -> None:
    subprocess.run([MOUNT, "-o", f"remount,size={size}", str(path)], check=True)


def fill(folder: Path) -> Path:
    """Write until the disk is full."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4_096))
        except OSError:
            pass
    return filler


def keep_in(node: NodeUnderTest, name: str, folder: Path) -> None:
    """Move one of the node's folders to another disk, as accord.toml allows."""
    file = Home(node.home).config_file
    write_private(file, file.read_bytes() + f"\n[paths]\n{name} = {json.dumps(str(folder))}\n".encode())


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    return tmp_path / "disk"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(autouse=True)
def only_root() -> None:
    if os.geteuid() != 0 or not MOUNT:
        pytest.skip("mounting a small file system needs root")


def met(stack: ExitStack, north: NodeUnderTest, south: NodeUnderTest) -> None:
    introduce(north, south)
    north.write_rules(rules("south", "outgoing"))
    south.write_rules(rules("north", "incoming"))
    north.hold(OWN)
    south.hold(THEIRS)
    for node in (north, south):
        stack.callback(node.kill)
        node.serve(wait=False)
    for node in (north, south):
        node.wait_until_ready()


@pytest.mark.parametrize("victim", ["north", "south"])
def test_a_spool_without_room(tmp_path: Path, disk: Path, stack: ExitStack, victim: str) -> None:
    """It is seen before anything is agreed."""
    stack.enter_context(small_disk(disk, "128k"))
    nodes = {name: make_node(tmp_path, name) for name in ("north", "south")}
    north, south = nodes["north"], nodes["south"]
    keep_in(nodes[victim], "spool", disk)
    met(stack, north, south)
    outcome = north.ask_here("south", "--json")
    assert (outcome.code, outcome.error["code"]) == ((8, "storage-failed") if victim == "north" else (4, ABORTED))
    assert nodes[victim].ledger()[-1]["reason"] == "storage-failed"
    assert "disclosure" not in [row["event"] for row in south.ledger()]
    grow(disk, "64m")
    assert north.ask_here("south", "--json").code == 0
    assert list(disk.iterdir()) == []


@pytest.mark.parametrize("victim", ["north", "south"])
def test_a_spool_whose_disk_fills_meanwhile(tmp_path: Path, disk: Path, stack: ExitStack, victim: str) -> None:
    """Whoever runs out of room says so before the checkpoint, so that nothing is disclosed or charged in vain."""
    stack.enter_context(small_disk(disk, "16m"))
    door = free_port()
    nodes = {"north": make_node(tmp_path, "north"), "south": make_node(tmp_path, "south", address_port=door)}
    north, south = nodes["north"], nodes["south"]
    keep_in(nodes[victim], "spool", disk)
    proxy = Proxy(south.port, door)
    stack.callback(proxy.close)
    met(stack, north, south)
    proxy.hold_at(TO_SERVER, 20_000 if victim == "north" else 3_300)  # asking; or before the handshake is complete
    asking = north.ask_meanwhile("south")
    assert proxy.reached.wait(PATIENCE_SECONDS)
    fill(disk)
    proxy.go_on()
    outcome = outcome_of(asking)
    assert outcome.code == (8 if victim == "north" else 4), outcome.err
    other = south if victim == "north" else north
    other.wait_for_log("aborted-by-partner: storage")
    assert "No space left on device" in nodes[victim].log_text()
    assert "disclosure" not in [row["event"] for row in south.ledger()]
    (disk / "filler").unlink()
    assert north.ask_here("south", "--json").code == 0
    assert list(disk.iterdir()) == []


def test_the_requesters_results(tmp_path: Path, disk: Path, stack: ExitStack) -> None:
    """The partner has answered and charged by then; the operator is told that the answer could not be kept."""
    stack.enter_context(small_disk(disk, "64k"))
    north, south = make_node(tmp_path, "north"), make_node(tmp_path, "south")
    keep_in(north, "results", disk)
    met(stack, north, south)
    outcome = north.ask_here("south", "--json")
    assert (outcome.code, outcome.error["code"]) == (8, "storage-failed")
    assert list(disk.iterdir()) == []
    assert north.ledger()[-1]["event"] == "completion"
    grow(disk, "64m")
    assert north.ask_here("south", "--json").code == 0


@pytest.mark.parametrize("victim", ["north", "south"])
def test_the_disk_of_the_ledger(tmp_path: Path, disk: Path, stack: ExitStack, victim: str) -> None:
    stack.enter_context(small_disk(disk, "24m"))
    nodes = {name: make_node(disk if name == victim else tmp_path, name) for name in ("north", "south")}
    north, south = nodes["north"], nodes["south"]
    met(stack, north, south)
    filler = fill(disk)
    outcome = north.ask_here("south", "--json")
    if victim == "south":
        assert (outcome.code, outcome.error["code"]) == (4, ABORTED)
    else:
        assert outcome.code == 8, outcome.err
    for _ in range(2):
        assert north.ask_here("south", "--json").code == outcome.code
    filler.unlink()
    assert "disclosure" not in [row["event"] for row in south.ledger()]
    assert north.ask_here("south", "--json").code == 0
    assert nodes[victim].ledger()[-1]["event"] == "completion"
