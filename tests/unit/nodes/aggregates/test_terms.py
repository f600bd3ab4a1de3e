"""On which terms figures are told, what they cost, and how ledgers and people read what was asked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nodes.aggregates.terms import (
    as_asked,
    budget_of,
    cost_of,
    described,
    limits_of,
    own_terms,
    spool_bytes_per_element,
    work_per_element,
)
from nodes.errors import RefusedByRulesError
from nodes.fields import MAX_TEXT_BYTES
from nodes.policy import AggregateLimits, Obligations
from nodes.state import FigureBudget, FigureCost
from protocol.messages import Aggregate, Filter, Terms

COUNT = Aggregate("", "", "", (), (), 0, 0, 0, 1, 5, 0)
SUM = Aggregate("amount", "EUR", "corridor", ("DEU-TUR", "TUR-DEU"), (), 1, -100, 100, 1, 5, 0)
LIMITS = AggregateLimits(10, 0, 5, 1, 4, 8_000, 30, 100)


@pytest.mark.parametrize(
    ("asked", "own", "terms"),
    [
        ((5, 0), (10, 0), Terms(10, 0, 5)),
        ((20, 0), (10, 0), Terms(20, 0, 5)),
        ((5, 700), (10, 0), Terms(10, 700, 5)),
        ((5, 0), (10, 700), Terms(10, 700, 5)),
        ((5, 700), (10, 900), Terms(10, 700, 5)),
        ((5, 900), (10, 700), Terms(10, 700, 5)),
    ],
)
def test_the_stricter_of_two_applies(asked: tuple[int, int], own: tuple[int, int], terms: Terms) -> None:
    aggregate = replace(COUNT, minimum=asked[0], epsilon_millis=asked[1])
    limits = replace(LIMITS, minimum=own[0], epsilon_millis=own[1])
    assert own_terms(aggregate, limits) == terms
    made = as_asked(aggregate, limits)
    assert (made.minimum, made.epsilon_millis) == (terms.minimum, terms.epsilon_millis)
    assert replace(made, minimum=asked[0], epsilon_millis=asked[1]) == aggregate


def test_an_exact_answer_is_one_and_noise_adds_up() -> None:
    noisy = Terms(10, 500, 0)
    assert cost_of(COUNT, Terms(10, 0, 0)) == cost_of(SUM, Terms(10, 0, 0)) == FigureCost(0, 1)
    assert cost_of(COUNT, noisy) == FigureCost(500, 0)
    assert cost_of(replace(SUM, category="", categories=()), noisy) == FigureCost(1000, 0)
    assert cost_of(SUM, noisy) == FigureCost(2000, 0)
    assert budget_of(LIMITS) == FigureBudget(8_000, 4, 30)


def test_a_rule_without_limits_allows_no_figures() -> None:
    assert limits_of(Obligations(1, 1, LIMITS)) == LIMITS
    with pytest.raises(RefusedByRulesError):
        limits_of(Obligations(1, 1))


def test_a_question_in_a_line() -> None:
    assert described(COUNT, "count") == "count; 1 per person"
    conditions = (Filter("offence", "one-of", ("fraud", "theft")), Filter("date", "from", ("2026-01-01",)))
    assert described(replace(SUM, filters=conditions), "sum") == (
        "sum of amount in EUR; by corridor (DEU-TUR, TUR-DEU); offence = fraud, theft; date >= 2026-01-01; "
        "each within -100 to 100 units of 1; 1 per person"
    )
    many = replace(SUM, categories=tuple(f"category {number}" for number in range(99)))
    assert "; by corridor (99); " in described(many, "sum")
    long = replace(COUNT, filters=(Filter("offence", "one-of", tuple(f"ö{number:060}" for number in range(9))),))
    assert MAX_TEXT_BYTES - 3 <= len(described(long, "count").encode()) <= MAX_TEXT_BYTES


def test_work_and_room_grow_with_the_ciphertexts_of_a_row() -> None:
    one = replace(SUM, category="", categories=())
    assert work_per_element(one) == 3 * work_per_element(COUNT)
    assert work_per_element(SUM) == 5 * work_per_element(COUNT)
    assert spool_bytes_per_element(COUNT) == 3 * 36 + 2 * 68
    assert spool_bytes_per_element(SUM) - spool_bytes_per_element(one) == 3 * 2 * 64
