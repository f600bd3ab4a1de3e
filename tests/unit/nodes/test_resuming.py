"""A channel over one stream after another: nothing is lost, nothing overtakes, and only the partner can come back."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from nodes.errors import SessionUnknownError
from nodes.resuming import HANDSHAKE_PACKETS, ResumingChannel, Return
from protocol.errors import ConnectionLostError, ResumeError
from tests.asynchronous import asynchronous
from tests.patience import PATIENCE_SECONDS

OFFER = b"resume"


@dataclass
class FakeStream:
    """A stream whose far end the test plays. A dead one fails at once; a stuck one never returns."""

    opened_here: bool = False
    dead: bool = False
    stuck: bool = False
    sent: list[bytes] = field(default_factory=list)
    arriving: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self) -> bytes:
        return await self.arriving.get()

    async def write(self, packet: bytes) -> None:
        if self.stuck:
            await asyncio.Event().wait()
        if self.dead:
            raise ConnectionLostError("dead")
        await asyncio.sleep(0)
        self.sent.append(packet)

    def check(self) -> None:
        pass

    def close(self) -> None:
        self.over.set()


@dataclass
class FakeSession:
    """A session that has received so many packets, and whose partner lacks all that were sent from a number on."""

    session_id: str = "s"
    resumable: bool = True
    partner_needed: bool = True
    received_count: int = 0
    sent: list[bytes] = field(default_factory=list)
    lacks_from: int = 0

    def resume_packet(self) -> bytes:
        return b"own"

    def missing(self, raw: bytes) -> list[tuple[int, bytes]]:
        if raw != OFFER:
            raise ResumeError("not an offer")
        return list(enumerate(self.sent))[self.lacks_from :]


async def established(session: FakeSession, stream: FakeStream, seconds: float = 5) -> ResumingChannel:
    """A channel whose handshake is over."""
    channel = ResumingChannel(session, stream, Return(seconds))  # type: ignore[arg-type]
    for number in range(HANDSHAKE_PACKETS):
        await channel.write(b"handshake %d" % number)
        stream.arriving.put_nowait(b"handshake")
        await channel.read()
    stream.sent.clear()
    return channel


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@asynchronous
async def test_what_the_partner_lacks_goes_out_before_anything_new() -> None:
    session, first, second = FakeSession(), FakeStream(), FakeStream()
    channel = await established(session, first)
    reading = asyncio.create_task(channel.read())
    for number in range(3):
        session.sent.append(b"frame %d" % number)
        await channel.write(session.sent[-1])
    first.dead = True
    session.sent.append(b"frame 3")
    writing = asyncio.create_task(channel.write(b"frame 3"))
    await turns()
    session.sent.append(b"frame 4")
    waiting = asyncio.create_task(channel.write(b"frame 4"))
    await turns()
    assert not writing.done(), "a writer waits while there is no stream"
    session.lacks_from = 1
    channel.come_back(second, OFFER)  # type: ignore[arg-type]
    await asyncio.wait_for(asyncio.gather(writing, waiting), PATIENCE_SECONDS)
    await turns()
    assert second.sent == [b"own", b"frame 1", b"frame 2", b"frame 3", b"frame 4"]
    reading.cancel()


@asynchronous
async def test_a_writer_that_hangs_on_a_half_open_connection_does_not_hold_up_the_return() -> None:
    session, first, second = FakeSession(), FakeStream(), FakeStream()
    channel = await established(session, first)
    reading = asyncio.create_task(channel.read())
    first.stuck = True
    session.sent.append(b"frame 0")
    writing = asyncio.create_task(channel.write(b"frame 0"))
    await turns()
    channel.come_back(second, OFFER)  # type: ignore[arg-type]
    await asyncio.wait_for(writing, PATIENCE_SECONDS)
    await turns()
    assert second.sent == [b"own", b"frame 0"]
    reading.cancel()


@asynchronous
async def test_the_late_death_of_the_old_connection_leaves_the_new_one_alone() -> None:
    session, first, second = FakeSession(), FakeStream(), FakeStream()
    channel = await established(session, first)
    reading = asyncio.create_task(channel.read())
    channel.come_back(second, OFFER)  # type: ignore[arg-type]
    await turns()
    channel.supersede(first)  # type: ignore[arg-type]
    second.arriving.put_nowait(b"frame")
    assert await asyncio.wait_for(reading, PATIENCE_SECONDS) == b"frame"
    assert not second.over.is_set()


@asynchronous
async def test_packets_that_come_again_are_dropped_and_must_be_the_same() -> None:
    session, first, second, third = FakeSession(), FakeStream(), FakeStream(), FakeStream()
    channel = await established(session, first)
    for packet in (b"a", b"b"):
        first.arriving.put_nowait(packet)
        assert await channel.read() == packet
    session.received_count = 1  # the session has yet to handle the second
    reading = asyncio.create_task(channel.read())
    channel.come_back(second, OFFER)  # type: ignore[arg-type]
    await turns()
    second.arriving.put_nowait(b"b")
    second.arriving.put_nowait(b"c")
    assert await asyncio.wait_for(reading, PATIENCE_SECONDS) == b"c"
    session.received_count = 2
    reading = asyncio.create_task(channel.read())
    channel.come_back(third, OFFER)  # type: ignore[arg-type]
    await turns()
    third.arriving.put_nowait(b"not c")
    with pytest.raises(ResumeError):
        await asyncio.wait_for(reading, PATIENCE_SECONDS)


@asynchronous
async def test_an_offer_that_does_not_verify_disturbs_nothing() -> None:
    session, first, second = FakeSession(), FakeStream(), FakeStream()
    channel = await established(session, first)
    with pytest.raises(SessionUnknownError):
        channel.come_back(second, b"noise")  # type: ignore[arg-type]
    assert not first.over.is_set()
    first.arriving.put_nowait(b"frame")
    assert await channel.read() == b"frame"


@asynchronous
async def test_the_newest_of_two_offers_counts() -> None:
    session, first, dying, second = FakeSession(), FakeStream(), FakeStream(dead=True), FakeStream()
    channel = await established(session, first)
    reading = asyncio.create_task(channel.read())
    channel.come_back(dying, OFFER)  # type: ignore[arg-type]
    await turns()
    channel.come_back(second, OFFER)  # type: ignore[arg-type]
    await turns()
    second.arriving.put_nowait(b"frame")
    assert await asyncio.wait_for(reading, PATIENCE_SECONDS) == b"frame"
    assert dying.over.is_set()


@asynchronous
async def test_nobody_comes_back() -> None:
    session, first = FakeSession(), FakeStream()
    channel = await established(session, first, seconds=0.01)
    channel.supersede(first)  # type: ignore[arg-type]
    with pytest.raises(ConnectionLostError):
        await asyncio.wait_for(channel.read(), PATIENCE_SECONDS)


@asynchronous
async def test_a_writer_does_not_outwait_a_connection_that_nobody_makes_again() -> None:
    session, first = FakeSession(), FakeStream()
    channel = await established(session, first, seconds=0.01)
    first.dead = True
    reading = asyncio.create_task(channel.read())
    with pytest.raises(ConnectionLostError):
        await asyncio.wait_for(channel.write(b"frame 0"), PATIENCE_SECONDS)
    with pytest.raises(ConnectionLostError):
        await reading


@asynchronous
async def test_a_writer_does_not_outwait_its_session() -> None:
    session, first = FakeSession(), FakeStream()
    channel = await established(session, first, seconds=10 * PATIENCE_SECONDS)
    first.dead = True
    reading = asyncio.create_task(channel.read())
    writing = asyncio.create_task(channel.write(b"frame 0"))
    await turns()
    session.resumable = False
    with pytest.raises(ConnectionLostError):
        await asyncio.wait_for(writing, PATIENCE_SECONDS)
    reading.cancel()


@asynchronous
async def test_before_the_transcript_a_cut_ends_the_session() -> None:
    session, first = FakeSession(resumable=False), FakeStream()
    channel = ResumingChannel(session, first, Return(5))  # type: ignore[arg-type]
    first.dead = True
    with pytest.raises(ConnectionLostError):
        await channel.write(b"envelope")
    channel.supersede(first)  # type: ignore[arg-type]
    with pytest.raises(ConnectionLostError):
        await channel.read()


@asynchronous
async def test_a_stream_that_nobody_takes_is_closed_with_the_channel() -> None:
    session, first, second = FakeSession(), FakeStream(), FakeStream()
    channel = await established(session, first)
    channel.come_back(second, OFFER)  # type: ignore[arg-type]
    channel.close()
    assert second.over.is_set()
