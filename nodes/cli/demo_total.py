"""The last act of `accord demo`: three agencies learn a total, and what happens when one of them is gone."""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import click

from nodes.cli.errors import DemoError
from nodes.cli.output import print_table
from nodes.cli.totals import table
from nodes.exercise_node import ExerciseNode

DATA_SET: Final = "accounts"
CURRENCY: Final = "EUR"
MOST: Final = 10_000  # accounts that one agency may hold
OFFENCES: Final = ("fraud", "drug-trafficking", "sanctions-evasion", "corruption")

_RULES: Final = """
[[rules]]
id = "totals-{direction}"
effect = "allow"
direction = "{direction}"
partners = ["*"]
queries = ["totals"]
reveals = ["totals"]
data_sets = ["accounts"]
kinds = ["*"]
purposes = ["exercise"]
instruments = ["Exercise order"]
max_elements_per_list = 1_000_000
max_elements_per_day = 1_000_000
max_duration_seconds = 86_400

[rules.aggregates]
minimum = 10
epsilon_millis = 0
rounding = 0
max_per_person = 2
max_exact_answers = 10
max_epsilon_millis = 0
period_days = 30
max_share_percent = 100
"""


def totals_rules() -> tuple[str, ...]:
    """Rules that let agencies ask each other for totals."""
    return tuple(_RULES.format(direction=direction) for direction in ("incoming", "outgoing"))


@dataclass(frozen=True, slots=True)
class Circle:
    """Three agencies; the nodes of the first two are running."""

    north: ExerciseNode
    south: ExerciseNode
    third: ExerciseNode
    mandate: Path
    records: tuple[Path, ...]

    def show(self) -> None:
        """Ask for a total, compare it with all records, and ask again when the third node is gone.

        Raises:
            DemoError: a total that is not true, or one without the third agency.
        """
        asked = (
            "--with", self.south.agency, "--with", self.third.agency, "--data-set", DATA_SET, "--ask", DATA_SET,
            "--kind", "iban", "--per-person", 2, "--most", MOST, "--currency", CURRENCY, "--low", "-1000000",
            "--high", "1000000", "--by", "offence", *(part for word in OFFENCES for part in ("--category", word)),
            "--mandate", self.mandate, "--yes",
        )  # fmt: skip
        with self.third.served():
            told = self.north.told("query", "totals", *asked)
            print_table(*table(told))
            if [_as_told(figure) for figure in told["figures"]] != list(_truth(self.records)):
                raise DemoError("expected the totals of all records, got others")
            click.echo("   Each is the sum over all three agencies' records. None of them has shown its part.")
            self.third.kill()
            _, error = self.north.fails("query", "totals", *asked)
            said = error["message"]
        if self.third.agency not in said:
            raise DemoError(f"expected no total without {self.third.agency}, and its name, got neither")
        click.echo(f"   {self.third.agency} is killed, and the question is asked again. No total: {said}")


def _as_told(figure: dict[str, Any]) -> tuple[int, int, Decimal]:
    return figure["contributors"], figure["count"], Decimal(figure["amount"])


def _truth(records: tuple[Path, ...]) -> Any:
    """Yield what all files hold of each category: agencies, accounts, and what moved."""
    moved: dict[str, dict[tuple[int, str], Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for number, file in enumerate(records):
        with file.open(encoding="utf-8", newline="") as lines:
            first = lines.readline()
            lines.seek(0)
            for row in csv.DictReader(lines, delimiter=";" if ";" in first else ","):
                if row["currency"] == CURRENCY:
                    account = number, row["iban"].replace(" ", "")
                    moved[row["offence"]][account] += Decimal(row["amount"].replace(",", "."))
    for offence in OFFENCES:
        of_offence = moved[offence]
        yield len({number for number, _ in of_offence}), len(of_offence), sum(of_offence.values())
