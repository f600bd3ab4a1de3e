"""Epochs on disk, given and held: what a release leaves, what a crash leaves, what somebody altered."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nodes.epochs import releasing
from nodes.epochs.errors import EpochBusyError, EpochDamagedError, EpochExistsError, EpochUnknownError
from nodes.epochs.folder import locked
from nodes.epochs.given import MAX_ELEMENTS, MAX_PERIOD_MS, GivenEpoch
from nodes.epochs.held import Draft, HeldEpochs
from nodes.errors import LedgerError, QuestionError, StorageError, TooManyElementsError
from nodes.registry.errors import DataSetUnknownError
from nodes.sealed import SealedFileError
from protocol import dsse
from protocol.epoch.statements import digest_of, own_keys, read_epoch, read_release, sign
from protocol.handshake import commit_snapshot
from protocol.host_answers import Signed
from protocol.messages import ListChange, PacketType, Release
from psi import tags
from tests.agency import DAY_MS, NOW_MS, make_agency
from tests.sim.host import SimSigner
from tests.unit.nodes.epochs.records import KIND, Records, failing, nobody_notes, terms

FIRST = [f"X{i:07}" for i in range(50)]


@pytest.fixture
def records(tmp_path: Path) -> Records:
    made = Records(tmp_path)
    made.hold(FIRST)
    return made


def opened(records: Records, **changes: Any) -> GivenEpoch:
    return records.given.open(terms(**changes), NOW_MS, nobody_notes)


def release(records: Records, one: GivenEpoch) -> bool:
    """Release the data set as it is now, as a synchronisation does. Returns: whether anything changed."""
    given = records.given
    with records.registry.open("suspects") as snapshot, given.releaser(one, snapshot) as releaser:
        changed = releaser.prepare()
        if changed:
            releaser.write(digest_of(PacketType.RELEASE, one.newest().signed), NOW_MS + 1)
    return changed


def expected_rows(records: Records, one: GivenEpoch) -> list[bytes]:
    """The tags of the data set, straight from the core."""
    with records.registry.open("suspects") as snapshot:
        items = snapshot.items(KIND, 0, snapshot.size(KIND))
    rows = tags(items, own_keys(one.seed, one.epoch)[0]) if len(items) else b""
    return sorted(rows[i : i + 16] for i in range(0, len(rows), 16))


def index_rows(one: GivenEpoch) -> list[bytes]:
    with one.folder.tags(one.folder.release, "index") as index:
        rows = index.read(0, 0, index.sizes[0])
    return [rows[i : i + 16] for i in range(0, len(rows), 16)]


def files(one: GivenEpoch) -> set[str]:
    return {path.name for path in one.folder.path.iterdir()}


class TestGiven:
    def test_the_first_release_is_the_data_set(self, records: Records) -> None:
        one = opened(records)
        epoch = one.epoch
        assert (epoch.responder, epoch.requester, epoch.data_set, epoch.kinds) == (
            "south",
            "north",
            "suspects",
            (KIND,),
        )
        assert (epoch.not_before_ms, epoch.not_after_ms) == (NOW_MS, NOW_MS + DAY_MS)
        assert (epoch.max_elements, epoch.max_elements_per_query) == (100, 10)
        dsse.verify(
            records.agency.identity.signer.public_key,
            PacketType.EPOCH,
            one.statement.payload,
            one.statement.signature,
        )
        rows = expected_rows(records, one)
        assert index_rows(one) == rows
        newest = one.newest()
        change = ListChange(len(rows), 0, len(rows), hashlib.sha512(b"".join(rows)).digest())
        assert newest.release.changes == (change,)
        assert newest.release.previous == digest_of(PacketType.EPOCH, one.statement)
        with one.rows(1) as file:
            assert file.sizes == (len(rows), 0)
            salt, root = bytes.fromhex(file.facts["salt"]), bytes.fromhex(file.facts["root"])
        assert commit_snapshot(salt, root) == newest.release.snapshot_commitment
        with records.registry.open("suspects") as snapshot:
            assert root == snapshot.root
        assert files(one) == {
            "epoch",
            "lock",
            "current",
            "00000001.index",
            "00000001.release",
            "00000001.snapshot",
        }

    def test_later_releases_evaluate_only_what_changed(self, records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
        one = opened(records)
        evaluated: list[int] = []

        def counting(items: Any, key: bytes) -> bytes:
            evaluated.append(len(items))
            return tags(items, key)

        monkeypatch.setattr(releasing, "tags", counting)
        for _ in range(3):  # the registry keeps two versions: what the release before was made from is kept here
            records.hold([*FIRST[5:], "NEW00001", "NEW00002"])
        assert release(records, one)
        assert sum(evaluated) == 7
        assert index_rows(one) == expected_rows(records, one)
        with one.rows(2) as file:
            assert file.sizes == (2, 5)
        (second,) = one.releases_after(1)
        assert read_release(second).previous == digest_of(PacketType.RELEASE, one.releases_after(0)[0])
        assert {"00000002.index", "00000002.snapshot"} < files(one)
        assert not {"00000001.index", "00000001.snapshot"} & files(one), "older ones serve nobody"
        assert "00000001.release" in files(one), "whoever synchronises for the first time needs it"

    def test_nothing_changed_nothing_released(self, records: Records) -> None:
        one = opened(records)
        assert not release(records, one)
        records.hold(reversed(FIRST))
        assert not release(records, one)
        assert one.folder.release == 1

    def test_a_data_set_of_nobody(self, records: Records) -> None:
        records.hold([])
        one = opened(records)
        assert one.newest().sizes == (0,)
        records.hold(FIRST)
        assert release(records, one)
        records.hold([])
        assert release(records, one)
        assert one.newest().sizes == (0,)
        with one.rows(3) as file:
            assert file.sizes == (0, 50)

    def test_a_crash_between_files_and_pointer_is_made_again(
        self, records: Records, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one = opened(records)
        records.hold(FIRST[1:])
        with monkeypatch.context() as patch:
            patch.setattr("nodes.epochs.folder.write_private", failing(StorageError("expected room, got none")))
            with pytest.raises(StorageError):
                release(records, one)
        assert one.newest().release.number == 1
        assert index_rows(one) != expected_rows(records, one)
        assert release(records, one)
        assert index_rows(one) == expected_rows(records, one)

    def test_what_is_not_noted_is_not_opened(self, records: Records) -> None:
        with pytest.raises(LedgerError):
            records.given.open(terms(), NOW_MS, failing(LedgerError("expected room, got none")))
        assert records.given.ids() == []
        assert list((records.epochs_folder / "given").iterdir()) == []

    def test_a_crash_while_it_is_opened_leaves_nothing(self, records: Records) -> None:
        opened(records)
        left = records.epochs_folder / "given" / f".new-{'0' * 32}"
        left.mkdir(mode=0o700)
        with locked(left):  # as the process that is still at it holds it
            (left / "epoch").write_bytes(b"x")
            assert len(records.given.ids()) == 1
            assert left.exists()
        assert len(records.given.ids()) == 1
        assert not left.exists()

    def test_a_crash_while_it_is_removed(self, records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
        one = opened(records)
        with monkeypatch.context() as patch:
            patch.setattr("nodes.epochs.folder.shutil.rmtree", failing(OSError(5, "Input/output error")))
            with pytest.raises(StorageError):
                records.given.end(one.epoch.id, lambda: None)
        assert records.given.ids() == []
        assert list((records.epochs_folder / "given").iterdir()) == []

    def test_ending_it_removes_everything(self, records: Records) -> None:
        one = opened(records)
        with pytest.raises(LedgerError):
            records.given.end(one.epoch.id, failing(LedgerError("expected room, got none")))
        assert records.given.ids() == [one.epoch.id], "not noted, not ended"
        records.given.end(one.epoch.id, lambda: None)
        assert list((records.epochs_folder / "given").iterdir()) == []
        for find in (records.given.by_id, lambda epoch_id: records.given.end(epoch_id, lambda: None)):
            with pytest.raises(EpochUnknownError):
                find(one.epoch.id)
        with pytest.raises(EpochUnknownError):
            one.newest()

    def test_one_at_a_time_for_the_same_terms(self, records: Records) -> None:
        one = opened(records)
        with pytest.raises(EpochExistsError, match=one.epoch.id):
            opened(records, max_elements=7, max_elements_per_query=7)
        other = opened(records, partner="west")
        assert records.given.of("west", "suspects", (KIND,), NOW_MS).epoch.id == other.epoch.id
        later = records.given.open(terms(not_after_ms=NOW_MS + 2 * DAY_MS), NOW_MS + DAY_MS, nobody_notes)
        assert records.given.of("north", "suspects", (KIND,), NOW_MS + DAY_MS).epoch.id == later.epoch.id
        with pytest.raises(EpochUnknownError):
            records.given.of("north", "suspects", (KIND,), NOW_MS + 2 * DAY_MS)
        with pytest.raises(EpochUnknownError):
            records.given.of("north", "suspects", ("iban",), NOW_MS)

    @pytest.mark.parametrize(
        "changes",
        [
            {"kinds": ()},
            {"kinds": ("passport-number", "passport")},
            {"kinds": ("shoe-size",)},
            {"not_after_ms": NOW_MS},
            {"not_after_ms": NOW_MS + MAX_PERIOD_MS + 1},
            {"max_elements": 0, "max_elements_per_query": 0},
            {"max_elements": 5, "max_elements_per_query": 6},
            {"max_elements": MAX_ELEMENTS + 1},
            {"max_elements_per_query": -1},
        ],
    )
    def test_terms_that_no_epoch_has(self, records: Records, changes: dict[str, Any]) -> None:
        with pytest.raises(QuestionError):
            opened(records, **changes)
        assert not records.epochs_folder.exists()

    def test_a_list_that_is_too_long(self, records: Records) -> None:
        object.__setattr__(records.agency.config.limits, "elements_per_list", 49)
        with pytest.raises(TooManyElementsError, match="at most 49"):
            opened(records)
        assert records.given.ids() == []

    def test_a_data_set_that_is_not_there(self, records: Records) -> None:
        with pytest.raises(DataSetUnknownError):
            opened(records, data_set="others")
        assert records.given.ids() == []

    def test_only_one_process_changes_an_epoch(self, records: Records) -> None:
        one = opened(records)
        program = (
            "import sys\n"
            "from pathlib import Path\n"
            "from nodes.epochs.folder import locked\n"
            "locked(Path(sys.argv[1])).__enter__()\n"
        )
        with one.folder.locked():
            done = subprocess.run(
                [sys.executable, "-c", program, str(one.folder.path)], capture_output=True, text=True, check=False
            )
            assert "EpochBusyError" in done.stderr
            with pytest.raises(EpochBusyError):
                records.given.end(one.epoch.id, lambda: None)

    @pytest.mark.parametrize("name", ["epoch", "00000001.index", "00000001.release", "00000001.snapshot"])
    def test_an_altered_file_is_an_error(self, records: Records, name: str) -> None:
        one = opened(records)
        path = one.folder.path / name
        raw = bytearray(path.read_bytes())
        raw[-1] ^= 1
        path.unlink()  # a snapshot is linked: the registry's own stays as it is
        path.write_bytes(raw)
        records.hold(FIRST[1:])
        with pytest.raises(SealedFileError):
            again = records.given.by_id(one.epoch.id)
            again.newest()
            again.releases_after(0)
            release(records, again)
        records.given.end(one.epoch.id, lambda: None)  # an operator can still get rid of it

    def test_files_of_another_epoch_do_not_fit(self, records: Records) -> None:
        one, other = opened(records), opened(records, partner="west")
        for name in ("epoch", "00000001.index", "00000001.release"):
            content = (other.folder.path / name).read_bytes()
            kept = (one.folder.path / name).read_bytes()
            (one.folder.path / name).write_bytes(content)
            with pytest.raises(SealedFileError):
                again = records.given.by_id(one.epoch.id)
                again.newest()
                again.releases_after(0)
            (one.folder.path / name).write_bytes(kept)
        assert records.given.by_id(one.epoch.id).newest().release.number == 1

    @pytest.mark.parametrize("pointer", [b"", b"0\n", b"x", b"-1", b"123456789"])
    def test_a_pointer_that_is_none(self, records: Records, pointer: bytes) -> None:
        one = opened(records)
        (one.folder.path / "current").write_bytes(pointer)
        with pytest.raises(EpochDamagedError):
            one.newest()

    def test_seed_and_tags_are_sealed(self, records: Records) -> None:
        one = opened(records)
        secrets = [one.seed, one.seed.hex().encode(), index_rows(one)[0]]
        for path in one.folder.path.iterdir():
            assert path.stat().st_mode & 0o777 == 0o600, path
            assert not any(secret in path.read_bytes() for secret in secrets), path


class Giver:
    """South's signed messages, and rows in the clear, for what north does with them."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self.one = opened(records)

    def rows(self, number: int) -> tuple[Signed, bytes, bytes]:
        with self.one.rows(number) as file:
            signed = self.one.releases_after(number - 1)[0]
            return signed, file.read(0, 0, file.sizes[0]), file.read(1, 0, file.sizes[1])


