"""Decisions: in the ledger without identifiers, beside the result with the operator's words, and never one without the
other where something leaves because of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from nodes.errors import (
    HitNoteError,
    HitUnconfirmedError,
    HitUnknownError,
    LedgerError,
    PermissionsError,
    ResultError,
    StorageError,
)
from nodes.home import write_private
from nodes.ledger import Ledger, LedgerFile
from nodes.verdicts import (
    MAX_NOTE_BYTES,
    REASONS,
    Decision,
    Verdict,
    check_confirmed,
    decide,
    decisions,
    envelope_digest,
    standing,
    tallies,
)
from tests.agency import NOW_MS, Agency, make_agency
from tests.results import PERSON, Kept, identifier, keep_result

WORDS = "Seen the file, page 3"


@pytest.fixture
def north(tmp_path: Path) -> Agency:
    return make_agency(tmp_path / "north")


@pytest.fixture
def ledger(north: Agency) -> Iterator[Ledger]:
    with closing(Ledger(north.home, north.config, north.identity.signer, NOW_MS)) as ledger:
        yield ledger


def rows(agency: Agency) -> list[dict[str, Any]]:
    LedgerFile(agency.home.ledger_file).verify(agency.identity.signer.public_key)
    return list(LedgerFile(agency.home.ledger_file).entries())


def say(ledger: Ledger, kept: Kept, *numbers: int, reason: str = "documents-agree", note: str = "") -> list[Decision]:
    return decide(ledger, kept.result, kept.digest, frozenset(numbers), reason, note, "op-7", NOW_MS + 5)


def test_a_decision_is_a_row_and_an_entry_beside_the_result(north: Agency, ledger: Ledger) -> None:
    kept = keep_result(north)
    made = say(ledger, kept, 3, 1, note=WORDS)
    row = rows(north)[-1]
    assert {
        key: row[key] for key in ("event", "session", "partner", "operator", "kinds", "hits", "reason", "time_ms")
    } == {
        "event": "hit-confirmed",
        "session": kept.digest,
        "partner": "fiu-south",
        "operator": "op-7",
        "kinds": ["iban", "passport-number"],
        "hits": [1, 3],
        "reason": "documents-agree",
        "time_ms": NOW_MS + 5,
    }
    assert (row["case_reference"], row["instrument"], row["data_set"]) == ("CASE-9", "Act 7", "suspects")
    expected = [
        Decision(n, Verdict.CONFIRMED, "documents-agree", WORDS, "op-7", NOW_MS + 5, row["sequence"]) for n in (1, 3)
    ]
    assert made == expected == decisions(kept.result)
    file = kept.result.path.with_name(f"{kept.result.session}.decisions.json")
    assert file.stat().st_mode & 0o077 == 0


def test_no_identifier_and_no_words_in_the_ledger(north: Agency, ledger: Ledger) -> None:
    kept = keep_result(north, notes=True)
    say(ledger, kept, 1, 2, note=WORDS)
    say(ledger, kept, 3, reason="other-subject", note=WORDS)
    written = json.dumps(rows(north)) + "".join(
        path.read_bytes().decode("latin-1") for path in north.home.path.glob("ledger.db*")
    )
    for secret in (identifier(1), identifier(3), WORDS, PERSON, "own-1", "S-1"):
        assert secret not in written
        assert secret.encode().hex() not in written


def test_the_last_decision_stands_and_all_are_kept(north: Agency, ledger: Ledger) -> None:
    kept = keep_result(north)
    say(ledger, kept, 1, 2)
    say(ledger, kept, 2, reason="wrong-record")
    say(ledger, kept, 2, reason="outdated-record")
    assert [d.hit for d in decisions(kept.result)] == [1, 2, 2, 2]
    stands = standing(decisions(kept.result))
    assert {n: (d.verdict, d.reason) for n, d in stands.items()} == {
        1: (Verdict.CONFIRMED, "documents-agree"),
        2: (Verdict.DISCARDED, "outdated-record"),
    }
    assert [row["event"] for row in rows(north)[-3:]] == ["hit-confirmed", "hit-discarded", "hit-discarded"]


@pytest.mark.parametrize("number", [0, 4, -1])
def test_a_hit_that_is_not_there(north: Agency, ledger: Ledger, number: int) -> None:
    kept = keep_result(north)
    before = len(rows(north))
    with pytest.raises(HitUnknownError):
        say(ledger, kept, 1, number)
    assert (len(rows(north)), decisions(kept.result)) == (before, [])


@pytest.mark.parametrize(
    "note", ["a\nb", "\u202etxet", "x" * (MAX_NOTE_BYTES + 1), "é" * MAX_NOTE_BYTES, " blank ", "\x00"]
)
def test_words_that_are_no_line_of_text(north: Agency, ledger: Ledger, note: str) -> None:
    kept = keep_result(north)
    before = len(rows(north))
    with pytest.raises(HitNoteError):
        say(ledger, kept, 1, note=note)
    assert (len(rows(north)), decisions(kept.result)) == (before, [])


def test_a_ledger_that_fails_leaves_no_decision(north: Agency, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = keep_result(north)

    def fail(*_: object) -> None:
        raise LedgerError("expected to write, got a full disk")

    monkeypatch.setattr(ledger, "append", fail)
    with pytest.raises(LedgerError):
        say(ledger, kept, 1)
    assert decisions(kept.result) == []


def test_a_disk_that_fails_after_the_row_leaves_nothing_to_export(
    north: Agency, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = keep_result(north)

    def fail(*_: object) -> None:
        raise StorageError("expected to write, got a full disk")

    with monkeypatch.context() as patched:
        patched.setattr("nodes.verdicts.write_private", fail)
        with pytest.raises(StorageError):
            say(ledger, kept, 1)
    assert rows(north)[-1]["event"] == "hit-confirmed"
    with pytest.raises(HitUnconfirmedError):
        check_confirmed(standing(decisions(kept.result)), [1], rows(north), kept.digest)
    say(ledger, kept, 1)  # deciding again repairs it
    check_confirmed(standing(decisions(kept.result)), [1], rows(north), kept.digest)


def test_operators_who_decide_at_the_same_time_lose_nothing(north: Agency) -> None:
    kept = keep_result(north, {"iban": 20})

    def one(number: int) -> None:
        with closing(Ledger(north.home, north.config, north.identity.signer, NOW_MS)) as ledger:
            say(ledger, kept, number)

    with ThreadPoolExecutor(5) as threads:
        list(threads.map(one, range(1, 21)))
    assert sorted(d.hit for d in decisions(kept.result)) == list(range(1, 21))
    assert len({d.ledger_row for d in decisions(kept.result)}) == 20


class TestCheckConfirmed:
    """What may be exported: confirmed beside the result, and in the ledger, by the same decision."""

    def test_confirmed_hits_pass(self, north: Agency, ledger: Ledger) -> None:
        kept = keep_result(north)
        say(ledger, kept, 1, reason="other-subject")
        say(ledger, kept, 1, 3)
        check_confirmed(standing(decisions(kept.result)), [3, 1], rows(north), kept.digest)

    @pytest.mark.parametrize("decided", [(), ("wrong-record",), ("documents-agree", "already-known")])
    def test_open_and_discarded_hits_do_not(self, north: Agency, ledger: Ledger, decided: tuple[str, ...]) -> None:
        kept = keep_result(north)
        say(ledger, kept, 1)
        for reason in decided:
            say(ledger, kept, 2, reason=reason)
        with pytest.raises(HitUnconfirmedError, match="hit 2"):
            check_confirmed(standing(decisions(kept.result)), [1, 2], rows(north), kept.digest)

    @pytest.mark.parametrize(
        ("field", "value"),
        [("hit", 2), ("operator", "op-8"), ("reason", "second-source"), ("decided_ms", 7), ("ledger_row", 1)],
    )
    def test_a_file_that_says_more_than_the_ledger(
        self, north: Agency, ledger: Ledger, field: str, value: object
    ) -> None:
        kept = keep_result(north)
        say(ledger, kept, 1)
        path = kept.result.path.with_name(f"{kept.result.session}.decisions.json")
        content = json.loads(path.read_bytes())
        content["decisions"][0][field] = value
        write_private(path, json.dumps(content).encode())
        with pytest.raises(ResultError, match="the ledger"):
            check_confirmed(
                standing(decisions(kept.result)), [value if field == "hit" else 1], rows(north), kept.digest
            )

    def test_an_older_file_put_back(self, north: Agency, ledger: Ledger) -> None:
        """A confirmation that was taken back later does not come back with the file of before."""
        kept = keep_result(north)
        say(ledger, kept, 1)
        path = kept.result.path.with_name(f"{kept.result.session}.decisions.json")
        before = path.read_bytes()
        say(ledger, kept, 1, reason="other-subject")
        write_private(path, before)
        with pytest.raises(ResultError, match="the ledger"):
            check_confirmed(standing(decisions(kept.result)), [1], rows(north), kept.digest)

    def test_another_sessions_rows_do_not_count(self, north: Agency, ledger: Ledger) -> None:
        kept, other = keep_result(north), keep_result(north, name="other")
        say(ledger, kept, 1)
        with pytest.raises(ResultError):
            check_confirmed(standing(decisions(kept.result)), [1], rows(north), other.digest)


def test_a_result_of_another_node_has_no_session_here(north: Agency, tmp_path: Path) -> None:
    kept = keep_result(north)
    assert envelope_digest(rows(north), kept.result.session) == kept.digest
    elsewhere = make_agency(tmp_path / "elsewhere", "fiu-east")
    keep_result(elsewhere, name="other")
    with pytest.raises(ResultError):
        envelope_digest(rows(elsewhere), kept.result.session)


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"[]",
        b'{"version":2,"session":"SESSION","decisions":[]}',
        b'{"version":1,"session":"other","decisions":[]}',
        b'{"version":1,"session":"SESSION","decisions":[{}]}',
        b'{"version":1,"session":"SESSION","decisions":[],"more":1}',
        ("hit", 4),
        ("hit", 0),
        ("verdict", "maybe"),
        ("reason", "other-subject"),
        ("operator", "two words"),
        ("note", "a\nb"),
    ],
)
def test_a_damaged_file_of_decisions(north: Agency, ledger: Ledger, damage: Any) -> None:
    kept = keep_result(north)
    say(ledger, kept, 1, note=WORDS)
    path = kept.result.path.with_name(f"{kept.result.session}.decisions.json")
    if isinstance(damage, tuple):
        content = json.loads(path.read_bytes())
        content["decisions"][0][damage[0]] = damage[1]
        damaged = json.dumps(content).encode()
    else:
        damaged = damage.replace(b"SESSION", kept.result.session.encode())
    write_private(path, damaged)
    with pytest.raises(ResultError) as caught:
        decisions(kept.result)
    assert "page 3" not in str(caught.value)
    before = len(rows(north))
    with pytest.raises(ResultError):
        say(ledger, kept, 2)
    assert len(rows(north)) == before, "nothing is decided on top of a damaged file"


def test_decisions_that_others_can_read_are_refused(north: Agency, ledger: Ledger) -> None:
    kept = keep_result(north)
    say(ledger, kept, 1)
    kept.result.path.with_name(f"{kept.result.session}.decisions.json").chmod(0o644)
    with pytest.raises(PermissionsError):
        decisions(kept.result)


def test_tallies_by_partner_and_kind(north: Agency, ledger: Ledger) -> None:
    one = keep_result(north, {"passport-number": 4, "iban": 0})
    two = keep_result(north, {"passport-number": 3}, name="two")
    three = keep_result(north, {"iban": 2}, name="three", partner="fiu-east", asked_by="fiu-east")
    say(ledger, one, 1, 2)
    say(ledger, one, 2, 3, reason="other-subject")
    say(ledger, two, 1, reason="second-source")
    say(ledger, two, 2, reason="outside-mandate")
    counted = {(t.partner, t.kind): t for t in tallies([one.result, two.result, three.result])}
    assert list(counted) == [("fiu-east", "iban"), ("fiu-south", "iban"), ("fiu-south", "passport-number")]
    passports = counted["fiu-south", "passport-number"]
    assert (passports.hits, passports.open) == (7, 2)
    assert passports.confirmed == Counter({"documents-agree": 1, "second-source": 1})
    assert passports.discarded == Counter({"other-subject": 2, "outside-mandate": 1})
    assert (counted["fiu-east", "iban"].hits, counted["fiu-east", "iban"].open) == (2, 2)
    assert (counted["fiu-south", "iban"].hits, counted["fiu-south", "iban"].open) == (0, 0)
    assert tallies([]) == []


def test_reason_codes_are_distinct_words() -> None:
    codes = [code for reasons in REASONS.values() for code in reasons]
    assert len(set(codes)) == len(codes), "a reason says what is decided"
    assert all(code == code.lower() and code.replace("-", "").isalpha() for code in codes)
