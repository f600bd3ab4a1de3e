"""How long questions take on this machine: measured with real sessions, once, and kept in the home folder.

Both sides of a session run in this process, over queues instead of a line, with random identifiers, spools on the
node's own disk and no records behind them. Three sessions fix a straight line in both sizes. The file says which
machine and program they were measured on; on another one they are measured again.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from importlib import metadata
from pathlib import Path
from typing import Final

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from nodes.aggregates.solving import Logarithms
from nodes.errors import StorageError
from nodes.executor import Executor
from nodes.fields import LATEST_MS, Fields, parse_json
from nodes.home import Home, make_folder, read_private, write_private
from nodes.identity import Signer
from nodes.pair import PairRunner
from nodes.runner import Outcome
from nodes.spool import Spools
from protocol.counting import CountRequester, CountResponder
from protocol.effects import (
    Admit,
    Adopt,
    Charge,
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
from protocol.handshake import Question
from protocol.host_answers import Admission, OwnCells, Values
from protocol.identifiers import profile_hash
from protocol.intersect import IntersectRequester, IntersectResponder
from protocol.messages import Aggregate, LegalBasis, List, Terms
from protocol.notes import FILLER
from protocol.roles import Requester, Responder
from protocol.session import Local, Peer, Secrets
from protocol.summing import SumRequester, SumResponder
from protocol.vocabulary import Realm, Reveals
from psi import Items, backend

ELEMENTS: Final = 8_192  # a quarter of a chunk: a tenth of a second with wide lanes, about a second without
ATTEMPTS: Final = 2  # the faster one counts: others may be using the machine
SIZES: Final = ((1, 1), (ELEMENTS, 1), (1, ELEMENTS))
ELEMENT_BYTES: Final = 16  # of a typical canonical identifier
MAX_SECONDS: Final = 600
SPOOL_BYTES: Final = 1 << 30
MAX_COUNT: Final = 1 << 53  # what JSON numbers bear

_COUNT: Final = Aggregate("", "", "", (), (), 0, 0, 0, 1, 1, 0)
_AGGREGATES: Final = {  # a sum without categories: one figure
    Reveals.COUNT: _COUNT,
    Reveals.SUMS: replace(_COUNT, value="amount", currency="EUR", unit=1, high=1),
}
_ROLES: Final[dict[Reveals, tuple[type[Requester], type[Responder]]]] = {
    Reveals.COUNT: (CountRequester, CountResponder),
    Reveals.SUMS: (SumRequester, SumResponder),
}


@dataclass(frozen=True, slots=True)
class Machine:
    """What a measurement holds for."""

    backend: str
    cpu: str
    processors: int
    version: str

    @classmethod
    def here(cls) -> Machine:
        """This machine and this program."""
        return cls(backend(), _cpu(), len(os.sched_getaffinity(0)), metadata.version("accord"))


@dataclass(frozen=True, slots=True)
class Run:
    """One measured session: elements of both sides, and what it took from the requester's point of view."""

    own: int
    partner: int
    elapsed_us: int
    sent_bytes: int
    received_bytes: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a question should take. Not in it: the line, and a machine of the partner's unlike this one."""

    seconds: float
    sent_bytes: int
    received_bytes: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """Measured sessions of one kind of answer."""

    reveals: Reveals
    machine: Machine
    measured_ms: int
    runs: tuple[Run, Run, Run]  # in the order of SIZES

    def estimate(self, own: int, partner: int) -> Estimate:
        """Say what a question with so many elements in all lists should take."""

        def at(what: Callable[[Run], int]) -> float:
            base, more_own, more_partner = map(what, self.runs)
            slopes = max(more_own - base, 0), max(more_partner - base, 0)
            grown = base + sum(slope * (size - 1) for slope, size in zip(slopes, (own, partner), strict=True)) / (
                ELEMENTS - 1
            )
            return max(grown, 0)

        return Estimate(
            round(at(lambda run: run.elapsed_us) / 1e6, 3),
            round(at(lambda run: run.sent_bytes)),
            round(at(lambda run: run.received_bytes)),
        )


