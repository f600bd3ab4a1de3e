"""A served node against callers that are not its partner, not polite, or not quite its partner's node."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from grpc_health.v1 import health_pb2

from nodes import identity as identity_module
from nodes.channel import MAX_MESSAGE_BYTES, METHOD, OPTIONS, SERVICE
from nodes.client import open_session, ping
from nodes.errors import InsecureChannelError, PartnerUnreachableError, TlsError, TurnedAwayError
from nodes.exercise_node import free_port
from nodes.home import write_private
from nodes.identity import target_name
from nodes.ledger import LedgerFile
from nodes.partners import Status
from nodes.service import Service
from nodes.sessions import WAITING_STREAMS
from protocol import codec, dsse
from protocol.errors import ConnectionLostError, Reason
from protocol.messages import Abort, PacketType
from tests.asynchronous import asynchronous
from tests.by_hand import connection
from tests.patience import PATIENCE_SECONDS
from tests.scene import NOW_MS, Scene, events, raw_channel, served


async def first_answer(scene: Scene, *packets: bytes) -> bytes | None:
    """Send packets as north, and return what comes back first."""
    partner = scene.partner_of_north
    async with open_session(scene.north.identity, scene.north.book, partner) as channel:
        for packet in packets:
            await channel.write(packet)
        return await channel.read()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110, what is waited for is in a file
            await asyncio.sleep(0.02)


@asynchronous
async def test_health_is_told_to_partners_alone(tmp_path: Path) -> None:
    async with served(tmp_path) as scene:
        await ping(scene.north.identity, scene.partner_of_north)
        with pytest.raises(TurnedAwayError):
            await ping(scene.east.identity, scene.partner_of_north)
        scene.node.sessions.draining = True
        with pytest.raises(PartnerUnreachableError, match="shutting down"):
            await ping(scene.north.identity, scene.partner_of_north)


@asynchronous
async def test_there_is_no_watch(tmp_path: Path) -> None:
    async with served(tmp_path) as scene, raw_channel(scene, scene.north.identity) as channel:
        watch = channel.unary_stream("/grpc.health.v1.Health/Watch")(b"")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await watch.read()
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


@asynchronous
async def test_strangers_do_not_get_through_tls(tmp_path: Path) -> None:
    async with served(tmp_path) as scene:
        with pytest.raises(TurnedAwayError):
            async with open_session(scene.east.identity, scene.east.book, scene.partner_of_north):
                pass
        assert events(scene.south) == ["opened", "started"]


@asynchronous
async def test_another_certificate_at_the_partners_address(tmp_path: Path) -> None:
    async with served(tmp_path) as scene:
        partner = scene.partner_of_north
        wrong = replace(partner, file=replace(partner.file, certificate=scene.east.identity.certificate))
        with pytest.raises(TlsError):
            async with open_session(scene.north.identity, scene.north.book, wrong):
                pass


@asynchronous
async def test_the_right_certificate_under_another_name(tmp_path: Path) -> None:
    async with served(tmp_path) as scene:
        partner = scene.partner_of_north
        wrong = replace(partner, file=replace(partner.file, agency_id="west"))
        with pytest.raises(TlsError):
            async with open_session(scene.north.identity, scene.north.book, wrong):
                pass


@asynchronous
async def test_nobody_at_the_address(tmp_path: Path) -> None:
    async with served(tmp_path) as scene:
        partner = scene.partner_of_north
        gone = replace(partner, file=replace(partner.file, address=f"127.0.0.1:{free_port()}"))
        with pytest.raises(PartnerUnreachableError, match="refused"):
            async with open_session(scene.north.identity, scene.north.book, gone):
                pass


@asynchronous
async def test_no_tls_at_the_address(tmp_path: Path) -> None:
    """A server that talks first, and not TLS."""
    async with served(tmp_path) as scene:

        async def hello(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 mail.example ESMTP\r\n")
            await writer.drain()
            writer.close()

        other = await asyncio.start_server(hello, "127.0.0.1", 0)
        port = other.sockets[0].getsockname()[1]
        partner = scene.partner_of_north
        wrong = replace(partner, file=replace(partner.file, address=f"127.0.0.1:{port}"))
        with pytest.raises((TlsError, TurnedAwayError)):
            async with open_session(scene.north.identity, scene.north.book, wrong):
                pass
        other.close()


@asynchronous
async def test_a_caller_without_a_certificate(tmp_path: Path) -> None:
    async with served(tmp_path) as scene:
        credentials = grpc.ssl_channel_credentials(scene.south.identity.tls_certificate_pem)
        options = [("grpc.ssl_target_name_override", target_name("south"))]
        async with grpc.aio.secure_channel(scene.south.config.listen, credentials, options=options) as channel:
            call = channel.stream_stream(f"/{SERVICE}/{METHOD}")()
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call.read()
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


@asynchronous
async def test_tls_1_2_ends_in_the_handshake(tmp_path: Path) -> None:
    async with served(tmp_path) as scene:

        def call() -> None:
            with connection(scene, scene.north, ssl.TLSVersion.TLSv1_2) as stream:
                stream.recv(1)

        with pytest.raises(OSError, match=r"TLS|SSL|reset"):
            await asyncio.to_thread(call)
        assert events(scene.south) == ["opened", "started"]
        await ping(scene.north.identity, scene.partner_of_north)


@asynchronous
async def test_a_partners_node_that_speaks_tls_1_2_alone(tmp_path: Path) -> None:
    """Its certificate is the right one; no word is said to it."""
    async with served(tmp_path) as scene:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(scene.south.home.tls_certificate_file, scene.south.home.tls_key_file)
        context.set_alpn_protocols(["h2"])
        heard: list[bytes] = []

        async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.append(await reader.read(24))
            writer.close()

        for highest, spoken in ((ssl.TLSVersion.TLSv1_2, 0), (ssl.TLSVersion.TLSv1_3, 1)):
            context.maximum_version = highest
            other = await asyncio.start_server(hear, "127.0.0.1", 0, ssl=context)
            address = f"127.0.0.1:{other.sockets[0].getsockname()[1]}"
            partner = scene.partner_of_north
            with pytest.raises((TlsError, TurnedAwayError, PartnerUnreachableError, ConnectionLostError)):
                await ping(scene.north.identity, replace(partner, file=replace(partner.file, address=address)))
            assert (len(heard) > 0) == spoken, "the same over TLS 1.3 does reach it"
            other.close()


def test_a_connection_that_is_not_tls_1_3_has_no_partner() -> None:
    """Should gRPC ever agree on it after all."""
    for versions in ([b"TLSv1.2"], [], [b"TLSv1.3", b"TLSv1.2"]):
        facts = {"ssl_tls_version": versions, "x509_pem_cert": [b"irrelevant"]}
        with pytest.raises(InsecureChannelError):
            Service._fingerprint(SimpleNamespace(auth_context=lambda facts=facts: facts))


@asynchronous
async def test_a_suspended_partner_is_turned_away_and_told_so(tmp_path: Path) -> None:
    async with served(tmp_path) as scene:
        scene.south.book.set_status("north", Status.SUSPENDED, NOW_MS, lambda _: None)
        with pytest.raises(TurnedAwayError):
            await first_answer(scene, b"anything")
        scene.south.book.set_status("north", Status.ACTIVE, NOW_MS, lambda _: None)
        await ping(scene.north.identity, scene.partner_of_north)


@asynchronous
async def test_an_open_connection_does_not_outlive_a_partnership(tmp_path: Path) -> None:
    """The TLS handshake lies behind; each new stream on the connection is checked again."""
    async with served(tmp_path) as scene, raw_channel(scene, scene.north.identity) as channel:
        check = channel.unary_unary("/grpc.health.v1.Health/Check", health_pb2.HealthCheckRequest.SerializeToString)
        await check(health_pb2.HealthCheckRequest())
        scene.south.book.set_status("north", Status.REMOVED, NOW_MS, lambda _: None)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await check(health_pb2.HealthCheckRequest())
        assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
        assert caught.value.details() == "partner-inactive"


@asynchronous
async def test_a_book_that_cannot_be_read_trusts_nobody(tmp_path: Path) -> None:
    async with served(tmp_path) as scene:
        write_private(scene.south.home.partners_file, b"{}")
        with pytest.raises(TurnedAwayError):
            await ping(scene.north.identity, scene.partner_of_north)


@pytest.mark.parametrize("packet", [b"", b"\x00", b"\xff" * 100, b"\x08\x01" * 40_000, bytes(MAX_MESSAGE_BYTES)])
@asynchronous
async def test_bytes_that_are_no_packet(tmp_path: Path, packet: bytes) -> None:
    async with served(tmp_path) as scene:
        answer = await first_answer(scene, packet)
        assert answer is not None
        abort = codec.decode_packet(answer)
        assert abort.type is PacketType.ABORT
        key = scene.south.identity.signer.public_key
        dsse.verify(key, abort.type, abort.payload, abort.signature)
        assert codec.decode_message(abort, Abort).reason == Reason.VIOLATION
        await until(lambda: events(scene.south)[-1] == "abort")
        LedgerFile(scene.south.home.ledger_file).verify(key)


@asynchronous
async def test_a_message_above_the_limit_ends_the_call(tmp_path: Path) -> None:
    async with (
        served(tmp_path) as scene,
        raw_channel(scene, scene.north.identity, **{"grpc.max_send_message_length": -1}) as channel,
    ):
        call = channel.stream_stream(f"/{SERVICE}/{METHOD}")()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.write(bytes(64 * MAX_MESSAGE_BYTES))
            while await call.read() is not grpc.aio.EOF:
                pass
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        await ping(scene.north.identity, scene.partner_of_north)


@asynchronous
async def test_a_compressed_message_is_refused_unopened(tmp_path: Path) -> None:
    """A bomb: 64 MiB of zeros in a few kilobytes."""
    async with (
        served(tmp_path) as scene,
        raw_channel(scene, scene.north.identity, **{"grpc.max_send_message_length": -1}) as channel,
    ):
        call = channel.stream_stream(f"/{SERVICE}/{METHOD}")(compression=grpc.Compression.Gzip)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.write(bytes(1 << 26))
            while await call.read() is not grpc.aio.EOF:
                pass
        assert caught.value.code() in {grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.INTERNAL}
        await until(lambda: not scene.streams)
        assert events(scene.south) == ["opened", "started"]  # no packet was ever seen
        await ping(scene.north.identity, scene.partner_of_north)


@asynchronous
async def test_a_caller_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    async with served(tmp_path, idle_seconds=1) as scene:
        begun = time.monotonic()
        answer = await first_answer(scene)
        assert 0.9 < time.monotonic() - begun < 60
        assert answer is None  # a partner that asked nothing is told nothing
        assert events(scene.south) == ["opened", "started"]


@asynchronous
async def test_streams_of_one_partner_are_bounded(tmp_path: Path) -> None:
    async with served(tmp_path, sessions=4, sessions_per_partner=2) as scene, contextlib.AsyncExitStack() as stack:
        for _ in range(2 + WAITING_STREAMS):
            session = open_session(scene.north.identity, scene.north.book, scene.partner_of_north)
            await stack.enter_async_context(session)
        await until(lambda: scene.streams == 2 + WAITING_STREAMS)
        with pytest.raises(TurnedAwayError, match="too-many-sessions"):
            await first_answer(scene)


@asynchronous
async def test_a_caller_that_hangs_up_leaves_nothing(tmp_path: Path) -> None:
    async with served(tmp_path) as scene:
        for _ in range(5):
            async with open_session(scene.north.identity, scene.north.book, scene.partner_of_north):
                pass
        await until(lambda: not scene.streams)
        assert scene.node.sessions.underway == ()
        assert events(scene.south) == ["opened", "started"]


@asynchronous
async def test_a_defect_does_not_tell_its_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with served(tmp_path) as scene:

        def broken(*_: object) -> None:
            raise KeyError("known identifier")

        monkeypatch.setattr(Service, "_answer", broken)
        with pytest.raises(ConnectionLostError) as caught, caplog.at_level(logging.DEBUG):
            await first_answer(scene, b"anything")
        assert "known identifier" not in caplog.text + str(caught.value)


@asynchronous
async def test_the_options_bound_what_grpc_takes() -> None:
    options = dict(OPTIONS)
    assert options["grpc.max_receive_message_length"] == MAX_MESSAGE_BYTES < (1 << 20) + (1 << 13)
    assert options["grpc.compression_enabled_algorithms_bitset"] == 1


def test_a_certificate_of_the_same_name_but_another_key_is_another_certificate() -> None:
    """What pins a partner is the certificate, not its name."""
    one, other = (
        identity_module._self_signed(ec.generate_private_key(ec.SECP256R1()), "south", datetime.now(UTC))
        for _ in range(2)
    )
    assert one.subject == other.subject
    assert one.fingerprint(one.signature_hash_algorithm) != other.fingerprint(other.signature_hash_algorithm)  # type: ignore[arg-type]
