"""SQLite as ledger and state use it: private, durable when a transaction ends, safe between threads and processes.

WAL with synchronous=FULL: a commit has reached the disk before it returns (sqlite.org/pragma.html#pragma_synchronous).
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from nodes.errors import NodeError
from nodes.home import create_private

BUSY_SECONDS: Final = 5.0  # how long another process may hold the write lock before we give up
MAX_VALUE_BYTES: Final = 1 << 20  # no row of ours comes near; a damaged file must not make us allocate more
DAY_MS: Final = 86_400_000


class Database:
    """One connection, used by one thread at a time.

    Args:
        path: the file; made with mode 0600 if it is not there, refused if it is open to others.
        layouts: the statements that make each layout of the one before, the first of an empty file or of one that is
            older than layouts. The file's number (PRAGMA user_version) says how many it has had.
        error: what storage failures become, and a file of a layout that is not known yet.
    """

    def __init__(self, path: Path, layouts: Sequence[str], error: type[NodeError]) -> None:
        self._error = error
        self._what = path.name
        self._lock = threading.Lock()
        create_private(path)
        with self._known_errors():
            self._connection = sqlite3.connect(
                path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                self._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._connection.execute("PRAGMA synchronous = FULL")
                self._connection.execute("PRAGMA trusted_schema = OFF")
                self._bring_up_to_date(layouts)
            except BaseException:
                self._connection.close()
                raise

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the write lock; commit durably at the end, or change nothing if anything is raised.

        Raises:
            the database's error: locked too long, disk full, damaged file.
        """
        with self._lock, self._known_errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """See one consistent moment of the file."""
        with self._lock, self._known_errors():
            self._connection.execute("BEGIN")
            try:
                yield self._connection
            finally:
                self._connection.execute("ROLLBACK")

    def copy(self, target: Path) -> None:
        """Copy one consistent moment of the file into a new private one, without a log beside it."""
        with self._lock, self._known_errors():
            create_private(target)
            with closing(sqlite3.connect(target)) as copy:
                self._connection.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")

    def close(self) -> None:
        """Release the file."""
        with self._lock:
            self._connection.close()

    def _bring_up_to_date(self, layouts: Sequence[str]) -> None:
        if self._layout() == len(layouts):
            return
        self._connection.execute("BEGIN IMMEDIATE")
        had = self._layout()  # another process may have been first
        if not 0 <= had <= len(layouts):
            raise self._error(f"expected {self._what} of layout {len(layouts)} or older, got {had}: use a newer accord")
        for script in layouts[had:]:
            for statement in _statements(script):
                self._connection.execute(statement)
        self._connection.execute(f"PRAGMA user_version = {len(layouts)}")
        self._connection.execute("COMMIT")

    def _layout(self) -> int:
        [(number,)] = self._connection.execute("PRAGMA user_version")
        return int(number)

    @contextmanager
    def _known_errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as cause:
            reason = getattr(cause, "sqlite_errorname", type(cause).__name__)
            raise self._error(f"expected to write or read {self._what} durably, got: {reason}") from None


def _statements(script: str) -> Iterator[str]:
    """Each by itself: `executescript` would end the transaction."""
    statement = ""
    for part in script.split(";")[:-1]:
        statement += f"{part};"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
