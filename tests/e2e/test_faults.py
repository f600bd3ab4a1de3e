"""Nodes and connections that die at every phase of a question.

What is simulated: a power cut at either node (SIGKILL), a connection that breaks, an operator who gives up, a node
that is stopped. When: at byte offsets of an undisturbed question, measured first, so that each falls into the phase
that its name says. A failure is: a side that does not end, or ends without a clear error; a ledger that does not
verify; elements charged without a disclosure in the ledger; a next question that does not work; a file of a session
left behind. Not a failure: an error at the one side and an answer at the other, where the last receipt was lost.
"""

from __future__ import annotations

import json
import signal
import subprocess
import time
from typing import Any

import pytest

from tests.e2e.conftest import Pair
from tests.e2e.harness import NodeUnderTest, Outcome, outcome_of
from tests.e2e.proxy import TO_CLIENT, TO_SERVER
from tests.patience import PATIENCE_SECONDS

OWN, THEIRS = range(3_000), range(1_000, 5_000)
SHARED = 2_000

# Phase -> direction, and the share of what goes that way in an undisturbed question; negative: bytes before the end.
PHASES: dict[str, tuple[str, float]] = {
    "tls": (TO_SERVER, 300),
    "handshake": (TO_CLIENT, -(64_000 + 96_000 + 1_500)),
    "asking": (TO_SERVER, 0.5),
    "evaluating": (TO_CLIENT, 0.3),
    "before-checkpoint": (TO_SERVER, -850),
    "tags": (TO_CLIENT, 0.8),
    "before-receipt": (TO_CLIENT, -350),
    "after-receipt": (TO_SERVER, -300),
}


@pytest.fixture(scope="module")
def totals(served: Pair) -> dict[str, int]:
    """Bytes of an undisturbed question, by direction; and both nodes hold their lists."""
    served.north.hold(OWN)
    served.south.hold(THEIRS)
    served.healthy()
    assert_answered(served.north.ask_here("south", "--json"))
    counts = dict(served.proxy.counts)
    assert all(count > 90_000 for count in counts.values()), counts
    return counts


def offset(totals: dict[str, int], phase: str) -> tuple[str, int]:
    direction, at = PHASES[phase]
    total = totals[direction]
    if at < 0:
        return direction, int(total + at)
    return direction, int(total * at if at < 1 else at)


def assert_answered(outcome: Outcome) -> None:
    assert outcome.code == 0, outcome.err
    assert len(outcome.json["hits"]) == SHARED


def assert_clear_error(outcome: Outcome) -> None:
    assert outcome.code in {4, 6}, (outcome.code, outcome.err)
    error = json.loads(outcome.err.splitlines()[-1])["error"]
    assert error["code"] in {
        "connection-lost",
        "aborted-by-partner",
        "not-running",
        "partner-unreachable",
        "turned-away",
    }
    assert error["advice"]


def assert_ended(phase: str, outcome: Outcome) -> None:
    """Once it has the partner's receipt, a requester has its answer, whatever happens to its own receipt."""
    if phase == "after-receipt":
        assert_answered(outcome)
    else:
        assert_clear_error(outcome)


def rows_since(node: NodeUnderTest, known: int) -> list[dict[str, Any]]:
    """New rows of a ledger that verifies, the latest session's."""
    return node.ledger()[known:]


def assert_consistent(rows: list[dict[str, Any]]) -> None:
    """What was charged was disclosed, and the other way round; a completed session was disclosed before."""
    events = [row["event"] for row in rows]
    assert all(("charged" in row) == (row["event"] == "disclosure") for row in rows), events


