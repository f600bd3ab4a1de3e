"""Three participants or more of a total in one process, and the star of connections between them.

What is simulated: each node's host (its figures, its decision, its durable acts) and the wire, packet by packet. The
order in which the coordinator's links deliver is drawn from a number, so that participants get ahead of each other as
they do in life, and a run can be repeated. A failure is: a participant that ends without `Done` though all were honest,
a result that the truth does not have, a partial decryption that leaves before the charge, two participants with
different results. Not a failure: a run that ends with an error that a test provoked.

Storage, network and the table of logarithms are replaced here; sessions, codec and mathematics are real.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from protocol import effects as fx
from protocol.codec import decode_packet
from protocol.errors import ConnectionLostError
from protocol.events import Completed, Ended, Event, JobFailed, LinkEnded, Received, ReceivedFrom, Started
from protocol.handshake import Question
from protocol.host_answers import Admission, OwnCells, Rejection
from protocol.messages import Aggregate, PacketType, Terms
from protocol.responders import AnyResponder
from protocol.results import Totals
from protocol.session import Peer, Session
from protocol.totals import Invited, TotalsContributor, TotalsRequester
from protocol.vocabulary import Reveals
from psi import PsiError
from tests.sim.host import NOW_MS, SimSigner, derive, local, question, secrets
from tests.sim.logarithms import solve

NAMES = ("north", "south", "east", "west", "centre", "coast", "hills", "islands")
EXACT = Terms(0, 0, 0)


def counting(categories: Sequence[str] = ("",), **changes: object) -> Aggregate:
    """A question for counts."""
    column, names = ("corridor", tuple(categories)) if tuple(categories) != ("",) else ("", ())
    return replace(Aggregate("", "", column, names, (), 0, 0, 0, 1, 0, 0), **changes)  # type: ignore[arg-type]


def summing(categories: Sequence[str] = ("",), low: int = -5, high: int = 9, **changes: object) -> Aggregate:
    """A question for counts and values."""
    summed = {"value": "amount", "currency": "EUR", "unit": 100, "low": low, "high": high}
    return counting(categories, **(summed | changes))


@dataclass
class Member:
    """One participant's host."""

    agency: str
    session: Session
    own: OwnCells
    terms: Terms
    refusal: Rejection | None = None
    inbox: deque[Event] = field(default_factory=deque)
    outbox: deque[tuple[str | None, bytes, PacketType]] = field(default_factory=deque)
    sent: list[PacketType] = field(default_factory=list)
    acts: list[str] = field(default_factory=list)
    evidence: list[fx.Evidence] = field(default_factory=list)
    done: fx.Done | None = None

    def feed(self, event: Event) -> None:
        events = deque([event])
        while events:
            for effect in self.session.step(events.popleft()):
                answer = self._carry_out(effect)
                if answer is not None:
                    events.append(answer)

    def _carry_out(self, effect: fx.Effect) -> Event | None:
        match effect:
            case fx.Send():
                self.outbox.append((None, effect.packet, effect.type))
                self._note(effect.type)
            case fx.SendTo():
                self.outbox.append((effect.agency, effect.packet, effect.type))
                if not decode_packet(effect.packet).sender:
                    self._note(effect.type)
            case fx.Compute():
                try:
                    return Completed(effect.token, effect.job.run())
                except PsiError as error:
                    return JobFailed(effect.token, error)
            case fx.Solve():
                return solve(effect)
            case fx.ReadCells():
                return Completed(effect.token, self.own)
            case fx.Admit():
                self.acts.append("admit")
                admission = Admission((), derive(1, f"root/{self.agency}", 64), terms=self.terms)
                return Completed(effect.token, self.refusal or admission)
            case fx.ConsumeSeed():
                self.acts.append("consume-seed")
                return Completed(effect.token)
            case fx.Charge():
                self.acts.append(f"charge {effect.elements} {effect.epsilon_millis} {effect.exact}")
                return Completed(effect.token)
            case fx.Evidence():
                self.evidence.append(effect)
            case fx.Done():
                assert self.done is None, "a session ends once"
                self.done = effect
            case _:
                raise AssertionError(f"a total asks for no {type(effect).__name__}")
        return None

    def _note(self, kind: PacketType) -> None:
        if not self.sent or self.sent[-1] is not kind:
            self.sent.append(kind)
        if kind is PacketType.SHARES:
            assert any(act.startswith("charge") for act in self.acts), "no partial decryption before the charge"

    @property
    def error(self) -> str | None:
        """The code with which it ended; None where it ended well, 'silent' where it did not end."""
        if self.done is None:
            return "silent"
        return None if self.done.error is None else self.done.error.code

    @property
    def totals(self) -> list[tuple[int | None, int | None, int | None]]:
        assert self.done is not None
        assert self.done.error is None, self.done.error
        assert isinstance(self.done.result, Totals)
        return [(total.contributors, total.records, total.value) for total in self.done.result.totals]


Tamper = Callable[[str, str, bytes], Iterable[bytes]]
"""(from, to, packet) -> the packets that arrive instead."""


