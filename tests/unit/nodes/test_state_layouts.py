from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from nodes.database import Database
from nodes.errors import StateError
from nodes.state_layouts import LAYOUTS

TOLD = (b"session", 739_000, b"envelope", "1")
EARLIER = (b"earlier session", 738_000, b"earlier envelope", "1")


@pytest.mark.parametrize("terms", [False, True], ids=["first layout", "with the column that the second adds"])
def test_a_state_from_before_layouts_were_numbered_keeps_what_totals_were_told(tmp_path: Path, terms: bool) -> None:
    path = tmp_path / "state.db"
    path.touch(mode=0o600)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(LAYOUTS[0])
        connection.execute("INSERT INTO totals_told VALUES (?, ?, ?, ?)", TOLD)
        connection.execute("INSERT INTO totals (session, day, envelope, snapshot) VALUES (?, ?, ?, ?)", EARLIER)
        if terms:
            connection.execute("ALTER TABLE totals_told ADD COLUMN terms TEXT NOT NULL DEFAULT 'known'")
    database = Database(path, LAYOUTS, StateError)
    with database.reading() as connection:
        assert connection.execute("SELECT * FROM totals_told").fetchall() == [(*EARLIER, ""), (*TOLD, "")]
        assert connection.execute("PRAGMA user_version").fetchone() == (len(LAYOUTS),)
    database.close()
