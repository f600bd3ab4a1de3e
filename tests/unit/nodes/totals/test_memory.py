"""Which second total a node refuses, and what it remembers for that."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from nodes.aggregates.errors import OverlappingTotalError
from nodes.home import Home
from nodes.policy import AggregateLimits
from nodes.state import State
from nodes.totals.memory import OwnPart
from protocol import codec
from protocol.messages import Aggregate, Envelope, LegalBasis, List, Participant, Terms

DAY_MS = 86_400_000
NOW_MS = 20_000 * DAY_MS
EXACT, NOISY = Terms(1, 0, 0), Terms(1, 500, 0)
LIMITS = AggregateLimits(1, 0, 0, 1, 4, 8_000, 30, 100)
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


def again(state: State, asked: Envelope, snapshot: str = "7", terms: Terms = EXACT, **changes: int) -> None:
    """Ask now, or at ``now_ms``; raise where it must not be answered."""
    now_ms = changes.pop("now_ms", NOW_MS)
    OwnPart(snapshot, terms, replace(LIMITS, **changes)).check_overlap(state, asked, now_ms)


def answer(state: State, session: bytes, asked: Envelope, terms: Terms = EXACT) -> None:
    OwnPart("7", terms, LIMITS).remember(state, session, codec.encode_message(asked), NOW_MS)


def among(*others: str) -> Envelope:
    """The same question of other participants."""
    agencies = (Participant(other, "contributor", "accounts", KEY) for other in others)
    return replace(ASKED, participants=(*ASKED.participants[:2], *agencies))


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[State]:
    home = Home(tmp_path / "home")
    home.path.mkdir(mode=0o700)
    with closing(State(home)) as state:
        yield state


@pytest.fixture
def state(empty: State) -> State:
    answer(empty, b"session", ASKED)
    return empty


@pytest.mark.parametrize("variant", ["fresh-keys", "paillier"])
def test_the_same_question_over_the_same_records_is_answered_again(state: State, variant: str) -> None:
    again(state, replace(ASKED, nonce=bytes(31) + b"1", variant=variant))


def test_over_other_records_it_needs_noise(empty: State) -> None:
    answer(empty, b"session", ASKED, NOISY)
    again(empty, ASKED, "8", NOISY)


def test_over_other_records_without_noise_it_is_refused(state: State) -> None:
    with pytest.raises(OverlappingTotalError):
        again(state, ASKED, "8")


@pytest.mark.parametrize("variant", ["fresh-keys", "paillier"])
@pytest.mark.parametrize("terms", [Terms(2, 0, 0), Terms(1, 0, 5), NOISY])
def test_on_other_terms_it_is_refused(state: State, terms: Terms, variant: str) -> None:
    """Another rule, perhaps another scheme's: what was withheld before would be all that the two differ by."""
    with pytest.raises(OverlappingTotalError):
        again(state, replace(ASKED, variant=variant), terms=terms)


def test_under_another_share_it_is_refused(state: State) -> None:
    with pytest.raises(OverlappingTotalError):
        again(state, ASKED, max_share_percent=60)


@pytest.mark.parametrize("variant", ["fresh-keys", "paillier"])
def test_other_participants_are_refused_until_the_period_has_passed(state: State, variant: str) -> None:
    fewer = replace(among("west"), variant=variant)
    for day in (0, 29):
        with pytest.raises(OverlappingTotalError):
            again(state, fewer, terms=NOISY, now_ms=NOW_MS + day * DAY_MS)
    again(state, fewer, terms=NOISY, now_ms=NOW_MS + 30 * DAY_MS)


def test_other_categories_do_not_overlap(state: State) -> None:
    assert ASKED.aggregate is not None
    again(state, replace(ASKED, aggregate=replace(ASKED.aggregate, categories=("arson",))), "8")


def test_of_two_that_are_under_way_the_second_is_not_answered(empty: State) -> None:
    """Both were admitted before either was answered."""
    for asked in (ASKED, among("east", "west")):
        again(empty, asked)
    answer(empty, b"first", ASKED)
    with pytest.raises(OverlappingTotalError):
        answer(empty, b"second", among("east", "west"))
    answer(empty, b"third", replace(ASKED, variant="paillier"))
    assert len(empty.totals_answered(30, NOW_MS)) == 2
