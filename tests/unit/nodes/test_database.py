from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from nodes.database import Database
from nodes.errors import StateError

FIRST = "CREATE TABLE IF NOT EXISTS told (one TEXT NOT NULL) STRICT; INSERT INTO told VALUES ('before');"
SECOND = "ALTER TABLE told ADD COLUMN two TEXT NOT NULL DEFAULT 'unknown';"
GUARDED = """
CREATE TABLE IF NOT EXISTS rows (one TEXT) STRICT;
CREATE TRIGGER IF NOT EXISTS stays BEFORE DELETE ON rows BEGIN SELECT 1; SELECT raise(ABORT, 'stays'); END;
"""


def rows(database: Database) -> list[tuple[str, ...]]:
    with database.reading() as connection:
        return connection.execute("SELECT * FROM told").fetchall()


def test_a_file_of_an_older_layout_keeps_its_rows_and_gets_the_newer_ones(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    Database(path, (FIRST,), StateError).close()
    database = Database(path, (FIRST, SECOND), StateError)
    assert rows(database) == [("before", "unknown")]
    database.close()
    assert rows(Database(path, (FIRST, SECOND), StateError)) == [("before", "unknown")]


def test_a_file_from_before_layouts_were_numbered_is_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    path.touch(mode=0o600)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE told (one TEXT NOT NULL) STRICT")
        connection.execute("INSERT INTO told VALUES ('old')")
    assert rows(Database(path, (FIRST, SECOND), StateError)) == [("old", "unknown"), ("before", "unknown")]


def test_a_file_of_a_newer_layout_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    Database(path, (FIRST, SECOND), StateError).close()
    with pytest.raises(StateError, match="layout 1 or older, got 2"):
        Database(path, (FIRST,), StateError)
    assert rows(Database(path, (FIRST, SECOND), StateError)) == [("before", "unknown")]


def test_a_layout_is_reached_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    Database(path, (FIRST,), StateError).close()
    with pytest.raises(StateError):
        Database(path, (FIRST, SECOND + "ALTER TABLE absent ADD COLUMN three TEXT;"), StateError)
    assert rows(Database(path, (FIRST,), StateError)) == [("before",)]


def test_a_trigger_is_one_statement(tmp_path: Path) -> None:
    database = Database(tmp_path / "ledger.sqlite", (GUARDED,), StateError)
    with database.transaction() as connection:
        connection.execute("INSERT INTO rows VALUES ('one')")
    with pytest.raises(StateError), database.transaction() as connection:
        connection.execute("DELETE FROM rows")