def settled(pair: Pair, known: tuple[int, int]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """After a fault: ledgers verify, nothing is left over, and the next question works."""
    pair.healthy()
    north, south = (rows_since(node, count) for node, count in zip((pair.north, pair.south), known, strict=True))
    assert_consistent(south)
    for node in (pair.north, pair.south):
        assert not list((node.home / "spool").iterdir())
        assert not list((node.home / "results").glob(".*"))
    assert_answered(pair.north.ask_here("south", "--json"))
    return north, south


def known_rows(pair: Pair) -> tuple[int, int]:
    return len(pair.north.ledger()), len(pair.south.ledger())


@pytest.mark.parametrize("phase", PHASES)
def test_a_cut_connection(pair: Pair, totals: dict[str, int], phase: str) -> None:
    known = known_rows(pair)
    pair.proxy.cut_at(*offset(totals, phase))
    outcome = outcome_of(pair.north.ask_meanwhile("south"))
    assert pair.proxy.reached.is_set()
    assert_ended(phase, outcome)
    if phase not in {"tls", "handshake"}:
        pair.south.wait_for_log("outcome=")
    north, south = settled(pair, known)
    assert north[-1]["event"] == ("completion" if phase == "after-receipt" else "abort")
    disclosed = "disclosure" in [row["event"] for row in south]
    assert disclosed == (phase in {"tags", "before-receipt", "after-receipt"})


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("victim", ["north", "south"])
def test_a_killed_node(pair: Pair, totals: dict[str, int], phase: str, victim: str) -> None:
    known = known_rows(pair)
    pair.proxy.hold_at(*offset(totals, phase))
    asking = pair.north.ask_meanwhile("south")
    assert pair.proxy.reached.wait(PATIENCE_SECONDS)
    getattr(pair, victim).kill()
    pair.proxy.reset()  # what was on its way is lost
    outcome = outcome_of(asking)
    assert_clear_error(outcome) if victim == "north" else assert_ended(phase, outcome)
    if victim == "north" and phase not in {"tls", "handshake"}:
        pair.south.wait_for_log("outcome=")
    settled(pair, known)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_operator_who_gives_up(pair: Pair, totals: dict[str, int], how: signal.Signals) -> None:
    known, north_begun, south_begun = known_rows(pair), len(pair.north.log_text()), len(pair.south.log_text())
    pair.proxy.hold_at(*offset(totals, "evaluating"))
    asking = pair.north.ask_meanwhile("south")
    assert pair.proxy.reached.wait(PATIENCE_SECONDS)
    asking.send_signal(how)
    if how is signal.SIGKILL:
        asking.wait(PATIENCE_SECONDS)
        pair.north.wait_for_log("event=query-abandoned", north_begun)
    pair.proxy.go_on()
    outcome = outcome_of(asking)
    if how is signal.SIGINT:
        assert outcome.code == 10, outcome.err
        assert "the partner is told" in outcome.err
        assert json.loads(outcome.err.splitlines()[-1])["error"]["code"] == "cancelled"
    pair.north.wait_for_log("outcome=cancelled", north_begun)
    pair.south.wait_for_log("aborted-by-partner: cancelled", south_begun)
    north, south = settled(pair, known)
    assert north[-1]["reason"] == "cancelled"
    assert south[-1]["reason"] == "aborted-by-partner: cancelled"
    assert "disclosure" not in [row["event"] for row in south]


@pytest.mark.parametrize("stopped", ["north", "south"])
def test_a_node_that_is_stopped_tells_its_partner(pair: Pair, totals: dict[str, int], stopped: str) -> None:
    known = known_rows(pair)
    pair.proxy.hold_at(*offset(totals, "evaluating"))
    asking = pair.north.ask_meanwhile("south")
    assert pair.proxy.reached.wait(PATIENCE_SECONDS)
    node = getattr(pair, stopped)
    assert node.process is not None
    node.process.send_signal(signal.SIGTERM)
    node.wait_for_log("event=draining")
    with pytest.raises(TimeoutError):
        wait_exit(node, 0.3)  # it waits for its session, and then for the abort to leave
    time.sleep(1.2)  # the grace is over, and the line is still blocked
    pair.proxy.go_on()
    outcome = outcome_of(asking)
    error = json.loads(outcome.err.splitlines()[-1])["error"]
    assert error["code"] == ("shutting-down" if stopped == "north" else "aborted-by-partner")
    assert node.process.wait(PATIENCE_SECONDS) == 0
    north, south = settled(pair, known)
    reasons = {row.get("reason") for row in (*north, *south)}
    assert {"shutting-down", "aborted-by-partner: shutting-down"} <= reasons


def wait_exit(node: NodeUnderTest, seconds: float) -> None:
    assert node.process is not None
    try:
        node.process.wait(seconds)
    except subprocess.TimeoutExpired:
        raise TimeoutError from None


def test_a_session_under_way_lets_a_node_finish_it(pair: Pair, totals: dict[str, int]) -> None:
    """Within the grace, a node that is being stopped finishes what it began."""
    known = known_rows(pair)
    pair.proxy.hold_at(*offset(totals, "evaluating"))
    asking = pair.north.ask_meanwhile("south")
    assert pair.proxy.reached.wait(PATIENCE_SECONDS)
    assert pair.south.process is not None
    pair.south.process.send_signal(signal.SIGTERM)
    pair.south.wait_for_log("event=draining")
    pair.proxy.go_on()
    assert_answered(outcome_of(asking))
    assert pair.south.process.wait(PATIENCE_SECONDS) == 0
    settled(pair, known)


def test_a_partner_suspended_meanwhile(pair: Pair, totals: dict[str, int]) -> None:
    known = known_rows(pair)
    pair.proxy.hold_at(*offset(totals, "evaluating"))
    asking = pair.north.ask_meanwhile("south")
    assert pair.proxy.reached.wait(PATIENCE_SECONDS)
    pair.south.must("partner", "suspend", "north")
    pair.proxy.go_on()
    outcome = outcome_of(asking)
    error = json.loads(outcome.err.splitlines()[-1])["error"]
    assert (outcome.code, error["code"]) == (4, "aborted-by-partner")
    refused = pair.north.ask_here("south", "--json")
    assert (refused.code, refused.error["code"]) == (6, "turned-away")
    pair.south.must("partner", "resume", "north")
    _, south = settled(pair, known)
    assert "partner-inactive" in {row.get("reason") for row in south}
    assert "disclosure" not in [row["event"] for row in south]
