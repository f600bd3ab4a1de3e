"""The ledger: durable before it returns, append-only, and any change to it found and named.

Tampering is done as an attacker with the file would: straight in SQLite, triggers dropped, hashes recomputed, and in
one case with the node's own key.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nodes.errors import LedgerBrokenError, LedgerError, OutputExistsError, PermissionsError
from nodes.ledger import HASH_TYPE, ROW_TYPE, Entry, Event, Head, Ledger, LedgerFile
from protocol.dsse import pre_authentication_encoding
from protocol.effects import Evidence
from protocol.messages import Packet, PacketType
from protocol.transcript import digest
from tests.agency import NOW_MS, Agency, make_agency
from tests.patience import PATIENCE_SECONDS

ENVELOPE = Evidence(sender="fiu-east", type=PacketType.ENVELOPE, payload=b"envelope", signature=bytes(64))
RECEIPT = Evidence(sender="fiu-east", type=PacketType.RECEIPT, payload=b"receipt", signature=bytes(64))


@pytest.fixture
def agency(tmp_path: Path) -> Agency:
    return make_agency(tmp_path / "node")


def open_ledger(agency: Agency) -> Ledger:
    return Ledger(agency.home, agency.config, agency.identity.signer, NOW_MS)


@pytest.fixture
def ledger(agency: Agency) -> Iterator[Ledger]:
    ledger = open_ledger(agency)
    yield ledger
    ledger.close()


def fill(ledger: Ledger, rows: int = 5) -> Head:
    """Rows 2 to rows + 1; row 3 and the last carry signed messages."""
    head = Head(0, b"")
    for number in range(rows):
        evidence = {1: (ENVELOPE,), rows - 1: (ENVELOPE, RECEIPT)}.get(number, ())
        entry = Entry(event=Event.DECISION, partner=f"fiu-{number}", kinds=("passport", "iban"), sizes=(7, 0))
        head = ledger.append(entry, NOW_MS + number, evidence)
    return head


def verify(agency: Agency, path: Path | None = None, expected_head: bytes | None = None) -> Head:
    file = LedgerFile(path or agency.home.ledger_file, copied=path is not None)
    return file.verify(agency.identity.signer.public_key, expected_head)


def test_rows_say_what_was_appended_and_nothing_else(agency: Agency, ledger: Ledger) -> None:
    entry = Entry(
        event=Event.DISCLOSURE, session="ab" * 64, partner="fiu-east", operator="op-1", purpose="ctf",
        case_reference="C1", kinds=("passport",), sizes=(3,), partner_sizes=(0,), charged=3, decision="allowed",
        rule="r1",
    )  # fmt: skip
    head = ledger.append(entry, NOW_MS + 5)
    opening, row = LedgerFile(agency.home.ledger_file).entries()
    assert opening["event"] == "opened" and opening["realm"] == "exercise" and opening["sequence"] == 1
    assert opening["previous"] == "00" * 32
    assert row == {
        "event": "disclosure", "session": "ab" * 64, "partner": "fiu-east", "operator": "op-1", "purpose": "ctf",
        "case_reference": "C1", "kinds": ["passport"], "sizes": [3], "partner_sizes": [0], "charged": 3,
        "decision": "allowed", "rule": "r1", "agency": "fiu-north", "sequence": 2, "time_ms": NOW_MS + 5,
        "previous": row["previous"],
    }  # fmt: skip
    assert verify(agency) == head == Head(2, head.hash)


def test_stored_bytes_are_canonical_and_are_what_is_hashed(agency: Agency, ledger: Ledger) -> None:
    ledger.append(Entry(event=Event.IMPORT, note="Größe"), NOW_MS)
    with sqlite3.connect(agency.home.ledger_file) as connection:
        content, row_hash = connection.execute("SELECT content, hash FROM rows WHERE sequence = 2").fetchone()
    facts = json.loads(content)
    assert content == json.dumps(facts, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    assert row_hash == hashlib.sha256(pre_authentication_encoding(ROW_TYPE, content)).digest()


def test_a_row_names_senders_and_the_digests_that_the_protocol_uses(agency: Agency, ledger: Ledger) -> None:
    ledger.append(Entry(event=Event.COMPLETION), NOW_MS, (ENVELOPE, RECEIPT))
    *_, row = LedgerFile(agency.home.ledger_file).entries()
    assert row["evidence"] == [
        {"digest": digest(Packet(PacketType.ENVELOPE, b"envelope", bytes(64))).hex(), "sender": "fiu-east"},
        {"digest": digest(Packet(PacketType.RECEIPT, b"receipt", bytes(64))).hex(), "sender": "fiu-east"},
    ]


@pytest.mark.parametrize("text", ["x" * 257, "é" * 129, "a\nb", "a\x1b[2J"])
def test_text_is_one_printable_line(agency: Agency, ledger: Ledger, text: str) -> None:
    for entry in (Entry(event=Event.ABORT, reason=text), Entry(event=Event.ABORT, kinds=("ok", text))):
        with pytest.raises(LedgerError) as caught:
            ledger.append(entry, NOW_MS)
        assert text not in str(caught.value)
    assert verify(agency).sequence == 1


def test_reopening_goes_on(agency: Agency) -> None:
    for number in range(3):
        ledger = open_ledger(agency)
        assert ledger.append(Entry(event=Event.STARTED), NOW_MS + number).sequence == number + 2
        ledger.close()
    assert verify(agency).sequence == 4


def test_the_file_is_private(agency: Agency, ledger: Ledger) -> None:
    fill(ledger)
    for file in agency.home.path.glob("ledger.db*"):
        assert file.stat().st_mode & 0o777 == 0o600, file
    ledger.close()
    agency.home.ledger_file.chmod(0o640)
    with pytest.raises(PermissionsError):
        open_ledger(agency)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE rows SET content = x'00' WHERE sequence = 2",
        "DELETE FROM rows WHERE sequence = 6",
        "DELETE FROM rows",
        "INSERT OR REPLACE INTO rows SELECT * FROM rows WHERE sequence = 2",
        "INSERT INTO rows VALUES (9, x'00', x'00', x'00')",
        "INSERT INTO rows VALUES (0, x'00', x'00', x'00')",
        "UPDATE evidence SET payload = x'00'",
        "DELETE FROM evidence",
        "INSERT INTO evidence VALUES (2, 0, 'x', 1, x'00', x'00')",
    ],
)
def test_the_file_itself_refuses_changes(agency: Agency, ledger: Ledger, statement: str) -> None:
    fill(ledger)
    with (
        sqlite3.connect(agency.home.ledger_file) as connection,
        pytest.raises(sqlite3.DatabaseError, match="append only"),
    ):
        connection.execute(statement)
    assert verify(agency).sequence == 6


# Tampering. Each function gets a connection without triggers, and the agency for the last.


def rehash(content: bytes) -> bytes:
    return hashlib.sha256(pre_authentication_encoding(ROW_TYPE, content)).digest()


def edit(connection: sqlite3.Connection, _agency: Agency) -> None:
    connection.execute("UPDATE rows SET content = CAST(replace(content, 'fiu-2', 'fiu-9') AS BLOB) WHERE sequence = 4")


def edit_one_bit_of_a_hash(connection: sqlite3.Connection, _agency: Agency) -> None:
    (old,) = connection.execute("SELECT hash FROM rows WHERE sequence = 4").fetchone()
    connection.execute("UPDATE rows SET hash = ? WHERE sequence = 4", (old[:-1] + bytes([old[-1] ^ 1]),))


def edit_and_rehash(connection: sqlite3.Connection, _agency: Agency) -> None:
    (content,) = connection.execute("SELECT content FROM rows WHERE sequence = 4").fetchone()
    content = content.replace(b"fiu-2", b"fiu-9")
    connection.execute("UPDATE rows SET content = ?, hash = ? WHERE sequence = 4", (content, rehash(content)))


def edit_with_the_key(connection: sqlite3.Connection, agency: Agency) -> None:
    edit_and_rehash(connection, agency)
    (row_hash,) = connection.execute("SELECT hash FROM rows WHERE sequence = 4").fetchone()
    signature = agency.identity.signer.sign(pre_authentication_encoding(HASH_TYPE, row_hash))
    connection.execute("UPDATE rows SET signature = ? WHERE sequence = 4", (signature,))


def forge_a_signature(connection: sqlite3.Connection, _agency: Agency) -> None:
    connection.execute("UPDATE rows SET signature = zeroblob(64) WHERE sequence = 4")


def delete_in_the_middle(connection: sqlite3.Connection, _agency: Agency) -> None:
    connection.execute("DELETE FROM rows WHERE sequence = 4")


def delete_and_renumber(connection: sqlite3.Connection, _agency: Agency) -> None:
    connection.execute("DELETE FROM rows WHERE sequence = 4")
    connection.execute("UPDATE rows SET sequence = 4 WHERE sequence = 5")


def delete_the_first(connection: sqlite3.Connection, _agency: Agency) -> None:
    connection.execute("DELETE FROM rows WHERE sequence = 1")


def swap(connection: sqlite3.Connection, _agency: Agency) -> None:
    connection.execute("UPDATE rows SET sequence = 99 WHERE sequence = 4")
    connection.execute("UPDATE rows SET sequence = 4 WHERE sequence = 5")
    connection.execute("UPDATE rows SET sequence = 5 WHERE sequence = 99")


def repeat(connection: sqlite3.Connection, _agency: Agency) -> None:
    connection.execute("INSERT INTO rows SELECT 7, content, hash, signature FROM rows WHERE sequence = 4")


def drop_evidence(connection: sqlite3.Connection, _agency: Agency) -> None:
    connection.execute("DELETE FROM evidence WHERE sequence = 6 AND position = 1")


def edit_evidence(connection: sqlite3.Connection, _agency: Agency) -> None:
    connection.execute("UPDATE evidence SET payload = x'00' WHERE sequence = 6")


def retype_evidence(connection: sqlite3.Connection, _agency: Agency) -> None:
    connection.execute("UPDATE evidence SET type = 99 WHERE sequence = 6")


def ascribe_evidence(connection: sqlite3.Connection, _agency: Agency) -> None:
    connection.execute("UPDATE evidence SET sender = 'fiu-west' WHERE sequence = 6 AND position = 1")


def reorder_evidence(connection: sqlite3.Connection, _agency: Agency) -> None:
    connection.execute("UPDATE evidence SET position = 2 WHERE sequence = 6 AND position = 0")


def add_evidence(connection: sqlite3.Connection, _agency: Agency) -> None:
    connection.execute("INSERT INTO evidence VALUES (5, 0, 'x', 1, x'00', x'00')")


def add_loose_evidence(connection: sqlite3.Connection, _agency: Agency) -> None:
    connection.execute("INSERT INTO evidence VALUES (77, 0, 'x', 1, x'00', x'00')")


def drop_columns(connection: sqlite3.Connection, _agency: Agency) -> None:
    connection.execute("ALTER TABLE rows RENAME TO old")
    connection.execute("CREATE TABLE rows (sequence, content, hash, signature)")
    connection.execute("INSERT INTO rows SELECT sequence, CAST(content AS TEXT), hash, signature FROM old")


Tamper = Callable[[sqlite3.Connection, Agency], None]


@pytest.mark.parametrize(
    ("tamper", "message"),
    [
        (edit, "^row 4: expected content that hashes"),
        (edit_one_bit_of_a_hash, "^row 4: expected content that hashes"),
        (edit_and_rehash, "^row 4: expected a signature"),
        (edit_with_the_key, "^row 5: expected the hash of row 4"),
        (forge_a_signature, "^row 4: expected a signature"),
        (delete_in_the_middle, "^row 4: expected it after the one before, got row 5"),
        (delete_and_renumber, "^row 4: expected its own number"),
        (delete_the_first, "^row 1: expected it after the one before, got row 2"),
        (swap, "^row 4: expected its own number"),
        (repeat, "^row 7: expected its own number"),
        (drop_evidence, "^row 6: expected the signed messages"),
        (edit_evidence, "^row 6: expected the signed messages"),
        (retype_evidence, "^row 6: expected the signed messages"),
        (ascribe_evidence, "^row 6: expected the signed messages"),
        (reorder_evidence, "^row 6: expected the signed messages"),
        (add_evidence, "^row 5: expected the signed messages"),
        (add_loose_evidence, "expected each signed message to belong to a row, got 1"),
        (drop_columns, "expected rows of a number and bytes"),
    ],
)
def test_tampering_is_found_and_named(agency: Agency, ledger: Ledger, tamper: Tamper, message: str) -> None:
    head = fill(ledger)
    ledger.close()
    assert verify(agency) == head
    with sqlite3.connect(agency.home.ledger_file) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        tamper(connection, agency)
    with pytest.raises(LedgerBrokenError, match=message):
        verify(agency)


def test_a_cut_tail_shows_only_against_a_noted_head(agency: Agency, ledger: Ledger) -> None:
    noted = fill(ledger)
    later = ledger.append(Entry(event=Event.STOPPED), NOW_MS)
    ledger.close()
    assert verify(agency, expected_head=noted.hash) == later, "an older head is still there"
    with sqlite3.connect(agency.home.ledger_file) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("DELETE FROM rows WHERE sequence > 4")
        connection.execute("DELETE FROM evidence WHERE sequence > 4")
    assert verify(agency).sequence == 4, "as the documentation says: not visible without an anchor"
    for anchor in (noted.hash, later.hash, bytes(32)):
        with pytest.raises(LedgerBrokenError, match="rows after it, or it, were cut off"):
            verify(agency, expected_head=anchor)


def test_a_row_of_another_ledger_of_the_same_key_does_not_fit(agency: Agency, tmp_path: Path) -> None:
    ledger = open_ledger(agency)
    fill(ledger)
    ledger.close()
    first = tmp_path / "first.db"
    LedgerFile(agency.home.ledger_file).export(first)
    for file in agency.home.path.glob("ledger.db*"):
        file.unlink()
    ledger = open_ledger(agency)
    fill(ledger)
    ledger.close()
    with sqlite3.connect(agency.home.ledger_file) as connection:
        connection.execute("DROP TRIGGER rows_stay")
        connection.execute("ATTACH ? AS other", (str(first),))
        connection.execute("UPDATE rows SET (content, hash, signature) = (SELECT content, hash, signature FROM"
                           " other.rows WHERE sequence = 4) WHERE sequence = 4")  # fmt: skip
        connection.commit()
    with pytest.raises(LedgerBrokenError, match=r"^row 4: expected the hash of row 3"):
        verify(agency)


def test_another_key_does_not_verify(agency: Agency, ledger: Ledger, tmp_path: Path) -> None:
    other = make_agency(tmp_path / "other", "fiu-other")
    with pytest.raises(LedgerBrokenError, match=r"^row 1: expected a signature"):
        LedgerFile(agency.home.ledger_file).verify(other.identity.signer.public_key)
    with pytest.raises(LedgerBrokenError):
        Ledger(agency.home, agency.config, other.identity.signer, NOW_MS)


def test_nothing_is_appended_to_a_broken_tail(agency: Agency, ledger: Ledger) -> None:
    fill(ledger)
    with sqlite3.connect(agency.home.ledger_file) as connection:
        connection.execute("DROP TRIGGER rows_stay")
        connection.execute(
            "UPDATE rows SET content = CAST(replace(content, 'fiu-4', 'fiu-9') AS BLOB) WHERE sequence = 6"
        )
        connection.commit()
    with pytest.raises(LedgerBrokenError, match="row 6"):
        ledger.append(Entry(event=Event.STARTED), NOW_MS)


class TestCopies:
    def test_an_export_verifies_anywhere(self, agency: Agency, ledger: Ledger, tmp_path: Path) -> None:
        head = fill(ledger)
        folder = tmp_path / "archive"
        folder.mkdir()
        LedgerFile(agency.home.ledger_file).export(folder / "copy.db")  # beside the running ledger
        ledger.append(Entry(event=Event.STOPPED), NOW_MS)
        folder.chmod(0o500)
        assert verify(agency, folder / "copy.db", head.hash) == head
        assert [p.name for p in folder.iterdir()] == ["copy.db"], "verifying leaves nothing behind"
        assert (folder / "copy.db").stat().st_mode & 0o777 == 0o600
        assert (folder / "copy.db").read_bytes()[18:20] == b"\x01\x01", "no log expected (sqlite.org/fileformat.html)"
        folder.chmod(0o700)

    def test_a_plain_copy_with_its_log_verifies(self, agency: Agency, ledger: Ledger, tmp_path: Path) -> None:
        head = fill(ledger)
        for file in agency.home.path.glob("ledger.db*"):
            shutil.copy(file, tmp_path / file.name)
        assert verify(agency, tmp_path / "ledger.db") == head

    def test_a_plain_copy_without_a_log_verifies_and_gets_none(self, agency: Agency, tmp_path: Path) -> None:
        ledger = open_ledger(agency)
        head = fill(ledger)
        ledger.close()
        folder = tmp_path / "archive"
        folder.mkdir()
        shutil.copy(agency.home.ledger_file, folder / "copy.db")
        seen: list[str] = []
        file = LedgerFile(folder / "copy.db", copied=True)
        for _ in file.entries():
            seen.extend(p.name for p in folder.iterdir())
        assert set(seen) == {"copy.db"}
        assert verify(agency, folder / "copy.db") == head

    def test_export_never_overwrites(self, agency: Agency, ledger: Ledger, tmp_path: Path) -> None:
        (tmp_path / "there").write_bytes(b"x")
        with pytest.raises(OutputExistsError, match="expected a new file"):
            LedgerFile(agency.home.ledger_file).export(tmp_path / "there")
        assert (tmp_path / "there").read_bytes() == b"x"

    @pytest.mark.parametrize("cut", [0, 1, 50, 100, 4096, 8192, -1])
    def test_a_damaged_copy_is_one_of_two_errors(
        self, agency: Agency, ledger: Ledger, tmp_path: Path, cut: int
    ) -> None:
        fill(ledger)
        copy = tmp_path / "copy.db"
        LedgerFile(agency.home.ledger_file).export(copy)
        data = copy.read_bytes()
        copy.write_bytes(data[:cut])
        with pytest.raises((LedgerBrokenError, LedgerError)):
            verify(agency, copy)

    def test_every_flipped_byte_of_a_row_is_found(self, agency: Agency, ledger: Ledger, tmp_path: Path) -> None:
        """Bytes that belong to rows; SQLite's own free space and headers hold no facts."""
        fill(ledger, 3)
        copy = tmp_path / "copy.db"
        LedgerFile(agency.home.ledger_file).export(copy)
        with sqlite3.connect(copy) as connection:
            stored = [value for row in connection.execute("SELECT content, hash, signature FROM rows") for value in row]
        data = copy.read_bytes()
        places = [data.index(value) + offset for value in stored for offset in range(0, len(value), 7)]
        assert len(places) > 100
        for place in places:
            copy.write_bytes(data[:place] + bytes([data[place] ^ 0x20]) + data[place + 1 :])
            with pytest.raises((LedgerBrokenError, LedgerError)):
                verify(agency, copy)

    def test_missing_and_foreign_files(self, agency: Agency, tmp_path: Path) -> None:
        with pytest.raises(LedgerError, match="got no file"):
            verify(agency, tmp_path / "none")
        with sqlite3.connect(tmp_path / "other.db") as connection:
            connection.execute("CREATE TABLE t (x)")
        with pytest.raises(LedgerError, match="SQLITE_ERROR"):
            verify(agency, tmp_path / "other.db")
        with sqlite3.connect(tmp_path / "empty.db") as connection:
            connection.execute("CREATE TABLE rows (sequence, content, hash, signature)")
            connection.execute("CREATE TABLE evidence (sequence, position, sender, type, payload, signature)")
        with pytest.raises(LedgerBrokenError, match="row 1: expected the opening row"):
            verify(agency, tmp_path / "empty.db")


