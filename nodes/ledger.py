"""The ledger: who asked whom what, when and why, and what left this node. Never an identifier.

Each row is canonical JSON, stored exactly as hashed. It holds the hash of the row before it; its own hash is signed
with the node's key. So an edited, removed, moved or swapped row is found and named. That rows were cut off at the end
is visible only to somebody who noted an earlier head: `verify` prints the head for that purpose. Signed protocol
messages lie beside the rows whose content names their senders and digests.

`append` returns when the row has reached the disk. If it raises, nothing may be disclosed.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from nodes.config import Config
from nodes.database import MAX_VALUE_BYTES, Database
from nodes.errors import LedgerBrokenError, LedgerError, OutputExistsError
from nodes.fields import MAX_TEXT_BYTES
from nodes.home import Home, create_private, removed_on_error, sync_folder
from nodes.identity import verify_signature
from protocol.dsse import Signer, pre_authentication_encoding
from protocol.effects import Evidence
from protocol.messages import Packet, PacketType
from protocol.transcript import digest

ROW_TYPE: Final = "application/vnd.accord.v1.ledger-row+json"
HASH_TYPE: Final = "application/vnd.accord.v1.ledger-row-hash"
HASH_BYTES: Final = 32  # SHA-256
NO_ROW: Final = bytes(HASH_BYTES)  # what the first row names as the hash before it

_LAYOUT: Final = """
CREATE TABLE IF NOT EXISTS rows (
    sequence INTEGER PRIMARY KEY, content BLOB NOT NULL, hash BLOB NOT NULL, signature BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS evidence (
    sequence INTEGER NOT NULL, position INTEGER NOT NULL, sender TEXT NOT NULL, type INTEGER NOT NULL,
    payload BLOB NOT NULL, signature BLOB NOT NULL, PRIMARY KEY (sequence, position)
) STRICT;
CREATE TRIGGER IF NOT EXISTS rows_are_appended BEFORE INSERT ON rows
    WHEN NEW.sequence <> (SELECT coalesce(max(sequence), 0) + 1 FROM rows)
    BEGIN SELECT raise(ABORT, 'append only'); END;
CREATE TRIGGER IF NOT EXISTS rows_stay BEFORE UPDATE ON rows BEGIN SELECT raise(ABORT, 'append only'); END;
CREATE TRIGGER IF NOT EXISTS rows_remain BEFORE DELETE ON rows BEGIN SELECT raise(ABORT, 'append only'); END;
CREATE TRIGGER IF NOT EXISTS evidence_is_appended BEFORE INSERT ON evidence
    WHEN NEW.sequence <> (SELECT coalesce(max(sequence), 0) FROM rows)
    BEGIN SELECT raise(ABORT, 'append only'); END;
CREATE TRIGGER IF NOT EXISTS evidence_stays BEFORE UPDATE ON evidence
    BEGIN SELECT raise(ABORT, 'append only'); END;
CREATE TRIGGER IF NOT EXISTS evidence_remains BEFORE DELETE ON evidence
    BEGIN SELECT raise(ABORT, 'append only'); END;
"""


class Event(StrEnum):
    """What a row records."""

    OPENED = "opened"
    STARTED = "started"
    STOPPED = "stopped"
    IMPORT = "import"
    PARTNER_CHANGE = "partner-change"
    IDENTITY_CHANGE = "identity-change"
    BACKUP = "backup"
    RESTORED = "restored"
    REQUEST_SENT = "request-sent"
    REQUEST_RECEIVED = "request-received"
    DECISION = "decision"
    REFUSAL = "refusal"
    CHECKPOINT = "checkpoint"
    DISCLOSURE = "disclosure"
    RECEIPT = "receipt"
    COMPLETION = "completion"
    ABORT = "abort"
    EPOCH_OPENED = "epoch-opened"
    EPOCH_ENDED = "epoch-ended"
    RELEASE_MADE = "release-made"
    RELEASE_ADOPTED = "release-adopted"
    HIT_CONFIRMED = "hit-confirmed"
    HIT_DISCARDED = "hit-discarded"
    FOLLOW_UP = "follow-up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What one row says; what does not apply stays empty and is left out.

    Args:
        session: digest of the signed envelope, in hexadecimal.
        partner: agency id of the other side; operator: who acted, of this side or as the envelope says.
        participants: of a total, all, the requester first.
        purpose, instrument, reference, case_reference: the legal basis, from the mandate.
        query, reveals, data_set, snapshot: what was asked of which version of which records.
        epoch, release: id of an epoch, and the number of its release that a row is about.
        kinds, sizes, partner_sizes: identifier kinds, own and the partner's number of elements, list by list.
        figures: what a count, a sum or a total is of, in a line; cut where it is longer than a line may be.
        charged: elements charged to the partner's budget; epsilon_millis, exact: what figures were charged.
        decision: "allowed" or "refused"; rule: the rule that decided; reason: code of a refusal, abort or error.
        ctx: the session's context hash, in hexadecimal.
        hits: numbers of a result's hits, from 1, that an operator decided about or asks the partner about.
        note: a fingerprint or a status, of a change of this node itself or of a file that leaves it.
    """

    event: Event
    session: str = ""
    partner: str = ""
    participants: tuple[str, ...] = ()
    operator: str = ""
    purpose: str = ""
    instrument: str = ""
    reference: str = ""
    case_reference: str = ""
    query: str = ""
    reveals: str = ""
    data_set: str = ""
    snapshot: str = ""
    epoch: str = ""
    release: int = 0
    kinds: tuple[str, ...] = ()
    sizes: tuple[int, ...] = ()
    partner_sizes: tuple[int, ...] = ()
    figures: str = ""
    charged: int = 0
    epsilon_millis: int = 0
    exact: int = 0
    decision: str = ""
    rule: str = ""
    reason: str = ""
    ctx: str = ""
    hits: tuple[int, ...] = ()
    note: str = ""

    def content(self) -> dict[str, Any]:
        """Return the fields that are not empty, ready for JSON; refuses text that is no single printable line."""
        values: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        for name, value in values.items():
            for text in value if isinstance(value, tuple) else (value,):
                if isinstance(text, str) and (len(text.encode()) > MAX_TEXT_BYTES or not text.isprintable()):
                    raise LedgerError(f"expected at most {MAX_TEXT_BYTES} bytes of printable text in {name}")
        return {name: value for name, value in values.items() if value}


@dataclass(frozen=True, slots=True)
class Head:
    """The newest row: who notes it down can later prove that rows were cut off."""

    sequence: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Row:
    """One row as stored."""

    sequence: int
    content: bytes
    hash: bytes
    signature: bytes


class Ledger:
    """The ledger of a running node or command; several threads and processes may append.

    Args:
        home, config: whose ledger; made on first use.
        signer: the node's signing key.
        now_ms: time of the first row, if this makes the ledger.

    Raises:
        LedgerError: cannot be opened. LedgerBrokenError: the newest row is not one that this node wrote.
    """

    def __init__(self, home: Home, config: Config, signer: Signer, now_ms: int) -> None:
        self._signer = signer
        self._agency_id = config.agency_id
        self._database = Database(home.ledger_file, (_LAYOUT,), LedgerError)
        with self._database.transaction() as connection:
            if self._newest(connection).sequence == 0:
                # Random, so that no row of this ledger fits another one of the same key.
                opening = {"event": Event.OPENED, "ledger": secrets.token_hex(16), "realm": config.realm}
                self._insert(connection, opening, now_ms, ())

    def append(self, entry: Entry, now_ms: int, evidence: Sequence[Evidence] = ()) -> Head:
        """Write a row, and the signed messages that belong to it, durably.

        Raises:
            LedgerError: not written; disclose nothing. LedgerBrokenError: the newest row does not verify.
        """
        content = entry.content()
        with self._database.transaction() as connection:
            return self._insert(connection, content, now_ms, evidence)

    def close(self) -> None:
        """Release the file."""
        self._database.close()

    def _insert(
        self, connection: sqlite3.Connection, entry: dict[str, Any], now_ms: int, evidence: Sequence[Evidence]
    ) -> Head:
        newest = self._newest(connection)
        sequence = newest.sequence + 1
        facts = {
            **entry,
            "agency": self._agency_id,
            "previous": newest.hash.hex(),
            "sequence": sequence,
            "time_ms": now_ms,
        }
        if evidence:
            facts["evidence"] = [_evidence_facts(e.sender, e.type, e.payload, e.signature) for e in evidence]
        content = json.dumps(facts, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
        row_hash = _hash(content)
        signature = self._signer.sign(pre_authentication_encoding(HASH_TYPE, row_hash))
        connection.execute("INSERT INTO rows VALUES (?, ?, ?, ?)", (sequence, content, row_hash, signature))
        connection.executemany(
            "INSERT INTO evidence VALUES (?, ?, ?, ?, ?, ?)",
            [(sequence, i, e.sender, int(e.type), e.payload, e.signature) for i, e in enumerate(evidence)],
        )
        return Head(sequence, row_hash)

    def _newest(self, connection: sqlite3.Connection) -> Head:
        found = connection.execute("SELECT * FROM rows ORDER BY sequence DESC LIMIT 1").fetchone()
        if found is None:
            return Head(0, NO_ROW)
        row = Row(*found)
        _check_row(row, self._signer.public_key)
        return Head(row.sequence, row.hash)


class LedgerFile:
    """A ledger to be read, never written.

    Args:
        path: of a node's own ledger, which the node may be writing, or of a copy.
        copied: nothing writes it.
    """

    def __init__(self, path: Path, *, copied: bool = False) -> None:
        self._path = path
        # A copy without a log beside it does not change, and SQLite need not make files beside it to read it.
        log = path.with_name(f"{path.name}-wal")
        self._uri = f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if copied and not log.exists() else ''}"

    def verify(self, public_key: bytes, expected_head: bytes | None = None) -> Head:
        """Check every row, every signature and all evidence. Returns the head.

        Args:
            public_key: of the agency, 32 bytes, from its partner file.
            expected_head: hash of a head that was noted earlier; it must still be in the ledger.

        Raises:
            LedgerBrokenError: names the first row that is wrong. LedgerError: the file cannot be read.
        """
        head, found = Head(0, NO_ROW), expected_head is None
        with self._reading() as connection:
            for row in _rows(connection):
                head = _check_next(row, head, public_key, connection)
                found = found or row.hash == expected_head
            (loose,) = connection.execute(
                "SELECT count(*) FROM evidence WHERE sequence NOT IN (SELECT sequence FROM rows)"
            ).fetchone()
        if head.sequence == 0:
            raise LedgerBrokenError("row 1: expected the opening row, got an empty ledger")
        if loose:
            raise LedgerBrokenError(f"expected each signed message to belong to a row, got {loose} that do not")
        if not found:
            raise LedgerBrokenError(
                f"expected the noted head among rows 1 to {head.sequence}, got none: rows after it, or it, were cut off"
            )
        return head

    def entries(self) -> Iterator[dict[str, Any]]:
        """Yield the content of each row, oldest first. Not verified: see `verify`."""
        with self._reading() as connection:
            for row in _rows(connection):
                yield _content(row)

    def kept(self) -> Iterator[tuple[dict[str, Any], tuple[Evidence, ...]]]:
        """Yield the content of each row, oldest first, with its signed messages. Not verified, as `entries`.

        Raises:
            LedgerBrokenError: what lies beside a row is no signed message.
        """
        with self._reading() as connection:
            for row in _rows(connection):
                try:
                    kept = tuple(_evidence(*message) for message in _stored(connection, row.sequence))
                except (TypeError, ValueError):
                    where = f"row {row.sequence}"
                    raise LedgerBrokenError(f"{where}: expected signed messages, got something else") from None
                yield _content(row), kept

    def export(self, target: Path) -> None:
        """Copy one consistent moment of the ledger into a single new file, private and durable."""
        if target.exists():
            raise OutputExistsError(f"expected a new file, got {target}, which is there")
        create_private(target)
        with (
            removed_on_error(target),
            self._reading() as connection,
            _known_errors(target),
            closing(sqlite3.connect(target)) as copy,
        ):
            connection.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
        sync_folder(target.parent)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        if not self._path.is_file():
            raise LedgerError(f"expected a ledger at {self._path}, got no file")
        with (
            _known_errors(self._path),
            closing(sqlite3.connect(self._uri, uri=True, isolation_level=None)) as connection,
        ):
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("BEGIN")
            yield connection


@contextmanager
def _known_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as cause:
        raise LedgerError(f"expected to read {path.name}, got: {cause.sqlite_errorname}") from None
    except sqlite3.Error as cause:
        reason = getattr(cause, "sqlite_errorname", type(cause).__name__)
        raise LedgerBrokenError(f"expected a ledger in {path.name}, got a damaged file: {reason}") from None


def _rows(connection: sqlite3.Connection) -> Iterable[Row]:
    for sequence, *values in connection.execute(
        "SELECT sequence, content, hash, signature FROM rows ORDER BY sequence"
    ):
        if not isinstance(sequence, int) or not all(isinstance(value, bytes) for value in values):
            raise LedgerBrokenError("expected rows of a number and bytes, got other columns")
        yield Row(sequence, *values)


def _stored(connection: sqlite3.Connection, sequence: int) -> list[tuple[Any, ...]]:
    of_row = "SELECT sender, type, payload, signature FROM evidence WHERE sequence = ? ORDER BY position"
    return connection.execute(of_row, (sequence,)).fetchall()


def _evidence(sender: str, kind: int, payload: bytes, signature: bytes) -> Evidence:
    if not sender.isprintable():
        raise ValueError
    return Evidence(sender, PacketType(kind), payload, signature)


def _check_next(row: Row, before: Head, public_key: bytes, connection: sqlite3.Connection) -> Head:
    if row.sequence != before.sequence + 1:
        raise LedgerBrokenError(f"row {before.sequence + 1}: expected it after the one before, got row {row.sequence}")
    facts = _check_row(row, public_key)
    if facts.get("previous") != before.hash.hex():
        raise LedgerBrokenError(f"row {row.sequence}: expected the hash of row {before.sequence} in it, got another")
    try:
        kept = [_evidence_facts(*message) for message in _stored(connection, row.sequence)]
    except (TypeError, ValueError):
        kept = []
    if kept != facts.get("evidence", []):
        raise LedgerBrokenError(f"row {row.sequence}: expected the signed messages that it names, got others")
    return Head(row.sequence, row.hash)


def _check_row(row: Row, public_key: bytes) -> dict[str, Any]:
    where = f"row {row.sequence}"
    if _hash(row.content) != row.hash:
        raise LedgerBrokenError(f"{where}: expected content that hashes to the row's hash, got other content")
    verify_signature(public_key, HASH_TYPE, row.hash, row.signature, LedgerBrokenError, where)
    facts = _content(row)
    if facts.get("sequence") != row.sequence:
        raise LedgerBrokenError(f"{where}: expected its own number in it, got another: rows were swapped")
    return facts


def _content(row: Row) -> dict[str, Any]:
    try:
        facts = json.loads(row.content)
    except (ValueError, RecursionError):
        facts = None
    if not isinstance(facts, dict):
        raise LedgerBrokenError(f"row {row.sequence}: expected a JSON object, got something else")
    return facts


def _hash(content: bytes) -> bytes:
    return hashlib.sha256(pre_authentication_encoding(ROW_TYPE, content)).digest()


def _evidence_facts(sender: str, kind: int, payload: bytes, signature: bytes) -> dict[str, str]:
    """A message's sender, and the digest by which the protocol refers to it; an envelope's is the session's id."""
    return {"digest": digest(Packet(PacketType(kind), payload, signature)).hex(), "sender": sender}
