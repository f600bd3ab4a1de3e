"""The requester's side of a count or a sum: a question as strict as own rules, and own budget for its figures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from nodes.aggregates.reading import check_asked
from nodes.aggregates.terms import (
    as_asked,
    budget_of,
    cost_of,
    described,
    limits_of,
    spool_bytes_per_element,
    work_per_element,
)
from nodes.asking import Request, RequesterHost
from nodes.errors import QuestionError, StorageError
from nodes.node import Node, fresh_secrets, peer
from nodes.partners import Partner
from nodes.policy import AggregateLimits
from nodes.registry import Snapshot
from nodes.state import FigureCost
from protocol.aggregate.terms import check_terms
from protocol.counting import CountRequester
from protocol.handshake import Question
from protocol.messages import Accept, Aggregate, List
from protocol.roles import Requester
from protocol.summing import SumRequester
from protocol.vocabulary import Query

_REQUESTERS: Final[dict[Query, type[Requester]]] = {Query.COUNT: CountRequester, Query.SUM: SumRequester}


class AggregateHost(RequesterHost):
    """Carries out the effects of a requester that counts or sums."""

    def __init__(self, node: Node, partner: Partner, request: Request) -> None:
        super().__init__(node, partner, request)
        if request.aggregate is None:
            raise QuestionError("expected what is to be counted or summed, got nothing")
        self.aggregate: Aggregate = request.aggregate
        self.work = work_per_element(self.aggregate)
        self._cost: FigureCost | None = None

    @property
    def limits(self) -> AggregateLimits:
        """Of the own rule that allows the question."""
        if self.obligations is None:
            raise StorageError("expected an allowed question, got one before its decision")
        return limits_of(self.obligations)

    @property
    def spool_bytes_per_element(self) -> int:
        return spool_bytes_per_element(self.aggregate)

    def _question(self, lists: tuple[List, ...], now_ms: int) -> Question:
        self.aggregate = as_asked(self.aggregate, self.limits)
        check_asked(self.aggregate, self.request.query, sum(entry.size for entry in lists))
        self.facts = replace(self.facts, figures=described(self.aggregate, self.request.query))
        return replace(super()._question(lists, now_ms), aggregate=self.aggregate)

    def _session(self, question: Question, snapshot: Snapshot) -> Requester:
        node, partner = self.node, peer(self.node.book.by_agency(self.partner))
        kind = _REQUESTERS[self.request.query]
        return kind(question, node.local, fresh_secrets(), snapshot.root, node.identity.signer, partner)

    def _note_accept(self, accept: Accept) -> None:
        """See that own rules let this side ask on the partner's terms, which decide what the figures cost."""
        super()._note_accept(accept)
        check_terms(accept.terms, self.aggregate)
        if accept.terms is not None:
            self._cost = cost_of(self.aggregate, accept.terms)
            state, budget = self.node.state, budget_of(self.limits)
            now_ms = self.node.now_ms()
            state.reserve_figures(self.reservation, self.partner, self.request.budget, self._cost, budget, now_ms)

    def _charge_own(self) -> None:
        self.node.state.charge(self.reservation, sum(self.facts.sizes), self.node.now_ms(), self._cost)

    def _charged(self) -> dict[str, Any]:
        cost = self._cost or FigureCost(0, 0)
        return {"epsilon_millis": cost.epsilon_millis, "exact": cost.exact}
