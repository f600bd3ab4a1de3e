"""The running hash of all that went each way, and the statements signed over it (docs/protocol.md, "Transcript")."""

from __future__ import annotations

import hashlib
from collections import deque
from itertools import islice
from typing import Final

from protocol.dst import TRANSCRIPT
from protocol.errors import ChainError, ResumeError, SequenceError
from protocol.messages import Packet, PacketType, Statement
from protocol.vocabulary import Role
from psi import lp

RETAINED_FRAMES: Final = 32  # sent and perhaps not received: more than a connection and the partner's queue hold


def message_bytes(packet: Packet) -> bytes:
    """A signed message as it enters salt, ctx and digests: LP(type, payload, signature)."""
    return lp(int(packet.type), packet.payload, packet.signature)


def digest(packet: Packet) -> bytes:
    """SHA-512 over `message_bytes`."""
    return hashlib.sha512(message_bytes(packet)).digest()


class Direction:
    """The frame cursor of one direction: count and cumulative hash, all that resuming needs."""

    __slots__ = ("chain", "count")

    def __init__(self, sender: Role, ctx: bytes) -> None:
        self.count = 0
        self.chain = hashlib.sha512(lp(TRANSCRIPT, sender.value, ctx)).digest()

    def absorb(self, kind: PacketType, payload: bytes, signature: bytes) -> None:
        """Count a packet, and hash it into the chain."""
        chained = lp(payload, signature) if signature else payload
        content = hashlib.sha512(chained).digest()
        self.chain = hashlib.sha512(lp(self.chain, self.count, int(kind), content)).digest()
        self.count += 1


class Transcript:
    """Both directions of one session, as one side sees them."""

    def __init__(self, role: Role, ctx: bytes) -> None:
        self.ctx = ctx
        self._directions = {sender: Direction(sender, ctx) for sender in (Role.REQUESTER, Role.RESPONDER)}
        self._out = self._directions[role]
        self._in = self._directions[Role.RESPONDER if role is Role.REQUESTER else Role.REQUESTER]
        self._role = role
        self._retained: deque[Packet] = deque(maxlen=RETAINED_FRAMES)

    @property
    def received_count(self) -> int:
        """Packets that came from the partner since the transcript began."""
        return self._in.count

    def stamp(self, kind: PacketType, payload: bytes, signature: bytes = b"") -> Packet:
        """The next outgoing packet with its number and chain; the chain then covers it."""
        packet = Packet(kind, payload, signature, self._out.count, self._out.chain)
        self._out.absorb(kind, payload, signature)
        self._retained.append(packet)
        return packet

    def accept(self, packet: Packet) -> None:
        """Check an incoming packet's place and absorb it.

        Raises:
            SequenceError: not the next number.
            ChainError: the partner's cumulative hash is not ours.
        """
        if packet.sequence != self._in.count:
            raise SequenceError(f"expected frame {self._in.count}, got {packet.sequence}")
        if packet.chain != self._in.chain:
            raise ChainError(f"expected our cumulative hash before frame {self._in.count}, got another")
        self._in.absorb(packet.type, packet.payload, packet.signature)

    def statement(self) -> Statement:
        """What precedes the next signed message, the requester's direction first."""
        requester, responder = self._directions[Role.REQUESTER], self._directions[Role.RESPONDER]
        return Statement(self.ctx, requester.count, requester.chain, responder.count, responder.chain)

    def missing(self, theirs: Statement) -> list[Packet]:
        """What the partner lacks after a cut, by its signed view: the same packets, byte for byte.

        Raises:
            ResumeError: another session, another history, or more than this side still holds.
        """
        requester = (theirs.requester_count, theirs.requester_chain)
        responder = (theirs.responder_count, theirs.responder_chain)
        received, sent = (requester, responder) if self._role is Role.REQUESTER else (responder, requester)
        first = self._out.count - len(self._retained)
        chains = [*(packet.chain for packet in self._retained), self._out.chain]
        place = received[0] - first
        if theirs.ctx != self.ctx or sent[0] < self._in.count or received[0] > self._out.count:
            raise ResumeError("expected the view of a partner in this session, got another")
        if place < 0:
            raise ResumeError(
                f"expected a partner that lacks at most {RETAINED_FRAMES} frames, got one that lacks more"
            )
        if chains[place] != received[1] or (sent[0] == self._in.count and sent[1] != self._in.chain):
            raise ResumeError("expected the partner's history to be ours, got another")
        return list(islice(self._retained, place, None))
