"""What a node must not forget: envelopes seen, budgets used, seeds consumed (SQLite, durable before each call returns).

The time is an argument, in milliseconds since the epoch. The newest time seen is kept: a clock that is set back by more
than CLOCK_STEP_MS is refused, since with it expired envelopes could come back and yesterday's budget with them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nodes.database import DAY_MS, Database
from nodes.errors import (
    BudgetError,
    ClockError,
    NonceLimitError,
    ReplayError,
    ReservationError,
    RestoredError,
    SeedConsumedError,
    StateError,
)
from nodes.home import Home
from nodes.state_layouts import LAYOUTS

CLOCK_STEP_MS: Final = 300_000  # a correction by NTP stays far below
MAX_NONCES_PER_PARTNER: Final = 100_000  # about 15 MB; a partner with more valid envelopes at once is no partner
FIGURE_MEMORY_DAYS: Final = 367  # longer than any period of rules.toml
SEED_MEMORY_MS: Final = 400 * DAY_MS  # longer than any backup that might be restored; seeds are random and never reused


@dataclass(frozen=True, slots=True)
class EpochAccount:
    """What an epoch of this node's may cost its partner in all, and since when."""

    id: str
    opened_ms: int
    cap_elements: int


@dataclass(frozen=True, slots=True)
class AnsweredTotal:
    """A question for a total: its envelope, and from which records and on which terms own figures were made."""

    envelope: bytes
    snapshot: str
    terms: str


@dataclass(frozen=True, slots=True)
class FigureCost:
    """What a count, a sum or a total costs, told or suppressed: epsilon of all its figures, or one exact answer."""

    epsilon_millis: int
    exact: int


@dataclass(frozen=True, slots=True)
class FigureBudget:
    """What a partner's questions about a data set may cost in a period of days (UTC), that of the question included."""

    epsilon_millis: int
    exact: int
    period_days: int


