"""The asking side of a total: a question that own rules allow for every partner in it, and this node's own part."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from nodes.aggregates.errors import SchemeMissingError
from nodes.aggregates.reading import AggregateReader, check_asked
from nodes.aggregates.terms import as_asked, budget_of, cost_of, described, limits_of, own_terms
from nodes.asking import new_question
from nodes.casefile import AnsweredQuestion, CaseFile, in_a_line
from nodes.errors import NodeError, QuestionError, StorageError
from nodes.ledger import Event
from nodes.mandate import Mandate
from nodes.node import Node, fresh_secrets, peer
from nodes.policy import AggregateLimits, Direction, Facts, Obligations, called
from nodes.registry import Snapshot
from nodes.state import FigureCost
from nodes.totals.cells import cells_of, check_declared, read_cells, sealing
from nodes.totals.memory import OwnPart
from protocol.effects import Admit, Charge, Evidence, ReadCells
from protocol.handshake import MIN_CIRCLE
from protocol.host_answers import Admission, OwnCells, Rejection
from protocol.identifiers import KINDS
from protocol.messages import MAX_LISTS, MAX_PARTICIPANTS, Aggregate, List, PacketType
from protocol.totals import REQUESTERS, Coordinator, Invited
from protocol.vocabulary import Query, Reveals, Scheme
from psi import paillier


@dataclass(frozen=True, slots=True)
class TotalsRequest:
    """What an operator asks several partners for.

    Args:
        invited: agency id and data set of each partner.
        data_set: own, which contributes too.
        kinds: identifier kinds, in order; none means all that the own data set holds.
        most: identifiers of a kind that one participant may hold at most.
        operator: id from accord.toml.
        to_all: whether all participants learn the values.
        scheme: under which figures are encrypted.
    """

    invited: tuple[tuple[str, str], ...]
    data_set: str
    kinds: tuple[str, ...]
    most: int
    mandate: Mandate
    operator: str
    aggregate: Aggregate
    to_all: bool = False
    scheme: Scheme = Scheme.ELGAMAL

    @property
    def query(self) -> str:
        """What rules and ledgers call it."""
        return called(Query.TOTALS, self.scheme.variant)

    @property
    def agencies(self) -> tuple[str, ...]:
        return tuple(agency for agency, _ in self.invited)

    def kinds_of(self, snapshot: Snapshot) -> tuple[str, ...]:
        """The kinds to ask about: those named, or all that own records have. Raises QuestionError."""
        kinds = self.kinds or tuple(kind for kind in KINDS if snapshot.size(kind))
        if not 1 <= len(kinds) <= MAX_LISTS or not set(kinds) <= set(KINDS) or len(set(kinds)) != len(kinds):
            raise QuestionError(f"expected 1 to {MAX_LISTS} different kinds among {', '.join(KINDS)}, got others")
        return kinds

    @staticmethod
    def account(agency: str, asked: str) -> str:
        """The own budget that a partner's part is charged to."""
        return f"{agency}:{asked}"

    def facts(self, agency: str, data_set: str, lists: tuple[List, ...]) -> Facts:
        """What own rules are asked about one of the partners."""
        return Facts(
            direction=Direction.OUTGOING,
            partner=agency,
            query=self.query,
            reveals=Reveals.TOTALS.value,
            data_set=data_set,
            lists=tuple((entry.kind, entry.size) for entry in lists),
            purpose=self.mandate.legal_basis.purpose,
            instrument=self.mandate.legal_basis.instrument,
            per_person=self.aggregate.per_person,
        )


def check_request(request: TotalsRequest, kinds: tuple[str, ...]) -> None:
    """See that partners can answer a question, and this node ask it.

    Raises:
        SchemeMissingError, QuestionError, AggregateError, RangeError.
    """
    if request.scheme is Scheme.PAILLIER and not paillier.available():
        raise SchemeMissingError("expected the extra `paillier` for a total under Paillier, which is not installed")
    partners = len(request.invited)
    if not MIN_CIRCLE <= partners + 1 <= MAX_PARTICIPANTS or len(set(request.agencies)) != partners:
        least, most = MIN_CIRCLE - 1, MAX_PARTICIPANTS - 1
        raise QuestionError(f"expected {least} to {most} different partners beside this agency, got others")
    check_asked(request.aggregate, Query.TOTALS, request.most * len(kinds), partners + 1)


