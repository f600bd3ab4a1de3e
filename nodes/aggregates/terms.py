"""How closely a count or a sum is told, what it costs, and how much work and room it takes.

Of the question's own terms and the deciding rule's, the stricter apply, at either side.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from nodes.errors import RefusedByRulesError
from nodes.fields import MAX_TEXT_BYTES
from nodes.policy import AggregateLimits, Obligations
from nodes.state import FigureBudget, FigureCost
from protocol.aggregate.agreed import Plan
from protocol.aggregate.terms import stricter
from protocol.messages import Aggregate, Terms
from protocol.rows import ROW_NUMBER_BYTES
from protocol.vocabulary import Query
from psi.shuffle import RESPONSE_BYTES

SPOOLED_TIMES: Final = 3
SHUFFLE_WORK: Final = 6  # of an element, next to one that is only looked up: both masks and both halves of the proof


def limits_of(obligations: Obligations) -> AggregateLimits:
    """The limits of a rule that allows a count or a sum. Raises RefusedByRulesError."""
    if obligations.aggregates is None:
        raise RefusedByRulesError("expected a rule with a table [rules.aggregates], got one without")
    return obligations.aggregates


def own_terms(aggregate: Aggregate, limits: AggregateLimits) -> Terms:
    """The terms on which this side answers."""
    return stricter(aggregate, limits.minimum, limits.epsilon_millis, limits.rounding)


def as_asked(aggregate: Aggregate, limits: AggregateLimits) -> Aggregate:
    """The question as own rules let it be asked: at least as strict as they are."""
    terms = own_terms(aggregate, limits)
    return replace(aggregate, minimum=terms.minimum, epsilon_millis=terms.epsilon_millis)


def cost_of(aggregate: Aggregate, terms: Terms) -> FigureCost:
    """What an answer on these terms costs, told or suppressed."""
    return FigureCost(_plan(aggregate).spent_millis(terms), 0 if terms.epsilon_millis else 1)


def budget_of(limits: AggregateLimits) -> FigureBudget:
    """What answers may cost in a period."""
    return FigureBudget(limits.max_epsilon_millis, limits.max_exact_answers, limits.period_days)


def work_per_element(aggregate: Aggregate) -> int:
    """How often an element's ordinary work is done for one that is shuffled, ciphertexts included."""
    return SHUFFLE_WORK * (1 + _plan(aggregate).columns)


def spool_bytes_per_element(aggregate: Aggregate) -> int:
    """Room on disk for each element of the responder's: rows before and after the shuffle, twice while one is sorted,
    and the proof's.
    """
    return SPOOLED_TIMES * (_plan(aggregate).row_bytes + ROW_NUMBER_BYTES) + 2 * (RESPONSE_BYTES + ROW_NUMBER_BYTES)


def _plan(aggregate: Aggregate) -> Plan:
    return Plan(Query.SUM if aggregate.value else Query.COUNT, aggregate, ())


def described(aggregate: Aggregate, query: str) -> str:
    """The question in a line, for people and ledgers; categories by name where that fits, else how many."""
    what = query if not aggregate.value else f"{query} of {aggregate.value} in {aggregate.currency}"
    signs = {"from": ">=", "until": "<="}
    parts = [f"{f.column} {signs.get(f.test, '=')} {', '.join(f.values)}" for f in aggregate.filters]
    if aggregate.value:
        parts.append(f"each within {aggregate.low} to {aggregate.high} units of {aggregate.unit}")
    parts.append(f"{aggregate.per_person} per person")
    names, number = ", ".join(aggregate.categories), str(len(aggregate.categories))
    by = [[f"by {aggregate.category} ({told})"] if aggregate.category else [] for told in (names, number)]
    whole, short = ("; ".join([what, *told, *parts]).encode() for told in by)
    return (whole if len(whole) <= MAX_TEXT_BYTES else short[:MAX_TEXT_BYTES]).decode(errors="ignore")
