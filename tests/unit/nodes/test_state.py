"""What a node must not forget: across restarts, processes, clocks and full disks."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from nodes import state as state_module
from nodes.errors import (
    BudgetError,
    ClockError,
    NonceLimitError,
    PermissionsError,
    ReplayError,
    ReservationError,
    SeedConsumedError,
    StateError,
)
from nodes.home import Home
from nodes.state import CLOCK_STEP_MS, State
from tests.agency import DAY_MS, NOW_MS
from tests.patience import PATIENCE_SECONDS

HOUR_MS = 3_600_000


def test_the_file_is_private(home: Home, state: State) -> None:
    state.consume_seed(b"s", NOW_MS)
    for file in home.path.glob("state.db*"):
        assert file.stat().st_mode & 0o777 == 0o600, file
    state.close()
    home.state_file.chmod(0o644)
    with pytest.raises(PermissionsError):
        State(home)


class TestNonces:
    def test_a_replay_is_refused_across_restarts(self, home: Home, state: State) -> None:
        state.remember_nonce("p", b"n" * 32, NOW_MS, NOW_MS + HOUR_MS, NOW_MS)
        with pytest.raises(ReplayError):
            state.remember_nonce("p", b"n" * 32, NOW_MS, NOW_MS + HOUR_MS, NOW_MS)
        state.close()
        again = State(home)
        with pytest.raises(ReplayError):
            again.remember_nonce("p", b"n" * 32, NOW_MS, NOW_MS + HOUR_MS, NOW_MS + 1)
        again.remember_nonce("p", b"m" * 32, NOW_MS, NOW_MS + HOUR_MS, NOW_MS + 1)
        again.remember_nonce("q", b"n" * 32, NOW_MS, NOW_MS + HOUR_MS, NOW_MS + 1)  # another partner's own nonce
        again.close()

    def test_until_no_accepted_clock_could_accept_it(self, state: State) -> None:
        expires_ms = NOW_MS + HOUR_MS
        state.remember_nonce("p", b"n", NOW_MS, expires_ms, NOW_MS)
        # The clock runs on until long past the expiry, then is set back as far as we tolerate.
        late_ms = expires_ms + CLOCK_STEP_MS
        state.consume_seed(b"tick", late_ms)
        with pytest.raises(ReplayError):
            state.remember_nonce("p", b"n", NOW_MS, expires_ms, late_ms - CLOCK_STEP_MS)
        with pytest.raises(ClockError, match="301 s behind"):
            state.remember_nonce("p", b"n", NOW_MS, expires_ms, late_ms - CLOCK_STEP_MS - 1000)

    def test_small_steps_back_do_not_add_up(self, state: State) -> None:
        state.consume_seed(b"0", NOW_MS)
        state.consume_seed(b"1", NOW_MS - CLOCK_STEP_MS + 1)
        with pytest.raises(ClockError):
            state.consume_seed(b"2", NOW_MS - 2 * CLOCK_STEP_MS + 2)

    def test_expired_ones_are_forgotten(self, home: Home, state: State) -> None:
        for number in range(50):
            state.remember_nonce("p", b"%d" % number, NOW_MS, NOW_MS + number, NOW_MS)
        state.remember_nonce("p", b"new", NOW_MS, NOW_MS + DAY_MS, NOW_MS + 25 + CLOCK_STEP_MS)
        with sqlite3.connect(home.state_file) as connection:
            assert connection.execute("SELECT count(*) FROM nonces").fetchone() == (26,)

    def test_a_partner_cannot_fill_the_disk(self, state: State, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(state_module, "MAX_NONCES_PER_PARTNER", 3)
        for number in range(3):
            state.remember_nonce("p", b"%d" % number, NOW_MS, NOW_MS + HOUR_MS, NOW_MS)
        with pytest.raises(NonceLimitError):
            state.remember_nonce("p", b"3", NOW_MS, NOW_MS + HOUR_MS, NOW_MS)
        state.remember_nonce("q", b"3", NOW_MS, NOW_MS + HOUR_MS, NOW_MS)
        state.remember_nonce("p", b"3", NOW_MS, NOW_MS + 9 * HOUR_MS, NOW_MS + 2 * HOUR_MS)

    def test_only_one_of_two_processes_gets_a_nonce(self, home: Home, state: State) -> None:
        program = (
            "import sys\n"
            "from pathlib import Path\n"
            "from nodes.errors import ReplayError\n"
            "from nodes.home import Home\n"
            "from nodes.state import State\n"
            "state, won = State(Home(Path(sys.argv[1]))), 0\n"
            "for number in range(50):\n"
            "    try:\n"
            "        state.remember_nonce('p', b'%d' % number, 0, 2 * 10**12, 10**12)\n"
            "        won += 1\n"
            "    except ReplayError:\n"
            "        pass\n"
            "print(won)\n"
        )
        command = [sys.executable, "-c", program, str(home.path)]
        running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        assert sum(int(process.communicate(timeout=PATIENCE_SECONDS)[0]) for process in running) == 50


class TestBudgets:
    def test_reservations_count_until_released(self, state: State) -> None:
        state.reserve(b"1", "p", "d", 60, 100, NOW_MS)
        with pytest.raises(BudgetError, match="at most 40 of 100 elements, got 41"):
            state.reserve(b"2", "p", "d", 41, 100, NOW_MS)
        state.reserve(b"2", "p", "d", 40, 100, NOW_MS)
        assert state.used_elements("p", "d", NOW_MS) == 100
        state.release(b"1", NOW_MS)
        assert state.used_elements("p", "d", NOW_MS) == 40
        state.reserve(b"3", "p", "d", 60, 100, NOW_MS)
        state.reserve(b"4", "p", "other", 100, 100, NOW_MS)
        state.reserve(b"5", "q", "d", 100, 100, NOW_MS)

    def test_what_is_charged_stays(self, home: Home, state: State) -> None:
        state.reserve(b"1", "p", "d", 60, 100, NOW_MS)
        state.charge(b"1", 60, NOW_MS)
        state.release(b"1", NOW_MS)
        state.close()
        again = State(home)
        again.release_all(NOW_MS)
        assert again.used_elements("p", "d", NOW_MS) == 60
        again.close()

    def test_a_restart_frees_what_sessions_left_reserved(self, home: Home, state: State) -> None:
        state.reserve(b"1", "p", "d", 60, 100, NOW_MS)
        state.close()  # as a killed node leaves it
        again = State(home)
        assert again.used_elements("p", "d", NOW_MS) == 60
        again.release_all(NOW_MS)
        assert again.used_elements("p", "d", NOW_MS) == 0
        with pytest.raises(ReservationError):
            again.charge(b"1", 60, NOW_MS)
        again.close()

    def test_a_charge_needs_its_reservation(self, state: State) -> None:
        with pytest.raises(ReservationError):
            state.charge(b"1", 0, NOW_MS)
        state.reserve(b"1", "p", "d", 60, 100, NOW_MS)
        with pytest.raises(ReservationError):
            state.reserve(b"1", "p", "d", 1, 100, NOW_MS)
        with pytest.raises(ReservationError):
            state.charge(b"1", 61, NOW_MS)
        state.charge(b"1", 50, NOW_MS)
        with pytest.raises(ReservationError):
            state.charge(b"1", 50, NOW_MS)
        assert state.used_elements("p", "d", NOW_MS) == 50
        state.release(b"unknown", NOW_MS)

    def test_zero_elements_and_zero_budget(self, state: State) -> None:
        state.reserve(b"0", "p", "d", 0, 0, NOW_MS)
        state.charge(b"0", 0, NOW_MS)
        with pytest.raises(BudgetError):
            state.reserve(b"1", "p", "d", 1, 0, NOW_MS)

    def test_each_day_has_its_budget_and_no_clock_gives_it_back(self, home: Home, state: State) -> None:
        midnight_ms = (NOW_MS // DAY_MS + 1) * DAY_MS
        state.reserve(b"1", "p", "d", 100, 100, midnight_ms - 1)
        state.reserve(b"2", "p", "d", 100, 100, midnight_ms)
        # A step back over midnight, within tolerance: both days count.
        with pytest.raises(BudgetError):
            state.reserve(b"3", "p", "d", 1, 100, midnight_ms - 1)
        state.reserve(b"5", "q", "d", 100, 100, midnight_ms)
        with pytest.raises(BudgetError):
            state.reserve(b"6", "q", "d", 1, 100, midnight_ms - 1)
        with pytest.raises(ClockError):
            state.reserve(b"3", "p", "d", 1, 100, midnight_ms - DAY_MS)
        state.reserve(b"4", "p", "d", 100, 100, midnight_ms + 2 * DAY_MS)
        with sqlite3.connect(home.state_file) as connection:
            assert connection.execute("SELECT count(*) FROM budgets").fetchone() == (1,), "old days are forgotten"

    def test_a_charge_after_midnight_is_still_possible(self, state: State) -> None:
        midnight_ms = (NOW_MS // DAY_MS + 1) * DAY_MS
        state.reserve(b"1", "p", "d", 100, 100, midnight_ms - 1)
        state.charge(b"1", 100, midnight_ms + DAY_MS - 1)


class TestSeeds:
    def test_a_seed_is_consumed_once(self, home: Home, state: State) -> None:
        state.consume_seed(b"a" * 64, NOW_MS)
        with pytest.raises(SeedConsumedError):
            state.consume_seed(b"a" * 64, NOW_MS)
        state.close()
        again = State(home)
        with pytest.raises(SeedConsumedError):
            again.consume_seed(b"a" * 64, NOW_MS + 399 * DAY_MS)
        again.consume_seed(b"b" * 64, NOW_MS + 399 * DAY_MS)
        again.close()


class TestFaults:
    def test_a_locked_file_is_an_error_in_bounded_time(
        self, home: Home, state: State, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("nodes.database.BUSY_SECONDS", 0.05)
        second = State(home)
        blocker = sqlite3.connect(home.state_file, isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        with pytest.raises(StateError, match="SQLITE_BUSY"):
            second.remember_nonce("p", b"n", NOW_MS, NOW_MS + 1, NOW_MS)
        blocker.execute("ROLLBACK")
        blocker.close()
        second.remember_nonce("p", b"n", NOW_MS, NOW_MS + 1, NOW_MS)
        second.close()

    def test_whoever_waits_for_the_lock_then_sees_what_the_other_wrote(self, home: Home, state: State) -> None:
        other = sqlite3.connect(home.state_file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(state.remember_nonce, "p", b"n", NOW_MS, NOW_MS + HOUR_MS, NOW_MS)
            time.sleep(0.2)
            other.execute("INSERT INTO nonces VALUES ('p', x'6e', ?)", (NOW_MS + HOUR_MS,))
            other.execute("COMMIT")
            with pytest.raises(ReplayError):
                waiting.result(timeout=PATIENCE_SECONDS)
        other.close()

    @pytest.mark.parametrize("content", [b"not a database" * 100, b"SQLite format 3\x00" + b"\xff" * 4080])
    def test_a_damaged_file_is_an_error(self, home: Home, content: bytes) -> None:
        home.state_file.write_bytes(content)
        home.state_file.chmod(0o600)
        with pytest.raises(StateError):
            State(home)

    def test_a_failed_step_changes_nothing(self, home: Home) -> None:
        """A real limit of the kernel on file size stands for a full disk; what was stored before still holds."""
        program = (
            "import resource, signal, sys\n"
            "from pathlib import Path\n"
            "from nodes.errors import StateError\n"
            "from nodes.home import Home\n"
            "from nodes.state import State\n"
            "state = State(Home(Path(sys.argv[1])))\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
            "kept = 0\n"
            "try:\n"
            "    for kept in range(1000):\n"
            "        state.consume_seed(b'%064d' % kept, 10**12)\n"
            "except StateError as error:\n"
            "    print(kept, error)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", program, str(home.path)], capture_output=True, text=True, check=True
        )
        kept, message = done.stdout.split(maxsplit=1)
        assert "durably, got: SQLITE_" in message
        state = State(home)
        assert int(kept) > 10
        with pytest.raises(SeedConsumedError):
            state.consume_seed(b"%064d" % (int(kept) - 1), 10**12)
        state.consume_seed(b"%064d" % int(kept), 10**12)
        state.close()
