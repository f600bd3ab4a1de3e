"""What counts, sums and totals may cost in a period: across restarts, operators, threads, days and restores."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from nodes.errors import BudgetError, ReservationError
from nodes.home import Home
from nodes.state import FigureBudget, FigureCost, State
from tests.agency import DAY_MS, NOW_MS

BUDGET = FigureBudget(epsilon_millis=1_000, exact=2, period_days=30)
EXACT = FigureCost(0, 1)


def ask(state: State, session: bytes, cost: FigureCost, now_ms: int = NOW_MS, data_set: str = "d") -> None:
    state.reserve(session, "p", data_set, 5, 1_000, now_ms)
    state.reserve_figures(session, "p", data_set, cost, BUDGET, now_ms)


def answer(state: State, session: bytes, cost: FigureCost, now_ms: int = NOW_MS) -> None:
    ask(state, session, cost, now_ms)
    state.charge(session, 5, now_ms, cost)


def test_exact_answers_are_counted_and_survive_a_restart(home: Home, state: State) -> None:
    answer(state, b"1", EXACT)
    answer(state, b"2", EXACT)
    state.close()
    again = State(home)
    with pytest.raises(BudgetError, match="at most 0 of 2 exact answers in 30 days, got 1"):
        ask(again, b"3", EXACT)
    again.reserve_figures(b"4", "p", "d", FigureCost(1_000, 0), BUDGET, NOW_MS)  # noise has a budget of its own
    assert again.used_figures("p", "d", 30, NOW_MS) == FigureCost(1_000, 2)
    again.close()


def test_epsilon_adds_up_to_the_last_thousandth(state: State) -> None:
    answer(state, b"1", FigureCost(400, 0))
    answer(state, b"2", FigureCost(600, 0))
    for number, cost in enumerate((1, 600)):
        with pytest.raises(BudgetError, match="at most 0 of 1000 thousandths of epsilon in 30 days"):
            ask(state, b"3%d" % number, FigureCost(cost, 0))


def test_other_partners_and_data_sets_have_budgets_of_their_own(state: State) -> None:
    answer(state, b"1", FigureCost(1_000, 0))
    ask(state, b"2", FigureCost(1_000, 0), data_set="other")
    state.reserve_figures(b"3", "q", "d", FigureCost(1_000, 0), BUDGET, NOW_MS)
    assert state.used_figures("p", "d", 30, NOW_MS) == FigureCost(1_000, 0)


def test_a_reservation_counts_until_it_is_given_back(home: Home, state: State) -> None:
    ask(state, b"1", FigureCost(1_000, 0))
    with pytest.raises(BudgetError):
        ask(state, b"2", FigureCost(1, 0))
    state.release(b"1", NOW_MS)
    ask(state, b"3", FigureCost(1_000, 0))
    state.release_all(NOW_MS)  # a node that starts
    answer(state, b"4", FigureCost(1_000, 0))
    state.release(b"4", NOW_MS)
    state.release_all(NOW_MS)
    assert state.used_figures("p", "d", 30, NOW_MS) == FigureCost(1_000, 0)


def test_a_charge_is_at_most_what_was_set_aside_and_happens_once(state: State) -> None:
    ask(state, b"1", FigureCost(500, 0))
    for too_much in (FigureCost(501, 0), FigureCost(500, 1)):
        with pytest.raises(ReservationError):
            state.charge(b"1", 5, NOW_MS, too_much)
    state.charge(b"1", 5, NOW_MS, FigureCost(300, 0))
    with pytest.raises(ReservationError):
        state.charge(b"1", 5, NOW_MS, FigureCost(1, 0))
    assert state.used_figures("p", "d", 30, NOW_MS) == FigureCost(300, 0)
    state.reserve(b"2", "p", "d", 5, 1_000, NOW_MS)
    with pytest.raises(ReservationError):  # and the elements stay uncharged with it
        state.charge(b"2", 5, NOW_MS, FigureCost(1, 0))
    state.release(b"2", NOW_MS)
    assert state.used_elements("p", "d", NOW_MS) == 5


def test_a_period_slides_by_days(state: State) -> None:
    answer(state, b"1", EXACT)
    answer(state, b"2", EXACT, NOW_MS + 10 * DAY_MS)
    with pytest.raises(BudgetError):
        ask(state, b"3", EXACT, NOW_MS + 29 * DAY_MS)
    answer(state, b"4", EXACT, NOW_MS + 30 * DAY_MS)
    with pytest.raises(BudgetError):
        ask(state, b"5", EXACT, NOW_MS + 39 * DAY_MS)
    ask(state, b"6", EXACT, NOW_MS + 40 * DAY_MS)


def test_a_whole_year_is_remembered(state: State) -> None:
    year = FigureBudget(0, 1, 366)
    answer(state, b"1", EXACT)
    later = NOW_MS + 365 * DAY_MS
    with pytest.raises(BudgetError):
        state.reserve_figures(b"2", "p", "d", EXACT, year, later)
    state.reserve_figures(b"3", "p", "d", EXACT, year, later + DAY_MS)


def test_a_restore_within_the_period_leaves_the_budget_unknown(state: State) -> None:
    state.mark_restored(NOW_MS)
    for days in (1, 29):
        with pytest.raises(BudgetError, match="30 days whose budget is known"):
            state.reserve_figures(b"1", "p", "d", EXACT, BUDGET, NOW_MS + days * DAY_MS)
    state.reserve_figures(b"2", "p", "d", EXACT, BUDGET, NOW_MS + 30 * DAY_MS)


def test_operators_who_ask_at_once_share_one_budget(home: Home) -> None:
    states = [State(home) for _ in range(8)]

    def one(number: int) -> bool:
        try:
            answer(states[number], b"%d" % number, EXACT)
        except BudgetError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        allowed = list(pool.map(one, range(8)))
    assert sum(allowed) == 2
    for state in states:
        state.close()
