"""count between two honest parties in memory, against the plain number."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.aggregate.agreed import Keys
from protocol.codec import decode_packet
from protocol.errors import HostError
from protocol.events import Ended
from protocol.messages import Aggregate, Filter, PacketType, Terms
from protocol.results import Disclosed, Figure
from protocol.vocabulary import Query, Role
from psi.noise import discrete_laplace, noise_tail
from tests.sim.aggregates import COUNT, Holdings, Record, Truth, aggregate_simulation, figures, learned
from tests.sim.host import Simulation, question, refuse

Lists = dict[str, list[bytes]]
KINDS = ("imo", "iban", "passport")


def held(values: list[bytes], flags: list[int] | None = None) -> dict[bytes, Record]:
    """South's identifiers, each of which counts unless told otherwise."""
    return {value: Record((flag,)) for value, flag in zip(values, flags or [1] * len(values), strict=True)}


def count(mine: Lists, theirs: Holdings, aggregate: Aggregate = COUNT, **more: object) -> Simulation:
    return aggregate_simulation(Query.COUNT, aggregate, mine, theirs, **more).run()  # type: ignore[arg-type]


identifiers = st.lists(st.binary(min_size=1, max_size=3), unique=True, max_size=20)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_the_count_is_the_plain_one_or_is_suppressed(data: st.DataObject) -> None:
    kinds = KINDS[: data.draw(st.integers(1, 3))]
    mine = {kind: data.draw(identifiers) for kind in kinds}
    owned = {kind: data.draw(identifiers) for kind in kinds}
    theirs = {kind: held(owned[kind], [data.draw(st.integers(0, 1)) for _ in owned[kind]]) for kind in kinds}
    aggregate = replace(COUNT, minimum=data.draw(st.integers(0, 6)))
    rounding = data.draw(st.sampled_from([0, 2, 5]))
    simulation = count(mine, theirs, aggregate, terms=Terms(aggregate.minimum, 0, rounding))
    assert simulation.errors() == (None, None)
    (truth,) = Truth.of(aggregate, mine, theirs).counts
    (figure,) = figures(simulation).figures
    near = truth if not rounding else (2 * truth + rounding) // (2 * rounding) * rounding
    assert figure == Figure("", near if truth >= aggregate.minimum else None)
    assert learned(simulation) == Disclosed((truth,), (truth >= aggregate.minimum,))


@pytest.mark.parametrize(
    ("mine", "theirs", "shared"), [(0, 0, 0), (0, 7, 0), (7, 0, 0), (1, 1, 1), (8, 9, 8), (9, 7, 0), (67, 78, 33)]
)
def test_sizes(mine: int, theirs: int, shared: int) -> None:
    left = [bytes([1, i]) for i in range(shared)] + [bytes([2, i]) for i in range(mine - shared)]
    right = [bytes([1, i]) for i in range(shared)] + [bytes([3, i]) for i in range(theirs - shared)]
    simulation = count({"imo": left}, {"imo": held(right)})
    assert figures(simulation).figures == (Figure("", shared),)
    assert figures(simulation).partner_sizes == (theirs,)


def test_more_rows_than_a_frame_holds() -> None:
    left = [i.to_bytes(4, "big") for i in range(33_000)]
    simulation = count({"imo": left}, {"imo": held([*left[::11], b"foreign"] + [b"%d" % i for i in range(30_001)])})
    assert figures(simulation).figures == (Figure("", 3_000),)
    assert simulation.responder.sent.count(PacketType.TARGETS) == 2
    assert simulation.requester.sent.count(PacketType.SHUFFLE_PROOF) == 1 + 3


def test_an_identifier_that_does_not_count_is_a_target_that_nothing_matches() -> None:
    """Filters change neither sizes nor anything else that the requester sees."""
    values = [bytes([i]) for i in range(9)]
    some, none = (count({"imo": values}, {"imo": held(values, flags)}) for flags in ([1, 0] * 4 + [1], [0] * 9))
    assert (figures(some).figures[0].count, figures(none).figures[0].count) == (5, 0)
    assert form(some) == form(none)


def form(simulation: Simulation) -> list[tuple[str, PacketType, int]]:
    """Who sends what of which size."""
    packets = [(role, decode_packet(packet), len(packet)) for role, packet in simulation.trace]
    return [(role, packet.type, size) for role, packet, size in packets]


@pytest.mark.parametrize("epsilon_millis", [0, 400])
def test_suppressed_or_told_the_answer_has_the_same_form_and_the_same_price(epsilon_millis: int) -> None:
    values = [bytes([i]) for i in range(20)]
    runs = []
    for shared in (0, 9, 10, 20):
        theirs = held(values[:shared] + [b"other%d" % i for i in range(20 - shared)])
        runs.append(count({"imo": values}, {"imo": theirs}, terms=Terms(10, epsilon_millis, 0)))
    assert len({tuple(form(run)) for run in runs}) == 1
    assert len({tuple(run.responder.acts) for run in runs}) == 1
    if not epsilon_millis:
        assert [figures(run).figures[0].count for run in runs] == [None, None, 10, 20]


