"""The sessions under way: how many there may be, and how they all end when the node stops."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from nodes.config import Limits
from nodes.errors import TooManySessionsError
from nodes.logs import line
from nodes.runner import Runner
from protocol.errors import ShuttingDownError
from protocol.vocabulary import Role

WAITING_STREAMS: Final = 4  # per partner, beyond its sessions: enough to be told "busy" with a signature
STARTS_PER_MINUTE: Final = 60  # per partner: each start costs signatures and ledger rows
ABORT_SECONDS: Final = 15.0  # for signed aborts to leave, after the time to finish is over

log = logging.getLogger("accord.sessions")


@dataclass(frozen=True, slots=True)
class Underway:
    """One session as the control API shows it."""

    runner: Runner
    partners: tuple[str, ...]
    role: Role
    started: float
    counted: bool  # False: only there to hear a signed "busy"


class Sessions:
    """Counts and ends sessions. For the event loop's thread alone."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._streams: Counter[str] = Counter()
        self._starts: dict[str, deque[float]] = {}
        self._underway: set[Underway] = set()
        self._nobody = asyncio.Event()
        self._nobody.set()
        self.draining = False

    @property
    def underway(self) -> tuple[Underway, ...]:
        return tuple(sorted(self._underway, key=lambda entry: entry.started))

    @contextmanager
    def stream(self, partner: str) -> Iterator[None]:
        """Hold one of the streams that a partner may have open.

        Raises:
            TooManySessionsError: too many at once, or too many lately; not worth a signature.
        """
        now = time.monotonic()
        starts = self._starts.setdefault(partner, deque(maxlen=STARTS_PER_MINUTE))
        too_fast = len(starts) == STARTS_PER_MINUTE and now - starts[0] < 60
        if too_fast or self._streams[partner] >= self._limits.sessions_per_partner + WAITING_STREAMS:
            raise TooManySessionsError("expected fewer streams of this partner, got one more")
        starts.append(now)
        self._streams[partner] += 1
        try:
            yield
        finally:
            self._streams[partner] -= 1

    def has_room(self, partner: str) -> bool:
        """Whether one more session may be worked on, with this partner."""
        counted = [entry for entry in self._underway if entry.counted]
        of_partner = [entry for entry in counted if partner in entry.partners]
        limits = self._limits
        return len(counted) < limits.sessions and len(of_partner) < limits.sessions_per_partner

    @contextmanager
    def session(self, runner: Runner, partners: tuple[str, ...], role: Role, *, counted: bool = True) -> Iterator[None]:
        """Know of a session from its first to its last moment. It counts for each of its partners."""
        entry = Underway(runner, partners, role, time.monotonic(), counted)
        self._underway.add(entry)
        self._nobody.clear()
        try:
            yield
        finally:
            self._underway.discard(entry)
            if not self._underway:
                self._nobody.set()

    async def drain(self, grace_seconds: float) -> None:
        """Begin no more sessions; let those under way finish, and after `grace_seconds` end them with signed aborts."""
        self.draining = True
        log.info(line("draining", sessions=len(self._underway), grace_seconds=grace_seconds))
        try:
            async with asyncio.timeout(grace_seconds):
                await self._nobody.wait()
        except TimeoutError:
            for entry in self._underway:
                entry.runner.end(ShuttingDownError("expected to finish before the node stops, got its end"))
        try:
            async with asyncio.timeout(ABORT_SECONDS):
                await self._nobody.wait()
        except TimeoutError:
            log.warning(line("sessions-left", sessions=len(self._underway)))
