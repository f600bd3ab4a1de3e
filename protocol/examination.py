"""What the signed messages of one session prove to somebody who was not there, and who has nothing else.

Both sides keep them as they were sent. The rules are those by which the sessions checked them. Rows, shuffles and
figures under encryption are not kept: their proofs were checked when they came, and are not checked again here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from protocol import dsse
from protocol.codec import MESSAGES, decode_message
from protocol.dst import COMMIT_COIN
from protocol.errors import (
    EpochError,
    MalformedPacketError,
    ParticipantError,
    ProfileError,
    ProtocolError,
    ReleaseError,
    SignatureError,
    StatementError,
    UnexpectedPacketError,
    UnsupportedError,
    ViewError,
    WrongReferenceError,
)
from protocol.evidence import Examined, KeyOf, Known, Said, cells_named, key_of, told_counts
from protocol.handshake import check_opening, session_ctx, session_salt
from protocol.messages import (
    PROTOCOL_VERSION,
    Abort,
    Accept,
    Cells,
    Contribution,
    Envelope,
    Epoch,
    Key,
    Message,
    Open,
    Opening,
    Packet,
    PacketType,
    Pledge,
    Refusal,
    Release,
    Shares,
    Statement,
    View,
)
from protocol.session import NO_REFERENCE
from protocol.totals.node import FIRST_LISTS
from protocol.totals.plan import Plan, Stage, view
from protocol.totals.rounds import ALL_CONTRIBUTIONS, named
from protocol.transcript import Direction, digest
from protocol.vocabulary import Query, Role, Variant
from psi import SUITE


class _NotHeldError(LookupError):
    """Something that a check needs was not kept here; what, is its text."""


class Examination:
    """The messages of one session, examined.

    Args:
        session: the session's number, which is its envelope's digest in hexadecimal.
        said: in the order in which they were kept; the same one twice counts once.
        known: keys that are not the envelope's own word.
    """

    def __init__(self, session: str, said: Iterable[Said], known: Known) -> None:
        self._session = session
        self._known = known
        self._places: dict[tuple[str, PacketType, int], Said] = {}
        self._messages: dict[bytes, Any] = {}
        self._chains: dict[tuple[Role, int], bytes] = {}
        self.envelope: Envelope | None = None
        distinct = list(dict.fromkeys(said))
        asked = [one for one in distinct if one.packet.type is PacketType.ENVELOPE]
        read = {one: self._read(one) for one in (*asked, *distinct)}
        # What one message says can make another wrong, so all that verify are there before any is connected.
        self.messages: tuple[Examined, ...] = tuple(self._connected(read[one]) for one in distinct)

    @property
    def ctx(self) -> bytes | None:
        """The hash of everything agreed; None where some of it was not kept."""
        try:
            return self._ctx()
        except _NotHeldError:
            return None

    # --- one message

    def _read(self, said: Said) -> Examined:
        """Decode it, verify its signature, and give it its place."""
        packet, message, key = said.packet, None, KeyOf.UNKNOWN
        try:
            if packet.type not in MESSAGES:
                raise MalformedPacketError(f"expected a signed message, got {packet.type.name.lower()}")
            message = decode_message(packet, MESSAGES[packet.type])
            if isinstance(message, Envelope):
                self._check_envelope(said, message)
            key = self._verify(said, message)
            if isinstance(message, Envelope):
                self.envelope = message
            if key is not KeyOf.UNKNOWN:
                self._place(said, message)
        except ProtocolError as error:
            return Examined(said, message, key, error=error)
        return Examined(said, message, key)

    def _verify(self, said: Said, message: Message) -> KeyOf:
        envelope, packet = message if isinstance(message, Envelope) else self.envelope, said.packet
        if envelope is None:
            return key_of(said, self._known)
        key = next((p.signing_key for p in envelope.participants if p.agency == said.sender), None)
        if key is None:
            raise WrongReferenceError("expected a message of a participant of the envelope, got a stranger's")
        keys = self._known.get(said.sender)
        if keys is not None and key not in keys:
            raise SignatureError(f"expected in the envelope the key of {said.sender}'s partner file, got another")
        dsse.verify(key, packet.type, packet.payload, packet.signature)
        return KeyOf.ENVELOPE if keys is None else KeyOf.PARTNER_FILE

    def _check_envelope(self, said: Said, envelope: Envelope) -> None:
        if digest(said.packet).hex() != self._session:
            raise WrongReferenceError("expected the envelope whose digest is the session's number, got another")
        if (envelope.version, envelope.suite) != (PROTOCOL_VERSION, SUITE) or envelope.query not in set(Query):
            raise UnsupportedError(f"expected a question of version {PROTOCOL_VERSION}, got another")
        if not envelope.participants or envelope.participants[0].agency != said.sender:
            raise WrongReferenceError("expected the envelope to name first who signed it")

    def _place(self, said: Said, message: Message) -> None:
        self._messages[digest(said.packet)] = message
        first = self._places.setdefault((said.sender, said.packet.type, self._number(said, message)), said)
        if first != said:
            raise UnexpectedPacketError(f"expected one such message of {said.sender}, got two, signed, that differ")

    def _number(self, said: Said, message: Message) -> int:
        """Of messages that one can say more than once, which it is."""
        if isinstance(message, Statement):
            asked = self.envelope is not None and self.envelope.participants[0].agency == said.sender
            return message.requester_count if asked else message.responder_count
        return getattr(message, "stage", 0) or getattr(message, "number", 0)

    def _connected(self, one: Examined) -> Examined:
        said, message = one.said, one.message
        if one.error is not None or message is None:
            return one
        try:
            if one.key is KeyOf.UNKNOWN:
                raise _NotHeldError(f"the envelope, or the partner file of {said.sender}")
            connects = self._connect(said, message)
        except _NotHeldError as lacks:
            return Examined(said, message, one.key, lacks=str(lacks))
        except ProtocolError as error:
            return Examined(said, message, one.key, error=error)
        return Examined(said, message, one.key, connects)

    # --- how it belongs to the session

    def _connect(self, said: Said, message: Message) -> str:
        """How it belongs to the others. Raises ProtocolError where it does not, _NotHeldError where that is open."""
        match message:
            case Envelope():
                return "its digest is the session"
            case Accept() | Refusal():
                return self._connect_answer(said, message)
            case Open():
                return self._connect_opening(message)
            case Key():
                if message.open_digest != digest(self._first(PacketType.OPEN, self._asking()).packet):
                    raise WrongReferenceError("expected the digest of the opening, got another")
                return "names the opening"
            case Abort():
                return self._connect_abort(message)
            case Epoch() | Release():
                return self._connect_epoch(said, message)
            case _:
                if message.ctx != self._ctx():
                    raise WrongReferenceError("expected the hash of this handshake, got another")
                return self._connect_later(said, message)

    def _connect_answer(self, said: Said, message: Accept | Refusal) -> str:
        asked = self._first(PacketType.ENVELOPE, self._asking())
        if message.envelope_digest != digest(asked.packet) or message.agency != said.sender:
            raise WrongReferenceError("expected its sender's answer to the envelope, got another")
        if isinstance(message, Accept) and message.profile_hash != self._asked().profile_hash:
            raise ProfileError("expected the profile of the question")
        return "names the envelope"

    def _connect_opening(self, message: Open) -> str:
        check_opening(self._asked().coin_commitment, COMMIT_COIN, Role.REQUESTER, message.coin)
        if message.salt != self._salt(message.coin):
            raise WrongReferenceError("expected a salt over envelope, accepts and coin, got another")
        return "opens the envelope's commitment; its salt covers envelope, accepts and coin"

    def _connect_abort(self, message: Abort) -> str:
        def opening() -> bytes:
            return digest(self._first(PacketType.OPEN, self._asking()).packet)

        def salt() -> bytes:
            opened: Open = self._said(PacketType.OPEN, self._asking())
            return opened.salt

        known: tuple[tuple[str, Callable[[], bytes]], ...] = (
            ("names no message: its sender could not read the envelope", lambda: NO_REFERENCE),
            ("names the envelope", lambda: digest(self._first(PacketType.ENVELOPE, self._asking()).packet)),
            ("names the salt", salt),
            ("names the opening", opening),
            ("names the hash of the handshake", self._ctx),
        )
        lacks = ""
        for connects, reference in known:
            try:
                if message.reference == reference():
                    return connects
            except _NotHeldError as missing:
                lacks = str(missing)
        if lacks:
            raise _NotHeldError(lacks)
        raise WrongReferenceError("expected an abort that names a message of this session, got another")

    def _connect_epoch(self, said: Said, message: Epoch | Release) -> str:
        envelope = self._asked()
        if isinstance(message, Epoch):
            got = (message.requester, message.responder, message.data_set, envelope.epoch or message.id)
            expected = (self._asking(), said.sender, envelope.data_set_of(said.sender), message.id)
            if got != expected:
                raise EpochError("expected the epoch that was asked for, got another")
            return "is between these agencies, over the data set asked for"
        number = message.number - 1
        before = self._first(PacketType.RELEASE, said.sender, number) if number else self._epoch_of(said.sender)
        if message.previous != digest(before.packet):
            raise ReleaseError("expected a release that names the one before, got another")
        return "names the release before" if number else "names the epoch"

    def _epoch_of(self, sender: str) -> Said:
        return self._first(PacketType.EPOCH, sender)

    def _connect_later(self, said: Said, message: Message) -> str:
        """Of messages after the handshake, all of which name its hash."""
        match message:
            case Statement():
                return self._connect_statement(said, message)
            case Cells():
                told_counts(self._asked(), self._said(PacketType.ACCEPT, said.sender), message)
                return "names the handshake; as the accepted terms have it"
            case Contribution():
                pledge: Pledge = self._said(PacketType.PLEDGE, said.sender)
                if Plan.of(self._asked()).pledge(said.sender, message) != pledge.commitment:
                    raise ParticipantError(said.sender, "contribution", "expected what it pledged, got another")
                return "names the handshake; is what it had pledged"
            case View():
                rounds = self._rounds(message.stage)
                self._compare(said, message.digest, message.stage, rounds, "messages that it has heard")
                return f"covers {', '.join(named(*round_) for round_ in rounds)} of all, as they are here"
            case Shares():
                lists = [(PacketType.OPENING, message.stage)]
                self._compare(said, message.digest, FIRST_LISTS + message.stage, lists, "lists of cells")
                return "names the handshake; covers the cells that all would open, as they are here"
            case Opening():
                cells_named(self._asked(), message)
                return "names the handshake"
            case _:
                return "names the handshake"

    def _connect_statement(self, said: Said, message: Statement) -> str:
        """Two statements over as many packets must agree, and one after a signed packet must cover exactly it."""
        role = self._role(said.sender)
        sides = {
            Role.REQUESTER: (message.requester_count, message.requester_chain),
            Role.RESPONDER: (message.responder_count, message.responder_chain),
        }
        for side, (count, chain) in sides.items():
            start = Direction(side, message.ctx)
            self._chains.setdefault((side, 0), start.chain)
            if self._chains.setdefault((side, count), chain) != chain:
                raise StatementError(
                    f"expected what others signed of the {side.value}'s first {count} packets, got other"
                )
        own = Direction(role, message.ctx)
        own.count, own.chain = sides[role]
        own.absorb(said.packet.type, said.packet.payload, said.packet.signature)
        if self._chains.setdefault((role, own.count), own.chain) != own.chain:
            raise StatementError("expected what the other side signed of this message, got other")
        asked, answered = message.requester_count, message.responder_count
        return f"names the handshake; {asked} packets of the requester's and {answered} of the responder's before it"

    def _compare(self, said: Said, got: bytes, stage: int, rounds: Sequence[tuple[PacketType, int]], what: str) -> None:
        agencies = [p.agency for p in self._asked().participants]
        by_requester = {PacketType.DECRYPTION}
        packets = [
            self._first(kind, agency, number).packet
            for kind, number in rounds
            for agency in (agencies[:1] if kind in by_requester else agencies)
        ]
        if view(self._ctx(), stage, packets) != got:
            raise ViewError(said.sender, "this ledger", what)

    def _rounds(self, stage: int) -> list[tuple[PacketType, int]]:
        """What a view covers. Of the openings: each stage, up to one in which no cell is left that all would open."""
        if stage == ALL_CONTRIBUTIONS:
            return [(PacketType.PLEDGE, 0), (PacketType.CONTRIBUTION, 0)]
        envelope, rounds = self._asked(), []
        plan = Plan.of(envelope)
        common = set(plan.categories)
        for number in plan.stages:
            rounds.append((PacketType.OPENING, int(number)))
            for agency in plan.agencies:
                common &= set(cells_named(envelope, self._said(PacketType.OPENING, agency, number)))
            if not common or number is Stage.VALUES:
                break
            rounds.append((PacketType.SHARES, int(number)))
            if envelope.variant == Variant.PAILLIER:
                rounds.append((PacketType.DECRYPTION, int(number)))
        return rounds

    # --- what was kept

    def _asked(self) -> Envelope:
        if self.envelope is None:
            raise _NotHeldError("the envelope")
        return self.envelope

    def _asking(self) -> str:
        return self._asked().participants[0].agency

    def _answering(self) -> list[str]:
        return [p.agency for p in self._asked().participants[1:]]

    def _role(self, agency: str) -> Role:
        return Role.REQUESTER if agency == self._asking() else Role.RESPONDER

    def _first(self, kind: PacketType, agency: str, number: int = 0) -> Said:
        said = self._places.get((agency, kind, number))
        if said is None:
            raise _NotHeldError(f"the {named(kind, number)} of {agency}")
        return said

    def _said(self, kind: PacketType, agency: str, number: int = 0) -> Any:
        return self._messages[digest(self._first(kind, agency, number).packet)]

    def _accepts(self) -> list[Packet]:
        return [self._first(PacketType.ACCEPT, agency).packet for agency in self._answering()]

    def _salt(self, coin: bytes) -> bytes:
        return session_salt(self._first(PacketType.ENVELOPE, self._asking()).packet, self._accepts(), coin)

    def _ctx(self) -> bytes:
        opened = self._first(PacketType.OPEN, self._asking()).packet
        keys = [self._first(PacketType.KEY, agency).packet for agency in self._answering()]
        return session_ctx(self._first(PacketType.ENVELOPE, self._asking()).packet, self._accepts(), opened, keys)
