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
from protocol.aggregate.terms import stricter
from protocol.messages import Aggregate, Terms
from psi import ELEMENT_BYTES
from psi.elgamal import CIPHERTEXT_BYTES

SPOOLED_TWICE: Final = 2  # targets, and what was shuffled
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
    """What an answer on these terms costs, told or suppressed.

    One person can be in every category, and in a count and a total of each: all of them spend.
    """
    if not terms.epsilon_millis:
        return FigureCost(0, 1)
    return FigureCost(terms.epsilon_millis * max(1, len(aggregate.categories)) * (2 if aggregate.value else 1), 0)


def budget_of(limits: AggregateLimits) -> FigureBudget:
    """What answers may cost in a period."""
    return FigureBudget(limits.max_epsilon_millis, limits.max_exact_answers, limits.period_days)


def columns(aggregate: Aggregate) -> int:
    """Ciphertexts beside each element."""
    return 2 * max(1, len(aggregate.categories)) if aggregate.value else 0


def work_per_element(aggregate: Aggregate) -> int:
    """How often an element's ordinary work is done for one that is shuffled, ciphertexts included."""
    return SHUFFLE_WORK * (1 + columns(aggregate))


def spool_bytes_per_element(aggregate: Aggregate) -> int:
    """Room on disk for each element of the responder's."""
    return SPOOLED_TWICE * (ELEMENT_BYTES + columns(aggregate) * CIPHERTEXT_BYTES)


def described(aggregate: Aggregate, query: str) -> str:
    """The question in a line, for people and ledgers."""
    parts = [query if not aggregate.value else f"{query} of {aggregate.value} in {aggregate.currency}"]
    if aggregate.category:
        parts.append(f"by {aggregate.category} ({len(aggregate.categories)})")
    signs = {"from": ">=", "until": "<="}
    parts += [f"{f.column} {signs.get(f.test, '=')} {', '.join(f.values)}" for f in aggregate.filters]
    if aggregate.value:
        parts.append(f"each within {aggregate.low} to {aggregate.high} units of {aggregate.unit}")
    line = "; ".join([*parts, f"{aggregate.per_person} per person"])
    return line.encode()[:MAX_TEXT_BYTES].decode(errors="ignore")
