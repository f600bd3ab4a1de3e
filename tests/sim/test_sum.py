"""sum between two honest parties in memory, against the plain totals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import effects as fx
from protocol.aggregate.release import told
from protocol.codec import decode_packet
from protocol.events import Event
from protocol.messages import Aggregate, PacketType, Terms
from protocol.results import Disclosed, Figure
from protocol.vocabulary import Query
from psi import ELEMENT_BYTES, group
from psi.elgamal import MAX_TOTAL
from psi.noise import noise_tail
from tests.sim.aggregates import SUM, Holdings, Record, Truth, aggregate_simulation, categorised, figures, learned
from tests.sim.host import Simulation
from tests.sim.test_count import form

Lists = dict[str, list[bytes]]
KINDS = ("imo", "iban", "passport")
NAMES = ("LB-DE", "TR-DE", "DE-TR", "FR-MA", "MA-FR")


def total(mine: Lists, theirs: Holdings, aggregate: Aggregate = SUM, **more: object) -> Simulation:
    return aggregate_simulation(Query.SUM, aggregate, mine, theirs, **more).run()  # type: ignore[arg-type]


def expected(aggregate: Aggregate, truth: Truth) -> tuple[Figure, ...]:
    tells = told(truth.counts, aggregate.minimum)
    names = aggregate.categories or ("",)
    return tuple(
        Figure(name, count, value) if tell else Figure(name, None, None)
        for name, count, value, tell in zip(names, truth.counts, truth.totals, tells, strict=True)
    )


def flat(amounts: dict[bytes, int]) -> dict[bytes, Record]:
    return {value: Record((1,), (amount,)) for value, amount in amounts.items()}


identifiers = st.lists(st.binary(min_size=1, max_size=2), unique=True, max_size=12)
amounts = st.one_of(st.integers(-300_000, 300_000), st.integers(-(2**63), 2**63 - 1))


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_figures_are_the_plain_ones_or_are_suppressed(data: st.DataObject) -> None:
    kinds = KINDS[: data.draw(st.integers(1, 2))]
    categories = data.draw(st.integers(0, 4))
    mine = {kind: data.draw(identifiers) for kind in kinds}
    aggregate = replace(
        SUM,
        unit=data.draw(st.sampled_from([1, 7, 100])),
        low=data.draw(st.sampled_from([-10_000, -1, 0])),
        high=data.draw(st.sampled_from([1, 9_999])),
        minimum=data.draw(st.integers(0, 4)),
    )
    if categories:
        aggregate = categorised(aggregate, *NAMES[:categories])
    columns = max(categories, 1)
    record = st.builds(Record, st.tuples(*[st.integers(0, 1)] * columns), st.tuples(*[amounts] * columns))
    theirs = {kind: {value: data.draw(record) for value in data.draw(identifiers)} for kind in kinds}
    simulation = total(mine, theirs, aggregate)
    assert simulation.errors() == (None, None)
    truth = Truth.of(aggregate, mine, theirs)
    assert figures(simulation).figures == expected(aggregate, truth)
    assert learned(simulation) == Disclosed(truth.counts, told(truth.counts, aggregate.minimum))


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 67])
def test_all_shared_and_negative_amounts(size: int) -> None:
    values = {b"%d" % i: -i * i for i in range(size)}
    simulation = total({"imo": list(values)}, {"imo": flat(values)}, replace(SUM, low=-10_000))
    assert figures(simulation).figures == (Figure("", size, sum(values.values())),)


def test_nothing_shared() -> None:
    simulation = total({"imo": [b"a"]}, {"imo": flat({b"b": 7})})
    assert figures(simulation).figures == (Figure("", 0, 0),)


@pytest.mark.parametrize(("amount", "units"), [(149, 1), (150, 2), (151, 2), (-149, -1), (-150, -1), (-151, -2)])
def test_the_nearest_unit(amount: int, units: int) -> None:
    simulation = total({"imo": [b"a"]}, {"imo": flat({b"a": amount})}, replace(SUM, unit=100))
    assert figures(simulation).figures[0].total == units


@pytest.mark.parametrize(
    ("amount", "clipped"), [(10**15, 5_000), (-(10**15), -300), (2**63 - 1, 5_000), (-(2**63), -300)]
)
def test_a_value_is_clipped_to_the_declared_range(amount: int, clipped: int) -> None:
    values = {b"a": amount, b"b": amount}
    simulation = total({"imo": list(values)}, {"imo": flat(values)}, replace(SUM, low=-300, high=5_000))
    assert figures(simulation).figures[0].total == 2 * clipped


def test_values_of_a_category_without_its_flag_are_not_summed() -> None:
    theirs = {"imo": {b"a": Record((1, 0), (5, 7)), b"b": Record((0, 0), (11, 13))}}
    simulation = total({"imo": [b"a", b"b"]}, theirs, categorised(SUM, "x", "y"))
    assert figures(simulation).figures == (Figure("x", 1, 5), Figure("y", 0, 0))


def test_more_rows_than_a_frame_holds() -> None:
    rows = (1 << 20) // (ELEMENT_BYTES + 2 * 5 * 64)
    values = {i.to_bytes(4, "big"): Record((1, i % 2, 0, 1, 1), (i, 1, 9, -i, 3)) for i in range(rows + 7)}
    aggregate = categorised(SUM, *NAMES, high=10_000, low=-10_000)
    mine = {"imo": [*list(values)[::3], b"foreign"]}
    simulation = total(mine, {"imo": values}, aggregate)
    assert figures(simulation).figures == expected(aggregate, Truth.of(aggregate, mine, {"imo": values}))
    assert simulation.responder.sent.count(PacketType.TARGETS) == 2


@pytest.mark.parametrize("epsilon_millis", [0, 500])
def test_suppressed_or_told_the_answer_has_the_same_form_and_the_same_price(epsilon_millis: int) -> None:
    values = [bytes([i]) for i in range(12)]
    runs = []
    for shared in (0, 4, 5, 12):
        theirs = {value: Record((1, i % 2), (i, 1000)) for i, value in enumerate(values[:shared])}
        theirs |= {b"other%d" % i: Record((1, 1), (7, 7)) for i in range(12 - shared)}
        terms = Terms(5, epsilon_millis, 0)
        runs.append(total({"imo": values}, {"imo": theirs}, categorised(SUM, "x", "y"), terms=terms))
    assert len({tuple(form(run)) for run in runs}) == 1
    assert len({tuple(run.responder.acts) for run in runs}) == 1
    if not epsilon_millis:
        assert [[figure.count for figure in figures(run).figures] for run in runs] == [
            [None, None],
            [None, None],
            [None, None],  # the second holds too little to be hidden alone
            [12, 6],
        ]


def test_noise_is_on_counts_and_totals_and_both_are_charged() -> None:
    values = {bytes([i]): 100 for i in range(60)}
    simulation = total({"imo": list(values)}, {"imo": flat(values)}, terms=Terms(1, 300, 0))
    (figure,) = figures(simulation).figures
    assert figure.count is not None and figure.total is not None
    assert figure != Figure("", 60, 6_000)
    assert abs(figure.count - 60) <= noise_tail(1, 300)
    assert abs(figure.total - 6_000) <= noise_tail(1_000, 300)
    assert learned(simulation).counts == (60,)
    assert simulation.responder.acts[-1] == "charge 60 epsilon 600 exact 0"


def test_no_two_ciphertexts_have_the_same_randomness() -> None:
    """Of any list, row and column, of targets and of what was shuffled; and the sums are under fresh ones."""
    lists = {"imo": [b"a", b"b", b"c"], "iban": [b"a", b"b", b"c"]}
    theirs = {kind: {value: Record((1, 1), (5, 5)) for value in values} for kind, values in lists.items()}
    simulation = total(lists, theirs, categorised(SUM, "x", "y"))
    firsts: list[bytes] = []
    for packet in (decode_packet(raw) for _, raw in simulation.trace):
        if packet.type in (PacketType.TARGETS, PacketType.SHUFFLED):
            rows = np.frombuffer(packet.payload, np.uint8).reshape(-1, 32 + 4 * 64)[:, 32:]
            firsts += [half.tobytes() for half in rows.reshape(-1, 64)[:, :32]]
        if packet.type is PacketType.SUMS:
            firsts += [packet.payload[place : place + 32] for place in (0, 64)]
    assert len(firsts) == 2 * 2 * 3 * 4 + 2
    assert len(set(firsts)) == len(firsts)


def test_the_responders_partials_of_counts_never_leave() -> None:
    simulation = total({"imo": [b"a"]}, {"imo": flat({b"a": 1})})
    assert simulation.responder.sent.count(PacketType.PARTIALS) == 0
    assert simulation.responder.sent[-3:] == [PacketType.SUMS, PacketType.CELLS, PacketType.RECEIPT]
    assert simulation.requester.sent[-3:] == [PacketType.CHECKPOINT, PacketType.PARTIALS, PacketType.RECEIPT]


def test_the_receipt_is_signed_before_anything_is_opened() -> None:
    """A total that cannot be opened is no news to the responder."""
    simulation = aggregate_simulation(Query.SUM, SUM, {"imo": [b"a"]}, {"imo": flat({b"a": 1})})
    host = simulation.requester
    carry_out = host._carry_out

    def without_table(effect: fx.Effect) -> Event | None:
        if isinstance(effect, fx.Solve):
            return carry_out(replace(effect, elements=group.hash_to_group(b"no total", b"a test")))
        return carry_out(effect)

    host._carry_out = without_table  # type: ignore[method-assign]
    simulation.run()
    assert simulation.errors()[0] is not None
    assert simulation.errors()[1] is None
    assert simulation.requester.sent[-1] is PacketType.RECEIPT


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"high": MAX_TOTAL}, "range-too-wide"),
        ({"epsilon_millis": 1, "high": MAX_TOTAL // 50}, "range-too-wide"),
        ({"low": 5, "high": 9}, "bad-envelope"),
        ({"unit": 0}, "bad-envelope"),
        ({"currency": "Euro"}, "bad-envelope"),
        ({"value": ""}, "bad-envelope"),
    ],
)
def test_questions_that_no_node_answers(changes: dict[str, object], code: str) -> None:
    aggregate = replace(SUM, **changes)  # type: ignore[arg-type]
    terms = Terms(0, 1, 0)
    simulation = total({"imo": [b"a", b"b"]}, {"imo": flat({b"a": 1})}, aggregate, terms=terms)
    assert simulation.errors() == ("refused", code)


def test_noise_of_the_responders_own_that_could_overflow_is_refused_and_the_refusal_does_not_say_so() -> None:
    aggregate = replace(SUM, high=MAX_TOTAL // 10)
    simulation = total({"imo": [b"a"]}, {"imo": flat({b"a": 1})}, aggregate, terms=Terms(0, 1, 0))
    assert simulation.errors() == ("refused", "rejected")
    assert str(simulation.requester.done and simulation.requester.done.error).endswith("policy")


def test_the_ends_of_what_can_be_summed() -> None:
    aggregate = replace(SUM, low=-4_000_000, high=4_000_000)
    values = {b"a": 2**62, b"b": 2**62, b"c": 2**62}
    for sign in (1, -1):
        theirs = flat({value: sign * amount for value, amount in values.items()})
        simulation = total({"imo": list(values)}, {"imo": theirs}, aggregate)
        assert figures(simulation).figures[0].total == sign * 12_000_000
