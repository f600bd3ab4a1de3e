"""North's node in the hands of somebody who decides packet by packet what to send to south's, which is served.

The session that says what an honest packet is at each point is the product's own; TLS, gRPC and south are real.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import grpc
from grpc.aio import EOF, AioRpcError

from nodes.channel import METHOD, SERVICE
from nodes.home import write_private
from nodes.identity import target_name
from nodes.node import fresh_secrets
from nodes.registry import csv_source, import_source, load_mapping
from protocol.events import Received, Started
from protocol.handshake import Question
from protocol.identifiers import profile_hash
from protocol.intersect import IntersectRequester
from protocol.messages import LegalBasis, List
from protocol.session import Peer
from psi import Items
from tests.agency import Agency
from tests.e2e.harness import MAPPING, number, rules
from tests.scene import Scene
from tests.sim.host import Host, local

KIND: Final = "passport-number"
BASIS: Final = LegalBasis(
    "exercise", "Exercise order", "EX-1", "CASE-1", "Exercise control", "exercise", "H0", "routine"
)
ITEMS: Final = Items.from_sequence([b"item-%d" % value for value in range(7)])
PACKETS: Final = 5  # of a requester: Envelope, Open, blinded elements, checkpoint, receipt


def hold(scene: Scene, folder: Path) -> None:
    """South holds a few records, and a rule that lets north ask."""
    file, mapping = folder / "list.csv", folder / "mapping.toml"
    file.write_text("\n".join(["ref,name,number", *(f"{v},P,{number(v)}" for v in range(9))]) + "\n")
    mapping.write_text(MAPPING)
    import_source(scene.node.registry, "suspects", csv_source(file, load_mapping(mapping)), datetime.now(UTC))
    write_private(scene.south.home.rules_file, rules("north", "incoming").encode())


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def requester(north: Agency, south: Agency, size: int = len(ITEMS)) -> IntersectRequester:
    """An honest session of north's that declares so many elements."""
    asked = Question(
        data_set="suspects",
        operator="op-1",
        lists=(List(KIND, size),),
        legal_basis=BASIS,
        not_before_ms=now_ms() - 1_000,
        not_after_ms=now_ms() + 3_000_000,
        nonce=os.urandom(32),
    )
    own = local("north", profile_hash=profile_hash(), max_elements=1 << 40)
    peer = Peer("south", south.identity.signer.public_key)
    return IntersectRequester(asked, own, fresh_secrets(), bytes(64), north.identity.signer, peer)


class ByHand:
    """One session: honest until told otherwise."""

    def __init__(self, scene: Scene, channel: grpc.aio.Channel, size: int = len(ITEMS)) -> None:
        self.host = Host(requester(scene.north, scene.south, size), [ITEMS])
        self.host.feed(Started())
        self.call: Any = channel.stream_stream(f"/{SERVICE}/{METHOD}")()
        self.sent = 0

    async def packets(self) -> Any:
        """Yield each packet that is due, and read what is due before the next. The caller sends, or does not."""
        while True:
            while self.host.outbox:
                yield self.host.outbox.popleft()
                self.sent += 1
            if self.host.done is not None or (answer := await self.read()) is EOF:
                return
            self.host.feed(Received(answer, now_ms()))

    async def send(self, packet: bytes) -> None:
        """Send, unless the node has ended the call meanwhile."""
        with suppress(AioRpcError, asyncio.InvalidStateError):
            await self.call.write(packet)

    async def read(self) -> Any:
        """The next packet, or EOF; also where gRPC lost the status of a call that ended under a write."""
        with suppress(AioRpcError, asyncio.InvalidStateError):
            return await self.call.read()
        return EOF

    async def honest(self, count: int = PACKETS) -> None:
        """Send the first `count` packets, as they are due."""
        async for packet in self.packets():
            if self.sent == count:
                return
            await self.send(packet)

    async def to_the_end(self) -> None:
        """Say that nothing more follows, and hear the node out."""
        with suppress(AioRpcError, asyncio.InvalidStateError):
            await self.call.done_writing()
        while await self.read() is not EOF:
            pass


# --- HTTP/2 without a library, for what libraries do not do (RFC 9113; RFC 7541 without compression)

DATA, HEADERS, RST_STREAM, SETTINGS = 0, 1, 3, 4
END_HEADERS: Final = 4


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def call_headers(path: str = f"/{SERVICE}/{METHOD}") -> bytes:
    fields = {
        ":method": "POST",
        ":scheme": "https",
        ":path": path,
        ":authority": target_name("south"),
        "content-type": "application/grpc",
        "te": "trailers",
    }
    return b"".join(
        b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()
        for name, value in fields.items()
    )


@contextmanager
def connection(
    scene: Scene, caller: Agency, highest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
) -> Iterator[ssl.SSLSocket]:
    """A connection of an agency's to south: TLS, the preface and SETTINGS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.maximum_version = highest
    context.check_hostname = False
    context.load_verify_locations(cadata=scene.south.identity.tls_certificate_pem.decode())
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_cert_chain(caller.home.tls_certificate_file, caller.home.tls_key_file)
    context.set_alpn_protocols(["h2"])
    host, _, port = scene.south.config.listen.rpartition(":")
    with socket.create_connection((host, int(port)), 5) as raw, context.wrap_socket(raw) as stream:
        stream.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0, b""))
        yield stream
