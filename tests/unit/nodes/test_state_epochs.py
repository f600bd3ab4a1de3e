"""What an epoch may cost in all: evaluations, and each release that answers the earlier ones again."""

from __future__ import annotations

import pytest

from nodes.errors import BudgetError, ReservationError
from nodes.home import Home
from nodes.state import EpochAccount, State
from tests.agency import DAY_MS, NOW_MS

EPOCH = EpochAccount("e" * 32, NOW_MS, 100)
PLENTY = 10**9


def ask(state: State, session: bytes, elements: int, *, charge: bool = True) -> None:
    state.reserve(session, "north", "suspects", elements, PLENTY, NOW_MS)
    state.reserve_in_epoch(session, EPOCH, elements, NOW_MS)
    if charge:
        state.charge(session, elements, NOW_MS)


def sync(state: State, session: bytes, *releases: int, charge: bool = True) -> int:
    watched = sum(state.reserve_release(session, EPOCH, release, NOW_MS) for release in releases)
    state.reserve(session, "north", "suspects", watched, PLENTY, NOW_MS)
    if charge:
        state.charge(session, watched, NOW_MS)
    return watched


def test_each_release_charges_all_earlier_evaluations_again(state: State) -> None:
    assert sync(state, b"0", 1) == 0
    ask(state, b"1", 10)
    assert sync(state, b"2", 2) == 10
    ask(state, b"3", 5)
    assert state.used_in_epoch(EPOCH.id) == 25
    assert sync(state, b"4", 3, 4) == 30, "two releases at once, fifteen each"
    assert state.used_in_epoch(EPOCH.id) == 55
    assert state.used_elements("north", "suspects", NOW_MS) == 55, "the day's budget sees the same"


def test_a_release_is_charged_once(state: State) -> None:
    ask(state, b"1", 10)
    assert sync(state, b"2", 1) == 10
    assert sync(state, b"3", 1) == 0
    assert sync(state, b"4", 1, 2) == 10


def test_a_release_that_was_not_paid_is_charged_the_next_time(home: Home, state: State) -> None:
    ask(state, b"1", 10)
    assert sync(state, b"2", 1, charge=False) == 10
    state.release(b"2", NOW_MS)
    assert state.used_in_epoch(EPOCH.id) == 10
    assert sync(state, b"3", 1, charge=False) == 10
    state.close()  # as a killed node leaves it
    again = State(home)
    again.release_all(NOW_MS)
    assert again.used_in_epoch(EPOCH.id) == 10
    assert sync(again, b"4", 1) == 10
    again.close()


def test_what_is_reserved_counts_as_an_evaluation(state: State) -> None:
    """A question that is under way will be answered by the release that is made meanwhile."""
    ask(state, b"1", 10, charge=False)
    assert sync(state, b"2", 1) == 10
    state.charge(b"1", 10, NOW_MS)
    assert state.used_in_epoch(EPOCH.id) == 20


def test_the_cap_holds_for_questions_and_releases(state: State) -> None:
    ask(state, b"1", 60)
    with pytest.raises(BudgetError, match="at most 40 of the epoch's 100"):
        state.reserve_in_epoch(b"2", EPOCH, 41, NOW_MS)
    with pytest.raises(BudgetError):
        state.reserve_release(b"3", EPOCH, 1, NOW_MS)
    ask(state, b"4", 40)
    with pytest.raises(BudgetError):
        state.reserve_in_epoch(b"5", EPOCH, 1, NOW_MS)
    state.reserve_in_epoch(b"6", EPOCH, 0, NOW_MS)
    other = EpochAccount("f" * 32, NOW_MS, 100)
    state.reserve_in_epoch(b"7", other, 100, NOW_MS)


def test_what_was_not_charged_is_given_back(state: State) -> None:
    ask(state, b"1", 100, charge=False)
    state.release(b"1", NOW_MS)
    ask(state, b"2", 100)
    state.release(b"2", NOW_MS)
    assert state.used_in_epoch(EPOCH.id) == 100


def test_days_do_not_give_it_back(state: State) -> None:
    ask(state, b"1", 100)
    with pytest.raises(BudgetError):
        state.reserve_in_epoch(b"2", EPOCH, 1, NOW_MS + 30 * DAY_MS)


def test_a_charge_needs_the_days_reservation(state: State) -> None:
    state.reserve_in_epoch(b"1", EPOCH, 10, NOW_MS)
    with pytest.raises(ReservationError):
        state.charge(b"1", 10, NOW_MS)
    state.release_all(NOW_MS)
    assert state.used_in_epoch(EPOCH.id) == 0


def test_an_epoch_that_ended_is_forgotten(state: State) -> None:
    ask(state, b"1", 100)
    state.forget_epoch(EPOCH.id, NOW_MS)
    assert state.used_in_epoch(EPOCH.id) == 0


def test_an_epoch_from_before_a_restore_is_closed_for_good(home: Home, state: State) -> None:
    ask(state, b"1", 1)
    state.mark_restored(NOW_MS + 5)
    with pytest.raises(BudgetError, match="before a restore"):
        state.reserve_in_epoch(b"2", EPOCH, 1, NOW_MS + DAY_MS * 2)
    with pytest.raises(BudgetError, match="before a restore"):
        state.reserve_release(b"3", EPOCH, 2, NOW_MS + DAY_MS * 2)
    later = EpochAccount("f" * 32, NOW_MS + 6, 100)
    state.reserve_in_epoch(b"4", later, 1, NOW_MS + DAY_MS * 2)
