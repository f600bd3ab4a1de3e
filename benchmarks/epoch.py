"""`python -m benchmarks.epoch`: a small question against a large index, in an epoch and with fresh keys.

Two served nodes on this machine, as operators use them: the same question with fresh keys first, then the epoch is
opened and fetched, asked in, followed through an import that takes and brings as many records as the question has, and
asked in again. Every answer is checked against the lists themselves.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks import processes, results
from benchmarks.lists import COLUMN, Lists, Size, make_lists, read_ids
from benchmarks.nodes import DATA_SET, KIND, Accord
from benchmarks.results import BenchmarkError
from nodes.errors import ExerciseNodeError

COLUMNS: Final = {
    "step": "<",
    "online s": ">",
    "to responder": ">",
    "to requester": ">",
    "requester CPU s": ">",
    "responder CPU s": ">",
}


@dataclass(frozen=True, slots=True)
class Step:
    """What one command cost. `online_seconds` begin when the two nodes are connected."""

    name: str
    online_seconds: float
    sent_bytes: int
    received_bytes: int
    requester_cpu_seconds: float
    responder_cpu_seconds: float


class Measurement:
    """Two ready nodes, and what is done with them."""

    def __init__(self, ready: Any, folder: Path, lists: Lists) -> None:
        self._ready = ready
        self._folder = folder
        self._lists = lists
        self._truth = lists.truth()
        self._epoch = ""
        self.steps: list[Step] = []
        for node in (ready.requester, ready.responder):
            rules = node.home / "rules.toml"
            named = '["intersect", "epoch-sync", "epoch-intersect"]'
            rules.write_text(rules.read_text(encoding="utf-8").replace('["intersect"]', named), encoding="utf-8")

    def ask(self, name: str, *more: str) -> None:
        """Ask, and check the answer."""
        answer = self._folder / "answer.json"
        asked = ("--partner", self._ready.responder.agency, "--data-set", DATA_SET, "--ask", DATA_SET, "--kind", KIND)

        def question() -> dict[str, Any]:
            mandate = self._folder / "mandate.toml"
            self._ready.requester.ask("intersect", "--yes", *asked, *more, "--mandate", mandate, "--output", answer)
            result: dict[str, Any] = json.loads(answer.read_bytes())
            answer.unlink()
            return result

        found = {hit["identifier"] for hit in self._timed(name, question)["hits"]}
        if found != self._truth:
            raise BenchmarkError(f"{name}: expected {len(self._truth)} shared identifiers, got another answer")

    def ask_in_epoch(self, name: str) -> None:
        self.ask(name, "--epoch", self._epoch)

    def open(self) -> float:
        """Open an epoch. Returns: seconds of the command."""
        until = f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}"
        terms = ("--partner", self._ready.requester.agency, "--data-set", DATA_SET, "--kind", KIND, "--until", until)
        caps = ("--max-elements", 1 << 30, "--max-per-query", 1 << 20)
        start = time.perf_counter()
        self._epoch = self._ready.responder.told("epoch", "open", *terms, *caps)["epoch"]
        return time.perf_counter() - start

    def sync(self, name: str) -> None:
        """Fetch what the index lacks."""
        named = ("--partner", self._ready.responder.agency, "--ask", DATA_SET, "--kind", KIND)
        mandate = ("--mandate", self._folder / "mandate.toml")
        self._timed(name, lambda: self._ready.requester.told("epoch", "sync", *named, *mandate))

    def change(self, seed: int) -> None:
        """Import another list at the responder: as many records go, shared ones too, and come as the question has."""
        count = self._lists.size.requester
        kept = sorted(read_ids(self._lists.responder))
        random.Random(seed).shuffle(kept)
        more = sorted(read_ids(self._lists.requester) - self._truth)[: count // 2]
        fresh = [f"Q{number:09d}" for number in range(count - len(more))]
        lost = sorted(self._truth)[: count // 4]
        rows = [one for one in kept[count:] if one not in set(lost)] + more + fresh
        self._lists.responder.write_text("\n".join([COLUMN, *rows, ""]), encoding="ascii")
        self._truth = self._lists.truth()
        self._ready.responder.hold(self._lists.responder, self._folder / "mapping.toml")

    def _timed(self, name: str, act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        nodes = (self._ready.requester, self._ready.responder)
        before = [processes.cpu_seconds(node.pid) for node in nodes]
        facts = act()
        used = [processes.cpu_seconds(node.pid) - cpu for node, cpu in zip(nodes, before, strict=True)]
        self.steps.append(Step(name, facts["seconds"], facts["sent_bytes"], facts["received_bytes"], *used))
        return facts


def run(arguments: argparse.Namespace) -> str:
    """Measure one size, and write what was found. Returns the table."""
    size = Size.parse(arguments.size)
    document = results.describe("epoch", arguments)
    with tempfile.TemporaryDirectory(prefix="accord-bench-epoch-") as name:
        folder = Path(name)
        lists = make_lists(size, arguments.seed, folder)
        with Accord().open(lists, folder) as ready:
            measured = Measurement(ready, folder, lists)
            measured.ask("question with fresh keys")
            open_seconds = measured.open()
            measured.sync("first synchronisation")
            for _ in range(arguments.repetitions):
                measured.ask_in_epoch("question in the epoch")
            measured.change(arguments.seed)
            measured.sync("synchronisation after an import")
            measured.ask_in_epoch("question after it")
    document["size"] = str(size)
    document["open_seconds"] = open_seconds
    document["steps"] = [{name: getattr(step, name) for name in Step.__slots__} for step in measured.steps]
    rows = [_row(name, [step for step in measured.steps if step.name == name]) for name in _names(measured.steps)]
    table = f"{size}: {results.headline(document)}\n{results.markdown(COLUMNS, rows)}\n"
    table += f"Opening the epoch took {open_seconds:.1f} s. Figures of questions in the epoch are medians of "
    table += f"{arguments.repetitions}.\n"
    results.write(arguments.results / arguments.run / f"epoch-{size}.json", document, table)
    return table


def _names(steps: list[Step]) -> list[str]:
    return list(dict.fromkeys(step.name for step in steps))


def _row(name: str, steps: list[Step]) -> tuple[str, ...]:
    def middle(figure: Callable[[Step], float]) -> float:
        return median(figure(step) for step in steps)

    return (
        name,
        f"{middle(lambda step: step.online_seconds):.3f}",
        f"{middle(lambda step: step.sent_bytes):,.0f}",
        f"{middle(lambda step: step.received_bytes):,.0f}",
        f"{middle(lambda step: step.requester_cpu_seconds):.2f}",
        f"{middle(lambda step: step.responder_cpu_seconds):.2f}",
    )


def main() -> None:
    """Run from the command line."""
    parser = results.parser("Measure a small question against a large index, in an epoch.")
    parser.add_argument("--size", default="1000x1000000", help="requester x responder")
    parser.add_argument("--repetitions", type=int, default=7, help="of the question in the epoch")
    arguments = parser.parse_args()
    if arguments.smoke:
        arguments.size, arguments.repetitions = "100x1000", 1
    try:
        print(run(arguments))
    except (BenchmarkError, ExerciseNodeError, ValueError) as error:
        sys.exit(f"epoch: {error}")


if __name__ == "__main__":
    main()
