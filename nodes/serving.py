"""The life of a node's process: open, serve partners and operators, drain, close."""

from __future__ import annotations

import asyncio
import logging
import signal
from typing import Final

from nodes.allocator import keep_freed_memory
from nodes.control.server import ControlServer
from nodes.epochs.expiry import end_expired_epochs
from nodes.home import Home
from nodes.logs import line
from nodes.node import open_node
from nodes.service import Service
from psi import backend

GRACE_SECONDS: Final = 30.0

log = logging.getLogger("accord.serving")


async def serve(home: Home, grace_seconds: float = GRACE_SECONDS) -> None:
    """Serve until SIGTERM, SIGINT or an operator's request; then let sessions finish, or end them after the grace.

    Raises:
        AlreadyRunningError, ListenError, and any error of the node's parts: not served.
    """
    keep_freed_memory()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    with open_node(home) as node:
        service, control = Service(node), ControlServer(node, stopping.set)
        await service.start()
        expiry = asyncio.create_task(end_expired_epochs(node))
        try:
            await control.start()
            log.info(line("ready", agency=node.config.agency_id, realm=node.config.realm, backend=backend()))
            await stopping.wait()
            await node.sessions.drain(grace_seconds)
        finally:
            expiry.cancel()
            await control.stop()
            await service.stop()
    log.info(line("stopped"))
