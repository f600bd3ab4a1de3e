"""Spoiled frames against a live node: over TLS, with its ledger, state and registry, one session after the other.

A failure is: a session that hangs, or ends in an error that is not one of the expected classes; a session that is left;
a ledger that does not verify; memory that grows with the number of sessions.
"""

from __future__ import annotations

import asyncio
import logging
import random
import re
from argparse import Namespace
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import psutil
import pytest

from nodes import sessions as sessions_module
from nodes.ledger import LedgerFile
from tests.asynchronous import asynchronous
from tests.by_hand import PACKETS, ByHand, hold
from tests.forgeries import FORGED_CODES, forgeries
from tests.mutations import EXPECTED_CODES, MUTATIONS, Mutation
from tests.patience import PATIENCE_SECONDS
from tests.scene import Scene, raw_channel, served
from tests.soak import record

SESSIONS = 500
SOAK_SESSIONS = 20_000
# Elements that are elements, but others than were sent, fail the attacker's own check of the proof.
OWN_CHECK = "aborted-by-partner"
# An envelope that was sent before is a replay, and one that asks for something else is refused by rule.
REJECTED = "rejected"


class Endings(logging.Handler):
    """How each session ended, as the node's log says."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.codes: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        found = re.search(r'event=session-ended .*outcome="?([a-z-]+)', record.getMessage())
        if found:
            self.codes.append(found[1])


@dataclass
class Attacker:
    """North's node in the hands of somebody who spoils one packet of a session."""

    scene: Scene
    channel: grpc.aio.Channel
    endings: Endings
    originals: list[bytes] = field(default_factory=list)
    ways: tuple[Mutation, ...] = ()

    def __post_init__(self) -> None:
        self.ways = (*MUTATIONS, *forgeries(self.scene.north.identity.signer))

    async def session(self, seed: int, spoiled: int) -> tuple[str, str]:
        """One session in which packet number `spoiled` is spoiled. Returns the mutation's name and the node's error."""
        rng = random.Random(seed)
        mutation = self.ways[seed % len(self.ways)]
        session = ByHand(self.scene, self.channel)
        known, changed = len(self.endings.codes), False
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for packet in session.packets():
                if spoiled < 0:
                    self.originals.append(packet)
                sent = mutation(rng, packet, self.originals) if session.sent == spoiled else packet
                changed |= sent != packet
                await session.send(sent)
            await session.to_the_end()
            while len(self.endings.codes) == known:  # noqa: ASYNC110, what is waited for is a log line
                await asyncio.sleep(0.005)
        return mutation.__name__, self.endings.codes[-1] if changed or spoiled < 0 else "unchanged"


async def attack(folder: Path, count: int) -> Counter[tuple[str, str]]:
    endings, process = Endings(), psutil.Process()
    logger = logging.getLogger("accord.service")
    logger.addHandler(endings)
    logger.setLevel(logging.INFO)
    logger.propagate = False  # pytest keeps every record: memory that would look like the node's
    try:
        async with served(folder) as scene, raw_channel(scene, scene.north.identity) as channel:
            hold(scene, folder)
            attacker = Attacker(scene, channel, endings)
            assert await attacker.session(0, -1) == (MUTATIONS[0].__name__, "done")
            assert len(attacker.originals) == PACKETS
            seen: Counter[tuple[str, str]] = Counter()
            settled_bytes = 0
            for seed in range(count):
                seen[await attacker.session(seed, seed // len(attacker.ways) % PACKETS)] += 1
                assert scene.node.sessions.underway == ()
                if seed == count // 3:
                    settled_bytes = process.memory_info().rss
            assert process.memory_info().rss - settled_bytes < 16 << 20
            assert (await attacker.session(count, -1))[1] == "done"
            LedgerFile(scene.south.home.ledger_file).verify(scene.south.identity.signer.public_key)
            return seen
    finally:
        logger.removeHandler(endings)
        logger.propagate = True


def check(seen: Counter[tuple[str, str]]) -> None:
    expected = EXPECTED_CODES | FORGED_CODES | {"unchanged", OWN_CHECK, REJECTED}
    assert {code for _, code in seen} <= expected
    assert len({code for _, code in seen} & EXPECTED_CODES) >= 6


@pytest.fixture(autouse=True)
def no_bound_on_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """That bound has a test of its own; here it would only make the run take hours."""
    monkeypatch.setattr(sessions_module, "STARTS_PER_MINUTE", 1 << 30)


@asynchronous
async def test_mutated_frames_against_a_live_node(tmp_path: Path) -> None:
    check(await attack(tmp_path, SESSIONS))


@pytest.mark.soak
def test_many_mutated_frames_against_a_live_node(tmp_path: Path) -> None:
    seen = asyncio.run(attack(tmp_path, SOAK_SESSIONS))
    check(seen)
    record("mutated-frames", Namespace(seed=0, sessions=SOAK_SESSIONS), seen)
