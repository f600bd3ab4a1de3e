"""Run `accord` as an operator would, in this process or in one of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from nodes.cli.main import root


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an operator sees of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        return json.loads(self.err)["error"]


def accord(home: Path, *arguments: object, typed: str | None = None) -> Outcome:
    """Run a command on a node's home; `typed` is what the operator types."""
    done = CliRunner().invoke(root, ["--home", str(home), *map(str, arguments)], input=typed)
    return Outcome(done.exit_code, done.stdout, done.stderr)


def accord_process(*arguments: object, typed: str = "", **environment: str) -> Outcome:
    """The same in a process of its own, with its own environment and umask."""
    command = [sys.executable, "-c", "from nodes.cli.main import main; main()", *map(str, arguments)]
    done = subprocess.run(
        command, input=typed, capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def init(home: Path, agency_id: str, realm: str = "exercise") -> Outcome:
    """Make a node."""
    name = f"Agency {agency_id}"
    return accord(
        home,
        "init",
        "--agency-id",
        agency_id,
        "--name",
        name,
        "--realm",
        realm,
        "--address",
        "localhost:7443",
        "--json",
    )
