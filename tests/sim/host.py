"""Two parties in one process: the hosts of a simulated session.

What is simulated: each side's node (its list, spools, ledger of durable acts, budget decision) and the wire between
them, packet by packet, in a fixed order. Time stands still unless a test moves it. Everything is derived from a number,
so a run can be repeated to the byte. A failure is: a session that ends without `Done`, two different views of one
session, an answer that the truth does not have, or an act that should not have happened (a charge without a checkpoint,
tags without a charge). Not a failure: a session that ends with an error that a test provoked.

Nothing of the product is replaced here but storage and network: the sessions, the codec and the mathematics are real.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol import effects as fx
from protocol.errors import Reason
from protocol.events import Completed, Event, JobFailed, Received, Started
from protocol.handshake import Question
from protocol.host_answers import Admission, Rejection
from protocol.intersect import IntersectRequester, IntersectResponder
from protocol.messages import LegalBasis, List, PacketType
from protocol.results import Answer
from protocol.session import Local, Peer, Secrets, Session
from psi import Items, PsiError
from tests.notes import encode_note

NOW_MS = 1_800_000_000_000
PROFILE = hashlib.sha512(b"a profile for simulations").digest()
BASIS = LegalBasis("test", "treaty", "art. 1", "case-7", "officer-3", "terrorism", "restricted", "routine")


def derive(number: int, label: str, size: int = 32) -> bytes:
    return hashlib.shake_256(f"{number}/{label}".encode()).digest(size)


class SimSigner:
    def __init__(self, number: int, label: str) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(derive(number, f"signing/{label}"))
        self.public_key = self._key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)


def secrets(number: int, label: str) -> Secrets:
    return Secrets(*(derive(number, f"{label}/{part}") for part in ("seed", "coin", "salt")))


def local(agency: str, **changes: object) -> Local:
    values = {
        "agency": agency,
        "realm": "exercise",
        "profile_hash": PROFILE,
        "clock_skew_ms": 60_000,
        "max_period_ms": 3_600_000,
        "max_elements": 10_000_000,
    }
    return Local(**(values | changes))  # type: ignore[arg-type]


def question(kinds: dict[str, int], number: int = 1, **changes: object) -> Question:
    values: dict[str, object] = {
        "data_set": "suspects",
        "operator": "op-1",
        "lists": tuple(List(kind, size) for kind, size in kinds.items()),
        "legal_basis": BASIS,
        "not_before_ms": NOW_MS - 1000,
        "not_after_ms": NOW_MS + 600_000,
        "nonce": derive(number, "nonce"),
    }
    return Question(**(values | changes))  # type: ignore[arg-type]


def values(items: Items) -> list[bytes]:
    ends = memoryview(bytes(items.offsets)).cast("I").tolist()
    return [bytes(items.data)[start:end] for start, end in pairwise(ends)]


def note_of(item: bytes) -> str:
    """What the other side's note says about an item: nothing where the item ends in a zero byte."""
    return "" if item[-1:] == b"\0" else f"ask desk 7 about {item.hex()[:20]}"


@dataclass
class Host:
    """One side: carries out effects inline, remembers what it did."""

    session: Session
    lists: list[Items]
    decide: Callable[[fx.Admit], Admission | Rejection] | None = None
    outbox: deque[bytes] = field(default_factory=deque)
    spools: dict[fx.SpoolName, bytearray] = field(default_factory=dict)
    acts: list[str] = field(default_factory=list)
    evidence: list[fx.Evidence] = field(default_factory=list)
    sent: list[PacketType] = field(default_factory=list)
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
                self.outbox.append(effect.packet)
                self.sent.append(effect.type)
            case fx.Compute():
                try:
                    return Completed(effect.token, effect.job.run())
                except PsiError as error:
                    return JobFailed(effect.token, error)
            case fx.ReadItems():
                return Completed(effect.token, self.lists[effect.list_number].slice(effect.first, effect.count))
            case fx.ReadNotes():
                items = self.lists[effect.list_number].slice(effect.first, effect.count)
                return Completed(effect.token, b"".join(encode_note(note_of(item)) for item in values(items)))
            case fx.Append():
                assert len(effect.rows) % effect.row_bytes == 0
                self.spools.setdefault(effect.spool, bytearray()).extend(effect.rows)
            case fx.Sort():
                rows = sorted(self._rows(effect.spool, effect.row_bytes))
                self.spools[effect.spool] = bytearray(b"".join(rows))
                return Completed(effect.token)
            case fx.ReadRows():
                width = effect.row_bytes
                data = bytes(self.spools[effect.spool][effect.first * width : (effect.first + effect.count) * width])
                rows = [data[i : i + width] for i in range(0, len(data), width)]
                assert rows == sorted(rows), "a spool is read in the order of its rows"
                return Completed(effect.token, data)
            case fx.Join():
                tags = {row[:16]: row for row in self._rows(effect.tags, effect.tag_row_bytes)}
                outputs = self._rows(effect.outputs, effect.output_row_bytes)
                pairs = [row + tags[row[:16]] for row in outputs if row[:16] in tags]
                end = effect.output_row_bytes
                pairs.sort(key=lambda pair: int.from_bytes(pair[end - 4 : end], "little"))
                return Completed(effect.token, b"".join(pairs))
            case fx.Admit():
                assert self.decide is not None
                self.acts.append("admit")
                return Completed(effect.token, self.decide(effect))
            case fx.ConsumeSeed():
                self.acts.append("consume-seed")
                return Completed(effect.token)
            case fx.Charge():
                self.acts.append(f"charge {effect.elements}")
                return Completed(effect.token)
            case fx.Evidence():
                self.evidence.append(effect)
            case fx.Done():
                assert self.done is None, "a session ends once"
                self.done = effect
        return None

    def _rows(self, spool: fx.SpoolName, width: int) -> list[bytes]:
        data = bytes(self.spools.get(spool, b""))
        return [data[i : i + width] for i in range(0, len(data), width)]


