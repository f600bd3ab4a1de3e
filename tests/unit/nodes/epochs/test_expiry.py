"""An epoch ends when its statement says so: nothing of it is left, and the ledger knows."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from nodes.epochs.expiry import end_expired
from nodes.epochs.held import Draft
from nodes.errors import LedgerError
from nodes.ledger import Ledger, LedgerFile
from nodes.node import Node
from protocol.epoch.statements import digest_of, sign
from protocol.messages import ListChange, PacketType, Release
from tests.agency import DAY_MS, NOW_MS
from tests.unit.nodes.epochs.records import Clock, Records, failing, nobody_notes, terms

END_MS = NOW_MS + DAY_MS


def given(node: Node) -> str:
    """An epoch of this node's with something on its account."""
    one = node.given.open(terms(not_after_ms=END_MS), NOW_MS, nobody_notes)
    node.state.reserve(b"1", "north", "suspects", 7, 100, NOW_MS)
    node.state.reserve_in_epoch(b"1", one.account, 7, NOW_MS)
    node.state.charge(b"1", 7, NOW_MS)
    return one.epoch.id


def held(node: Node, epoch_id: str) -> None:
    """The same epoch, as if a partner gave it."""
    one = node.given.by_id(epoch_id)
    change = ListChange(0, 0, 0, hashlib.sha512().digest())
    previous = digest_of(PacketType.EPOCH, one.statement)
    release = Release(epoch_id, 1, previous, NOW_MS, bytes(64), (change,))
    draft = Draft(node.held.folder("south", epoch_id), 1)
    draft.merge(0, Nothing(), Nothing())
    draft.adopt(one.statement, sign(node.identity.signer, PacketType.RELEASE, release))


class Nothing:
    def __len__(self) -> int:
        return 0

    def read(self, first: int, count: int) -> bytes:
        raise AssertionError("expected no read of nothing")


def rows(records: Records) -> list[dict[str, Any]]:
    return [row for row in LedgerFile(records.agency.home.ledger_file).entries() if row["event"] == "epoch-ended"]


def test_at_its_end_and_not_before(node: Node, records: Records, clock: Clock) -> None:
    epoch_id = given(node)
    held(node, epoch_id)
    clock.now_ms = END_MS - 1
    end_expired(node)
    assert (node.given.ids(), node.held.ids()) == ([epoch_id], [("south", epoch_id)])
    clock.now_ms = END_MS
    end_expired(node)
    assert (node.given.ids(), node.held.ids()) == ([], [])
    assert not any(path.is_file() and path.name != "lock" for path in records.epochs_folder.rglob("*"))
    assert node.state.used_in_epoch(epoch_id) == 0
    assert [(row["partner"], row["epoch"], row["note"]) for row in rows(records)] == [
        ("north", epoch_id, "expired"),
        ("south", epoch_id, "expired"),
    ]
    end_expired(node)
    assert len(rows(records)) == 2


def test_one_that_is_busy_or_damaged_does_not_keep_the_others(node: Node, records: Records, clock: Clock) -> None:
    first, second, third = (
        node.given.open(terms(partner=partner, not_after_ms=END_MS), NOW_MS, nobody_notes).epoch.id
        for partner in ("north", "west", "east")
    )
    clock.now_ms = END_MS
    (node.given.by_id(first).folder.path / "epoch").write_bytes(b"damaged")
    with node.given.by_id(second).folder.locked():
        end_expired(node)
    assert set(node.given.ids()) == {first, second}
    end_expired(node)
    assert node.given.ids() == [first]
    assert {row["epoch"] for row in rows(records)} == {second, third}


def test_what_the_ledger_does_not_take_stays(node: Node, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    epoch_id = given(node)
    clock.now_ms = END_MS
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "append", failing(LedgerError("expected room, got none")))
        end_expired(node)
    assert node.given.ids() == [epoch_id]
    end_expired(node)
    assert node.given.ids() == []
