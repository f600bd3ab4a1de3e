"""What a long run found, kept as benchmarks keep theirs: one JSON file and one table, in a folder for each run.

The folder is named after day and commit; ACCORD_SOAK_RUN names it otherwise.
"""

from __future__ import annotations

import os
from argparse import Namespace
from collections import Counter
from typing import Any

from benchmarks import results

COLUMNS = {"mutation": "<", "ended in": "<", "messages": ">"}


def record(name: str, arguments: Namespace, endings: Counter[tuple[str, str]], **more: Any) -> None:
    """Keep how often each mutation ended in each error."""
    rows = [(mutation, code, f"{count:,}") for (mutation, code), count in sorted(endings.items())]
    counted = [{"mutation": m, "ended_in": code, "messages": count} for (m, code), count in sorted(endings.items())]
    keep(name, arguments, results.markdown(COLUMNS, rows), messages=endings.total(), endings=counted, **more)


def keep(name: str, arguments: Namespace, table: str, **facts: Any) -> None:
    """Keep a result and the table made from it."""
    document = results.describe(f"soak-{name}", arguments) | facts
    folder = results.RESULTS / os.environ.get("ACCORD_SOAK_RUN", f"{results.default_run()}-soak")
    results.write(folder / f"{name}.json", document, f"{name}: {results.headline(document)}\n{table}")
