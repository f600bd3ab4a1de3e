"""What one session leaves behind at this node: ledger rows with the signed messages that prove them, and a budget.

Common to all roles. The rows of a session carry the same facts; signed messages are handed over with the next row.
Called from storage threads, one call at a time but for `keep`.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from dataclasses import dataclass, replace
from typing import Any, Final

from nodes.aggregates.terms import described
from nodes.errors import NodeError, RefusedByRulesError, StorageError
from nodes.ledger import Entry, Event
from nodes.logs import line
from nodes.node import NOTED_SPOOL_BYTES, SPOOL_BYTES_PER_ELEMENT, Node
from nodes.policy import Decision, Facts, Obligations, asked_as
from nodes.registry import Snapshot
from nodes.spool import Spools
from protocol.effects import (
    Adopt,
    ConsumeSeed,
    Evidence,
    Job,
    Merge,
    ReadCells,
    ReadItems,
    ReadNotes,
    ReadRelease,
    ReadValues,
    Solve,
)
from protocol.errors import AbortedError, ProtocolError, RefusedError, RejectedError
from protocol.host_answers import OwnCells, Values
from protocol.messages import Envelope, LegalBasis, Packet, PacketType
from protocol.notes import encode_notes
from protocol.transcript import digest
from protocol.vocabulary import Query, Reveals
from psi import Items

MAX_NAMES_BYTES: Final = 200  # of a line in rows and results; the signed envelope has all names

log = logging.getLogger("accord.session")


@dataclass(frozen=True, slots=True)
class AnsweredQuestion:
    """What the file with an answer says of the question. `asked` is the responder's data set, `data_set` the own."""

    asked_by: str
    operator: str
    asked: str
    data_set: str
    legal_basis: LegalBasis


