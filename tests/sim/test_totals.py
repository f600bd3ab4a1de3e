"""Honest participants of a total, whatever they hold and in whatever order they hear each other."""

from __future__ import annotations

import random
import struct
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocol.errors import Reason
from protocol.host_answers import OwnCells, Rejection
from protocol.messages import Aggregate, PacketType, Terms
from protocol.results import Totals
from protocol.totals.contribution import own_noise, own_values
from tests.sim.circle import EXACT, NAMES, Ring, counting, summing

CORRIDORS = tuple(f"corridor {number}" for number in range(9))


def cells(records: list[int], values: list[int] | None = None, withheld: tuple[int, ...] = ()) -> OwnCells:
    return OwnCells(tuple(records), tuple(values or ()), tuple(cell in withheld for cell in range(len(records))))


def drawn(seed: int, parties: int, columns: int, aggregate: Aggregate, cap: int) -> list[OwnCells]:
    """Figures of which some are none, some at the ends of the range, some beyond them."""
    chance = random.Random(seed)
    out = []
    for _ in range(parties):
        records = [chance.choice([0, 1, 2, cap // 2, cap, chance.randint(0, cap)]) for _ in range(columns)]
        ends = [cap * aggregate.low, cap * aggregate.high, 0, -1]
        values = [chance.choice([*ends, chance.randint(*sorted(ends)[:: len(ends) - 1])]) for _ in range(columns)]
        held = tuple(cell for cell in range(columns) if chance.random() < 0.1)
        out.append(cells(records, values if aggregate.value else None, held))
    return out


@pytest.mark.parametrize("part", range(4))  # 200 cases, in parts that each end in time on a busy machine
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**32),
    parties=st.sampled_from([3, 3, 3, 4, 4, 5, 6, 8]),
    columns=st.sampled_from([0, 1, 2, 3, 7, 8, 9]),
    summed=st.booleans(),
    low=st.integers(-40, 0),
    high=st.integers(1, 40),
    minimums=st.lists(st.integers(0, 6), min_size=8, max_size=8),
    rounding=st.sampled_from([0, 0, 5]),
    to_all=st.booleans(),
)
def test_the_result_is_the_sum_of_what_each_lets_be_told(
    part: int,
    seed: int,
    parties: int,
    columns: int,
    summed: bool,
    low: int,
    high: int,
    minimums: list[int],
    rounding: int,
    to_all: bool,
) -> None:
    names, cap = CORRIDORS[:columns] or ("",), 9
    aggregate = summing(names, low, high) if summed else counting(names)
    terms = [Terms(minimum, 0, rounding) for minimum in minimums[:parties]]
    own = drawn(seed, parties, max(columns, 1), aggregate, cap)
    ring = Ring.of(own, aggregate, cap=cap, terms=terms, to_all=to_all, seed=seed).run()
    assert ring.errors() == [None] * parties
    expected = ring.truth()
    assert ring.requester.totals == expected
    for member in list(ring.members.values())[1:]:
        assert member.totals == (expected if to_all else [(*counts, None) for *counts, _ in expected])


@pytest.mark.parametrize("parties", range(3, 9))
def test_any_number_of_participants_agrees(parties: int) -> None:
    own = [cells([number, 3], [number - 4, 5]) for number in range(parties)]
    ring = Ring.of(own, summing(CORRIDORS[:2])).run()
    assert ring.requester.totals == ring.truth()
    assert ring.truth()[1] == (parties, 3 * parties, 5 * parties)


def test_all_participants_keep_the_same_signed_evidence() -> None:
    ring = Ring.of([cells([4], [1])] * 4, summing(), to_all=True).run()
    kept = [
        {(entry.sender, entry.type, entry.payload, entry.signature) for entry in member.evidence}
        for member in ring.members.values()
    ]
    assert kept[0] == kept[1] == kept[2] == kept[3]
    # Envelope, 3 Accepts, Open, 3 Keys; 4 each of pledge, contribution, view, 3 openings, 3 shares; the last view
    assert len(kept[0]) == 8 + 4 * 9 + 1


def test_shares_of_values_reach_the_requester_alone() -> None:
    ring = Ring.of([cells([4], [1])] * 4, summing()).run()
    for member in list(ring.members.values())[1:]:
        others = [
            entry for entry in member.evidence if entry.type is PacketType.SHARES and entry.sender != member.agency
        ]
        assert len(others) == 2 * 3
    assert sum(entry.type is PacketType.SHARES for entry in ring.requester.evidence) == 3 * 4


def test_a_run_repeats_to_the_byte_and_another_seed_shares_no_message() -> None:
    runs = [Ring.of([cells([4], [1])] * 3, summing(), seed=seed).run() for seed in (1, 1, 2)]
    first, again, other = ([entry.payload for entry in run.requester.evidence] for run in runs)
    assert first == again
    assert not set(first) & set(other)


def test_charged_once_before_the_first_share_whatever_follows() -> None:
    for own, acts in (
        ([cells([4], [1])] * 3, ["charge 1 0 1"]),
        ([cells([0], [1])] * 3, ["charge 1 0 1"]),  # nothing to tell, and nobody knew before it was opened
    ):
        ring = Ring.of(own, summing()).run()
        assert ring.requester.acts == ["consume-seed", *acts]
        assert ring.members["south"].acts == ["admit", "consume-seed", *acts]


@pytest.mark.parametrize("contributing", [0, 1, 2])
def test_figures_of_fewer_than_three_are_not_opened(contributing: int) -> None:
    own = [cells([5], [2])] * contributing + [cells([0], [0])] * (4 - contributing)
    ring = Ring.of(own, summing()).run()
    assert ring.requester.totals == [(contributing, None, None)]
    assert PacketType.SHARES not in ring.requester.sent[ring.requester.sent.index(PacketType.SHARES) + 1 :]


def test_a_cell_under_ones_own_minimum_or_rule_contributes_nothing_at_all() -> None:
    own = [cells([9, 9], [3, 3]), cells([9, 9], [3, 3], withheld=(0,)), cells([9, 4], [3, 3]), cells([9, 9], [3, 3])]
    ring = Ring.of(own, summing(CORRIDORS[:2]), terms=[replace(EXACT, minimum=5)] * 4).run()
    assert ring.requester.totals == [(3, 27, 9), (3, 27, 9)]


def test_a_minimum_is_one_of_persons_whose_identifiers_all_count() -> None:
    own = [cells([10, 9], [3, 3])] * 3
    asked = summing(CORRIDORS[:2], per_person=2)
    ring = Ring.of(own, asked, terms=[replace(EXACT, minimum=5)] * 3).run()
    assert ring.requester.totals == ring.truth() == [(3, 30, 9), (0, None, None)]


def test_the_strictest_participant_decides_whether_a_value_is_opened() -> None:
    terms = [EXACT, EXACT, replace(EXACT, minimum=30), EXACT]
    own = [cells([8, 8], [1, 1]), cells([8, 2], [1, 1]), cells([30, 30], [1, 1]), cells([8, 8], [1, 1])]
    ring = Ring.of(own, summing(CORRIDORS[:2]), terms=terms, cap=30).run()
    assert ring.requester.totals == [(4, 54, 4), (4, 48, 4)]
    own[2] = cells([29, 29], [1, 1])
    ring = Ring.of(own, summing(CORRIDORS[:2]), terms=terms, cap=30).run()
    assert ring.requester.totals == [(3, 24, None), (3, 18, None)]


def test_noise_is_each_participants_own_and_stays_near_the_truth() -> None:
    terms = [EXACT, Terms(0, 2000, 0), Terms(0, 2000, 0)]
    own = [cells([50] * 9, [100] * 9)] * 3
    ring = Ring.of(own, summing(CORRIDORS, 0, 5), terms=terms, cap=100).run()
    totals = ring.requester.totals
    assert all(contributors == 3 for contributors, _, _ in totals)
    records, values = [total[1] for total in totals], [total[2] for total in totals]
    assert len(set(records)) > 2
    assert len(set(values)) > 2
    # Two samples of scale 1/2 and two of scale 5/2: beyond these once in 2^40 runs, and the seed is fixed.
    assert all(abs((count or 0) - 150) <= 40 for count in records)
    assert all(abs((value or 0) - 300) <= 200 for value in values)
    assert ring.members["south"].acts[-1] == "charge 9 36000 0"
    assert ring.members["north"].acts[-1] == "charge 9 0 1"
    told = ring.requester.done
    assert told is not None
    assert isinstance(told.result, Totals)
    assert dict(told.result.terms) == dict(zip(NAMES, terms, strict=False))


def test_nobody_is_hidden_by_more_noise_than_a_cell_can_count() -> None:
    """64 identifiers a person where a cell counts one: the noise of 64 could not even be drawn."""
    ring = Ring.of([cells([1], [0])] * 3, summing(low=0, high=2**45, per_person=64), cap=1)
    plan, terms = ring.requester.session.plan, Terms(0, 1000, 0)  # type: ignore[attr-defined]
    noise = own_noise(plan, terms, bytes(32), bytes(range(32))).run()
    drawn = own_values(plan, terms, cells([1], [2**30]), noise)
    figures = struct.unpack("<3q", drawn)
    assert all(limits.low <= figure <= limits.high for figure, limits in zip(figures, plan.bounds(), strict=True))


@pytest.mark.parametrize(
    "own", [cells([], []), cells([1], []), cells([1, 2], [1]), replace(cells([1], [1]), withheld=())]
)
def test_figures_of_another_shape_are_the_hosts_fault(own: OwnCells) -> None:
    ring = Ring.of([own, *[cells([1], [1])] * 2], summing()).run()
    assert ring.requester.error == "host-failure"
    assert {member.error for member in list(ring.members.values())[1:]} == {"aborted-by-partner"}


def test_a_refusal_ends_it_for_all_and_says_whose_it_was() -> None:
    ring = Ring.of([cells([4], [1])] * 4, summing())
    ring.members["east"].refusal = Rejection(Reason.POLICY)
    ring.run()
    assert ring.errors() == ["refused", "aborted-by-partner", "rejected", "aborted-by-partner"]
    assert str(ring.requester.done.error) == "east refused the question: policy"  # type: ignore[union-attr]
    for name in ("south", "west"):
        told = str(ring.members[name].done.error)  # type: ignore[union-attr]
        assert told.removeprefix("the partner").removeprefix("north") == " aborted the session: policy, naming east"


def test_all_know_the_terms_of_all() -> None:
    terms = [Terms(2, 0, 5), Terms(3, 0, 0), Terms(4, 0, 0)]
    ring = Ring.of([cells([5], [1])] * 3, summing(), terms=terms).run()
    for member in ring.members.values():
        assert member.done is not None
        assert isinstance(member.done.result, Totals)
        assert dict(member.done.result.terms) == dict(zip(NAMES, terms, strict=False))


def test_progress_is_told() -> None:
    ring = Ring.of([cells([4], [1])] * 3, summing()).run()
    progress = ring.requester.session.progress
    assert progress is not None
    assert progress.phase == "opening"
