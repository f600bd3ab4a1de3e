"""`accord partner`: two agencies exchange files, compare fingerprints, and can part again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nodes.error_table import ExitCode
from nodes.partners import read_partner_file
from tests.cli.command import Outcome, accord, init


@pytest.fixture
def north(tmp_path: Path) -> Path:
    assert init(tmp_path / "north", "fiu-north").code == 0
    return tmp_path / "north"


@pytest.fixture
def south_file(tmp_path: Path) -> Path:
    assert init(tmp_path / "south", "fiu-south").code == 0
    assert accord(tmp_path / "south", "partner", "export", tmp_path / "south.json").code == 0
    return tmp_path / "south.json"


@pytest.fixture
def fingerprint(tmp_path: Path, south_file: Path) -> str:
    """As the other side reads it aloud from its own screen."""
    shown: str = accord(tmp_path / "south", "partner", "export", tmp_path / "again.json", "--json").json["fingerprint"]
    return shown


def changes(home: Path) -> list[tuple[Any, ...]]:
    shown = accord(home, "ledger", "show", "--event", "partner-change", "--json")
    assert shown.code == 0, shown.err
    rows = [json.loads(line) for line in shown.out.splitlines()]
    return [(row["partner"], row["note"]) for row in rows]


def add(home: Path, file: Path, fingerprint: str) -> Outcome:
    return accord(home, "partner", "add", file, "--fingerprint", fingerprint, "--json")


def test_export_shows_what_the_other_side_will_see(tmp_path: Path, north: Path, south_file: Path) -> None:
    exported = accord(tmp_path / "south", "partner", "export", tmp_path / "copy.json")
    assert (tmp_path / "copy.json").read_bytes() == south_file.read_bytes()
    asked = accord(north, "partner", "add", south_file, typed="wrong\n")
    line = next(line for line in exported.out.splitlines() if line.startswith("fingerprint"))
    assert line in accord(tmp_path / "south", "partner", "export", tmp_path / "copy.json").out.splitlines()
    for shown in ("fiu-south", "Agency fiu-south", "localhost:7443", "exercise"):
        assert shown in asked.err


def test_the_fingerprint_is_not_on_the_screen_before_it_was_typed(
    north: Path, south_file: Path, fingerprint: str
) -> None:
    """Otherwise whoever is in a hurry copies it from there, and nothing has been compared."""
    signing_key = read_partner_file(south_file.read_bytes()).signing_key.hex()
    wrong = accord(north, "partner", "add", south_file, typed="wrong\n")
    assert fingerprint not in wrong.out + wrong.err
    assert fingerprint.replace(" ", "") not in wrong.out + wrong.err
    assert signing_key not in wrong.out + wrong.err
    right = accord(north, "partner", "add", south_file, typed=f"{fingerprint}\n")
    assert right.code == 0
    assert fingerprint in right.out


def test_export_replaces_nothing_but_this_agencys_earlier_file(tmp_path: Path, north: Path, south_file: Path) -> None:
    other = tmp_path / "rules.toml"
    other.write_text("# by hand")
    for file in (other, south_file):
        before = file.read_bytes()
        done = accord(north, "partner", "export", file, "--json")
        assert (done.code, done.error["code"]) == (ExitCode.INPUT, "output-exists")
        assert file.read_bytes() == before
    own = tmp_path / "north.json"
    for _ in range(2):
        assert accord(north, "partner", "export", own).code == 0


def test_adding_by_option(north: Path, south_file: Path, fingerprint: str) -> None:
    done = add(north, south_file, fingerprint)
    assert (done.code, done.json["status"], done.json["agency"]) == (0, "active", "fiu-south")
    assert accord(north, "partner", "list", "--json").json == [done.json]
    assert changes(north) == [("fiu-south", f"added, fingerprint {fingerprint.replace(' ', '')}")]


def test_adding_by_typing(north: Path, south_file: Path, fingerprint: str) -> None:
    done = accord(north, "partner", "add", south_file, typed=f"{fingerprint.upper()}\n")
    assert done.code == 0
    assert "Type the fingerprint" in done.err
    assert accord(north, "partner", "show", "fiu-south", "--json").json["status"] == "active"


@pytest.mark.parametrize("typed", ["wrong\n", "y\n", "yes\n"])
def test_a_wrong_fingerprint_adds_nobody(north: Path, south_file: Path, typed: str) -> None:
    done = accord(north, "partner", "add", south_file, typed=typed)
    assert done.code == ExitCode.INPUT
    assert "[fingerprint-mismatch]" in done.err
    assert "Do not use the file" in done.err
    assert accord(north, "partner", "list", "--json").json == []
    assert changes(north) == []


def test_without_an_answer_nobody_is_added(north: Path, south_file: Path) -> None:
    done = accord(north, "partner", "add", south_file, typed="")
    assert done.code == ExitCode.CANCELLED
    assert accord(north, "partner", "list", "--json").json == []


def test_a_file_changed_on_the_way(north: Path, south_file: Path, fingerprint: str) -> None:
    data = south_file.read_bytes()
    south_file.write_bytes(data.replace(b'"sig":"', b'"sig":"A', 1))
    done = add(north, south_file, fingerprint)
    assert (done.code, done.error["code"]) == (ExitCode.INPUT, "bad-partner-file")
    missing = add(north, south_file.with_name("none"), fingerprint)
    assert (missing.code, missing.error["code"]) == (ExitCode.INPUT, "unreadable-file")
    assert missing.error["message"].endswith("check the name")
    folder = add(north, south_file.parent, fingerprint)
    assert folder.code == ExitCode.USAGE


def test_a_substituted_file_has_another_fingerprint(tmp_path: Path, north: Path, fingerprint: str) -> None:
    """Somebody in the middle makes a well-formed file under the same name."""
    assert init(tmp_path / "mallory", "fiu-south").code == 0
    accord(tmp_path / "mallory", "partner", "export", tmp_path / "mallory.json")
    done = add(north, tmp_path / "mallory.json", fingerprint)
    assert (done.code, done.error["code"]) == (ExitCode.INPUT, "fingerprint-mismatch")


def test_realms_do_not_mix(tmp_path: Path, north: Path) -> None:
    init(tmp_path / "casework", "fiu-casework", "production")
    shown = accord(tmp_path / "casework", "partner", "export", tmp_path / "c.json", "--json").json["fingerprint"]
    done = add(north, tmp_path / "c.json", shown)
    assert (done.code, done.error["code"]) == (ExitCode.CONFIGURATION, "partner-realm-mismatch")


def test_a_life_with_a_partner(north: Path, south_file: Path, fingerprint: str) -> None:
    add(north, south_file, fingerprint)
    again = add(north, south_file, fingerprint)
    assert (again.code, again.error["code"]) == (ExitCode.CONFIGURATION, "partner-conflict")
    for command, status in (("suspend", "suspended"), ("resume", "active"), ("remove", "removed")):
        assert accord(north, "partner", command, "fiu-south", "--json").json["status"] == status
        assert accord(north, "partner", "show", "fiu-south", "--json").json["status"] == status
    gone = accord(north, "partner", "resume", "fiu-south", "--json")
    assert (gone.code, gone.error["code"]) == (ExitCode.CONFIGURATION, "partner-inactive")
    assert add(north, south_file, fingerprint).code == 0
    assert [note.split(",")[0] for _, note in changes(north)] == ["added", "suspended", "active", "removed", "added"]
    assert accord(north, "ledger", "verify").code == 0


@pytest.mark.parametrize("command", ["show", "suspend", "resume", "remove"])
def test_unknown_partners(north: Path, command: str) -> None:
    done = accord(north, "partner", command, "fiu-nobody", "--json")
    assert (done.code, done.error["code"]) == (ExitCode.CONFIGURATION, "unknown-partner")


def test_only_operators_change_partners(north: Path, south_file: Path, fingerprint: str) -> None:
    path = north / "accord.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("uid = ", "uid = 9"), encoding="utf-8")
    done = add(north, south_file, fingerprint)
    assert (done.code, done.error["code"]) == (ExitCode.CONFIGURATION, "unknown-operator")
    assert accord(north, "partner", "list", "--json").json == []


def test_what_the_ledger_cannot_record_does_not_happen(north: Path, south_file: Path, fingerprint: str) -> None:
    for file in north.glob("ledger.db*"):
        file.unlink()
    (north / "ledger.db").mkdir()
    done = add(north, south_file, fingerprint)
    assert done.code in (ExitCode.STORAGE, ExitCode.CONFIGURATION)
    assert accord(north, "partner", "list", "--json").json == []


def test_lists_are_plain_in_a_pipe(north: Path, south_file: Path, fingerprint: str) -> None:
    add(north, south_file, fingerprint)
    head, row = accord(north, "partner", "list").out.splitlines()
    assert head.split("\t") == ["agency", "name", "status", "address", "since"]
    assert row.split("\t")[:4] == ["fiu-south", "Agency fiu-south", "active", "localhost:7443"]
