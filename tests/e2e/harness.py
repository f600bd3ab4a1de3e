"""Two real agencies on this machine: folders, certificates, data, and `accord serve` in processes of their own.

Everything happens as operators do it. A test may look at what commands say, at logs, ledgers and folders.
"""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nodes.exercise_node import ACCORD, MANDATE, REALM, ExerciseNode, free_port
from nodes.home import Home
from tests.cli.command import Outcome, accord, accord_process
from tests.patience import PATIENCE_SECONDS

MAPPING: Final = """
realm = "exercise"
reference = "ref"
display = ["name"]

[[identifier]]
kind = "passport-number"
number = "number"
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
    out, err = asking.communicate(timeout=PATIENCE_SECONDS)
    return Outcome(asking.returncode, out, err)


def number(value: int) -> str:
    """A passport number as the exercise writes it."""
    return f"X{value:08}"


@dataclass
class NodeUnderTest(ExerciseNode):
    """One agency's node, whose commands run in this process, which spares their start."""

    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        outcome = self.accord(*arguments)
        return subprocess.CompletedProcess(arguments, outcome.code, outcome.out, outcome.err)

    def accord(self, *arguments: object) -> Outcome:
        """Run a command in this process."""
        return accord(self.home, *arguments)

    def must(self, *arguments: object) -> Outcome:
        outcome = self.accord(*arguments)
        assert outcome.code == 0, outcome.err
        return outcome

    def stop(self) -> int:
        code = super().stop()
        assert code != -signal.SIGKILL, self.log_text()[-3000:]
        return code

    def hold(self, values: Iterable[int], data_set: str = "suspects") -> None:
        """Import a list."""
        import_rows(self.home, data_set, [f"{self.agency}-{value},Person {value},{number(value)}" for value in values])

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


def make_node(folder: Path, agency: str, address_port: int | None = None, realm: str = REALM) -> NodeUnderTest:
    """Make a home whose partners reach it at `address_port` (a test's proxy), or where it listens."""
    folder.mkdir(exist_ok=True)
    (folder / "mandate.toml").write_text(MANDATE)
    node = NodeUnderTest(folder / agency, agency, free_port())
    node.make(realm=realm, address_port=address_port)
    return node


def import_rows(home: Path | Home, data_set: str, rows: list[str]) -> None:
    """Import rows of reference, name and passport number; and somebody without one, so that no list is too empty."""
    folder = home.path if isinstance(home, Home) else home
    file, mapping = folder.with_name(f"{folder.name}.csv"), folder.with_name("mapping.toml")
    file.write_text("\n".join(["ref,name,number", *rows, "none,Nobody,"]) + "\n")
    mapping.write_text(MAPPING)
    outcome = accord(folder, "registry", "import", data_set, file, "--mapping", mapping, "--json")
    assert outcome.code == 0, outcome.err
