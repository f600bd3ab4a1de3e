"""What a question for a total would tell whom, and be charged, before anything is sent. No partner is contacted."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any

from nodes.aggregates.terms import as_asked, budget_of, cost_of, described, limits_of, own_terms
from nodes.config import Config
from nodes.errors import RefusedByRulesError
from nodes.home import Home
from nodes.identity import Identity
from nodes.partners import PartnerBook
from nodes.policy import Decision, RuleBook
from nodes.registry import Registry
from nodes.state import FigureCost, State
from nodes.totals.asking import TotalsRequest, check_request, strictest
from protocol.disclosure import DISCLOSURES, Disclosure
from protocol.messages import List, Query, Reveals, Terms, Variant


@dataclass(frozen=True, slots=True)
class TotalsExplanation:
    """All that an operator should know before a question for a total is sent.

    Args:
        request: as own rules make it, where they allow it.
        decisions: by agency, of own rules.
        terms: on which this node's own records would contribute; None where no rule allows the question.
        cost: what its figures cost of each partner's account; None as `terms`.
        left: by agency, what its account would have left.
    """

    request: TotalsRequest
    kinds: tuple[str, ...]
    snapshot: int
    decisions: dict[str, Decision]
    terms: Terms | None
    cost: FigureCost | None
    left: dict[str, FigureCost]

    @property
    def disclosure(self) -> Disclosure:
        """Who learns what."""
        return DISCLOSURES[Variant.FRESH_KEYS, Reveals.TOTALS]

    def enforce(self) -> None:
        """Raises RefusedByRulesError where this node would not send the question."""
        for decision in self.decisions.values():
            decision.enforce()
        if any(min(left.epsilon_millis, left.exact) < 0 for left in self.left.values()):
            raise RefusedByRulesError("expected a question within the budgets of rules.toml, got one that is not")

    def as_json(self) -> dict[str, Any]:
        """Return everything, for programs."""
        request = self.request
        return {
            "query": Query.TOTALS.value,
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
            "cost": asdict(self.cost) if self.cost else None,
            "left": {agency: asdict(left) for agency, left in self.left.items()},
            "learns": [asdict(statement) for statement in self.disclosure.statements],
            "caveats": list(self.disclosure.caveats),
        }


def explain_totals(
    home: Home, config: Config, identity: Identity, request: TotalsRequest, now_ms: int
) -> TotalsExplanation:
    """Find out all of it. Nothing is sent, reserved or written.

    Raises:
        MandateTimeError, QuestionError, AggregateError, PartnerUnknownError, PartnerInactiveError: not to be asked. Any
            error of registry, state or partner book.
    """
    request.mandate.check_time(now_ms)
    book = PartnerBook(home, config)
    for agency in request.agencies:
        book.by_agency(agency)
    with Registry(config.paths.registry, identity.storage_key, config.realm).open(request.data_set) as snapshot:
        version, kinds = snapshot.version, request.kinds_of(snapshot)
    check_request(request, kinds)
    rules = RuleBook(home)
    lists = tuple(List(kind, request.most) for kind in kinds)
    decisions = {agency: rules.decide(request.facts(agency, asked, lists)) for agency, asked in request.invited}
    if not all(decision.allowed for decision in decisions.values()):
        return TotalsExplanation(request, kinds, version, decisions, None, None, {})
    allowed = {agency: decision.enforce() for agency, decision in decisions.items()}
    _, limits = strictest(allowed.values())
    request = request.with_aggregate(as_asked(request.aggregate, limits))
    terms = own_terms(request.aggregate, limits)
    cost, left = cost_of(request.aggregate, terms), {}
    with closing(State(home)) as state:
        for agency, asked in request.invited:
            budget = budget_of(limits_of(allowed[agency]))
            used = state.used_figures(agency, request.account(agency, asked), budget.period_days, now_ms)
            left[agency] = FigureCost(
                budget.epsilon_millis - used.epsilon_millis - cost.epsilon_millis,
                budget.exact - used.exact - cost.exact,
            )
    return TotalsExplanation(request, kinds, version, decisions, terms, cost, left)
