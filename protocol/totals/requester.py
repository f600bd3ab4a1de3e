"""The requester of a total: asks, contributes, and coordinates without being trusted.

It passes on what participants sign and can leave out, delay or repeat it, no more: whoever misses a message does not go
on, and what it has heard is compared before anything is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any, ClassVar, Final

from protocol.aggregate.terms import check_aggregate, check_terms
from protocol.codec import encode_packet
from protocol.dsse import Signer
from protocol.effects import ConsumeSeed, SendTo
from protocol.errors import (
    AbortedError,
    NotHeardError,
    ProfileError,
    ProtocolError,
    RefusedError,
    SizeError,
    WrongReferenceError,
)
from protocol.events import Event, LinkEnded, ReceivedFrom
from protocol.handshake import Question, check_circle, make_envelope, session_ctx, session_salt
from protocol.messages import Accept, Envelope, Open, Packet, PacketType, Participant, Refusal, Terms
from protocol.session import Local, Peer, Secrets, reason_from
from protocol.totals.elgamal import ElGamal
from protocol.totals.node import PublicKeys, TotalsNode
from protocol.totals.paillier import Paillier
from protocol.totals.plan import Plan, Stage
from protocol.totals.rounds import Round
from protocol.transcript import digest
from protocol.vocabulary import Query, Role, Scheme, Variant
from psi import PsiError


@dataclass(frozen=True, slots=True)
class Invited:
    """A contributor beside the requester: the partner, and which of its data sets is asked for."""

    peer: Peer
    data_set: str


class Coordinator(TotalsNode):
    """The requester under either scheme.

    Learns contributor counts, record counts and values of every cell that all participants open. Its host answers
    `SendTo` with one connection per contributor, and tells it `ReceivedFrom` and `LinkEnded`.

    Args:
        question: as for two; its `data_set` is not used, its lists say how many records of each kind one participant
            can count at most.
        invited: two contributors or more.
        terms: how closely this node lets its own records be told.
        to_all: whether all participants learn the values.

    Raises:
        EnvelopeError, RangeError: the question has no plan.
    """

    role = Role.REQUESTER
    speaks: ClassVar[tuple[Query, Variant]]

    def __init__(
        self,
        question: Question,
        local: Local,
        secrets: Secrets,
        snapshot_root: bytes,
        signer: Signer,
        invited: Sequence[Invited],
        terms: Terms,
        *,
        to_all: bool = False,
    ) -> None:
        super().__init__(local, secrets, signer, Peer(local.agency, signer.public_key))  # every link has its own peer
        first = make_envelope(question, local, signer.public_key, invited[0].peer, secrets, snapshot_root, self.speaks)
        self.envelope = _to_several(first, invited, to_all=to_all)
        check_terms(terms, self.envelope.aggregate)
        check_circle(self.envelope)
        check_aggregate(self.envelope)
        self._take_part(Plan.of(self.envelope), terms)
        self._links = [entry.peer.agency for entry in invited]
        self._ended: dict[str, str] = {}  # why, by agency

    # --- the star

    def _handle(self, event: Event) -> None:
        match event:
            case ReceivedFrom():
                self._received(event)
            case LinkEnded():
                self._link_ended(event)
            case _:
                super()._handle(event)

    def _received(self, event: ReceivedFrom) -> None:
        self._now_ms = event.now_ms
        self._hear(event.agency, event.packet)

    def _checked(self, sender: str, packet: Packet) -> tuple[Any, Round]:
        if packet.sender:
            raise WrongReferenceError("expected packets of the participant's own alone")
        return super()._checked(sender, packet)

    def _link_ended(self, event: LinkEnded) -> None:
        if event.agency in self._links:
            self._links.remove(event.agency)
            self._ended[event.agency] = event.why
            self._check_links()

    def _gather(self, kind: PacketType, stage: int, needed: frozenset[str], then: Callable[[], None]) -> None:
        super()._gather(kind, stage, needed, then)
        self._check_links()

    def _check_links(self) -> None:
        """A participant that has said all it had to say may go; one that is still waited for may not."""
        gone = {agency: what for agency, what in self._missing().items() if agency in self._ended}
        if gone:
            because = {agency: f"{what}; {self._ended[agency]}" for agency, what in gone.items()}
            raise NotHeardError(because, self.local.agency)

    def _broadcast(self, packet: Packet) -> None:
        raw = encode_packet(packet)
        for agency in self._links:
            self.emit(SendTo(agency, raw, packet.type))

    def _pass_on(self, sender: str, packet: Packet, stage: int) -> None:
        """What one has signed, all hear: Accept when all have accepted, shares of values only if these are for all.

        Before all have accepted, some cannot tell yet whose packet it is: of an abort they hear by the own one.
        """
        of_values = packet.type is PacketType.SHARES and stage == Stage.VALUES
        opened = (PacketType.OPEN, 0) in self._mail
        if opened and (self.plan.to_all or not of_values):
            self._relay(sender, packet)

    def _relay(self, sender: str, packet: Packet) -> None:
        raw = encode_packet(replace(packet, sender=sender))
        for agency in self._links:
            if agency != sender:
                self.emit(SendTo(agency, raw, packet.type))

    def _may_not_have_read(self, sender: str) -> bool:
        return sender not in self._mail.get((PacketType.ACCEPT, 0), {})

    # --- handshake

    def _start(self) -> None:
        self.do(partial(ConsumeSeed, seed_commitment=self.envelope.seed_commitment), self._ask)

    def _ask(self, _: None) -> None:
        self._asked = self._send_signed(PacketType.ENVELOPE, self.envelope)
        self._identify(self._asked)
        self._listening = frozenset({PacketType.ACCEPT, PacketType.REFUSAL})
        self._enter("inviting", 2 * len(self._links))
        self._gather(PacketType.ACCEPT, 0, self._others(), self._on_accepts)

    def _check_place(self, sender: str, round_: tuple[PacketType, int], message: object) -> None:
        super()._check_place(sender, round_, message)
        if isinstance(message, Refusal):
            if message.envelope_digest != self._references[-1] or message.agency != sender:
                raise WrongReferenceError("expected the participant's answer to this envelope")
            raise RefusedError(reason_from(message.reason), sender)
        if isinstance(message, Accept):
            check_participants_accept(message, sender, self._references[-1], self.envelope)

    def _on_accepts(self) -> None:
        accepts = self._in_order(PacketType.ACCEPT)
        packets = [heard.packet for _, heard in accepts]
        for agency, heard in accepts:
            self._told_terms[agency] = heard.message.terms
            self._relay(agency, heard.packet)
        salt = session_salt(self._asked, packets, self.secrets.coin)
        self._salt = salt
        self._draw_keys(partial(self._on_drawn, packets))

    def _on_drawn(self, packets: list[Packet], own: PublicKeys) -> None:
        coin = self.secrets.coin
        message = Open(self._salt, coin, own.public_keys, own.proofs, self._own_terms, own.modulus)
        opened = self._say(PacketType.OPEN, message)
        self._references += [self._salt, digest(opened)]
        self._listening = frozenset({PacketType.KEY})
        self._gather(PacketType.KEY, 0, self._others(), partial(self._on_keys, packets, opened, message))

    def _on_keys(self, accepts: list[Packet], opened: Packet, own: Open) -> None:
        keys = self._in_order(PacketType.KEY)
        ctx = session_ctx(self._asked, accepts, opened, [heard.packet for _, heard in keys])
        self._begin_rounds(ctx, [(self.local.agency, own), *((agency, heard.message) for agency, heard in keys)])

    def _fail(self, error: ProtocolError | PsiError, *, tell_partner: bool) -> None:
        """Whoever ends it, the others hear of it while they can."""
        if isinstance(error, AbortedError | RefusedError):
            tell_partner = True
        super()._fail(error, tell_partner=tell_partner)


class TotalsRequester(ElGamal, Coordinator):
    """A requester under a joint key."""

    speaks = (Query.TOTALS, Variant.FRESH_KEYS)


class PaillierRequester(Paillier, Coordinator):
    """A requester that holds the key. Only where `psi.paillier.available()`."""

    speaks = (Query.TOTALS, Variant.PAILLIER)


REQUESTERS: Final[Mapping[Scheme, type[Coordinator]]] = MappingProxyType(
    {Scheme.ELGAMAL: TotalsRequester, Scheme.PAILLIER: PaillierRequester}
)


def check_participants_accept(accept: Accept, sender: str, envelope_digest: bytes, envelope: Envelope) -> None:
    """What every participant checks of another's Accept.

    Raises:
        WrongReferenceError, ProfileError, SizeError, TermsError.
    """
    if accept.envelope_digest != envelope_digest or accept.agency != sender:
        raise WrongReferenceError("expected the participant's answer to this envelope")
    if accept.profile_hash != envelope.profile_hash:
        raise ProfileError("expected the profile of the question")
    if accept.sizes:
        raise SizeError("expected no sizes: how much a participant holds is its own affair")
    check_terms(accept.terms, envelope.aggregate)


def _to_several(first: Envelope, invited: Sequence[Invited], *, to_all: bool) -> Envelope:
    """An envelope between two as one to all who are invited."""
    role = Role.CONTRIBUTOR.value
    others = (Participant(entry.peer.agency, role, entry.data_set, entry.peer.signing_key) for entry in invited)
    participants = (first.participants[0], *others)
    recipients = tuple(p.agency for p in participants) if to_all else (participants[0].agency,)
    return replace(first, participants=participants, recipients=recipients)
