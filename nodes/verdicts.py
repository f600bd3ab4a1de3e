"""What operators decided about hits: confirmed or discarded, by whom, when, and why.

A decision is a ledger row first (session, number of the hit, reason code: no identifier, no free text), and then an
entry in a private file beside the result, with the operator's own words if there are any. The last decision about a hit
stands. What leaves this node because of a decision is checked against the ledger.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from nodes.errors import HitNoteError, HitUnconfirmedError, ResultError
from nodes.fields import LATEST_MS, NAME, Fields, parse_json
from nodes.hits import MAX_ELEMENTS, Result
from nodes.home import locked, read_private, write_private
from nodes.ledger import Entry, Event, Ledger

MAX_FILE_BYTES: Final = 1 << 28
MAX_DECISIONS: Final = 1 << 20
MAX_NOTE_BYTES: Final = 1_000
MAX_ROW: Final = 1 << 53


class Verdict(StrEnum):
    """What was decided."""

    CONFIRMED = "confirmed"
    DISCARDED = "discarded"


# Code -> what it says. Codes, because statistics count them and the ledger holds no free text.
REASONS: Final[Mapping[Verdict, Mapping[str, str]]] = MappingProxyType(
    {
        Verdict.CONFIRMED: {
            "documents-agree": "the documents behind the own record were looked at again and bear the identifier",
            "second-source": "a source independent of the own record says the same",
        },
        Verdict.DISCARDED: {
            "other-subject": "the identifier is somebody else's too: a reissued number, a name that several bear",
            "wrong-record": "the own record should not hold the identifier",
            "outdated-record": "the identifier is no longer the subject's",
            "outside-mandate": "the case does not need it",
            "already-known": "both agencies work on it already",
        },
    }
)

_EVENTS: Final = {Verdict.CONFIRMED: Event.HIT_CONFIRMED, Verdict.DISCARDED: Event.HIT_DISCARDED}


@dataclass(frozen=True, slots=True)
class Decision:
    """One operator's decision about one hit. `ledger_row` is the number of the row that says so too."""

    hit: int
    verdict: Verdict
    reason: str
    note: str
    operator: str
    decided_ms: int
    ledger_row: int


@dataclass(frozen=True, slots=True)
class Tally:
    """Outcomes of one partner's hits of one kind."""

    partner: str
    kind: str
    hits: int = 0
    confirmed: Counter[str] = field(default_factory=Counter)
    discarded: Counter[str] = field(default_factory=Counter)

    @property
    def open(self) -> int:
        """Hits that nobody has decided about."""
        return self.hits - self.confirmed.total() - self.discarded.total()

    def as_json(self) -> dict[str, Any]:
        """Return the counts, those of decisions by reason."""
        return {
            "partner": self.partner,
            "kind": self.kind,
            "hits": self.hits,
            "open": self.open,
            "confirmed": dict(self.confirmed),
            "discarded": dict(self.discarded),
        }


def decide(
    ledger: Ledger,
    result: Result,
    envelope_digest: str,
    numbers: frozenset[int],
    reason: str,
    note: str,
    operator: str,
    now_ms: int,
) -> list[Decision]:
    """Confirm or discard hits, durably: in the ledger, then beside the result.

    Args:
        envelope_digest: of the result's session, in hexadecimal; see `envelope_digest`.
        numbers: of the hits, at least one.
        reason: a code of REASONS, which says what is decided.
        note: own words; they stay beside the result, and go into a follow-up request.

    Raises:
        HitUnknownError, HitNoteError: nothing was decided. LedgerError, StorageError: not durable, decide again.
    """
    kinds = {result.kind(number) for number in numbers}
    verdict = next(verdict for verdict, codes in REASONS.items() if reason in codes)
    if len(note.encode()) > MAX_NOTE_BYTES or not note.isprintable() or note != note.strip():
        raise HitNoteError(f"expected a note of one printable line, at most {MAX_NOTE_BYTES} bytes, got another")
    with locked(result.path.parent / "decisions"):
        known = decisions(result)
        row = row_about(result, envelope_digest, _EVENTS[verdict], operator)
        numbered = replace(row, hits=tuple(sorted(numbers)), kinds=tuple(sorted(kinds)), reason=reason)
        head = ledger.append(numbered, now_ms)
        made = [Decision(n, verdict, reason, note, operator, now_ms, head.sequence) for n in sorted(numbers)]
        _write(result, [*known, *made])
    return made


