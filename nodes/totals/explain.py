"""What a question for a total would tell whom, and be charged, before anything is sent. No partner is contacted."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict, dataclass, replace
from typing import Any

from nodes.aggregates.reading import AggregateReader
from nodes.aggregates.terms import as_asked, budget_of, cost_of, described, limits_of, own_terms
from nodes.config import Config
from nodes.explain import FigureUse
from nodes.home import Home
from nodes.identity import Identity
from nodes.partners import PartnerBook
from nodes.policy import Decision, RuleBook
from nodes.registry import Registry
from nodes.state import State
from nodes.totals.asking import TotalsRequest, check_request, strictest
from nodes.totals.cells import check_declared
from protocol.disclosure import DISCLOSURES, Disclosure
from protocol.messages import List, Terms
from protocol.vocabulary import Query, Reveals


@dataclass(frozen=True, slots=True)
class TotalsExplanation:
    """All that an operator should know before a question for a total is sent.

    Args:
        request: as own rules make it, where they allow it.
        decisions: by agency, of own rules.
        terms: on which this node's own records would contribute; None where no rule allows the question.
        figures: by agency, what the figures cost of its account; empty as `terms`.
    """

    request: TotalsRequest
    kinds: tuple[str, ...]
    snapshot: int
    decisions: dict[str, Decision]
    terms: Terms | None
    figures: dict[str, FigureUse]

    @property
    def disclosure(self) -> Disclosure:
        """Who learns what."""
        return DISCLOSURES[self.request.scheme.variant, Reveals.TOTALS]

    def enforce(self) -> None:
        """Raises RefusedByRulesError or BudgetError where this node would not send the question."""
        for decision in self.decisions.values():
            decision.enforce()
        for use in self.figures.values():
            use.check()

    def as_json(self) -> dict[str, Any]:
        """Return everything, for programs."""
        request = self.request
        return {
            "query": request.query,
            "scheme": request.scheme.value,
            "invited": [{"partner": agency, "asked": asked} for agency, asked in request.invited],
            "data_set": request.data_set,
            "snapshot": self.snapshot,
            "kinds": list(self.kinds),
            "most": request.most,
            "operator": request.operator,
            "legal_basis": asdict(request.mandate.legal_basis),
            "figures": described(request.aggregate, Query.TOTALS),
            "aggregate": asdict(request.aggregate),
            "decisions": {
                agency: {"allowed": d.allowed, "ground": d.ground.value, "rule": d.rule_id}
                for agency, d in self.decisions.items()
            },
            "own_terms": asdict(self.terms) if self.terms else None,
            "figure_budgets": {agency: asdict(use) for agency, use in self.figures.items()},
            "learns": [asdict(statement) for statement in self.disclosure.statements],
            "caveats": list(self.disclosure.caveats),
        }


def explain_totals(
    home: Home, config: Config, identity: Identity, request: TotalsRequest, now_ms: int
) -> TotalsExplanation:
    """Find out all of it. Nothing is sent, reserved or written. Totals answered before are for the node to compare.

    Raises:
        MandateTimeError, QuestionError, AggregateError, SchemeMissingError, PartnerUnknownError, PartnerInactiveError:
            not to be asked. Any error of registry, state or partner book.
    """
    request.mandate.check_time(now_ms)
    book = PartnerBook(home, config)
    for agency in request.agencies:
        book.by_agency(agency)
    with Registry(config.paths.registry, identity.storage_key, config.realm).open(request.data_set) as snapshot:
        version, kinds = snapshot.version, request.kinds_of(snapshot)
        check_request(request, kinds)
        lists = tuple(List(kind, request.most) for kind in kinds)
        check_declared(snapshot, lists)
        AggregateReader(snapshot, kinds, request.aggregate)  # records can answer it
    rules = RuleBook(home)
    decisions = {agency: rules.decide(request.facts(agency, asked, lists)) for agency, asked in request.invited}
    if not all(decision.allowed for decision in decisions.values()):
        return TotalsExplanation(request, kinds, version, decisions, None, {})
    allowed = {agency: decision.enforce() for agency, decision in decisions.items()}
    _, limits = strictest(allowed.values())
    request = replace(request, aggregate=as_asked(request.aggregate, limits))
    terms = own_terms(request.aggregate, limits)
    cost, figures = cost_of(request.aggregate, terms), {}
    with closing(State(home)) as state:
        for agency, asked in request.invited:
            budget = budget_of(limits_of(allowed[agency]))
            used = state.used_figures(agency, request.account(agency, asked), budget.period_days, now_ms)
            figures[agency] = FigureUse(cost, used, budget)
    return TotalsExplanation(request, kinds, version, decisions, terms, figures)
