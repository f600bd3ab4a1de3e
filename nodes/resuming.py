"""A connection that survives a cut: the session above it notices nothing but a pause.

After a cut the requester connects again. Both sides say, signed, what they have sent and received, and send again what
the other lacks, byte for byte. What the runner already has is dropped when it comes a second time. Where a session
cannot go on, because a node was restarted or too much is missing, it ends as a cut session does.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, Protocol, TypeVar

from nodes.channel import StreamChannel
from nodes.errors import NodeError, PartnerUnreachableError, SessionUnknownError, TurnedAwayError
from nodes.logs import line
from protocol.codec import decode_message, decode_packet
from protocol.errors import ConnectionLostError, ProtocolError, ResumeError
from protocol.messages import PacketType, Statement
from protocol.session import Session

REPEATABLE_PACKETS: Final = 16  # read and perhaps not handled before a cut: more than the runner holds
HANDSHAKE_PACKETS: Final = 2  # each way, before the transcript and its numbers begin (docs/protocol.md, "Handshake")
LOOK_SECONDS: Final = 0.5  # a writer that waits for a new stream looks so often whether its session is over
FIRST_PAUSE_SECONDS: Final = 0.25  # between attempts to connect again; doubled each time
LAST_PAUSE_SECONDS: Final = 5.0

T = TypeVar("T")

log = logging.getLogger("accord.session")


class Reconnect(Protocol):
    """Where a new stream to the same partner comes from."""

    async def __call__(self, own: bytes) -> tuple[StreamChannel, bytes]:
        """Send `own` RESUME packet on a new stream. Returns: the stream, and the partner's RESUME packet.

        Raises:
            ConnectionLostError: there will be none. ResumeError: the partner does not know the session.
        """
        ...


class ResumingChannel:
    """A runner's channel over one stream after another. A stream that is given up is closed.

    Args:
        stream: the first.
        reconnect: asked for the next one when a stream is cut.
        first: a packet that was read from the stream before.
    """

    def __init__(
        self, session: Session, stream: StreamChannel, reconnect: Reconnect, first: bytes | None = None
    ) -> None:
        self._session = session
        self._first = first
        self._stream = stream
        self._reconnect = reconnect
        self._recovering = asyncio.Lock()
        self._writing = asyncio.Lock()
        self._recovered = asyncio.Event()
        self._lost = False
        self._read: deque[bytes] = deque(maxlen=REPEATABLE_PACKETS)
        self._read_count = 0
        self._write_count = 0
        self._repeats: deque[bytes] = deque()
        self._resending: asyncio.Task[None] | None = None

    def check(self) -> None:
        self._stream.check()

    async def read(self) -> bytes | None:
        if self._first is not None:
            first, self._first = self._first, None
            return self._arrived(first)
        while True:
            stream = self._stream
            try:
                packet = await self._read_from(stream)
            except ConnectionLostError as lost:
                try:
                    await self._recover(stream, lost)
                except BaseException:
                    self._lost = True
                    self._recovered.set()
                    raise
                continue
            if packet is None:
                return None
            if not self._repeats:
                return self._arrived(packet)
            if packet != self._repeats.popleft():
                raise ResumeError("expected the packets from before the cut, got others")

    def _arrived(self, packet: bytes) -> bytes:
        self._read_count += 1
        self._read.append(packet)
        return packet

    async def write(self, packet: bytes) -> None:
        """Return when the packet is handed over; after a cut, when it went out again with the rest."""
        async with self._writing:
            self._write_count += 1
            stream = self._stream
            with suppress(ConnectionLostError):
                await _raced(stream, stream.write(packet))
                return
        if not self._session.resumable:
            raise ConnectionLostError("expected to send a packet, got the end of the connection")
        self.supersede(stream)
        while stream is self._stream:  # until the reader, which finds the cut, has recovered or given up
            if self._lost or not self._session.resumable:
                raise ConnectionLostError("expected to send a packet, got the end of the connection")
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    self._recovered.clear()
                    await self._recovered.wait()

    async def finish(self) -> None:
        await self._stream.finish()

    def close(self) -> None:
        self._stream.close()
        if isinstance(self._reconnect, Return):
            self._reconnect.close()
        if self._resending is not None:
            self._resending.cancel()

    def supersede(self, stream: StreamChannel) -> None:
        """Give a stream up for cut, if it still is the current one."""
        if stream is self._stream:
            stream.close()

    def come_back(self, stream: StreamChannel, theirs: bytes) -> None:
        """Go on with a new stream of the partner's, whose first packet was `theirs`.

        Raises:
            SessionUnknownError: not for this session, or this session cannot go on so; the one under way is untouched.
        """
        try:
            self._session.missing(theirs)
        except ProtocolError as error:
            raise SessionUnknownError(f"expected a partner that can go on in this session, got {error.code}") from None
        if not isinstance(self._reconnect, Return):
            raise SessionUnknownError("expected a session that waits for its partner, got one that connects itself")
        self._reconnect.offer(stream, theirs)
        self.supersede(self._stream)

    async def _read_from(self, stream: StreamChannel) -> bytes | None:
        packet = await _raced(stream, stream.read())
        if packet is None and not stream.opened_here and self._session.resumable and self._session.partner_needed:
            raise ConnectionLostError("expected the stream to go on, got its end")  # gRPC tells a server no more
        return packet

    async def _recover(self, cut: StreamChannel, lost: ConnectionLostError) -> None:
        async with self._recovering:
            if cut is not self._stream:
                return
            if not self._session.resumable or not self._session.partner_needed:
                raise lost
            cut.close()
            log.info(line("session-cut", session=self._session.session_id))
            received = self._session.received_count
            stream, theirs = await self._reconnect(self._session.resume_packet())
            await self._writing.acquire()  # for the resend: nothing overtakes it
            try:
                lacking = self._lacking(stream, theirs, received)
            except BaseException:
                self._writing.release()
                raise
            self._stream = stream
            self._recovered.set()
            log.info(line("session-resumed", session=self._session.session_id, resent=len(lacking)))
            # Not awaited: both sides send again, and neither may wait for the other to read first.
            self._resending = asyncio.create_task(self._resend(stream, lacking))

    def _lacking(self, stream: StreamChannel, theirs: bytes, received: int) -> list[bytes]:
        """What to send again of what the runner has written; and note what the partner will send again."""
        repeats = self._read_count - HANDSHAKE_PACKETS - received
        try:
            lacking = self._session.missing(theirs)
        except ProtocolError as error:
            stream.close()
            raise ResumeError(f"expected a partner that can go on in this session, got {error.code}") from None
        if repeats > len(self._read):
            stream.close()
            raise ResumeError(f"expected at most {REPEATABLE_PACKETS} packets again, got {repeats}")
        self._repeats = deque(list(self._read)[len(self._read) - repeats :])
        written = self._write_count - HANDSHAKE_PACKETS
        return [packet for number, packet in lacking if number < written]

    async def _resend(self, stream: StreamChannel, packets: list[bytes]) -> None:
        try:
            for packet in packets:
                await _raced(stream, stream.write(packet))
        except ConnectionLostError:
            self.supersede(stream)
        finally:
            self._writing.release()


async def _raced(stream: StreamChannel, work: Coroutine[Any, Any, T]) -> T:
    """Await a read or write of a stream. Raises ConnectionLostError: it failed, or the stream was given up."""
    working = asyncio.ensure_future(work)
    over = asyncio.ensure_future(stream.over.wait())
    try:
        await asyncio.wait((working, over), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ConnectionLostError("expected the stream to go on, got a cut")
        return working.result()
    finally:
        working.cancel()
        over.cancel()


def resumed_ctx(first: bytes) -> bytes | None:
    """The ctx of the session that a stream's first packet wants to go on in; None where it begins one."""
    with suppress(ProtocolError):
        packet = decode_packet(first)
        if packet.type is PacketType.RESUME:
            return decode_message(packet, Statement).ctx
    return None


