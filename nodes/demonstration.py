"""Agencies of a demonstration: each a home of its own and a node in a process of its own, on this machine.

Nothing is mocked: every step is a command that an operator would type.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nodes.error_table import ExitCode
from nodes.errors import DemoError

ACCORD: Final = (sys.executable, "-c", "from nodes.cli.main import main; main()")
READY_SECONDS: Final = 60.0
STOP_SECONDS: Final = 20.0
LOG_CHARACTERS: Final = 4_000


@dataclass(frozen=True, slots=True)
class Demonstrated:
    """One of the agencies."""

    agency: str
    home: Path
    port: int

    @property
    def log(self) -> Path:
        return self.home.with_name(f"{self.agency}.log")

    def accord(self, *arguments: object) -> Any:
        """Run a command of this agency's operator; return what it says with --json."""
        done = self._run(*arguments)
        if done.returncode != 0:
            said = done.stderr.strip()[-LOG_CHARACTERS:]
            raise DemoError(f"expected `accord {arguments[0]}` of {self.agency} to succeed, got:\n{said}")
        return json.loads(done.stdout)

    def refused(self, *arguments: object) -> str:
        """Run a command that the partner must refuse; return the code of the error."""
        done = self._run(*arguments)
        if done.returncode != ExitCode.REFUSED_BY_PARTNER:
            raise DemoError(f"expected the partner to refuse `accord {arguments[0]}`, got exit code {done.returncode}")
        return str(json.loads(done.stderr)["error"]["code"])

    def fails(self, *arguments: object) -> str:
        """Run a command that must fail; return what it says."""
        done = self._run(*arguments)
        if done.returncode == 0:
            raise DemoError(f"expected `accord {arguments[0]}` to fail, got an answer")
        return str(json.loads(done.stderr)["error"]["message"])

    def _run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = [*ACCORD, "--home", str(self.home), *map(str, arguments), "--json"]
        return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603, our own command


@contextmanager
def served(node: Demonstrated) -> Iterator[subprocess.Popen[bytes]]:
    """Run a node in a process of its own; it ends with this block, whatever happens in it."""
    with node.log.open("wb") as log:
        process = subprocess.Popen(  # noqa: S603, our own command
            [*ACCORD, "--home", str(node.home), "serve", "--grace", "1"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=dict(os.environ),
            start_new_session=True,  # Ctrl-C ends the demonstration, and that ends the nodes
        )
    try:
        _wait_until_ready(node, process)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(node: Demonstrated, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while "event=ready" not in node.log.read_text(encoding="utf-8", errors="replace"):
        if process.poll() is not None or time.monotonic() > deadline:
            said = node.log.read_text(encoding="utf-8", errors="replace")[-LOG_CHARACTERS:]
            raise DemoError(f"expected the node of {node.agency} to start, got:\n{said}")
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
