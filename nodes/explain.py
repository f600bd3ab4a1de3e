"""What a question would tell whom, cost and be charged, before anything is sent. The partner is not contacted.

Every figure is counted, measured or read: own sizes from the snapshot, the partner's from the ledger (as of its last
answer to this node), time and bytes from sessions measured on this machine, budget and rule from this node's own. What
is not known is said to be unknown. What is revealed comes from `protocol.disclosure`, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import asdict, astuple, dataclass, replace
from typing import Any, Final

from nodes.aggregates.reading import check_asked
from nodes.aggregates.terms import as_asked, budget_of, cost_of, own_terms
from nodes.asking import Request
from nodes.calibration import Calibration, Estimate, calibration
from nodes.config import Config
from nodes.errors import BudgetError, NodeError
from nodes.home import Home
from nodes.identity import Identity
from nodes.ledger import Event, LedgerFile
from nodes.partners import PartnerBook
from nodes.policy import Decision, RuleBook
from nodes.registry import Registry
from nodes.state import FigureBudget, FigureCost, State
from protocol.disclosure import DISCLOSURES, Disclosure
from protocol.identifiers import KINDS
from protocol.vocabulary import Reveals, Variant

PARTNER_ELEMENTS: Final = 1_000_000  # for which the cost of an unknown partner's list is told


@dataclass(frozen=True, slots=True)
class KnownSize:
    """What the partner said that it holds, and when."""

    elements: int
    told_ms: int


@dataclass(frozen=True, slots=True)
class ListSize:
    """One list of the question. `partner` is None where this node was never told."""

    kind: str
    own: int
    partner: KnownSize | None


@dataclass(frozen=True, slots=True)
class Budget:
    """Elements of the own budget for this partner's data set, today (UTC). The partner's own limits are not known."""

    charged: int
    used: int
    limit: int

    @property
    def left(self) -> int:
        """What is left after the question; below zero if it does not fit."""
        return self.limit - self.used - self.charged

    def check(self) -> None:
        """Raises BudgetError where the question does not fit."""
        if self.left < 0:
            left = self.limit - self.used
            raise BudgetError(f"expected at most {left} of {self.limit} elements, got {self.charged}")


@dataclass(frozen=True, slots=True)
class FigureUse:
    """Of the own budget for figures: what the question costs on its own terms, what is used, and the budget.

    The partner's rules may ask for noise: an exact answer then costs epsilon, which shows when it accepts.
    """

    cost: FigureCost
    used: FigureCost
    budget: FigureBudget

    def check(self) -> None:
        """Raises BudgetError where the question does not fit."""
        for what, cost, used, limit in (
            ("thousandths of epsilon", self.cost.epsilon_millis, self.used.epsilon_millis, self.budget.epsilon_millis),
            ("exact answers", self.cost.exact, self.used.exact, self.budget.exact),
        ):
            if cost and used + cost > limit:
                left, days = max(limit - used, 0), self.budget.period_days
                raise BudgetError(f"expected at most {left} of {limit} {what} in {days} days, got {cost}")


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that an operator should know before a question is sent."""

    request: Request
    snapshot: int
    lists: tuple[ListSize, ...]
    decision: Decision
    budget: Budget | None  # None where no rule allows the question
    calibration: Calibration
    figures: FigureUse | None = None  # of a count or a sum that own rules allow
    of_counts: Calibration | None = None  # of a sum: what its shared identifiers cost without the amounts

    @property
    def disclosure(self) -> Disclosure:
        """Who learns what."""
        variant = Variant.EPOCH_KEY if self.request.epoch else Variant.FRESH_KEYS
        return DISCLOSURES[variant, self.request.reveals]

    @property
    def estimate(self) -> Estimate:
        """What it should take, with what is known of the partner's sizes; unknown ones count as nothing.

        Within an epoch the partner's elements are in the index already, and count as nothing too.
        """
        partner = 0 if self.request.epoch else sum(entry.partner.elements for entry in self.lists if entry.partner)
        return self._estimate(sum(entry.own for entry in self.lists), partner)

    def _estimate(self, own: int, partner: int) -> Estimate:
        """As measured; a sum was measured with one category, and each more costs as much as the first."""
        measured, aggregate = self.calibration.estimate(own, partner), self.request.aggregate
        if self.of_counts is None or aggregate is None:
            return measured
        counted, categories = self.of_counts.estimate(own, partner), max(1, len(aggregate.categories))
        pairs = zip(astuple(counted), astuple(measured), strict=True)
        seconds, sent, received = (low + categories * max(high - low, 0) for low, high in pairs)
        return Estimate(round(seconds, 3), sent, received)

    @property
    def partner_known(self) -> bool:
        """Whether the estimate is for all lists: the partner has told their sizes, or they do not matter."""
        return bool(self.request.epoch) or all(entry.partner is not None for entry in self.lists)

    @property
    def million(self) -> Estimate:
        """What each million of the partner's elements adds."""
        nothing, more = (self._estimate(0, size) for size in (0, PARTNER_ELEMENTS))
        return Estimate(
            round(more.seconds - nothing.seconds, 3),
            more.sent_bytes - nothing.sent_bytes,
            more.received_bytes - nothing.received_bytes,
        )

    def enforce(self) -> None:
        """Raises RefusedByRulesError or BudgetError where this node would not send the question."""
        self.decision.enforce()
        if self.budget is not None:
            self.budget.check()
        if self.figures is not None:
            self.figures.check()

    def as_json(self) -> dict[str, Any]:
        """Return everything, for programs; docs/hits.md lists the fields."""
        request, measured = self.request, self.calibration
        return {
            "partner": request.partner,
            "asked": request.asked,
            "data_set": request.data_set,
            "snapshot": self.snapshot,
            "query": request.facts(()).query,
            "epoch": request.epoch,
            "reveals": request.reveals.value,
            **self._figures_json(),
            "operator": request.operator,
            "legal_basis": asdict(request.mandate.legal_basis),
            "lists": [
                {
                    "kind": entry.kind,
                    "strength": KINDS[entry.kind].strength.value,
                    "own": entry.own,
                    "partner": asdict(entry.partner) if entry.partner else None,
                }
                for entry in self.lists
            ],
            "learns": [asdict(statement) for statement in self.disclosure.statements],
            "caveats": list(self.disclosure.caveats),
            "decision": {
                "allowed": self.decision.allowed,
                "ground": self.decision.ground.value,
                "rule": self.decision.rule_id,
            },
            "budget": asdict(self.budget) | {"left": self.budget.left} if self.budget else None,
            "estimate": {
                **asdict(self.estimate),
                "partner_sizes_known": self.partner_known,
                "per_million_of_partner": asdict(self.million),
                "measured_ms": measured.measured_ms,
                "machine": asdict(measured.machine),
            },
        }

    def _figures_json(self) -> dict[str, Any]:
        if self.request.aggregate is None:
            return {}
        told = {"aggregate": asdict(self.request.aggregate)}
        return told | {"figure_budget": asdict(self.figures) if self.figures is not None else None}


