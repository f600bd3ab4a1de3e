"""Rounds among several: each participant signs one message in each, and goes on when it has heard all others.

What they say comes through the coordinator, who can neither change nor invent it. Messages may arrive while this node
is still busy with an earlier round; each participant has one place in each round, so that nothing grows without bound.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from protocol import codec, dsse
from protocol.errors import (
    AbortedError,
    ConnectionLostError,
    MalformedPacketError,
    NotHeardError,
    ParticipantError,
    ProtocolError,
    RefusedError,
    TimedOutError,
    UnexpectedPacketError,
    WrongReferenceError,
)
from protocol.events import Event, JobFailed
from protocol.messages import (
    Abort,
    Message,
    Packet,
    PacketType,
)
from protocol.session import NO_REFERENCE, Session, reason_from
from protocol.totals.plan import Plan, Stage
from psi import PsiError

Round = tuple[PacketType, int]
ALL_CONTRIBUTIONS: Final = 0  # stages of View
ALL_COUNTS: Final = 1
ROUNDS: Final = frozenset(
    {PacketType.PLEDGE, PacketType.CONTRIBUTION, PacketType.VIEW, PacketType.OPENING, PacketType.SHARES}
)


_STAGED: Final = frozenset({PacketType.OPENING, PacketType.SHARES, PacketType.DECRYPTION})


def named(kind: PacketType, stage: int | None = None) -> str:
    """A message for people, with its stage where its round has several."""
    name = kind.name.lower()
    if kind is PacketType.VIEW and stage in (ALL_CONTRIBUTIONS, ALL_COUNTS):
        return f"{name} of {'contributions' if stage == ALL_CONTRIBUTIONS else 'counts'}"
    if kind in _STAGED and stage in set(Stage):
        return f"{name} of {Stage(stage).name.lower()}"
    return name


@dataclass(frozen=True, slots=True)
class Heard:
    """A participant's verified message in a round."""

    packet: Packet
    message: Any


