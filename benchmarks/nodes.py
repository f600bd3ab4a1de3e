"""accord itself: two agencies on this machine, made, fed, served and asked through the product's own commands."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from benchmarks import processes
from benchmarks.comparison import Party, Run, Side
from benchmarks.lists import COLUMN, Lists
from benchmarks.relay import LOOPBACK, free_port, relay
from benchmarks.results import BenchmarkError
from psi import native

REALM: Final = "exercise"
DATA_SET: Final = "measured"
KIND: Final = "passport-number"
READY_SECONDS: Final = 60

_MAPPING: Final = f"""
realm = "{REALM}"
reference = "{COLUMN}"

[[identifier]]
kind = "{KIND}"
number = "{COLUMN}"
"""

_MANDATE: Final = """
[mandate]
purpose = "exercise"
instrument = "Exercise order"
reference = "benchmark"
case_reference = "benchmark"
officer = "Exercise control"
offence_category = "exercise"
handling_code = "H0"
urgency = "routine"
not_before = 2020-01-01T00:00:00Z
not_after = 2099-12-31T00:00:00Z
"""

_RULE: Final = """
[[rules]]
id = "benchmark"
effect = "allow"
direction = "{direction}"
partners = ["{partner}"]
queries = ["intersect"]
reveals = ["shared-identifiers"]
data_sets = ["{data_set}"]
kinds = ["{kind}"]
purposes = ["*"]
instruments = ["*"]
max_elements_per_list = 10_000_000
max_elements_per_day = 1_000_000_000
max_duration_seconds = 14_400
"""

_LIMITS: Final = """
[limits]
elements_per_list = 10_000_000
"""


@dataclass
class _Node:
    """One agency: its home, and the process that serves it."""

    home: Path
    agency: str
    port: int
    process: subprocess.Popen[bytes] | None = field(default=None)

    def accord(self, *arguments: object) -> str:
        """Run a command of this agency's operator. Raises BenchmarkError with what it said."""
        command = [*_command(), "--home", str(self.home), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            said = [line for line in done.stderr.splitlines() if line.startswith("accord: ")] or ["nothing"]
            raise BenchmarkError(f"accord {arguments[0]}: ended with {done.returncode}; it said: {said[-1]}")
        return done.stdout

    def make(self, partner: str, direction: str) -> None:
        """Make the home, with one rule."""
        address = f"{LOOPBACK}:{self.port}"
        name = ("--name", f"Agency {self.agency}")
        self.accord("init", "--agency-id", self.agency, *name, "--realm", REALM, "--address", address)
        rule = _RULE.format(direction=direction, partner=partner, data_set=DATA_SET, kind=KIND)
        (self.home / "rules.toml").write_text(rule, encoding="utf-8")
        with self.config.open("a", encoding="utf-8") as file:
            file.write(_LIMITS)

    @property
    def config(self) -> Path:
        return self.home / "accord.toml"

    def listen(self, port: int, instead_of: int) -> None:
        """Bind to another port than the one that partners dial."""
        text = self.config.read_text(encoding="utf-8")
        before, after = (f'listen = "{LOOPBACK}:{number}"' for number in (instead_of, port))
        if before not in text:
            raise BenchmarkError("accord.toml: expected the line that says where it listens")
        self.config.write_text(text.replace(before, after), encoding="utf-8")

    def hold(self, source: Path, mapping: Path) -> None:
        """Import a list."""
        self.accord("registry", "import", DATA_SET, source, "--mapping", mapping)

    def serve(self) -> None:
        """Start the node and wait until it says that it is ready."""
        log = self.home.with_suffix(".log")
        with log.open("wb") as file:
            command = [*_command(), "--home", str(self.home), "serve", "--grace", "1"]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
        deadline = time.monotonic() + READY_SECONDS
        while b"event=ready" not in log.read_bytes():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise BenchmarkError(f"accord serve: expected it to be ready within {READY_SECONDS} s")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop the node as a service manager does."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    @property
    def number(self) -> int:
        if self.process is None:
            raise BenchmarkError(f"{self.agency}: expected a node that is served")
        return self.process.pid


@dataclass(frozen=True)
class _Ready:
    requester: _Node
    responder: _Node
    folder: Path

    def run(self, counted: bool) -> Run:
        """Ask once."""
        if not counted:
            return self._ask()
        self.responder.stop()
        behind = free_port()
        self.responder.listen(behind, instead_of=self.responder.port)
        self.responder.serve()
        with relay(self.responder.port, behind) as through:
            run = self._ask()
        wire = through.sent_bytes, through.received_bytes
        return Run(run.seconds, run.requester, run.responder, run.found, wire, run.more)

    def _ask(self) -> Run:
        nodes = (self.requester, self.responder)
        before = [(processes.rss_bytes(node.number), processes.cpu_seconds(node.number)) for node in nodes]
        answer = self.folder / "answer.json"
        asked = ("--partner", self.responder.agency, "--data-set", DATA_SET, "--ask", DATA_SET, "--kind", KIND)
        command_cpu, start = _children_cpu_seconds(), time.perf_counter()
        self.requester.accord(
            "query", "intersect", "--yes", *asked, "--mandate", self.folder / "mandate.toml", "--output", answer
        )
        seconds = time.perf_counter() - start
        command_cpu = _children_cpu_seconds() - command_cpu
        sides = [
            Side(processes.peak_rss_bytes(node.number), idle, processes.cpu_seconds(node.number) - cpu)
            for node, (idle, cpu) in zip(nodes, before, strict=True)
        ]
        result: dict[str, Any] = json.loads(answer.read_bytes())
        answer.unlink()
        more = {
            "online_seconds": result["seconds"],
            "command_cpu_seconds": command_cpu,
            "payload_bytes": {"to_responder": result["sent_bytes"], "to_requester": result["received_bytes"]},
            "backend": result["backend"],
        }
        return Run(seconds, sides[0], sides[1], {hit["identifier"] for hit in result["hits"]}, None, more)


class Accord:
    """accord, as installed beside this interpreter."""

    name = "accord"

    def __init__(self) -> None:
        self.facts = {
            "package": f"accord {metadata.version('accord')}",
            "about": f"ristretto255 ({native.backend()}), proofs, mutual TLS 1.3, signed ledgers, encrypted registry",
        }

    @contextmanager
    def open(self, lists: Lists, folder: Path) -> Iterator[Party]:
        """Make two agencies that know each other, import their lists, and serve both."""
        requester, responder = (_Node(folder / agency, agency, free_port()) for agency in ("north", "south"))
        requester.make(responder.agency, "outgoing")
        responder.make(requester.agency, "incoming")
        _introduce(requester, responder)
        mapping, mandate = folder / "mapping.toml", folder / "mandate.toml"
        mapping.write_text(_MAPPING, encoding="utf-8")
        mandate.write_text(_MANDATE, encoding="utf-8")
        requester.hold(lists.requester, mapping)
        responder.hold(lists.responder, mapping)
        with ExitStack() as stack:
            for node in (requester, responder):
                stack.callback(node.stop)
                node.serve()
            yield _Ready(requester, responder, folder)


def _introduce(a: _Node, b: _Node) -> None:
    """Exchange partner files and confirm their fingerprints."""
    for node, other in ((a, b), (b, a)):
        file = node.home.with_suffix(".partner")
        fingerprint = json.loads(node.accord("partner", "export", file, "--json"))["fingerprint"]
        other.accord("partner", "add", file, "--fingerprint", fingerprint)


def _command() -> list[str]:
    installed = Path(sys.executable).with_name("accord")
    if not os.access(installed, os.X_OK):
        raise BenchmarkError("expected the command accord beside this interpreter: run `make dev`")
    return [str(installed)]


def _children_cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
