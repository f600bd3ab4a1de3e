"""accord itself: two agencies on this machine, made, fed, served and asked through the product's own commands."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from benchmarks import processes
from benchmarks.comparison import Party, Run, Side
from benchmarks.lists import COLUMN, Lists
from benchmarks.relay import relay
from benchmarks.results import BenchmarkError
from nodes.exercise_node import LOOPBACK, MANDATE, REALM, ExerciseNode, free_port, introduce
from psi import native

DATA_SET: Final = "measured"
KIND: Final = "passport-number"

_MAPPING: Final = f"""
realm = "{REALM}"
reference = "{COLUMN}"

[[identifier]]
kind = "{KIND}"
number = "{COLUMN}"
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
class _Node(ExerciseNode):
    """One agency, whose list is measured."""

    def prepare(self, partner: str, direction: str) -> None:
        """Make the home, with one rule."""
        self.make(realm=REALM)
        self.write_rules(_RULE.format(direction=direction, partner=partner, data_set=DATA_SET, kind=KIND))
        self.configure(_LIMITS)

    def listen(self, port: int) -> None:
        """Bind to another port than the one that partners dial; from the next start on."""
        config = self.home / "accord.toml"
        text = config.read_text(encoding="utf-8")
        before, after = (f'listen = "{LOOPBACK}:{number}"' for number in (self.port, port))
        if before not in text:
            raise BenchmarkError("accord.toml: expected the line that says where it listens")
        config.write_text(text.replace(before, after), encoding="utf-8")

    def hold(self, source: Path, mapping: Path) -> None:
        """Import a list."""
        self.told("registry", "import", DATA_SET, source, "--mapping", mapping)

    def ask(self, *question: object) -> None:
        """Ask, with the answer in a file, so that nothing but asking takes time. Raises BenchmarkError."""
        done = self.run("query", *question)
        if done.returncode != 0:
            said = [line for line in done.stderr.splitlines() if line.startswith("accord: ")] or ["nothing"]
            raise BenchmarkError(f"accord query: ended with {done.returncode}; it said: {said[-1]}")


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
        self.responder.listen(behind)
        self.responder.serve()
        with relay(self.responder.port, behind) as through:
            run = self._ask()
        wire = through.sent_bytes, through.received_bytes
        return Run(run.seconds, run.requester, run.responder, run.found, wire, run.more)

    def _ask(self) -> Run:
        nodes = (self.requester, self.responder)
        before = [(processes.rss_bytes(node.pid), processes.cpu_seconds(node.pid)) for node in nodes]
        answer = self.folder / "answer.json"
        asked = ("--partner", self.responder.agency, "--data-set", DATA_SET, "--ask", DATA_SET, "--kind", KIND)
        command_cpu, start = _children_cpu_seconds(), time.perf_counter()
        self.requester.ask("intersect", "--yes", *asked, "--mandate", self.folder / "mandate.toml", "--output", answer)
        seconds = time.perf_counter() - start
        command_cpu = _children_cpu_seconds() - command_cpu
        sides = [
            Side(processes.peak_rss_bytes(node.pid), idle, processes.cpu_seconds(node.pid) - cpu)
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
        requester.prepare(responder.agency, "outgoing")
        responder.prepare(requester.agency, "incoming")
        introduce(requester, responder)
        mapping, mandate = folder / "mapping.toml", folder / "mandate.toml"
        mapping.write_text(_MAPPING, encoding="utf-8")
        mandate.write_text(MANDATE, encoding="utf-8")
        requester.hold(lists.requester, mapping)
        responder.hold(lists.responder, mapping)
        with ExitStack() as stack:
            for node in (requester, responder):
                stack.enter_context(node.served())
            yield _Ready(requester, responder, folder)


def _children_cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
