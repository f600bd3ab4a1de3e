"""Whole queries: every system answers the same lists, in turn, in the same run; each answer is checked.

A system is accord or a peer. Timed repetitions are interleaved; one more run of each system, not timed, goes through
a relay that counts bytes. A system that fails is recorded as failed and does not stop the others.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final, Protocol

from benchmarks import results
from benchmarks.lists import Lists, Size, make_lists
from benchmarks.results import BenchmarkError

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


def measure(size: Size, systems: Sequence[System], repetitions: int, seed: int) -> dict[str, Any]:
    """Measure one size with every system."""
    with tempfile.TemporaryDirectory(prefix="accord-bench-") as folder, ExitStack() as stack:
        root = Path(folder)
        lists = make_lists(size, seed, root)
        truth = lists.truth()
        if len(truth) != size.shared:
            raise BenchmarkError(f"lists: expected {size.shared} shared, made {len(truth)}")
        runs: dict[str, list[Run]] = {system.name: [] for system in systems}
        failed: dict[str, str] = {}
        counted: dict[str, Run] = {}
        ready: dict[str, Party] = {}

        def attempt(name: str, work: Callable[[], None]) -> None:
            if name in failed:
                return
            try:
                work()
            except (BenchmarkError, OSError) as error:
                failed[name] = str(error).replace(folder, "")
                print(f"{size} {name}: {failed[name]}", file=sys.stderr)

        def enter(system: System) -> None:
            own = root / system.name
            own.mkdir()
            ready[system.name] = stack.enter_context(system.open(lists, own))

        def once(name: str, into: list[Run], with_relay: bool) -> None:
            run = ready[name].run(with_relay)
            if run.found != truth:
                missing, extra = len(truth - run.found), len(run.found - truth)
                raise BenchmarkError(f"wrong answer: {missing} of {len(truth)} shared missing, {extra} not shared")
            into.append(run)
            print(f"{size} {name}: {run.seconds:.2f} s", file=sys.stderr)

        for system in systems:
            attempt(system.name, lambda system=system: enter(system))  # type: ignore[misc]
        for _ in range(repetitions):
            for system in systems:
                attempt(system.name, lambda name=system.name: once(name, runs[name], False))  # type: ignore[misc]
        for system in systems:
            last: list[Run] = []
            attempt(system.name, lambda name=system.name, last=last: once(name, last, True))  # type: ignore[misc]
            if last:
                counted[system.name] = last[0]
        return {
            "size": {"requester": size.requester, "responder": size.responder, "shared": size.shared},
            "systems": {
                system.name: _summary(system, runs[system.name], counted.get(system.name), failed.get(system.name))
                for system in systems
            },
            "ratios": _ratios(systems, runs),
        }


def _summary(system: System, runs: list[Run], counted: Run | None, failed: str | None) -> dict[str, Any]:
    summary: dict[str, Any] = {"facts": system.facts, "failed": failed, "answers_checked": len(runs)}
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
    if counted is not None and counted.wire_bytes is not None:
        summary["wire_bytes"] = dict(zip(("to_responder", "to_requester"), counted.wire_bytes, strict=True))
    return summary


def _ratios(systems: Sequence[System], runs: dict[str, list[Run]]) -> dict[str, float]:
    """How many times as long each other system takes as the first: medians over repetitions of the ratio within one."""
    first, *others = (system.name for system in systems)
    return {
        other: median(their.seconds / mine.seconds for mine, their in zip(runs[first], runs[other], strict=False))
        for other in others
        if runs[first] and runs[other]
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
    title = f"# {size['requester']:,} against {size['responder']:,}, {size['shared']:,} shared\n"
    return "\n".join((title, results.headline(document), results.markdown(columns, rows)))


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _mebibytes(value: int | None) -> str:
    return "" if value is None else f"{value / (1 << 20):.1f}"


def run_sizes(benchmark: str, arguments: argparse.Namespace, systems: Sequence[System]) -> bool:
    """Measure each size that has no result yet, and print all tables. Returns whether all systems succeeded."""
    good = True
    for size in arguments.sizes:
        path: Path = arguments.results / arguments.run / f"{benchmark}-{size}.json"
        if not path.exists():
            document = results.describe(benchmark, arguments)
            document |= measure(size, systems, arguments.repetitions, arguments.seed)
            results.write(path, document, table(document))
        document = results.read(path)
        print(table(document))
        good = good and not any(summary["failed"] for summary in document["systems"].values())
    return good


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
