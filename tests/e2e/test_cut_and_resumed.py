"""A connection that is cut at every phase of a question: it goes on, and the answer is the same."""

from __future__ import annotations

import json

import pytest

from tests.e2e.conftest import Pair
from tests.e2e.harness import outcome_of
from tests.e2e.test_faults import PHASES, assert_answered, offset, totals

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
    assert pair.proxy.reached.wait(20)
    pair.south.kill()
    pair.proxy.reset()
    pair.south.serve()
    outcome = outcome_of(asking)
    assert json.loads(outcome.err.splitlines()[-1])["error"]["code"] == "cannot-resume"
    assert outcome.code == 6
    assert_answered(pair.north.ask_here("south", "--json"))
