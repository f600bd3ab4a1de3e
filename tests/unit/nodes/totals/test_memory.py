"""Which second total a node refuses, and what it remembers for that."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from nodes.aggregates.errors import OverlappingTotalError
from nodes.home import Home
from nodes.state import State
from nodes.totals.memory import check_overlap
from protocol import codec
from protocol.messages import Aggregate, Envelope, LegalBasis, List, Participant, Terms

DAY_MS = 86_400_000
NOW_MS = 20_000 * DAY_MS
EXACT, NOISY = Terms(1, 0, 0), Terms(1, 500, 0)
KEY = bytes(32)
ASKED = Envelope(
    version=1, suite="s", query="totals", variant="fresh-keys", reveals="totals", realm="exercise",
    participants=(
        Participant("north", "requester", "", KEY),
        Participant("south", "contributor", "accounts", KEY),
        Participant("east", "contributor", "accounts", KEY),
    ),
    recipients=("north",), operator="op", lists=(List("iban", 1000),), profile_hash=bytes(64),
    legal_basis=LegalBasis("p", "i", "r", "c", "o", "oc", "h", "routine"), not_before_ms=1, not_after_ms=2,
    nonce=KEY, seed_commitment=bytes(64), coin_commitment=bytes(64), snapshot_commitment=bytes(64),
    aggregate=Aggregate("", "", "offence", ("fraud", "theft"), (), 0, 0, 0, 1, 1, 0),
)  # fmt: skip


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    home = Home(tmp_path / "home")
    home.path.mkdir(mode=0o700)
    with closing(State(home)) as state:
        state.remember_total(b"session", "7", codec.encode_message(ASKED), NOW_MS)
        yield state


def test_the_same_question_over_the_same_records_is_answered_again(state: State) -> None:
    check_overlap(state, replace(ASKED, nonce=bytes(31) + b"1"), "7", EXACT, 30, NOW_MS)


def test_over_other_records_it_needs_noise(state: State) -> None:
    check_overlap(state, ASKED, "8", NOISY, 30, NOW_MS)
    with pytest.raises(OverlappingTotalError):
        check_overlap(state, ASKED, "8", EXACT, 30, NOW_MS)


def test_other_participants_are_refused_until_the_period_has_passed(state: State) -> None:
    fewer = replace(ASKED, participants=(*ASKED.participants[:2], Participant("west", "contributor", "accounts", KEY)))
    for day in (0, 29):
        with pytest.raises(OverlappingTotalError):
            check_overlap(state, fewer, "7", NOISY, 30, NOW_MS + day * DAY_MS)
    check_overlap(state, fewer, "7", NOISY, 30, NOW_MS + 30 * DAY_MS)


def test_other_categories_do_not_overlap(state: State) -> None:
    assert ASKED.aggregate is not None
    other = replace(ASKED, aggregate=replace(ASKED.aggregate, categories=("arson",)))
    check_overlap(state, other, "8", EXACT, 30, NOW_MS)
