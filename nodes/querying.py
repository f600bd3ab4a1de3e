"""One question to a partner, from the operator's request to the file with the answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from nodes.aggregates.asking import AggregateHost
from nodes.aggregates.results import write_figures
from nodes.asking import Request, RequesterHost
from nodes.casefile import CaseFile
from nodes.channel import StreamChannel
from nodes.client import open_session
from nodes.epochs.asking import EpochHost
from nodes.errors import TooManySessionsError
from nodes.node import Node
from nodes.pair import PairRunner
from nodes.partners import Partner
from nodes.results import write_result
from nodes.resuming import ResumingChannel, connecting_again
from nodes.runner import Outcome, Runner
from nodes.service import report
from protocol.errors import CancelledError
from protocol.results import Answer, Figures
from protocol.roles import Requester
from protocol.vocabulary import Role


@dataclass(frozen=True, slots=True)
class Moment:
    """How far a query has come."""

    phase: str
    done: int
    total: int
    sent_bytes: int
    received_bytes: int
    seconds: float
    waiting_for: tuple[str, ...] = ()


class Drive:
    """What every question has in common: it tells how far it has come, and can be cancelled at any time."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._runner: Runner | None = None
        self._patience: asyncio.Timeout | None = None  # with a connection; none once it is cancelled
        self._cancelled = False
        self._begun = time.monotonic()

    def cancel(self) -> None:
        """End the query; whoever was asked is told, by a signed abort."""
        self._cancelled = True
        if self._runner is not None:
            self._runner.end(cancelled())
        elif self._patience is not None:
            self._patience.reschedule(asyncio.get_running_loop().time())

    def moment(self) -> Moment:
        """Return how far it has come, for people."""
        seconds = time.monotonic() - self._begun
        runner = self._runner
        if runner is None:
            return Moment("connecting", 0, 0, 0, 0, seconds)
        progress = runner.session.progress
        phase, done, total = (progress.phase, progress.done, progress.total) if progress else ("agreeing", 0, 0)
        return Moment(phase, done, total, runner.sent_bytes, runner.received_bytes, seconds)

    async def run(self) -> dict[str, Any]:
        """Ask, and write the answer to a file. Returns: what the file says, but for the hits; and its path.

        Raises:
            NodeError, ProtocolError, PsiError: no answer, and why.
        """
        raise NotImplementedError

    async def _finished(self, conversation: Awaitable[Outcome], host: CaseFile) -> Outcome:
        """Converse, and write the last row, however it ends."""
        storage = self._node.executor.storage
        try:
            outcome = await conversation
        except Exception as error:
            await storage(host.finish, error, None)
            raise
        await storage(host.finish, outcome.error, outcome.done.ctx)
        return outcome

    async def _connect(self, stack: AsyncExitStack, partner: Partner) -> StreamChannel:
        """Open a session; a cancellation does not wait for a partner that does not answer."""
        if self._cancelled:
            raise cancelled()
        try:
            async with asyncio.timeout(None) as self._patience:
                return await stack.enter_async_context(open_session(self._node.identity, self._node.book, partner))
        except TimeoutError:
            raise cancelled() from None
        finally:
            self._patience = None


class Query(Drive):
    """One question to one partner. Run once."""

    def __init__(self, node: Node, request: Request) -> None:
        super().__init__(node)
        self._request = request

    async def run(self) -> dict[str, Any]:
        node, agency = self._node, self._request.partner
        partner = node.book.by_agency(agency)
        if node.sessions.draining or not node.sessions.has_room(agency):
            raise TooManySessionsError("expected room for one more session, got none")
        host = self._host(partner)
        try:
            with node.metrics.beginning(Role.REQUESTER):
                session = await node.executor.storage(host.prepare)
                outcome = await self._finished(self._converse(session, host, partner), host)
            node.metrics.session_ended(Role.REQUESTER, outcome, host.elements)
            report(outcome, agency, session.session_id, Role.REQUESTER)
            if outcome.error is not None:
                raise outcome.error
            return await node.executor.storage(self._conclude, host, outcome, session.session_id or "")
        finally:
            await node.executor.storage(host.close)

    def _host(self, partner: Partner) -> RequesterHost:
        kind = AggregateHost if self._request.aggregate else EpochHost if self._request.epoch else RequesterHost
        return kind(self._node, partner, self._request)

    def _conclude(self, host: RequesterHost, outcome: Outcome, session_id: str) -> dict[str, Any]:
        answer = outcome.done.result
        if isinstance(host, AggregateHost) and isinstance(answer, Figures):
            return write_figures(host, answer, outcome, session_id)
        if not isinstance(answer, Answer):
            raise cancelled()
        return write_result(host, answer, outcome, session_id)

    async def _converse(self, session: Requester, host: RequesterHost, partner: Partner) -> Outcome:
        node, agency = self._node, partner.file.agency_id
        async with AsyncExitStack() as stack:
            stream = await self._connect(stack, partner)
            again = connecting_again(
                lambda: stack.enter_async_context(open_session(node.identity, node.book, partner)),
                node.config.limits.resume_seconds,
            )
            channel = ResumingChannel(session, stream, again)
            stack.callback(channel.close)
            runner = PairRunner(session, channel, host, node.executor, host.spools(), node.now_ms)
            self._runner = runner
            with node.sessions.session(runner, (agency,), Role.REQUESTER):
                return await runner.run()


def cancelled() -> CancelledError:
    """What ends a query that its operator cancels."""
    return CancelledError("expected the query to go on, got the operator's cancellation")
