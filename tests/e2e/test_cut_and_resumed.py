"""A connection that is cut at every phase of a question: it goes on, and the answer is the same."""

from __future__ import annotations

import json
import time
from argparse import Namespace
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks.processes import peak_rss_bytes
from tests.e2e.conftest import Pair
from tests.e2e.harness import number, outcome_of
from tests.e2e.proxy import TO_CLIENT, TO_SERVER
from tests.e2e.test_faults import PHASES, assert_answered, offset, totals
from tests.patience import PATIENCE_SECONDS
from tests.soak import keep

RESUME_SECONDS = 20
UNDER_WAY = [phase for phase in PHASES if phase not in {"tls", "handshake", "after-receipt"}]

__all__ = ["totals"]  # the fixture


@pytest.mark.parametrize("phase", UNDER_WAY)
def test_a_cut_question_goes_on(pair: Pair, totals: dict[str, int], phase: str) -> None:
    known = len(pair.south.ledger())
    pair.proxy.cut_at(*offset(totals, phase))
    assert_answered(pair.north.ask_here("south", "--json"))
    assert pair.proxy.reached.is_set()
    assert "event=session-resumed" in pair.north.log_text()[pair.north.log_begin :]
    pair.south.wait_for_log("event=session-resumed")
    rows = [row for row in pair.south.ledger()[known:] if row["event"] == "disclosure"]
    assert len(rows) == 1, "charged once"


def test_a_partner_that_was_restarted_does_not_know_the_session(pair: Pair, totals: dict[str, int]) -> None:
    pair.proxy.hold_at(*offset(totals, "evaluating"))
    asking = pair.north.ask_meanwhile("south")
    assert pair.proxy.reached.wait(PATIENCE_SECONDS)
    pair.south.kill()
    pair.proxy.reset()
    pair.south.serve()
    outcome = outcome_of(asking)
    assert json.loads(outcome.err.splitlines()[-1])["error"]["code"] == "cannot-resume"
    assert outcome.code == 6
    assert_answered(pair.north.ask_here("south", "--json"))


MILLION = 1_000_000
MEMORY_BYTES = 400 << 20
# In the middle of the question, of the evaluations and of the tags; each counted from the cut before.
CUTS = ((TO_SERVER, 16 << 20), (TO_CLIENT, 8 << 20), (TO_CLIENT, 20 << 20))


@pytest.mark.soak
def test_a_million_against_a_million_goes_on(pair: Pair, tmp_path: Path) -> None:
    own, theirs = range(MILLION), range(MILLION - MILLION // 10, 2 * MILLION - MILLION // 10)
    pair.north.hold(own)
    pair.south.hold(theirs)
    known, answer, begun = len(pair.south.ledger()), tmp_path / "answer.json", time.monotonic()
    pair.proxy.cut_at(*CUTS[0])
    asking = pair.north.ask_meanwhile("south", "--output", answer)
    for _, following in pairwise(CUTS):
        assert pair.proxy.reached.wait(600)
        pair.proxy.cut_at(*following)
    assert pair.proxy.reached.wait(600)
    _, err = asking.communicate(timeout=600)
    seconds = time.monotonic() - begun
    assert asking.returncode == 0, err
    found = {hit["identifier"] for hit in json.loads(answer.read_bytes())["hits"]}
    assert found == {number(value) for value in range(theirs.start, own.stop)}
    assert pair.north.log_text()[pair.north.log_begin :].count("event=session-resumed") == len(CUTS)
    rows = [row for row in pair.south.ledger()[known:] if row["event"] == "disclosure"]
    assert [row["charged"] for row in rows] == [MILLION], "charged once"
    processes = [node.process for node in (pair.north, pair.south)]
    peaks = [peak_rss_bytes(process.pid) for process in processes if process is not None]
    facts = {"seconds": seconds, "cuts": len(CUTS), "peak_rss_bytes": dict(zip(("north", "south"), peaks, strict=True))}
    table = f"- {len(CUTS)} cuts, the right answer in {seconds:.1f} s, through a counting proxy; at most "
    table += " and ".join(f"{peak / 2**20:.0f} MiB" for peak in peaks) + " (requester, responder)\n"
    keep("cut-1000000x1000000", Namespace(seed=0, size=f"{MILLION}x{MILLION}"), table, **facts)
    assert max(peaks) < MEMORY_BYTES
