"""An epoch between two parties in memory: north asks, south gives.

What is simulated beside tests/sim/host.py: what each side keeps between sessions. South keeps its seed and every
release; north keeps the signed messages and the tags, as plain Python sets, so that no code of the nodes has a hand in
what a release should lead to. A failure is, besides those of any session: an index that differs from the tags of what
south released last, a charge after what it pays for, an index that changed without `Adopt`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace

from protocol import effects as fx
from protocol.epoch import EpochRequester, SyncRequester
from protocol.epoch.statements import Held, digest_of, epoch_keys, held_epoch, read_epoch, read_release, sign
from protocol.events import Completed, Event
from protocol.handshake import Question, commit_snapshot
from protocol.host_answers import Admission, Grant, Merged, Rejection, Signed
from protocol.messages import PROTOCOL_VERSION, Epoch, List, ListChange, PacketType, Release
from protocol.responders import AnyResponder
from protocol.session import Peer
from psi import SUITE, Items, public_key, tags
from tests.sim.host import NOW_MS, PROFILE, Host, SimSigner, Simulation, derive, local, question, secrets

Lists = dict[str, list[bytes]]


def tag_set(values: list[bytes], key: bytes) -> set[bytes]:
    rows = tags(Items.from_sequence(values), key) if values else b""
    return {rows[i : i + 16] for i in range(0, len(rows), 16)}


@dataclass
class South:
    """The giving side: one epoch and its releases."""

    kinds: tuple[str, ...]
    number: int = 1
    changes: dict[str, object] = field(default_factory=dict)
    releases: list[tuple[Signed, list[bytes]]] = field(default_factory=list)
    index: list[set[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.signer = SimSigner(self.number, "south")
        self.seed = derive(self.number, "epoch-seed")
        names = (derive(self.number, "epoch-id", 16).hex(), "south", "north", "suspects", self.kinds)
        self.keys = epoch_keys(self.seed, *names)
        epoch = Epoch(
            version=PROTOCOL_VERSION,
            suite=SUITE,
            id=names[0],
            realm="exercise",
            responder="south",
            requester="north",
            data_set="suspects",
            kinds=self.kinds,
            public_keys=tuple(public_key(key) for key in self.keys),
            profile_hash=PROFILE,
            reveals="shared-identifiers",
            not_before_ms=NOW_MS - 1000,
            not_after_ms=NOW_MS + 86_400_000,
            max_elements=1_000,
            max_elements_per_query=100,
        )
        self.statement = sign(self.signer, PacketType.EPOCH, replace(epoch, **self.changes))
        self.index = [set() for _ in self.kinds]

    @property
    def epoch(self) -> Epoch:
        return read_epoch(self.statement)

    def release(self, lists: Lists, **changes: object) -> None:
        """Release what the lists hold now."""
        rows: list[bytes] = []
        counts: list[ListChange] = []
        for number, kind in enumerate(self.kinds):
            new, old = tag_set(lists.get(kind, []), self.keys[number]), self.index[number]
            added, removed = sorted(new - old), sorted(old - new)
            rows += [b"".join(added), b"".join(removed)]
            whole = hashlib.sha512(b"".join(sorted(new))).digest()
            counts.append(ListChange(len(added), len(removed), len(new), whole))
            self.index[number] = new
        number = len(self.releases) + 1
        previous = (PacketType.RELEASE, self.releases[-1][0]) if self.releases else (PacketType.EPOCH, self.statement)
        commitment = commit_snapshot(derive(number, "release-salt"), derive(number, "root", 64))
        release = Release(self.epoch.id, number, digest_of(*previous), NOW_MS, commitment, tuple(counts))
        self.releases.append((sign(self.signer, PacketType.RELEASE, replace(release, **changes)), rows))

    def grant(self, after: int, watched: int = 0) -> Grant:
        return Grant(self.statement, self.seed, tuple(signed for signed, _ in self.releases[after:]), watched)

    def sizes(self, kinds: tuple[str, ...]) -> tuple[int, ...]:
        return tuple(len(self.index[self.kinds.index(kind)]) for kind in kinds)


@dataclass
class North:
    """The holding side: what it pinned, and its index."""

    statement: Signed | None = None
    release: Signed | None = None
    index: list[set[bytes]] = field(default_factory=list)

    @property
    def held(self) -> Held | None:
        return None if self.statement is None else held_epoch(self.statement, self.release)


@dataclass
class SouthHost(Host):
    south: South | None = None

    def _carry_out(self, effect: fx.Effect) -> Event | None:
        if isinstance(effect, fx.ReadRelease):
            assert self.south is not None
            rows = self.south.releases[min(effect.release, len(self.south.releases)) - 1][1][effect.part]
            return Completed(effect.token, rows[effect.first * 16 : (effect.first + effect.count) * 16])
        return super()._carry_out(effect)


@dataclass
class NorthHost(Host):
    north: North | None = None
    draft: list[set[bytes]] = field(default_factory=list)

    def _carry_out(self, effect: fx.Effect) -> Event | None:
        if isinstance(effect, fx.Merge):
            return Completed(effect.token, self._merge(effect))
        if isinstance(effect, fx.Adopt):
            assert self.north is not None
            self.north.statement, self.north.release = effect.statement, effect.release
            self.north.index, self.draft = self.draft, []
            self.acts.append(f"adopt {read_release(effect.release).number}")
            return Completed(effect.token)
        return super()._carry_out(effect)

    def _merge(self, effect: fx.Merge) -> Merged:
        assert self.north is not None
        assert len(self.draft) == effect.list_number, "lists come in order"
        added, removed = (set(self._rows(spool, 16)) for spool in (effect.additions, effect.removals))
        old = self.north.index[effect.list_number] if self.north.index else set()
        self.spools.pop(effect.additions, None)
        self.spools.pop(effect.removals, None)
        new = (old - removed) | added
        self.draft.append(new)
        digest = hashlib.sha512(b"".join(sorted(new))).digest()
        return Merged(len(new), digest, len(added & old) + len(removed - old))


def south_host(south: South, admission: Admission | Rejection) -> SouthHost:
    peer = Peer("north", SimSigner(south.number, "north").public_key)
    session = AnyResponder(local("south"), secrets(south.number, "south"), south.signer, peer)
    return SouthHost(session, [], lambda _: admission, south=south)


def sync(north: North, south: South, *, number: int = 1, watched: int = 0, **changes: object) -> Simulation:
    """A synchronisation, ready to run. `changes` are of the question."""
    held = north.held
    ask = _question(number, held, lists=tuple(List(kind, 0) for kind in south.kinds), **changes)
    requester = SyncRequester(
        ask,
        local("north"),
        secrets(number, "north"),
        SimSigner(south.number, "north"),
        Peer("south", south.signer.public_key),
        held,
    )
    admission = Admission(south.sizes(south.kinds), bytes(64), south.grant(ask.release, watched))
    return Simulation(NorthHost(requester, [], north=north), south_host(south, admission))


def ask_within(
    north: North, south: South, mine: Lists, *, number: int = 1, grant: Grant | None = None, **changes: object
) -> Simulation:
    """A question within the epoch, ready to run; north's host lends its index."""
    held = north.held
    assert held is not None
    ask = _question(number, held, lists=tuple(List(kind, len(values)) for kind, values in mine.items()), **changes)
    requester = EpochRequester(
        ask,
        local("north"),
        secrets(number, "north"),
        derive(number, "root/north", 64),
        SimSigner(south.number, "north"),
        Peer("south", south.signer.public_key),
        held,
    )
    host = NorthHost(requester, [Items.from_sequence(values) for values in mine.values()], north=north)
    for i, kind in enumerate(mine):
        if kind in south.kinds:
            rows = sorted(north.index[south.kinds.index(kind)])
            host.spools["partner-tags", i] = bytearray(b"".join(rows))
    sizes = south.sizes(tuple(mine)) if set(mine) <= set(south.kinds) else (0,) * len(mine)
    admission = Admission(sizes, bytes(64), grant or south.grant(len(south.releases)))
    return Simulation(host, south_host(south, admission))


def _question(number: int, held: Held | None, **changes: object) -> Question:
    named = {"epoch": held.epoch.id, "release": held.release} if held else {}
    return question({}, number, **(named | changes))
