"""Simulations that are copied in the middle: what led up to a packet runs once, and each spoiled form of it in a copy.

A copy is deep: sessions, spools and what is on the wire, half-read hashes included. Keys and texts that never change
are shared.
"""

from __future__ import annotations

import copy
import copyreg
import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from unittest.mock import patch

from protocol import chunks
from protocol.epoch.statements import Held
from protocol.events import Received
from protocol.host_answers import Admission, Grant
from protocol.messages import Envelope, Packet, Statement
from protocol.session import Local, Peer, Secrets
from psi import Items
from tests.sim.host import NOW_MS, SimSigner, Simulation

_spans = chunks._spans

UNCHANGING = (SimSigner, Items, Packet, Envelope, Statement, Local, Secrets, Peer, Held, Grant, Admission)

copyreg.pickle(type(hashlib.sha512()), lambda under_way: (under_way.copy, ()))
for _kind in UNCHANGING:
    copyreg.pickle(_kind, lambda shared: (lambda: shared, ()))


class _ReachedError(Exception):
    """The packet that was waited for is on the wire."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A simulation in the moment before a packet arrives.

    Args:
        sender: role of the packet's sender.
        packet: as it was sent.
    """

    sender: str
    packet: bytes
    simulation: Simulation

    @property
    def signer(self) -> SimSigner:
        """Who signs for the packet's sender."""
        side = self.simulation.requester if self.sender == "requester" else self.simulation.responder
        signer = side.session._signer
        assert isinstance(signer, SimSigner)
        return signer

    def arrives(self, packet: bytes) -> Simulation:
        """What follows in a copy if this packet arrives instead."""
        forked = copy.deepcopy(self.simulation)
        receiver = forked.responder if self.sender == "requester" else forked.requester
        receiver.feed(Received(packet, NOW_MS))
        return forked.go_on()


@contextmanager
def forkable() -> Iterator[None]:
    """Sessions begun in here can be copied; the product's own cut lists by generators, which cannot."""

    def spans(sizes: Sequence[int], most: int) -> Iterator[chunks.Span]:
        return iter(tuple(_spans(sizes, most)))

    with patch.object(chunks, "_spans", spans):
        yield


def moments(make: Callable[[], Simulation]) -> list[Moment]:
    """All moments of an undisturbed session, one for each packet. Within `forkable`."""
    found: list[Moment] = []
    for at in range(len(make().run().trace)):
        simulation = make()
        try:
            simulation.run(_up_to(at))
        except _ReachedError:
            sender, packet = simulation.trace[-1]
            simulation.trace.clear()
            found.append(Moment(sender, packet, simulation))
    return found


def _up_to(at: int) -> Callable[[str, int, bytes], tuple[bytes, ...]]:
    seen = 0

    def tamper(_role: str, _index: int, packet: bytes) -> tuple[bytes, ...]:
        nonlocal seen
        if seen == at:
            raise _ReachedError
        seen += 1
        return (packet,)

    return tamper
