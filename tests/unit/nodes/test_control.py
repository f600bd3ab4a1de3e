"""The control API: who may use it, what it refuses, and that whoever hangs up has cancelled."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from nodes.client import CONNECT_SECONDS
from nodes.config import Operator, render_config
from nodes.control import wire
from nodes.control.client import ControlClient, connect
from nodes.control.errors import ControlError, NotRunningError
from nodes.control.server import ControlServer
from nodes.errors import (
    AlreadyRunningError,
    MandateError,
    NodeError,
    OperatorUnknownError,
    PartnerUnknownError,
    TooManySessionsError,
)
from nodes.exercise_node import MANDATE, free_port
from nodes.home import Home, write_private
from nodes.ledger import LedgerFile
from nodes.node import Node, open_node
from nodes.partners import read_partner_file
from nodes.registry.errors import DataSetUnknownError
from protocol.errors import CancelledError, ProtocolError, RefusedError
from protocol.vocabulary import Reveals
from psi import ElementError
from tests.agency import Agency, load_agency, make_agency
from tests.asynchronous import asynchronous
from tests.e2e.harness import import_rows, rules

NOW_MS = time.time_ns() // 1_000_000


def order(**changes: Any) -> wire.QueryOrder:
    values = {
        "partner": "south",
        "data_set": "suspects",
        "asked": "suspects",
        "kinds": (),
        "reveals": Reveals.SHARED_IDENTIFIERS,
        "mandate": MANDATE,
    }
    return wire.QueryOrder(**(values | changes))


@pytest.fixture
def north(tmp_path: Path) -> Agency:
    return agency_of(tmp_path / "north", os.getuid())


def agency_of(folder: Path, uid: int) -> Agency:
    made = make_agency(folder, "north", now_ms=NOW_MS)
    address = f"127.0.0.1:{free_port()}"
    write_private(made.home.config_file, render_config("north", "North", "exercise", address, Operator("op-1", uid)))
    return load_agency(made.home, NOW_MS)


@contextlib.asynccontextmanager
async def controlled(agency: Agency) -> AsyncIterator[tuple[Node, ControlClient, asyncio.Event]]:
    stopped = asyncio.Event()
    with open_node(agency.home) as node:
        server = ControlServer(node, stopped.set)
        await server.start()
        try:
            with connect(agency.home) as client:
                yield node, client, stopped
        finally:
            await server.stop()
            assert not agency.home.control_socket.exists()


@asynchronous
async def test_status_tells_who_serves_and_how(north: Agency) -> None:
    async with controlled(north) as (_, client, _):
        status = await asyncio.to_thread(client.status)
        assert (status["agency"], status["realm"], status["process"]) == ("north", "exercise", os.getpid())
        assert status["backend"] in status["backends"]
        assert status["sessions"] == []


@asynchronous
async def test_the_socket_is_private_and_replaces_a_stale_one(north: Agency) -> None:
    north.home.control_socket.touch()
    async with controlled(north):
        mode = north.home.control_socket.lstat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o600


@asynchronous
async def test_a_home_with_a_long_path(tmp_path: Path) -> None:
    folder = tmp_path / ("a" * 100) / ("b" * 100)
    async with controlled(agency_of(folder, os.getuid())) as (_, client, _):
        assert (await asyncio.to_thread(client.status))["agency"] == "north"


@asynchronous
async def test_only_operators_are_heard(tmp_path: Path) -> None:
    async with controlled(agency_of(tmp_path / "north", os.getuid() + 1)) as (_, client, stopped):
        for call in (client.status, client.partners, client.stop):
            with pytest.raises(OperatorUnknownError):
                await asyncio.to_thread(call)
        await fails(client, OperatorUnknownError)
        assert not stopped.is_set()


def test_nobody_serves(north: Agency) -> None:
    with connect(north.home) as client, pytest.raises(NotRunningError):
        client.status()


@asynchronous
async def test_one_process_serves_a_home(north: Agency) -> None:
    async with controlled(north):
        with pytest.raises(AlreadyRunningError), open_node(north.home):
            pass


@asynchronous
async def test_a_stop_is_passed_on(north: Agency) -> None:
    async with controlled(north) as (_, client, stopped):
        await asyncio.to_thread(client.stop)
        assert stopped.is_set()


async def post(home: Home, path: str, data: bytes, method: str = "POST") -> tuple[int, str]:
    """A request by somebody who does not use our client."""
    with wire.socket_address(home.control_socket) as address:
        async with (
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(address)) as session,
            session.request(method, f"http://node{path}", data=data) as response,
        ):
            return response.status, (await response.json())["error"]["code"]


@pytest.mark.parametrize(
    ("path", "data", "status"),
    [
        (wire.QUERIES_PATH, b"", 409),
        (wire.QUERIES_PATH, b"[]", 409),
        (wire.QUERIES_PATH, b"{}", 409),
        (wire.QUERIES_PATH, b"\xff", 409),
        (wire.QUERIES_PATH, b'{"partner": "south"}', 409),
        (wire.QUERIES_PATH, b"{" * 60_000, 409),
        (wire.QUERIES_PATH, b" " * (wire.MAX_REQUEST_BYTES + 1), 413),
        ("/v1/other", b"", 404),
        (wire.STATUS_PATH, b"", 405),
    ],
)
@asynchronous
async def test_requests_that_are_none(north: Agency, path: str, data: bytes, status: int) -> None:
    async with controlled(north) as (_, client, _):
        assert await post(north.home, path, data) == (status, "bad-control-message")
        await asyncio.to_thread(client.status)


@asynchronous
async def test_an_order_survives_the_wire_and_nothing_else_does(north: Agency) -> None:
    whole = order(kinds=("iban", "imo"), reveals=Reveals.SHARED_IDENTIFIERS)
    data = whole.as_json()
    assert wire.QueryOrder.parse(json.dumps(data).encode()) == whole
    for broken in ({**data, "more": 1}, {**data, "kinds": []}, {**data, "reveals": "all"}, {**data, "partner": "\n"}):
        with pytest.raises(ControlError):
            wire.QueryOrder.parse(json.dumps(broken).encode())


async def fails(client: ControlClient, error: type[Exception], **changes: Any) -> Exception:
    with pytest.raises(error) as caught:
        await asyncio.to_thread(list, client.query(order(**changes)))
    return caught.value


def meet_south(north: Agency, folder: Path, address: str) -> None:
    south = make_agency(folder / "south", "south", address=address, now_ms=NOW_MS)
    file = read_partner_file(south.partner_file)
    north.book.add(file, file.fingerprint, NOW_MS, lambda _: None)


@asynchronous
async def test_failures_come_back_as_what_they_were(north: Agency, tmp_path: Path) -> None:
    async with controlled(north) as (node, client, _):
        await fails(client, PartnerUnknownError)
        meet_south(north, tmp_path, f"127.0.0.1:{free_port()}")
        await fails(client, MandateError, mandate="[mandate]\n")
        await fails(client, DataSetUnknownError)
        node.sessions.draining = True
        await fails(client, TooManySessionsError)
        with pytest.raises(NotRunningError):
            await asyncio.to_thread(client.cancel, "17")
        assert (await asyncio.to_thread(client.partners))[0]["error"]["code"] == "partner-unreachable"


@pytest.mark.parametrize("how", ["cancel", "hang up"])
@asynchronous
async def test_a_query_ends_when_its_operator_gives_up(north: Agency, tmp_path: Path, how: str) -> None:
    """The partner's address takes connections and says nothing, so that the query is connecting all the while."""
    silent = socket.create_server(("127.0.0.1", 0))
    meet_south(north, tmp_path, f"127.0.0.1:{silent.getsockname()[1]}")
    write_private(north.home.rules_file, rules("south", "outgoing").encode())
    import_rows(north.home, "suspects", ["north-1,Person,X00000001"])
    async with controlled(north) as (node, client, _):
        begun = time.monotonic()

        def ask() -> None:
            with contextlib.closing(client.query(order())) as events:
                for event in events:
                    if event["event"] == "accepted":
                        time.sleep(0.2)
                        if how == "hang up":
                            return
                        client.cancel(event["query"])

        if how == "cancel":
            with pytest.raises(CancelledError):
                await asyncio.to_thread(ask)
        else:
            await asyncio.to_thread(ask)
        last: dict[str, Any] = {}
        while last.get("reason") != "cancelled":
            await asyncio.sleep(0.05)
            last = list(LedgerFile(north.home.ledger_file).entries())[-1]
        assert time.monotonic() - begun < CONNECT_SECONDS, "the query does not wait for the connection"
        assert node.state.used_elements("south", "south:suspects", NOW_MS) == 0
    silent.close()


