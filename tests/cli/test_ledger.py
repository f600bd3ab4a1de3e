"""`accord ledger`: verify, show, export, here and on copies."""

from __future__ import annotations

import json
import os
import pty
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

from nodes.error_table import ExitCode
from tests.cli.command import accord, init


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A node with four rows: opened, partner added, suspended, resumed."""
    home = tmp_path / "home"
    init(home, "fiu-home")
    init(tmp_path / "other", "fiu-other")
    shown = accord(tmp_path / "other", "partner", "export", tmp_path / "other.json", "--json").json["fingerprint"]
    accord(home, "partner", "add", tmp_path / "other.json", "--fingerprint", shown)
    accord(home, "partner", "suspend", "fiu-other")
    accord(home, "partner", "resume", "fiu-other")
    return home


def rows(home: Path, *arguments: object) -> list[dict[str, Any]]:
    shown = accord(home, "ledger", "show", "--json", *arguments)
    assert shown.code == 0, shown.err
    return [json.loads(line) for line in shown.out.splitlines()]


def tamper(path: Path, statement: str) -> None:
    with sqlite3.connect(path) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(statement)
    connection.close()


def test_verify_says_what_it_proves_and_what_not(home: Path) -> None:
    done = accord(home, "ledger", "verify")
    assert done.code == 0
    assert "Rows cut off at the end would show only against a noted head" in done.out
    facts = accord(home, "ledger", "verify", "--json").json
    assert (facts["rows"], facts["anchored"]) == (4, False)
    assert next(line for line in done.out.splitlines() if line.startswith("anchored")).split() == ["anchored", "no"]
    anchored = accord(home, "ledger", "verify", "--expect-head", facts["head"])
    assert "the noted head is among them" in anchored.out
    assert facts["head"] in done.out


def test_verify_finds_a_cut_tail_against_a_noted_head(home: Path) -> None:
    head = accord(home, "ledger", "verify", "--json").json["head"]
    tamper(home / "ledger.db", "DELETE FROM rows WHERE sequence = 4")
    assert accord(home, "ledger", "verify").code == 0
    done = accord(home, "ledger", "verify", "--expect-head", head, "--json")
    assert (done.code, done.error["code"]) == (ExitCode.STORAGE, "ledger-broken")


def test_verify_names_the_row(home: Path) -> None:
    tamper(home / "ledger.db", "UPDATE rows SET signature = zeroblob(64) WHERE sequence = 3")
    done = accord(home, "ledger", "verify")
    assert done.code == ExitCode.STORAGE
    assert done.err.startswith("accord: row 3: expected a signature")
    assert "keep the file as evidence" in done.err


def test_an_auditor_verifies_an_export_without_a_node(home: Path, tmp_path: Path) -> None:
    exported = accord(home, "ledger", "export", tmp_path / "copy.db", "--json").json
    key = accord(home, "ledger", "verify", "--json").json["signing_key"]
    nowhere = tmp_path / "nowhere"
    check = ("ledger", "verify", "--file", tmp_path / "copy.db", "--public-key", key)
    done = accord(nowhere, *check, "--expect-head", exported["head"], "--json")
    assert done.code == 0
    nothing_signed = {"messages_verified": 0, "messages_of_unknown_key": {}}
    assert done.json == {"rows": 4, "head": exported["head"], "signing_key": key, "anchored": True} | nothing_signed
    assert rows(nowhere, "--file", tmp_path / "copy.db")[0]["event"] == "opened"
    tamper(tmp_path / "copy.db", "DELETE FROM rows WHERE sequence = 2")
    assert "row 2: expected it after the one before, got row 3" in accord(nowhere, *check).err
    assert not nowhere.exists()


def test_an_auditor_with_the_wrong_key(home: Path, tmp_path: Path) -> None:
    other = accord(tmp_path / "other", "ledger", "verify", "--json").json["signing_key"]
    done = accord(home, "ledger", "verify", "--public-key", other)
    assert done.code == ExitCode.STORAGE
    assert "row 1" in done.err


@pytest.mark.parametrize("value", ["", "zz" * 32, "ab" * 31, "ab" * 33])
def test_keys_and_heads_have_their_length(home: Path, value: str) -> None:
    for option in ("--public-key", "--expect-head"):
        done = accord(home, "ledger", "verify", option, value)
        assert done.code == ExitCode.USAGE
        assert "expected 64 hexadecimal digits" in done.err


def test_export_is_private_and_never_overwrites(home: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    assert accord(home, "ledger", "export", target).code == 0
    assert target.stat().st_mode & 0o777 == 0o600
    before = target.read_bytes()
    done = accord(home, "ledger", "export", target, "--json")
    assert (done.code, done.error["code"]) == (ExitCode.INPUT, "output-exists")
    assert target.read_bytes() == before
    nowhere = accord(home, "ledger", "export", tmp_path / "none" / "copy.db", "--json")
    assert (nowhere.code, nowhere.error["code"]) == (ExitCode.STORAGE, "storage-failed")


def test_show_filters(home: Path) -> None:
    assert [row["sequence"] for row in rows(home)] == [1, 2, 3, 4]
    assert [row["sequence"] for row in rows(home, "--last", 2)] == [3, 4]
    assert [row["sequence"] for row in rows(home, "--event", "opened")] == [1]
    assert [row["sequence"] for row in rows(home, "--partner", "fiu-other")] == [2, 3, 4]
    assert rows(home, "--partner", "fiu-nobody") == []
    assert rows(home, "--session", "ab") == []
    assert accord(home, "ledger", "show", "--event", "nonsense").code == ExitCode.USAGE


def test_show_in_a_pipe(home: Path) -> None:
    head, first, *_, last = accord(home, "ledger", "show").out.splitlines()
    assert head.split("\t")[:3] == ["row", "time", "event"]
    assert first.split("\t")[2] == "opened"
    assert last.split("\t")[-1] == "active"


@pytest.mark.parametrize(("no_color", "drawn"), [(None, True), ("1", False)])
def test_show_on_a_terminal(home: Path, no_color: str | None, drawn: bool) -> None:
    child, terminal = pty.fork()
    if child == 0:
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
        environment.pop("NO_COLOR", None)
        environment.update({"NO_COLOR": no_color} if no_color else {})
        arguments = ["--home", str(home), "ledger", "show"]
        program = "from nodes.cli.main import main; main()"
        os.execve(sys.executable, [sys.executable, "-c", program, *arguments], environment)  # noqa: S606
    seen = b""
    try:
        while part := os.read(terminal, 4096):
            seen += part
    except OSError:
        pass  # the terminal ends with the process
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 0
    text = seen.decode()
    assert "partner-change" in text
    assert ("━" in text or "│" in text) is drawn
    assert ("\t" in text) is not drawn


@pytest.mark.parametrize(
    "row",
    [
        {"session": "ab" * 64, "event": [], "time_ms": "now", "sequence": {}, "participants": 7, "agency": 3},
        {"session": "ab" * 64, "event": "completion", "time_ms": 10**40, "purpose": ["\x1b[2J"], "agency": "\x1b[2J"},
    ],
)
def test_rows_of_a_stranger_are_shown_as_one_line_each_or_refused(home: Path, row: dict[str, Any]) -> None:
    """Without a key nothing of a file is known to be true, and a terminal obeys what is printed."""
    content = json.dumps(row).encode().hex()
    tamper(home / "ledger.db", f"UPDATE rows SET content = x'{content}' WHERE sequence = 3")  # noqa: S608
    tamper(home / "ledger.db", "INSERT INTO evidence VALUES (3, 0, 'fiu-other', 1, x'00', zeroblob(64))")
    for how in ((), ("--json",)):
        done = accord(home.parent, "ledger", "session", "ab" * 16, "--file", home / "ledger.db", *how)
        assert done.code == ExitCode.STORAGE
        assert "bad-evidence" in done.err
        assert "\x1b" not in done.out + done.err
        assert "fiu-other" in done.out
    found = accord(home.parent, "ledger", "show", "--file", home / "ledger.db", "--partner", "fiu-other", "--json")
    assert found.code == 0
    tamper(home / "ledger.db", "UPDATE evidence SET sender = 'fiu' || char(27)")
    done = accord(home.parent, "ledger", "session", "ab" * 16, "--file", home / "ledger.db", "--json")
    assert done.error["code"] == "ledger-broken"


def test_without_a_node(tmp_path: Path) -> None:
    for command in (["verify"], ["show"], ["export", tmp_path / "x"]):
        done = accord(tmp_path / "none", "ledger", *command, "--json")
        assert (done.code, done.error["code"]) == (ExitCode.CONFIGURATION, "home-missing")


def test_a_copy_verifies_elsewhere_with_the_partner_file_alone(home: Path, tmp_path: Path) -> None:
    file, copy = tmp_path / "home.json", tmp_path / "copy.db"
    shown = accord(home, "partner", "export", file, "--json").json["fingerprint"]
    assert accord(home, "ledger", "export", copy).code == 0
    nowhere = tmp_path / "nowhere"
    facts = accord(nowhere, "ledger", "verify", "--file", copy, "--partner-file", file, "--json").json
    assert (facts["agency"], facts["rows"], facts["fingerprint"]) == ("fiu-home", 4, shown)
    other = tmp_path / "other.json"
    outcome = accord(nowhere, "ledger", "verify", "--file", copy, "--partner-file", other, "--json")
    assert outcome.error["code"] == "ledger-broken"
    assert outcome.code == ExitCode.STORAGE
    both = accord(nowhere, "ledger", "verify", "--file", copy, "--partner-file", file, "--public-key", "00" * 32)
    assert both.code == ExitCode.USAGE
    assert not nowhere.exists()
