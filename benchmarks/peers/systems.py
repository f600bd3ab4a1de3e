"""The peers: which environment and script each needs, and how its two processes are run."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.comparison import SIDES, Party, Run, Side
from benchmarks.lists import Lists, read_ids
from benchmarks.peers.environments import locked_version, python_of
from benchmarks.relay import relay
from benchmarks.results import BenchmarkError
from nodes.exercise_node import free_port

_SCRIPTS: Final = Path(__file__).parent


@dataclass(frozen=True)
class Peer:
    """A peer. ``patience_us`` is how long an item may take before a run counts as failed."""

    name: str
    environment: str
    package: str
    script: str
    arguments: tuple[str, ...]
    patience_us: int
    counts_itself: bool
    about: str
    facts: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        version = locked_version(self.environment, self.package)
        object.__setattr__(self, "facts", {"package": f"{self.package} {version}", "about": self.about})

    @contextmanager
    def open(self, lists: Lists, folder: Path) -> Iterator[Party]:
        """Install it, if need be."""
        yield _Ready(self, python_of(self.environment), lists, folder)


@dataclass(frozen=True)
class _Ready:
    peer: Peer
    python: Path
    lists: Lists
    folder: Path

    def run(self, counted: bool) -> Run:
        """Start both parties, wait for both, and read what they report."""
        ports = {side: free_port() for side in SIDES}
        reached = dict(ports)
        with ExitStack() as stack:
            if counted and not self.peer.counts_itself:
                reached = {side: free_port() for side in SIDES}
                through = {side: stack.enter_context(relay(reached[side], ports[side])) for side in SIDES}
            processes = {}
            for side, other in zip(SIDES, reversed(SIDES), strict=True):
                log = stack.enter_context((self.folder / f"{side}.log").open("w", encoding="utf-8"))
                processes[side] = stack.enter_context(
                    subprocess.Popen(
                        self._command(side, ports[side], reached[other]), stdout=log, stderr=log, cwd=self.folder
                    )
                )
            try:
                self._wait(processes)
            finally:
                for process in processes.values():
                    process.kill()
        reports = {side: json.loads((self.folder / f"{side}.json").read_text(encoding="utf-8")) for side in SIDES}
        requester, responder = (
            Side(report["peak_rss_bytes"], report["idle_rss_bytes"], report["cpu_seconds"])
            for report in reports.values()
        )
        wire = None
        if counted and self.peer.counts_itself:
            wire = reports["requester"]["sent_bytes"], reports["requester"]["received_bytes"]
        elif counted:
            to_responder, to_requester = through["responder"], through["requester"]
            wire = (
                to_responder.sent_bytes + to_requester.received_bytes,
                to_requester.sent_bytes + to_responder.received_bytes,
            )
        found = self.folder / "found.csv"
        try:
            return Run(reports["requester"]["seconds"], requester, responder, read_ids(found), wire, {})
        finally:
            found.unlink()

    def _command(self, side: str, listen: int, connect: int) -> tuple[str, ...]:
        paths = (getattr(self.lists, side), self.folder / "found.csv", self.folder / f"{side}.json")
        script = _SCRIPTS / self.peer.script
        return (str(self.python), *map(str, (script, side, *paths, listen, connect)), *self.peer.arguments)

    def _wait(self, processes: dict[str, subprocess.Popen[bytes]]) -> None:
        seconds = 120 + self.lists.size.total * self.peer.patience_us / 1e6
        for side, process in processes.items():
            try:
                code = process.wait(seconds)
            except subprocess.TimeoutExpired:
                raise BenchmarkError(f"{side}: expected to end within {seconds:.0f} s") from None
            if code != 0:
                log = (self.folder / f"{side}.log").read_text(encoding="utf-8", errors="replace").split("\n")
                said = next((line for line in reversed(log) if "Error" in line), "nothing")
                raise BenchmarkError(f"{side}: ended with {code}; it said: {said}")


def _secretflow(protocol: str, about: str) -> Peer:
    return Peer(
        name=f"secretflow-{protocol.lower()}",
        environment="secretflow",
        package="spu",
        script="secretflow_party.py",
        arguments=(f"PROTOCOL_{protocol}",),
        patience_us=500,
        counts_itself=False,
        about=about,
    )


PEERS: Final = (
    _secretflow("ECDH", "curve25519, semi-honest, no proofs, no TLS"),
    _secretflow("KKRT", "oblivious transfer, semi-honest, no TLS"),
    _secretflow("RR22", "vector OLE, semi-honest, no TLS"),
    Peer(
        name="openmined-psi",
        environment="openmined-psi",
        package="openmined-psi",
        script="openmined_party.py",
        arguments=(),
        patience_us=2_000,
        counts_itself=True,
        about="P-256, semi-honest, no proofs, Golomb-compressed set, TCP without TLS",
    ),
)
