"""A contributor to a total: answers an envelope, and takes part in the rounds through the coordinator."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from protocol.aggregate.terms import check_terms
from protocol.codec import encode_packet
from protocol.dst import COMMIT_COIN
from protocol.effects import Send
from protocol.errors import (
    HostError,
    NotHeardError,
    ParticipantError,
    TermsError,
    UnsupportedError,
    WrongReferenceError,
)
from protocol.events import Received
from protocol.handshake import check_opening, session_ctx, session_salt
from protocol.messages import Accept, Envelope, Key, Open, Packet, PacketType
from protocol.roles import Responder
from protocol.totals.elgamal import ElGamal
from protocol.totals.node import PublicKeys, TotalsNode
from protocol.totals.paillier import Paillier
from protocol.totals.plan import Plan
from protocol.totals.requester import check_participants_accept
from protocol.totals.rounds import Heard, named
from protocol.transcript import digest
from protocol.vocabulary import Query, Role, Variant
from psi import paillier


class Contributor(TotalsNode, Responder):
    """A contributor under either scheme.

    Learns contributor counts and record counts of the cells that all open, and the values where they are for all.
    `Local.partners` must name every other participant: with one that this node does not know, it does not take part.
    """

    role = Role.CONTRIBUTOR

    def _receive(self, event: Received) -> None:
        if self._plan is None:
            super()._receive(event)
            return
        self._now_ms = event.now_ms
        self._hear(self.peer.agency, event.packet)

    def _participants(self) -> frozenset[str]:
        """Known from the envelope on, before this node takes part."""
        return frozenset(p.agency for p in self.envelope.participants) if self.envelope is not None else frozenset()

    def _broadcast(self, packet: Packet) -> None:
        self.emit(Send(encode_packet(packet), packet.type))

    def _silence(self, *, lost: bool) -> NotHeardError:
        """All come through who coordinates, so that its silence and theirs look the same, but for a line that ends."""
        coordinates = self.plan.requester
        missing = self._missing()
        if lost:
            missing = {coordinates: "connection-lost"} | {
                who: what for who, what in missing.items() if who != coordinates
            }
        return NotHeardError(missing, f"{self.local.agency} through {coordinates}")

    # --- handshake

    def _accept(self, envelope: Envelope, packet: Packet, accept: Accept) -> None:
        accept = replace(accept, sizes=())  # how much this node holds is nobody's affair
        if accept.terms is None:
            raise HostError("expected the terms on which this node contributes")
        check_terms(accept.terms, envelope.aggregate)
        self._take_part(Plan.of(envelope), accept.terms)
        self._say(PacketType.ACCEPT, accept)
        self._listening = frozenset({PacketType.ACCEPT, PacketType.OPEN})
        self._enter("agreeing", 2 * len(self._others()))
        others = self._others() - {self.plan.requester}
        self._gather(PacketType.ACCEPT, 0, others, partial(self._on_accepts, packet))

    def _check_place(self, sender: str, round_: tuple[PacketType, int], message: object) -> None:
        super()._check_place(sender, round_, message)
        if isinstance(message, Accept):
            check_participants_accept(message, sender, self._references[-1], self.plan.envelope)
        if isinstance(message, Open):
            self._check_opened(message)

    def _on_accepts(self, asked: Packet) -> None:
        accepts = self._in_order(PacketType.ACCEPT)
        self._told_terms.update((agency, heard.message.terms) for agency, heard in accepts)
        packets = [heard.packet for _, heard in accepts]
        self._gather(PacketType.OPEN, 0, frozenset({self.plan.requester}), partial(self._on_opened, asked, packets))

    def _check_opened(self, opened: Open) -> None:
        check_opening(self.plan.envelope.coin_commitment, COMMIT_COIN, Role.REQUESTER, opened.coin)
        if opened.terms is None:
            raise TermsError("expected the terms on which the requester contributes")
        check_terms(opened.terms, self.plan.aggregate)
        self._told_terms[self.plan.requester] = opened.terms

    def _on_opened(self, asked: Packet, accepts: list[Packet]) -> None:
        [(requester, heard)] = self._in_order(PacketType.OPEN)
        opened: Open = heard.message
        salt = session_salt(asked, accepts, opened.coin)
        if opened.salt != salt:
            why = f"expected {requester} to have heard the same accepts as {self.local.agency}"
            raise ParticipantError(requester, named(PacketType.OPEN), WrongReferenceError(why))
        self._references += [salt, digest(heard.packet)]
        self._salt = salt
        self._listening = frozenset({PacketType.KEY})
        self._draw_keys(partial(self._on_drawn, asked, accepts, heard))

    def _on_drawn(self, asked: Packet, accepts: list[Packet], heard: Heard, own: PublicKeys) -> None:
        self._say(PacketType.KEY, Key(self._references[-1], own.public_keys, own.proofs))
        others = self._others() - {self.plan.requester}
        self._gather(PacketType.KEY, 0, others, partial(self._on_keys, asked, accepts, heard))

    def _on_keys(self, asked: Packet, accepts: list[Packet], opened: Heard) -> None:
        keys = self._in_order(PacketType.KEY)
        ctx = session_ctx(asked, accepts, opened.packet, [heard.packet for _, heard in keys])
        said = [(agency, heard.message) for agency, heard in keys]
        self._begin_rounds(ctx, [(self.plan.requester, opened.message), *said])


class TotalsContributor(ElGamal, Contributor):
    """A contributor under a joint key."""

    speaks = (Query.TOTALS, Variant.FRESH_KEYS)


class PaillierContributor(Paillier, Contributor):
    """A contributor under the requester's key."""

    speaks = (Query.TOTALS, Variant.PAILLIER)

    def _check_means(self) -> None:
        if not paillier.available():
            raise UnsupportedError("expected the extra `paillier` to be installed here, got a total that needs it")
