"""Agencies that add up what they hold, each its own process, and what their files say by plain Python."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from nodes.exercise_node import introduce
from nodes.home import Home
from tests.cli.command import Outcome
from tests.e2e.figures import Row, figure_rules, hold_accounts
from tests.e2e.harness import NodeUnderTest, make_node

PER_PERSON: Final = 2
LEAST: Final = 1 * PER_PERSON  # a minimum is one of persons
MONEY: Final = (
    "--currency", "EUR", "--low", "-1000000", "--high", "1000000", "--most", "1000", "--per-person", PER_PERSON,
)  # fmt: skip


@dataclass
class Circle:
    """Some nodes that know each other, each with accounts, and what their files say."""

    nodes: list[NodeUnderTest]
    held: list[list[Row]]

    def allow(self, **limits: int) -> None:
        for node in self.nodes:
            others = [other.agency for other in self.nodes if other is not node]
            told = [figure_rules(one, way, **limits) for one in others for way in ("incoming", "outgoing")]
            node.write_rules(*told)

    def arguments(self, *more: object, count: int = 3) -> tuple[object, ...]:
        """The first of them asks `count` of them, itself among these."""
        asks, *others = self.nodes[:count]
        mandate = asks.home.with_name("mandate.toml")
        named = ("--with", ",".join(node.agency for node in others))
        whom = (*named, "--data-set", "accounts", "--ask", "accounts")
        return ("query", "totals", *whom, "--kind", "iban", "--mandate", mandate, "--yes", *more)

    def ask(self, *more: object, count: int = 3) -> Outcome:
        return self.nodes[0].accord(*self.arguments(*more, count=count))

    def told(self, *more: object, count: int = 3) -> dict[str, Any]:
        outcome = self.ask(*more, "--json", count=count)
        assert outcome.code == 0, outcome.err
        result: dict[str, Any] = outcome.json
        return result


def make_circle(
    folder: Path,
    names: Sequence[str],
    size: int,
    overlap: int,
    logarithms: Path,
    doors: Mapping[str, int] | None = None,
) -> Circle:
    """Make homes with accounts that know each other.

    Args:
        logarithms: the table, the same at all nodes.
        doors: by agency, the port of a proxy at which others reach it.
    """
    nodes = [make_node(folder / name, name, (doors or {}).get(name)) for name in names]
    introduce(*nodes)
    for node in nodes:
        os.link(logarithms, Home(node.home).logarithms_file)
    circle = Circle(nodes, hold_accounts(folder / "accounts", nodes, size, overlap))
    circle.allow()
    return circle


@contextmanager
def served(circle: Circle) -> Iterator[None]:
    """Serve all nodes; they start together, but for the first, which leaves its bytecode to the others."""
    with ExitStack() as stack:
        for node in circle.nodes:
            stack.callback(node.stop)
        first, *others = circle.nodes
        first.serve()
        for node in others:
            node.serve(wait=False)
        for node in others:
            node.wait_until_ready()
        yield
        for node in circle.nodes:
            if node.process is not None:
                node.process.terminate()


def expected(held: list[list[Row]], category: str) -> dict[str, tuple[int, int, Decimal]]:
    """Per category: agencies that contribute, their accounts, and what moved; of who has too few, nothing."""
    found: dict[str, tuple[int, int, Decimal]] = defaultdict(lambda: (0, 0, Decimal()))
    for rows in held:
        moved: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        for row in rows:
            if row.currency == "EUR":
                moved[getattr(row, category)][row.account] += row.amount
        for name, by_account in moved.items():
            if len(by_account) >= LEAST:
                agencies, accounts, money = found[name]
                found[name] = agencies + 1, accounts + len(by_account), money + sum(by_account.values())
    return found


def as_told(result: dict[str, Any]) -> dict[str, tuple[int, int, Decimal]]:
    return {f["category"]: (f["contributors"], f["count"], Decimal(f["amount"] or 0)) for f in result["figures"]}


def by(column: str, words: tuple[str, ...]) -> tuple[str, ...]:
    return ("--by", column, *(part for word in words for part in ("--category", word)))


def told_in(node: NodeUnderTest, event: str) -> set[str]:
    """The sessions of totals with such a row in a node's ledger."""
    return {row["session"] for row in node.ledger() if (row.get("query"), row["event"]) == ("totals", event)}
