"""A contributor's side of a total: whether it takes part, on which terms, with which figures, at what price."""

from __future__ import annotations

from collections.abc import Callable

from nodes.aggregates.reading import check_columns
from nodes.aggregates.terms import budget_of, cost_of, limits_of, own_terms
from nodes.errors import AggregateError, StorageError
from nodes.node import Node
from nodes.policy import Obligations
from nodes.registry import Snapshot
from nodes.totals.cells import read_cells
from nodes.totals.memory import check_overlap
from protocol.effects import Admission, Admit, OwnCells
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

    def admit(self, effect: Admit, reserve: Callable[[], None], opened: Callable[[], Snapshot]) -> Admission:
        """Set budget aside, then look at records and at what was told of them before.

        Args:
            reserve: sets the cells of the day's budget aside, under the envelope's digest.
            opened: opens the data set.

        Raises:
            BudgetError, OverlappingTotalError, AggregateError; errors of storage.
        """
        envelope, state, now_ms = effect.envelope, self._node.state, self._node.now_ms()
        data_set = envelope.data_set_of(self._node.config.agency_id)
        check_columns(self._aggregate)
        reserve()
        state.reserve_figures(
            effect.envelope_digest, self._partner, data_set, self.cost, budget_of(self._limits), now_ms
        )
        self._snapshot = snapshot = opened()
        check_declared(snapshot, envelope)
        check_overlap(state, envelope, str(snapshot.version), self.terms, self._limits.period_days, now_ms)
        self._kinds = tuple(entry.kind for entry in envelope.lists)
        return Admission((), snapshot.root, terms=self.terms)

    def read(self) -> OwnCells:
        """Add up what own records contribute."""
        if self._snapshot is None:
            raise StorageError("expected an admitted question, got a read before")
        return read_cells(self._snapshot, self._kinds, self._aggregate, self._limits.max_share_percent)


def check_declared(snapshot: Snapshot, envelope: Envelope) -> None:
    """See that the question's range holds all own records.

    Raises:
        AggregateError: there are more of a kind than the question says that one participant can count.
    """
    for entry in envelope.lists:
        if snapshot.size(entry.kind) > entry.size:
            raise AggregateError(f"expected at most {entry.size} own identifiers of a kind, got more")