class TotalsHost(CaseFile):
    """Carries out the effects of a session that asks for a total."""

    def __init__(self, node: Node, request: TotalsRequest) -> None:
        super().__init__(node, in_a_line(request.agencies))
        self.request = request
        self.aggregate = request.aggregate
        self.cost = FigureCost(0, 0)
        self.charged = "nothing"  # for people
        self._part: OwnPart | None = None
        self._reader: AggregateReader | None = None
        self._reservations: list[bytes] = []
        self.know_basis(
            request.operator,
            request.mandate.legal_basis,
            query=request.query,
            reveals=Reveals.TOTALS.value,
            data_set=request.data_set,
            participants=(node.config.agency_id, *request.agencies),
        )

    def prepare(self) -> Coordinator:
        """Check the mandate, own rules for each partner, what was told before; set budget aside; make the session.

        Raises:
            MandateTimeError, QuestionError, AggregateError, SchemeMissingError, RefusedByRulesError, BudgetError,
            OverlappingTotalError, PartnerUnknownError, PartnerInactiveError: not to be asked. Any error of registry,
            state or ledger.
        """
        try:
            return self._prepare()
        except NodeError as error:
            self.release()
            self.record_decision(error)
            raise

    def _prepare(self) -> Coordinator:
        node, request, now_ms = self.node, self.request, self.node.now_ms()
        request.mandate.check_time(now_ms)
        self.snapshot = snapshot = node.registry.open(request.data_set)
        kinds = request.kinds_of(snapshot)
        check_request(request, kinds)
        lists = tuple(List(kind, request.most) for kind in kinds)
        self.facts = replace(
            self.facts,
            kinds=kinds,
            sizes=tuple(snapshot.size(kind) for kind in kinds),
            snapshot=str(snapshot.version),
            figures=described(request.aggregate, Query.TOTALS),
        )
        allowed = [self.decide(request.facts(*invited, lists)) for invited in request.invited]
        self.obligations, limits = strictest(allowed)
        self.elements = sum(entry.size for entry in lists)  # which bounds how long it may take
        self.aggregate = as_asked(request.aggregate, limits)
        question = replace(
            new_question(request.mandate, request.operator, lists, "", Reveals.TOTALS, now_ms), aggregate=self.aggregate
        )
        terms = own_terms(self.aggregate, limits)
        invited = [Invited(peer(node.book.by_agency(agency)), asked) for agency, asked in request.invited]
        session = REQUESTERS[request.scheme](
            question,
            node.local,
            fresh_secrets(),
            snapshot.root,
            node.identity.signer,
            invited,
            terms,
            to_all=request.to_all,
        )
        self.sealing = sealing(session.envelope)
        check_declared(snapshot, lists)
        self._reader = AggregateReader(snapshot, kinds, self.aggregate)
        self._part = OwnPart(self.facts.snapshot, terms, limits)
        self._part.check_overlap(node.state, session.envelope, now_ms)
        self.cost = cost_of(self.aggregate, terms)
        for (agency, asked), obligations in zip(request.invited, allowed, strict=True):
            self._set_aside(question.nonce, agency, request.account(agency, asked), obligations)
        self.record_decision(None)
        return session

    @property
    def cells(self) -> int:
        """How many cells the question has."""
        return cells_of(self.aggregate)

    def _set_aside(self, nonce: bytes, agency: str, budget: str, obligations: Obligations) -> None:
        state, now_ms = self.node.state, self.node.now_ms()
        reservation = hashlib.sha512(nonce + agency.encode()).digest()
        self._reservations.append(reservation)
        state.reserve(reservation, agency, budget, self.cells, obligations.max_elements_per_day, now_ms)
        state.reserve_figures(reservation, agency, budget, self.cost, budget_of(limits_of(obligations)), now_ms)

    # --- what the runner asks

    def keep(self, effect: Evidence) -> None:
        """The question is in the ledger before it leaves."""
        super().keep(effect)
        if effect.type is PacketType.ENVELOPE:
            self.record(Event.REQUEST_SENT)

    def read_cells(self, effect: ReadCells) -> OwnCells:  # noqa: ARG002, there is one question
        part, reader = self._allowed()
        return read_cells(reader, part.limits.max_share_percent)

    def charge(self, effect: Charge) -> None:
        """Own records are in the total too: remember the question, charge, and write it down."""
        state, now_ms = self.node.state, self.node.now_ms()
        part, _ = self._allowed()
        part.remember(state, bytes.fromhex(self.facts.session), self.asked, now_ms)
        figures = FigureCost(effect.epsilon_millis, effect.exact)
        for reservation in self._reservations:
            state.charge(reservation, effect.elements, now_ms, figures)
        spent = "1 exact answer" if figures.exact else f"epsilon {figures.epsilon_millis / 1000:g}"
        self.charged = f"{spent} and {effect.elements} of the day's elements, with each agency"
        self.record(
            Event.DISCLOSURE,
            charged=effect.elements,
            ctx=effect.ctx.hex(),
            epsilon_millis=effect.epsilon_millis,
            exact=effect.exact,
        )

    def _allowed(self) -> tuple[OwnPart, AggregateReader]:
        if self._part is None or self._reader is None:
            raise StorageError("expected a question that may be asked, got a read before")
        return self._part, self._reader

    def release(self) -> None:
        for reservation in self._reservations:
            self.node.state.release(reservation, self.node.now_ms())

    def admit(self, effect: Admit) -> Admission | Rejection:
        raise QuestionError(f"expected effects of a requester, got {type(effect).__name__}")

    def question(self) -> AnsweredQuestion:
        return AnsweredQuestion(
            asked_by=self.node.config.agency_id,
            operator=self.request.operator,
            asked=in_a_line(tuple(sorted({data_set for _, data_set in self.request.invited}))),
            data_set=self.request.data_set,
            legal_basis=self.request.mandate.legal_basis,
        )


def strictest(allowed: Iterable[Obligations]) -> tuple[Obligations, AggregateLimits]:
    """What all rules that allow a question together demand of its figures."""
    every = list(allowed)
    limits = [limits_of(one) for one in every]
    noises = [one.epsilon_millis for one in limits if one.epsilon_millis]
    together = AggregateLimits(
        minimum=max(one.minimum for one in limits),
        epsilon_millis=min(noises, default=0),
        rounding=max(one.rounding for one in limits),
        max_per_person=min(one.max_per_person for one in limits),
        max_exact_answers=min(one.max_exact_answers for one in limits),
        max_epsilon_millis=min(one.max_epsilon_millis for one in limits),
        period_days=max(one.period_days for one in limits),
        max_share_percent=min(one.max_share_percent for one in limits),
    )
    return min(every, key=lambda one: one.max_duration_ms), together