class State:
    """The state of a node. Safe between threads and processes.

    Raises, from every method:
        StateError: not read or written durably, so go no further. ClockError: the clock was set back.
    """

    def __init__(self, home: Home) -> None:
        self._database = Database(home.state_file, LAYOUTS, StateError)

    def remember_nonce(self, partner: str, nonce: bytes, valid_from_ms: int, expires_ms: int, now_ms: int) -> None:
        """Remember an envelope until no clock within tolerance would accept it any more.

        Args:
            partner: agency id of the envelope's signer.
            nonce: of the envelope.
            valid_from_ms: the envelope's beginning, clock skew subtracted.
            expires_ms: the envelope's end, clock skew added.

        Raises:
            ReplayError: seen before. NonceLimitError: too many of this partner's are still valid.
            RestoredError: it could have been seen before the restore.
        """
        with self._at(now_ms) as connection:
            if valid_from_ms <= self._restored_ms(connection):
                raise RestoredError("expected an envelope made since this node was restored, got one that may be older")
            if self._exists(connection, "SELECT 1 FROM nonces WHERE partner = ? AND nonce = ?", partner, nonce):
                raise ReplayError("expected an envelope with a new nonce, got one that was seen before")
            (kept,) = connection.execute("SELECT count(*) FROM nonces WHERE partner = ?", (partner,)).fetchone()
            if kept >= MAX_NONCES_PER_PARTNER:
                raise NonceLimitError(
                    f"expected at most {MAX_NONCES_PER_PARTNER} valid envelopes of {partner}, got more"
                )
            connection.execute("INSERT INTO nonces VALUES (?, ?, ?)", (partner, nonce, expires_ms))

    def reserve(
        self, session: bytes, partner: str, data_set: str, elements: int, limit_elements: int, now_ms: int
    ) -> None:
        """Set elements of today's budget aside for a session, before it is accepted.

        Args:
            session: digest of the envelope.
            elements: all lists together, as declared.
            limit_elements: what the rules allow this partner on this data set per day (UTC).

        Raises:
            BudgetError: the rest of today's budget is smaller, or unknown since a restore today.
            ReservationError: the session has one already.
        """
        with self._at(now_ms) as connection:
            if self._exists(connection, "SELECT 1 FROM budgets WHERE session = ?", session):
                raise ReservationError("expected a session without a reservation, got one that has it")
            if self._restored_ms(connection) // DAY_MS >= now_ms // DAY_MS:
                raise BudgetError("expected a day whose budget is known, got the day (UTC) of a restore")
            used = self._used(connection, partner, data_set, now_ms)
            if used + elements > limit_elements:
                raise BudgetError(
                    f"expected at most {limit_elements - used} of {limit_elements} elements, got {elements}"
                )
            values = (session, partner, data_set, now_ms // DAY_MS, elements)
            connection.execute("INSERT INTO budgets VALUES (?, ?, ?, ?, ?, 0)", values)

    def reserve_figures(
        self, session: bytes, partner: str, data_set: str, cost: FigureCost, budget: FigureBudget, now_ms: int
    ) -> None:
        """Set aside what a count, a sum or a total may cost at most. `charge` and `release` cover it.

        Raises:
            BudgetError: the rest of the period's budget is smaller, or unknown since a restore within the period.
        """
        with self._at(now_ms) as connection:
            first_day = now_ms // DAY_MS - budget.period_days + 1
            if self._restored_ms(connection) // DAY_MS >= first_day:
                raise BudgetError(
                    f"expected a period of {budget.period_days} days whose budget is known, got one with a restore"
                )
            used = self._used_figures(connection, partner, data_set, first_day)
            for what, limit, before, asked in (
                ("thousandths of epsilon", budget.epsilon_millis, used.epsilon_millis, cost.epsilon_millis),
                ("exact answers", budget.exact, used.exact, cost.exact),
            ):
                if asked and before + asked > limit:
                    left = max(limit - before, 0)
                    raise BudgetError(
                        f"expected at most {left} of {limit} {what} in {budget.period_days} days, got {asked}"
                    )
            values = (session, partner, data_set, now_ms // DAY_MS, cost.epsilon_millis, cost.exact)
            connection.execute("INSERT INTO figure_charges VALUES (?, ?, ?, ?, ?, ?, 0)", values)

    def used_figures(self, partner: str, data_set: str, period_days: int, now_ms: int) -> FigureCost:
        """Return what is reserved and charged in the period that ends today."""
        with self._database.reading() as connection:
            return self._used_figures(connection, partner, data_set, now_ms // DAY_MS - period_days + 1)

    def remember_total(
        self,
        session: bytes,
        total: AnsweredTotal,
        check: Callable[[Iterable[AnsweredTotal]], None],
        period_days: int,
        now_ms: int,
    ) -> None:
        """Remember a total before this node's first share leaves, unless `check` of all others of the period raises.

        Nothing comes in between: of two that may not both be answered, the second is not, however close they are.
        """
        with self._at(now_ms) as connection:
            check(self._totals_answered(connection, period_days, now_ms))
            values = (session, now_ms // DAY_MS, total.envelope, total.snapshot, total.terms)
            connection.execute("INSERT INTO totals_told VALUES (?, ?, ?, ?, ?)", values)

    def totals_answered(self, period_days: int, now_ms: int) -> list[AnsweredTotal]:
        """Return the totals answered in the period that ends today."""
        with self._database.reading() as connection:
            return self._totals_answered(connection, period_days, now_ms)

    def charge(self, session: bytes, elements: int, now_ms: int, figures: FigureCost | None = None) -> None:
        """Turn a reservation into a charge, durably, before anything that depends on the data set leaves.

        Args:
            figures: of a count, a sum or a total: what its figures cost.

        Raises:
            ReservationError: nothing reserved, charged before, or more than was reserved.
        """
        with self._at(now_ms) as connection:
            changed = connection.execute(
                "UPDATE budgets SET elements = ?, charged = 1 WHERE session = ? AND charged = 0 AND elements >= ?",
                (elements, session, elements),
            ).rowcount
            if changed != 1:
                raise ReservationError(f"expected a reservation of at least {elements} elements, got none")
            connection.execute("UPDATE epoch_charges SET charged = 1 WHERE session = ?", (session,))
            if figures is not None:
                self._charge_figures(connection, session, figures)

    def release(self, session: bytes, now_ms: int) -> None:
        """Give back what a session reserved and never charged; a charge stays. Without a reservation, do nothing."""
        with self._at(now_ms) as connection:
            connection.execute("DELETE FROM budgets WHERE session = ? AND charged = 0", (session,))
            connection.execute("DELETE FROM epoch_charges WHERE session = ? AND charged = 0", (session,))
            connection.execute("DELETE FROM figure_charges WHERE session = ? AND charged = 0", (session,))

    def release_all(self, now_ms: int) -> None:
        """Give back all reservations: a node does so when it starts, because sessions do not outlive it."""
        with self._at(now_ms) as connection:
            connection.execute("DELETE FROM budgets WHERE charged = 0")
            connection.execute("DELETE FROM epoch_charges WHERE charged = 0")
            connection.execute("DELETE FROM figure_charges WHERE charged = 0")

    def reserve_in_epoch(self, session: bytes, epoch: EpochAccount, elements: int, now_ms: int) -> None:
        """Set elements of an epoch's cap aside for the evaluations of a question. `charge` and `release` cover them.

        Raises:
            BudgetError: the rest of the cap is smaller, or unknown since a restore.
        """
        with self._at(now_ms) as connection:
            self._reserve_in_epoch(connection, session, epoch, 0, elements)

    def reserve_release(self, session: bytes, epoch: EpochAccount, release: int, now_ms: int) -> int:
        """Set aside what a release costs: all evaluations of the epoch so far, because it answers them again.

        Returns: how many elements that is; none for a release that was charged before.

        Raises:
            BudgetError: as `reserve_in_epoch`.
        """
        with self._at(now_ms) as connection:
            paid = "SELECT 1 FROM epoch_charges WHERE epoch = ? AND release = ? AND charged = 1"
            if self._exists(connection, paid, epoch.id, release):
                return 0
            (elements,) = connection.execute(
                "SELECT coalesce(sum(elements), 0) FROM epoch_charges WHERE epoch = ? AND release = 0", (epoch.id,)
            ).fetchone()
            self._reserve_in_epoch(connection, session, epoch, release, elements)
            return int(elements)

    def used_in_epoch(self, epoch_id: str) -> int:
        """Return what is reserved and charged of an epoch's cap."""
        with self._database.reading() as connection:
            return self._used_in_epoch(connection, epoch_id)

    def forget_epoch(self, epoch_id: str, now_ms: int) -> None:
        """Drop the account of an epoch that has ended."""
        with self._at(now_ms) as connection:
            connection.execute("DELETE FROM epoch_charges WHERE epoch = ?", (epoch_id,))

    def used_elements(self, partner: str, data_set: str, now_ms: int) -> int:
        """Return what is reserved and charged today."""
        with self._database.reading() as connection:
            return self._used(connection, partner, data_set, now_ms)

    def consume_seed(self, commitment: bytes, now_ms: int) -> None:
        """Mark a session seed, named by its commitment, as consumed before its first use.

        Raises:
            SeedConsumedError: it was consumed before; whatever it would protect must not be sent.
        """
        with self._at(now_ms) as connection:
            if self._exists(connection, "SELECT 1 FROM seeds WHERE commitment = ?", commitment):
                raise SeedConsumedError("expected a fresh session seed, got one that was used before")
            connection.execute("INSERT INTO seeds VALUES (?, ?)", (commitment, now_ms))

    def mark_restored(self, now_ms: int) -> None:
        """Say, before anything else is done with it, that this state comes from a backup."""
        with self._at(now_ms) as connection:
            connection.execute("INSERT INTO restores VALUES (?)", (now_ms,))

    def export(self, target: Path) -> None:
        """Copy one consistent moment of the state into a new private file."""
        self._database.copy(target)

    def check_clock(self, now_ms: int) -> None:
        """Note the time. Raises ClockError: it stands before what this node has already seen."""
        with self._at(now_ms):
            pass

    def close(self) -> None:
        """Release the file."""
        self._database.close()

    @contextmanager
    def _at(self, now_ms: int) -> Iterator[sqlite3.Connection]:
        """Open a transaction at this time: check the clock, note it, and forget what has expired."""
        with self._database.transaction() as connection:
            (newest_ms,) = connection.execute("SELECT newest_ms FROM clock").fetchone()
            if now_ms < newest_ms - CLOCK_STEP_MS:
                behind_seconds = (newest_ms - now_ms) // 1000
                raise ClockError(f"expected the time to go on, got a clock {behind_seconds} s behind what it has shown")
            now_ms = max(now_ms, newest_ms)
            connection.execute("UPDATE clock SET newest_ms = ?", (now_ms,))
            # CLOCK_STEP_MS longer than valid: no clock that we accept can still accept the envelope.
            connection.execute("DELETE FROM nonces WHERE expires_ms < ?", (now_ms - CLOCK_STEP_MS,))
            connection.execute("DELETE FROM budgets WHERE day < ?", (now_ms // DAY_MS - 1,))
            connection.execute("DELETE FROM figure_charges WHERE day < ?", (now_ms // DAY_MS - FIGURE_MEMORY_DAYS,))
            connection.execute("DELETE FROM totals_told WHERE day < ?", (now_ms // DAY_MS - FIGURE_MEMORY_DAYS,))
            connection.execute("DELETE FROM seeds WHERE consumed_ms < ?", (now_ms - SEED_MEMORY_MS,))
            yield connection

    @staticmethod
    def _used(connection: sqlite3.Connection, partner: str, data_set: str, now_ms: int) -> int:
        """Everything since today began counts: also what a clock that was a little ahead booked on tomorrow."""
        (used,) = connection.execute(
            "SELECT coalesce(sum(elements), 0) FROM budgets WHERE day >= ? AND partner = ? AND data_set = ?",
            (now_ms // DAY_MS, partner, data_set),
        ).fetchone()
        return int(used)

    @staticmethod
    def _totals_answered(connection: sqlite3.Connection, period_days: int, now_ms: int) -> list[AnsweredTotal]:
        first_day = now_ms // DAY_MS - period_days + 1
        told = connection.execute("SELECT envelope, snapshot, terms FROM totals_told WHERE day >= ?", (first_day,))
        return [AnsweredTotal(*row) for row in told]

    @staticmethod
    def _used_figures(connection: sqlite3.Connection, partner: str, data_set: str, first_day: int) -> FigureCost:
        used = connection.execute(
            "SELECT coalesce(sum(epsilon_millis), 0), coalesce(sum(exact), 0) FROM figure_charges "
            "WHERE day >= ? AND partner = ? AND data_set = ?",
            (first_day, partner, data_set),
        ).fetchone()
        return FigureCost(*used)

    @staticmethod
    def _charge_figures(connection: sqlite3.Connection, session: bytes, figures: FigureCost) -> None:
        changed = connection.execute(
            "UPDATE figure_charges SET epsilon_millis = ?, exact = ?, charged = 1 "
            "WHERE session = ? AND charged = 0 AND epsilon_millis >= ? AND exact >= ?",
            (figures.epsilon_millis, figures.exact, session, figures.epsilon_millis, figures.exact),
        ).rowcount
        if changed != 1:
            raise ReservationError("expected a reservation for as much as the figures cost, got none")

    @staticmethod
    def _restored_ms(connection: sqlite3.Connection) -> int:
        """Time of the latest restore; -1 without any."""
        (at_ms,) = connection.execute("SELECT coalesce(max(at_ms), -1) FROM restores").fetchone()
        return int(at_ms)

    def _reserve_in_epoch(
        self, connection: sqlite3.Connection, session: bytes, epoch: EpochAccount, release: int, elements: int
    ) -> None:
        if self._restored_ms(connection) >= epoch.opened_ms:
            raise BudgetError("expected an epoch whose account is known, got one from before a restore")
        used = self._used_in_epoch(connection, epoch.id)
        if used + elements > epoch.cap_elements:
            left = max(epoch.cap_elements - used, 0)
            raise BudgetError(f"expected at most {left} of the epoch's {epoch.cap_elements} elements, got {elements}")
        values = (epoch.id, session, release, elements)
        connection.execute("INSERT INTO epoch_charges VALUES (?, ?, ?, ?, 0)", values)

    @staticmethod
    def _used_in_epoch(connection: sqlite3.Connection, epoch_id: str) -> int:
        (used,) = connection.execute(
            "SELECT coalesce(sum(elements), 0) FROM epoch_charges WHERE epoch = ?", (epoch_id,)
        ).fetchone()
        return int(used)

    @staticmethod
    def _exists(connection: sqlite3.Connection, query: str, *values: object) -> bool:
        return connection.execute(query, values).fetchone() is not None
