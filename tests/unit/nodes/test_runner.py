"""The runner: real sessions over a pair of queues, and scripted ones where a fault needs exact timing."""

from __future__ import annotations

import asyncio
import errno
import os
import random
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nodes import runner as runner_module
from nodes.errors import LedgerError, PartnerInactiveError, StorageError
from nodes.executor import Executor
from nodes.pair import PairRunner
from nodes.runner import MAX_FRAMES, Outcome, Runner
from nodes.spool import Spools
from protocol import effects as fx
from protocol.errors import (
    AbortedError,
    CancelledError,
    ConnectionLostError,
    HostError,
    Reason,
    RefusedError,
    TimedOutError,
)
from protocol.events import Completed, Ended, Event, Started
from protocol.host_answers import Admission, Rejection
from protocol.intersect import IntersectRequester, IntersectResponder
from protocol.messages import Accept, Message, Packet, PacketType
from protocol.results import Answer, Disclosed
from protocol.session import Peer, Session
from protocol.vocabulary import Role
from psi import Items
from tests.asynchronous import asynchronous
from tests.patience import PATIENCE_SECONDS
from tests.sim.host import NOW_MS, SimSigner, local, question, secrets


class Wire:
    """One direction between two runners."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[bytes | None] = asyncio.Queue(2)
        self.lost = asyncio.Event()

    async def unless_lost(self, work: Awaitable[Any]) -> Any:
        tasks = [asyncio.ensure_future(work), asyncio.ensure_future(self.lost.wait())]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if not tasks[0].done():
            tasks[0].cancel()
            raise ConnectionLostError("expected a wire, got a cut one")
        tasks[1].cancel()
        return tasks[0].result()


@dataclass
class Ends:
    """What one side reads and writes."""

    incoming: Wire
    outgoing: Wire
    inactive: bool = False

    async def read(self) -> bytes | None:
        packet: bytes | None = await self.incoming.unless_lost(self.incoming.queue.get())
        return packet

    async def write(self, packet: bytes) -> None:
        await self.outgoing.unless_lost(self.outgoing.queue.put(packet))

    async def finish(self) -> None:
        await self.outgoing.unless_lost(self.outgoing.queue.put(None))

    def check(self) -> None:
        if self.inactive:
            raise PartnerInactiveError("expected an active partner, got a suspended one")


@dataclass
class MemoryHost:
    """A node without a disk: one list, and every act remembered. `failing` names the act that raises, and what."""

    items: Items
    acts: list[str] = field(default_factory=list)
    kept: list[PacketType] = field(default_factory=list)
    failing: dict[str, Exception] = field(default_factory=dict)
    rejection: Reason | None = None
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    hold: threading.Event | None = None
    loop: asyncio.AbstractEventLoop | None = None
    slow_seconds: float = 0.0
    deadline_ms: int = 30_000
    silence_ms: int = 5_000

    def _act(self, name: str) -> None:
        if name in self.failing:
            raise self.failing[name]
        self.acts.append(name)

    def admit(self, effect: fx.Admit) -> Admission | Rejection:
        self._act("admit")
        if self.rejection is not None:
            return Rejection(self.rejection)
        return Admission((len(self.items),), b"root")

    def consume_seed(self, effect: fx.ConsumeSeed) -> None:
        self._act("consume-seed")

    def charge(self, effect: fx.Charge) -> None:
        self._act("charge")

    def read_items(self, effect: fx.ReadItems) -> Items:
        self._act("read-items")
        time.sleep(self.slow_seconds)
        if self.hold is not None:
            assert self.loop is not None
            self.loop.call_soon_threadsafe(self.reached.set)
            self.hold.wait(PATIENCE_SECONDS)
        return self.items.slice(effect.first, effect.count)

    def keep(self, effect: fx.Evidence) -> None:
        self._act(f"keep-{effect.type.name}")
        self.kept.append(effect.type)


def files_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def items_of(values: list[int]) -> Items:
    return Items.from_sequence(b"item-%d" % value for value in values)


@dataclass
class Pair:
    """A requester and a responder, connected, each with its own runner."""

    requester_end: Ends
    responder_end: Ends
    requester_host: MemoryHost
    responder_host: MemoryHost
    requester: Runner
    responder: Runner

    async def run(self) -> tuple[Outcome, Outcome]:
        return await asyncio.gather(self.requester.run(), self.responder.run())

    async def run_into_the_evaluations(self, act: Callable[[], None]) -> tuple[Outcome, Outcome]:
        """Run until the responder reads its list, act, and go on."""
        host = self.responder_host
        host.hold, host.loop = threading.Event(), asyncio.get_running_loop()
        task = asyncio.create_task(self.run())
        await host.reached.wait()
        act()
        await asyncio.sleep(0.05)
        host.hold.set()
        return await task

    def cut(self) -> None:
        self.requester_end.incoming.lost.set()
        self.requester_end.outgoing.lost.set()


@pytest.fixture
def executor() -> Iterator[Executor]:
    made = Executor()
    yield made
    made.close()


@pytest.fixture
def connect(executor: Executor, tmp_path: Path) -> Callable[..., Pair]:
    def make(own: list[int], theirs: list[int]) -> Pair:
        one, other = Wire(), Wire()
        keys = {name: SimSigner(1, name) for name in ("north", "south")}
        asked = question({"passport": len(own)})
        hosts = MemoryHost(items_of(own)), MemoryHost(items_of(theirs))
        ends = Ends(one, other), Ends(other, one)
        sessions: tuple[Session, Session] = (
            IntersectRequester(
                asked,
                local("north"),
                secrets(1, "north"),
                b"root",
                keys["north"],
                Peer("south", keys["south"].public_key),
            ),
            IntersectResponder(
                local("south"), secrets(1, "south"), keys["south"], Peer("north", keys["north"].public_key)
            ),
        )
        runners = [
            PairRunner(session, end, host, executor, Spools(tmp_path, 1 << 30), lambda: NOW_MS)
            for session, end, host in zip(sessions, ends, hosts, strict=True)
        ]
        return Pair(*ends, *hosts, *runners)

    return make


@pytest.mark.parametrize(("own", "theirs"), [(7, 9), (0, 5), (5, 0), (1, 1), (535, 65)])
@asynchronous
async def test_two_runners_answer(connect: Callable[..., Pair], tmp_path: Path, own: int, theirs: int) -> None:
    rng = random.Random(own * 1000 + theirs)
    mine, yours = rng.sample(range(1000), own), rng.sample(range(1000), theirs)
    pair = connect(mine, yours)
    asked, answered = await pair.run()
    assert isinstance(asked.done.result, Answer)
    assert isinstance(answered.done.result, Disclosed)
    rows = asked.done.result.rows[0]
    found = [int.from_bytes(rows[i : i + 4], "little") for i in range(0, len(rows), 4)]
    assert found == [row for row, value in enumerate(mine) if value in set(yours)]
    assert asked.done.ctx == answered.done.ctx is not None
    assert pair.requester_host.kept == pair.responder_host.kept
    assert asked.sent_bytes == answered.received_bytes > 0
    assert answered.sent_bytes == asked.received_bytes > 0
    assert files_in(tmp_path) == []


@asynchronous
async def test_many_chunks_with_a_slow_wire(connect: Callable[..., Pair], monkeypatch: pytest.MonkeyPatch) -> None:
    pair = connect(list(range(33_001)), list(range(20_000, 35_001)))
    most = 0
    real = Ends.write

    async def slow(end: Ends, packet: bytes) -> None:
        nonlocal most
        most = max(most, pair.responder._unwritten, pair.requester._unwritten)
        await asyncio.sleep(0.02)
        await real(end, packet)

    monkeypatch.setattr(Ends, "write", slow)
    asked, _ = await pair.run()
    assert isinstance(asked.done.result, Answer)
    assert len(asked.done.result.rows[0]) == 4 * (33_001 - 20_000)
    assert most <= MAX_FRAMES + 2  # a result may add an evaluation, its proof or a receipt to a full queue


@asynchronous
async def test_a_refusal_reaches_the_requester(connect: Callable[..., Pair]) -> None:
    pair = connect([1, 2], [2, 3])
    pair.responder_host.rejection = Reason.POLICY
    asked, answered = await pair.run()
    assert isinstance(asked.error, RefusedError)
    assert asked.error.refusal is Reason.POLICY
    assert answered.error is not None
    assert answered.error.code == "rejected"  # type: ignore[attr-defined]
    assert pair.responder_host.kept == [PacketType.ENVELOPE, PacketType.REFUSAL] == pair.requester_host.kept
    assert "read-items" not in pair.responder_host.acts


@pytest.mark.parametrize("side", ["requester", "responder"])
@pytest.mark.parametrize(
    ("act", "error", "cause"),
    [
        ("consume-seed", LedgerError("disk"), LedgerError),
        ("read-items", StorageError("disk"), StorageError),
        ("read-items", MemoryError("known identifier"), None),
        ("charge", LedgerError("disk"), LedgerError),
    ],
)
@asynchronous
async def test_a_failing_host_tells_the_partner(
    connect: Callable[..., Pair],
    caplog: pytest.LogCaptureFixture,
    side: str,
    act: str,
    error: Exception,
    cause: type[Exception] | None,
) -> None:
    if (side, act) == ("requester", "charge"):
        pytest.skip("only a responder charges")
    pair = connect(list(range(9)), list(range(5, 12)))
    host = getattr(pair, f"{side}_host")
    host.failing[act] = error
    outcomes = dict(zip(("requester", "responder"), await pair.run(), strict=True))
    own, other = outcomes.pop(side), outcomes.popitem()[1]
    assert isinstance(own.done.error, HostError)
    assert isinstance(own.error, cause or HostError)
    if (side, act) == ("requester", "consume-seed"):  # nothing was asked yet, so there is nothing to abort
        assert own.sent_bytes == 0
        assert isinstance(other.error, ConnectionLostError)
    else:
        assert isinstance(other.error, AbortedError)
        assert other.error.abort is Reason.STORAGE
    assert "known identifier" not in caplog.text
    assert "charge" not in pair.responder_host.acts or side == "requester"


@asynchronous
async def test_a_question_that_is_not_recorded_does_not_leave(connect: Callable[..., Pair]) -> None:
    pair = connect([1, 2, 3], [2, 3, 4])
    pair.requester_host.failing["keep-ENVELOPE"] = LedgerError("disk")
    asked, answered = await pair.run()
    assert isinstance(asked.error, LedgerError)
    assert asked.sent_bytes == answered.received_bytes == 0


@pytest.mark.parametrize("side", ["requester", "responder"])
@asynchronous
async def test_cancelling_sends_a_signed_abort(connect: Callable[..., Pair], side: str) -> None:
    pair = connect([1, 2, 3], [2, 3, 4])
    cancelled = CancelledError("expected to go on, got the operator's cancellation")
    asked, answered = await pair.run_into_the_evaluations(lambda: getattr(pair, side).end(cancelled))
    own, other = (asked, answered) if side == "requester" else (answered, asked)
    assert own.error is cancelled
    assert isinstance(other.error, AbortedError)
    assert other.error.abort is Reason.CANCELLED
    assert pair.requester_host.kept[-1] is pair.responder_host.kept[-1] is PacketType.ABORT
    assert "charge" not in pair.responder_host.acts


@asynchronous
async def test_a_cut_wire_ends_both_sides(connect: Callable[..., Pair]) -> None:
    pair = connect([1, 2, 3], [2, 3, 4])
    for outcome in await pair.run_into_the_evaluations(pair.cut):
        assert isinstance(outcome.error, ConnectionLostError)
    assert "charge" not in pair.responder_host.acts


@asynchronous
async def test_an_answer_survives_a_wire_cut_after_the_receipts(connect: Callable[..., Pair]) -> None:
    pair = connect(list(range(9)), list(range(5, 12)))
    real = pair.requester._spools.join

    def join(*arguments: object) -> bytes:
        loop.call_soon_threadsafe(pair.cut)
        cut.wait(5)
        return real(*arguments)  # type: ignore[arg-type]

    loop, cut = asyncio.get_running_loop(), threading.Event()
    loop.call_later(0.3, cut.set)
    pair.requester._spools.join = join  # type: ignore[method-assign]
    asked, _ = await pair.run()
    assert isinstance(asked.done.result, Answer)


@asynchronous
async def test_a_partner_suspended_meanwhile_is_told_no_more(connect: Callable[..., Pair]) -> None:
    pair = connect([1, 2, 3], [2, 3, 4])
    asked, answered = await pair.run_into_the_evaluations(lambda: setattr(pair.responder_end, "inactive", True))
    assert isinstance(answered.error, PartnerInactiveError)
    assert isinstance(asked.error, AbortedError)
    assert "charge" not in pair.responder_host.acts


@asynchronous
async def test_a_silent_partner_is_given_up(connect: Callable[..., Pair]) -> None:
    pair = connect([1], [1])
    pair.responder_host.silence_ms = 1_000
    outcome = await pair.responder.run()
    assert isinstance(outcome.error, TimedOutError)
    assert "sign of the partner" in str(outcome.error)
    assert 1 <= outcome.seconds < 5


@asynchronous
async def test_own_work_is_not_the_partners_silence(connect: Callable[..., Pair]) -> None:
    pair = connect([1], [1])
    pair.responder_host.silence_ms = 200
    pair.responder_host.slow_seconds = 0.5
    asked, answered = await pair.run()
    assert asked.error is answered.error is None


@asynchronous
async def test_no_session_outlives_its_deadline(connect: Callable[..., Pair]) -> None:
    pair = connect([1], [1])
    pair.responder_host.deadline_ms = 1_000
    outcome = await pair.responder.run()
    assert isinstance(outcome.error, TimedOutError)
    assert "session to end" in str(outcome.error)
    assert 1 <= outcome.seconds < 5


@asynchronous
async def test_a_partner_that_does_not_read_is_given_up(
    connect: Callable[..., Pair], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "FLUSH_SECONDS", 0.5)
    pair = connect([1, 2, 3], [2, 3, 4])
    pair.responder_host.silence_ms = 1_000
    real, deaf = pair.responder_end.write, asyncio.Event()

    async def write(packet: bytes) -> None:
        if pair.responder.sent_bytes:  # what follows Accept
            await deaf.wait()
        await real(packet)

    pair.responder_end.write = write  # type: ignore[method-assign]
    task = asyncio.create_task(pair.requester.run())
    answered = await pair.responder.run()
    assert isinstance(answered.error, TimedOutError)
    assert answered.seconds < 4
    pair.cut()
    assert isinstance((await task).error, ConnectionLostError)


@asynchronous
async def test_a_full_disk_is_told_to_the_partner(
    connect: Callable[..., Pair], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    pair = connect(list(range(10)), list(range(40_000)))
    monkeypatch.setattr(os, "pwrite", full)
    asked, answered = await pair.run()
    assert isinstance(answered.error, StorageError)
    assert "No space left" in str(answered.error)
    assert isinstance(asked.error, AbortedError)
    assert asked.error.abort is Reason.STORAGE
    assert "charge" not in pair.responder_host.acts


class Scripted:
    """A session that answers the first event with a script of effects."""

    role = Role.RESPONDER
    session_id = "00"
    progress = None

    def __init__(self, *effects: fx.Effect) -> None:
        self.effects = list(effects)
        self.events: list[Event] = []
        self.third_event = asyncio.Event()

    def step(self, event: Event) -> list[fx.Effect]:
        self.events.append(event)
        if len(self.events) == 3:
            self.third_event.set()
        if isinstance(event, Ended):
            return [fx.Done(None, event.error, None)]
        return self.effects if isinstance(event, Started) else []


@asynchronous
async def test_steps_of_storage_keep_their_order(executor: Executor, tmp_path: Path) -> None:
    tags = ("tags", 0)
    rows = [bytes([255 - i]) * 16 for i in range(100)]
    session = Scripted(
        *(fx.Append(tags, 16, row) for row in rows),
        fx.Sort(1, tags, 16),
        fx.ReadRows(2, tags, 16, 0, 100),
    )
    runner = PairRunner(
        session,  # type: ignore[arg-type]
        Ends(Wire(), Wire()),
        MemoryHost(items_of([])),
        executor,
        Spools(tmp_path, 1 << 20),
        lambda: NOW_MS,
    )
    task = asyncio.create_task(runner.run())
    await session.third_event.wait()
    runner.end(CancelledError("expected more, got enough"))
    await task
    assert session.events[1:3] == [Completed(1, None), Completed(2, b"".join(sorted(rows)))]


@asynchronous
async def test_a_defect_in_a_session_does_not_show_its_text(
    executor: Executor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Scripted):
        def step(self, event: Event) -> list[fx.Effect]:
            raise KeyError("known identifier")

    runner = PairRunner(
        Broken(),  # type: ignore[arg-type]
        Ends(Wire(), Wire()),
        MemoryHost(items_of([])),
        executor,
        Spools(tmp_path, 1 << 20),
        lambda: NOW_MS,
    )
    outcome = await runner.run()
    assert isinstance(outcome.error, HostError)
    assert "KeyError" in caplog.text
    assert "known identifier" not in caplog.text


@asynchronous
async def test_a_lie_and_a_full_disk_in_one_step_still_end_the_session(connect: Callable[..., Pair]) -> None:
    """The partner's message cannot be kept and is wrong as well: the end of that step must not be lost."""

    class Liar(IntersectResponder):
        def _send_signed(self, kind: PacketType, message: Message) -> Packet:
            changed = replace(message, sizes=(1 << 62,)) if isinstance(message, Accept) else message
            return super()._send_signed(kind, changed)

    pair = connect([1], [1])
    pair.responder.session.__class__ = Liar
    pair.requester_host.failing["keep-ACCEPT"] = StorageError("expected room, got none")
    asked, _ = await asyncio.wait_for(pair.run(), PATIENCE_SECONDS)
    assert asked.done.error is not None


@pytest.mark.parametrize("kept", [PacketType.ENVELOPE, PacketType.REFUSAL])
@asynchronous
async def test_a_partner_that_goes_while_its_refusal_is_written_down(
    connect: Callable[..., Pair], kept: PacketType
) -> None:
    pair = connect([1], [1])
    host, loop = pair.responder_host, asyncio.get_running_loop()
    host.rejection = Reason.POLICY
    keep = host.keep

    def keep_and_lose(effect: fx.Evidence) -> None:
        keep(effect)
        if effect.type is kept:
            gone = ConnectionLostError("expected the partner, got nobody")
            loop.call_soon_threadsafe(partial(pair.responder.end, gone, tell_partner=False))
            time.sleep(0.05)

    host.keep = keep_and_lose  # type: ignore[method-assign]
    loop.call_later(1, pair.cut)
    _, answered = await asyncio.wait_for(pair.run(), PATIENCE_SECONDS)
    assert answered.done.error is not None