def honest(_sender: str, _receiver: str, packet: bytes) -> Iterable[bytes]:
    return (packet,)


@dataclass
class Ring:
    """A requester (the first) and its contributors."""

    members: dict[str, Member]
    aggregate: Aggregate
    cap: int
    seed: int

    @classmethod
    def of(
        cls,
        own: Sequence[OwnCells],
        aggregate: Aggregate,
        *,
        cap: int = 20,
        terms: Sequence[Terms] | None = None,
        to_all: bool = False,
        seed: int = 1,
        contributor: type[TotalsContributor] | None = None,
        requester: type[TotalsRequester] = TotalsRequester,
        ask: Question | None = None,
        known: dict[str, bytes] | None = None,
    ) -> Ring:
        names = NAMES[: len(own)]
        terms = terms or [replace(EXACT, minimum=aggregate.minimum, epsilon_millis=aggregate.epsilon_millis)] * len(own)
        signers = {name: SimSigner(seed, name) for name in names}
        partners = {name: signer.public_key for name, signer in signers.items()} if known is None else known
        ask = ask or question({"imo": cap}, seed, reveals=Reveals.TOTALS, aggregate=aggregate)
        invited = [Invited(Peer(name, signers[name].public_key), f"cases of {name}") for name in names[1:]]
        first = requester(
            ask,
            local(names[0], partners=partners),
            secrets(seed, names[0]),
            derive(seed, "root", 64),
            signers[names[0]],
            invited,
            terms[0],
            to_all=to_all,
        )
        members = {names[0]: Member(names[0], first, own[0], terms[0])}
        for name, cells, told in zip(names[1:], own[1:], terms[1:], strict=True):
            peer = Peer(names[0], signers[names[0]].public_key)
            session = AnyResponder(local(name, partners=partners), secrets(seed, name), signers[name], peer)
            members[name] = Member(name, session, cells, told)
        ring = cls(members, aggregate, cap, seed)
        if contributor is not None:
            ring.replace(names[1], contributor)
        return ring

    def replace(self, agency: str, role: type[TotalsContributor]) -> None:
        """Have this contributor be played by another class, from its envelope on."""

        class Becoming(AnyResponder):
            def step(self, event: Event) -> list[fx.Effect]:
                if isinstance(event, Received):
                    self.__class__ = role  # type: ignore[assignment]
                    return self.step(event)
                return super().step(event)

        self.members[agency].session.__class__ = Becoming

    @property
    def requester(self) -> Member:
        return next(iter(self.members.values()))

    def run(self, tamper: Tamper = honest) -> Ring:
        """Deliver packets until nobody says anything more; which link is next is drawn."""
        chance = random.Random(self.seed)
        for member in self.members.values():
            member.feed(Started())
        self._collect(tamper)
        while waiting := [member for member in self.members.values() if member.inbox]:
            member = chance.choice(waiting)
            member.feed(member.inbox.popleft())
            self._collect(tamper)
        return self

    def _collect(self, tamper: Tamper) -> None:
        hub = self.requester
        for member in self.members.values():
            while member.outbox:
                to, packet, _ = member.outbox.popleft()
                receiver = self.members[to or hub.agency]
                for arrived in tamper(member.agency, receiver.agency, packet):
                    event: Event = (
                        ReceivedFrom(member.agency, arrived, NOW_MS) if receiver is hub else Received(arrived, NOW_MS)
                    )
                    receiver.inbox.append(event)

    def lose(self, agency: str) -> Ring:
        """The connection to a contributor ends; both sides notice."""
        self.members[agency].feed(Ended(ConnectionLostError("the test cuts the wire"), tell_partner=False))
        self.requester.feed(LinkEnded(agency, "connection-lost"))
        self._collect(honest)
        for member in self.members.values():
            while member.inbox:
                member.feed(member.inbox.popleft())
        return self

    def errors(self) -> list[str | None]:
        """Each participant's error code, the requester's first."""
        return [member.error for member in self.members.values()]

    def truth(self) -> list[tuple[int | None, int | None, int | None]]:
        """The same in the clear, without noise: what the requester must learn, cell by cell."""
        out: list[tuple[int | None, int | None, int | None]] = []
        hosts = list(self.members.values())
        for cell in range(len(self.aggregate.categories or ("",))):
            parts = []
            for host in hosts:
                records = host.own.records[cell]
                if records < max(host.terms.minimum * self.aggregate.per_person, 1) or host.own.withheld[cell]:
                    continue
                base = host.terms.rounding
                told = (2 * records + base) // (2 * base) * base if base else records
                value = host.own.values[cell] if self.aggregate.value else 0
                low, high = self.cap * self.aggregate.low, self.cap * self.aggregate.high
                parts.append((min(told, self.cap), max(low, min(value, high))))
            counted = sum(told for told, _ in parts)
            if len(parts) < 3:
                out.append((len(parts), None, None))
            elif not self.aggregate.value or counted < self.aggregate.per_person * max(
                host.terms.minimum for host in hosts
            ):
                out.append((len(parts), counted, None))
            else:
                out.append((len(parts), counted, sum(value for _, value in parts)))
        return out
