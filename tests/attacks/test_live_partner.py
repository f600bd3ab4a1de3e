"""A partner with a valid certificate against a served node: it stalls, floods, lies about sizes, comes back in a loop.

A failure is: a session that outlives its limits, a budget or a disk that stays promised, memory that grows with what is
thrown at the node, or another partner's question that is not answered meanwhile or afterwards.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import grpc
import psutil
import pytest
from grpc.aio import EOF

from nodes import sessions as sessions_module
from nodes.channel import MAX_MESSAGE_BYTES, METHOD, SERVICE
from nodes.client import ping
from nodes.partners import Status
from protocol import codec
from protocol.chunks import MAX_UNANSWERED
from protocol.messages import Abort, PacketType, Refusal
from psi import CHUNK_ELEMENTS, ELEMENT_BYTES, Items
from tests.asynchronous import asynchronous
from tests.by_hand import (
    DATA,
    END_HEADERS,
    HEADERS,
    PACKETS,
    RST_STREAM,
    ByHand,
    call_headers,
    connection,
    frame,
    hold,
    now_ms,
)
from tests.patience import PATIENCE_SECONDS
from tests.scene import Scene, meet, raw_channel, reasons, served

GROWTH_BYTES = 48 << 20
READ_AHEAD = MAX_UNANSWERED * CHUNK_ELEMENTS
QUICK = {"idle_seconds": 1, "resume_seconds": 1}


@contextlib.asynccontextmanager
async def scene_with(folder: Path, **limits: int) -> AsyncIterator[tuple[Scene, grpc.aio.Channel]]:
    async with served(folder, **limits) as scene, raw_channel(scene, scene.north.identity) as channel:
        hold(scene, folder)
        yield scene, channel


async def until(condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110, what is waited for is the node's
            await asyncio.sleep(0.02)


async def assert_answers(scene: Scene) -> None:
    """An honest question is answered, on a connection of its own; nothing is left promised to anybody."""
    async with raw_channel(scene, scene.north.identity) as channel:
        question = ByHand(scene, channel)
        await question.honest()
        await question.to_the_end()
    assert question.host.done is not None
    assert question.host.done.error is None
    await until(lambda: scene.node.sessions.underway == ())
    assert not list(scene.south.config.paths.spool.iterdir())


def charged(scene: Scene) -> int:
    return scene.node.state.used_elements("north", "suspects", now_ms())


async def told(session: ByHand) -> str:
    """Why the node ended the session, by its signed abort."""
    while (answer := await session.read()) is not EOF:
        packet = codec.decode_packet(answer)
        if packet.type is PacketType.ABORT:
            return codec.decode_message(packet, Abort).reason
    return "nothing"


# --- stalling


@pytest.mark.parametrize("sent", range(1, PACKETS))
@asynchronous
async def test_a_partner_that_stalls(tmp_path: Path, sent: int) -> None:
    """Whatever it had sent by then: it is given up, told so, and its budget is free again."""
    async with scene_with(tmp_path, **QUICK) as (scene, channel):
        stalling = ByHand(scene, channel)
        await stalling.honest(sent)
        assert len(scene.node.sessions.underway) == 1
        paid = charged(scene)
        assert paid == 7, "reserved, or charged once tags have left"
        assert await told(stalling) == "timed-out"
        await until(lambda: scene.node.sessions.underway == ())
        assert charged(scene) == (7 if sent == PACKETS - 1 else 0)
        assert reasons(scene.south)[-1] == "timed-out"
        await assert_answers(scene)


@asynchronous
async def test_a_partner_that_trickles(tmp_path: Path) -> None:
    """A message of a mebibyte, byte by byte: what counts is whole messages."""
    async with scene_with(tmp_path, **QUICK) as (scene, _):
        await asyncio.to_thread(trickle, scene)
        await until(lambda: not scene.streams)
        await assert_answers(scene)


def trickle(scene: Scene) -> None:
    with connection(scene, scene.north) as stream:
        stream.sendall(frame(HEADERS, END_HEADERS, 1, call_headers()))
        stream.sendall(frame(DATA, 0, 1, b"\0" + (1 << 20).to_bytes(4, "big")))
        stream.settimeout(0.1)
        for _ in range(200):
            stream.sendall(frame(DATA, 0, 1, b"x"))
            with contextlib.suppress(TimeoutError):
                if re.search(rb"\x00\x00.[\x01\x03].\x00\x00\x00\x01", stream.recv(65_536), re.DOTALL):
                    return  # trailers, or a reset, of stream 1
        raise AssertionError("expected the node to end the stream")


# --- flooding


@asynchronous
async def test_a_partner_that_sends_without_end(tmp_path: Path) -> None:
    """After the first wrong packet nobody reads on; the rest stays on the partner's side of the wire."""
    async with scene_with(tmp_path, **QUICK) as (scene, channel):
        flooding = ByHand(scene, channel)
        await flooding.honest(2)
        before = psutil.Process().memory_info().rss
        sent = 0
        with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
            async with asyncio.timeout(20):
                while sent < 400:
                    await flooding.call.write(bytes(MAX_MESSAGE_BYTES - 64))
                    sent += 1
        assert sent < 400
        assert psutil.Process().memory_info().rss - before < GROWTH_BYTES
        await until(lambda: scene.node.sessions.underway == ())
        await assert_answers(scene)


