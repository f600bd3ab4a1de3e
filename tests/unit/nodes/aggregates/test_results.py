"""What a result says of noise and amounts: against sums over the distribution, and by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from nodes.aggregates.results import OUTSIDE, amount, interval
from protocol.messages import Aggregate, Terms

COUNT = Aggregate("", "", "", (), (), 0, 0, 0, 1, 5, 0)
SUM = Aggregate("amount", "EUR", "", (), (), 1, -100, 50, 2, 5, 0)


def outside(width: int, sensitivity: int, epsilon: float) -> float:
    """P(|noise| > width), added up term by term."""
    a = math.exp(-epsilon / sensitivity)
    mass = (1 - a) / (1 + a)
    return 1 - mass * (1 + 2 * sum(a**k for k in range(1, width + 1)))


@pytest.mark.parametrize("epsilon_millis", [1, 10, 250, 1000, 3000, 10_000, 100_000])
@pytest.mark.parametrize("per_person", [1, 2, 7])
def test_noise_leaves_the_interval_as_seldom_as_it_says(epsilon_millis: int, per_person: int) -> None:
    told = interval(replace(COUNT, per_person=per_person), Terms(5, epsilon_millis, 0))
    assert told is not None and set(told) == {"count"}
    epsilon, width = epsilon_millis / 1000, told["count"]
    assert outside(width, per_person, epsilon) <= OUTSIDE + 1e-9
    assert width == 0 or outside(width - 1, per_person, epsilon) > OUTSIDE - 1e-9


def test_the_interval_of_a_sum_follows_the_larger_end_of_its_range() -> None:
    told = interval(SUM, Terms(5, 1000, 0))
    assert told is not None and told["total"] == pytest.approx(200 * math.log(20), abs=1)
    assert told["amount"] == f"{told['total'] // 100}.{told['total'] % 100:02}"
    assert told["count"] < 10
    assert interval(SUM, Terms(5, 0, 0)) is None


@pytest.mark.parametrize(
    ("units", "unit", "currency", "text"),
    [
        (123456, 1, "EUR", "1234.56"),
        (-5, 1, "EUR", "-0.05"),
        (0, 1, "EUR", "0.00"),
        (7, 10_000, "EUR", "700.00"),
        (-7, 1, "JPY", "-7"),
        (1001, 1, "KWD", "1.001"),
    ],
)
def test_units_become_amounts(units: int, unit: int, currency: str, text: str) -> None:
    assert amount(units, replace(SUM, unit=unit, currency=currency)) == text