@pytest.mark.parametrize(("shared", "count_told"), [(7, None), (8, 8)])
def test_the_minimum_is_one_of_persons(shared: int, count_told: int | None) -> None:
    """Each may be there four times."""
    values = [bytes([i]) for i in range(shared)]
    simulation = count({"imo": values}, {"imo": held(values)}, replace(COUNT, per_person=4, minimum=2))
    assert figures(simulation).figures[0].count == count_told


def test_noise_is_the_sessions_own_and_the_responder_knows_the_exact_count() -> None:
    values = [bytes([i]) for i in range(50)]
    simulation = count({"imo": values}, {"imo": held(values)}, terms=Terms(0, 100, 0))
    session = simulation.responder.session
    opened = decode_packet(next(p for _, p in simulation.trace if decode_packet(p).type is PacketType.OPEN))
    key = Keys(session.secrets.seed, salt_of(opened.payload), Query.COUNT, Role.RESPONDER).key("count-noise")
    (noise,) = discrete_laplace(key, 0, 1, 1, 100)
    assert learned(simulation).counts == (50,)
    assert figures(simulation).figures[0].count == 50 + noise
    assert abs(noise) <= noise_tail(1, 100)


def salt_of(opened: bytes) -> bytes:
    return opened[2:66]


@pytest.mark.parametrize(
    ("terms", "charge"),
    [(Terms(0, 0, 0), "charge 3 epsilon 0 exact 1"), (Terms(0, 250, 0), "charge 3 epsilon 250 exact 0")],
)
def test_acts_are_in_order(terms: Terms, charge: str) -> None:
    simulation = count({"imo": [b"a", b"b"], "iban": [b"c"]}, {"imo": held([b"b"])}, terms=terms)
    assert simulation.requester.acts == ["consume-seed"]
    assert simulation.responder.acts == ["admit", "consume-seed", charge]
    assert simulation.responder.sent[-2:] == [PacketType.CELLS, PacketType.RECEIPT]
    assert simulation.requester.sent[-2:] == [PacketType.CHECKPOINT, PacketType.RECEIPT]


def test_both_sides_keep_the_same_signed_evidence() -> None:
    simulation = count({"imo": [b"a"]}, {"imo": held([b"a"])})
    assert simulation.requester.evidence == simulation.responder.evidence
    assert [kept.type for kept in simulation.requester.evidence[-4:]] == [
        PacketType.CHECKPOINT,
        PacketType.CELLS,
        PacketType.RECEIPT,
        PacketType.RECEIPT,
    ]


def test_a_run_repeats_to_the_byte_and_another_seed_shares_no_row() -> None:
    values = [bytes([i]) for i in range(9)]
    first, again, other = (count({"imo": values}, {"imo": held(values)}, number=n).trace for n in (1, 1, 2))
    assert first == again
    assert not {packet for _, packet in first} & {packet for _, packet in other}


def test_the_same_identifier_in_two_lists_is_not_to_be_recognised() -> None:
    simulation = count({"imo": [b"same"], "iban": [b"same"]}, {"imo": held([b"same"]), "iban": held([b"same"])})
    for kind in (PacketType.TARGETS, PacketType.ASKED, PacketType.SHUFFLED):
        rows = [p.payload for p in map(decode_packet, (packet for _, packet in simulation.trace)) if p.type is kind]
        assert len(rows) == 2 and rows[0] != rows[1]


def test_file_order_does_not_show() -> None:
    """The same list in another order is the same packets from the rows on: all are sorted."""
    values = [bytes([i]) for i in range(9)]
    there, back = (count({"imo": order}, {"imo": held(order)}) for order in (values, values[::-1]))
    rows = (PacketType.TARGETS, PacketType.ASKED)
    for kind in rows:
        sent = [
            [decode_packet(p).payload for _, p in run.trace if decode_packet(p).type is kind] for run in (there, back)
        ]
        assert sent[0] == sent[1]


def test_a_refusal_says_only_policy() -> None:
    simulation = count({"imo": [b"a"]}, {"imo": held([b"a"])}, decide=refuse)
    assert simulation.errors() == ("refused", "rejected")


@pytest.mark.parametrize(
    ("aggregate", "code"),
    [
        (replace(COUNT, per_person=0), "bad-envelope"),
        (replace(COUNT, category="offence", categories=("a",)), "bad-envelope"),
        (replace(COUNT, filters=(Filter("date", "on", ("2026-01-01",)),)), "bad-envelope"),
    ],
)
def test_questions_that_no_node_answers(aggregate: Aggregate, code: str) -> None:
    assert count({"imo": [b"a"]}, {"imo": held([b"a"])}, aggregate).errors() == ("refused", code)


def test_a_count_without_what_is_counted_is_no_question() -> None:
    simulation = count({"imo": [b"a"]}, {"imo": held([b"a"])}, ask=question({"imo": 1}))
    assert simulation.errors() == ("refused", "unsupported")


def test_an_effect_that_fails_ends_the_session_on_both_sides() -> None:
    simulation = aggregate_simulation(Query.COUNT, COUNT, {"imo": [b"a"]}, {"imo": held([b"a"])})

    def stop(role: str, _: int, packet: bytes) -> tuple[bytes, ...]:
        if role == "requester" and decode_packet(packet).type is PacketType.CHECKPOINT:
            simulation.responder.feed(Ended(HostError("the disk is full")))
        return (packet,)

    simulation.run(stop)
    assert simulation.errors() == ("aborted-by-partner", "host-failure")
