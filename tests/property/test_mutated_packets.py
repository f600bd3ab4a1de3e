"""Spoiled packets against both state machines: each ends in an expected error, named, and tells the partner."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tests.mutations import EXPECTED_CODES, MUTATIONS
from tests.sim.host import Simulation

MINE = {"imo": [bytes([i]) * 3 for i in range(7)]}
THEIRS = {"imo": [bytes([i]) * 3 for i in range(3, 12)]}
PACKETS = [("requester", i) for i in range(5)] + [("responder", i) for i in range(6)]


def spoil(seed: int, originals: list[bytes]) -> tuple[str, str]:
    """One session in which one packet is spoiled. Returns the mutation's name and the receiver's error code."""
    rng = random.Random(seed)
    role, index = PACKETS[seed % len(PACKETS)]
    mutation = MUTATIONS[(seed // len(PACKETS)) % len(MUTATIONS)]
    changed = False

    def tamper(sender: str, n: int, packet: bytes) -> tuple[bytes, ...]:
        nonlocal changed
        if (sender, n) != (role, index):
            return (packet,)
        spoiled = mutation(rng, packet, originals)
        changed = spoiled != packet
        return (spoiled,)

    simulation = Simulation.of(MINE, THEIRS).run(tamper)
    errors = dict(zip(("requester", "responder"), simulation.errors(), strict=True))
    receiver = "responder" if role == "requester" else "requester"
    if not changed:
        return mutation.__name__, "unchanged"
    codes = set(errors.values())
    found = (codes & EXPECTED_CODES) or {str(errors[receiver])}
    assert len(found) == 1, f"seed {seed}: {errors}"
    return mutation.__name__, found.pop()


def run(count: int) -> Counter[tuple[str, str]]:
    originals = [packet for _, packet in Simulation.of(MINE, THEIRS).run().trace]
    return Counter(spoil(seed, originals) for seed in range(count))


def check(seen: Counter[tuple[str, str]]) -> None:
    print("\n".join(f"{count:7} {mutation:18} {code}" for (mutation, code), count in sorted(seen.items())))
    unexpected = {key: count for key, count in seen.items() if key[1] not in EXPECTED_CODES | {"unchanged"}}
    assert not unexpected
    assert {code for _, code in seen} >= EXPECTED_CODES - {"bad-chain"}, "every class must have been reached"


def test_mutated_packets() -> None:
    check(run(5_000))


@pytest.mark.soak
def test_many_mutated_packets() -> None:
    check(run(100_000))