class TestTogether:
    def test_threads_append_in_turn(self, agency: Agency, ledger: Ledger) -> None:
        heads: list[Head] = []

        def run() -> None:
            heads.extend(ledger.append(Entry(event=Event.DECISION), NOW_MS) for _ in range(20))

        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(head.sequence for head in heads) == list(range(2, 82))
        assert verify(agency).sequence == 81

    def test_two_processes_append_and_one_verifies_meanwhile(self, agency: Agency, ledger: Ledger) -> None:
        command = [sys.executable, "-c", APPEND, str(agency.home.path), "60"]
        running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        seen = 0
        while any(process.poll() is None for process in running):
            seen = max(seen, verify(agency).sequence)
        outputs = [process.communicate(timeout=PATIENCE_SECONDS)[0].split() for process in running]
        assert [process.returncode for process in running] == [0, 0]
        assert sorted(int(number) for output in outputs for number in output) == list(range(2, 122))
        assert verify(agency).sequence == 121
        assert seen > 0


APPEND = (
    "import sys\n"
    "from pathlib import Path\n"
    "from nodes.home import Home\n"
    "from nodes.ledger import Entry, Event, Ledger\n"
    "from tests.agency import NOW_MS, load_agency\n"
    "agency = load_agency(Home(Path(sys.argv[1])))\n"
    "ledger = Ledger(agency.home, agency.config, agency.identity.signer, NOW_MS)\n"
    "for _ in range(int(sys.argv[2])):\n"
    "    print(ledger.append(Entry(event=Event.DECISION), NOW_MS).sequence, flush=True)\n"
)