class Bytes:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def __len__(self) -> int:
        return len(self._data)

    def read(self, first: int, count: int) -> bytes:
        return self._data[first : first + count]


class TestHeld:
    @pytest.fixture
    def giver(self, records: Records) -> Giver:
        return Giver(records)

    @pytest.fixture
    def held(self, tmp_path: Path) -> HeldEpochs:
        north = make_agency(tmp_path / "north", "north")
        return HeldEpochs(north.config, north.identity)

    def adopt(self, held: HeldEpochs, giver: Giver, number: int) -> None:
        signed, additions, removals = giver.rows(number)
        draft = Draft(held.folder("south", giver.one.epoch.id), number)
        merged = draft.merge(0, Bytes(additions), Bytes(removals))
        change = read_release(signed).changes[0]
        assert (merged.size, merged.rows_digest, merged.misfits) == (change.size, change.rows_digest, 0)
        draft.adopt(giver.one.statement, signed)

    def test_an_index_follows_the_releases(self, held: HeldEpochs, giver: Giver) -> None:
        assert held.ids() == []
        self.adopt(held, giver, 1)
        giver.records.hold([*FIRST[7:], "NEW00001"])
        assert release(giver.records, giver.one)
        self.adopt(held, giver, 2)
        one = held.by_id(giver.one.epoch.id)
        assert (one.partner, one.epoch, one.held.release) == ("south", giver.one.epoch, 2)
        assert one.held.statement == giver.one.statement
        with one.index() as index:
            rows = index.read(0, 0, index.sizes[0])
        assert [rows[i : i + 16] for i in range(0, len(rows), 16)] == index_rows(giver.one)
        assert {path.name for path in one.folder.path.iterdir()} == {"epoch", "current", "00000002.index"}
        assert [found.epoch.id for found in held.of("south")] == [giver.one.epoch.id]
        assert held.of("west") == []

    def test_a_draft_that_is_not_adopted_changes_nothing(self, held: HeldEpochs, giver: Giver) -> None:
        _, additions, _ = giver.rows(1)
        draft = Draft(held.folder("south", giver.one.epoch.id), 1)
        draft.merge(0, Bytes(additions), Bytes(b""))
        draft.close()
        assert held.ids() == []
        self.adopt(held, giver, 1)
        giver.records.hold(FIRST[1:])
        assert release(giver.records, giver.one)
        signed, additions, removals = giver.rows(2)
        draft = Draft(held.folder("south", giver.one.epoch.id), 2)
        draft.merge(0, Bytes(additions), Bytes(removals))
        draft.close()
        assert held.by_id(giver.one.epoch.id).held.release == 1
        self.adopt(held, giver, 2)
        assert held.by_id(giver.one.epoch.id).held.release == 2
        assert signed == giver.one.newest().signed

    def test_an_index_that_is_open_stays_readable(self, held: HeldEpochs, giver: Giver) -> None:
        self.adopt(held, giver, 1)
        with held.by_id(giver.one.epoch.id).index() as index:
            before = index.read(0, 0, index.sizes[0])
            giver.records.hold([])
            assert release(giver.records, giver.one)
            self.adopt(held, giver, 2)
            held.end(giver.one.epoch.id, lambda: None)
            assert index.read(0, 0, index.sizes[0]) == before
        with pytest.raises(EpochUnknownError):
            held.by_id(giver.one.epoch.id)

    def test_another_release_than_was_drafted(self, held: HeldEpochs, giver: Giver) -> None:
        _, additions, _ = giver.rows(1)
        draft = Draft(held.folder("south", giver.one.epoch.id), 1)
        draft.merge(0, Bytes(additions), Bytes(b""))
        other = sign(
            SimSigner(1, "south"), PacketType.RELEASE, Release(giver.one.epoch.id, 2, bytes(64), 0, bytes(64), ())
        )
        with pytest.raises(EpochDamagedError):
            draft.adopt(giver.one.statement, other)
        draft.close()
        assert held.ids() == []

    def test_who_synchronises_holds_the_partner(self, held: HeldEpochs, giver: Giver) -> None:
        self.adopt(held, giver, 1)
        with held.locked("south"):
            with pytest.raises(EpochBusyError), held.locked("south"):
                pass
            with pytest.raises(EpochBusyError):
                held.end(giver.one.epoch.id, lambda: None)
            with held.locked("west"):
                pass
        held.end(giver.one.epoch.id, lambda: None)
        assert held.ids() == []

    def test_names_that_are_no_path(self, held: HeldEpochs) -> None:
        for partner, epoch_id in (("..", "0" * 32), ("south", "../x"), ("a/b", "0" * 32), ("south", "0" * 31)):
            with pytest.raises(EpochUnknownError):
                held.folder(partner, epoch_id)

    def test_a_statement_in_anothers_folder(self, held: HeldEpochs, giver: Giver) -> None:
        self.adopt(held, giver, 1)
        one = held.by_id(giver.one.epoch.id)
        elsewhere = one.folder.path.with_name("0" * 32)
        one.folder.path.rename(elsewhere)
        with pytest.raises(SealedFileError):
            held.by_id("0" * 32)
        assert read_epoch(one.statement) == one.epoch