@pytest.mark.parametrize(
    "error",
    [PartnerUnknownError("expected a, got b"), CancelledError("x"), RefusedError.__new__(RefusedError), ElementError],
)
def test_errors_cross_the_wire(error: Any) -> None:
    if isinstance(error, type):
        error = error.__new__(error)
        Exception.__init__(error, "expected an element")
    sent = wire.error_json(error)
    back = wire.error_from(sent["code"], sent["message"])
    assert type(back) is type(error)
    assert str(back) == str(error)


def test_a_defect_crosses_the_wire_without_its_text() -> None:
    sent = wire.error_json(KeyError("known identifier"))
    assert "known identifier" not in str(sent)
    assert isinstance(wire.error_from(sent["code"], sent["message"]), NodeError)


def test_an_unknown_code_is_said_to_be_one() -> None:
    assert isinstance(wire.error_from("from-the-future", "x"), ControlError)


def test_every_known_error_is_found_again() -> None:
    kinds: list[type[Exception]] = [NodeError, ProtocolError]
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
    for kind in kinds:
        found = type(wire.error_from(kind.code, "x"))  # type: ignore[attr-defined]
        assert found.code == kind.code  # type: ignore[attr-defined]


def test_a_command_that_imports_little_reports_every_error_as_the_node_met_it() -> None:
    program = """
import nodes.cli.query
from nodes.control.wire import error_from
from nodes.error_table import ERRORS, error_row
for code, row in ERRORS.items():
    error = error_from(code, f"expected a, got b: {code}")
    assert (type(error).code, error_row(error), str(error)) == (code, row, f"expected a, got b: {code}"), code
print(len(ERRORS))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) > 50
