"""Where a node's slow work runs, so that the event loop never computes and never waits for a disk.

One executor is shared by all sessions: a computation already uses every core, so more of them at once would only need
more memory. Work that was begun is never interrupted; whoever owns what it works on waits for it before closing that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from protocol.effects import Job

COMPUTE_THREADS: Final = 2  # one computes on all cores while the other copies and hashes
STORAGE_THREADS: Final = 4

T = TypeVar("T")


class Executor:
    """Threads that compute and threads that touch the disk."""

    def __init__(self) -> None:
        self._compute = ThreadPoolExecutor(COMPUTE_THREADS, "compute")
        self._storage = ThreadPoolExecutor(STORAGE_THREADS, "storage")

    async def compute(self, job: Job) -> Any:
        """Run a job; the caller's turn comes in the order of the calls."""
        return await asyncio.get_running_loop().run_in_executor(self._compute, job.run)

    async def storage(self, function: Callable[..., T], *args: object) -> T:
        """Run a function that reads or writes files."""
        return await asyncio.get_running_loop().run_in_executor(self._storage, function, *args)

    def close(self) -> None:
        """Drop work that was not begun and wait for what was."""
        for pool in (self._compute, self._storage):
            pool.shutdown(wait=True, cancel_futures=True)
