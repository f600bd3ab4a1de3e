"""The responder's side of a count or a sum: on which terms it is answered, at what price, and from which records.

Budget is set aside before a record is looked at, and a refusal that depends on records is charged like an answer:
whoever could have such refusals at no cost would learn about records without limit.
"""

from __future__ import annotations

from collections.abc import Callable

from nodes.aggregates.reading import AggregateReader
from nodes.aggregates.terms import budget_of, cost_of, limits_of, own_terms
from nodes.errors import NodeError, StorageError
from nodes.node import Node
from nodes.policy import Obligations
from nodes.registry import Snapshot
from protocol.effects import Admit, ReadValues
from protocol.errors import Reason
from protocol.host_answers import Admission, Values
from protocol.messages import Aggregate, Envelope


class FigureSession:
    """A count, a sum or a total that a partner asks: on which terms, and what it costs whatever comes of it.

    Args:
        node: whose.
        partner: agency id of who asks.
        aggregate: of the envelope, checked by the protocol.
        obligations: of the rule that allows it.
    """

    def __init__(self, node: Node, partner: str, aggregate: Aggregate, obligations: Obligations) -> None:
        self._node = node
        self._partner = partner
        self._aggregate = aggregate
        self._limits = limits_of(obligations)
        self.terms = own_terms(aggregate, self._limits)
        self.cost = cost_of(aggregate, self.terms)
        self._reader: AggregateReader | None = None
        self.refusal_charged = False

    def elements(self, envelope: Envelope) -> int:
        """What is charged to the day's budget."""
        raise NotImplementedError

    def _look(self, envelope: Envelope, snapshot: Snapshot) -> Admission:
        """Look at records: may they answer this? Raises NodeError."""
        raise NotImplementedError

    def admit(self, effect: Admit, reserve: Callable[[int], None], opened: Callable[[], Snapshot]) -> Admission:
        """Set budget aside, then look at records.

        Args:
            reserve: sets elements of the day's budget aside, under the envelope's digest.
            opened: opens the data set and sees that it may be asked about.

        Raises:
            BudgetError: nothing is charged. Any other refusal: all of it is charged. Errors of storage: nothing is.
        """
        envelope, state, session = effect.envelope, self._node.state, effect.envelope_digest
        data_set, elements = envelope.data_set_of(self._node.config.agency_id), self.elements(envelope)
        reserve(elements)
        budget = budget_of(self._limits)
        state.reserve_figures(session, self._partner, data_set, self.cost, budget, self._node.now_ms())
        try:
            return self._look(envelope, opened())
        except NodeError as error:
            if error.reason is not Reason.STORAGE:
                state.charge(session, elements, self._node.now_ms(), self.cost)
                self.refusal_charged = True
            raise

    def _read_with(self, snapshot: Snapshot, envelope: Envelope) -> AggregateReader:
        """Make the reader of these records. Raises AggregateError."""
        self._reader = AggregateReader(snapshot, [entry.kind for entry in envelope.lists], self._aggregate)
        return self._reader

    def _admitted(self) -> AggregateReader:
        if self._reader is None:
            raise StorageError("expected an admitted question, got a read before")
        return self._reader


class AggregateSession(FigureSession):
    """One count or sum that a partner asks."""

    def elements(self, envelope: Envelope) -> int:
        return sum(entry.size for entry in envelope.lists)

    def _look(self, envelope: Envelope, snapshot: Snapshot) -> Admission:
        self._read_with(snapshot, envelope)
        sizes = tuple(snapshot.size(entry.kind) for entry in envelope.lists)
        return Admission(sizes, snapshot.root, terms=self.terms)

    def read(self, effect: ReadValues) -> Values:
        """Read what records say of some identifiers."""
        return self._admitted().read(effect)
