"""epoch between two honest parties in memory, against plain sets."""

from __future__ import annotations

import random

import pytest

from protocol import effects as fx
from protocol.messages import PacketType
from psi import CHUNK_ELEMENTS
from tests.sim.epochs import North, South, ask_within, sync, tag_set
from tests.sim.host import Simulation
from tests.sim.test_intersect import items


def synchronised(south: South, north: North | None = None, **more: object) -> tuple[North, Simulation]:
    north = north or North()
    simulation = sync(north, south, **more).run()  # type: ignore[arg-type]
    assert simulation.errors() == (None, None)
    assert north.index == south.index
    return north, simulation


def expected(mine: list[bytes], theirs: list[bytes]) -> list[int]:
    return [i for i, value in enumerate(mine) if value in set(theirs)]


@pytest.mark.parametrize(
    ("mine", "theirs", "shared"),
    [(0, 0, 0), (0, 5, 0), (5, 0, 0), (1, 1, 0), (1, 1, 1), (7, 8, 3), (8, 8, 8), (9, 7, 1), (67, 78, 33)],
)
def test_the_answer_equals_the_plain_intersection(mine: int, theirs: int, shared: int) -> None:
    rng = random.Random(mine * 100 + theirs)
    both = items(rng, shared)
    left, right = both + items(rng, mine - shared), both + items(rng, theirs - shared)
    south = South(("imo",))
    south.release({"imo": right})
    north, _ = synchronised(south)
    simulation = ask_within(north, south, {"imo": left}, number=2).run()
    assert simulation.errors() == (None, None)
    assert simulation.rows() == [expected(left, right)]


def test_a_later_question_sees_what_was_added_and_removed_after_the_next_release() -> None:
    rng = random.Random(5)
    values = items(rng, 700)
    south = South(("iban", "imo"))
    lists = [
        {"iban": values[:300], "imo": values[400:600]},
        {"iban": values[100:350], "imo": []},
        {"iban": values[:500], "imo": values[650:]},
    ]
    north = North()
    for turn, now in enumerate(lists):
        south.release(now)
        north, simulation = synchronised(south, north, number=10 * turn + 1)
        assert simulation.requester.acts == ["consume-seed", f"adopt {turn + 1}"]
        asked = ask_within(north, south, {"imo": values, "iban": values}, number=10 * turn + 2).run()
        assert asked.rows() == [expected(values, now["imo"]), expected(values, now["iban"])]


def test_all_missing_releases_come_in_one_session() -> None:
    rng = random.Random(6)
    values = items(rng, 60)
    south = South(("imo",))
    for first in range(0, 50, 10):
        south.release({"imo": values[first : first + 20]})
    north, simulation = synchronised(south)
    assert simulation.requester.acts == ["consume-seed", *(f"adopt {number}" for number in range(1, 6))]
    assert simulation.responder.sent.count(PacketType.RELEASE) == 5
    _, again = synchronised(south, north, number=2)
    assert again.responder.sent == [PacketType.ACCEPT, PacketType.KEY, PacketType.EPOCH, PacketType.RECEIPT]
    assert again.requester.acts == ["consume-seed"]


def test_a_synchronisation_that_was_cut_goes_on_where_it_was() -> None:
    south = South(("imo",))
    for first in range(3):
        south.release({"imo": [bytes([i]) * 3 for i in range(first, first + 9)]})

    def cut(role: str, index: int, packet: bytes) -> tuple[bytes, ...]:
        return (packet,) if role == "requester" or index < 8 else ()

    north = North()
    assert sync(north, south).run(cut).errors() == ("silent", "silent")
    assert north.held is not None
    assert north.held.release == 2
    synchronised(south, north, number=2)


def test_a_large_first_release_and_a_small_second_one() -> None:
    values = [i.to_bytes(4, "big") for i in range(70_000)]  # more than one frame of tags
    south = South(("imo",))
    south.release({"imo": values})
    north, first = synchronised(south)
    assert first.responder.sent.count(PacketType.TAGS) == 2
    south.release({"imo": [*values[3:], b"new"]})
    north, second = synchronised(south, north, number=2)
    assert second.responder.sent.count(PacketType.TAGS) == 2, "one frame of additions, one of removals"
    assert sum(len(packet) for _, packet in second.trace) < 6_000
    asked = [*values[:7], b"new", b"other"]
    question = ask_within(north, south, {"imo": asked}, number=3).run()
    assert question.rows() == [[3, 4, 5, 6, 7]]
    assert sum(len(packet) for _, packet in question.trace) < 6_000, "a question costs its own size"


