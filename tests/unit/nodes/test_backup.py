"""A backup gives back the node that was, verified, or nothing at all; and a restored node knows what it forgot."""

from __future__ import annotations

import io
import os
import tarfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nodes import backup
from nodes.backup import MAGIC, PREAMBLE_BYTES, create_backup, restore_backup
from nodes.errors import (
    BackupError,
    BudgetError,
    ClockError,
    HomeExistsError,
    LedgerBrokenError,
    NodeError,
    OutputExistsError,
    PassphraseError,
    RestoredError,
)
from nodes.home import Home
from nodes.ledger import Entry, Event, Ledger, LedgerFile
from nodes.registry import Registry, csv_source, import_source, load_mapping
from nodes.sealed import SealedFileError, SealedWriter
from nodes.state import State
from tests.agency import DAY_MS, NOW_MS, Agency, make_agency

PASSPHRASE = "correct horse battery staple"
MINUTE_MS = 60_000


@pytest.fixture(autouse=True)
def cheap_scrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many tests, one machine; the true cost is tried once, in the runbook."""
    monkeypatch.setitem(backup.SCRYPT_COST, "n", 1 << 4)


def fill(agency: Agency, data_set: str) -> None:
    folder = agency.home.path.parent
    (folder / "list.csv").write_text("ref,number\n" + "".join(f"r-{i},X{i:08}\n" for i in range(900)))
    (folder / "mapping.toml").write_text(
        'realm = "exercise"\nreference = "ref"\n[[identifier]]\nkind = "passport-number"\nnumber = "number"\n'
    )
    registry = Registry(agency.config.paths.registry, agency.identity.storage_key, agency.config.realm)
    source = csv_source(folder / "list.csv", load_mapping(folder / "mapping.toml"))
    import_source(registry, data_set, source, datetime.fromtimestamp(NOW_MS / 1000, UTC))


@pytest.fixture
def agency(tmp_path: Path) -> Agency:
    agency = make_agency(tmp_path / "node")
    home = agency.home
    home.rules_file.touch(0o600)
    agency.meet(make_agency(tmp_path / "other", "fiu-south"))
    with closing(Ledger(home, agency.config, agency.identity.signer, NOW_MS)) as ledger:
        ledger.append(Entry(event=Event.STARTED), NOW_MS)
    with closing(State(home)) as state:
        state.remember_nonce("fiu-south", b"n" * 32, NOW_MS, NOW_MS + 60 * MINUTE_MS, NOW_MS)
    fill(agency, "persons")
    fill(agency, "ships")
    agency.config.paths.results.mkdir(mode=0o700)
    for name, content in ("a.json", b"{}\n"), ("a.decisions.json", b"[]\n"):
        (agency.config.paths.results / name).write_bytes(content)
        (agency.config.paths.results / name).chmod(0o600)
    return agency


@pytest.fixture
def archive(agency: Agency, tmp_path: Path) -> Path:
    file = tmp_path / "node.backup"
    assert create_backup(agency.home, file, PASSPHRASE, NOW_MS) == file.stat().st_size
    return file


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".lock" and not path.name.startswith(("ledger.db", "state.db"))
    }


def restore(archive: Path, folder: Path, passphrase: str = PASSPHRASE, now_ms: int = NOW_MS) -> Home:
    restore_backup(Home(folder), archive, passphrase, now_ms, "op-1")
    return Home(folder)


def test_everything_comes_back_private_and_verified(agency: Agency, archive: Path, tmp_path: Path) -> None:
    assert archive.stat().st_mode & 0o777 == 0o600
    assert not list(agency.home.path.glob(".backup-*"))
    before = LedgerFile(agency.home.ledger_file).verify(agency.identity.signer.public_key)
    home = Home(tmp_path / "new")
    restored = restore_backup(home, archive, PASSPHRASE, NOW_MS + 1, "op-1")
    assert (restored.agency_id, restored.made_ms, restored.head) == ("fiu-north", NOW_MS, before)
    assert restored.data_sets == ("persons", "ships")
    assert contents(home.path) == contents(agency.home.path)
    for path in (home.path, *home.path.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path
    newest = list(LedgerFile(home.ledger_file).entries())[-1]
    assert (newest["event"], newest["operator"]) == ("restored", "op-1")
    assert newest["note"].startswith("backup of 2026-")


def test_nothing_of_the_node_is_in_clear(agency: Agency, archive: Path) -> None:
    data = archive.read_bytes()
    for secret in (b"PRIVATE KEY", b"fiu-north", agency.identity.storage_key, b"persons"):
        assert secret not in data


def test_a_restored_node_refuses_what_it_cannot_know(archive: Path, tmp_path: Path) -> None:
    now_ms = NOW_MS + 10 * MINUTE_MS
    home = restore(archive, tmp_path / "new", now_ms=now_ms)
    end_ms = now_ms + 60 * MINUTE_MS
    with closing(State(home)) as state:
        for valid_from_ms in (NOW_MS - 1, NOW_MS + 5 * MINUTE_MS, now_ms):
            with pytest.raises(RestoredError):
                state.remember_nonce("fiu-south", os.urandom(32), valid_from_ms, end_ms, now_ms + MINUTE_MS)
        state.remember_nonce("fiu-south", os.urandom(32), now_ms + 1, end_ms, now_ms + MINUTE_MS)
        midnight_ms = (now_ms // DAY_MS + 1) * DAY_MS
        with pytest.raises(BudgetError):
            state.reserve(b"1", "fiu-south", "persons", 1, 1000, midnight_ms - 1)
        state.reserve(b"1", "fiu-south", "persons", 1, 1000, midnight_ms)


def test_a_restored_state_says_so_after_the_next_restore_too(archive: Path, tmp_path: Path) -> None:
    home = restore(archive, tmp_path / "first", now_ms=NOW_MS + MINUTE_MS)
    create_backup(home, tmp_path / "second.backup", PASSPHRASE, NOW_MS + 2 * MINUTE_MS)
    home = restore(tmp_path / "second.backup", tmp_path / "second", now_ms=NOW_MS + 3 * MINUTE_MS)
    with closing(State(home)) as state, pytest.raises(RestoredError):
        at_ms = NOW_MS + 3 * MINUTE_MS
        state.remember_nonce("fiu-south", b"x" * 32, at_ms, at_ms + MINUTE_MS, at_ms)


def left_behind(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.rglob("*")) if folder.exists() else []


@pytest.mark.parametrize("place", [0, len(MAGIC), PREAMBLE_BYTES, PREAMBLE_BYTES + 60, -1])
def test_an_altered_byte_restores_nothing(archive: Path, tmp_path: Path, place: int) -> None:
    data = bytearray(archive.read_bytes())
    data[place] ^= 1
    archive.write_bytes(data)
    with pytest.raises(BackupError):
        restore(archive, tmp_path / "new")
    assert left_behind(tmp_path / "new") == []


@pytest.mark.parametrize("size", [0, 1, len(MAGIC), PREAMBLE_BYTES, PREAMBLE_BYTES + 48, 70_000, -1])
def test_a_cut_file_restores_nothing(archive: Path, tmp_path: Path, size: int) -> None:
    archive.write_bytes(archive.read_bytes()[:size])
    with pytest.raises(BackupError):
        restore(archive, tmp_path / "new")
    assert left_behind(tmp_path / "new") == []


@pytest.mark.parametrize(
    ("passphrase", "error"), [("correct horse battery stable", BackupError), ("fourteen chars", PassphraseError)]
)
def test_another_passphrase_opens_nothing(
    archive: Path, tmp_path: Path, passphrase: str, error: type[NodeError]
) -> None:
    with pytest.raises(error):
        restore(archive, tmp_path / "new", passphrase)
    assert left_behind(tmp_path / "new") == []


def test_a_short_passphrase_makes_no_backup(agency: Agency, tmp_path: Path) -> None:
    with pytest.raises(PassphraseError):
        create_backup(agency.home, tmp_path / "b", "fourteen chars", NOW_MS)
    assert not (tmp_path / "b").exists()


def test_no_file_is_overwritten(agency: Agency, archive: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputExistsError):
        create_backup(agency.home, archive, PASSPHRASE, NOW_MS)
    before = contents(agency.home.path)
    with pytest.raises(HomeExistsError):
        restore(archive, agency.home.path)
    assert contents(agency.home.path) == before
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "note").touch()
    with pytest.raises(HomeExistsError):
        restore(archive, tmp_path / "new")
    assert left_behind(tmp_path / "new") == [str(tmp_path / "new" / "note")]


def test_a_folder_elsewhere_must_be_empty_too(agency: Agency, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    text = agency.home.config_file.read_text() + f'\n[paths]\nresults = "{elsewhere}"\n'
    agency.home.config_file.write_text(text)
    elsewhere.mkdir(mode=0o700)
    file = tmp_path / "b"
    create_backup(agency.home, file, PASSPHRASE, NOW_MS)
    (elsewhere / "other-node.json").touch(0o600)
    with pytest.raises(HomeExistsError):
        restore(file, tmp_path / "new")
    assert left_behind(tmp_path / "new") == []
    assert left_behind(elsewhere) == [str(elsewhere / "other-node.json")]


def test_a_clock_before_the_backup_restores_nothing(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(ClockError):
        restore(archive, tmp_path / "new", now_ms=NOW_MS - DAY_MS)
    assert left_behind(tmp_path / "new") == []


def test_a_ledger_that_does_not_verify_is_not_restored(agency: Agency, tmp_path: Path) -> None:
    foreign = make_agency(tmp_path / "foreign", "fiu-north")
    agency.home.signing_key_file.write_bytes(foreign.home.signing_key_file.read_bytes())
    create_backup(agency.home, tmp_path / "b", PASSPHRASE, NOW_MS)
    with pytest.raises(LedgerBrokenError):
        restore(tmp_path / "b", tmp_path / "new")
    assert left_behind(tmp_path / "new") == []


def test_a_snapshot_that_does_not_open_is_not_restored(agency: Agency, tmp_path: Path) -> None:
    (snapshot,) = (agency.config.paths.registry / "ships").glob("*.snapshot")
    data = bytearray(snapshot.read_bytes())
    data[60] ^= 1
    snapshot.write_bytes(data)
    create_backup(agency.home, tmp_path / "b", PASSPHRASE, NOW_MS)
    with pytest.raises(SealedFileError):
        restore(tmp_path / "b", tmp_path / "new")
    assert left_behind(tmp_path / "new") == []


@pytest.mark.parametrize("name", ["../escaped", "home/../escaped", "/etc/escaped", "home/.bashrc", "registry/a/b/c"])
def test_an_archive_with_other_files_is_refused(agency: Agency, tmp_path: Path, name: str) -> None:
    file, preamble = tmp_path / "b", MAGIC + os.urandom(32)
    with SealedWriter(file, backup._key(PASSPHRASE, preamble), backup._context(preamble), preamble) as sealed:
        made = io.BytesIO()
        with tarfile.open(fileobj=made, mode="w") as tar:
            for entry, content in (("home/accord.toml", agency.home.config_file.read_bytes()), (name, b"x")):
                info = tarfile.TarInfo(entry)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        sealed.write(made.getvalue())
    with pytest.raises(BackupError):
        restore(file, tmp_path / "new")
    assert left_behind(tmp_path / "new") == []
    assert not (tmp_path / "escaped").exists()


def test_a_backup_beside_imports_holds_a_whole_snapshot(agency: Agency, tmp_path: Path) -> None:
    registry = Registry(agency.config.paths.registry, agency.identity.storage_key, agency.config.realm)
    version, held = registry.open_sealed("persons")
    with held:
        path = agency.config.paths.registry / "persons" / f"{version:08}.snapshot"
        content = path.read_bytes()
        fill(agency, "persons")
        fill(agency, "persons")
        assert not path.exists()
        assert held.read() == content