def calibration(home: Home, spool: Path, reveals: Reveals, now_ms: int) -> Calibration:
    """Return what was measured for this kind of answer on this machine; measure it now if it was not.

    Args:
        home: holds calibration.json.
        spool: folder for the measured sessions' rows.

    Raises:
        StorageError: the sessions found no room, or the result cannot be written.
    """
    machine, known = Machine.here(), _read(home)
    found = known.get(reveals)
    if found is None or found.machine != machine:
        runs = measure(spool, reveals, now_ms, Logarithms(home.logarithms_file))
        found = Calibration(reveals, machine, now_ms, runs)
        known = {name: kept for name, kept in known.items() if kept.machine == machine} | {reveals: found}
        content = {"calibrations": [asdict(kept) for kept in known.values()]}
        write_private(home.calibration_file, json.dumps(content, indent=1).encode())
    return found


def measure(spool: Path, reveals: Reveals, now_ms: int, logarithms: Logarithms) -> tuple[Run, Run, Run]:
    """Run the sessions of SIZES. Raises StorageError."""
    try:
        make_folder(spool)
    except OSError as cause:
        raise StorageError(f"expected to make {spool}, got: {cause.strerror}") from None
    _session(spool, reveals, 1, 1, now_ms, logarithms)  # the first one pays for tables and threads that later ones find
    base, more_own, more_partner = (
        min(
            (_session(spool, reveals, *sizes, now_ms, logarithms) for _ in range(ATTEMPTS)),
            key=lambda run: run.elapsed_us,
        )
        for sizes in SIZES
    )
    return base, more_own, more_partner


def _session(spool: Path, reveals: Reveals, own: int, partner: int, now_ms: int, logarithms: Logarithms) -> Run:
    outcome = asyncio.run(_both_sides(spool, reveals, own, partner, now_ms, logarithms))
    if outcome.error is not None:
        raise StorageError(f"expected to measure a session, got: {outcome.error}")
    return Run(own, partner, round(outcome.seconds * 1e6), outcome.sent_bytes, outcome.received_bytes)


async def _both_sides(
    spool: Path, reveals: Reveals, own: int, partner: int, now_ms: int, logarithms: Logarithms
) -> Outcome:
    asks, answers = (Signer(Ed25519PrivateKey.generate()) for _ in range(2))
    question = Question(
        data_set="calibration",
        operator="calibration",
        lists=(List("calibration", own),),
        legal_basis=LegalBasis(**{field.name: "calibration" for field in fields(LegalBasis)}),
        not_before_ms=now_ms,
        not_after_ms=now_ms + MAX_SECONDS * 1000,
        nonce=os.urandom(32),
        reveals=reveals,
        aggregate=_AGGREGATES.get(reveals),
    )
    requester_of, responder_of = _ROLES.get(reveals, (IntersectRequester, IntersectResponder))
    requester = requester_of(question, _local("asks"), _secrets(), bytes(64), asks, Peer("answers", answers.public_key))
    responder = responder_of(_local("answers"), _secrets(), answers, Peer("asks", asks.public_key))
    there: asyncio.Queue[bytes | None] = asyncio.Queue(1)
    back: asyncio.Queue[bytes | None] = asyncio.Queue(1)
    executor = Executor()
    try:
        outcome, _ = await asyncio.gather(
            *(
                PairRunner(session, channel, host, executor, Spools(spool, SPOOL_BYTES), lambda: now_ms).run()
                for session, channel, host in (
                    (requester, _Queues(back, there), _Records(own, reveals, logarithms)),
                    (responder, _Queues(there, back), _Records(partner, reveals, logarithms)),
                )
            )
        )
    finally:
        executor.close()
    return outcome


