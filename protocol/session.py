"""What every session shares: dispatch, effects with continuations, signing, the transcript, and how it ends.

A session is a state machine without I/O. `step` takes one event and returns the effects that follow from it. Each state
is the set of packet types expected now, with a handler each; everything else is an error. After `Done` a session
answers every event with nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final

from protocol import codec, dsse
from protocol.effects import Done, Effect, Evidence, Progress, Send
from protocol.errors import (
    AbortedError,
    MalformedPacketError,
    ProtocolError,
    Reason,
    RefusedError,
    StatementError,
    UnexpectedPacketError,
    WrongReferenceError,
)
from protocol.events import Completed, Ended, Event, JobFailed, Received, Started
from protocol.messages import Abort, Message, Packet, PacketType, Statement
from protocol.results import Result
from protocol.transcript import Transcript, digest
from protocol.vocabulary import Role
from psi import ElementError, ProofError, PsiError, PublicKeyError, ScalarError

NO_REFERENCE: Final = bytes(codec.DIGEST_BYTES)  # an abort by one who could not read the envelope

_PARTNERS_FAULTS: Final = (ElementError, ProofError, PublicKeyError, ScalarError)

Handler = Callable[[Packet], None]


@dataclass(frozen=True, slots=True)
class Peer:
    """The partner, as this node knows it from the signed partner file."""

    agency: str
    signing_key: bytes


@dataclass(frozen=True, slots=True)
class Secrets:
    """32 random bytes each, drawn by the host for this session alone."""

    seed: bytes = field(repr=False)
    coin: bytes = field(repr=False)
    snapshot_salt: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Local:
    """This node's side of the agreement: who it is, what it bears, and whose signing keys it knows, by agency."""

    agency: str
    realm: str
    profile_hash: bytes
    clock_skew_ms: int
    max_period_ms: int
    max_elements: int
    partners: Mapping[str, bytes] = field(default_factory=dict)


