"""How many sessions there may be, and how they end with the node."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from nodes import sessions as sessions_module
from nodes.config import Limits
from nodes.errors import TooManySessionsError
from nodes.sessions import STARTS_PER_MINUTE, WAITING_STREAMS, Sessions
from protocol.errors import ProtocolError, ShuttingDownError
from protocol.vocabulary import Role
from tests.asynchronous import asynchronous
from tests.patience import PATIENCE_SECONDS


class Ending:
    """Stands where a runner stands: `end` is all that is asked of it."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self.error: ProtocolError | None = None

    def end(self, error: ProtocolError, *, tell_partner: bool = True) -> None:
        self.error = error
        self.ended.set()


@asynchronous
async def test_sessions_are_bounded_per_partner_and_in_all() -> None:
    sessions = Sessions(Limits(sessions=3, sessions_per_partner=2))
    with contextlib.ExitStack() as stack:
        for partner in ("north", "north", "south"):
            assert sessions.has_room(partner)
            stack.enter_context(sessions.session(Ending(), (partner,), Role.RESPONDER))  # type: ignore[arg-type]
        assert not sessions.has_room("north")
        assert not sessions.has_room("east")
        assert len(sessions.underway) == 3
    assert sessions.has_room("north")
    assert sessions.underway == ()


@asynchronous
async def test_a_total_counts_for_each_of_its_partners() -> None:
    sessions = Sessions(Limits(sessions=3, sessions_per_partner=1))
    with sessions.session(Ending(), ("north", "south"), Role.REQUESTER):  # type: ignore[arg-type]
        assert not sessions.has_room("north")
        assert not sessions.has_room("south")
        assert sessions.has_room("east")
    assert sessions.has_room("north")


@asynchronous
async def test_who_only_hears_busy_takes_no_room() -> None:
    sessions = Sessions(Limits(sessions=1, sessions_per_partner=1))
    with sessions.session(Ending(), ("north",), Role.RESPONDER, counted=False):  # type: ignore[arg-type]
        assert sessions.has_room("north")


@asynchronous
async def test_streams_are_bounded() -> None:
    sessions = Sessions(Limits(sessions=8, sessions_per_partner=2))
    with contextlib.ExitStack() as stack:
        for _ in range(2 + WAITING_STREAMS):
            stack.enter_context(sessions.stream("north"))
        with pytest.raises(TooManySessionsError), sessions.stream("north"):
            pass
        with sessions.stream("south"):
            pass


@asynchronous
async def test_starts_are_bounded_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    sessions, now = Sessions(Limits()), 1000.0
    monkeypatch.setattr(sessions_module.time, "monotonic", lambda: now)
    for _ in range(STARTS_PER_MINUTE):
        with sessions.stream("north"):
            now += 0.1
    with pytest.raises(TooManySessionsError), sessions.stream("north"):
        pass
    now += 60
    with sessions.stream("north"):
        pass


@asynchronous
async def test_draining_waits_then_ends() -> None:
    sessions, runner = Sessions(Limits()), Ending()

    async def session() -> None:
        with sessions.session(runner, ("north",), Role.RESPONDER):  # type: ignore[arg-type]
            await runner.ended.wait()

    task = asyncio.create_task(session())
    await asyncio.sleep(0)
    drain = asyncio.create_task(sessions.drain(0.5))
    await asyncio.sleep(0)
    assert sessions.draining
    assert runner.error is None
    await drain
    await task
    assert isinstance(runner.error, ShuttingDownError)


@asynchronous
async def test_draining_does_not_wait_for_nobody() -> None:
    await asyncio.wait_for(Sessions(Limits()).drain(10 * PATIENCE_SECONDS), PATIENCE_SECONDS)


@asynchronous
async def test_draining_gives_up_on_who_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions_module, "ABORT_SECONDS", 0.05)
    sessions = Sessions(Limits())
    with sessions.session(Ending(), ("north",), Role.RESPONDER):  # type: ignore[arg-type]
        await asyncio.wait_for(sessions.drain(0.05), PATIENCE_SECONDS)
