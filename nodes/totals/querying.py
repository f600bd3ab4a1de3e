"""One question for a total, from the operator's request to the file with the figures."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

from nodes.casefile import CaseFile
from nodes.errors import NodeError, StorageError, TooManySessionsError
from nodes.node import Node
from nodes.querying import Drive, Moment
from nodes.runner import Channel, Outcome
from nodes.service import report
from nodes.totals.asking import TotalsHost, TotalsRequest
from nodes.totals.results import write_totals
from nodes.totals.star import StarRunner
from protocol.errors import CancelledError, ConnectionLostError, RefusedError
from protocol.results import Totals
from protocol.totals import Coordinator
from protocol.vocabulary import Role


class TotalsQuery(Drive):
    """Run once; `cancel` at any time ends it with a signed abort to all."""

    def __init__(self, node: Node, request: TotalsRequest) -> None:
        super().__init__(node)
        self._request = request
        self._session: Coordinator | None = None

    def moment(self) -> Moment:
        """Return how far it has come, and whom it waits for."""
        waiting = self._session.unheard if self._session is not None else ()
        return replace(super().moment(), waiting_for=waiting)

    async def run(self) -> dict[str, Any]:
        """Ask, and write the figures to a file. Returns: what the file says; and its path.

        Raises:
            NodeError, ProtocolError, PsiError: no total, and why; NotHeardError and ParticipantError name who.
        """
        node = self._node
        host = TotalsHost(node, self._request)
        if node.sessions.draining or not all(map(node.sessions.has_room, self._request.agencies)):
            raise TooManySessionsError("expected room for one more session, got none")
        try:
            with node.metrics.beginning(Role.REQUESTER):
                self._session = session = await node.executor.storage(host.prepare)
                outcome = await self._finished(self._converse(session, host), host)
            node.metrics.session_ended(Role.REQUESTER, outcome, host.cells)
            report(outcome, host.partner, session.session_id, Role.REQUESTER)
            if outcome.error is not None:
                raise _priced(outcome.error, host)
            return await node.executor.storage(_conclude, host, outcome, session.session_id or "")
        finally:
            await node.executor.storage(host.close)

    async def _converse(self, session: Coordinator, host: TotalsHost) -> Outcome:
        node = self._node
        async with AsyncExitStack() as stack:
            links: dict[str, Channel] = {}
            for agency in self._request.agencies:
                try:
                    links[agency] = await self._connect(stack, node.book.by_agency(agency))
                except CancelledError:
                    raise
                except (NodeError, ConnectionLostError) as error:
                    raise type(error)(f"{agency}: {error}") from None
            runner = StarRunner(session, links, host, node.executor, host.spools(), node.now_ms)
            self._runner = runner
            with node.sessions.session(runner, self._request.agencies, Role.REQUESTER):
                return await runner.run()


def _priced(error: Exception, host: TotalsHost) -> Exception:
    """The same error, which also says what a question without an answer has cost here; a refused one costs nothing."""
    if isinstance(error, RefusedError):
        return error
    error.args = (f"{error}; charged: {host.charged}",)
    return error


def _conclude(host: CaseFile, outcome: Outcome, session_id: str) -> dict[str, Any]:
    result = outcome.done.result
    if not isinstance(result, Totals):
        raise StorageError("expected totals, got another ending")
    return write_totals(host, result, outcome, session_id)