class Session:
    """Base of every role of every protocol."""

    role: ClassVar[Role]

    def __init__(self, local: Local, secrets: Secrets, signer: dsse.Signer, peer: Peer) -> None:
        self.local = local
        self.secrets = secrets
        self.peer = peer
        self.progress: Progress | None = None
        self.session_id: str | None = None
        self.partner_needed = True  # False once only this side's own comparison is left
        self._signer = signer
        self._transcript: Transcript | None = None
        self._expected: dict[PacketType, Handler] = {}
        self._before: Statement | None = None  # both directions before the packet being handled
        self._partner_refers = False  # True once the partner must have read the envelope
        self._now_ms = 0
        self._references: list[bytes] = [NO_REFERENCE]  # the last is the latest; once it has one, NO_REFERENCE is none
        self._effects: list[Effect] = []
        self._waiting: dict[int, Callable[[Any], None]] = {}
        self._tokens = 0
        self._over = False

    # --- events

    def step(self, event: Event) -> list[Effect]:
        """Advance by one event.

        Returns: the effects to carry out, in order. A partner's or a host's error ends the session: a signed refusal
        or abort where the partner can still hear it, then `Done`.
        """
        if self._over:
            return []
        try:
            self._handle(event)
        except (ProtocolError, PsiError) as error:
            self._fail(error, tell_partner=not isinstance(error, AbortedError | RefusedError))
        effects, self._effects = self._effects, []
        return effects

    def _handle(self, event: Event) -> None:
        match event:
            case Started():
                self._start()
            case Received():
                self._receive(event)
            case Completed():
                self._waiting.pop(event.token)(event.result)
            case JobFailed():
                raise event.error
            case Ended():
                self._fail(event.error, tell_partner=event.tell_partner)

    def _start(self) -> None:
        """What a role does first; a responder waits."""

    def _receive(self, event: Received) -> None:
        self._now_ms = event.now_ms
        packet = codec.decode_packet(event.packet)
        if packet.sender:
            raise MalformedPacketError("expected packets of the partner's own alone")
        handler = self._on_abort if packet.type is PacketType.ABORT else self._expected.pop(packet.type, None)
        if handler is None:
            expected = ", ".join(kind.name.lower() for kind in self._expected) or "nothing"
            raise UnexpectedPacketError(f"expected {expected}, got {packet.type.name.lower()}")
        if packet.type in codec.SIGNED:
            dsse.verify(self.peer.signing_key, packet.type, packet.payload, packet.signature)
            self._keep(self.peer.agency, packet)
        if self._transcript is None or packet.type is PacketType.ABORT:
            if packet.sequence is not None:
                raise MalformedPacketError(f"expected no sequence number on {packet.type.name.lower()}")
        else:
            self._before = self._transcript.statement()
            self._transcript.accept(packet)
        handler(packet)

    # --- a connection that was cut

    @property
    def resumable(self) -> bool:
        """Whether a cut connection need not end this session."""
        return self._transcript is not None and not self._over

    @property
    def received_count(self) -> int:
        """Packets of the transcript that this side has received and handled."""
        return self._agreed().received_count

    def resume_packet(self) -> bytes:
        """The first packet on a new connection: what this side has sent and received, signed."""
        payload = codec.encode_message(self._agreed().statement())
        signature = dsse.sign(self._signer, PacketType.RESUME, payload)
        return codec.encode_packet(Packet(PacketType.RESUME, payload, signature))

    def missing(self, raw: bytes) -> list[tuple[int, bytes]]:
        """What the partner lacks, by its RESUME packet: (number, packet), byte for byte as they were sent.

        Nothing is computed again, so no randomness is used twice and nothing is charged twice.

        Raises:
            ResumeError: another session or history, or more than this side still holds.
            Any error of decoding and signatures; UnexpectedPacketError: not a RESUME packet.
        """
        packet = codec.decode_packet(raw)
        if packet.type is not PacketType.RESUME or packet.sequence is not None:
            raise UnexpectedPacketError(f"expected resume, got {packet.type.name.lower()}")
        dsse.verify(self.peer.signing_key, packet.type, packet.payload, packet.signature)
        lacking = self._agreed().missing(codec.decode_message(packet, Statement))
        return [(missing.sequence or 0, codec.encode_packet(missing)) for missing in lacking]

    def _on_abort(self, packet: Packet) -> None:
        abort = codec.decode_message(packet, Abort)
        if abort.reference not in self._references or (abort.reference == NO_REFERENCE and self._partner_refers):
            raise WrongReferenceError("expected an abort of this session")
        raise AbortedError(reason_from(abort.reason), concerning=self._checked_names(abort, self.peer.agency))

    def _participants(self) -> frozenset[str]:
        """Whom an abort may name: nobody between two."""
        return frozenset()

    def _checked_names(self, abort: Abort, sender: str) -> tuple[str, ...]:
        if len(set(abort.names)) != len(abort.names) or not set(abort.names) <= self._participants() - {sender}:
            raise MalformedPacketError("expected an abort to name other participants of a total, or nobody")
        return abort.names

    # --- effects

    def do(self, make: Callable[[int], Effect], then: Callable[[Any], None]) -> None:
        """Ask the host for work; `then` gets its result."""
        self._tokens += 1
        self._waiting[self._tokens] = then
        self._effects.append(make(self._tokens))

    def emit(self, effect: Effect) -> None:
        """Have an effect carried out that is not answered."""
        self._effects.append(effect)

    def _send_signed(self, kind: PacketType, message: Message) -> Packet:
        payload = codec.encode_message(message)
        return self._send_payload(kind, payload, dsse.sign(self._signer, kind, payload))

    def _send_payload(self, kind: PacketType, payload: bytes, signature: bytes) -> Packet:
        if self._transcript is not None and kind is not PacketType.ABORT:
            packet = self._transcript.stamp(kind, payload, signature)
        else:
            packet = Packet(kind, payload, signature)
        self._keep(self.local.agency, packet)
        self.emit(Send(codec.encode_packet(packet), kind))
        return packet

    def send_rows(self, kind: PacketType, rows: bytes) -> None:
        """Send a frame, as the transcript's next."""
        self.emit(Send(codec.encode_packet(self._agreed().stamp(kind, rows)), kind))

    def _send_statement(self, kind: PacketType, tags_commitment: bytes = b"") -> None:
        self._send_signed(kind, replace(self._agreed().statement(), tags_commitment=tags_commitment))

    def _check_statement(self, packet: Packet, *, committing: bool = False) -> bytes:
        """A checkpoint or receipt of the partner's must say what we saw before it, and commit to tags where it must.

        Returns: its tags commitment, empty unless `committing`.
        """
        got = codec.decode_message(packet, Statement)
        if replace(got, tags_commitment=b"") != self._before:
            raise StatementError("expected a statement over both directions as this side saw them, got another")
        if bool(got.tags_commitment) is not committing:
            raise StatementError(f"expected {'a' if committing else 'no'} commitment to tags in the statement")
        return got.tags_commitment

    def _keep(self, sender: str, packet: Packet) -> None:
        self.emit(Evidence(sender, packet.type, packet.payload, packet.signature))

    # --- state

    def expect(self, kind: PacketType, handler: Handler) -> None:
        """From now on, until it arrives once, a packet of this type may come."""
        self._expected[kind] = handler

    def _expect_nothing(self) -> None:
        self._expected.clear()

    def _identify(self, envelope: Packet) -> bytes:
        """The session is now this envelope's. Returns the envelope's digest."""
        reference = digest(envelope)
        self._references.append(reference)
        self.session_id = reference[:16].hex()
        return reference

    def _enter(self, phase: str, total: int) -> None:
        self.progress = Progress(phase, 0, total)

    def advance(self, count: int) -> None:
        """`count` more elements of the phase under way are done."""
        if self.progress is not None:
            self.progress = replace(self.progress, done=self.progress.done + count)

    def _begin_transcript(self, ctx: bytes) -> None:
        self._references.append(ctx)
        self._transcript = Transcript(self.role, ctx)

    def _agreed(self) -> Transcript:
        if self._transcript is None:
            raise UnexpectedPacketError("expected the handshake to be complete")
        return self._transcript

    @property
    def ctx(self) -> bytes | None:
        """The hash of everything agreed, once both sides have it."""
        return self._transcript.ctx if self._transcript is not None else None

    def _finish(self, result: Result) -> None:
        self._over = True
        self.emit(Done(result, None, self.ctx))

    def _fail(self, error: ProtocolError | PsiError, *, tell_partner: bool) -> None:
        if tell_partner:
            names = error.names if isinstance(error, ProtocolError) else ()
            self._send_signed(PacketType.ABORT, Abort(self._references[-1], _told(error).value, names))
        self._over = True
        self._waiting.clear()
        self.emit(Done(None, error, self.ctx))


def _told(error: ProtocolError | PsiError) -> Reason:
    """What the partner is told: that its bytes were wrong, or else that the fault is here."""
    if isinstance(error, ProtocolError):
        return error.reason
    return Reason.VIOLATION if isinstance(error, _PARTNERS_FAULTS) else Reason.INTERNAL


def reason_from(text: str) -> Reason:
    """A partner's reason code. Raises MalformedPacketError for one that the protocol does not list."""
    try:
        return Reason(text)
    except ValueError:
        raise MalformedPacketError("expected a reason code that the protocol lists") from None
