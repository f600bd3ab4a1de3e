"""One gRPC stream as the runner's connection to a partner, the same at both ends.

Messages pass unparsed: the protocol sees exactly the bytes that are signed and hashed. gRPC cancels a whole call when a
pending read is cancelled, so reads happen in a task of the channel's own.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import grpc
from grpc.aio import EOF, AioRpcError, BaseError

from nodes.errors import NodeError, PartnerUnreachableError, TlsError, TurnedAwayError
from protocol.codec import FRAME_PAYLOAD_BYTES
from protocol.errors import ConnectionLostError

SERVICE: Final = "accord.v1.Node"
METHOD: Final = "Session"
MAX_MESSAGE_BYTES: Final = FRAME_PAYLOAD_BYTES + 4_096  # a frame's rows, and room for the rest of its packet
MAX_METADATA_BYTES: Final = 8_192

OPTIONS: Final = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_metadata_size", MAX_METADATA_BYTES),
    ("grpc.absolute_max_metadata_size", MAX_METADATA_BYTES),
    ("grpc.compression_enabled_algorithms_bitset", 1),  # identity alone: rows are random, and bombs are not
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),  # a partner that computes is silent, not gone
)

_CODE: Final = re.compile(r"[a-z][a-z-]{1,60}")
_TURNED_AWAY: Final = frozenset(
    {
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    }
)
_TLS_SIGNS: Final = ("CERTIFICATE_VERIFY_FAILED", "Hostname Verification", "WRONG_VERSION_NUMBER", "Tls handshake")


class StreamChannel:
    """Whole packets over a stream.

    Args:
        stream: a call's or a handler context's `read` and `write`.
        check_partner: raises NodeError where the partner may not speak to this node now.
        opened_here: this side opened the stream, and waits at the end until the partner has ended it.
    """

    def __init__(self, stream: Any, check_partner: Callable[[], object], *, opened_here: bool) -> None:
        self._stream = stream
        self._check_partner = check_partner
        self.opened_here = opened_here
        self.over = asyncio.Event()
        self._discarding = False
        self._arrived: asyncio.Queue[bytes | Exception | None] = asyncio.Queue(1)
        self._reading = asyncio.create_task(self._read_on())

    def check(self) -> None:
        self._check_partner()

    async def read(self) -> bytes | None:
        arrived = await self._arrived.get()
        if isinstance(arrived, Exception):
            raise arrived
        return arrived

    async def write(self, packet: bytes) -> None:
        try:
            await self._stream.write(packet)
        except (AioRpcError, BaseError, asyncio.InvalidStateError) as error:
            raise ConnectionLostError(f"expected to send a packet, got {type(error).__name__}") from None

    async def finish(self) -> None:
        if not self.opened_here:
            return
        self._discarding = True
        while not self._arrived.empty():
            self._arrived.get_nowait()
        with suppress(AioRpcError, BaseError, asyncio.InvalidStateError):
            await self._stream.done_writing()
        await asyncio.wait([self._reading])

    def close(self) -> None:
        """Stop reading; what the partner still says is lost."""
        self._reading.cancel()
        self.over.set()

    async def _read_on(self) -> None:
        while True:
            try:
                message = await self._stream.read()
                arrived = None if message is EOF else message
            except AioRpcError as error:
                arrived = classify(error)
            except (BaseError, asyncio.InvalidStateError) as error:
                arrived = ConnectionLostError(f"expected a packet, got {type(error).__name__}")
            if not self._discarding:
                await self._arrived.put(arrived)
            if not isinstance(arrived, bytes):
                return


def classify(error: AioRpcError) -> NodeError | ConnectionLostError:
    """Tell what a failed call means. Of a partner's own text only a plain error code is repeated."""
    status, details = error.code(), error.details() or ""
    if status is grpc.StatusCode.UNAVAILABLE and "failed to connect" in details:
        if any(sign in details for sign in _TLS_SIGNS):
            return TlsError("expected the partner's certificate at its address, got another or no TLS")
        if "Socket closed" in details or "Connection reset" in details:
            return TurnedAwayError("expected a connection, got it closed by the partner's node during TLS")
        reason = next((r for r in ("Connection refused", "Timeout", "DNS") if r in details), "no answer")
        return PartnerUnreachableError(f"expected a connection to the partner's node, got: {reason}")
    if status in _TURNED_AWAY and "larger than max" not in details:
        code = details if _CODE.fullmatch(details) else status.name.lower()
        return TurnedAwayError(f"expected a session, got turned away by the partner's node: {code}")
    return ConnectionLostError(f"expected the session to go on, got {status.name.lower()}")
