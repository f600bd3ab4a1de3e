"""The runner of a session with several participants, where one of them takes nothing more."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from nodes.executor import Executor
from nodes.runner import MAX_FRAMES
from nodes.spool import Spools
from nodes.totals.star import StarRunner
from protocol import effects as fx
from protocol.events import Completed
from protocol.messages import PacketType
from tests.asynchronous import asynchronous
from tests.sim.host import NOW_MS
from tests.unit.nodes.test_runner import Ends, MemoryHost, Scripted, Wire, executor, items_of  # noqa: F401, a fixture


@dataclass(frozen=True)
class Word:
    """A job."""

    def run(self) -> str:
        return "done"


@asynchronous
async def test_a_participant_that_takes_nothing_more_holds_up_no_other(
    executor: Executor,  # noqa: F811, the fixture
    tmp_path: Path,
) -> None:
    """It takes two packets and then none, so that more than four wait; the others get theirs, and results go on."""
    stuck, open_ = Ends(Wire(), Wire()), Ends(Wire(), Wire())
    packets = [fx.SendTo("east", bytes([n]), PacketType.SHARES) for n in range(MAX_FRAMES + 4)]
    session = Scripted(*packets, fx.SendTo("west", b"west", PacketType.SHARES), fx.Compute(1, Word()))
    runner = StarRunner(
        session,  # type: ignore[arg-type]
        {"east": stuck, "west": open_},
        MemoryHost(items_of([])),
        executor,
        Spools(tmp_path, 1 << 20),
        lambda: NOW_MS,
    )
    task = asyncio.create_task(runner.run())
    assert await open_.outgoing.queue.get() == b"west"
    await open_.incoming.queue.put(b"back")
    await session.third_event.wait()
    assert Completed(1, "done") in session.events
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
