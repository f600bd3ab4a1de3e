"""Accounts of two agencies, and what questions about them must answer: from the files alone, by plain Python."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from tests.cli.command import accord
from tests.e2e.harness import NodeUnderTest

CODES = {"Germany": "DEU", "Turkey": "TUR", "United Kingdom": "GBR", "United Arab Emirates": "ARE", "Lebanon": "LBN",
         "France": "FRA", "Burma": "MMR"}  # fmt: skip
CORRIDORS = ("DEU-TUR", "TUR-DEU", "GBR-ARE", "ARE-LBN", "FRA-MMR")
OFFENCES = ("fraud", "drug-trafficking", "sanctions-evasion", "corruption")


@dataclass(frozen=True)
class Row:
    """One transaction as a file has it."""

    account: str
    owner: str
    amount: Decimal
    currency: str
    corridor: str
    offence: str
    day: str


def hold_accounts(folder: Path, nodes: Sequence[NodeUnderTest], size: int, overlap: int) -> list[list[Row]]:
    """Import accounts at all nodes as operators do; return what the files say of each."""
    options = ("--size", size, "--overlap", overlap, "--seed", 11, "--agencies", len(nodes), "--json")
    accord(nodes[0].home, "exercise", "accounts", folder, *options)
    held = []
    for number, node in enumerate(nodes, 1):
        file = folder / f"accounts-{number}.csv"
        node.must("registry", "import", "accounts", file, "--mapping", file.with_suffix(".toml"), "--json")
        with file.open(newline="") as lines:
            held.append([_row(row) for row in csv.DictReader(lines, delimiter="," if number % 2 else ";")])
    return held


def _row(row: dict[str, str]) -> Row:
    ends = [CODES.get(row[name], row[name]) for name in ("from_country", "to_country")]
    return Row(
        row["iban"].replace(" ", ""), row["owner"], Decimal(row["amount"].replace(",", ".")), row["currency"],
        "-".join(ends), row["offence"], row["booked_on"],
    )  # fmt: skip


def all_rows(_: Row) -> bool:
    return True


def shared(own: list[Row], theirs: list[Row], passes: Callable[[Row], bool] = all_rows) -> set[str]:
    """Accounts that both hold, with a transaction of theirs that passes; whoever has two counts with both."""
    return {row.account for row in own} & {row.account for row in theirs if passes(row)}


def sums(
    own: list[Row],
    theirs: list[Row],
    category: str,
    passes: Callable[[Row], bool] = all_rows,
    cap: Decimal | None = None,
) -> dict[str, tuple[int, Decimal]]:
    """Per category: how many shared accounts have such a transaction of theirs, and what moved, cut off per account."""
    held = {row.account for row in own}
    moved: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for row in theirs:
        if row.account in held and passes(row):
            moved[getattr(row, category) if category else ""][row.account] += row.amount
    limit = cap if cap is not None else Decimal(10**9)
    return {
        name: (len(by), sum((max(-limit, min(limit, amount)) for amount in by.values()), Decimal()))
        for name, by in moved.items()
    }


def figure_rules(partner: str, direction: str, **limits: int) -> str:
    """A rule that allows counts and sums on these limits."""
    told = {
        "minimum": 1, "epsilon_millis": 0, "rounding": 0, "max_per_person": 2, "max_exact_answers": 1000,
        "max_epsilon_millis": 1_000_000, "period_days": 30, "max_share_percent": 100,
    } | limits  # fmt: skip
    lines = "\n".join(f"{name} = {value}" for name, value in told.items())
    return f"""
[[rules]]
id = "figures-{direction}-{partner}"
effect = "allow"
direction = "{direction}"
partners = ["{partner}"]
queries = ["count", "sum", "totals"]
reveals = ["count", "sums", "totals"]
data_sets = ["*"]
kinds = ["*"]
purposes = ["*"]
instruments = ["*"]
max_elements_per_list = 1000000
max_elements_per_day = 100000000
max_duration_seconds = 3600

[rules.aggregates]
{lines}
"""
