"""The computations of a count and a sum, where a simulation would not reach."""

from __future__ import annotations

import struct
from dataclasses import replace

import numpy as np
import pytest

from protocol.aggregate import jobs
from protocol.aggregate.agreed import Plan
from protocol.host_answers import Values
from protocol.vocabulary import Query
from psi import Items, LengthError, group, public_key
from psi.elgamal import encrypt, open_shares, partial_decryptions
from tests.sim.aggregates import SUM, categorised, in_units

KEY, OTHER = bytes(31) + b"\1", bytes(31) + b"\2"
PLAN = Plan(Query.SUM, categorised(replace(SUM, unit=100, low=-50, high=70), "x", "y"), (1,))
INT64 = [
    *(-(2**63), -(2**63) + 1, -10_001, -151, -150, -149, -50, -1, 0),
    *(1, 49, 50, 51, 149, 150, 7_049, 7_050, 2**63 - 1),
]


def opened(ciphertexts: bytes) -> list[bytes]:
    elements = open_shares(ciphertexts, [partial_decryptions(ciphertexts, KEY)])
    return [elements[start : start + 32] for start in range(0, len(elements), 32)]


def multiple(number: int) -> bytes:
    return group.multiply_base((number % group.ORDER).to_bytes(32, "little")) if number else group.IDENTITY


def test_values_are_scaled_clipped_and_flagged_from_end_to_end_of_int64() -> None:
    count = len(INT64)
    flags = bytes([1, 0] * count)
    amounts = struct.pack(f"<{2 * count}q", *[amount for value in INT64 for amount in (value, value)])
    items = Items.from_sequence([b"%d" % place for place in range(count)])
    job = jobs.SumTargets(items, PLAN, OTHER, public_key(KEY), KEY[::-1], 0, Values(flags, amounts))
    kept = job.run()
    rows = np.frombuffer(jobs.sent(kept, PLAN), np.uint8).reshape(count, PLAN.row_bytes)
    values = opened(rows[:, 32:].tobytes())
    expected = [(1, 0, in_units(value, PLAN.aggregate), 0) for value in INT64]
    assert values == [multiple(number) for row in expected for number in row]
    own = [row[:32].tobytes() + struct.pack("<I4q", number, *expected[number]) for number, row in enumerate(rows)]
    assert jobs.encrypted(kept, PLAN) == b"".join(own)


@pytest.mark.parametrize(
    "values",
    [
        Values(b"\1", bytes(32)),
        Values(b"\1" * 4, bytes(24)),
        Values(b"\1\1\1\2", bytes(32)),
        Values(b"\1" * 5, bytes(40)),
        Values(b"\1" * 4),
    ],
)
def test_values_of_another_shape(values: Values) -> None:
    items = Items.from_sequence([b"a", b"b"])
    with pytest.raises(LengthError):
        jobs.SumTargets(items, PLAN, OTHER, public_key(KEY), KEY[::-1], 0, values).run()


@pytest.mark.parametrize("values", [Values(b""), Values(b"\1\1\1"), Values(b"\1\3")])
def test_flags_of_another_shape(values: Values) -> None:
    items = Items.from_sequence([b"a", b"b"])
    with pytest.raises(LengthError):
        jobs.CountTargets(items, b"a test", OTHER, KEY, 0, values).run()


@pytest.mark.parametrize("chosen", [[], [0], [2], [0, 1, 2], [0, 2]])
def test_selected_rows_are_added_to_what_was_there(chosen: list[int]) -> None:
    table = np.array([[1, 10, 100, 1000], [2, 20, 200, 2000], [3, 30, 300, 3000]], "<i8")
    ciphertexts = encrypt(table.tobytes(), public_key(KEY), OTHER, 0)
    rows = b"".join(bytes(32) + ciphertexts[256 * place : 256 * (place + 1)] for place in range(3))
    before = encrypt(np.array([7, 7, 7, -7], "<i8").tobytes(), public_key(KEY), OTHER, 100)
    sums = jobs.SumRows(rows, np.array(chosen, "<u4").tobytes(), 4, before).run()
    expected = table[chosen].sum(axis=0) + np.array([7, 7, 7, -7])
    assert opened(sums) == [multiple(int(number)) for number in expected]


def test_numbers_beside_rows() -> None:
    rows = bytes(range(48))
    numbered = jobs.numbered(rows, 16, 258)
    assert jobs.unnumbered(numbered, 16) == (rows, struct.pack("<3I", 258, 259, 260))
    placed = jobs.placed(rows[::-1], 16, 65_535)
    assert sorted(placed[start : start + 20] for start in range(0, 60, 20)) == [
        placed[start : start + 20] for start in range(0, 60, 20)
    ]
    assert jobs.beginnings(rows, 24, 1) == rows[:16] + struct.pack("<I", 1) + rows[24:40] + struct.pack("<I", 2)
    pairs = jobs.beginnings(rows, 24, 1)[:20] + rows[:16] + jobs.beginnings(rows, 24, 1)[20:] + rows[24:40]
    assert jobs.joined_numbers(pairs) == struct.pack("<2I", 1, 2)
