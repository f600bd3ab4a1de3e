"""The executor: off the event loop, bounded, and patient with what was begun."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from typing import Any

import pytest

from nodes.executor import COMPUTE_THREADS, Executor
from tests.asynchronous import asynchronous
from tests.patience import PATIENCE_SECONDS


@dataclass
class Gate:
    """A job that waits until it is told to go on, and counts how many run at once."""

    opened: threading.Event = field(default_factory=threading.Event)
    running: int = 0
    most: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> str:
        with self.lock:
            self.running += 1
            self.most = max(self.most, self.running)
        self.opened.wait(PATIENCE_SECONDS)
        with self.lock:
            self.running -= 1
        return threading.current_thread().name

    async def full(self) -> None:
        """Every thread is at work; would not return if a job held the loop."""
        while self.running < COMPUTE_THREADS:  # noqa: ASYNC110, what is waited for is in threads
            await asyncio.sleep(0.01)


@asynchronous
async def test_the_event_loop_stays_free_and_threads_are_bounded() -> None:
    executor, gate = Executor(), Gate()
    jobs = [asyncio.ensure_future(executor.compute(gate)) for _ in range(3 * COMPUTE_THREADS)]
    await gate.full()
    assert await executor.storage(threading.current_thread) is not threading.main_thread()
    gate.opened.set()
    names = await asyncio.gather(*jobs)
    assert all(name.startswith("compute") for name in names)
    assert gate.most == COMPUTE_THREADS
    executor.close()


@asynchronous
async def test_errors_come_back_to_the_caller() -> None:
    class Broken:
        def run(self) -> Any:
            raise ValueError("expected")

    executor = Executor()
    with pytest.raises(ValueError, match="expected"):
        await executor.compute(Broken())
    executor.close()


@asynchronous
async def test_closing_waits_for_what_was_begun_and_drops_the_rest() -> None:
    executor, gate = Executor(), Gate()
    jobs = [asyncio.ensure_future(executor.compute(gate)) for _ in range(COMPUTE_THREADS + 2)]
    await gate.full()
    threading.Timer(0.2, gate.opened.set).start()
    await asyncio.get_running_loop().run_in_executor(None, executor.close)
    assert gate.opened.is_set()
    assert gate.running == 0
    results = await asyncio.gather(*jobs, return_exceptions=True)
    assert sum(isinstance(result, asyncio.CancelledError) for result in results) == 2