@asynchronous
async def test_streams_opened_and_reset_in_a_loop(tmp_path: Path) -> None:
    """On one connection (CVE-2023-44487): bounded before a session begins."""
    async with scene_with(tmp_path) as (scene, _):
        before = psutil.Process().memory_info().rss
        await asyncio.to_thread(reset_in_a_loop, scene, 5_000)
        await until(lambda: not scene.streams)
        assert psutil.Process().memory_info().rss - before < GROWTH_BYTES
        scene.node.sessions._starts.clear()  # a minute later
        await assert_answers(scene)


def reset_in_a_loop(scene: Scene, count: int) -> None:
    with connection(scene, scene.north) as stream, contextlib.suppress(OSError):
        for number in range(count):
            identity = 2 * number + 1
            stream.sendall(
                frame(HEADERS, END_HEADERS, identity, call_headers())
                + frame(RST_STREAM, 0, identity, (8).to_bytes(4, "big"))
            )


# --- sizes that are not so


@pytest.mark.parametrize("declared", [10**9, 10**12, (1 << 64) - 1])
@asynchronous
async def test_a_declared_size_beyond_all_bounds(tmp_path: Path, declared: int) -> None:
    """Refused from the envelope alone: nothing is allocated, reserved or read."""
    async with scene_with(tmp_path, **QUICK) as (scene, channel):
        before = psutil.Process().memory_info().rss
        lying = ByHand(scene, channel, declared)
        await lying.call.write(lying.host.outbox.popleft())
        packet = codec.decode_packet(await lying.call.read())
        assert packet.type is PacketType.REFUSAL
        assert codec.decode_message(packet, Refusal).reason in {"too-large", "protocol-violation"}
        assert psutil.Process().memory_info().rss - before < GROWTH_BYTES
        await until(lambda: scene.node.sessions.underway == ())
        assert charged(scene) == 0
        await assert_answers(scene)


@asynchronous
async def test_more_declared_than_ever_sent(tmp_path: Path) -> None:
    """A partner that declares a million and sends seven has lied about a chunk's size."""
    async with scene_with(tmp_path, **QUICK) as (scene, channel):
        lying = ByHand(scene, channel, 1_000_000)
        lying.host.lists[0] = Items.from_sequence(value.to_bytes(3, "big") for value in range(READ_AHEAD))
        await lying.honest(2)
        assert charged(scene) == 1_000_000
        first = codec.decode_packet(lying.host.outbox.popleft())
        await lying.call.write(codec.encode_packet(replace(first, payload=first.payload[: 7 * ELEMENT_BYTES])))
        assert await told(lying) == "protocol-violation"
        await until(lambda: scene.node.sessions.underway == ())
        assert charged(scene) == 0
        await assert_answers(scene)


# --- coming back in a loop


@asynchronous
async def test_connections_in_a_loop_while_partners_change(tmp_path: Path) -> None:
    """Partner and stranger connect again and again; meanwhile the operator adds and suspends another partner."""
    async with scene_with(tmp_path) as (scene, _):
        meet(scene.south, scene.east)
        before = psutil.Process().memory_info().rss

        def connect(count: int) -> None:
            for _ in range(count):
                with contextlib.suppress(OSError), connection(scene, scene.north):
                    pass

        loops = [asyncio.create_task(asyncio.to_thread(connect, 60)) for _ in range(4)]
        for turn in range(8):
            scene.south.book.set_status("east", (Status.SUSPENDED, Status.ACTIVE)[turn % 2], now_ms(), lambda _: None)
            await ping(scene.north.identity, scene.partner_of_north)
        await asyncio.gather(*loops)
        assert psutil.Process().memory_info().rss - before < GROWTH_BYTES
        await assert_answers(scene)


@asynchronous
async def test_a_partner_that_resumes_in_a_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each new stream takes the place of the last; none of them buys the session a second more than it had."""
    monkeypatch.setattr(sessions_module, "STARTS_PER_MINUTE", 1 << 20)
    async with scene_with(tmp_path, deadline_base_seconds=3, deadline_per_element_us=0) as (scene, channel):
        lazy = ByHand(scene, channel)
        await lazy.honest(2)
        resume, begun, came_back = lazy.host.session.resume_packet(), time.monotonic(), 0
        while scene.node.sessions.underway and time.monotonic() - begun < 60:
            call = channel.stream_stream(f"/{SERVICE}/{METHOD}")()
            with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
                await call.write(resume)
                came_back += await call.read() is not EOF
            call.cancel()
        assert came_back >= 3
        assert time.monotonic() - begun < 30
        await until(lambda: not scene.streams)
        assert reasons(scene.south)[-1] == "timed-out"
        assert charged(scene) == 0
        await assert_answers(scene)
