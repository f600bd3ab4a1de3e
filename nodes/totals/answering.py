"""A contributor's side of a total: whether it takes part, on which terms, with which figures, at what price."""

from __future__ import annotations

from collections.abc import Callable

from nodes.aggregates.reading import AggregateReader
from nodes.aggregates.terms import budget_of, cost_of, limits_of, own_terms
from nodes.errors import AggregateError, NodeError, StorageError
from nodes.node import Node
from nodes.policy import Obligations
from nodes.registry import Snapshot
from nodes.totals.cells import read_cells
from nodes.totals.memory import check_overlap
from protocol.effects import Admission, Admit, OwnCells
from protocol.errors import Reason
from protocol.messages import Aggregate, Envelope


class TotalsSession:
    """One total that a partner asks for.

    Args:
        node: whose.
        partner: agency id of who asks.
        aggregate: of the envelope, checked by the protocol.
        obligations: of the rule that allows it.
    """

    def __init__(self, node: Node, partner: str, aggregate: Aggregate, obligations: Obligations) -> None:
        limits = limits_of(obligations)
        self._node = node
        self._partner = partner
        self._aggregate = aggregate
        self._limits = limits
        self.terms = own_terms(aggregate, limits)
        self.cost = cost_of(aggregate, self.terms)
        self._kinds: tuple[str, ...] = ()
        self._snapshot: Snapshot | None = None
        self._reader: AggregateReader | None = None
        self.refusal_charged = False

    def admit(self, effect: Admit, reserve: Callable[[], None], opened: Callable[[], Snapshot]) -> Admission:
        """Set budget aside, then look at records and at what was told of them before.

        Args:
            reserve: sets the cells of the day's budget aside, under the envelope's digest.
            opened: opens the data set.

        Raises:
            BudgetError: nothing is charged. OverlappingTotalError, AggregateError, what `opened` refuses: all of it is
                charged, because it tells of records. Errors of storage: nothing is.
        """
        envelope, state, session = effect.envelope, self._node.state, effect.envelope_digest
        data_set = envelope.data_set_of(self._node.config.agency_id)
        reserve()
        state.reserve_figures(session, self._partner, data_set, self.cost, budget_of(self._limits), self._node.now_ms())
        try:
            return self._opened(envelope, opened())
        except NodeError as error:
            if error.reason is not Reason.STORAGE:
                state.charge(session, cells_of(self._aggregate), self._node.now_ms(), self.cost)
                self.refusal_charged = True
            raise

    def _opened(self, envelope: Envelope, snapshot: Snapshot) -> Admission:
        self._snapshot = snapshot
        check_declared(snapshot, envelope)
        state, now_ms = self._node.state, self._node.now_ms()
        check_overlap(state, envelope, str(snapshot.version), self.terms, self._limits.period_days, now_ms)
        self._kinds = tuple(entry.kind for entry in envelope.lists)
        self._reader = AggregateReader(snapshot, self._kinds, self._aggregate)
        return Admission((), snapshot.root, terms=self.terms)

    def read(self) -> OwnCells:
        """Add up what own records contribute."""
        if self._snapshot is None or self._reader is None:
            raise StorageError("expected an admitted question, got a read before")
        share = self._limits.max_share_percent
        return read_cells(self._reader, self._snapshot, self._kinds, self._aggregate, share)


def cells_of(aggregate: Aggregate) -> int:
    """How many cells a total has."""
    return max(1, len(aggregate.categories))


def check_declared(snapshot: Snapshot, envelope: Envelope) -> None:
    """See that the question's range holds all own records.

    Raises:
        AggregateError: there are more of a kind than the question says that one participant can count.
    """
    for entry in envelope.lists:
        if snapshot.size(entry.kind) > entry.size:
            raise AggregateError(f"expected at most {entry.size} own identifiers of a kind, got more")
