"""`accord bench core`: microseconds per item of every operation, on every backend, against libraries in the same run.

Everything is measured in turn within each repetition, in processes that stay: one with one thread, which also runs
the libraries; one with as many threads as there are cores; and one more of each, for comparing two threads with two
processes. Ratios are taken within a repetition, and their median is published.

One thread is measured in CPU time, which equals the wall clock's on an idle machine and does not count the neighbours
of a shared one. Several threads are measured by the wall clock.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks import libraries, results
from benchmarks.environment import SOURCE, cores
from benchmarks.operations import BY_NAME, DIFFERENCES, OPERATIONS, PROOFS, QUERY
from benchmarks.results import BenchmarkError
from psi import CHUNK_ELEMENTS, native

LIBRARY_CALLS: Final = tuple(
    getattr(libraries, name)
    for name in ("EMPTY_CALL", "SCALARMULT", "SCALARMULT_BASE", "FROM_HASH", "SCALAR_INVERT", "X25519")
)

ONE: Final = "1 thread"
ONE_WALL: Final = "1 thread, by the wall clock"

Samples = dict[tuple[str, str, str], list[float]]  # (operation, subject, process) -> us per item, by repetition


class Worker:
    """A process that measures on request."""

    def __init__(self, process: subprocess.Popen[str], items: int) -> None:
        self._process = process
        self.items = items

    def ask(self, **request: Any) -> None:
        """Send a request; `answer` waits for its result."""
        if self._process.stdin is None:
            raise BenchmarkError("a worker has no input")
        print(json.dumps(request), file=self._process.stdin, flush=True)

    def answer(self) -> Any:
        """Wait for the result of the last request."""
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise BenchmarkError(f"a worker ended with {self._process.wait()} instead of an answer")
        return json.loads(line)

    def do(self, **request: Any) -> Any:
        """Send a request and wait for its result."""
        self.ask(**request)
        return self.answer()


@contextmanager
def worker(threads: int, items: int, library_items: int, seed: int) -> Iterator[Worker]:
    """Start a process whose core uses so many threads."""
    command = (sys.executable, "-m", "benchmarks.core_worker")
    environment = os.environ | {"RAYON_NUM_THREADS": str(threads)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=SOURCE, env=environment
    ) as process:
        started = Worker(process, items)
        started.do(prepare=items, library_count=library_items, seed=seed)
        try:
            yield started
        finally:
            if process.stdin:
                process.stdin.close()


def measure(items: int, library_items: int, repetitions: int, seed: int, threads: int) -> dict[str, Any]:
    """Measure one batch size.

    Raises:
        BenchmarkError: a result was wrong, or a worker failed.
    """
    backends = native.available_backends()
    samples: Samples = {}
    with ExitStack() as stack:
        one, all_cores, two, second = (
            stack.enter_context(worker(count, items, library_items, seed)) for count in (1, threads, 2, 1)
        )
        several = f"{threads} threads"
        checked = {name: check(name, backends, [one, all_cores, two, second]) for name in BY_NAME}
        for repetition in range(repetitions):
            # Every other repetition backwards, so that no subject always follows the same one.
            order = backends if repetition % 2 == 0 else backends[::-1]
            for call in LIBRARY_CALLS:
                _add_one(samples, call, "library", one.do(library=call), library_items)
            for operation in OPERATIONS:
                for backend in order:
                    request = {"time": operation.name, "backend": backend}
                    _add_one(samples, operation.name, backend, one.do(**request), items)
                    _add(samples, (operation.name, backend, several), all_cores.do(**request)[0], items)
                    if operation.name in QUERY and threads > 1:
                        _add(samples, (operation.name, backend, "two threads"), two.do(**request)[0], items)
                        for own in (one, second):
                            own.ask(**request)
                        # Each process by its own clock while both run: what two independent processes give.
                        rate = sum(items / own.answer()[0] for own in (one, second))
                        samples.setdefault((operation.name, backend, "two processes"), []).append(1e6 / rate)
    _add_differences(samples, backends, [ONE, ONE_WALL, several])
    return {
        "items": items,
        "library_items": library_items,
        "processes": [ONE, several],
        "rows": [
            {
                "operation": operation,
                "subject": subject,
                "process": process,
                "median_us_per_item": median(values),
                "samples_us_per_item": values,
            }
            for (operation, subject, process), values in samples.items()
        ],
        "checked": checked,
        "ratios": _ratios(samples, backends),
        "two_threads_of_two_processes": _efficiency(samples, backends),
        "proof_share": _proof_share(samples, backends),
    }


def check(name: str, backends: tuple[str, ...], workers: list[Worker]) -> dict[str, Any]:
    """Check an operation in every process on every backend. Raises BenchmarkError."""
    digests, rows = set(), 0
    for subject in workers:
        for backend in backends:
            digest, rows = subject.do(check=name, backend=backend)
            digests.add(digest)
    if len(digests) != 1:
        raise BenchmarkError(f"{name}: expected the same result on {', '.join(backends)}, got different ones")
    return {"rows_against_libsodium": rows, "same_on": list(backends)}


def _add(samples: Samples, key: tuple[str, str, str], seconds: float, items: int) -> None:
    samples.setdefault(key, []).append(seconds * 1e6 / items)


def _add_one(samples: Samples, operation: str, subject: str, seconds: tuple[float, float], items: int) -> None:
    wall, cpu = seconds
    _add(samples, (operation, subject, ONE), cpu, items)
    _add(samples, (operation, subject, ONE_WALL), wall, items)


def _add_differences(samples: Samples, backends: tuple[str, ...], processes: list[str]) -> None:
    for difference in DIFFERENCES:
        for backend in backends:
            for process in processes:
                pairs = zip(
                    samples[difference.minuend, backend, process],
                    samples[difference.subtrahend, backend, process],
                    strict=True,
                )
                samples[difference.name, backend, process] = [more - less for more, less in pairs]


def _library_us(samples: Samples, calls: tuple[str, ...]) -> list[float]:
    """What the calls together cost for one item, by repetition, without the cost of calling libsodium."""
    empty = samples[libraries.EMPTY_CALL, "library", ONE]
    each = [
        [
            us - (0 if call == libraries.X25519 else call_us)
            for us, call_us in zip(samples[call, "library", ONE], empty, strict=True)
        ]
        for call in calls
    ]
    return [sum(repetition) for repetition in zip(*each, strict=True)]


def _ratios(samples: Samples, backends: tuple[str, ...]) -> list[dict[str, Any]]:
    """How many times as fast as libraries and the portable backend, by repetition."""
    ratios = []
    for operation in (*OPERATIONS, *DIFFERENCES):
        for backend in backends:
            own = samples[operation.name, backend, ONE]
            others = {" + ".join(calls): _library_us(samples, calls) for calls in operation.against}
            if backend != "portable":
                others["portable"] = samples[operation.name, "portable", ONE]
            for against, theirs in others.items():
                if min(*own, *theirs) <= 0:
                    continue  # a difference below what can be measured
                by_repetition = [their / mine for their, mine in zip(theirs, own, strict=True)]
                row = {"operation": operation.name, "backend": backend, "against": against}
                ratios.append(row | {"ratio": median(by_repetition), "samples": by_repetition})
    return ratios


def _efficiency(samples: Samples, backends: tuple[str, ...]) -> list[dict[str, Any]]:
    rows = []
    for operation in QUERY:
        for backend in backends:
            if (operation, backend, "two threads") in samples:
                pairs = zip(
                    samples[operation, backend, "two processes"],
                    samples[operation, backend, "two threads"],
                    strict=True,
                )
                by_repetition = [processes / threads for processes, threads in pairs]
                row = {"operation": operation, "backend": backend}
                rows.append(row | {"ratio": median(by_repetition), "samples": by_repetition})
    return rows


def _proof_share(samples: Samples, backends: tuple[str, ...]) -> dict[str, float]:
    """The part of one item's cost, both sides together, that is proving and verifying, by backend."""
    return {
        backend: sum(median(samples[name, backend, ONE]) for name in PROOFS)
        / sum(median(samples[name, backend, ONE]) for name in QUERY)
        for backend in backends
    }


