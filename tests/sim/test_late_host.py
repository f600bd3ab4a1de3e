"""A host that is slow: every packet that is on its way arrives before any work is done.

The other simulations carry work out at once, so that no packet can come while it is under way. Here as many as possible
do. A failure is a packet that its receiver does not expect yet although an honest partner may send it, and any other
answer than the quick one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

import pytest

from protocol import effects as fx
from protocol.events import Event, Received, Started
from protocol.messages import Aggregate
from protocol.vocabulary import REVEALED, Query, Reveals
from tests.sim.aggregates import COUNT, SUM, Record, aggregate_simulation
from tests.sim.host import NOW_MS, Host, Simulation, question

MINE = {"imo": [bytes([i]) * 3 for i in range(9)], "iban": [b"x"], "passport": []}
THEIRS = {"imo": [bytes([i]) * 3 for i in range(3, 12)], "iban": [], "passport": [b"y"]}


def intersect(reveals: Reveals, mine: dict[str, list[bytes]], theirs: dict[str, list[bytes]]) -> Simulation:
    ask = question({kind: len(values) for kind, values in mine.items()}, reveals=reveals)
    return Simulation.of(mine, theirs, ask=ask)


def figures(
    query: Query, aggregate: Aggregate, mine: dict[str, list[bytes]], theirs: dict[str, list[bytes]]
) -> Simulation:
    records = {kind: {value: Record((1,), (7,)) for value in values} for kind, values in theirs.items()}
    return aggregate_simulation(query, aggregate, mine, records)


FLOWS: Final[dict[str, Callable[..., Simulation]]] = {
    **{reveals.value: partial(intersect, reveals) for reveals in REVEALED[Query.INTERSECT]},
    "count": partial(figures, Query.COUNT, COUNT),
    "sum": partial(figures, Query.SUM, SUM),
}


class Slow:
    """Runs a simulation with all work put off; of what is put off, `choose` says what is done next."""

    def __init__(self, simulation: Simulation, choose: Callable[[deque[tuple[Host, fx.Effect]]], None]) -> None:
        self.simulation = simulation
        self._choose = choose
        self._put_off: deque[tuple[Host, fx.Effect]] = deque()

    def run(self) -> Simulation:
        requester, responder = self.simulation.requester, self.simulation.responder
        for host in (requester, responder):
            self._step(host, Started())
        while requester.outbox or responder.outbox or self._put_off:
            if requester.outbox:
                self._step(responder, Received(requester.outbox.popleft(), NOW_MS))
            elif responder.outbox:
                self._step(requester, Received(responder.outbox.popleft(), NOW_MS))
            else:
                self._choose(self._put_off)
                host, effect = self._put_off.popleft()
                answer = host._carry_out(effect)
                assert answer is not None
                self._step(host, answer)
        return self.simulation

    def _step(self, host: Host, event: Event) -> None:
        for effect in host.session.step(event):
            if hasattr(effect, "token"):
                self._put_off.append((host, effect))
            else:
                host._carry_out(effect)


def first(_: deque[tuple[Host, fx.Effect]]) -> None:
    """What was put off first."""


def last(put_off: deque[tuple[Host, fx.Effect]]) -> None:
    """What was put off last."""
    put_off.rotate(1)


def of_one_side(role: str) -> Callable[[deque[tuple[Host, fx.Effect]]], None]:
    """The work of this side, as long as it has some."""

    def choose(put_off: deque[tuple[Host, fx.Effect]]) -> None:
        for _ in range(len(put_off)):
            if put_off[0][0].session.role == role:
                return
            put_off.rotate(-1)

    choose.__name__ = role
    return choose


@pytest.mark.parametrize("lists", [(MINE, THEIRS), ({"imo": []}, {"imo": []}), ({"imo": [b"a"]}, {"imo": []})])
@pytest.mark.parametrize(
    "choose", [first, last, of_one_side("requester"), of_one_side("responder")], ids=lambda c: c.__name__
)
@pytest.mark.parametrize("flow", FLOWS)
def test_a_slow_host_gives_the_same_answer(
    flow: str,
    choose: Callable[[deque[tuple[Host, fx.Effect]]], None],
    lists: tuple[dict[str, list[bytes]], dict[str, list[bytes]]],
) -> None:
    quick, slow = FLOWS[flow](*lists).run(), Slow(FLOWS[flow](*lists), choose).run()
    assert slow.errors() == (None, None)
    assert slow.requester.done is not None and quick.requester.done is not None
    assert slow.requester.done.result == quick.requester.done.result
