"""Spoiled packets against the state machines of every flow: each ends in an expected error, named, and is told.

A packet is spoiled on its way (tests.mutations) or by a partner that is compromised and signs what it sends
(tests.forgeries). A failure is: a session that goes on as if nothing had been changed, one that ends in an error that
is not one of the named classes, one that does not end, or an exception that leaves a session.
"""

from __future__ import annotations

import random
from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from functools import cache, partial
from itertools import count, islice
from typing import Final

import pytest

from protocol.messages import Aggregate
from protocol.vocabulary import REVEALED, Query, Reveals
from tests.forgeries import FORGED_CODES, forgeries
from tests.mutations import EXPECTED_CODES, MUTATIONS, Mutation
from tests.sim.aggregates import COUNT, SUM, Record, aggregate_simulation
from tests.sim.epochs import North, South, ask_within, sync
from tests.sim.forks import Moment, forkable, moments
from tests.sim.host import Simulation, question
from tests.soak import record

MESSAGES = 6_000
# With 20,000 against a live node (tests/e2e/test_mutated_frames.py), more than a million.
SOAK_MESSAGES: Final = {"mutated-packets": 980_000, "mutated-figures": 40_000}
SEED: Final = 1

MINE = {"imo": [bytes([i]) * 3 for i in range(7)]}
THEIRS = {"imo": [bytes([i]) * 3 for i in range(3, 12)]}

ENDED = "aborted-by-partner"
RARE: Final = {"expired-envelope", "bad-terms", "bad-cells"}  # too rare for a short run


def intersect(reveals: Reveals) -> Simulation:
    ask = question({kind: len(values) for kind, values in MINE.items()}, reveals=reveals)
    return Simulation.of(MINE, THEIRS, ask=ask)


@cache
def prepared(*releases: str) -> tuple[North, South]:
    """North at the first release, south at the last."""
    north, south = North(), South(("imo",))
    for name in releases:
        south.release({"first": THEIRS, "then": MINE}[name])
        if name == "first":
            assert sync(north, south).run().errors() == (None, None)
    return north, south


def synchronisation() -> Simulation:
    north, south = prepared("first", "then")
    return sync(replace(north), south, number=2)


def question_in_epoch() -> Simulation:
    north, south = prepared("first")
    return ask_within(north, south, THEIRS, number=2)


def figures_of(query: Query, aggregate: Aggregate) -> Simulation:
    theirs = {kind: {value: Record((1,), (7,)) for value in values} for kind, values in THEIRS.items()}
    return aggregate_simulation(query, replace(aggregate, minimum=3), MINE, theirs)


FLOWS: Final[dict[str, Callable[[], Simulation]]] = {
    **{reveals.value: partial(intersect, reveals) for reveals in REVEALED[Query.INTERSECT]},
    "epoch-sync": synchronisation,
    "epoch-intersect": question_in_epoch,
    "count": partial(figures_of, Query.COUNT, COUNT),
    "sum": partial(figures_of, Query.SUM, SUM),
}

FIGURES: Final = frozenset({"count", "sum"})


@dataclass
class Endings:
    """What spoiled packets ended in."""

    messages: int = 0
    by_mutation: Counter[tuple[str, str]] = field(default_factory=Counter)
    by_flow: Counter[str] = field(default_factory=Counter)

    @property
    def codes(self) -> set[str]:
        return {code for _, code in self.by_mutation}


def ending(moment: Moment, spoiled: bytes) -> str:
    """How the session ended: the code of who noticed, the receiver first."""
    codes = moment.arrives(spoiled).errors()
    receiver, sender = reversed(codes) if moment.sender == "requester" else codes
    named = [code for code in (receiver, sender) if code in EXPECTED_CODES | FORGED_CODES]
    if named and "silent" not in codes:
        return str(named[0])
    # A signed abort is believed, and not answered: in a node its sender then sees the stream end.
    assert (receiver, sender) in {(ENDED, "silent"), (ENDED, None)}, (codes, moment.sender, spoiled.hex())
    return ENDED


def spoiled_in_turn(seed: int, flows: Collection[str]) -> Iterator[tuple[str, str, str]]:
    """Without end: spoil each packet of each flow in each way, again and again; yield flow, mutation and ending."""
    packets = [moment.packet for flow in flows for moment in moments_of(flow)]
    for turn in count():
        for flow in flows:
            for place, moment in enumerate(moments_of(flow)):
                for mutation in ways(moment):
                    rng = random.Random(f"{seed}/{turn}/{flow}/{place}/{mutation.__name__}")
                    spoiled = mutation(rng, moment.packet, packets)
                    if spoiled != moment.packet:
                        yield flow, mutation.__name__, ending(moment, spoiled)


@cache
def moments_of(flow: str) -> list[Moment]:
    return moments(FLOWS[flow])


def ways(moment: Moment) -> tuple[Mutation, ...]:
    return (*MUTATIONS, *forgeries(moment.signer))


def run(messages: int, flows: Collection[str] = FLOWS) -> Endings:
    endings = Endings()
    with forkable():
        for flow, mutation, code in islice(spoiled_in_turn(SEED, flows), messages):
            endings.messages += 1
            endings.by_flow[flow] += 1
            endings.by_mutation[mutation, code] += 1
    return endings


def test_mutated_packets() -> None:
    endings = run(MESSAGES)
    assert endings.codes >= EXPECTED_CODES | FORGED_CODES - RARE | {ENDED}, "each must have been reached"
    assert set(endings.by_flow) == set(FLOWS)


@pytest.mark.soak
@pytest.mark.parametrize(("name", "messages"), SOAK_MESSAGES.items())
def test_a_million_mutated_packets(name: str, messages: int) -> None:
    flows = [flow for flow in FLOWS if (flow in FIGURES) == (name == "mutated-figures")]
    endings = run(messages, flows)
    record(name, Namespace(seed=SEED, messages=messages), endings.by_mutation, by_flow=endings.by_flow)


@pytest.mark.parametrize("flow", FLOWS)
def test_a_copy_of_a_session_goes_on_as_the_session_would(flow: str) -> None:
    """What the copies above stand on: undisturbed, they end well, and byte for byte as without a copy."""
    with forkable():
        whole = FLOWS[flow]().run().trace
        found = moments(FLOWS[flow])
        assert [(moment.sender, moment.packet) for moment in found] == whole
        for place, moment in enumerate(found):
            for _ in range(2):
                copied = moment.arrives(moment.packet)
                assert copied.errors() == (None, None)
                assert sorted(copied.trace) == sorted(whole[place + 1 :])