def connecting_again(open_stream: Callable[[], Awaitable[StreamChannel]], seconds: float) -> Reconnect:
    """The requester's side: try to connect, with growing pauses, for so long."""

    async def reconnect(own: bytes) -> tuple[StreamChannel, bytes]:
        pause = FIRST_PAUSE_SECONDS
        try:
            async with asyncio.timeout(seconds):
                while True:
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, LAST_PAUSE_SECONDS)
                    with suppress(ConnectionLostError, PartnerUnreachableError):
                        return await _offered(await open_stream(), own)
        except TimeoutError:
            raise ConnectionLostError(f"expected a new connection within {seconds:.0f} s, got none") from None
        except TurnedAwayError:
            raise ResumeError("expected the partner to know the session, got turned away") from None
        except NodeError as error:
            raise ConnectionLostError(f"expected a new connection, got {error.code}") from None

    return reconnect


async def _offered(stream: StreamChannel, own: bytes) -> tuple[StreamChannel, bytes]:
    try:
        await stream.write(own)
        theirs = await stream.read()
    except BaseException:
        stream.close()
        raise
    if theirs is None:
        raise ResumeError("expected the partner's view of the session, got the end of the stream")
    return stream, theirs


class Return:
    """The responder's side: wait for the requester to come back, for so long. The newest stream counts."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._offered: tuple[StreamChannel, bytes] | None = None
        self._came = asyncio.Event()

    def offer(self, stream: StreamChannel, theirs: bytes) -> None:
        """A new stream, whose first packet is a RESUME of this session."""
        self.close()
        self._offered = (stream, theirs)
        self._came.set()

    def close(self) -> None:
        """Give up a stream that nobody took."""
        if self._offered is not None:
            self._offered[0].close()
            self._offered = None
        self._came.clear()

    async def __call__(self, own: bytes) -> tuple[StreamChannel, bytes]:
        try:
            async with asyncio.timeout(self._seconds):
                while True:
                    await self._came.wait()
                    self._came.clear()
                    if self._offered is None:
                        continue
                    (stream, theirs), self._offered = self._offered, None
                    with suppress(ConnectionLostError):
                        await _raced(stream, stream.write(own))
                        return stream, theirs
                    stream.close()
        except TimeoutError:
            raise ConnectionLostError(f"expected the partner back within {self._seconds:.0f} s, got nobody") from None
