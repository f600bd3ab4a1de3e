"""The systemd unit is valid and stays restricted; the container file installs what the locks say."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
UNIT: Final = ROOT / "packaging" / "accord.service"
MAX_EXPOSURE: Final = 15  # tenths: systemd-analyze security, 0 best, 100 worst


@pytest.fixture
def analyze() -> str:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not on this machine")
    return program


def test_systemd_takes_the_unit_without_a_warning(analyze: str, tmp_path: Path) -> None:
    unit = tmp_path / "accord.service"  # the program need not be installed where tests run
    unit.write_text(UNIT.read_text().replace("/usr/local/bin/accord", shutil.which("true") or "/bin/true"))
    done = subprocess.run([analyze, "verify", unit], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_unit_stays_restricted(analyze: str) -> None:
    done = subprocess.run(
        [analyze, "security", "--offline=yes", f"--threshold={MAX_EXPOSURE}", "--no-pager", UNIT],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-200:]


def test_the_unit_gives_sessions_their_grace() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read_string(UNIT.read_text())
    service = unit["Service"]
    grace_seconds = int(re.search(r"--grace ([0-9]+)", service["ExecStart"])[1])  # type: ignore[index]
    assert int(service["TimeoutStopSec"]) > grace_seconds + 10
    assert service["User"] == service["Group"] == "accord"
    assert service["StateDirectoryMode"] == "0700"


def test_the_container_installs_by_hash_and_runs_as_nobody_else() -> None:
    text = (ROOT / "packaging" / "Containerfile").read_text()
    for source in re.findall(r"^COPY (?!--from)(\S+)", text, re.MULTILINE):
        assert source.startswith("dist/") or (ROOT / source).is_file(), source
    assert text.count("--require-hashes") == 1
    assert re.findall(r"^USER (.+)$", text, re.MULTILINE) == ["10001:10001"]
