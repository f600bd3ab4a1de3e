"""The gRPC server that partners' nodes talk to: one streaming method, and a health check.

A handler runs only for a connection over TLS 1.3 whose client certificate belongs to an active partner; the partner
is checked again at each frame. The TLS server trusts the certificates of active partners alone, read anew at each
handshake. Who may open how much is bounded before anything is read: streams and starts per partner, sessions per
partner and in all, the size of a message and of headers, the time of a handshake and of a silent session.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import ssl
import time
from contextlib import suppress
from functools import partial
from typing import Any, Final, NoReturn

import grpc
from grpc_health.v1 import health_pb2

from nodes.answering import ResponderHost
from nodes.casefile import reason_of
from nodes.channel import METHOD, OPTIONS, SERVICE, StreamChannel
from nodes.error_table import error_row
from nodes.errors import InsecureChannelError, ListenError, NodeError, SessionUnknownError
from nodes.logs import line, where
from nodes.node import Node, fresh_secrets, peer
from nodes.pair import PairRunner
from nodes.partners import Partner
from nodes.results import write_result
from nodes.resuming import ResumingChannel, Return, resumed_ctx
from nodes.runner import Outcome, Runner
from nodes.totals.results import write_totals
from protocol.errors import ConnectionLostError, Reason
from protocol.responders import AnyResponder
from protocol.results import Answer, Totals
from protocol.vocabulary import Role

MAX_CALLS: Final = 1_024
MAX_STREAMS_PER_CONNECTION: Final = 32
HANDSHAKE_BEGINS_SECONDS: Final = 0.05  # thousands of times what gRPC needs from asking for credentials to taking them
STOP_SECONDS: Final = 5.0  # for calls that are not sessions, after the sessions have ended

_SERVER_OPTIONS: Final = (
    *OPTIONS,
    ("grpc.max_concurrent_streams", MAX_STREAMS_PER_CONNECTION),
    ("grpc.server_handshake_timeout_ms", 10_000),
    ("grpc.max_connection_idle_ms", 300_000),
    ("grpc.max_connection_age_ms", 3_600_000),  # then no new sessions on it; those under way have their deadline
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.so_reuseport", 0),  # two nodes on one port would share its partners by chance
)

log = logging.getLogger("accord.service")


class Service:
    """Answers partners' sessions until it is stopped."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._server = grpc.aio.server(options=_SERVER_OPTIONS, maximum_concurrent_rpcs=MAX_CALLS)
        session = grpc.stream_stream_rpc_method_handler(self._session)  # no serializers: the protocol sees the bytes
        check = grpc.unary_unary_rpc_method_handler(
            self._check,
            request_deserializer=health_pb2.HealthCheckRequest.FromString,
            response_serializer=health_pb2.HealthCheckResponse.SerializeToString,
        )
        self._server.add_generic_rpc_handlers(
            (
                grpc.method_handlers_generic_handler(SERVICE, {METHOD: session}),
                grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": check}),
            )
        )

    async def start(self) -> None:
        """Listen. Raises ListenError."""
        address = self._node.config.listen
        try:
            self._server.add_secure_port(address, self._credentials())
        except RuntimeError:
            raise ListenError(f"expected to listen on {address}, got refused: in use, or not this machine's") from None
        await self._server.start()
        log.info(line("listening", address=address))

    async def stop(self) -> None:
        """Stop listening at once. Sessions have been drained before."""
        await self._server.stop(STOP_SECONDS)

    # --- who is calling

    def _credentials(self) -> grpc.ServerCredentials:
        """Credentials that follow the partner book: gRPC asks at each handshake, and is told of changes alone.

        With each change it frees what it had, even under a handshake that is about to begin in another thread
        (grpc/grpc#36693). Answering "unchanged" leaves it nothing to free; a change waits until others have begun.
        """
        identity = self._node.identity
        known = self._trusted()

        def configuration() -> Any:
            return grpc.ssl_server_certificate_configuration(
                [(identity.tls_key_pem, identity.tls_certificate_pem)], known
            )

        def changed() -> Any:  # gRPC calls it under a lock, in a thread of its own
            nonlocal known
            trusted = self._trusted()
            if trusted == known:
                return None
            time.sleep(HANDSHAKE_BEGINS_SECONDS)
            known = trusted
            return configuration()

        return grpc.dynamic_ssl_server_credentials(configuration(), changed, require_client_authentication=True)

    def _trusted(self) -> bytes:
        """The roots of TLS. With no partner at all only this node itself is let in, and then turned away as unknown."""
        try:
            roots = self._node.book.trusted_certificates()
        except NodeError as error:
            log.error(line("nobody-is-trusted", code=error.code, message=error))
            roots = b""
        return roots or self._node.identity.tls_certificate_pem

    def _partner(self, context: Any) -> Partner:
        """Return the active partner at the other end. Raises PartnerUnknownError, PartnerInactiveError, as below."""
        return self._node.book.by_certificate(self._fingerprint(context))

    @staticmethod
    def _fingerprint(context: Any) -> bytes:
        """SHA-256 of the certificate at the other end. Raises InsecureChannelError."""
        facts = context.auth_context()
        if facts.get("ssl_tls_version") != [b"TLSv1.3"]:
            raise InsecureChannelError("expected TLS 1.3, got an older version")
        certificates = facts.get("x509_pem_cert", [])
        if len(certificates) != 1:
            raise InsecureChannelError(f"expected one client certificate, got {len(certificates)}")
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificates[0].decode("ascii"))).digest()

    async def _check(self, _: object, context: Any) -> Any:
        """Health (grpc.health.v1), for active partners alone. There is no Watch: that is a stream without end."""
        try:
            self._partner(context)
        except NodeError as error:
            await _abort(context, error)
        status = health_pb2.HealthCheckResponse
        return status(status=status.NOT_SERVING if self._node.sessions.draining else status.SERVING)

    # --- sessions

    async def _session(self, _: object, context: Any) -> None:
        try:
            with self._node.metrics.beginning(Role.RESPONDER):
                partner = self._partner(context)
                with self._node.sessions.stream(partner.file.agency_id):
                    await self._answer(partner, context)
        except NodeError as error:
            log.warning(line("turned-away", peer=context.peer(), code=error.code))
            await _abort(context, error)
        except Exception as error:  # gRPC would tell the partner its text
            log.error(line("session-failed", error=where(error)))
            await _abort(context, NodeError("a defect"))

    async def _answer(self, partner: Partner, context: Any) -> None:
        """Begin a session, or go on in one whose connection was cut: the first packet tells."""
        check = partial(self._node.book.by_certificate, self._fingerprint(context))
        stream = StreamChannel(context, check, opened_here=False)
        try:
            async with asyncio.timeout(self._node.config.limits.idle_seconds):
                first = await stream.read()
            if first is None:
                return
            ctx = resumed_ctx(first)
            if ctx is None:
                await self._begin(partner, stream, first)
            else:
                await self._go_on(partner, stream, first, ctx)
        except (TimeoutError, ConnectionLostError):
            log.info(line("nothing-asked", partner=partner.file.agency_id))
        finally:
            stream.close()

    async def _begin(self, partner: Partner, stream: StreamChannel, first: bytes) -> None:
        """Conduct a session. gRPC cancels a handler whose caller is gone; the session, and what follows it, goes on."""
        node, agency = self._node, partner.file.agency_id
        turn_away = None
        if node.sessions.draining:
            turn_away = Reason.SHUTTING_DOWN
        elif not node.sessions.has_room(agency):
            turn_away = Reason.BUSY
        host = ResponderHost(node, partner, turn_away)
        session = AnyResponder(node.local, fresh_secrets(), node.identity.signer, peer(partner))
        channel = ResumingChannel(session, stream, Return(node.config.limits.resume_seconds), first)
        runner = PairRunner(session, channel, host, node.executor, host.spools(), node.now_ms)
        with node.sessions.session(runner, (agency,), Role.RESPONDER, counted=turn_away is None):
            conducting = asyncio.create_task(self._conduct(runner, channel, host, agency))
            while not conducting.done():
                try:
                    await asyncio.shield(conducting)
                except asyncio.CancelledError:
                    if session.resumable:
                        channel.supersede(stream)
                    elif session.partner_needed:
                        lost = ConnectionLostError("expected the session to go on, got the end of the connection")
                        runner.end(lost, tell_partner=False)
            conducting.result()

    async def _conduct(self, runner: Runner, channel: ResumingChannel, host: ResponderHost, agency: str) -> None:
        node, session = self._node, runner.session
        try:
            outcome = await runner.run()
            with suppress(NodeError):  # logged there; the partner has what it asked for
                await node.executor.storage(host.finish, outcome.error, outcome.done.ctx)
            await node.executor.storage(_keep_answer, host, outcome, session.session_id)
        finally:
            await node.executor.storage(host.close)
            channel.close()
        node.metrics.session_ended(Role.RESPONDER, outcome, host.elements)
        report(outcome, agency, session.session_id, Role.RESPONDER)

    async def _go_on(self, partner: Partner, stream: StreamChannel, first: bytes, ctx: bytes) -> None:
        """Hand the stream to its session, and hold it open as long as the session uses it.

        Raises:
            SessionUnknownError: none of this partner's.
        """
        for entry in self._node.sessions.underway:
            channel = entry.runner.channel if isinstance(entry.runner, PairRunner) else None
            mine = entry.partners == (partner.file.agency_id,) and entry.role is Role.RESPONDER
            if mine and entry.runner.session.ctx == ctx and isinstance(channel, ResumingChannel):
                channel.come_back(stream, first)
                await stream.over.wait()
                return
        raise SessionUnknownError("expected a session of this partner that is under way, got none")


