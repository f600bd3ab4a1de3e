"""The control API of a running node (aiohttp over a Unix socket).

The socket lies in the node's private folder with mode 0600, and every request is checked against the operators of
accord.toml by the caller's user id, as the kernel tells it. A query runs as long as its caller listens: whoever hangs
up cancels it, and the partner gets a signed abort.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from nodes.asking import Request
from nodes.client import ping
from nodes.config import Operator
from nodes.control import wire
from nodes.control.errors import ControlError, NotRunningError
from nodes.epochs.syncing import Sync
from nodes.errors import ListenError, NodeError, OperatorUnknownError
from nodes.logs import line, where
from nodes.mandate import parse_mandate
from nodes.metrics import CONTENT_TYPE
from nodes.node import Node
from nodes.partners import Partner, Status
from nodes.querying import Drive, Query
from nodes.totals.asking import TotalsRequest
from nodes.totals.querying import TotalsQuery
from psi import available_backends, backend

_OPERATOR: Final = web.RequestKey("operator", Operator)
_PEER_CREDENTIALS: Final = struct.Struct("3i")  # pid, uid, gid: unix(7), SO_PEERCRED

log = logging.getLogger("accord.control")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ControlServer:
    """Serves the control API of one node.

    Args:
        node: whose.
        stop: called when an operator asks the node to stop.
    """

    def __init__(self, node: Node, stop: Callable[[], None]) -> None:
        self._node = node
        self._stop = stop
        self._queries: dict[str, Drive] = {}
        self._count = 0
        application = web.Application(middlewares=[self._guard], client_max_size=wire.MAX_REQUEST_BYTES)
        application.add_routes(
            [
                web.get(wire.STATUS_PATH, self._status),
                web.get(wire.PARTNERS_PATH, self._partners),
                web.post(wire.QUERIES_PATH, self._query),
                web.post(wire.SYNCS_PATH, self._sync),
                web.post(wire.TOTALS_PATH, self._totals),
                web.delete(wire.QUERIES_PATH + "/{query}", self._cancel),
                web.post(wire.STOP_PATH, self._stop_node),
                web.get(wire.METRICS_PATH, self._metrics),
            ]
        )
        self._runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=5.0)

    async def start(self) -> None:
        """Listen on the home's control socket. The caller holds the home alone, so a socket found there is stale."""
        await self._runner.setup()
        await web.SockSite(self._runner, _listener(self._node.home.control_socket)).start()

    async def stop(self) -> None:
        """Stop listening and remove the socket."""
        await self._runner.cleanup()
        with suppress(OSError):
            self._node.home.control_socket.unlink()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            request[_OPERATOR] = self._operator(request)
            return await handler(request)
        except web.HTTPException as error:
            refusal = ControlError(f"expected a request of the control API, got: {error.reason}")
            return web.json_response({"error": wire.error_json(refusal)}, status=error.status)
        except OperatorUnknownError as error:
            log.warning(line("operator-refused", message=error))
            return web.json_response({"error": wire.error_json(error)}, status=403)
        except NodeError as error:
            return web.json_response({"error": wire.error_json(error)}, status=409)
        except Exception as error:
            log.error(line("request-failed", path=request.path, error=where(error)))
            return web.json_response({"error": wire.error_json(error)}, status=500)

    def _operator(self, request: web.Request) -> Operator:
        transport = request.transport
        if transport is None:
            raise OperatorUnknownError("expected a caller with a Unix user, got none")
        peer = transport.get_extra_info("socket")
        credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER_CREDENTIALS.size)
        _, uid, _ = _PEER_CREDENTIALS.unpack(credentials)
        return self._node.config.operator(uid)

    # --- facts

    async def _status(self, _: web.Request) -> web.Response:
        node = self._node
        return web.json_response(
            {
                "agency": node.config.agency_id,
                "realm": node.config.realm,
                "process": os.getpid(),
                "draining": node.sessions.draining,
                "backend": backend(),
                "backends": list(available_backends()),
                "sessions": [
                    {"partners": list(u.partners), "role": u.role.value, "session": u.runner.session.session_id}
                    for u in node.sessions.underway
                ],
            }
        )

    async def _partners(self, _: web.Request) -> web.Response:
        partners = self._node.book.all()
        return web.json_response(list(await asyncio.gather(*(self._health(partner) for partner in partners))))

    async def _health(self, partner: Partner) -> dict[str, Any]:
        facts: dict[str, Any] = {"agency": partner.file.agency_id, "status": partner.status.value}
        if partner.status is Status.ACTIVE:
            try:
                await ping(self._node.identity, partner)
                facts["reachable"] = True
            except Exception as error:
                facts |= {"reachable": False, "error": wire.error_json(error)}
        return facts

    async def _metrics(self, _: web.Request) -> web.Response:
        node = self._node
        text = await node.executor.storage(node.metrics.render, node, node.sessions.underway, node.now_ms())
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE})

    async def _stop_node(self, request: web.Request) -> web.Response:
        log.info(line("stop-requested", operator=request[_OPERATOR].id))
        self._stop()
        return web.json_response({"stopping": True})

    # --- queries

    async def _query(self, request: web.Request) -> web.StreamResponse:
        order = wire.QueryOrder.parse(await request.read())
        mandate = parse_mandate(order.mandate.encode("utf-8"))
        operator = request[_OPERATOR].id
        kinds, reveals = order.kinds, order.reveals
        names = order.partner, order.data_set, order.asked
        asked = Request(*names, kinds, mandate, operator, reveals, order.epoch, order.aggregate)
        return await self._run(request, Query(self._node, asked))

    async def _sync(self, request: web.Request) -> web.StreamResponse:
        order = wire.SyncOrder.parse(await request.read())
        mandate = parse_mandate(order.mandate.encode("utf-8"))
        operator = request[_OPERATOR].id
        asked = Request(order.partner, "", order.asked, order.kinds, mandate, operator)
        return await self._run(request, Sync(self._node, asked))

    async def _totals(self, request: web.Request) -> web.StreamResponse:
        order = wire.TotalsOrder.parse(await request.read())
        mandate = parse_mandate(order.mandate.encode("utf-8"))
        asked = TotalsRequest(
            order.invited,
            order.data_set,
            order.kinds,
            order.most,
            mandate,
            request[_OPERATOR].id,
            order.aggregate,
            order.to_all,
            order.scheme,
        )
        return await self._run(request, TotalsQuery(self._node, asked))

    async def _run(self, request: web.Request, query: Drive) -> web.StreamResponse:
        self._count += 1
        number = str(self._count)
        self._queries[number] = query
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        task = asyncio.create_task(query.run())
        try:
            await response.prepare(request)
            await _write(response, {"event": "accepted", "query": number})
            while not task.done():
                await asyncio.wait([task], timeout=wire.PROGRESS_SECONDS)
                await _write(response, {"event": "progress", **asdict(query.moment())})
            await _write(response, _ending(task))
            await response.write_eof()
        except (asyncio.CancelledError, ConnectionError):
            log.info(line("query-abandoned", query=number))
            raise
        finally:
            del self._queries[number]
            await _to_the_end(query, task)
        return response

    async def _cancel(self, request: web.Request) -> web.Response:
        query = self._queries.get(request.match_info["query"])
        if query is None:
            raise NotRunningError("expected the number of a query under way, got another")
        query.cancel()
        return web.json_response({"cancelled": True})


def _listener(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    before = os.umask(0o177)
    try:
        with wire.socket_address(path) as address:
            path.unlink(missing_ok=True)
            listener.bind(address)
    except OSError as cause:
        listener.close()
        raise ListenError(f"expected to listen on the control socket, got: {cause.strerror}") from None
    finally:
        os.umask(before)
    return listener


async def _to_the_end(query: Drive, task: asyncio.Task[dict[str, Any]]) -> None:
    """Whatever happens to the caller: the query ends in good order, its abort sent and its rows written."""
    while not task.done():
        query.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.wait([task])


def _ending(task: asyncio.Task[dict[str, Any]]) -> dict[str, Any]:
    error = task.exception()
    if error is None:
        return {"event": "done", "result": task.result()}
    if not hasattr(type(error), "code"):
        log.error(line("query-failed", error=where(error)))
    return {"event": "failed", "error": wire.error_json(error)}


async def _write(response: web.StreamResponse, event: dict[str, Any]) -> None:
    await response.write(json.dumps(event, separators=(",", ":")).encode() + b"\n")
