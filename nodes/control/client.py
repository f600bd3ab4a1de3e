"""The command line's end of the control API. It imports no server."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from nodes.control import wire
from nodes.errors import ControlError, NotRunningError
from nodes.home import Home

_NOT_RUNNING = "expected a node that serves this home, got none"


class ControlClient:
    """Speaks to the node that serves a home. Made by `connect`."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def status(self) -> dict[str, Any]:
        """Return what the node says about itself."""
        return dict(await self._call("GET", wire.STATUS_PATH))

    async def partners(self) -> list[dict[str, Any]]:
        """Return all partners, and for active ones whether they can be reached now."""
        return list(await self._call("GET", wire.PARTNERS_PATH))

    async def stop(self) -> None:
        """Ask the node to finish its sessions and stop."""
        await self._call("POST", wire.STOP_PATH)

    async def cancel(self, query: str) -> None:
        """End a query; it then fails with `cancelled`."""
        await self._call("DELETE", f"{wire.QUERIES_PATH}/{query}")

    async def query(self, order: wire.QueryOrder | wire.SyncOrder) -> AsyncIterator[dict[str, Any]]:
        """Ask a partner, or synchronise with it. Yields `accepted`, `progress` again and again, and `done`.

        Raises:
            whatever ended the query, as an error of the same class as in the node.
        """
        async with self._request("POST", order.path, json=order.as_json()) as response:
            ended = False
            async for data in response.content:
                event = _object(data)
                if event.get("event") == "failed":
                    raise _error(event)
                ended = event.get("event") == "done"
                yield event
            if not ended:
                raise NotRunningError("expected the node to finish the query, got the end of the connection")

    async def _call(self, method: str, path: str) -> Any:
        async with self._request(method, path) as response:
            return json.loads(await response.read())

    @asynccontextmanager
    async def _request(self, method: str, path: str, **more: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        try:
            async with self._session.request(method, f"http://node{path}", **more) as response:
                if response.status != 200:
                    raise _error(_object(await response.read()))
                yield response
        except aiohttp.ClientConnectorError:
            raise NotRunningError(_NOT_RUNNING) from None
        except (aiohttp.ClientError, ConnectionError, ValueError) as cause:
            raise NotRunningError(f"expected the node to answer, got {type(cause).__name__}") from None


@asynccontextmanager
async def connect(home: Home) -> AsyncIterator[ControlClient]:
    """Reach the node that serves `home`. Raises NotRunningError when it is first spoken to and is not there."""
    home.check()
    with wire.socket_address(home.control_socket) as address:
        connector = aiohttp.UnixConnector(address)
        no_limit = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(
            connector=connector, timeout=no_limit, read_bufsize=2 * wire.MAX_EVENT_BYTES
        ) as session:
            yield ControlClient(session)


def _object(data: bytes) -> dict[str, Any]:
    value = json.loads(data)
    if not isinstance(value, dict):
        raise ControlError("expected a JSON object from the node, got something else")
    return value


def _error(answer: dict[str, Any]) -> Exception:
    error = answer.get("error")
    if not isinstance(error, dict):
        return ControlError("expected an error from the node in JSON, got something else")
    return wire.error_from(str(error.get("code")), str(error.get("message")))
