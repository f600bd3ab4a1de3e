"""Two real agencies on this machine: folders, certificates, data, and `accord serve` in processes of their own.

Everything happens as operators do it. A test may look at what commands say, at logs, ledgers and folders.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from nodes.config import load_config
from nodes.home import Home, write_private
from tests.cli.command import Outcome, accord, accord_process

ACCORD: Final = [sys.executable, "-c", "from nodes.cli.main import main; main()"]
READY_SECONDS: Final = 60.0
REALM: Final = "exercise"

MAPPING: Final = """
realm = "exercise"
reference = "ref"
display = ["name"]

[[identifier]]
kind = "passport-number"
number = "number"
"""

MANDATE: Final = """
[mandate]
purpose = "exercise"
instrument = "Exercise order"
reference = "EX-1"
case_reference = "CASE-1"
officer = "Exercise control"
offence_category = "exercise"
handling_code = "H0"
urgency = "routine"
not_before = 2020-01-01T00:00:00Z
not_after = 2099-12-31T00:00:00Z
"""


def rules(partner: str, direction: str, *, allow: bool = True) -> str:
    return f"""
[[rules]]
id = "{direction}-{partner}"
effect = "{"allow" if allow else "refuse"}"
direction = "{direction}"
partners = ["{partner}"]
queries = ["intersect"]
reveals = ["shared-identifiers"]
data_sets = ["*"]
kinds = ["*"]
purposes = ["*"]
instruments = ["*"]
max_elements_per_list = 1000000
max_elements_per_day = 100000000
max_duration_seconds = 3600
"""


def outcome_of(asking: subprocess.Popen[str]) -> Outcome:
    out, err = asking.communicate(timeout=30)
    return Outcome(asking.returncode, out, err)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def number(value: int) -> str:
    """A passport number as the exercise writes it."""
    return f"X{value:08}"


@dataclass
class NodeUnderTest:
    """One agency's node: a home, and perhaps a process that serves it."""

    home: Path
    agency: str
    port: int
    process: subprocess.Popen[bytes] | None = None
    environment: dict[str, str] = field(default_factory=dict)
    log_begin: int = 0

    @property
    def log(self) -> Path:
        return self.home.with_name(f"{self.agency}.log")

    def accord(self, *arguments: object) -> Outcome:
        """Run a command in this process."""
        return accord(self.home, *arguments)

    def must(self, *arguments: object) -> Outcome:
        outcome = self.accord(*arguments)
        assert outcome.code == 0, outcome.err
        return outcome

    def serve(self, *, wait: bool = True) -> None:
        """Start the node, and wait until it says that it is ready."""
        with self.log.open("ab") as log:
            self.log_begin = log.tell()
            self.process = subprocess.Popen(
                [*ACCORD, "--home", str(self.home), "serve", "--grace", "1"],
                stderr=log,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **self.environment},
            )
        if wait:
            self.wait_until_ready()

    def wait_until_ready(self) -> None:
        self.wait_for_log("event=ready")

    def wait_for_log(self, text: str, begin: int = 0) -> None:
        """Wait until the process that runs has logged this, `begin` characters or more into the log."""
        deadline = time.monotonic() + READY_SECONDS
        while text not in self.log_text()[max(begin, self.log_begin) :]:
            assert self.process is not None
            assert self.process.poll() is None, self.log_text()[-3000:]
            assert time.monotonic() < deadline, self.log_text()[-3000:]
            time.sleep(0.03)

    def stop(self) -> int:
        """Stop the node as a service manager does; return its exit code."""
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(20)
        self.process = None
        return code

    def kill(self) -> None:
        """As a power cut does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self.process = None

    def hold(self, values: Iterable[int], data_set: str = "suspects") -> None:
        """Import a list."""
        import_rows(self.home, data_set, [f"{self.agency}-{value},Person {value},{number(value)}" for value in values])

    def configure(self, more: str) -> None:
        """Add to the configuration; for the next start."""
        file = Home(self.home).config_file
        write_private(file, f"{file.read_text()}\n{more}".encode())

    def write_rules(self, *texts: str) -> None:
        write_private(Home(self.home).rules_file, "\n".join(texts).encode())

    def ask(self, partner: str, *more: object) -> Outcome:
        """Ask, as an operator in a terminal of its own."""
        return accord_process(*self.query_arguments(partner, *more))

    def ask_here(self, partner: str, *more: object) -> Outcome:
        """Ask from this process, which spares its start."""
        return self.accord(*self.query_arguments(partner, *more)[2:])

    def ask_meanwhile(self, partner: str, *more: object) -> subprocess.Popen[str]:
        """Ask, and go on with the test."""
        return subprocess.Popen(
            [*ACCORD, *self.query_arguments(partner, "--json", *more)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def query_arguments(self, partner: str, *more: object) -> list[str]:
        mandate = self.home.with_name("mandate.toml")
        asked = ["query", "intersect", "--yes", "--partner", partner, "--data-set", "suspects", "--ask", "suspects"]
        return ["--home", str(self.home), *asked, "--mandate", str(mandate), *map(str, more)]

    def ledger(self) -> list[dict[str, Any]]:
        """Verify the ledger, and return its rows."""
        self.must("ledger", "verify")
        return [json.loads(line) for line in self.must("ledger", "show", "--last", "100000", "--json").out.splitlines()]

    def log_text(self) -> str:
        return self.log.read_text() if self.log.exists() else ""


def make_node(folder: Path, agency: str, address_port: int | None = None, realm: str = REALM) -> NodeUnderTest:
    """Make a home whose partners reach it at `address_port` (a test's proxy), or where it listens."""
    port = free_port()
    node = NodeUnderTest(folder / agency, agency, port)
    options = ["--agency-id", agency, "--name", f"Agency {agency}", "--realm", realm]
    node.home.parent.mkdir(exist_ok=True)
    node.home.with_name("mandate.toml").write_text(MANDATE)
    node.must("init", *options, "--address", f"127.0.0.1:{address_port or port}")
    if address_port is not None:
        file = Home(node.home).config_file
        text = file.read_text().replace(f'listen = "127.0.0.1:{address_port}"', f'listen = "127.0.0.1:{port}"')
        write_private(file, text.encode())
        assert load_config(Home(node.home)).listen.endswith(str(port))
    return node


def introduce(*nodes: NodeUnderTest) -> None:
    """Exchange partner files, and confirm fingerprints over a channel that the test trusts."""
    for node in nodes:
        file = node.home.with_name(f"{node.agency}.partner")
        fingerprint = node.must("partner", "export", file, "--json").json["fingerprint"]
        for other in nodes:
            if other is not node:
                other.must("partner", "add", file, "--fingerprint", fingerprint, "--json")


def import_rows(home: Path | Home, data_set: str, rows: list[str]) -> None:
    """Import rows of reference, name and passport number; and somebody without one, so that no list is too empty."""
    folder = home.path if isinstance(home, Home) else home
    file, mapping = folder.with_name(f"{folder.name}.csv"), folder.with_name("mapping.toml")
    file.write_text("\n".join(["ref,name,number", *rows, "none,Nobody,"]) + "\n")
    mapping.write_text(MAPPING)
    outcome = accord(folder, "registry", "import", data_set, file, "--mapping", mapping, "--json")
    assert outcome.code == 0, outcome.err
