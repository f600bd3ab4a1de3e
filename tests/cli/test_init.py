"""`accord init`, and what all commands share: help, lazy loading, errors."""

from __future__ import annotations

import importlib
import json
import os
import pty
import select
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import psutil
import pytest

from nodes.cli import main
from nodes.config import load_config
from nodes.error_table import ExitCode
from nodes.home import Home
from nodes.policy import RuleBook
from tests.cli.command import accord, accord_process, init
from tests.patience import PATIENCE_SECONDS

OPTIONS = ("--agency-id", "fiu-1", "--name", "Unit 1", "--realm", "exercise", "--address", "localhost:7443")


def test_init_makes_a_node_that_loads(tmp_path: Path) -> None:
    done = accord(tmp_path / "node", "init", *OPTIONS)
    assert (done.code, done.err) == (0, "")
    assert "accord partner export" in done.out
    config = load_config(Home(tmp_path / "node"))
    assert (config.agency_id, config.agency_name, config.realm) == ("fiu-1", "Unit 1", "exercise")
    assert config.operator(os.getuid()) == config.operators[0]
    assert RuleBook(Home(tmp_path / "node")).check() == (), "a new node answers nobody"
    assert accord(tmp_path / "node", "ledger", "verify", "--json").json["rows"] == 1


def test_a_node_may_listen_elsewhere_than_partners_dial(tmp_path: Path) -> None:
    assert accord(tmp_path / "node", "init", *OPTIONS, "--listen", "127.0.0.1:7444").code == 0
    config = load_config(Home(tmp_path / "node"))
    assert (config.listen, config.address) == ("127.0.0.1:7444", "localhost:7443")
    assert accord(tmp_path / "other", "init", *OPTIONS).code == 0
    assert load_config(Home(tmp_path / "other")).listen == "localhost:7443"


def test_init_in_json(tmp_path: Path) -> None:
    done = init(tmp_path / "node", "fiu-1", "production")
    assert done.code == 0
    assert done.json["realm"] == "production"
    assert len(bytes.fromhex(done.json["signing_key"])) == 32


def test_everything_is_private_under_any_umask(tmp_path: Path) -> None:
    program = "import os; os.umask(0); from nodes.cli.main import main; main()"
    command = [sys.executable, "-c", program, "--home", str(tmp_path / "node"), "init", *OPTIONS]
    subprocess.run(command, check=True, capture_output=True)
    for path in (tmp_path / "node").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_no_secret_is_shown(tmp_path: Path) -> None:
    done = accord(tmp_path / "node", "init", *OPTIONS)
    home = Home(tmp_path / "node")
    assert home.storage_key_file.read_bytes().hex() not in done.out
    assert "PRIVATE" not in done.out


def test_init_refuses_to_overwrite(tmp_path: Path) -> None:
    init(tmp_path / "node", "fiu-1")
    before = {path: path.read_bytes() for path in (tmp_path / "node").rglob("*") if path.is_file()}
    done = init(tmp_path / "node", "fiu-2")
    assert done.code == ExitCode.CONFIGURATION
    assert done.error["code"] == "home-exists"
    assert {path: path.read_bytes() for path in (tmp_path / "node").rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--agency-id", "FIU", "accord init: --agency-id: expected 1 to 63"),
        ("--address", "localhost", "accord init: --address: expected host:port"),
        ("--name", "a\nb", "accord init: --name: expected one line"),
        ("--name", 'x"\nrealm = "production', "accord init: --name: expected one line"),
        ("--name", "a\x7f", "accord init: --name: expected one line"),
        ("--name", "\udcff", "accord init: --name: expected one line"),
        ("--listen", "localhost", "accord init: --listen: expected host:port"),
        ("--listen", "", "accord init: --listen: expected host:port"),
    ],
)
def test_a_mistake_in_an_option_makes_nothing(tmp_path: Path, option: str, value: str, message: str) -> None:
    options = dict(zip(OPTIONS[::2], OPTIONS[1::2], strict=True)) | {option: value}
    done = accord(tmp_path / "node", "init", *(part for pair in options.items() for part in pair))
    assert done.code == ExitCode.CONFIGURATION
    assert message in done.err
    assert "accord.toml" not in done.err
    assert not (tmp_path / "node").exists()


def test_wrong_use_is_exit_code_2(tmp_path: Path) -> None:
    for arguments in (["init"], ["no-such-command"], ["init", *OPTIONS, "--realm", "test"], ["ledger", "verify", "x"]):
        assert accord(tmp_path / "node", *arguments).code == ExitCode.USAGE


def test_home_comes_from_option_then_environment_then_default(tmp_path: Path) -> None:
    default, other, option = tmp_path / "user", tmp_path / "other", tmp_path / "option"
    default.mkdir()
    assert accord_process("init", *OPTIONS, HOME=str(default), ACCORD_HOME="").code == 0
    assert accord_process("init", *OPTIONS, HOME=str(default), ACCORD_HOME=str(other)).code == 0
    assert accord_process("--home", option, "init", *OPTIONS, HOME=str(default), ACCORD_HOME=str(other)).code == 0
    assert (default / ".accord" / "accord.toml").is_file()
    assert (other / "accord.toml").is_file()
    assert (option / "accord.toml").is_file()