def test_a_question_of_many_chunks() -> None:
    south = South(("imo",))
    mine = [i.to_bytes(4, "big") for i in range(2 * CHUNK_ELEMENTS + 7)]
    south.release({"imo": mine[::1000]})
    north, _ = synchronised(south)
    assert ask_within(north, south, {"imo": mine}, number=2).run().rows() == [list(range(0, len(mine), 1000))]


def test_acts_are_in_order_and_nothing_is_evaluated_before_the_charge() -> None:
    south = South(("imo",))
    south.release({"imo": [b"b", b"c"]})
    north, simulation = synchronised(south, watched=7)
    assert simulation.responder.acts == ["admit", "consume-seed", "charge 7"]
    asked = ask_within(north, south, {"imo": [b"a", b"b"]}, number=2).run()
    assert asked.responder.acts == ["admit", "consume-seed", "charge 2"]
    assert asked.responder.sent == [
        PacketType.ACCEPT,
        PacketType.KEY,
        PacketType.EVALUATED,
        PacketType.PROOF,
        PacketType.RECEIPT,
    ]
    assert asked.requester.sent == [
        PacketType.ENVELOPE,
        PacketType.OPEN,
        PacketType.BLINDED,
        PacketType.CHECKPOINT,
        PacketType.RECEIPT,
    ]


@pytest.mark.parametrize("size", [0, 3])
def test_a_charge_that_is_never_answered_gives_nothing_away(size: int) -> None:
    """The host's ledger hangs: no evaluation, and no receipt even for an empty question."""
    south = South(("imo",))
    south.release({"imo": [b"a"]})
    north, _ = synchronised(south)
    simulation = ask_within(north, south, {"imo": [b"a", b"b", b"c"][:size]}, number=2)
    carry_out = simulation.responder._carry_out
    simulation.responder._carry_out = lambda effect: (  # type: ignore[method-assign]
        None if isinstance(effect, fx.Charge) else carry_out(effect)
    )
    simulation.run()
    assert simulation.responder.sent == [PacketType.ACCEPT, PacketType.KEY]


def test_both_sides_keep_the_same_signed_evidence() -> None:
    south = South(("imo",))
    south.release({"imo": [b"a"]})
    north, simulation = synchronised(south)
    assert simulation.requester.evidence == simulation.responder.evidence
    kinds = [kept.type for kept in simulation.requester.evidence]
    assert kinds[4:7] == [PacketType.EPOCH, PacketType.RELEASE, PacketType.CHECKPOINT]
    asked = ask_within(north, south, {"imo": [b"a"]}, number=2).run()
    assert asked.requester.evidence == asked.responder.evidence


def test_two_epochs_share_no_tag_and_two_sessions_of_one_no_packet() -> None:
    one, other = South(("imo", "iban")), South(("imo", "iban"), number=2)
    same = [b"same"]
    tags = [tag_set(same, key) for south in (one, other) for key in south.keys]
    assert len(set.union(*tags)) == 4, "each epoch and each list has its own key"
    one.release({"imo": same})
    north, _ = synchronised(one)
    first, second = (ask_within(north, one, {"imo": same}, number=number).run().trace for number in (2, 3))
    assert not {packet for _, packet in first} & {packet for _, packet in second}


def test_progress_is_told() -> None:
    south = South(("imo",))
    south.release({"imo": [b"a", b"b"]})
    north, simulation = synchronised(south)
    assert simulation.requester.session.progress == fx.Progress("receiving releases", 2, 2)
    assert simulation.responder.session.progress == fx.Progress("sending releases", 2, 2)
    asked = ask_within(north, south, {"imo": [b"a"]}, number=2).run()
    assert asked.requester.session.progress == fx.Progress("comparing", 1, 1)
    assert asked.responder.session.progress == fx.Progress("evaluating", 1, 1)
    assert asked.responder.session.ctx == asked.requester.session.ctx
