"""Where results lie and how they are written: one JSON file for each measurement, in a folder for each run.

A run can be stopped and started again: a measurement whose file is there is not repeated.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.environment import SOURCE, commit, environment, now

SCHEMA: Final = 1
RESULTS: Final = SOURCE / "benchmarks" / "results"
SEED: Final = 20_260_901  # any number; fixed, so that two runs see the same lists


class BenchmarkError(Exception):
    """A measurement that must not be published: an answer was wrong, or a process failed."""


def parser(description: str) -> argparse.ArgumentParser:
    """Return the arguments that all benchmarks share."""
    shared = argparse.ArgumentParser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    shared.add_argument("--seed", type=int, default=SEED, help="of lists, keys and scalars")
    shared.add_argument("--results", type=Path, default=RESULTS, help="folder of all runs")
    shared.add_argument("--run", default=default_run(), help="name of this run's folder; the same name continues it")
    shared.add_argument("--smoke", action="store_true", help="smallest sizes, once, nothing kept: proves that it works")
    return shared


@contextmanager
def destination(arguments: argparse.Namespace) -> Iterator[argparse.Namespace]:
    """The arguments, with results of a smoke run going to a folder that is gone afterwards."""
    if not arguments.smoke:
        yield arguments
        return
    with tempfile.TemporaryDirectory(prefix="accord-bench-smoke-") as folder:
        yield argparse.Namespace(**vars(arguments) | {"results": Path(folder)})


def default_run() -> str:
    """The day and the commit."""
    revision, changed = commit()
    return f"{datetime.now(UTC):%Y-%m-%d}-{revision[:7]}" + ("-changed" if changed else "")


def describe(benchmark: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the head of a result: what ran, where, and how to repeat it."""
    revision, changed = commit()
    given = {
        name: value
        for name, value in vars(arguments).items()
        if name not in ("results", "run", "sizes", "counts", "sums")
    }
    return {
        "schema": SCHEMA,
        "benchmark": benchmark,
        "date": now(),
        "commit": revision,
        "commit_changed": changed,
        "arguments": given,
        "environment": environment(),
    }


def write(path: Path, document: dict[str, Any], table: str) -> None:
    """Write a result and the table made from it; a file that is there is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for target, text in ((path.with_suffix(".md"), table), (path, json.dumps(document, indent=1) + "\n")):
        partial = target.with_name(target.name + ".partial")
        partial.write_text(text, encoding="utf-8")
        partial.replace(target)


def read(path: Path) -> dict[str, Any]:
    """Read a result. Raises BenchmarkError if it has another schema."""
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if document.get("schema") != SCHEMA:
        raise BenchmarkError(f"{path.name}: expected schema {SCHEMA}, got {document.get('schema')}")
    return document


def markdown(columns: dict[str, str], rows: Sequence[tuple[str, ...]]) -> str:
    """Return an aligned Markdown table. ``columns`` gives each heading its side, "<" for text and ">" for figures."""
    sides = list(columns.values())
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]

    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(f"{c:{side}{w}}" for c, side, w in zip(cells, sides, widths, strict=True)) + " |\n"

    rule = ("-" * width if side == "<" else "-" * (width - 1) + ":" for side, width in zip(sides, widths, strict=True))
    return "".join((line(columns), line(rule), *map(line, rows)))


def headline(document: dict[str, Any]) -> str:
    """Return one line that says where and of what a table's figures are."""
    machine, changed = document["environment"], " and changes" if document["commit_changed"] else ""
    return (
        f"{machine['cpu']['model']}, {machine['cores']} cores, backend {machine['backend']}, "
        f"commit {document['commit'][:7]}{changed}, {document['date'][:10]}, seed {document['arguments']['seed']}\n"
    )
