"""Drives a session with one partner, over one connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from nodes.errors import NodeError
from nodes.executor import Executor
from nodes.host import Host
from nodes.runner import Channel, Runner
from nodes.spool import Spools
from protocol.effects import Send, SendTo
from protocol.errors import ConnectionLostError, ResumeError
from protocol.events import Ended, Received
from protocol.session import Session


class PairRunner(Runner):
    """See `Runner`. Whoever loses the connection ends the session."""

    def __init__(
        self,
        session: Session,
        channel: Channel,
        host: Host,
        executor: Executor,
        spools: Spools,
        now_ms: Callable[[], int],
    ) -> None:
        super().__init__(session, channel, host, executor, spools, now_ms)
        self.channel = channel
        self._outgoing: asyncio.Queue[bytes] = asyncio.Queue()

    async def _read(self) -> None:
        while True:
            await self._reading_slots.acquire()
            try:
                packet = await self.channel.read()
            except ResumeError as error:
                self._hear(Ended(error, tell_partner=False))
                return
            except (ConnectionLostError, NodeError) as error:
                lost = ConnectionLostError("expected the session to go on, got the end of the connection")
                lost.__cause__ = error
                self._hear(Ended(lost, tell_partner=False))
                return
            if packet is None:
                lost = ConnectionLostError("expected the session to go on, got the end of the partner's stream")
                self._hear(Ended(lost))
                return
            self.received_bytes += len(packet)
            self._hear(Received(packet, self._now_ms()))

    async def _write(self) -> None:
        await self._write_to(self.channel, self._outgoing)

    async def _written(self) -> None:
        await self._outgoing.join()

    def _send(self, effect: Send | SendTo) -> None:
        if not isinstance(effect, Send):
            raise TypeError("expected a session with one partner to name nobody whom a packet is for")
        self._unwritten += 1
        self._outgoing.put_nowait(effect.packet)
