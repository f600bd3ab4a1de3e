"""The command line's end of the control API. It imports no server, and no library that takes long to load."""

from __future__ import annotations

import json
import socket
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any

from nodes.control import wire
from nodes.control.errors import ControlError, NotRunningError
from nodes.home import Home


class ControlClient:
    """Speaks to the node that serves a home, on a connection for each request. Made by `connect`."""

    def __init__(self, address: str) -> None:
        self._address = address

    def status(self) -> dict[str, Any]:
        """Return what the node says about itself."""
        return dict(self._call("GET", wire.STATUS_PATH))

    def partners(self) -> list[dict[str, Any]]:
        """Return all partners, and for active ones whether they can be reached now."""
        return list(self._call("GET", wire.PARTNERS_PATH))

    def stop(self) -> None:
        """Ask the node to finish its sessions and stop."""
        self._call("POST", wire.STOP_PATH)

    def cancel(self, query: str) -> None:
        """End a query; it then fails with `cancelled`."""
        self._call("DELETE", f"{wire.QUERIES_PATH}/{query}")

    def query(
        self, order: wire.QueryOrder | wire.SyncOrder | wire.TotalsOrder
    ) -> Generator[dict[str, Any], None, None]:
        """Ask a partner, or synchronise with it. Yields `accepted`, `progress` again and again, and `done`.

        Raises:
            whatever ended the query, as an error of the same class as in the node.
        """
        with self._request("POST", order.path, json.dumps(order.as_json()).encode()) as response:
            ended = False
            for data in iter(partial(response.readline, wire.MAX_EVENT_BYTES), b""):
                event = _object(data)
                if event.get("event") == "failed":
                    raise _error(event)
                ended = event.get("event") == "done"
                yield event
            if not ended:
                raise NotRunningError("expected the node to finish the query, got the end of the connection")

    def _call(self, method: str, path: str) -> Any:
        with self._request(method, path) as response:
            return json.loads(response.read())

    @contextmanager
    def _request(self, method: str, path: str, body: bytes = b"") -> Iterator[HTTPResponse]:
        try:
            with closing(_Connection(self._address)) as connection:
                connection.request(method, path, body)
                response = connection.getresponse()
                if response.status != 200:
                    raise _error(_object(response.read()))
                yield response
        except (OSError, HTTPException, ValueError) as cause:
            raise NotRunningError(f"expected the node to answer, got {type(cause).__name__}") from None


class _Connection(HTTPConnection):
    """HTTP over the node's socket."""

    def __init__(self, address: str) -> None:
        super().__init__("node")
        self._address = address

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            self.sock.connect(self._address)
        except OSError:
            raise NotRunningError("expected a node that serves this home, got none") from None


@contextmanager
def connect(home: Home) -> Iterator[ControlClient]:
    """Reach the node that serves `home`. Raises NotRunningError when it is first spoken to and is not there."""
    home.check()
    with wire.socket_address(home.control_socket) as address:
        yield ControlClient(address)


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