Tamper = Callable[[str, int, bytes], Iterable[bytes]]
"""(sender's role, index of the packet in that direction, packet) -> the packets that arrive instead."""


def honest(_sender: str, _index: int, packet: bytes) -> Iterable[bytes]:
    return (packet,)


@dataclass
class Simulation:
    """A requester `north` and a responder `south` with one list per kind each."""

    requester: Host
    responder: Host
    trace: list[tuple[str, bytes]] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        mine: dict[str, list[bytes]],
        theirs: dict[str, list[bytes]],
        *,
        number: int = 1,
        decide: Callable[[fx.Admit], Admission | Rejection] | None = None,
        requester_local: Local | None = None,
        responder_local: Local | None = None,
        ask: Question | None = None,
    ) -> Simulation:
        north, south = SimSigner(number, "north"), SimSigner(number, "south")
        ask = ask or question({kind: len(values) for kind, values in mine.items()}, number)
        requester = IntersectRequester(
            ask,
            requester_local or local("north"),
            secrets(number, "north"),
            derive(number, "root/north", 64),
            north,
            Peer("south", south.public_key),
        )
        responder = IntersectResponder(
            responder_local or local("south"), secrets(number, "south"), south, Peer("north", north.public_key)
        )
        own = [theirs.get(kind, []) for kind in mine]
        admission = Admission(tuple(len(values) for values in own), derive(number, "root/south", 64))
        return cls(
            Host(requester, [Items.from_sequence(values) for values in mine.values()]),
            Host(responder, [Items.from_sequence(values) for values in own], decide or (lambda _: admission)),
        )

    def run(self, tamper: Tamper = honest, now_ms: int = NOW_MS) -> Simulation:
        """Deliver packets in turn until both sides are silent."""
        self.requester.feed(Started())
        self.responder.feed(Started())
        return self.go_on(tamper, now_ms)

    def reconnect(self) -> Simulation:
        """Cut the wire: what is on it is lost. Each side tells the other what it has, on a new one."""
        sides = (self.requester, self.responder)
        for side in sides:
            side.outbox.clear()
        offers = [side.session.resume_packet() for side in sides]
        for side, offer in zip(sides, reversed(offers), strict=True):
            side.outbox.extend(packet for _, packet in side.session.missing(offer))
        return self

    def go_on(self, tamper: Tamper = honest, now_ms: int = NOW_MS) -> Simulation:
        """Deliver what is on the wire, and what follows from it."""
        ends = {"requester": (self.requester, self.responder), "responder": (self.responder, self.requester)}
        counts = dict.fromkeys(ends, 0)
        while any(sender.outbox for sender, _ in ends.values()):
            for role, (sender, receiver) in ends.items():
                if sender.outbox:
                    packet = sender.outbox.popleft()
                    self.trace.append((role, packet))
                    for arrived in tamper(role, counts[role], packet):
                        receiver.feed(Received(arrived, now_ms))
                    counts[role] += 1
        return self

    def rows(self, host: Host | None = None) -> list[list[int]]:
        """A side's answer, list by list; the requester's unless told otherwise."""
        done = (host or self.requester).done
        assert done is not None
        assert done.error is None, done.error
        result = done.result
        assert isinstance(result, Answer)
        return [[int.from_bytes(rows[i : i + 4], "little") for i in range(0, len(rows), 4)] for rows in result.rows]

    def errors(self) -> tuple[str | None, str | None]:
        """The error code of each side, requester first: None where it ended well, 'silent' where it did not end."""

        def code(host: Host) -> str | None:
            if host.done is None:
                return "silent"
            return None if host.done.error is None else host.done.error.code

        return code(self.requester), code(self.responder)


def refuse(_: fx.Admit) -> Rejection:
    return Rejection(Reason.POLICY)