class TestCommands:
    @pytest.mark.parametrize("name", main.COMMANDS)
    def test_every_command_of_the_help_exists_and_says_the_same(self, name: str) -> None:
        command = importlib.import_module(f"nodes.cli.{name}").command
        assert isinstance(command, click.Command)
        assert command.get_short_help_str(200) == main.COMMANDS[name]

    def test_help_loads_no_command(self) -> None:
        program = (
            "import sys\n"
            "from nodes.cli.main import root\n"
            "root(['--help'], standalone_mode=False)\n"
            "heavy = {'grpc', 'cryptography', 'numpy', 'aiohttp', 'rich', 'psi'} & set(sys.modules)\n"
            "print('loaded:', sorted(heavy))\n"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert done.stdout.endswith("loaded: []\n")
        for name, text in main.COMMANDS.items():
            assert f"{name} " in done.stdout and text in done.stdout

    def test_a_query_loads_what_it_needs_and_no_server(self) -> None:
        program = (
            "import sys\n"
            "import nodes.cli.query\n"
            "heavy = {'grpc', 'google.protobuf', 'numpy', 'aiohttp', 'asyncio', 'rich', 'sqlite3'} & set(sys.modules)\n"
            "print('loaded:', sorted(heavy))\n"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert done.stdout == "loaded: []\n"

    def test_version(self) -> None:
        done = accord_process("--version")
        assert (done.code, done.err) == (0, "")
        assert done.out.startswith("accord, version ")


class TestErrors:
    """One place turns any error into a sentence, advice and an exit code."""

    def test_a_known_error(self, tmp_path: Path) -> None:
        done = accord_process("--home", tmp_path / "none", "partner", "list")
        assert done.code == ExitCode.CONFIGURATION
        assert done.out == ""
        assert done.err == (
            f"accord: expected a node at {tmp_path / 'none'}, got no folder there [home-missing]\n"
            "Run `accord init`, or name the right folder with --home.\n"
        )

    def test_a_known_error_in_json(self, tmp_path: Path) -> None:
        done = accord_process("--home", tmp_path / "none", "partner", "list", "--json")
        assert (done.code, done.out) == (ExitCode.CONFIGURATION, "")
        assert done.error["code"] == "home-missing"
        assert done.error["exit_code"] == 3
        assert "accord init" in done.error["advice"]

    @pytest.mark.parametrize("as_json", [False, True])
    def test_an_unexpected_error_leaks_no_value(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_json: bool
    ) -> None:
        def fail(*_arguments: Any) -> None:
            raise ValueError("passport P1234567")

        monkeypatch.setattr("nodes.cli.partner.load_config", fail)
        done = accord(tmp_path, "partner", "list", *(["--json"] if as_json else []))
        assert done.code == ExitCode.UNEXPECTED
        assert "P1234567" not in done.out + done.err
        assert "Traceback" not in done.err
        assert "unexpected ValueError at " in done.err
        assert "defect" in done.err

    def test_an_interrupt_is_cancelled(self, tmp_path: Path) -> None:
        """A real Ctrl-C, on a terminal, at the question for the fingerprint."""
        init(tmp_path / "a", "fiu-a")
        init(tmp_path / "b", "fiu-b")
        accord(tmp_path / "b", "partner", "export", tmp_path / "b.json")
        child, terminal = pty.fork()
        if child == 0:
            arguments = ["--home", str(tmp_path / "a"), "partner", "add", str(tmp_path / "b.json")]
            signal.signal(
                signal.SIGINT, signal.SIG_DFL
            )  # tests in a shell's background ignore it, and so would the child
            os.execv(sys.executable, [sys.executable, "-c", "from nodes.cli.main import main; main()", *arguments])  # noqa: S606
        seen = b""
        while b"Type the fingerprint" not in seen:
            seen += os.read(terminal, 1000)
        process = psutil.Process(child)
        while b"cancelled" not in seen:
            if process.status() == psutil.STATUS_SLEEPING:
                os.write(terminal, b"\x03")  # once more if Python was just about to wait, and slept on the signal
            while b"cancelled" not in seen and select.select([terminal], [], [], 0.5)[0]:
                seen += os.read(terminal, 1000)
        with suppress(OSError):  # the terminal ends with the process
            while True:
                seen += os.read(terminal, 1000)
        _, status = os.waitpid(child, 0)
        os.close(terminal)
        assert os.waitstatus_to_exitcode(status) == ExitCode.CANCELLED
        assert b"cancelled by the operator" in seen
        assert accord(tmp_path / "a", "partner", "list", "--json").json == []

    def test_a_closed_pipe_is_no_defect(self, tmp_path: Path) -> None:
        init(tmp_path / "a", "fiu-a")
        program = "from nodes.cli.main import main; main()"
        command = [sys.executable, "-c", program, "--home", str(tmp_path / "a"), "ledger", "show", "--json"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read()
        process.stderr.close()
        process.wait(PATIENCE_SECONDS)
        assert "unexpected" not in errors and "Traceback" not in errors

    def test_a_full_disk_is_a_storage_error(self, tmp_path: Path) -> None:
        program = (
            "import resource, signal\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
            "from nodes.cli.main import main\n"
            "main()\n"
        )
        command = [sys.executable, "-c", program, "--home", str(tmp_path / "node"), "init", *OPTIONS, "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == ExitCode.STORAGE
        assert json.loads(done.stderr)["error"]["code"] == "storage-failed"
        assert not (tmp_path / "node" / "accord.toml").exists()
