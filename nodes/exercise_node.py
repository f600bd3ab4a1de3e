"""An agency on this machine, for demonstrations, measurements and tests: a home, and a node in a process of its own.

Nothing is mocked: every step is a command that an operator would type.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from nodes.error_table import ExitCode
from nodes.errors import ExerciseNodeError
from nodes.home import Home, read_private, write_private

ACCORD: Final = (sys.executable, "-c", "from nodes.cli.main import main; main()")
LOOPBACK: Final = "127.0.0.1"
REALM: Final = "exercise"
READY_SECONDS: Final = 60.0
STOP_SECONDS: Final = 20.0
LOOK_SECONDS: Final = 0.03
PORTS: Final = range(10_240, 32_768)  # those from 32,768 on are what Linux gives to outgoing connections, ip(7)
_TURNS: Final = itertools.count(os.getpid() * 64)  # processes begin apart
LOG_CHARACTERS: Final = 4_000

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


@dataclass
class ExerciseNode:
    """One agency.

    Args:
        home: its folder; the log and other files of this agency stand beside it.
        agency: its id.
        port: where it listens on loopback.
        process: that serves it, if any.
        environment: of that process, beside what this one has.
        log_begin: where the log of that process begins, in characters.
    """

    home: Path
    agency: str
    port: int
    process: subprocess.Popen[bytes] | None = None
    environment: dict[str, str] = field(default_factory=dict)
    log_begin: int = 0

    @property
    def log(self) -> Path:
        return self.home.with_name(f"{self.agency}.log")

    @property
    def pid(self) -> int:
        """Of the process that serves it. Raises ExerciseNodeError where there is none."""
        if self.process is None:
            raise ExerciseNodeError(f"expected a process that serves {self.agency}, got none")
        return self.process.pid

    def log_text(self) -> str:
        """All that its processes have logged."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run a command of this agency's operator, whatever becomes of it."""
        command = [*ACCORD, "--home", str(self.home), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603, our own command

    def told(self, *arguments: object) -> Any:
        """Run a command that must succeed; return what it says with --json. Raises ExerciseNodeError."""
        done = self.run(*arguments, "--json")
        if done.returncode != ExitCode.OK:
            said = done.stderr.strip()[-LOG_CHARACTERS:]
            raise ExerciseNodeError(f"expected `accord {arguments[0]}` of {self.agency} to succeed, got:\n{said}")
        return json.loads(done.stdout)

    def fails(self, *arguments: object) -> tuple[ExitCode, dict[str, str]]:
        """Run a command that must fail. Returns: its exit code, and its error with code and message.

        Raises:
            ExerciseNodeError: it succeeded.
        """
        done = self.run(*arguments, "--json")
        if done.returncode == ExitCode.OK:
            raise ExerciseNodeError(f"expected `accord {arguments[0]}` of {self.agency} to fail, got an answer")
        return ExitCode(done.returncode), json.loads(done.stderr)["error"]

    def make(self, *, name: str = "", realm: str = REALM, address_port: int | None = None) -> None:
        """Make the home. Partners reach the node at `address_port` (a proxy's), or where it listens."""
        dialled = self.port if address_port is None else address_port
        named = ("--agency-id", self.agency, "--name", name or f"Agency {self.agency}", "--realm", realm)
        self.told("init", *named, "--address", f"{LOOPBACK}:{dialled}", "--listen", f"{LOOPBACK}:{self.port}")

    def configure(self, more: str) -> None:
        """Add to accord.toml; for the next start."""
        file = Home(self.home).config_file
        write_private(file, read_private(file) + f"\n{more}".encode())

    def write_rules(self, *rules: str) -> None:
        """Let these rules, and no others, hold."""
        write_private(Home(self.home).rules_file, "\n".join(rules).encode())

    def serve(self, *, wait: bool = True) -> None:
        """Start the node, and wait until it says that it is ready."""
        self.log_begin = len(self.log_text())
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603, our own command
                [*ACCORD, "--home", str(self.home), "serve", "--grace", "1"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
                start_new_session=True,  # Ctrl-C ends this process, and that ends the nodes
            )
        if wait:
            self.wait_until_ready()

    def wait_until_ready(self) -> None:
        self.wait_for_log("event=ready")

    def wait_for_log(self, text: str, begin: int = 0) -> None:
        """Wait until the process that runs has logged this, `begin` characters or more into the log.

        Raises:
            ExerciseNodeError: it ended, or took too long.
        """
        deadline = time.monotonic() + READY_SECONDS
        while text not in self.log_text()[max(begin, self.log_begin) :]:
            ended = self.process is None or self.process.poll() is not None
            if ended or time.monotonic() > deadline:
                said = self.log_text()[-LOG_CHARACTERS:]
                raise ExerciseNodeError(f"expected {text} in the log of {self.agency}, got:\n{said}")
            time.sleep(LOOK_SECONDS)

    def stop(self) -> int:
        """Stop the node as a service manager does; return its exit code."""
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
        code, self.process = self.process.wait(), None
        return code

    def kill(self) -> None:
        """As a power cut does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    @contextmanager
    def served(self) -> Iterator[None]:
        """Serve the node; it ends with this block, whatever happens in it."""
        try:
            self.serve()
            yield
        finally:
            self.stop()


def introduce(*nodes: ExerciseNode) -> dict[str, str]:
    """Exchange partner files, and confirm fingerprints as people would over the telephone. Returns: those of each."""
    fingerprints = {}
    for node in nodes:
        file = node.home.with_name(f"{node.agency}.partner")
        fingerprints[node.agency] = node.told("partner", "export", file)["fingerprint"]
        for other in nodes:
            if other is not node:
                other.told("partner", "add", file, "--fingerprint", fingerprints[node.agency])
    return fingerprints


def free_port() -> int:
    """A port of loopback that nobody listens on now, and that no other process is about to take.

    The system would give a port that is free to two processes that ask before either listens.
    """
    for turn in itertools.islice(_TURNS, len(PORTS)):
        port = PORTS[turn % len(PORTS)]
        with socket.socket() as probe, suppress(OSError):
            probe.bind((LOOPBACK, port))
            return port
    raise ExerciseNodeError(f"expected a free port of {PORTS}, got none")
