"""The file with figures: what was asked on which terms, and what was told of each category.

It lies beside the other results and has their form, without hits.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from decimal import Decimal
from typing import Any, Final

from nodes.aggregates.asking import AggregateHost
from nodes.registry.currencies import DECIMAL_PLACES
from nodes.results import summary_of, write_file
from nodes.runner import Outcome
from protocol.aggregate.release import rounded
from protocol.aggregate.terms import sensitivities
from protocol.identifiers import KINDS
from protocol.messages import Aggregate, Terms
from protocol.results import Figure, Figures

NOTICE: Final = "Figures, not findings: identifiers that both sides hold, as each side wrote them down."
OUTSIDE: Final = 0.05  # how often noise is larger than the interval that is told


def write_figures(host: AggregateHost, answer: Figures, outcome: Outcome, session_id: str) -> dict[str, Any]:
    """Write the figures to the node's results folder. Returns: what the file says; and its path.

    Raises:
        StorageError: not written, though the partner has answered and charged.
    """
    aggregate, terms = host.aggregate, answer.terms
    kinds = zip(host.facts.kinds, host.facts.sizes, answer.partner_sizes, strict=True)
    lists = [
        {"kind": kind, "strength": KINDS[kind].strength.value, "own": own, "partner": theirs}
        for kind, own, theirs in kinds
    ]
    rounding = max(terms.rounding, host.limits.rounding)
    summary = {
        **summary_of(host, outcome, session_id, NOTICE, lists),
        "aggregate": asdict(aggregate),
        "terms": {**asdict(terms), "rounding": rounding},
        "noise": interval(aggregate, terms),
        "figures": [_figure(figure, aggregate, rounding) for figure in answer.figures],
    }
    return write_file(host, summary)


def _figure(figure: Figure, aggregate: Aggregate, rounding: int) -> dict[str, Any]:
    count = None if figure.count is None else rounded(figure.count, rounding)
    told: dict[str, Any] = {"category": figure.category, "count": count}
    if aggregate.value:
        told |= {"total": figure.total, "amount": None if figure.total is None else amount(figure.total, aggregate)}
    return told


def amount(units: int, aggregate: Aggregate) -> str:
    """A total in units as an amount in its currency, such as "-1234.56"."""
    return f"{Decimal(units * aggregate.unit).scaleb(-DECIMAL_PLACES[aggregate.currency]):f}"


def interval(aggregate: Aggregate, terms: Terms) -> dict[str, Any] | None:
    """How far noise moves count and total at most, in 95 of 100 answers; None without noise. Rounding comes on top."""
    if not terms.epsilon_millis:
        return None
    of_count, of_total = sensitivities(aggregate)
    widths: dict[str, Any] = {"count": _width(of_count, terms.epsilon_millis)}
    if aggregate.value:
        width = _width(of_total, terms.epsilon_millis)
        widths |= {"total": width, "amount": amount(width, aggregate)}
    return widths


def _width(sensitivity: int, epsilon_millis: int) -> int:
    """The smallest w with P(|noise| > w) <= OUTSIDE, for discrete Laplace noise: P(|X| > w) = 2 a^(w+1) / (1 + a)."""
    log_a = -epsilon_millis / (1000 * sensitivity)
    return max(0, math.ceil(math.log(OUTSIDE * (1 + math.exp(log_a)) / 2) / log_a) - 1)
