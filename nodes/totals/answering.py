"""A contributor's side of a total: whether it takes part, on which terms, with which figures, at what price."""

from __future__ import annotations

from nodes.aggregates.answering import FigureSession
from nodes.registry import Snapshot
from nodes.totals.cells import cells_of, check_declared, read_cells
from nodes.totals.memory import OwnPart
from protocol.host_answers import Admission, OwnCells
from protocol.messages import Envelope


class TotalsSession(FigureSession):
    """One total that a partner asks for."""

    def elements(self, envelope: Envelope) -> int:  # noqa: ARG002, each cell is one
        return cells_of(self._aggregate)

    def _look(self, envelope: Envelope, snapshot: Snapshot) -> Admission:
        """Look at records, and at what was told of them before."""
        check_declared(snapshot, envelope.lists)
        self._part = OwnPart(str(snapshot.version), self.terms, self._limits)
        self._part.check_overlap(self._node.state, envelope, self._node.now_ms())
        self._read_with(snapshot, envelope)
        return Admission((), snapshot.root, terms=self.terms)

    def remember(self, session: bytes, asked: bytes) -> None:
        """Remember the question, as `OwnPart.remember`."""
        self._part.remember(self._node.state, session, asked, self._node.now_ms())

    def read(self) -> OwnCells:
        """Add up what own records contribute."""
        return read_cells(self._admitted(), self._limits.max_share_percent)
