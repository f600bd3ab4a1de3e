"""Whole queries: every system answers the same lists, in turn, in the same run; each answer is checked.

A system is accord or a peer. Timed repetitions are interleaved; one more run of each system, not timed, goes through
a relay that counts bytes. A system that fails is recorded as failed and does not stop the others.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final, Protocol

from benchmarks import results
from benchmarks.core import query_us
from benchmarks.lists import Lists, Size, make_lists
from benchmarks.results import BenchmarkError
from nodes.errors import ExerciseNodeError

SIDES: Final = ("requester", "responder")


@dataclass(frozen=True, slots=True)
class Side:
    """What one party's process used. ``idle_rss_bytes`` is its memory before the query."""

    peak_rss_bytes: int
    idle_rss_bytes: int
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Run:
    """One query: its duration for whoever asks, each side's share, what it found, and figures of its own."""

    seconds: float
    requester: Side
    responder: Side
    found: set[str]
    wire_bytes: tuple[int, int] | None  # (requester to responder, back), where counted
    more: dict[str, Any]


class Party(Protocol):
    """A system that holds the lists of one size and is ready to answer."""

    def run(self, counted: bool) -> Run:
        """Answer once, with bytes counted or not. Raises BenchmarkError."""


class System(Protocol):
    """Something that finds what two lists share."""

    @property
    def name(self) -> str:
        """As in results; the first system of a run is what the others are compared with."""

    @property
    def facts(self) -> dict[str, str]:
        """Which version, and what it offers."""

    def open(self, lists: Lists, folder: Path) -> AbstractContextManager[Party]:
        """Get ready to answer for these lists. Raises BenchmarkError."""


@dataclass
class _Competitor:
    """A system during one size: its answers so far, or why there are no more."""

    system: System
    party: Party | None = None
    runs: list[Run] = field(default_factory=list)
    counted: Run | None = None
    failed: str | None = None

    @contextmanager
    def watched(self, folder: Path) -> Iterator[None]:
        """Record a failure, without the folder where it happened, instead of stopping everything."""
        try:
            yield
        except (BenchmarkError, ExerciseNodeError, OSError) as error:
            self.failed = str(error).replace(str(folder), "")
            print(f"{self.system.name}: {self.failed}", file=sys.stderr)

    def answer(self, truth: set[str], *, counted: bool) -> Run:
        """Let it answer once. Raises BenchmarkError if it cannot, or the answer is wrong."""
        if self.party is None:
            raise BenchmarkError("expected a system that is open")
        run = self.party.run(counted)
        if run.found != truth:
            missing, extra = len(truth - run.found), len(run.found - truth)
            raise BenchmarkError(f"wrong answer: {missing} of {len(truth)} shared missing, {extra} not shared")
        print(f"{self.system.name}: {run.seconds:.2f} s{', counting bytes' * counted}", file=sys.stderr)
        return run


def measure(size: Size, systems: Sequence[System], repetitions: int, seed: int) -> dict[str, Any]:
    """Measure one size with every system."""
    competitors = [_Competitor(system) for system in systems]
    with tempfile.TemporaryDirectory(prefix="accord-bench-") as folder, ExitStack() as stack:
        root = Path(folder)
        lists = make_lists(size, seed, root)
        truth = lists.truth()
        if len(truth) != size.shared:
            raise BenchmarkError(f"lists: expected {size.shared} shared, made {len(truth)}")
        print(f"{size}, {size.shared} shared", file=sys.stderr)
        for one in competitors:
            own = root / one.system.name
            own.mkdir()
            with one.watched(root):
                one.party = stack.enter_context(one.system.open(lists, own))
        for _ in range(repetitions):
            for one in competitors:
                if one.failed is None:
                    with one.watched(root):
                        one.runs.append(one.answer(truth, counted=False))
        for one in competitors:
            if one.failed is None:
                with one.watched(root):
                    one.counted = one.answer(truth, counted=True)
    return {
        "size": {"requester": size.requester, "responder": size.responder, "shared": size.shared},
        "systems": {one.system.name: _summary(one) for one in competitors},
        "ratios": _ratios(competitors),
    }


