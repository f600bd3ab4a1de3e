"""Spoiled packets of a synchronisation and of a question within an epoch: each ends in an expected error, named."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest

from tests.mutations import EXPECTED_CODES, MUTATIONS
from tests.sim.epochs import North, South, ask_within, sync
from tests.sim.host import Simulation

FIRST = {"imo": [bytes([i]) * 3 for i in range(3, 12)]}
THEN = {"imo": [bytes([i]) * 3 for i in range(7)]}
# A noisy row of tags; an epoch's message in the place of another.
SPOILED = EXPECTED_CODES | {"bad-release", "epoch-mismatch"}


@cache
def prepared(*releases: str) -> tuple[North, South]:
    """North at the first release, south at the last."""
    north, south = North(), South(("imo",))
    for name in releases:
        south.release({"first": FIRST, "then": THEN}[name])
        if name == "first":
            assert sync(north, south).run().errors() == (None, None)
    return north, south


def synchronisation() -> Simulation:
    north, south = prepared("first", "then")
    return sync(replace(north), south, number=2)


def question() -> Simulation:
    north, south = prepared("first")
    return ask_within(north, south, FIRST, number=2)


def spoil(seed: int, make: Callable[[], Simulation], originals: list[tuple[str, bytes]]) -> tuple[str, str]:
    """One session in which one packet is spoiled. Returns the mutation's name and the error code."""
    rng = random.Random(seed)
    places = Counter(role for role, _ in originals)
    role, index = [(role, i) for role in places for i in range(places[role])][seed % len(originals)]
    mutation = MUTATIONS[(seed // len(originals)) % len(MUTATIONS)]
    packets, changed = [packet for _, packet in originals], False

    def tamper(sender: str, n: int, packet: bytes) -> tuple[bytes, ...]:
        nonlocal changed
        if (sender, n) != (role, index):
            return (packet,)
        spoiled = mutation(rng, packet, packets)
        changed = spoiled != packet
        return (spoiled,)

    codes = set(make().run(tamper).errors())
    if not changed:
        return mutation.__name__, "unchanged"
    found = codes & SPOILED
    assert len(found) == 1, f"seed {seed}: {codes}"
    return mutation.__name__, found.pop()


def check(count: int) -> None:
    for make in (synchronisation, question):
        originals = make().run().trace
        seen = Counter(spoil(seed, make, originals) for seed in range(count))
        print("\n".join(f"{number:7} {mutation:18} {code}" for (mutation, code), number in sorted(seen.items())))
        reached = {code for _, code in seen}
        assert reached >= {"malformed-packet", "non-canonical-encoding", "bad-signature", "bad-chain"}


def test_mutated_epoch_packets() -> None:
    check(600)


@pytest.mark.soak
def test_many_mutated_epoch_packets() -> None:
    check(50_000)
