"""The running hash of all that went each way, and the statements signed over it (docs/protocol.md, "Transcript")."""

from __future__ import annotations

import hashlib

from protocol.dst import TRANSCRIPT
from protocol.errors import ChainError, SequenceError
from protocol.messages import Packet, PacketType, Role, Statement
from psi import lp


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

    def stamp(self, kind: PacketType, payload: bytes, signature: bytes = b"") -> Packet:
        """The next outgoing packet with its number and chain; the chain then covers it."""
        packet = Packet(kind, payload, signature, self._out.count, self._out.chain)
        self._out.absorb(kind, payload, signature)
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