def _summary(one: _Competitor) -> dict[str, Any]:
    runs = one.runs
    summary: dict[str, Any] = {"facts": one.system.facts, "failed": one.failed, "answers_checked": len(runs)}
    if runs:
        summary["median_seconds"] = median(run.seconds for run in runs)
        for side in SIDES:
            summary[side] = {
                "peak_rss_bytes": max(getattr(run, side).peak_rss_bytes for run in runs),
                "idle_rss_bytes": min(getattr(run, side).idle_rss_bytes for run in runs),
                "median_cpu_seconds": median(getattr(run, side).cpu_seconds for run in runs),
            }
        summary["runs"] = [
            {"seconds": run.seconds} | {side: asdict(getattr(run, side)) for side in SIDES} | run.more for run in runs
        ]
    if one.counted is not None and one.counted.wire_bytes is not None:
        summary["wire_bytes"] = dict(zip(("to_responder", "to_requester"), one.counted.wire_bytes, strict=True))
    return summary


def _ratios(competitors: list[_Competitor]) -> dict[str, float]:
    """How many times as long each other system takes as the first: medians over repetitions of the ratio within one."""
    first, *others = competitors
    return {
        other.system.name: median(
            theirs.seconds / ours.seconds for ours, theirs in zip(first.runs, other.runs, strict=False)
        )
        for other in others
        if first.runs and other.runs
    }


def table(document: dict[str, Any]) -> str:
    """Return what a person reads of a result, as Markdown."""
    size = document["size"]
    first = next(iter(document["systems"]))
    columns = {"system": "<", "seconds": ">", f"time / {first}": ">", "CPU s, both": ">"}
    columns |= {"MiB sent": ">", "MiB received": ">"}
    columns |= {f"peak MiB, {side}": ">" for side in SIDES} | {"answer": "<"}
    rows = []
    for name, summary in document["systems"].items():
        ratio = 1.0 if name == first else document["ratios"].get(name)
        wire = summary.get("wire_bytes", {})
        sides = [summary.get(side) for side in SIDES]
        rows.append(
            (
                name,
                _figure(summary.get("median_seconds")),
                _figure(ratio),
                _figure(sum(side["median_cpu_seconds"] for side in sides if side) if all(sides) else None),
                _mebibytes(wire.get("to_responder")),
                _mebibytes(wire.get("to_requester")),
                *(_mebibytes(side["peak_rss_bytes"] if side else None) for side in sides),
                f"failed: {summary['failed']}" if summary["failed"] else f"right, {summary['answers_checked']} times",
            )
        )
    shares = document.get("core_shares")
    note = (
        ""
        if not shares
        else (
            f"Of the CPU time of accord's nodes, the core accounts for {shares['core']:.1%}, "
            f"its proofs and their verification for {shares['proofs']:.1%} (from core.json of this run).\n"
        )
    )
    title = f"# {size['requester']:,} against {size['responder']:,}, {size['shared']:,} shared\n"
    return "\n".join((title, results.headline(document), results.markdown(columns, rows), note))


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _mebibytes(value: int | None) -> str:
    return "" if value is None else f"{value / (1 << 20):,.2f}"


def run_sizes(benchmark: str, arguments: argparse.Namespace, systems: Sequence[System]) -> bool:
    """Measure each size that has no result yet, and print all tables.

    Returns:
        Whether all systems succeeded. Where one failed, remove the size's result to measure it again.
    """
    good = True
    for size in arguments.sizes:
        path: Path = arguments.results / arguments.run / f"{benchmark}-{size}.json"
        if not path.exists():
            document = results.describe(benchmark, arguments)
            document |= measure(size, systems, arguments.repetitions, arguments.seed)
            document["core_shares"] = _core_shares(path.with_name("core.json"), document)
            results.write(path, document, table(document))
        document = results.read(path)
        print(table(document))
        good = good and not any(summary["failed"] for summary in document["systems"].values())
    return good


def _core_shares(core: Path, document: dict[str, Any]) -> dict[str, float] | None:
    """How much of both nodes' CPU time the core's operations account for, if this run has measured the core too."""
    summary = document["systems"].get("accord", {})
    if not core.exists() or "runs" not in summary:
        return None
    size, cpu_seconds = document["size"], sum(summary[side]["median_cpu_seconds"] for side in SIDES)
    each = query_us(results.read(core), summary["runs"][0]["backend"])
    asked, held = size["requester"], size["responder"]
    return {
        "proofs": each["proofs"] * asked / 1e6 / cpu_seconds,
        "core": (each["asked"] * asked + each["held"] * held) / 1e6 / cpu_seconds,
    }


def add_arguments(parser: argparse.ArgumentParser, sizes: Sequence[str], repetitions: int) -> None:
    """Add what whole queries have in common."""
    parser.add_argument(
        "--sizes",
        nargs="+",
        type=Size.parse,
        default=[Size.parse(size) for size in sizes],
        metavar="N",
        help="20000, or 1000x1000000 for requester x responder",
    )
    parser.add_argument("--repetitions", type=int, default=repetitions, help="timed runs of each system")
