"""A count or a sum between two parties in memory: north asks, south owns the data.

What is simulated beside tests/sim/host.py: what stands behind south's identifiers, as plain Python numbers, so that
`Truth` has no code in common with what it judges. A failure is, besides those of any session: a figure that differs
from the plain one, a charge that comes after what it pays for, an answer whose form tells whether it was suppressed.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from protocol import effects as fx
from protocol.aggregate.terms import stricter
from protocol.counting import CountRequester
from protocol.events import Completed, Event
from protocol.handshake import Question
from protocol.host_answers import Admission, Rejection, Values
from protocol.messages import Aggregate, PacketType, Terms
from protocol.responders import AnyResponder
from protocol.results import Disclosed, Figures
from protocol.roles import Requester
from protocol.session import Peer
from protocol.summing import SumRequester
from protocol.vocabulary import Query, Reveals
from psi import Items
from tests.sim.host import Host, SimSigner, Simulation, derive, local, question, secrets
from tests.sim.logarithms import solve

COUNT = Aggregate("", "", "", (), (), 0, 0, 0, 1, 0, 0)
SUM = Aggregate("amount", "EUR", "", (), (), 1, -1_000, 1_000, 1, 0, 0)
REQUESTERS: dict[Query, type[Requester]] = {Query.COUNT: CountRequester, Query.SUM: SumRequester}
REVEALS = {Query.COUNT: Reveals.COUNT, Query.SUM: Reveals.SUMS}


@dataclass(frozen=True)
class Record:
    """What stands behind one of south's identifiers: in each category whether it counts, and its value."""

    flags: tuple[int, ...] = (1,)
    amounts: tuple[int, ...] = (0,)


Holdings = dict[str, dict[bytes, Record]]


@dataclass
class AggregateHost(Host):
    """One side, which also knows what stands behind its identifiers, and keeps the table of logarithms."""

    records: list[list[Record]] = field(default_factory=list)
    sums: bool = False

    def _carry_out(self, effect: fx.Effect) -> Event | None:
        match effect:
            case fx.ReadValues():
                chosen = self.records[effect.list_number][effect.first : effect.first + effect.count]
                flags = b"".join(bytes(record.flags) for record in chosen)
                amounts = b"".join(struct.pack(f"<{len(r.amounts)}q", *r.amounts) for r in chosen) if self.sums else b""
                return Completed(effect.token, Values(flags, amounts))
            case fx.Solve():
                return solve(effect)
            case fx.Send() if effect.type is PacketType.TARGETS:
                assert self.acts[-1].startswith("charge"), "what depends on records leaves when it is paid"
            case fx.Charge():
                self.acts.append(f"charge {effect.elements} epsilon {effect.epsilon_millis} exact {effect.exact}")
                return Completed(effect.token)
        return super()._carry_out(effect)


def aggregate_simulation(
    query: Query,
    aggregate: Aggregate,
    mine: dict[str, list[bytes]],
    theirs: Holdings,
    *,
    number: int = 1,
    terms: Terms | None = None,
    ask: Question | None = None,
    decide: Callable[[fx.Admit], Admission | Rejection] | None = None,
) -> Simulation:
    """A requester `north` and a responder `south`, whose terms are those asked for unless told otherwise."""
    north, south = SimSigner(number, "north"), SimSigner(number, "south")
    sizes = {kind: len(values) for kind, values in mine.items()}
    ask = ask or question(sizes, number, reveals=REVEALS[query], aggregate=aggregate)
    requester = REQUESTERS[query](
        ask, local("north"), secrets(number, "north"), derive(number, "root/north", 64), north,
        Peer("south", south.public_key),
    )  # fmt: skip
    responder = AnyResponder(local("south"), secrets(number, "south"), south, Peer("north", north.public_key))
    own = [theirs.get(kind, {}) for kind in mine]
    admission = Admission(
        tuple(len(values) for values in own),
        derive(number, "root/south", 64),
        terms=terms or stricter(aggregate, 0, 0, 0),
    )
    return Simulation(
        AggregateHost(requester, [Items.from_sequence(values) for values in mine.values()]),
        AggregateHost(
            responder,
            [Items.from_sequence(values) for values in own],
            decide or (lambda _: admission),
            records=[list(values.values()) for values in own],
            sums=query is Query.SUM,
        ),
    )


@dataclass(frozen=True)
class Truth:
    """The plain answer."""

    counts: tuple[int, ...]
    totals: tuple[int, ...]

    @classmethod
    def of(cls, aggregate: Aggregate, mine: dict[str, list[bytes]], theirs: Holdings) -> Truth:
        categories = max(len(aggregate.categories), 1)
        counts, totals = [0] * categories, [0] * categories
        for kind, values in mine.items():
            for value in set(values) & set(theirs.get(kind, {})):
                record = theirs[kind][value]
                for place, flag in enumerate(record.flags):
                    counts[place] += flag
                    if flag and aggregate.value:
                        totals[place] += in_units(record.amounts[place], aggregate)
        return cls(tuple(counts), tuple(totals))


def in_units(amount: int, aggregate: Aggregate) -> int:
    """The nearest unit, of two equally near ones the higher, clipped."""
    whole, rest = divmod(amount, aggregate.unit)
    return max(aggregate.low, min(aggregate.high, whole + (2 * rest >= aggregate.unit)))


def figures(simulation: Simulation) -> Figures:
    done = simulation.requester.done
    assert done is not None and done.error is None, done
    assert isinstance(done.result, Figures)
    return done.result


def learned(simulation: Simulation) -> Disclosed:
    done = simulation.responder.done
    assert done is not None and done.error is None, done
    assert isinstance(done.result, Disclosed)
    return done.result


def categorised(aggregate: Aggregate, *names: str, **changes: object) -> Aggregate:
    """The same, by category."""
    return replace(aggregate, category="corridor", categories=names, **changes)  # type: ignore[arg-type]