def _keep_answer(host: ResponderHost, outcome: Outcome, session_id: str | None) -> None:
    """Where the answer goes to this side too, keep it here. The partner is served: a failure is for this node alone."""
    answer = outcome.done.result
    if session_id is None or not isinstance(answer, Answer | Totals):
        return
    try:
        if isinstance(answer, Totals):
            write_totals(host, answer, outcome, session_id)
        else:
            write_result(host, answer, outcome, session_id)
    except NodeError as error:
        log.error(line("answer-not-kept", session=session_id, code=error.code, message=error))


def report(outcome: Outcome, partner: str, session_id: str | None, role: Role) -> None:
    """One log line per session: counts, and where it failed why, which says no value."""
    log.info(
        line(
            "session-ended",
            session=session_id,
            partner=partner,
            role=role.value,
            outcome="done" if outcome.error is None else reason_of(outcome.error),
            seconds=f"{outcome.seconds:.1f}",
            sent_bytes=outcome.sent_bytes,
            received_bytes=outcome.received_bytes,
            **({} if outcome.error is None else {"message": outcome.error}),
        )
    )


async def _abort(context: Any, error: NodeError) -> NoReturn:
    row = error_row(error)
    status = grpc.StatusCode[row.status] if row is not None else grpc.StatusCode.INTERNAL
    await context.abort(status, error.code)
    raise AssertionError("expected abort to raise")
