"""Totals under Paillier: what ElGamal tells, of the same figures, and what each participant can see on the way."""

from __future__ import annotations

import pytest

pytest.importorskip("gmpy2", reason="the extra `paillier` is not installed")
pytest.importorskip("phe", reason="the extra `paillier` is not installed")

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocol import codec
from protocol.messages import Packet, PacketType, Shares, Terms
from protocol.totals import PaillierRequester
from psi import paillier
from tests.sim.circle import Ring, counting, summing
from tests.sim.small_modulus import BITS, small_modulus  # noqa: F401, a fixture
from tests.sim.test_totals import CORRIDORS, cells, drawn

FULL_BITS = paillier.MODULUS_BITS


@pytest.mark.parametrize("part", range(4))  # 100 cases, in parts that each end in time on a busy machine
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**32),
    parties=st.sampled_from([3, 3, 3, 4, 4, 5, 6, 8]),
    columns=st.sampled_from([0, 1, 2, 3, 7, 8, 9]),
    summed=st.booleans(),
    low=st.integers(-40, 0),
    high=st.integers(1, 40),
    minimums=st.lists(st.integers(0, 6), min_size=8, max_size=8),
    rounding=st.sampled_from([0, 0, 5]),
    epsilon=st.sampled_from([0, 0, 0, 2000]),
    to_all=st.booleans(),
)
def test_both_schemes_tell_the_same_and_it_is_the_truth(
    part: int,
    seed: int,
    parties: int,
    columns: int,
    summed: bool,
    low: int,
    high: int,
    minimums: list[int],
    rounding: int,
    epsilon: int,
    to_all: bool,
) -> None:
    names, cap = CORRIDORS[:columns] or ("",), 9
    aggregate = summing(names, low, high) if summed else counting(names)
    terms = [Terms(minimum, epsilon, rounding) for minimum in minimums[:parties]]
    own = drawn(seed, parties, max(columns, 1), aggregate, cap)
    ring = Ring.of(own, aggregate, cap=cap, terms=terms, to_all=to_all, seed=seed, requester=PaillierRequester).run()
    assert ring.errors() == [None] * parties
    if epsilon:
        return  # noise is each session's own: that totals lie within their bounds, the requester has seen
    expected = ring.truth()
    assert ring.requester.totals == expected
    for member in list(ring.members.values())[1:]:
        assert member.totals == (expected if to_all else [(*counts, None) for *counts, _ in expected])
    if seed % 3:
        return
    under_elgamal = Ring.of(own, aggregate, cap=cap, terms=terms, to_all=to_all, seed=seed).run()
    assert [member.totals for member in under_elgamal.members.values()] == [
        member.totals for member in ring.members.values()
    ]


def test_at_the_real_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paillier, "MODULUS_BITS", FULL_BITS)
    own = [cells([number, 3], [number - 4, 5]) for number in range(3, 6)]
    ring = Ring.of(own, summing(CORRIDORS[:2]), requester=PaillierRequester, to_all=True).run()
    assert ring.errors() == [None] * 3
    assert [member.totals for member in ring.members.values()] == [[(3, 12, 0), (3, 9, 15)]] * 3


def test_all_participants_keep_the_same_signed_evidence() -> None:
    ring = Ring.of([cells([4], [1])] * 4, summing(), to_all=True, requester=PaillierRequester).run()
    kept = [
        {(entry.sender, entry.type, entry.payload, entry.signature) for entry in member.evidence}
        for member in ring.members.values()
    ]
    assert kept[0] == kept[1] == kept[2] == kept[3]
    # As under ElGamal (tests.sim.test_totals), and what the requester has decrypted in each stage
    assert len(kept[0]) == 8 + 4 * 9 + 1 + 3


