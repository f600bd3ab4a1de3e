"""Drives one session, in any role: carries out its effects, overlaps them with the network, and ends it in time.

The session decides; the runner only moves. It keeps reading while a write is pending, holds back results while four
frames wait to be written to its one partner or much waits for the disk, checks its partners at every frame, and turns
whatever goes wrong in this node into one event, so that a partner hears of it in a signed abort. Evidence is on disk
before the message it belongs to leaves. How packets travel is for those that derive from it: `nodes.pair` speaks to one
partner, `nodes.totals.star` to several.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol

from nodes.errors import NodeError, PartnerInactiveError, PartnerUnknownError
from nodes.executor import Executor
from nodes.host import Call, Host, call_for
from nodes.logs import line, where
from nodes.spool import Spools
from protocol.effects import Compute, Done, Effect, Evidence, Send, SendTo, Solve
from protocol.errors import CancelledError, ConnectionLostError, HostError, ProtocolError, TimedOutError
from protocol.events import Completed, Ended, Event, JobFailed, LinkEnded, Received, ReceivedFrom, Started
from protocol.messages import PacketType
from protocol.session import Session
from psi import PsiError

MAX_FRAMES: Final = 4  # protocols.md, "Chunks": a node can buffer four; each way
MAX_APPENDED_BYTES: Final = 1 << 22  # on the way to a spool
FLUSH_SECONDS: Final = 10.0  # for the last message of a session, such as an abort

log = logging.getLogger("accord.session")


class Link(Protocol):
    """What a session is connected through, to one partner or to several."""

    async def finish(self) -> None:
        """Say that nothing more follows and, if this side opened the stream, wait until the partner ends it."""

    def check(self) -> None:
        """Raise NodeError where a partner may no longer speak to this node. Called at every frame; cheap."""


class Channel(Link, Protocol):
    """The connection to one partner: whole packets, in order."""

    async def read(self) -> bytes | None:
        """Return the next packet, or None when the partner has ended the stream.

        Raises:
            ConnectionLostError: broken. NodeError: the partner's node turned this one away.
        """

    async def write(self, packet: bytes) -> None:
        """Return when the packet is handed over. Raises ConnectionLostError."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a session ended."""

    done: Done
    sent_bytes: int
    received_bytes: int
    seconds: float

    @property
    def error(self) -> Exception | None:
        """What went wrong: this node's own error where it lies behind the session's."""
        error = self.done.error
        return error.__cause__ if error is not None and isinstance(error.__cause__, NodeError) else error