class TestFaults:
    def test_what_was_acknowledged_survives_a_kill(self, agency: Agency) -> None:
        open_ledger(agency).close()
        process = subprocess.Popen(
            [sys.executable, "-c", APPEND, str(agency.home.path), "100000"], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        last = 0
        for line in process.stdout:
            last = int(line)
            if last == 40:
                process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE_SECONDS)
        process.stdout.close()
        assert last >= 40
        assert verify(agency).sequence >= last
        ledger = open_ledger(agency)
        after = ledger.append(Entry(event=Event.STARTED), NOW_MS)
        ledger.close()
        assert verify(agency) == after

    def test_a_locked_ledger_raises_in_bounded_time(self, agency: Agency, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("nodes.database.BUSY_SECONDS", 0.05)
        ledger = open_ledger(agency)
        blocker = sqlite3.connect(agency.home.ledger_file, isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match="SQLITE_BUSY"):
            ledger.append(Entry(event=Event.DISCLOSURE), NOW_MS)
        blocker.execute("ROLLBACK")
        blocker.close()
        assert ledger.append(Entry(event=Event.DISCLOSURE), NOW_MS).sequence == 2
        ledger.close()

    def test_a_full_disk_raises_and_leaves_a_ledger_that_verifies(self, tmp_path: Path) -> None:
        """A real file system of 600 KiB."""
        disk = tmp_path / "disk"
        disk.mkdir()
        mounted = subprocess.run(
            ["/bin/mount", "-t", "tmpfs", "-o", "size=600k", "none", str(disk)], capture_output=True, check=False
        )
        if mounted.returncode:
            pytest.skip("mounting a small file system needs root; the test of a size limit below runs everywhere")
        try:
            agency = make_agency(disk / "node")
            ledger = open_ledger(agency)
            filler = disk / "filler"
            acknowledged = fill(ledger)
            with pytest.raises(OSError, match="No space left"):
                filler.write_bytes(bytes(1 << 20))
            with pytest.raises(LedgerError, match="SQLITE_FULL"):
                for _ in range(200):  # the log may have a page or two left
                    acknowledged = ledger.append(Entry(event=Event.DISCLOSURE, note="x" * 256), NOW_MS)
            filler.unlink()
            assert verify(agency) == acknowledged
            assert ledger.append(Entry(event=Event.STARTED), NOW_MS).sequence == acknowledged.sequence + 1
            ledger.close()
            verify(agency)
        finally:
            subprocess.run(["/bin/umount", str(disk)], check=True)

    def test_a_file_size_limit_raises_and_leaves_a_ledger_that_verifies(self, agency: Agency) -> None:
        program = (
            "import resource, signal, sys\n"
            "from pathlib import Path\n"
            "from nodes.errors import LedgerError\n"
            "from nodes.home import Home\n"
            "from nodes.ledger import Entry, Event, Ledger\n"
            "from tests.agency import NOW_MS, load_agency\n"
            "agency = load_agency(Home(Path(sys.argv[1])))\n"
            "ledger = Ledger(agency.home, agency.config, agency.identity.signer, NOW_MS)\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))\n"
            "try:\n"
            "    while True:\n"
            "        print(ledger.append(Entry(event=Event.DECISION), NOW_MS).sequence)\n"
            "except LedgerError as error:\n"
            "    print(error)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", program, str(agency.home.path)], capture_output=True, text=True, check=True
        )
        *numbers, message = done.stdout.strip().splitlines()
        assert "durably, got: SQLITE_" in message
        assert verify(agency).sequence == int(numbers[-1])


def facts_of(agency: Agency) -> list[dict[str, Any]]:
    return list(LedgerFile(agency.home.ledger_file).entries())


def test_verification_returns_what_was_read_not_what_was_promised(agency: Agency, ledger: Ledger) -> None:
    """The head is that of the file: it grows with every row."""
    heads = {verify(agency)}
    for _ in range(3):
        heads.add(ledger.append(Entry(event=Event.STARTED), NOW_MS))
        assert verify(agency) in heads
    assert len(heads) == len(facts_of(agency)) == 4
