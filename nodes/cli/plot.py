"""A picture of figures: one bar for each category, with what noise may have moved it by.

Needs matplotlib (the extra `plot`), imported here alone and only when something is drawn.
"""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from nodes.cli.errors import PlotMissingError
from nodes.errors import OutputExistsError, QuestionError
from nodes.home import create_private, removed_on_error

FORMATS: Final = (".png", ".svg")
INCHES_PER_CATEGORY: Final = 0.35
SUPPRESSED: Final = "below threshold"
NOT_OPENED: Final = "not opened"  # of a total


def check_plot(path: Path) -> None:
    """See that a picture can be drawn there, before anything is asked.

    Raises:
        QuestionError: neither .png nor .svg. OutputExistsError: the file is there. PlotMissingError: no matplotlib.
    """
    if path.suffix not in FORMATS:
        raise QuestionError(f"expected --plot with a name that ends in {' or '.join(FORMATS)}, got another")
    if path.exists():
        raise OutputExistsError(f"expected a new file for the plot, got {path}, which is there")
    if find_spec("matplotlib") is None:
        raise PlotMissingError("expected matplotlib to draw figures, got none")


def draw(summary: dict[str, Any], path: Path) -> None:
    """Draw the figures of a result: sums where there are some, counts otherwise.

    Args:
        summary: as `nodes.aggregates.results` or `nodes.totals.results` writes it.
        path: see `check_plot`.

    Raises:
        StorageError: not written.
    """
    figure_class = importlib.import_module("matplotlib.figure").Figure  # not pyplot, which looks for a screen
    asked, noise = summary["aggregate"], summary["noise"]
    name = "amount" if asked["value"] else "count"
    labels = [figure["category"] or summary["partner"] for figure in summary["figures"]]
    values = [float(figure[name]) if figure[name] is not None else 0.0 for figure in summary["figures"]]
    widths = [float(noise[name]) if noise and f[name] is not None else 0.0 for f in summary["figures"]]
    counted, missing = ("identifiers", NOT_OPENED) if "participants" in summary else ("shared identifiers", SUPPRESSED)
    picture = figure_class(figsize=(8, 1.6 + INCHES_PER_CATEGORY * len(labels)), layout="constrained")
    axes = picture.subplots()
    axes.barh(labels, values, xerr=widths if noise else None, capsize=3, color="#4878a8")
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.8)
    for place, figure in enumerate(summary["figures"]):
        if figure[name] is None:
            axes.annotate(f" {missing}", (0, place), va="center", color="#808080")
    axes.set_xlabel(f"sum in {asked['currency']}" if asked["value"] else counted)
    axes.set_title(f"{summary['partner']}, {summary['asked']}" + ("; bars of noise: 95 of 100" if noise else ""))
    create_private(path)
    with removed_on_error(path):
        picture.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
