"""One question to a partner, from the operator's request to the file with the answer."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from nodes.aggregates.asking import AggregateHost
from nodes.aggregates.results import write_figures
from nodes.asking import Request, RequesterHost
from nodes.channel import StreamChannel
from nodes.client import open_session
from nodes.epochs.asking import EpochHost
from nodes.errors import TooManySessionsError
from nodes.node import Node
from nodes.partners import Partner
from nodes.results import write_result
from nodes.resuming import ResumingChannel, connecting_again
from nodes.runner import Outcome, Runner
from nodes.service import report
from protocol.effects import Answer, Figures
from protocol.errors import CancelledError
from protocol.messages import Role
from protocol.roles import Requester


@dataclass(frozen=True, slots=True)
class Moment:
    """How far a query has come."""

    phase: str
    done: int
    total: int
    sent_bytes: int
    received_bytes: int
    seconds: float


class Query:
    """Run once; `cancel` at any time ends it with a signed abort."""

    def __init__(self, node: Node, request: Request) -> None:
        self._node = node
        self._request = request
        self._runner: Runner | None = None
        self._patience = asyncio.timeout(None)  # with the connection; none once it is cancelled
        self._connecting = False
        self._cancelled = False
        self._begun = time.monotonic()

    def cancel(self) -> None:
        """End the query; the partner is told."""
        self._cancelled = True
        if self._runner is not None:
            self._runner.end(_cancelled())
        elif self._connecting:
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
        node, agency = self._node, self._request.partner
        partner = node.book.by_agency(agency)
        if node.sessions.draining or not node.sessions.has_room(agency):
            raise TooManySessionsError("expected room for one more session, got none")
        host = self._host(partner)
        try:
            with node.metrics.beginning(Role.REQUESTER):
                session = await node.executor.storage(host.prepare)
                outcome = await self._converse(session, host, partner)
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
            raise _cancelled()
        return write_result(host, answer, outcome, session_id)

    async def _converse(self, session: Requester, host: RequesterHost, partner: Partner) -> Outcome:
        node, agency = self._node, partner.file.agency_id
        try:
            async with AsyncExitStack() as stack:
                stream = await self._connect(stack, partner)
                again = connecting_again(
                    lambda: stack.enter_async_context(open_session(node.identity, node.book, partner)),
                    node.config.limits.resume_seconds,
                )
                channel = ResumingChannel(session, stream, again)
                stack.callback(channel.close)
                runner = Runner(session, channel, host, node.executor, host.spools(), node.now_ms)
                self._runner = runner
                with node.sessions.session(runner, agency, Role.REQUESTER):
                    outcome = await runner.run()
        except Exception as error:
            await node.executor.storage(host.finish, error, None)
            raise
        await node.executor.storage(host.finish, outcome.error, outcome.done.ctx)
        return outcome

    async def _connect(self, stack: AsyncExitStack, partner: Partner) -> StreamChannel:
        """Open the session; a cancellation does not wait for a partner that does not answer."""
        if self._cancelled:
            raise _cancelled()
        try:
            async with self._patience:
                self._connecting = True
                node = self._node
                return await stack.enter_async_context(open_session(node.identity, node.book, partner))
        except TimeoutError:
            raise _cancelled() from None
        finally:
            self._connecting = False


def _cancelled() -> CancelledError:
    return CancelledError("expected the query to go on, got the operator's cancellation")
