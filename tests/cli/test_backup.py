"""`accord backup`: which passphrase files it takes, and what it says of others."""

from __future__ import annotations

from pathlib import Path

import pytest

from nodes.error_table import ExitCode
from tests.cli.command import accord, init


@pytest.fixture
def home(tmp_path: Path) -> Path:
    assert init(tmp_path / "node", "fiu-north").code == 0
    return tmp_path / "node"


@pytest.fixture
def passphrase(tmp_path: Path) -> Path:
    file = tmp_path / "passphrase"
    file.write_text("correct horse battery staple\n")
    file.chmod(0o600)
    return file


def test_a_passphrase_file_that_others_can_read(home: Path, passphrase: Path, tmp_path: Path) -> None:
    passphrase.chmod(0o644)
    done = accord(home, "backup", "create", tmp_path / "b", "--passphrase-file", passphrase, "--json")
    assert (done.code, done.error["code"]) == (ExitCode.INPUT, "passphrase-file-open")
    assert f"got 0644; repair: chmod 0600 {passphrase}" in done.error["message"]
    assert not (tmp_path / "b").exists()


def test_a_passphrase_file_that_is_not_there(home: Path, tmp_path: Path) -> None:
    done = accord(home, "backup", "create", tmp_path / "b", "--passphrase-file", tmp_path / "none", "--json")
    assert (done.code, done.error["code"]) == (ExitCode.INPUT, "unreadable-file")
    assert not (tmp_path / "b").exists()


def test_a_backup_is_not_written_over_another(home: Path, passphrase: Path, tmp_path: Path) -> None:
    arguments = ("backup", "create", tmp_path / "b", "--passphrase-file", passphrase, "--json")
    assert accord(home, *arguments).code == 0
    before = (tmp_path / "b").read_bytes()
    again = accord(home, *arguments)
    assert (again.code, again.error["code"]) == (ExitCode.INPUT, "output-exists")
    assert again.error["advice"] == "Choose another file name."
    assert (tmp_path / "b").read_bytes() == before
