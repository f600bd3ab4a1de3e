"""Many questions of several partners at one node at the same time: each is answered, or refused by a rule.

What is simulated: four partners' operators who all ask at once, each through the control API of a node of their own. A
failure is: a question without an ending, an ending that is neither the right answer nor a refusal for lack of room, an
answer that the ledger does not know or the other way round, a file left behind, memory that grows with the sessions.
"""

from __future__ import annotations

import resource
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from benchmarks.processes import peak_rss_bytes, rss_bytes
from nodes.control.client import connect
from nodes.control.wire import QueryOrder
from nodes.errors import TooManySessionsError, TurnedAwayError
from nodes.exercise_node import MANDATE, introduce
from nodes.home import Home
from protocol.errors import ConnectionLostError, Reason, RefusedError
from protocol.vocabulary import Reveals
from tests.e2e.harness import NodeUnderTest, make_node, rules
from tests.soak import keep

PARTNERS: Final = ("east", "north", "west", "centre")
QUESTIONS: Final = 40
SOAK_QUESTIONS: Final = 200
OWN, THEIRS = range(60), range(30, 2_000)
SHARED: Final = 30
ANSWERED: Final = "answered"
BUSY: Final = Reason.BUSY.value  # signed
TOO_MANY: Final = TooManySessionsError.code  # not worth a signature: a stream more than the partner may open
# gRPC's client loses the status of a call that is ended while it writes: one in about two thousand.
CUT_SHORT: Final = ConnectionLostError.code
MEMORY_BYTES: Final = 400 << 20

WIDE: Final = "[limits]\nsessions = 256\nsessions_per_partner = 64\n"


@dataclass
class Crowd:
    south: NodeUnderTest
    partners: list[NodeUnderTest]

    def ask(self, questions: int) -> Counter[str]:
        """All partners ask at once. Returns: how the questions ended."""
        with ThreadPoolExecutor(questions) as operators:
            homes = [self.partners[number % len(self.partners)].home for number in range(questions)]
            return Counter(operators.map(ending, homes))


def ending(home: Path) -> str:
    order = QueryOrder("south", "suspects", "suspects", (), Reveals.SHARED_IDENTIFIERS, MANDATE)
    try:
        with connect(Home(home)) as client:
            for event in client.query(order):
                if event["event"] == "done":
                    assert [entry["shared"] for entry in event["result"]["lists"]] == [SHARED]
                    return ANSWERED
    except (RefusedError, TurnedAwayError) as error:
        return str(error).rpartition(": ")[2]
    except ConnectionLostError as error:
        return error.code
    raise AssertionError("expected an ending of the query, got none")


@contextmanager
def crowd(folder: Path, names: tuple[str, ...], south_limits: str) -> Iterator[Crowd]:
    folder.mkdir(exist_ok=True)
    south = make_node(folder, "south")
    partners = [make_node(folder, name) for name in names]
    for node in partners:
        introduce(node, south)
        node.write_rules(rules("south", "outgoing"))
        node.configure(WIDE)
        node.hold(OWN)
    south.write_rules(*(rules(name, "incoming") for name in names))
    south.configure(south_limits)
    south.hold(THEIRS)
    with ExitStack() as stack:
        for node in (south, *partners):
            stack.callback(node.kill)
            node.serve(wait=False)
        for node in (south, *partners):
            node.wait_until_ready()
        yield Crowd(south, partners)
        for node in (south, *partners):
            assert node.stop() == 0


def asked(
    folder: Path, names: tuple[str, ...], questions: int, south_limits: str
) -> tuple[Counter[str], dict[str, float]]:
    """Ask, and check the books. Returns: how the questions ended, and what it cost."""
    with crowd(folder, names, south_limits) as nodes:
        assert nodes.south.process is not None
        number = nodes.south.process.pid
        idle_bytes, begun = rss_bytes(number), time.monotonic()
        seen = nodes.ask(questions)
        seconds = time.monotonic() - begun
        peak_bytes = peak_rss_bytes(number)
        assert seen.total() == questions
        assert set(seen) <= {ANSWERED, BUSY, TOO_MANY, CUT_SHORT} and seen[CUT_SHORT] <= 1 + questions // 100, seen
        events = Counter(row["event"] for row in nodes.south.ledger())
        assert events["disclosure"] == events["completion"] == seen[ANSWERED]
        assert events["refusal"] == seen[BUSY]
        for node in (nodes.south, *nodes.partners):
            assert not list((node.home / "spool").iterdir())
            assert "session-failed" not in node.log_text()
        assert peak_bytes < MEMORY_BYTES
        return seen, {"seconds": seconds, "idle_rss_bytes": idle_bytes, "peak_rss_bytes": peak_bytes}


@pytest.mark.parametrize("limits", ["", WIDE], ids=["as-shipped", "wide"])
def test_partners_who_all_ask_at_once(tmp_path: Path, limits: str) -> None:
    seen, _ = asked(tmp_path, PARTNERS[:2], QUESTIONS, limits)
    if limits:
        assert seen == {ANSWERED: QUESTIONS}
    assert seen[ANSWERED] >= 1


@pytest.mark.soak
def test_two_hundred_questions_at_once(tmp_path: Path) -> None:
    rows = []
    for name, limits in (("as shipped", ""), ("wide", WIDE)):
        seen, cost = asked(tmp_path / name.replace(" ", "-"), PARTNERS, SOAK_QUESTIONS, limits)
        rows.append({"limits": name, "endings": dict(seen), **cost})
        if limits:
            assert seen == {ANSWERED: SOAK_QUESTIONS}
    lines = [
        f"- limits {row['limits']}: {row['endings']} in {row['seconds']:.1f} s; the node that was asked used "
        f"{row['peak_rss_bytes'] / 2**20:.0f} MiB at most, {row['idle_rss_bytes'] / 2**20:.0f} MiB before"
        for row in rows
    ]
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    facts = Namespace(seed=0, questions=SOAK_QUESTIONS, partners=len(PARTNERS), open_files=limit)
    keep("many-at-once", facts, "\n".join(lines) + "\n", runs=rows)
