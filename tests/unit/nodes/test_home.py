"""The home folder: private, checked, and written so that a crash or a full disk leaves the old file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nodes.errors import HomeExistsError, HomeMissingError, OutputExistsError, PermissionsError, StorageError
from nodes.home import Home, create_private, locked, read_private, write_private
from tests.agency import make_agency
from tests.patience import PATIENCE_SECONDS


def test_create_makes_private_folders(tmp_path: Path) -> None:
    old = os.umask(0)  # the widest: nothing may depend on it
    try:
        home = Home(tmp_path / "deep" / "node")
        home.create()
        write_private(home.rules_file, b"x")
        create_private(home.ledger_file)
    finally:
        os.umask(old)
    assert home.path.stat().st_mode & 0o777 == 0o700
    assert home.keys_folder.stat().st_mode & 0o777 == 0o700
    assert home.rules_file.stat().st_mode & 0o777 == 0o600
    assert home.ledger_file.stat().st_mode & 0o777 == 0o600


def test_create_tightens_an_empty_folder_and_refuses_a_used_one(tmp_path: Path) -> None:
    folder = tmp_path / "node"
    folder.mkdir(mode=0o755)
    Home(folder).create()
    assert folder.stat().st_mode & 0o777 == 0o700
    with pytest.raises(HomeExistsError, match="holds files"):
        Home(folder).create()


def test_create_where_a_file_stands(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError):
        Home(tmp_path / "file").create()
    with pytest.raises(StorageError):
        Home(tmp_path / "file" / "node").create()


def test_check_wants_a_finished_node(tmp_path: Path) -> None:
    with pytest.raises(HomeMissingError):
        Home(tmp_path / "none").check()
    home = Home(tmp_path / "half")
    home.create()
    with pytest.raises(HomeMissingError, match=r"accord\.toml"):
        home.check()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises((HomeMissingError, OutputExistsError, PermissionsError)):
        Home(tmp_path / "file").check()


@pytest.mark.parametrize("mode", [0o710, 0o701, 0o770, 0o755])
def test_check_refuses_folders_that_others_reach(tmp_path: Path, mode: int) -> None:
    home = make_agency(tmp_path / "node").home
    home.check()
    for folder in (home.path, home.keys_folder):
        folder.chmod(mode)
        with pytest.raises(PermissionsError, match=f"got {mode:04o}; repair: chmod 0700"):
            home.check()
        folder.chmod(0o700)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644])
def test_private_files_are_private(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key"
    write_private(path, b"secret")
    assert read_private(path) == b"secret"
    path.chmod(mode)
    with pytest.raises(PermissionsError, match=f"got {mode:04o}; repair: chmod 0600"):
        read_private(path)
    with pytest.raises(PermissionsError):
        create_private(path)


def test_a_file_of_somebody_else_is_refused(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to give a file away")
    path = tmp_path / "key"
    write_private(path, b"secret")
    os.chown(path, 12345, -1)
    with pytest.raises(PermissionsError, match="belong to user 0, got user 12345"):
        read_private(path)


def test_only_ordinary_files_are_read(tmp_path: Path) -> None:
    write_private(tmp_path / "key", b"secret")
    (tmp_path / "link").symlink_to(tmp_path / "key")
    os.mkfifo(tmp_path / "pipe", 0o600)  # must not block
    (tmp_path / "folder").mkdir(mode=0o700)
    with pytest.raises(StorageError):
        read_private(tmp_path / "link")
    with pytest.raises(PermissionsError, match="ordinary file"):
        read_private(tmp_path / "pipe")
    with pytest.raises((PermissionsError, StorageError)):
        read_private(tmp_path / "folder")
    with pytest.raises(StorageError):
        read_private(tmp_path / "none")


def test_reading_is_bounded(tmp_path: Path) -> None:
    write_private(tmp_path / "file", b"x" * 101)
    assert len(read_private(tmp_path / "file", 101)) == 101
    with pytest.raises(StorageError, match="at most 100 bytes"):
        read_private(tmp_path / "file", 100)


def test_writing_replaces_whole_files_only(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o644)
    write_private(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(OutputExistsError):
        write_private(path, b"other", replace=False)
    assert path.read_bytes() == b"new"
    write_private(tmp_path / "second", b"", replace=False)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "second"]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    """A real limit of the kernel on file size, in a process of its own."""
    path = tmp_path / "file"
    write_private(path, b"old")
    program = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from nodes.errors import StorageError\n"
        "from nodes.home import write_private\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n"
        "    write_private(Path(sys.argv[1]), bytes(5000))\n"
        "except StorageError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    assert "File too large" in done.stdout
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_killed_writer_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_private(path, b"old")
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from nodes import home\n"
        "home.os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)\n"
        "home.write_private(Path(sys.argv[1]), b'new')\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    assert done.returncode == -9
    assert path.read_bytes() == b"old"
    write_private(path, b"new")
    assert path.read_bytes() == b"new"


def test_locked_keeps_other_processes_out(tmp_path: Path) -> None:
    path = tmp_path / "counter"
    write_private(path, b"0")
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from nodes.home import locked, read_private, write_private\n"
        "path = Path(sys.argv[1])\n"
        "for _ in range(25):\n"
        "    with locked(path):\n"
        "        write_private(path, b'%d' % (int(read_private(path)) + 1))\n"
    )
    others = [subprocess.Popen([sys.executable, "-c", program, str(path)]) for _ in range(3)]
    assert [process.wait(PATIENCE_SECONDS) for process in others] == [0, 0, 0]
    with locked(path):
        assert read_private(path) == b"75"
