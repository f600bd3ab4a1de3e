"""Drives a session that has a connection to each of several participants.

Who asks for a total passes on what the others say, so its session names a participant in each packet and event. Nothing
is resumed: whoever loses its connection is not heard, and the run ends.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nodes.errors import NodeError
from nodes.executor import Executor
from nodes.host import Host
from nodes.logs import line
from nodes.runner import Channel, Runner
from nodes.spool import Spools
from protocol.effects import Send, SendTo
from protocol.errors import ConnectionLostError
from protocol.events import LinkEnded, ReceivedFrom
from protocol.totals import Coordinator

log = logging.getLogger("accord.session")


@dataclass(frozen=True, slots=True)
class Star:
    """All connections, for what is done to all alike."""

    links: Mapping[str, Channel]

    def check(self) -> None:
        """Raises NodeError where one of the partners may no longer speak to this node."""
        for link in self.links.values():
            link.check()

    async def finish(self) -> None:
        """Say on every connection that nothing more follows."""
        await asyncio.gather(*(link.finish() for link in self.links.values()))


class StarRunner(Runner):
    """See `Runner`. A task reads each connection and another writes to it, so that a slow one holds up no other."""

    def __init__(
        self,
        session: Coordinator,
        links: Mapping[str, Channel],
        host: Host,
        executor: Executor,
        spools: Spools,
        now_ms: Callable[[], int],
    ) -> None:
        super().__init__(session, Star(links), host, executor, spools, now_ms)
        self._links = links
        self._outboxes: dict[str, asyncio.Queue[bytes]] = {agency: asyncio.Queue() for agency in links}

    @property
    def _may_say_more(self) -> bool:
        """Always: a round has one place for each, which bounds what can wait for a slow connection."""
        return True

    async def _read(self) -> None:
        await asyncio.gather(*(self._read_from(agency, link) for agency, link in self._links.items()))

    async def _read_from(self, agency: str, link: Channel) -> None:
        while True:
            try:
                packet, why = await link.read(), "end-of-stream"
            except (ConnectionLostError, NodeError) as error:
                packet, why = None, error.code
            if packet is None:
                log.info(line("link-ended", session=self.session.session_id, partner=agency, reason=why))
                self._hear(LinkEnded(agency, why))
                return
            await self._reading_slots.acquire()
            self.received_bytes += len(packet)
            self._hear(ReceivedFrom(agency, packet, self._now_ms()))

    def _send(self, effect: Send | SendTo) -> None:
        if not isinstance(effect, SendTo):
            raise TypeError("expected the session of a total to name whom a packet is for")
        self._unwritten += 1
        self._outboxes[effect.agency].put_nowait(effect.packet)

    async def _write(self) -> None:
        await asyncio.gather(*(self._write_to(self._links[agency], box) for agency, box in self._outboxes.items()))

    async def _written(self) -> None:
        await asyncio.gather(*(box.join() for box in self._outboxes.values()))