def explain(home: Home, config: Config, identity: Identity, request: Request, now_ms: int) -> Explanation:
    """Find out all of it. Nothing is sent, reserved or written, but for the measurement of this machine.

    Raises:
        MandateTimeError, QuestionError, TooManyElementsError, PartnerUnknownError, PartnerInactiveError: not to be
            asked. Any error of registry, state, ledger or partner book.
    """
    request.mandate.check_time(now_ms)
    PartnerBook(home, config).by_agency(request.partner)
    with Registry(config.paths.registry, identity.storage_key, config.realm).open(request.data_set) as snapshot:
        version, lists = snapshot.version, request.lists(snapshot, config.limits.elements_per_list)
    if request.aggregate is not None:
        check_asked(request.aggregate, request.query, sum(entry.size for entry in lists))
    told = told_sizes(LedgerFile(home.ledger_file).entries(), request.partner, request.asked)
    decision = RuleBook(home).decide(request.facts(lists))
    request, figures = _figures(home, request, decision, now_ms)
    sums = request.reveals is Reveals.SUMS
    return Explanation(
        request=request,
        snapshot=version,
        lists=tuple(ListSize(entry.kind, entry.size, told.get(entry.kind)) for entry in lists),
        decision=decision,
        budget=_budget(home, request, sum(entry.size for entry in lists), decision, now_ms),
        calibration=calibration(home, config.paths.spool, request.reveals, now_ms),
        figures=figures,
        of_counts=calibration(home, config.paths.spool, Reveals.COUNT, now_ms) if sums else None,
    )


def _figures(home: Home, request: Request, decision: Decision, now_ms: int) -> tuple[Request, FigureUse | None]:
    """The question as own rules make it, and what its figures cost; as it is where they do not allow it."""
    try:
        limits = decision.enforce().aggregates
    except NodeError:
        return request, None
    if request.aggregate is None or limits is None:
        return request, None
    asked, budget = as_asked(request.aggregate, limits), budget_of(limits)
    with closing(State(home)) as state:
        used = state.used_figures(request.partner, request.budget, budget.period_days, now_ms)
    cost = cost_of(asked, own_terms(asked, limits))
    return replace(request, aggregate=asked), FigureUse(cost, used, budget)


def _budget(home: Home, request: Request, charged: int, decision: Decision, now_ms: int) -> Budget | None:
    try:
        limit = decision.enforce().max_elements_per_day
    except NodeError:
        return None
    with closing(State(home)) as state:
        used = state.used_elements(request.partner, request.budget, now_ms)
    return Budget(charged, used, limit)


def told_sizes(rows: Iterable[Mapping[str, Any]], partner: str, data_set: str) -> dict[str, KnownSize]:
    """Return what the partner last said of each kind in its data set, in answers to this node's questions.

    Args:
        rows: of the ledger, oldest first.
    """
    asked: set[str] = set()
    told: dict[str, KnownSize] = {}
    for row in rows:
        if row.get("partner") != partner or row.get("data_set") != data_set:
            continue
        session = str(row.get("session", ""))
        if row.get("event") == Event.REQUEST_SENT:
            asked.add(session)
        kinds, sizes = row.get("kinds", []), row.get("partner_sizes", [])
        if session in asked and len(kinds) == len(sizes):  # a partner that breaks the protocol may tell too few
            told |= {kind: KnownSize(size, row["time_ms"]) for kind, size in zip(kinds, sizes, strict=True)}
    return told
