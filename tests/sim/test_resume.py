"""A wire that is cut at any packet: the session goes on where it stopped and gives the same answer, byte for byte."""

from __future__ import annotations

import pytest

from protocol.codec import decode_packet
from protocol.errors import ProtocolError, ResumeError
from protocol.messages import Aggregate, PacketType
from protocol.transcript import RETAINED_FRAMES
from protocol.vocabulary import REVEALED, Query, Reveals
from psi import CHUNK_ELEMENTS
from tests.sim.aggregates import COUNT, SUM, Record, aggregate_simulation, figures
from tests.sim.host import Simulation, Tamper, question

MINE = {"imo": [bytes([i]) * 3 for i in range(7)], "iban": [b"x"]}
THEIRS = {"imo": [bytes([i]) * 3 for i in range(3, 12)], "iban": [b"x", b"y"]}


class CutError(Exception):
    """The wire is cut while this packet is on it."""


def simulation(reveals: Reveals = Reveals.SHARED_IDENTIFIERS, number: int = 1) -> Simulation:
    ask = question({kind: len(values) for kind, values in MINE.items()}, reveals=reveals)
    return Simulation.of(MINE, THEIRS, ask=ask, number=number)


def cut_at(at: int) -> Tamper:
    """Cut at packet `at` of both directions together; it is lost."""
    seen = 0

    def tamper(_role: str, _index: int, packet: bytes) -> tuple[bytes, ...]:
        nonlocal seen
        seen += 1
        if seen == at:
            raise CutError
        return (packet,)

    return tamper


@pytest.mark.parametrize("reveals", REVEALED[Query.INTERSECT])
def test_a_cut_anywhere_after_the_handshake_changes_nothing(reveals: Reveals) -> None:
    whole = simulation(reveals).run()
    frames = sorted({packet for _, packet in whole.trace})
    for at in range(5, len(whole.trace) + 1):
        cut = simulation(reveals)
        with pytest.raises(CutError):
            cut.run(cut_at(at))
        if not (cut.requester.session.resumable and cut.responder.session.resumable):
            continue
        cut.reconnect().go_on()
        assert cut.errors() == (None, None), at
        assert cut.rows() == whole.rows()
        assert {packet for _, packet in cut.trace} == set(frames), "no packet differs from those of a run without a cut"
        assert cut.responder.acts == whole.responder.acts, "nothing is charged or consumed twice"


@pytest.mark.parametrize(("query", "aggregate"), [(Query.COUNT, COUNT), (Query.SUM, SUM)])
def test_a_cut_in_a_count_or_a_sum_changes_nothing(query: Query, aggregate: Aggregate) -> None:
    def make() -> Simulation:
        theirs = {kind: {value: Record((1,), (7,)) for value in values} for kind, values in THEIRS.items()}
        return aggregate_simulation(query, aggregate, MINE, theirs)

    whole = make().run()
    assert figures(whole).figures[0].count == 5
    for at in range(5, len(whole.trace) + 1):
        cut = make()
        with pytest.raises(CutError):
            cut.run(cut_at(at))
        if not (cut.requester.session.resumable and cut.responder.session.resumable):
            continue
        cut.reconnect().go_on()
        assert figures(cut) == figures(whole), at
        assert {packet for _, packet in cut.trace} == {packet for _, packet in whole.trace}
        assert cut.responder.acts == whole.responder.acts, "nothing is charged or consumed twice"


def test_cut_after_cut() -> None:
    cut = simulation()
    with pytest.raises(CutError):
        cut.run(cut_at(5))
    for _ in range(3):
        cut.reconnect()
        with pytest.raises(CutError):
            cut.go_on(cut_at(2))
    assert cut.reconnect().go_on().rows() == simulation().run().rows()


def test_many_chunks_go_on_in_the_middle() -> None:
    items = [i.to_bytes(4, "big") for i in range(3 * CHUNK_ELEMENTS)]
    cut = Simulation.of({"imo": items}, {"imo": items[::9999]})
    with pytest.raises(CutError):
        cut.run(cut_at(7))
    assert cut.reconnect().go_on().rows() == [list(range(0, len(items), 9999))]


def resumed_with(packet: bytes, at: int = 7) -> str:
    """What the responder says to this packet on the new connection."""
    cut = simulation()
    with pytest.raises(CutError):
        cut.run(cut_at(at))
    with pytest.raises(ProtocolError) as caught:
        cut.responder.session.missing(packet)
    return caught.value.code


def test_the_view_of_another_session_is_refused() -> None:
    other = simulation(number=2)
    with pytest.raises(CutError):
        other.run(cut_at(7))
    assert resumed_with(other.requester.session.resume_packet()) == "bad-signature"


def test_a_view_of_the_past_is_refused() -> None:
    """A partner that sent less than we received is not the one that we talked to."""
    early = simulation()
    with pytest.raises(CutError):
        early.run(cut_at(5))
    assert resumed_with(early.requester.session.resume_packet(), at=13) == "cannot-resume"


def test_only_a_resume_packet_resumes() -> None:
    whole = simulation().run()
    packets = [packet for role, packet in whole.trace if role == "requester"]
    for packet in packets:
        assert decode_packet(packet).type is not PacketType.RESUME
        assert resumed_with(packet) == "unexpected-packet"


def test_a_side_that_no_longer_holds_what_the_other_lacks_says_so() -> None:
    lists = {f"kind-{i}": [b"x"] for i in range(16)}
    early, late = Simulation.of(lists, lists), Simulation.of(lists, lists)
    with pytest.raises(CutError):
        early.run(cut_at(6))
    with pytest.raises(CutError):
        late.run(cut_at(65))
    assert sum(role == "responder" for role, _ in late.trace) > RETAINED_FRAMES + 2
    with pytest.raises(ResumeError):
        late.responder.session.missing(early.requester.session.resume_packet())
