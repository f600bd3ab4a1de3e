"""`accord bench plot`: time against size, from the results of one run, with the fitted cost of one more item.

Writes time-by-size.png, .svg and .md into the run's folder.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks import results
from benchmarks.results import BenchmarkError

NAME: Final = "time-by-size"


@dataclass(frozen=True, slots=True)
class Series:
    """One system: every timed run, by items on each side."""

    system: str
    runs: dict[int, list[float]]

    @property
    def points(self) -> list[tuple[int, float]]:
        """Medians, smallest size first."""
        return [(items, float(np.median(seconds))) for items, seconds in sorted(self.runs.items())]

    @property
    def fit(self) -> tuple[float, float] | None:
        """(seconds that any query takes, seconds for each item more), by relative least squares; neither negative."""
        if len(self.runs) < 2:
            return None
        items, seconds = (np.array(values, dtype=float) for values in zip(*self.points, strict=True))
        scaled = np.column_stack((1 / seconds, items / seconds))
        (fixed, each), *_ = np.linalg.lstsq(scaled, np.ones(len(items)))
        if fixed < 0:
            fixed, each = 0.0, float(scaled[:, 1].sum() / (scaled[:, 1] ** 2).sum())
        elif each < 0:
            fixed, each = float(scaled[:, 0].sum() / (scaled[:, 0] ** 2).sum()), 0.0
        return float(fixed), float(each)


def load(folder: Path) -> tuple[dict[str, Any], list[Series]]:
    """Read a run: one of its documents, and the series of equal lists, first system first.

    Where accord was measured alone and beside others at one size, the figures beside others count.

    Raises:
        BenchmarkError: the run holds no whole queries.
    """
    series: dict[str, Series] = {}
    documents = [results.read(path) for kind in ("peers", "query") for path in sorted(folder.glob(f"{kind}-*.json"))]
    seen: set[tuple[str, int]] = set()
    for document in documents:
        size = document["size"]
        if size["requester"] != size["responder"]:
            continue
        for name, summary in document["systems"].items():
            if (name, size["requester"]) in seen or not summary.get("runs"):
                continue
            seen.add((name, size["requester"]))
            runs = series.setdefault(name, Series(name, {})).runs
            runs[size["requester"]] = [run["seconds"] for run in summary["runs"]]
    if not series:
        raise BenchmarkError(f"{folder.name}: expected results of queries or peers with equal lists, found none")
    return documents[0], list(series.values())


def table(document: dict[str, Any], series: list[Series]) -> str:
    """Return the fits as Markdown."""
    columns = {"system": "<", "seconds for any query": ">", "us for each item more": ">", "sizes": "<"}
    rows = []
    for one in series:
        fixed, each = one.fit or (None, None)
        rows.append(
            (
                one.system,
                "" if fixed is None else f"{fixed:.2f}",
                "" if each is None else f"{each * 1e6:.2f}",
                ", ".join(f"{items:,}" for items, _ in one.points),
            )
        )
    note = "An item is one identifier on each side; fitted to the medians by relative least squares.\n"
    return "\n".join(("# Time by size\n", results.headline(document), results.markdown(columns, rows), note))


def draw(document: dict[str, Any], series: list[Series], folder: Path) -> list[Path]:
    """Draw the plot and return its files. Raises BenchmarkError without matplotlib."""
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError:
        raise BenchmarkError("expected matplotlib: install the extra `plot`") from None
    mpl.rcParams |= {"svg.hashsalt": "accord", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    for number, (one, marker) in enumerate(zip(series, cycle("osD^vPX"))):
        color, width = f"C{number}", 2.4 if number == 0 else 1.3
        label = one.system
        if one.fit:
            label += f": {one.fit[0]:.2f} s + {one.fit[1] * 1e6:.1f} µs per item"
            grid = np.geomspace(min(one.runs), max(one.runs), 200)
            axes.plot(grid, one.fit[0] + one.fit[1] * grid, color=color, linewidth=width)
        axes.plot(*zip(*one.points, strict=True), marker=marker, linestyle="", label=label, color=color)
        every = [(items, seconds) for items, all_runs in one.runs.items() for seconds in all_runs]
        axes.plot(*zip(*every, strict=True), marker=".", markersize=4, linestyle="", color=color, alpha=0.5)
    axes.set(xscale="log", yscale="log", xlabel="identifiers on each side, half of them shared", ylabel="seconds")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.grid(which="major", alpha=0.3)
    axes.legend(frameon=False, loc="upper left")
    machine = document["environment"]
    changed = " and changes" if document["commit_changed"] else ""
    axes.set_title(
        "Whole queries between two processes on one machine: medians, every run, and the fitted line\n"
        f"{machine['cpu']['model']}, {machine['cores']} cores, "
        f"backend {machine['backend']}, {document['date'][:10]}, commit {document['commit'][:7]}{changed}",
        fontsize=9,
        loc="left",
    )
    files = [folder / f"{NAME}.{kind}" for kind in ("png", "svg")]
    figure.savefig(files[0], dpi=160)
    figure.savefig(files[1], metadata={"Date": None})
    return files


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Draw time against size from a run's results.")
    parser.add_argument("--results", type=Path, default=results.RESULTS, help="folder of all runs")
    parser.add_argument("--run", default=results.default_run(), help="name of the run's folder (default: %(default)s)")
    arguments = parser.parse_args()
    folder = arguments.results / arguments.run
    try:
        document, series = load(folder)
        text = table(document, series)
        draw(document, series, folder)
    except BenchmarkError as error:
        sys.exit(str(error))
    (folder / f"{NAME}.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