class Runner(ABC):
    """One session's drive. `run` once; `end` from outside ends it early."""

    def __init__(
        self,
        session: Session,
        link: Link,
        host: Host,
        executor: Executor,
        spools: Spools,
        now_ms: Callable[[], int],
    ) -> None:
        self.session = session
        self.sent_bytes = 0
        self.received_bytes = 0
        self._link = link
        self._host = host
        self._executor = executor
        self._spools = spools
        self._now_ms = now_ms
        self._wake = asyncio.Event()
        self._urgent: Ended | None = None
        self._completed: deque[Completed | JobFailed] = deque()
        self._received: deque[Received | ReceivedFrom | LinkEnded | Ended] = deque()
        self._reading_slots = asyncio.Semaphore(MAX_FRAMES)
        self._unwritten = 0
        self._storage: asyncio.Queue[Call | None] = asyncio.Queue()
        self._storing = 0
        self._appended_bytes = 0
        self._unsettled = False  # rows that may be in memory alone
        self._computing: set[asyncio.Task[None]] = set()
        self._done: Done | None = None

    def end(self, error: ProtocolError, *, tell_partner: bool = True) -> None:
        """End the session at the next opportunity; the first reason given stands."""
        if self._urgent is None:
            met = self.received_bytes > 0 or self.sent_bytes > 0 or self._unwritten > 0
            self._urgent = Ended(error, tell_partner and met)  # a partner that was asked nothing is told nothing
            self._wake.set()

    async def run(self) -> Outcome:
        """Run to the end. Never raises for what a partner or this node's storage does; see `Outcome.error`."""
        loop = asyncio.get_running_loop()
        self._started = self._heard = loop.time()
        helpers = [asyncio.create_task(work) for work in (self._read(), self._write())]
        storage = asyncio.create_task(self._store())
        try:
            await self._carry_out(self._step(Started()))
            while self._done is None:
                event = await self._next()
                if self._urgent is None:
                    self._check_partner()
                ending = self._urgent
                await self._carry_out(self._step(ending or event))
                if ending is not None and self._done is None:  # a session must end when it is told to
                    self._done = Done(None, ending.error, self.session.ctx)
            with suppress(TimeoutError):
                async with asyncio.timeout(FLUSH_SECONDS):
                    await self._written()
                    await self._link.finish()
            return Outcome(self._done, self.sent_bytes, self.received_bytes, loop.time() - self._started)
        finally:
            for helper in (*helpers, *self._computing):
                helper.cancel()
            self._drop_storage()
            await asyncio.gather(storage, *helpers, *self._computing, return_exceptions=True)
            await self._executor.storage(self._spools.close)

    def _step(self, event: Event) -> list[Effect]:
        try:
            return self.session.step(event)
        except Exception as error:  # a defect: end without a word, and without its text, which could hold a value
            log.error(line("session-failed", session=self.session.session_id, error=where(error)))
            return [Done(None, HostError("expected the session to take a step, got a defect"), None)]

    # --- what happens next

    async def _next(self) -> Event:
        while True:
            if self._urgent is not None:
                return self._urgent
            event = self._take()
            if event is not None:
                return event
            self._wake.clear()
            wait_seconds, silent = self._patience(asyncio.get_running_loop().time())
            try:
                async with asyncio.timeout(wait_seconds):
                    await self._wake.wait()
            except TimeoutError:
                what = "a sign of the partner" if silent else "the session to end"
                self.end(TimedOutError(f"expected {what} within the time that accord.toml allows"))

    def _take(self) -> Event | None:
        """An event that may be handled now: results first, so that frames find their answers."""
        if self._appended_bytes >= MAX_APPENDED_BYTES:
            return None
        if self._completed and self._may_say_more:
            return self._completed.popleft()
        if not self._received:
            return None
        event = self._received.popleft()
        if isinstance(event, Received | ReceivedFrom):
            self._reading_slots.release()
            return event
        return event if self.session.partner_needed else None

    @property
    def _may_say_more(self) -> bool:
        """Whether results may lead to more packets now."""
        return self._unwritten < MAX_FRAMES

    def _patience(self, now: float) -> tuple[float, bool]:
        """Seconds until the session ends for lack of time, and whether it is the partner's silence that ends it."""
        left = self._started + self._host.deadline_ms / 1000 - now
        if self._storing or self._computing:
            return max(left, 0), False
        patience = self._heard + self._host.silence_ms / 1000 - now
        return max(min(left, patience), 0), patience < left

    # --- effects

    async def _carry_out(self, effects: list[Effect]) -> None:
        """Carry out one step. What a signed message allows is left out where it could not be kept; the end never is."""
        kept = True
        for effect in effects:
            match effect:
                case Done():
                    self._done = effect
                case Evidence():
                    kept = await self._kept(effect)
                case _ if not kept:
                    continue
                case Send() | SendTo():
                    self._send(effect)
                case Compute():
                    self._start(effect.token, self._executor.compute(effect.job))
                case Solve():
                    self._start(effect.token, self._executor.compute(self._host.solver(effect)))
                case _:
                    call = call_for(effect, self._host, self._spools)
                    self._unsettled |= call.size_bytes > 0
                    self._queue(call)

    async def _kept(self, effect: Evidence) -> bool:
        """Write the rows that a signed message covers, and it, before it leaves; failing that, only an abort leaves."""
        try:
            await self._rows_appended()
            await self._executor.storage(self._host.keep, effect)
        except Exception as error:
            self._host_failed(error)
        return self._urgent is None or effect.type is PacketType.ABORT

    async def _rows_appended(self) -> None:
        if self._unsettled:
            self._unsettled = False
            self._queue(Call(self._spools.settle, None, size_bytes=1))  # waited for as rows are
        while self._appended_bytes and self._urgent is None:
            self._wake.clear()
            await self._wake.wait()

    def _start(self, token: int, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(self._answer(token, work))
        self._computing.add(task)
        task.add_done_callback(self._computing.discard)

    def _queue(self, call: Call) -> None:
        self._storing += 1
        self._appended_bytes += call.size_bytes
        self._storage.put_nowait(call)

    async def _store(self) -> None:
        while (call := await self._storage.get()) is not None:
            await self._answer(call.token, self._executor.storage(call.run))
            self._storing -= 1
            self._appended_bytes -= call.size_bytes
            self._wake.set()

    def _drop_storage(self) -> None:
        while not self._storage.empty():
            self._storage.get_nowait()
        self._storage.put_nowait(None)

    async def _answer(self, token: int | None, work: Awaitable[Any]) -> None:
        try:
            result = await work
        except PsiError as error:
            if token is not None:
                self._completed.append(JobFailed(token, error))
        except Exception as error:
            self._host_failed(error)
        else:
            if token is not None:
                self._completed.append(Completed(token, result))
        self._heard = asyncio.get_running_loop().time()
        self._wake.set()

    def _check_partner(self) -> None:
        try:
            self._link.check()
        except NodeError as error:
            self._host_failed(error)

    def _host_failed(self, cause: Exception) -> None:
        """End the session for a reason of this node's. A defect is named by kind and place alone."""
        session = self.session.session_id
        error: ProtocolError
        if not isinstance(cause, NodeError):
            log.error(line("effect-failed", session=session, error=where(cause)))
            error = HostError(f"expected this node to carry out an effect, got {type(cause).__name__}")
        elif isinstance(cause, PartnerInactiveError | PartnerUnknownError):
            log.warning(line("partner-inactive", session=session, message=cause))
            error = CancelledError("expected an active partner, got one that is no more")
        else:
            log.error(line("host-failed", session=session, code=cause.code, message=cause))
            error = HostError(f"expected this node to carry out an effect, got {cause.code}")
            error.reason = cause.reason
        error.__cause__ = cause
        self.end(error)

    # --- the connection

    @abstractmethod
    async def _read(self) -> None:
        """Give what arrives to `_hear`, until nothing more can; each packet takes a slot first."""

    @abstractmethod
    async def _write(self) -> None:
        """Write what `_send` has taken, without end."""

    @abstractmethod
    async def _written(self) -> None:
        """Return when all of it is written."""

    @abstractmethod
    def _send(self, effect: Send | SendTo) -> None:
        """Take a packet to be written; never wait."""

    def _hear(self, event: Received | ReceivedFrom | LinkEnded | Ended) -> None:
        self._heard = asyncio.get_running_loop().time()
        self._received.append(event)
        self._wake.set()

    async def _write_to(self, channel: Channel, outgoing: asyncio.Queue[bytes]) -> None:
        """A failed write ends nothing: what the partner said last may still be on its way, and says why."""
        connected = True
        while True:
            packet = await outgoing.get()
            try:
                if connected:
                    await channel.write(packet)
                    self.sent_bytes += len(packet)
            except ConnectionLostError:
                connected = False
            self._unwritten -= 1
            outgoing.task_done()
            self._heard = asyncio.get_running_loop().time()
            self._wake.set()
