"""What may be asked of a count or a sum, and on which terms it may be answered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from protocol.aggregate.terms import check_aggregate, check_range, check_terms, stricter
from protocol.errors import EnvelopeError, RangeError, TermsError
from protocol.messages import Aggregate, Envelope, Filter, List, Terms
from protocol.vocabulary import Query
from psi.elgamal import MAX_TOTAL
from tests.sim.host import question
from tests.sim.test_intersect import Simulation

COUNT = Aggregate("", "", "", (), (), 0, 0, 0, 1, 10, 0)
SUM = Aggregate("amount", "EUR", "corridor", ("LB-DE", "TR-DE"), (), 100, -1000, 5000, 1, 10, 0)


def envelope(query: Query, aggregate: Aggregate | None, elements: int = 1000) -> Envelope:
    simulation = Simulation.of({"imo": []}, {"imo": []}, ask=question({"imo": 0}))
    asked: Envelope = simulation.requester.session.envelope  # type: ignore[attr-defined]
    return replace(asked, query=query.value, aggregate=aggregate, lists=(List("imo", elements),))


def test_what_may_be_asked() -> None:
    check_aggregate(envelope(Query.INTERSECT, None))
    check_aggregate(envelope(Query.COUNT, COUNT))
    check_aggregate(envelope(Query.SUM, SUM))
    check_aggregate(envelope(Query.TOTALS, COUNT))
    check_aggregate(envelope(Query.SUM, replace(SUM, category="", categories=())))
    filters = (Filter("date", "from", ("2026-01-01",)), Filter("offence", "one-of", ("fraud", "theft")))
    check_aggregate(envelope(Query.COUNT, replace(COUNT, filters=filters)))


@pytest.mark.parametrize(
    ("query", "aggregate"),
    [
        (Query.INTERSECT, COUNT),
        (Query.COUNT, None),
        (Query.SUM, None),
        (Query.COUNT, SUM),
        (Query.SUM, COUNT),
        (Query.COUNT, replace(COUNT, category="offence", categories=("fraud",))),
        (Query.COUNT, replace(COUNT, unit=1)),
        (Query.COUNT, replace(COUNT, high=1)),
        (Query.COUNT, replace(COUNT, currency="EUR")),
        (Query.COUNT, replace(COUNT, per_person=0)),
        (Query.COUNT, replace(COUNT, per_person=65)),
        (Query.COUNT, replace(COUNT, minimum=2_000_000_000)),
        (Query.COUNT, replace(COUNT, epsilon_millis=100_001)),
        (Query.SUM, replace(SUM, currency="euro")),
        (Query.SUM, replace(SUM, value="Amount!")),
        (Query.SUM, replace(SUM, unit=0)),
        (Query.SUM, replace(SUM, low=1)),
        (Query.SUM, replace(SUM, high=-1)),
        (Query.SUM, replace(SUM, low=0, high=0)),
        (Query.SUM, replace(SUM, categories=())),
        (Query.SUM, replace(SUM, categories=("a", "a"))),
        (Query.SUM, replace(SUM, categories=("a", " "))),
        (Query.SUM, replace(SUM, categories=("a", "x" * 65))),
        (Query.SUM, replace(SUM, category="")),
        (Query.SUM, replace(SUM, filters=(Filter("date", "before", ("2026-01-01",)),))),
        (Query.SUM, replace(SUM, filters=(Filter("date", "from", ()),))),
        (Query.SUM, replace(SUM, filters=(Filter("date", "from", ("2026-01-01", "2026-01-02")),))),
        (Query.SUM, replace(SUM, filters=(Filter("", "one-of", ("a",)),))),
        (Query.SUM, replace(SUM, filters=(Filter("offence", "one-of", ("a", "a")),))),
        (Query.SUM, replace(SUM, filters=(Filter("offence", "one-of", ("a",)),) * 17)),
        (Query.SUM, replace(SUM, filters=(Filter("offence", "one-of", tuple(map(str, range(134)))),) * 3)),
    ],
)
def test_what_may_not_be_asked(query: Query, aggregate: Aggregate | None) -> None:
    with pytest.raises(EnvelopeError):
        check_aggregate(envelope(query, aggregate))


def test_overflow_is_refused_before_it_can_happen() -> None:
    whole = replace(SUM, low=0, high=MAX_TOTAL // 1000)
    check_aggregate(envelope(Query.SUM, whole, 1000))
    with pytest.raises(RangeError):
        check_aggregate(envelope(Query.SUM, whole, 1001))
    with pytest.raises(RangeError):
        check_aggregate(envelope(Query.SUM, replace(SUM, low=-MAX_TOTAL // 1000, high=1), 1000))


def test_the_tail_of_the_noise_counts() -> None:
    whole = replace(SUM, low=0, high=1, epsilon_millis=0)
    check_range(whole, MAX_TOTAL, 0)
    with pytest.raises(RangeError):
        check_range(whole, MAX_TOTAL - 1000, epsilon_millis=10)
    check_range(whole, MAX_TOTAL - 10_000, epsilon_millis=10)


def test_a_person_who_could_move_a_total_out_of_range_is_not_hidden_by_noise() -> None:
    """Few elements and many identifiers a person: there is no noise for such a sensitivity."""
    wide = replace(SUM, low=0, high=2**46, per_person=64)
    check_range(wide, 1, 0)
    with pytest.raises(RangeError):
        check_range(wide, 1, epsilon_millis=100_000)


def test_terms_are_the_stricter_of_both() -> None:
    assert stricter(COUNT, 3, 0, 5) == Terms(10, 0, 5)
    assert stricter(COUNT, 30, 200, 0) == Terms(30, 200, 0)
    assert stricter(replace(COUNT, epsilon_millis=100), 30, 200, 0) == Terms(30, 100, 0)
    assert stricter(replace(COUNT, epsilon_millis=100), 30, 0, 0) == Terms(30, 100, 0)


@pytest.mark.parametrize("own", [Terms(0, 0, 0), Terms(10, 0, 0), Terms(50, 700, 10)])
@pytest.mark.parametrize("epsilon_millis", [0, 1, 500, 1000])
def test_the_stricter_terms_always_pass(own: Terms, epsilon_millis: int) -> None:
    aggregate = replace(SUM, epsilon_millis=epsilon_millis)
    check_terms(stricter(aggregate, own.minimum, own.epsilon_millis, own.rounding), aggregate)


@pytest.mark.parametrize(
    ("terms", "aggregate"),
    [
        (None, COUNT),
        (Terms(1, 0, 0), None),
        (Terms(9, 0, 0), COUNT),
        (Terms(10, 0, 0), replace(COUNT, epsilon_millis=100)),
        (Terms(10, 101, 0), replace(COUNT, epsilon_millis=100)),
        (Terms(10, 0, 2_000_000_000), COUNT),
    ],
)
def test_looser_terms_and_terms_out_of_place(terms: Terms | None, aggregate: Aggregate | None) -> None:
    with pytest.raises(TermsError):
        check_terms(terms, aggregate)