def row_about(result: Result, envelope_digest: str, event: Event, operator: str) -> Entry:
    """Return what every ledger row about a result says."""
    basis = result.legal_basis
    return Entry(
        event=event,
        session=envelope_digest,
        partner=result.partner,
        operator=operator,
        purpose=basis.purpose,
        instrument=basis.instrument,
        reference=basis.reference,
        case_reference=basis.case_reference,
        data_set=result.asked,
    )


def envelope_digest(rows: Iterable[Mapping[str, Any]], session: str) -> str:
    """Return the digest that the ledger has for a session. Raises ResultError where it has none."""
    for row in rows:
        found = str(row.get("session", ""))
        if found.startswith(session):
            return found
    raise ResultError("expected the result of a session that is in this node's ledger, got another")


def decisions(result: Result) -> list[Decision]:
    """Return every decision about a result's hits, oldest first. Raises ResultError, StorageError, PermissionsError."""
    path = _path(result)
    if not path.exists():
        return []
    with parse_json(read_private(path, MAX_FILE_BYTES), ResultError, "decisions") as root:
        root.integer("version", 1, 1)
        if root.text("session") != result.session:
            raise root.fail("session", "that of the result", "another")
        found = [_decision(entry) for entry in root.tables("decisions", max_items=MAX_DECISIONS)]
    if any(not 1 <= decision.hit <= result.count for decision in found):
        raise ResultError("decisions: expected numbers of this result's hits, got others")
    return found


def standing(decided: Iterable[Decision]) -> dict[int, Decision]:
    """Return the decision that stands for each hit that has one."""
    return {decision.hit: decision for decision in decided}


def check_confirmed(
    decided: Mapping[int, Decision], numbers: Iterable[int], rows: Iterable[Mapping[str, Any]], envelope_digest: str
) -> None:
    """Verify that hits are confirmed, beside the result and in the ledger alike.

    Raises:
        HitUnconfirmedError: names the hit. ResultError: the file says something that the ledger does not.
    """
    wanted = set(numbers)
    for number in sorted(wanted):
        if number not in decided or decided[number].verdict is not Verdict.CONFIRMED:
            raise HitUnconfirmedError(f"expected hits that an operator confirmed, got hit {number}, which is not")
    written: dict[int, Mapping[str, Any]] = {}
    for row in rows:
        if row.get("session") == envelope_digest and row.get("event") in _EVENTS.values():
            written |= dict.fromkeys(row.get("hits", ()), row)
    for number in sorted(wanted):
        row, decision = written.get(number, {}), decided[number]
        said = [row.get(key) for key in ("event", "sequence", "operator", "reason", "time_ms")]
        if said != [Event.HIT_CONFIRMED, decision.ledger_row, decision.operator, decision.reason, decision.decided_ms]:
            raise ResultError(f"decisions: expected what the ledger says of hit {number}, got something else")


def tallies(results: Iterable[Result]) -> list[Tally]:
    """Count the outcomes of results, by partner and kind. Raises as `decisions`."""
    found: dict[tuple[str, str], Tally] = {}
    for result in results:
        for entry in result.lists:
            key = (result.partner, entry.kind)
            tally = found.get(key, Tally(*key))
            found[key] = replace(tally, hits=tally.hits + entry.shared)
        for decision in standing(decisions(result)).values():
            tally = found[result.partner, result.kind(decision.hit)]
            counted = tally.confirmed if decision.verdict is Verdict.CONFIRMED else tally.discarded
            counted[decision.reason] += 1
    return [found[key] for key in sorted(found)]


def _path(result: Result) -> Path:
    return result.path.with_name(f"{result.session}.decisions.json")


def _write(result: Result, decided: list[Decision]) -> None:
    entries = [{name: value for name, value in asdict(decision).items() if value != ""} for decision in decided]
    content = {"version": 1, "session": result.session, "decisions": entries}
    write_private(_path(result), json.dumps(content, ensure_ascii=False, indent=1).encode())


def _decision(entry: Fields) -> Decision:
    with entry:
        verdict = Verdict(entry.choice("verdict", list(Verdict)))
        return Decision(
            hit=entry.integer("hit", 1, MAX_ELEMENTS),
            verdict=verdict,
            reason=entry.choice("reason", list(REASONS[verdict])),
            note=entry.text("note", max_bytes=MAX_NOTE_BYTES) if "note" in entry else "",
            operator=entry.text("operator", pattern=NAME),
            decided_ms=entry.integer("decided_ms", 0, LATEST_MS),
            ledger_row=entry.integer("ledger_row", 1, MAX_ROW),
        )
