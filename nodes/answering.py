"""The responder's side of a session: may the question be answered, from which snapshot, at what price.

Everything that depends on this node's data or rules is refused with one and the same reason; the ledger has the true
one. All is durable before the answer to it leaves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any, Final

from nodes.aggregates.answering import AggregateSession, FigureSession
from nodes.aggregates.terms import spool_bytes_per_element, work_per_element
from nodes.casefile import AnsweredQuestion, CaseFile
from nodes.epochs.answering import GivenSession
from nodes.errors import LedgerError, NodeError, RefusedByRulesError, StorageError, TooManyElementsError
from nodes.ledger import Event
from nodes.node import Node
from nodes.partners import Partner
from nodes.policy import Facts
from nodes.registry import Snapshot
from nodes.spool import Spools
from nodes.state import FigureCost
from nodes.totals.answering import TotalsSession
from nodes.totals.cells import sealing
from protocol.effects import Admit, Adopt, Charge, Evidence, Merge, ReadCells, ReadRelease, ReadValues
from protocol.errors import Reason
from protocol.host_answers import Admission, OwnCells, Rejection, Values
from protocol.messages import Envelope, PacketType
from protocol.vocabulary import Query, Variant

_TOLD: Final = frozenset(  # depend on the partner alone, or on an epoch whose terms it has
    {Reason.REPLAYED, Reason.BUSY, Reason.TOO_LARGE, Reason.OUTDATED}
)


class ResponderHost(CaseFile):
    """Carries out a responder's effects at this node.

    Args:
        turn_away: BUSY or SHUTTING_DOWN where this node takes no more sessions now, else None.
    """

    def __init__(self, node: Node, partner: Partner, turn_away: Reason | None) -> None:
        super().__init__(node, partner.file.agency_id)
        self.envelope: Envelope | None = None
        self._turn_away = turn_away
        self._given: GivenSession | None = None
        self._telling: FigureSession | None = None

    def admit(self, effect: Admit) -> Admission | Rejection:
        """Decide, in this order: room, replay, size, rules, data set, budget; and write down what was decided.

        Raises:
            LedgerError, StateError, ClockError: not durable, so not answered.
        """
        envelope = self.envelope = effect.envelope
        self.know(envelope)
        try:
            self.facts.content()
        except LedgerError:  # text that no row could show
            self.know_less()
            self.record(Event.REQUEST_RECEIVED)
            return self._refuse(Reason.MALFORMED, "unprintable-text")
        self.record(Event.REQUEST_RECEIVED, partner_sizes=tuple(entry.size for entry in envelope.lists))
        if self._turn_away is not None:
            return self._refuse(self._turn_away, self._turn_away.value)
        try:
            admission = self._open(effect)
        except NodeError as error:
            if error.reason is Reason.STORAGE:
                raise
            told = error.reason if error.reason in _TOLD else Reason.POLICY
            return self._refuse(told, error)
        self.sealing = sealing(envelope)
        self.elements = sum(admission.sizes) + sum(entry.size for entry in envelope.lists)
        self.check_room()
        self.record_decision(None, sizes=admission.sizes)
        return admission

    def _open(self, effect: Admit) -> Admission:
        envelope, node, limits = effect.envelope, self.node, self.node.config.limits
        skew_ms = limits.clock_skew_seconds * 1000
        period_ms = envelope.not_before_ms - skew_ms, envelope.not_after_ms + skew_ms
        node.state.remember_nonce(self.partner, envelope.nonce, *period_ms, node.now_ms())
        self._check_sizes([entry.size for entry in envelope.lists], TooManyElementsError)
        obligations = self.decide(Facts.incoming(envelope, node.config.agency_id))
        data_set = envelope.data_set_of(node.config.agency_id)
        per_day = obligations.max_elements_per_day
        if envelope.variant == Variant.EPOCH_KEY:
            return self._open_epoch(effect, data_set, per_day)
        reserve = partial(self.reserve, effect.envelope_digest, data_set, limit_elements=per_day)
        opened = partial(self._open_data_set, envelope, data_set)
        if envelope.aggregate is not None:
            totals = envelope.query == Query.TOTALS
            self.work = 1 if totals else work_per_element(envelope.aggregate)
            kind = TotalsSession if totals else AggregateSession
            self._telling = kind(node, self.partner, envelope.aggregate, obligations)
            return self._telling.admit(effect, reserve, opened)
        snapshot = opened()
        reserve(sum(entry.size for entry in envelope.lists))
        return Admission(tuple(snapshot.size(entry.kind) for entry in envelope.lists), snapshot.root)

    def _open_data_set(self, envelope: Envelope, data_set: str) -> Snapshot:
        self.snapshot = snapshot = self.node.registry.open(data_set)
        sizes = [snapshot.size(entry.kind) for entry in envelope.lists]
        self._check_sizes(sizes, RefusedByRulesError)  # depends on own data, so told as such
        self.facts = replace(self.facts, snapshot=str(snapshot.version))
        return snapshot

    def _open_epoch(self, effect: Admit, data_set: str, per_day: int) -> Admission:
        self.reservation = effect.envelope_digest  # of the epoch's cap, and then of the day's budget
        reserve = partial(self.reserve, effect.envelope_digest, data_set, limit_elements=per_day)
        self._given = GivenSession(self.node, self.partner, reserve)
        admission = self._given.admit(effect)
        self.facts = replace(self.facts, **self._given.facts)
        if self._given.made is not None:
            self.record(Event.RELEASE_MADE, sizes=admission.sizes)
        return admission

    def synchronise(self, effect: ReadRelease | Merge | Adopt, spools: Spools) -> Any:
        if self._given is None or not isinstance(effect, ReadRelease):
            return super().synchronise(effect, spools)
        return self._given.read(effect)

    def read_values(self, effect: ReadValues) -> Values:
        telling = self._telling
        return telling.read(effect) if isinstance(telling, AggregateSession) else super().read_values(effect)

    def read_cells(self, effect: ReadCells) -> OwnCells:
        return self._telling.read() if isinstance(self._telling, TotalsSession) else super().read_cells(effect)

    @property
    def spool_bytes_per_element(self) -> int:
        if isinstance(self._telling, TotalsSession):
            return 0  # nothing of a total is spooled
        aggregate = self.envelope.aggregate if self.envelope is not None else None
        return spool_bytes_per_element(aggregate) if aggregate is not None else super().spool_bytes_per_element

    def close(self) -> None:
        super().close()
        if self._given is not None:
            self._given.close()

    def _check_sizes(self, sizes: Sequence[int], error: type[NodeError]) -> None:
        limit = self.node.config.limits.elements_per_list
        if max(sizes) > limit:
            raise error(f"expected at most {limit} elements in a list, got {max(sizes)}")

    def _refuse(self, told: Reason, truth: NodeError | str) -> Rejection:
        envelope, telling = self.envelope, self._telling
        if envelope is not None and telling is not None and telling.refusal_charged:
            elements = telling.elements(envelope)
            self.record_decision(truth, charged=elements, **asdict(telling.cost))
        else:
            self.record_decision(truth)
        return Rejection(told)

    def keep(self, effect: Evidence) -> None:
        """What a count or a sum tells is in the ledger, with the requester's checkpoint, before it leaves."""
        super().keep(effect)
        if effect.type is PacketType.CELLS:
            self.record(Event.CHECKPOINT)

    def charge(self, effect: Charge) -> None:
        """Charge the budget, then write the disclosure: if the row fails, what was charged was not disclosed."""
        figures = FigureCost(effect.epsilon_millis, effect.exact) if self._telling is not None else None
        if isinstance(self._telling, TotalsSession):
            self._telling.remember(self.reservation, self.asked)
        self.node.state.charge(self.reservation, effect.elements, self.node.now_ms(), figures)
        more = asdict(figures) if figures is not None else {}
        self.record(Event.DISCLOSURE, charged=effect.elements, ctx=effect.ctx.hex(), **more)

    def question(self) -> AnsweredQuestion:
        if self.envelope is None:
            raise StorageError("expected an admitted session, got a look at its question before")
        return AnsweredQuestion(
            asked_by=self.partner,
            operator=self.envelope.operator,
            asked=self.facts.data_set,
            data_set=self.facts.data_set,
            legal_basis=self.envelope.legal_basis,
        )