def query_us(document: dict[str, Any], backend: str) -> dict[str, float]:
    """CPU microseconds of a query, from a result's largest batch: each item asked, its proofs alone, each item held."""
    size = max(document["sizes"], key=lambda size: int(size["items"]))
    us = {
        row["operation"]: float(row["median_us_per_item"])
        for row in size["rows"]
        if (row["subject"], row["process"]) == (backend, ONE)
    }
    asked = us["blind"] + us["evaluate and prove"] + us["verify and finalize"]
    return {"asked": asked, "proofs": sum(us[name] for name in PROOFS), "held": us["tags"]}


def table(document: dict[str, Any]) -> str:
    """Return what a person reads of a result, as Markdown."""
    parts = ["# Core\n", results.headline(document)]
    for size in document["sizes"]:
        repetitions = document["arguments"]["repetitions"]
        parts.append(f"## {size['items']:,} items a batch, medians of {repetitions}\n")
        parts.append(_times(size))
        parts.append("Two threads give so much of what two independent processes give:\n")
        efficiency = [(r["operation"], r["backend"], f"{r['ratio']:.3f}") for r in size["two_threads_of_two_processes"]]
        parts.append(results.markdown({"operation": "<", "on": "<", "part": ">"}, efficiency))
        shares = ", ".join(f"{share:.1%} on {backend}" for backend, share in size["proof_share"].items())
        parts.append(f"Proving and verifying take of an item's whole cost, both sides together: {shares}.\n")
    return "\n".join(parts)


