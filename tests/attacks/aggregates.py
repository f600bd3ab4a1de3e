"""Attackers on count and sum: the product's own sessions with one computation or one message replaced.

All their hashes and signatures are right, and their proofs are made by the product's prover from what they really sent.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from protocol import effects as fx
from protocol.messages import Aggregate, Message, Packet, PacketType
from protocol.responders import RESPONDERS, Responder
from protocol.session import Session
from protocol.vocabulary import Query
from psi import group, keystream_scalars
from tests.sim.aggregates import REQUESTERS, Holdings, aggregate_simulation
from tests.sim.host import Simulation, derive

ROW = 32
IDENTITY = bytes(ROW)

Made = Callable[[int], fx.Effect]


def computing(base: type[Session], job: type, change: Callable[[Any, Any], Any]) -> type[Session]:
    """A session in which the result of one kind of job is another: `change(job, result)`."""

    class Attacker(base):  # type: ignore[misc, valid-type]
        def do(self, make: Made, then: Callable[[Any], None]) -> None:
            done = make.keywords.get("job") if isinstance(make, partial) else None
            if isinstance(done, job):
                super().do(make, lambda result: then(change(done, result)))
            else:
                super().do(make, then)

    return Attacker


def sending(base: type[Session], kind: PacketType, change: Callable[[bytes], bytes | None]) -> type[Session]:
    """A session that sends other rows: `change(rows)`, or none for None."""

    class Attacker(base):  # type: ignore[misc, valid-type]
        def send_rows(self, sent: PacketType, rows: bytes) -> None:
            changed = change(rows) if sent is kind else rows
            if changed is not None:
                super().send_rows(sent, changed)

    return Attacker


def saying(base: type[Session], kind: PacketType, change: Callable[[Any], Message]) -> type[Session]:
    """A session that signs another message."""

    class Attacker(base):  # type: ignore[misc, valid-type]
        def _send_signed(self, sent: PacketType, message: Message) -> Packet:
            return super()._send_signed(sent, change(message) if sent is kind else message)

    return Attacker


def played(
    query: Query,
    aggregate: Aggregate,
    mine: dict[str, list[bytes]],
    theirs: Holdings,
    *,
    requester: Callable[[type[Session]], type[Session]] | None = None,
    responder: Callable[[type[Session]], type[Session]] | None = None,
    **more: Any,
) -> Simulation:
    """Run with one side replaced by an attacker, made from the honest one."""
    simulation = aggregate_simulation(query, aggregate, mine, theirs, **more)
    if requester is not None:
        simulation.requester.session.__class__ = requester(REQUESTERS[query])
    if responder is not None:
        answering: type[Responder] = RESPONDERS[query.value, "fresh-keys"]
        simulation.responder.session.__class__ = responder(answering)
    return simulation.run()


def rows_of(data: bytes, row_bytes: int) -> list[bytes]:
    return [data[start : start + row_bytes] for start in range(0, len(data), row_bytes)]


def scalar(number: int) -> bytes:
    """One of the attacker's own scalars."""
    return keystream_scalars(derive(number, "attacker"), 0, 1)


def times(number: int, element: bytes) -> bytes:
    """An element under one of the attacker's own scalars."""
    return group.multiply(scalar(number), element)


def with_row(data: bytes, place: int, row: bytes) -> bytes:
    rows = rows_of(data, len(row))
    rows[place] = row
    return b"".join(rows)


def nothing_told(simulation: Simulation) -> bool:
    """The requester got no figure, no sum and no cell; and has paid if it got a target."""
    sent, acts = set(simulation.responder.sent), simulation.responder.acts
    paid = any(act.startswith("charge") for act in acts)
    return not {PacketType.SUMS, PacketType.CELLS} & sent and (paid or PacketType.TARGETS not in sent)
