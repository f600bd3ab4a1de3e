"""Spoiled packets among the participants of a total: no result but the truth, and no exception leaves a session.

One packet on one link is spoiled on its way (tests.mutations). A failure is: a result that differs from the sum in the
clear, a participant that goes on as if nothing had been changed, an error that is not one of the named classes, one
that names somebody else than from whom the packet came.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from functools import cache
from typing import Final

import pytest

from protocol.errors import ParticipantError
from protocol.host_answers import OwnCells
from protocol.totals import REQUESTERS
from protocol.vocabulary import Scheme
from psi import paillier
from tests.mutations import EXPECTED_CODES, MUTATIONS
from tests.sim.circle import Ring, summing
from tests.sim.small_modulus import small_modulus  # noqa: F401, a fixture

RUNS: Final = {Scheme.ELGAMAL: 10, Scheme.PAILLIER: 5}
OWN: Final = [OwnCells((4, 6), (3, -2), (False, False)) for _ in range(3)]
# Silent is who waits for a packet whose place a later one of the same sender took: in a node, until its deadline.
CODES: Final = EXPECTED_CODES | {"aborted-by-partner", "participant-failed", "refused", "silent", None}


def ring(scheme: Scheme) -> Ring:
    return Ring.of(OWN, summing(("a", "b")), requester=REQUESTERS[scheme])


@cache
def said(scheme: Scheme) -> list[tuple[str, str, bytes]]:
    """All packets of an honest run, in the order in which they are sent: (from, to, packet)."""
    heard: list[tuple[str, str, bytes]] = []

    def listen(sender: str, receiver: str, packet: bytes) -> Iterable[bytes]:
        heard.append((sender, receiver, packet))
        return (packet,)

    ring(scheme).run(listen)
    return heard


@pytest.mark.parametrize("scheme", Scheme)
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_a_spoiled_packet_ends_the_run_or_changes_nothing(mutation: object, scheme: Scheme) -> None:
    if scheme is Scheme.PAILLIER and not paillier.available():
        pytest.skip("the extra `paillier` is not installed")
    packets = [packet for _, _, packet in said(scheme)]
    chance = random.Random(f"totals/{mutation.__name__}")  # type: ignore[attr-defined]
    for _ in range(RUNS[scheme]):
        place = chance.randrange(len(packets))
        spoiled = mutation(chance, packets[place], packets)  # type: ignore[operator]
        if spoiled == packets[place]:
            continue
        number = -1

        def spoil(
            sender: str, receiver: str, packet: bytes, place: int = place, spoiled: bytes = spoiled
        ) -> Iterable[bytes]:
            nonlocal number
            number += 1
            return (spoiled if number == place else packet,)

        played = ring(scheme).run(spoil)
        assert set(played.errors()) <= CODES, played.errors()
        assert set(played.errors()) != {None}, "somebody must have noticed"
        for member in played.members.values():
            error = member.done.error if member.done is not None else None
            if isinstance(error, ParticipantError):
                assert error.names == (said(scheme)[place][0],)
                assert getattr(error.__cause__, "code", "") in EXPECTED_CODES | {"wrong-reference"}
        truth = played.truth()
        for member in played.members.values():
            if member.done is not None and member.done.result is not None:
                expected = truth if member is played.requester else [(*counts, None) for *counts, _ in truth]
                assert member.totals == expected