def shown(ring: Ring) -> dict[tuple[str, int], list[int]]:
    """By participant and stage, what the requester decrypts of the ciphertexts that were shown to it."""
    secret_key = ring.requester.session._secret_key  # type: ignore[attr-defined]
    found = {}
    for entry in ring.requester.evidence:
        if entry.type is PacketType.SHARES:
            said = codec.decode_message(Packet(entry.type, entry.payload, entry.signature), Shares)
            found[entry.sender, said.stage] = paillier.decrypt(secret_key, said.partials)
    return found


def test_the_requester_sees_masked_parts_and_only_of_cells_that_all_open() -> None:
    own = [
        cells([4, 4, 0], [1, 1, 0]),
        cells([18, 18, 18], [2, 2, 2]),
        cells([6, 6, 6], [3, 3, 3]),
        cells([1, 2, 0], [4, 4, 0]),
    ]
    terms = [Terms(0, 0, 0), Terms(18, 0, 0), Terms(0, 0, 0), Terms(0, 0, 0)]
    ring = Ring.of(own, summing(CORRIDORS[:3]), cap=20, terms=terms, requester=PaillierRequester).run()
    assert ring.requester.totals == ring.truth() == [(4, 29, 10), (4, 30, 10), (2, None, None)]
    parts = shown(ring)
    assert {stage: len(parts["north", stage]) for stage in range(3)} == {0: 3, 1: 2, 2: 2}
    for stage in range(3):
        columns = [parts[agency, stage] for agency in ring.members]
        assert [sum(column) % modulus(ring) for column in zip(*columns, strict=True)] == [
            total[stage] for total in ring.requester.totals if total[stage] is not None
        ]
        numbers = [abs(number) for column in columns for number in column]
        assert len(set(numbers)) == len(numbers)
        assert min(numbers) > 1 << (BITS - 64), "a number of the modulus' size, but once in 2^63 runs"
    for left in ring.members:  # and so is the sum of all but one
        some = [sum(column) for column in zip(*(parts[name, 0] for name in ring.members if name != left), strict=True)]
        assert all(min(number % modulus(ring), -number % modulus(ring)) > 1 << (BITS - 64) for number in some)


def modulus(ring: Ring) -> int:
    return int.from_bytes(paillier.modulus(ring.requester.session._secret_key), "big")  # type: ignore[attr-defined]


def test_values_reach_the_requester_alone() -> None:
    ring = Ring.of([cells([4], [1])] * 4, summing(), requester=PaillierRequester).run()
    for member in list(ring.members.values())[1:]:
        heard = [entry for entry in member.evidence if entry.sender != member.agency]
        assert sum(entry.type is PacketType.SHARES for entry in heard) == 2 * 3
        assert sum(entry.type is PacketType.DECRYPTION for entry in heard) == 2


def test_a_run_repeats_to_the_byte_and_another_seed_shares_no_message() -> None:
    asked = [Ring.of([cells([4], [1])] * 3, summing(), seed=seed, requester=PaillierRequester) for seed in (1, 1, 2)]
    first, again, other = ([entry.payload for entry in ring.run().requester.evidence] for ring in asked)
    assert first == again
    assert not set(first) & set(other)


@pytest.mark.parametrize("to_all", [False, True])
def test_who_has_heard_all_needs_the_others_no_more(to_all: bool) -> None:
    ring = Ring.of([cells([4], [1])] * 3, summing(), to_all=to_all, requester=PaillierRequester).run()
    assert not any(member.session.partner_needed for member in ring.members.values())


def test_without_the_extra_a_contributor_refuses_before_anything_is_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    ring = Ring.of([cells([4], [1])] * 3, summing(), requester=PaillierRequester)
    monkeypatch.setattr(paillier, "available", lambda: False)
    ring.run()
    assert ring.errors()[:2] == ["refused", "unsupported"]
    assert str(ring.requester.done.error) == "south refused the question: unsupported"  # type: ignore[union-attr]
    assert [member.acts for member in ring.members.values()] == [["consume-seed"], [], []]
    assert "extra `paillier`" in str(ring.members["south"].done.error)  # type: ignore[union-attr]