class Rounds(Session):
    """A participant that hears and is heard; what it says is for those that derive from it."""

    rounds: ClassVar[frozenset[PacketType]]  # that follow the handshake
    _plan: Plan | None = None  # who takes part, once that is known

    # --- what the two roles do differently

    def _broadcast(self, packet: Packet) -> None:
        """Let all other participants have a packet of this one's."""
        raise NotImplementedError

    # --- the circle

    def _join(self, plan: Plan) -> None:
        """From now on this node hears those who take part."""
        self._plan = plan
        self._mail: dict[Round, dict[str, Heard]] = {}
        self._gathering: dict[Round, tuple[frozenset[str], Callable[[], None]]] = {}
        self._listening: frozenset[PacketType] = frozenset()
        self._blamed: dict[int, tuple[str, str]] = {}
        self._circle_ctx: bytes | None = None

    @property
    def plan(self) -> Plan:
        """Who takes part and what is asked, once the envelope is there."""
        if self._plan is None:
            raise UnexpectedPacketError("expected an envelope first")
        return self._plan

    @property
    def ctx(self) -> bytes | None:
        """See `Session.ctx`."""
        return self._circle_ctx if self._plan is not None else None

    @property
    def unheard(self) -> tuple[str, ...]:
        """The participants whose messages this node is waiting for."""
        return tuple(self._missing())

    def _missing(self) -> dict[str, str]:
        """By agency, the message of it that this node is waiting for."""
        if self._plan is None:
            return {}
        missing = {
            agency: named(*round_)
            for round_, (needed, _) in self._gathering.items()
            for agency in needed - self._mail.get(round_, {}).keys()
        }
        return {agency: missing[agency] for agency in self._plan.agencies if agency in missing}

    def _participants(self) -> frozenset[str]:
        return frozenset(self._plan.agencies) if self._plan is not None else frozenset()

    def _others(self) -> frozenset[str]:
        return frozenset(self.plan.agencies) - {self.local.agency}

    # --- hearing and saying

    def _handle(self, event: Event) -> None:
        if isinstance(event, JobFailed) and self._plan is not None and event.token in self._blamed:
            agency, what = self._blamed[event.token]
            raise ParticipantError(agency, what, event.error) from event.error
        super()._handle(event)

    def _hear(self, link: str, raw: bytes) -> None:
        """A packet has come over the connection to this participant.

        Whatever is wrong with it is that participant's fault: who coordinates passes on nothing that it had to refuse.
        """
        what, passed_on = "packet", ""
        try:
            packet = codec.decode_packet(raw)
            sender = packet.sender or link
            passed_on = f" of {packet.sender}, passed on" if packet.sender else ""
            what = named(packet.type)
            message, round_ = self._checked(sender, packet)
            what = named(*round_)
            self._check_place(sender, round_, message)
            mail = self._mail.setdefault(round_, {})
            if sender in mail:
                raise UnexpectedPacketError("expected one in this round, got another")
        except (AbortedError, RefusedError):
            raise
        except (ProtocolError, PsiError) as error:
            raise ParticipantError(link, what + passed_on, error) from error
        mail[sender] = Heard(packet, message)
        self._pass_on(sender, packet, round_[1])
        if self._all_arrived():
            self.partner_needed = False  # what is left is this node's own work
        self.advance(1)
        self._settle()

    def _checked(self, sender: str, packet: Packet) -> tuple[Any, Round]:
        """A packet that a participant is said to have signed, as its message and round."""
        key = self.plan.signing_key(sender)
        if key is None or sender == self.local.agency:
            raise WrongReferenceError("expected a packet of another participant of this total")
        if packet.sequence is not None or packet.type not in codec.SIGNED:
            raise MalformedPacketError(f"expected signed messages alone, got {packet.type.name.lower()}")
        dsse.verify(key, packet.type, packet.payload, packet.signature)
        self._keep(sender, packet)
        if packet.type is PacketType.ABORT:
            self._on_participants_abort(sender, packet)
        if packet.type not in self._listening:
            expected = ", ".join(sorted(map(named, self._listening))) or "nothing"
            raise UnexpectedPacketError(f"expected {expected}, got {named(packet.type)}")
        message = codec.decode_message(packet, codec.MESSAGES[packet.type])
        return message, (packet.type, getattr(message, "stage", 0))

    def _all_arrived(self) -> bool:
        """Whether the requester's last message is there."""
        return (PacketType.VIEW, ALL_COUNTS) in self._mail

    def _pass_on(self, sender: str, packet: Packet, stage: int) -> None:
        """For who coordinates: the others hear it too."""

    def _on_participants_abort(self, sender: str, packet: Packet) -> None:
        abort = codec.decode_message(packet, Abort)
        unread = abort.reference == NO_REFERENCE  # by one who could not read the envelope
        if abort.reference not in self._references or (unread and not self._may_not_have_read(sender)):
            raise WrongReferenceError("expected an abort of this session")
        names = self._checked_names(abort, sender)
        if unread and names:
            raise MalformedPacketError("expected nobody to be named by one who could not read who takes part")
        if not unread:
            self._pass_on(sender, packet, 0)
        raise AbortedError(reason_from(abort.reason), sender, names)

    def _may_not_have_read(self, sender: str) -> bool:  # noqa: ARG002, for who sends the envelope
        """Whether this participant may still be without the envelope."""
        return False

    def _check_place(self, sender: str, round_: Round, message: Any) -> None:
        """Some rounds have some participants alone, and after the handshake every message names the ctx."""
        kind, stage = round_
        by_requester = sender == self.plan.requester
        match kind:
            case PacketType.PLEDGE | PacketType.CONTRIBUTION:
                fits = True
            case PacketType.VIEW:
                fits = stage == ALL_CONTRIBUTIONS or (stage == ALL_COUNTS and by_requester)
            case PacketType.OPENING | PacketType.SHARES:
                fits = stage in self.plan.stages
            case PacketType.DECRYPTION:
                fits = stage in self.plan.stages and by_requester
            case _:
                fits = by_requester is (kind is PacketType.OPEN)
        if not fits:
            raise UnexpectedPacketError(f"expected no {named(kind)} of {sender} in stage {stage}")
        if kind is PacketType.KEY and message.open_digest != self._references[-1]:
            raise WrongReferenceError(f"expected {sender} to have heard the same opening as {self.local.agency}")
        if kind in self.rounds and message.ctx != self._circle_ctx:
            raise WrongReferenceError(f"expected {sender} to have heard the same handshake as {self.local.agency}")

    def _send_payload(self, kind: PacketType, payload: bytes, signature: bytes) -> Packet:
        packet = Packet(kind, payload, signature)
        self._keep(self.local.agency, packet)
        self._broadcast(packet)
        return packet

    def _say(self, kind: PacketType, message: Message, *, to_none: bool = False) -> Packet:
        """Take the own place in a round, and tell the others unless the round is for the requester alone."""
        payload = codec.encode_message(message)
        packet = Packet(kind, payload, dsse.sign(self._signer, kind, payload))
        self._keep(self.local.agency, packet)
        self._mail.setdefault((kind, getattr(message, "stage", 0)), {})[self.local.agency] = Heard(packet, message)
        if not to_none:
            self._broadcast(packet)
        return packet

    def _gather(self, kind: PacketType, stage: int, needed: frozenset[str], then: Callable[[], None]) -> None:
        """Go on when all of `needed` have been heard in this round."""
        self._gathering[kind, stage] = (needed, then)
        self._settle()

    def _settle(self) -> None:
        for round_, (needed, then) in list(self._gathering.items()):
            if round_ in self._gathering and needed <= self._mail.get(round_, {}).keys():
                del self._gathering[round_]
                then()

    def _in_order(self, kind: PacketType, stage: int = 0) -> list[tuple[str, Heard]]:
        mail = self._mail.get((kind, stage), {})
        return [(agency, mail[agency]) for agency in self.plan.agencies if agency in mail]

    def _silence(self, *, lost: bool) -> NotHeardError:  # noqa: ARG002, who coordinates hears of each line by itself
        """What a silence is reported as; `lost` where it is a connection that ended."""
        return NotHeardError(self._missing(), self.local.agency)

    def _fail(self, error: ProtocolError | PsiError, *, tell_partner: bool) -> None:
        """Silence is reported by the names of those who were not heard."""
        if isinstance(error, TimedOutError | ConnectionLostError) and self.unheard:
            error = self._silence(lost=isinstance(error, ConnectionLostError))
        super()._fail(error, tell_partner=tell_partner)