class CaseFile:
    """Base of both hosts.

    Args:
        node: whose session it is.
        partner: agency id of the other side; in a total, of all others, with commas between.
    """

    def __init__(self, node: Node, partner: str) -> None:
        self.node = node
        self.partner = partner
        self.elements = 0  # declared so far, both sides
        self.partner_elements = 0  # that the partner may work on without a word
        self.sealing = 0  # what one participant's encryption of figures takes, in elements, of which it is none
        self.work = 1  # of an element, next to one that is looked up
        self.obligations: Obligations | None = None
        self.facts = Entry(event=Event.ABORT, partner=self.partner)
        self.decision: Decision | None = None
        self.reservation = b""
        self.partner_reservation = b""
        self.snapshot: Snapshot | None = None
        self.asked = b""  # the envelope, as it was signed
        self._evidence: list[Evidence] = []
        self._row = threading.Lock()  # in a total, messages of others arrive while a row is written
        self._spools = node.spools()

    # --- what the runner asks

    @property
    def deadline_ms(self) -> int:
        allowed_ms = self.node.config.limits.deadline_ms(self.elements * self.work + self.sealing)
        return min(allowed_ms, self.obligations.max_duration_ms) if self.obligations else allowed_ms

    @property
    def silence_ms(self) -> int:
        limits = self.node.config.limits
        work = self.partner_elements * self.work + self.sealing
        return limits.idle_seconds * 1000 + work * limits.deadline_per_element_us // 1000

    def consume_seed(self, effect: ConsumeSeed) -> None:
        self.node.state.consume_seed(effect.seed_commitment, self.node.now_ms())

    def keep(self, effect: Evidence) -> None:
        """Hand the message over with the next row: no row that matters is written after what it allows."""
        with self._row:
            self._evidence.append(effect)
        if effect.type is PacketType.ENVELOPE:
            session = digest(Packet(effect.type, effect.payload, effect.signature))
            self.asked = effect.payload
            self.facts = replace(self.facts, session=session.hex())

    def read_items(self, effect: ReadItems) -> Items:
        """Read own identifiers from the snapshot that the session began with, whatever was imported since."""
        if self.snapshot is None:
            raise StorageError("expected an open snapshot, got a read before")
        return self.snapshot.items(self.facts.kinds[effect.list_number], effect.first, effect.count)

    def read_notes(self, effect: ReadNotes) -> bytes:
        """Read what each identifier's note says: whom to ask, and under which reference of the record behind it."""
        if self.snapshot is None:
            raise StorageError("expected an open snapshot, got a read before")
        kind = self.facts.kinds[effect.list_number]
        references = self.snapshot.references(kind, effect.first, effect.count)
        return encode_notes(self.node.config.contact, references)

    def read_values(self, effect: ReadValues) -> Values:
        """Read what own records say to a count or a sum."""
        raise StorageError(f"expected a session that counts or sums, got {type(effect).__name__} in another")

    def read_cells(self, effect: ReadCells) -> OwnCells:
        """Add up what own records contribute to a total."""
        raise StorageError(f"expected a session of a total, got {type(effect).__name__} in another")

    def solver(self, effect: Solve) -> Job:
        """The work of finding totals behind group elements, with this node's table."""
        return self.node.logarithms.solver(effect)

    def synchronise(self, effect: ReadRelease | Merge | Adopt, spools: Spools) -> Any:  # noqa: ARG002, for epochs
        """Read, draft or adopt a release of an epoch."""
        raise StorageError(f"expected a session that synchronises an epoch, got {type(effect).__name__} in another")

    def spools(self) -> Spools:
        """Room on disk for the session."""
        return self._spools

    def question(self) -> AnsweredQuestion:
        """What the file with an answer says of the question."""
        raise NotImplementedError

    @property
    def with_notes(self) -> bool:
        return self.facts.reveals in {reveals.value for reveals in Reveals if reveals.with_notes}

    @property
    def spool_bytes_per_element(self) -> int:
        return NOTED_SPOOL_BYTES if self.with_notes else SPOOL_BYTES_PER_ELEMENT

    def check_room(self) -> None:
        """Set room aside for the spools of all declared elements, before anything is agreed that would be lost without.

        Raises:
            StorageError: they will not.
        """
        self.node.room.promise(self._spools, self.elements * self.spool_bytes_per_element)

    # --- rows

    def know(self, envelope: Envelope) -> None:
        """From now on, rows tell what was asked."""
        self.know_basis(
            envelope.operator,
            envelope.legal_basis,
            query=asked_as(envelope),
            epoch=envelope.epoch,
            release=envelope.release,
            reveals=envelope.reveals,
            data_set=envelope.data_set_of(self.node.config.agency_id),
            kinds=tuple(entry.kind for entry in envelope.lists),
            participants=tuple(p.agency for p in envelope.participants) if envelope.query == Query.TOTALS else (),
            figures=described(envelope.aggregate, envelope.query) if envelope.aggregate is not None else "",
        )

    def know_basis(self, operator: str, basis: LegalBasis, **facts: Any) -> None:
        """From now on, rows tell who asks on which legal basis, and these facts."""
        self.facts = replace(
            self.facts,
            operator=operator,
            purpose=basis.purpose,
            instrument=basis.instrument,
            reference=basis.reference,
            case_reference=basis.case_reference,
            **facts,
        )

    def know_less(self) -> None:
        """From now on, rows tell the session alone; the signed envelope beside them has the rest."""
        self.facts = Entry(event=Event.ABORT, partner=self.partner, session=self.facts.session)

    def record(self, event: Event, **facts: Any) -> None:
        """Append a row about this session, durably, with the signed messages since the last one."""
        with self._row:
            self.node.ledger.append(replace(self.facts, event=event, **facts), self.node.now_ms(), self._evidence)
            self._evidence = []

    def decide(self, facts: Facts) -> Obligations:
        """Ask the rules. Raises RefusedByRulesError."""
        self.decision = self.node.rules.decide(facts)
        self.obligations = self.decision.enforce()
        return self.obligations

    def record_decision(self, error: NodeError | str | None, **facts: Any) -> None:
        """Append the row that says whether the request was allowed, by which rule, or why not."""
        decision = self.decision
        rule = decision.rule_id if decision is not None else ""
        if error is None:
            self.record(Event.DECISION, decision="allowed", rule=rule, **facts)
            return
        why = error.code if isinstance(error, NodeError) else error
        if isinstance(error, RefusedByRulesError) and decision is not None and not decision.allowed:
            why = decision.ground.value
        self.record(Event.DECISION, decision="refused", rule=rule, reason=why, **facts)

    def reserve(self, reservation: bytes, data_set: str, elements: int, limit_elements: int) -> None:
        """Set budget aside; `finish` gives it back unless it was charged."""
        state, now_ms = self.node.state, self.node.now_ms()
        state.reserve(reservation, self.partner, data_set, elements, limit_elements, now_ms)
        self.reservation = reservation

    def reserve_for_partner(self, data_set: str, elements: int, limit_elements: int) -> None:
        """Set aside what the partner asks beside the question that it answers."""
        reservation = hashlib.sha512(self.reservation).digest()
        state, now_ms = self.node.state, self.node.now_ms()
        state.reserve(reservation, self.partner, data_set, elements, limit_elements, now_ms)
        self.partner_reservation = reservation

    def release(self) -> None:
        """Give back what was reserved and not charged."""
        for reservation in (self.reservation, self.partner_reservation):
            if reservation:
                self.node.state.release(reservation, self.node.now_ms())

    def close(self) -> None:
        """Let go of the snapshot and of the room that was set aside."""
        self.node.room.release(self._spools)
        if self.snapshot is not None:
            self.snapshot.close()

    def finish(self, error: Exception | None, ctx: bytes | None) -> None:
        """Write the last row, then give back what was reserved and not charged.

        Raises:
            NodeError: a completed session whose last row was not written: its answer must not be told. What fails after
                an error is logged and raises nothing.
        """
        agreed = (ctx or b"").hex()
        try:
            if error is None:
                self.record(Event.COMPLETION, ctx=agreed)
            else:
                refused = isinstance(error, RefusedError | RejectedError)
                self.record(Event.REFUSAL if refused else Event.ABORT, ctx=agreed, reason=reason_of(error))
        except NodeError as failure:
            log.error(line("last-row-not-written", code=failure.code, message=failure))
            if error is None:
                raise
        finally:
            try:
                self.release()
            except NodeError as failure:
                log.error(line("reservation-not-released", code=failure.code, message=failure))


def reason_of(error: Exception) -> str:
    """The code of a refusal or error, and in a total whom it names, for rows and logs."""
    if isinstance(error, RefusedError):
        reason = f"refused: {error.refusal.value}"
    elif isinstance(error, RejectedError):
        reason = f"rejected: {error.reason.value}"
    elif isinstance(error, AbortedError):
        reason = f"aborted-by-partner: {error.abort.value}"
    else:
        reason = str(getattr(type(error), "code", "")) or type(error).__name__
    names = error.names if isinstance(error, ProtocolError) else ()
    return f"{reason} ({in_a_line(names)})" if names else reason


def in_a_line(names: tuple[str, ...]) -> str:
    """Names for people, with commas between; how many where they do not fit."""
    line = ", ".join(names)
    return line if len(line.encode()) <= MAX_NAMES_BYTES else f"{len(names)} agencies"
