"""psi on arbitrary batches: against libsodium on random values, and against itself on hostile shapes."""

from __future__ import annotations

import itertools
import random
import struct

import hypothesis.strategies as st
import numpy as np
import pytest
import rbcl
from hypothesis import given, settings

import psi
from psi import group, native
from tests.unit.psi.chunks import BLIND_KEY, OPRF_KEY, answered
from tests.vectors.backends import backend

__all__ = ["backend"]

pytestmark = pytest.mark.usefixtures("backend")

COUNT = 3001
SEED = 9496


@pytest.fixture(scope="module")
def uniform() -> bytes:
    return random.Random(SEED).randbytes(64 * COUNT)


@pytest.fixture(scope="module")
def scalars(uniform: bytes) -> bytes:
    reduced = (rbcl.crypto_core_ristretto255_scalar_reduce(row) for row in rows(uniform, 64))
    return b"".join(reduced)


@pytest.fixture(scope="module")
def elements(uniform: bytes) -> bytes:
    return b"".join(map(rbcl.crypto_core_ristretto255_from_hash, rows(uniform, 64)))


def rows(flat: bytes, width: int = 32) -> list[bytes]:
    return [flat[start : start + width] for start in range(0, len(flat), width)]


def test_the_map_agrees_with_libsodium(uniform: bytes, elements: bytes) -> None:
    assert native.map_to_group(uniform) == elements


def test_reduction_agrees_with_libsodium(uniform: bytes, scalars: bytes) -> None:
    assert native.reduce_scalars(uniform) == scalars


def test_multiplication_agrees_with_libsodium(scalars: bytes, elements: bytes) -> None:
    expected = map(rbcl.crypto_scalarmult_ristretto255, rows(scalars), rows(elements))
    assert native.multiply(scalars, elements) == b"".join(expected)


def test_base_multiplication_agrees_with_libsodium(scalars: bytes) -> None:
    assert native.multiply_base(scalars) == b"".join(map(rbcl.crypto_scalarmult_ristretto255_base, rows(scalars)))


def test_inversion_agrees_with_libsodium(scalars: bytes) -> None:
    assert native.invert_scalars(scalars) == b"".join(map(rbcl.crypto_core_ristretto255_scalar_invert, rows(scalars)))


def test_addition_agrees_with_libsodium(elements: bytes) -> None:
    for a, b in zip(rows(elements)[:300], rows(elements)[1:], strict=False):
        assert group.add(a, b) == rbcl.crypto_core_ristretto255_add(a, b)
        assert group.subtract(a, b) == rbcl.crypto_core_ristretto255_sub(a, b)


def test_scalar_arithmetic_agrees_with_libsodium(scalars: bytes) -> None:
    for a, b in zip(rows(scalars)[:300], rows(scalars)[1:], strict=False):
        assert group.add_scalars(a, b) == rbcl.crypto_core_ristretto255_scalar_add(a, b)
        assert group.subtract_scalars(a, b) == rbcl.crypto_core_ristretto255_scalar_sub(a, b)
        assert group.multiply_scalars(a, b) == rbcl.crypto_core_ristretto255_scalar_mul(a, b)


def test_evaluation_agrees_with_libsodium(elements: bytes) -> None:
    key = psi.keystream_scalars(OPRF_KEY, 0, 1)
    statement = psi.ChunkStatement(bytes(64), 0, 0, 0, psi.public_key(OPRF_KEY))
    evaluated, _ = psi.evaluate(OPRF_KEY, bytes(32), statement, elements)
    assert evaluated == b"".join(rbcl.crypto_scalarmult_ristretto255(key, row) for row in rows(elements))
    assert psi.public_key(OPRF_KEY) == rbcl.crypto_scalarmult_ristretto255_base(key)


def test_validation_agrees_with_libsodium(elements: bytes) -> None:
    """Damaged elements: some are still elements, and both must say the same of each.

    Except that libsodium 1.0.18, inside rbcl, ignores the top bit, which RFC 9496, section 4.3.1, refuses.
    """
    damage = np.random.default_rng(SEED)
    damaged = np.frombuffer(elements, np.uint8).reshape(-1, 32).copy()
    damaged[np.arange(COUNT), damage.integers(0, 32, COUNT)] ^= 1 << damage.integers(0, 8, COUNT, np.uint8)
    counts = [0, 0]
    for row in rows(damaged.tobytes()):
        try:
            psi.check_elements(row)
            good = True
        except psi.ElementError:
            good = False
        assert good == (row[31] < 0x80 and bool(rbcl.crypto_core_ristretto255_is_valid_point(row)))
        counts[good] += 1
    assert min(counts) > COUNT // 10


ITEMS = st.lists(st.binary(max_size=300), max_size=40)


@settings(max_examples=40, deadline=None)
@given(parts=ITEMS.filter(bool))
def test_any_items_come_back_as_the_owner_sees_them(parts: list[bytes]) -> None:
    items = psi.Items.from_sequence(parts)
    outputs = rows(answered(items).finalize(), psi.OUTPUT_BYTES)
    assert [output[: psi.TAG_BYTES] for output in outputs] == rows(psi.tags(items, OPRF_KEY), psi.TAG_BYTES)
    assert len(set(outputs)) == len(set(parts))


@settings(max_examples=60, deadline=None)
@given(parts=ITEMS, data=st.data())
def test_any_slice_is_that_part_of_the_whole(parts: list[bytes], data: st.DataObject) -> None:
    items = psi.Items.from_sequence(parts)
    first = data.draw(st.integers(0, len(parts)))
    count = data.draw(st.integers(0, len(parts) - first))
    whole = psi.blind(items, BLIND_KEY, 5)
    assert psi.blind(items.slice(first, count), BLIND_KEY, 5 + first) == whole[32 * first : 32 * (first + count)]


@settings(max_examples=200, deadline=None)
@given(
    data=st.binary(max_size=64),
    offsets=st.lists(st.integers(0, 80) | st.sampled_from([2**31, 2**32 - 1]), min_size=1, max_size=12),
)
def test_offsets_are_good_or_refused(data: bytes, offsets: list[int]) -> None:
    good = offsets == sorted(offsets) and offsets[-1] <= len(data)
    items = psi.Items(data, struct.pack(f"<{len(offsets)}I", *offsets))
    if good:
        parts = [data[start:end] for start, end in itertools.pairwise(offsets)]
        assert psi.tags(items, OPRF_KEY) == psi.tags(psi.Items.from_sequence(parts), OPRF_KEY)
    else:
        with pytest.raises(psi.ItemsError):
            psi.tags(items, OPRF_KEY)


@settings(max_examples=200, deadline=None)
@given(blinded=st.binary(max_size=130), evaluated=st.binary(max_size=130), proof=st.binary(max_size=70))
def test_bytes_from_a_partner_are_refused_with_a_code(blinded: bytes, evaluated: bytes, proof: bytes) -> None:
    statement = psi.ChunkStatement(bytes(64), 0, 0, 0, psi.public_key(OPRF_KEY))
    items = psi.Items.from_sequence([b"item"] * (len(blinded) // 32))
    with pytest.raises(psi.PsiError) as from_answer:
        psi.verify_and_finalize(items, BLIND_KEY, 0, statement, blinded, evaluated, proof)
    assert from_answer.value.code in {"bad-length", "bad-element", "bad-proof"}
    with pytest.raises(psi.PsiError) as from_request:
        psi.evaluate(OPRF_KEY, bytes(32), statement, evaluated)
    assert from_request.value.code in {"bad-length", "bad-element"}
