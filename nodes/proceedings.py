"""A session as ledgers hold it: rows, signed messages, and what they show together. From files and partner files alone.

What a ledger says in rows is its agency's word; what lies beside them, others have signed. So both are read, and
compared with each other and with what other ledgers hold of the same session.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from nodes.errors import EvidenceError, LedgerBrokenError, SessionNotKeptError
from nodes.ledger import Event, LedgerFile
from protocol.effects import Evidence
from protocol.errors import ProtocolError
from protocol.evidence import KeyOf, Known, Said, key_of
from protocol.examination import Examination
from protocol.messages import Envelope, Packet

MIN_SESSION_DIGITS: Final = 8  # fewer would have to hold much of a ledger in memory
_LAST: Final = frozenset({Event.COMPLETION, Event.REFUSAL, Event.ABORT})
_OF_HITS: Final = frozenset({Event.HIT_CONFIRMED, Event.HIT_DISCARDED, Event.FOLLOW_UP})  # by whoever works on hits
_BASIS: Final = ("purpose", "instrument", "reference", "case_reference")


@dataclass(frozen=True, slots=True)
class Proceedings:
    """One session in one ledger.

    Args:
        agency: whose ledger, as its rows say.
        rows: their content, oldest first; kept: the signed messages beside each.
        verified: whether rows verify under the agency's key; False where its partner file is not there.
        examined: the messages that this ledger holds.
    """

    agency: str
    session: str
    rows: tuple[Mapping[str, Any], ...]
    kept: tuple[tuple[Said, ...], ...]
    verified: bool
    examined: Examination

    @property
    def said(self) -> tuple[Said, ...]:
        """All its messages, in order."""
        return tuple(chain.from_iterable(self.kept))

    @property
    def last(self) -> Mapping[str, Any] | None:
        """The row that says how it ended."""
        return next((row for row in self.rows if str(row.get("event")) in _LAST), None)

    @property
    def contradictions(self) -> tuple[str, ...]:
        """Where rows say something else than the messages that lie beside them."""
        envelope, ctx = self.examined.envelope, self.examined.ctx
        found = []
        for row in self.rows:
            said = _said_of(row, envelope) if envelope is not None else {}
            said |= {"ctx": ctx.hex()} if ctx is not None else {}
            wrong = [name for name, value in said.items() if row.get(name) and row[name] != value]
            if wrong:
                where = f"row {row.get('sequence')!a} of {self.agency}"
                found.append(f"{where}: expected what the signed messages say, got another {', '.join(wrong)}")
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What several ledgers hold of one session.

    Args:
        together: all that any of them holds, examined as one.
        holders: by message, whose ledgers hold it.
        contradictions: everything that does not fit, in words.
    """

    together: Examination
    holders: Mapping[Said, tuple[str, ...]]
    contradictions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Signatures:
    """The signed messages of a ledger: how many verify, and how many are of agencies whose key is not known."""

    verified: int
    unknown: Mapping[str, int]


def check_signatures(file: LedgerFile, known: Known) -> Signatures:
    """Verify every signed message whose signer's key is known.

    Raises:
        EvidenceError: names the first that does not verify. LedgerError, LedgerBrokenError: it cannot be read.
    """
    counts: Counter[str] = Counter()
    for row, kept in file.kept():
        for said in map(_said, kept):
            try:
                found = key_of(said, known)
            except ProtocolError:
                what = f"{said.packet.type.name.lower()} of {said.sender}"
                raise EvidenceError(
                    f"row {row.get('sequence')!a}: expected a signature under its partner file's key over {what}, "
                    "got another; if it has changed its key, give the older file too"
                ) from None
            counts["" if found is KeyOf.PARTNER_FILE else said.sender] += 1
    return Signatures(counts.pop("", 0), counts)


def read_session(file: LedgerFile, beginning: str, known: Known) -> Proceedings:
    """Read one session, and verify all rows of the ledger where its agency's key is known.

    Args:
        beginning: of the session's number, in hexadecimal.
        known: keys by agency, from partner files.

    Raises:
        SessionNotKeptError: none, or more than one. LedgerError, LedgerBrokenError: as `LedgerFile.verify`.
    """
    if len(beginning) < MIN_SESSION_DIGITS:
        raise SessionNotKeptError(f"expected at least {MIN_SESSION_DIGITS} digits of a session, got {len(beginning)}")
    rows, kept, agency = [], [], ""
    for row, messages in file.kept():
        agency = agency or str(row.get("agency", ""))
        if str(row.get("session", "")).startswith(beginning.lower()):
            rows.append(row)
            kept.append(tuple(map(_said, messages)))
    sessions = {str(row["session"]) for row in rows}
    if len(sessions) != 1:
        raise SessionNotKeptError(
            f"expected the beginning of one session in the ledger of {agency}, got that of {len(sessions)}"
        )
    if not agency.isprintable():
        raise LedgerBrokenError("row 1: expected the name of an agency in it, got unprintable text")
    verified = _verify_rows(file, known.get(agency, ()))
    [session] = sessions
    examined = Examination(session, chain.from_iterable(kept), known)
    return Proceedings(agency, session, tuple(rows), tuple(kept), verified, examined)


def compare(ledgers: Sequence[Proceedings], known: Known) -> Comparison:
    """Put together what ledgers hold of one session. What one of them lacks, another may have."""
    holders: dict[Said, tuple[str, ...]] = {}
    for one in ledgers:
        for said in dict.fromkeys(one.said):
            holders[said] = (*holders.get(said, ()), one.agency)
    together = Examination(ledgers[0].session, holders, known)
    wrong = [
        f"{one.name} of {one.said.sender}, in the ledger of {', '.join(holders[one.said])}: {one.error}"
        for one in together.messages
        if one.error is not None
    ]
    return Comparison(together, holders, (*wrong, *chain.from_iterable(one.contradictions for one in ledgers)))


def _said(evidence: Evidence) -> Said:
    return Said(evidence.sender, Packet(evidence.type, evidence.payload, evidence.signature))


def _said_of(row: Mapping[str, Any], envelope: Envelope) -> dict[str, str]:
    """What a row about this question must say, where it says anything."""
    said = {name: getattr(envelope.legal_basis, name) for name in _BASIS} | {"reveals": envelope.reveals}
    return said if str(row.get("event")) in _OF_HITS else said | {"operator": envelope.operator}


def _verify_rows(file: LedgerFile, keys: Iterable[bytes]) -> bool:
    broken: LedgerBrokenError | None = None
    for key in keys:
        try:
            file.verify(key)
        except LedgerBrokenError as error:
            broken = error
        else:
            return True
    if broken is not None:
        raise broken
    return False