@dataclass(frozen=True, slots=True)
class _Queues:
    """A line without length."""

    incoming: asyncio.Queue[bytes | None]
    outgoing: asyncio.Queue[bytes | None]

    async def read(self) -> bytes | None:
        return await self.incoming.get()

    async def write(self, packet: bytes) -> None:
        await self.outgoing.put(packet)

    async def finish(self) -> None:
        await self.outgoing.put(None)

    def check(self) -> None:
        """Both sides are this node."""


class _Records:
    """So many random identifiers, each with one record, and nothing to remember."""

    deadline_ms = MAX_SECONDS * 1000
    silence_ms = MAX_SECONDS * 1000

    def __init__(self, count: int, reveals: Reveals, logarithms: Logarithms) -> None:
        self._logarithms = logarithms
        self._aggregate = _AGGREGATES.get(reveals)
        offsets = np.arange(0, (count + 1) * ELEMENT_BYTES, ELEMENT_BYTES, dtype="<u4")
        self._items = Items(os.urandom(count * ELEMENT_BYTES), offsets.tobytes())

    def admit(self, _: Admit) -> Admission:
        terms = Terms(1, 0, 0) if self._aggregate is not None else None
        return Admission((len(self._items),), bytes(64), terms=terms)

    def consume_seed(self, _: ConsumeSeed) -> None: ...
    def charge(self, _: Charge) -> None: ...
    def keep(self, _: Evidence) -> None: ...

    def read_items(self, effect: ReadItems) -> Items:
        return self._items.slice(effect.first, effect.count)

    def read_notes(self, effect: ReadNotes) -> bytes:
        return FILLER * effect.count

    def read_values(self, effect: ReadValues) -> Values:
        summed = self._aggregate is not None and self._aggregate.value
        return Values(b"\1" * effect.count, np.ones(effect.count, "<i8").tobytes() if summed else b"")

    def read_cells(self, _: ReadCells) -> OwnCells:
        raise StorageError("expected a session with one partner, got one of a total")

    def solver(self, effect: Solve) -> Job:
        return self._logarithms.solver(effect)

    def synchronise(self, _: ReadRelease | Merge | Adopt, __: Spools) -> None: ...


def _local(agency: str) -> Local:
    return Local(agency, Realm.EXERCISE.value, profile_hash(), 0, MAX_SECONDS * 1000, 2 * ELEMENTS)


def _secrets() -> Secrets:
    return Secrets(os.urandom(32), os.urandom(32), os.urandom(32))


def _cpu() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return " ".join(names[0].split()) if names and names[0].isprintable() and names[0].strip() else os.uname().machine


def _read(home: Home) -> dict[Reveals, Calibration]:
    """What was measured before; nothing where the file is missing or not what it must be."""
    if not home.calibration_file.exists():
        return {}
    try:
        with parse_json(read_private(home.calibration_file), StorageError, "calibration.json") as root:
            found = [_calibration(table) for table in root.tables("calibrations", max_items=len(Reveals))]
    except StorageError:
        return {}
    return {kept.reveals: kept for kept in found}


def _calibration(table: Fields) -> Calibration:
    with table:
        reveals = Reveals(table.choice("reveals", list(Reveals)))
        measured_ms = table.integer("measured_ms", 0, LATEST_MS)
        with table.table("machine") as entry:
            texts = {name: entry.text(name) for name in ("backend", "cpu", "version")}
            machine = Machine(**texts, processors=entry.integer("processors", 1, 1 << 20))
        runs = tuple(_run(entry) for entry in table.tables("runs"))
        if tuple((run.own, run.partner) for run in runs) != SIZES:
            raise table.fail("runs", "the sessions that this version measures", "others")
    return Calibration(reveals, machine, measured_ms, (runs[0], runs[1], runs[2]))


def _run(table: Fields) -> Run:
    with table:
        return Run(**{field.name: table.integer(field.name, 0, MAX_COUNT) for field in fields(Run)})