def _times(size: dict[str, Any]) -> str:
    processes = size["processes"]
    faster: dict[tuple[str, str], list[str]] = {}
    for ratio in size["ratios"]:
        faster.setdefault((ratio["operation"], ratio["backend"]), []).append(
            f"{ratio['ratio']:.1f} x {ratio['against']}"
        )
    figures: dict[tuple[str, str], dict[str, str]] = {}
    for row in size["rows"]:
        figures.setdefault((row["operation"], row["subject"]), {})[row["process"]] = f"{row['median_us_per_item']:.3f}"
    columns = (
        {"operation": "<", "on": "<"} | {f"us, {process}": ">" for process in processes} | {"speed, one thread": "<"}
    )
    rows = [
        (*key, *(us.get(process, "") for process in processes), ", ".join(faster.get(key, ())))
        for key, us in figures.items()
    ]
    return results.markdown(columns, rows)


def main() -> None:
    """Run from the command line."""
    parser = results.parser("Measure the core's operations on every backend.")
    parser.add_argument(
        "--items", type=int, nargs="+", default=[CHUNK_ELEMENTS], help=f"items a batch, 1 to {CHUNK_ELEMENTS}"
    )
    parser.add_argument("--library-items", type=int, default=1024, help="items for libraries, which take them singly")
    parser.add_argument("--repetitions", type=int, default=7)
    arguments = parser.parse_args()
    if arguments.smoke:
        arguments = smoke(arguments)
    if not all(1 <= items <= CHUNK_ELEMENTS for items in arguments.items):
        parser.error(f"--items: expected 1 to {CHUNK_ELEMENTS}, a chunk's most")
    with results.destination(arguments) as given:
        print(run(given))


def smoke(arguments: argparse.Namespace) -> argparse.Namespace:
    """Return the same arguments with the smallest sizes."""
    return argparse.Namespace(**vars(arguments) | {"items": [257], "library_items": 32, "repetitions": 2})


def run(arguments: argparse.Namespace) -> str:
    """Measure, write the result and return its table."""
    path: Path = arguments.results / arguments.run / "core.json"
    if not path.exists():
        document = results.describe("core", arguments)
        document["environment"]["versions"]["libsodium"] = libraries.version()
        sizes = (arguments.library_items, arguments.repetitions, arguments.seed, cores())
        document["sizes"] = [measure(items, *sizes) for items in arguments.items]
        results.write(path, document, table(document))
    return table(results.read(path))


if __name__ == "__main__":
    main()
