"""Opening a session at a partner's node: a connection of its own, pinned to the partner's certificate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import grpc
from grpc.aio import AioRpcError
from grpc_health.v1 import health_pb2

from nodes.channel import METHOD, OPTIONS, SERVICE, StreamChannel, classify
from nodes.errors import PartnerUnreachableError
from nodes.identity import Identity, target_name
from nodes.partners import Partner, PartnerBook

CONNECT_SECONDS: Final = 15.0
HEALTH_SECONDS: Final = 5.0

_CLIENT_OPTIONS: Final = (
    ("grpc.enable_http_proxy", 0),  # the partner's address means the partner's address
    ("grpc.enable_retries", 0),  # a repeated envelope would be a replay
    ("grpc.service_config_disable_resolution", 1),  # no instructions from DNS
    ("grpc.use_local_subchannel_pool", 1),  # no connection shared between sessions
)


@asynccontextmanager
async def open_session(identity: Identity, book: PartnerBook, partner: Partner) -> AsyncIterator[StreamChannel]:
    """Connect, and open the session stream.

    Raises:
        PartnerUnreachableError, TlsError, TurnedAwayError: no session, and why. ConnectionLostError: it broke early.
    """
    async with _channel(identity, partner) as channel:
        call = channel.stream_stream(f"/{SERVICE}/{METHOD}")()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await call.wait_for_connection()
        except TimeoutError:
            raise PartnerUnreachableError(f"expected a connection within {CONNECT_SECONDS:.0f} s, got none") from None
        except AioRpcError as error:
            raise classify(error) from None
        stream = StreamChannel(call, lambda: book.by_agency(partner.file.agency_id), opened_here=True)
        try:
            yield stream
        finally:
            stream.close()
            call.cancel()


async def ping(identity: Identity, partner: Partner) -> None:
    """Ask a partner's health service whether sessions are served. Raises as `open_session`."""
    async with _channel(identity, partner) as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        try:
            answer = await check(health_pb2.HealthCheckRequest(service=SERVICE), timeout=HEALTH_SECONDS)
        except AioRpcError as error:
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                raise PartnerUnreachableError(f"expected an answer within {HEALTH_SECONDS:.0f} s, got none") from None
            raise classify(error) from None
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        raise PartnerUnreachableError("expected a node that serves, got one that is shutting down")


def _channel(identity: Identity, partner: Partner) -> grpc.aio.Channel:
    return grpc.aio.secure_channel(
        partner.file.address,
        grpc.ssl_channel_credentials(
            partner.file.tls_certificate_pem, identity.tls_key_pem, identity.tls_certificate_pem
        ),
        options=(
            *OPTIONS,
            *_CLIENT_OPTIONS,
            ("grpc.ssl_target_name_override", target_name(partner.file.agency_id)),
        ),
    )
