"""Shell completion: the script that a shell reads, and what it is told while an operator types."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from nodes.cli.completion import SHELLS, VARIABLE
from protocol.identifiers import KINDS
from tests.cli.command import accord, accord_process, init


def completed(words: str, home: Path) -> list[str]:
    """What bash is told at the end of a line; the last word is the one begun."""
    shell = {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1), VARIABLE: "bash_complete"}
    done = accord_process(ACCORD_HOME=str(home), **shell)
    return [line.partition(",")[2] for line in done.out.splitlines() if line]


@pytest.mark.parametrize("shell", SHELLS)
def test_there_is_a_script_for_each_shell(shell: str, tmp_path: Path) -> None:
    script = accord(tmp_path, "completion", shell)
    assert script.code == 0
    assert VARIABLE in script.out


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash, to read its script")
def test_bash_can_read_its_script(tmp_path: Path) -> None:
    script = accord(tmp_path, "completion", "bash").out
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def test_it_completes_commands_kinds_and_partners(tmp_path: Path) -> None:
    home, other = tmp_path / "north", tmp_path / "south"
    init(home, "fiu-north")
    init(other, "customs-south")
    assert completed("accord query inter", home) == ["intersect"]
    assert completed("accord query intersect --kind pass", home) == [k for k in KINDS if k.startswith("pass")]
    assert completed("accord query intersect --partner c", home) == []
    file = tmp_path / "south.partner"
    fingerprint = accord(other, "partner", "export", file, "--json").json["fingerprint"]
    assert accord(home, "partner", "add", file, "--fingerprint", fingerprint).code == 0
    assert completed("accord query intersect --partner c", home) == ["customs-south"]


def test_where_there_is_no_node_it_says_nothing(tmp_path: Path) -> None:
    assert completed("accord query intersect --partner c", tmp_path / "nowhere") == []
