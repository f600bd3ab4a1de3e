"""The layouts that a node's state has had, each as the statements that make it of the one before."""

from __future__ import annotations

from typing import Final

_FIRST: Final = """
CREATE TABLE IF NOT EXISTS clock (id INTEGER PRIMARY KEY CHECK (id = 1), newest_ms INTEGER NOT NULL) STRICT;
INSERT OR IGNORE INTO clock VALUES (1, 0);
CREATE TABLE IF NOT EXISTS nonces (
    partner TEXT NOT NULL, nonce BLOB NOT NULL, expires_ms INTEGER NOT NULL, PRIMARY KEY (partner, nonce)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS nonces_by_time ON nonces (expires_ms);
CREATE TABLE IF NOT EXISTS budgets (
    session BLOB PRIMARY KEY, partner TEXT NOT NULL, data_set TEXT NOT NULL, day INTEGER NOT NULL,
    elements INTEGER NOT NULL, charged INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS budgets_by_day ON budgets (day, partner, data_set);
CREATE TABLE IF NOT EXISTS epoch_charges (
    epoch TEXT NOT NULL, session BLOB NOT NULL, release INTEGER NOT NULL, elements INTEGER NOT NULL,
    charged INTEGER NOT NULL, PRIMARY KEY (epoch, session, release)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS figure_charges (
    session BLOB PRIMARY KEY, partner TEXT NOT NULL, data_set TEXT NOT NULL, day INTEGER NOT NULL,
    epsilon_millis INTEGER NOT NULL, exact INTEGER NOT NULL, charged INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS figure_charges_by_day ON figure_charges (day, partner, data_set);
CREATE TABLE IF NOT EXISTS totals (
    session BLOB PRIMARY KEY, day INTEGER NOT NULL, snapshot TEXT NOT NULL, envelope BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS totals_told (
    session BLOB PRIMARY KEY, day INTEGER NOT NULL, envelope BLOB NOT NULL, snapshot TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seeds (commitment BLOB PRIMARY KEY, consumed_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS seeds_by_time ON seeds (consumed_ms);
CREATE TABLE IF NOT EXISTS restores (at_ms INTEGER NOT NULL) STRICT;
"""

# Of a total that was told before, the terms are unknown: they equal none, and the same question is refused. Files from
# before layouts had numbers keep totals in one of two tables, and the second may have the column: both are taken over.
_TERMS_OF_TOTALS: Final = """
CREATE TABLE totals_with_terms (
    session BLOB PRIMARY KEY, day INTEGER NOT NULL, envelope BLOB NOT NULL, snapshot TEXT NOT NULL, terms TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO totals_with_terms SELECT session, day, envelope, snapshot, '' FROM totals;
INSERT INTO totals_with_terms SELECT session, day, envelope, snapshot, '' FROM totals_told;
DROP TABLE totals;
DROP TABLE totals_told;
ALTER TABLE totals_with_terms RENAME TO totals_told;
"""

LAYOUTS: Final = (_FIRST, _TERMS_OF_TOTALS)
