from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from hashlib import sha512

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import psi
from psi import (
    ElementError,
    KeystreamError,
    LengthError,
    PublicKeyError,
    ValueRangeError,
    elgamal,
    group,
    native,
)
from psi.elgamal import CIPHERTEXT_BYTES, MAX_TOTAL
from tests.vectors.backends import backend

__all__ = ["backend"]

pytestmark = pytest.mark.usefixtures("backend")


def key(name: str) -> bytes:
    return sha512(b"elgamal tests: " + name.encode()).digest()[:32]


SECRETS = (key("first secret"), key("second secret"), key("third secret"))
JOINT_KEY = elgamal.joint_key(b"".join(map(psi.public_key, SECRETS)))
VALUES = st.integers(-MAX_TOTAL, MAX_TOTAL)


def packed(values: Sequence[int]) -> bytes:
    return struct.pack(f"<{len(values)}q", *values)


def encrypted(values: Sequence[int], first: int = 0, name: str = "randomness") -> bytes:
    return elgamal.encrypt(packed(values), JOINT_KEY, key(name), first)


def opened(ciphertexts: bytes) -> bytes:
    return elgamal.open_shares(ciphertexts, [elgamal.partial_decryptions(ciphertexts, secret) for secret in SECRETS])


def elements(values: Sequence[int]) -> bytes:
    """v*G for each value, by the multiplication that RFC 9496's vectors check."""
    return native.multiply_base(b"".join((value % group.ORDER).to_bytes(32, "little") for value in values))


def rows(flat: bytes) -> list[bytes]:
    return [flat[start : start + CIPHERTEXT_BYTES] for start in range(0, len(flat), CIPHERTEXT_BYTES)]


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 515])
def test_what_is_encrypted_can_be_opened_by_all_together(count: int) -> None:
    values = [(-1) ** i * (i * 0x3_1415_9265 % MAX_TOTAL) for i in range(count)]
    ciphertexts = encrypted(values)
    assert len(ciphertexts) == CIPHERTEXT_BYTES * count
    elgamal.check(ciphertexts)
    assert opened(ciphertexts) == elements(values)


@settings(max_examples=30, deadline=None)
@given(st.data(), st.integers(1, 4), st.integers(0, 9))
def test_sums_are_those_of_the_integers(data: st.DataObject, columns: int, count: int) -> None:
    matrix = data.draw(st.lists(st.lists(VALUES, min_size=columns, max_size=columns), min_size=count, max_size=count))
    selected = data.draw(st.lists(st.integers(0, count - 1), max_size=12)) if count else []
    noise = data.draw(st.lists(VALUES, min_size=columns, max_size=columns))
    ciphertexts = encrypted([value for row in matrix for value in row])
    fresh = elgamal.rerandomize(ciphertexts, JOINT_KEY, key("fresh"), 0)
    if count:
        totals = [sum(row[column] for row in matrix) for column in range(columns)]
        assert opened(elgamal.sum_columns(fresh, columns)) == elements(totals)
    chosen = elgamal.sum_columns(fresh, columns, struct.pack(f"<{len(selected)}I", *selected))
    expected = [sum(matrix[row][column] for row in selected) for column in range(columns)]
    noisy = [a + b for a, b in zip(expected, noise, strict=True)]
    if selected:
        assert opened(elgamal.add_values(chosen, packed(noise))) == elements(noisy)
    assert opened(elgamal.add(chosen, encrypted(noise, name="noise"))) == elements(noisy)


@settings(max_examples=20, deadline=None)
@given(st.lists(VALUES, max_size=9), st.integers(0, 2**32 - 9), st.integers(0, 9))
def test_results_do_not_depend_on_how_a_batch_is_cut(values: list[int], first: int, cut: int) -> None:
    whole = encrypted(values, first)
    assert encrypted(values[:cut], first) + encrypted(values[cut:], first + cut) == whole or cut > len(values)
    fresh = elgamal.rerandomize(whole, JOINT_KEY, key("fresh"), first)
    parts = rows(whole)
    single = [elgamal.rerandomize(row, JOINT_KEY, key("fresh"), first + i) for i, row in enumerate(parts)]
    assert b"".join(single) == fresh


def test_backends_agree_byte_for_byte() -> None:
    values = [(-1) ** i * (i * 0x2_7182_8182 % MAX_TOTAL) for i in range(1027)]
    runs = []
    for name in psi.available_backends():
        ciphertexts = native.encrypt(packed(values), JOINT_KEY, key("r"), 5, backend=name)
        fresh = native.rerandomize(ciphertexts, JOINT_KEY, key("s"), 5, backend=name)
        sums = native.sum_columns(fresh, 13, None, backend=name)
        both = native.add_ciphertexts(ciphertexts, fresh, backend=name)
        partials = native.partial_decryptions(both, SECRETS[0], backend=name)
        items = psi.Items.from_sequence([b"%d" % value for value in values])
        multiples = native.hashed_multiples(items, b"accord/v1/test", SECRETS[1], backend=name)
        again = native.shared_multiples(multiples, SECRETS[2], backend=name)
        runs.append((ciphertexts, fresh, sums, both, partials, multiples, again))
    assert all(run == runs[0] for run in runs)


def test_fresh_randomness_changes_both_components_and_no_value() -> None:
    ciphertexts = encrypted([5, 5, 0])
    fresh = elgamal.rerandomize(ciphertexts, JOINT_KEY, key("fresh"), 0)
    halves = [half for flat in (ciphertexts, fresh) for row in rows(flat) for half in (row[:32], row[32:])]
    assert len(set(halves)) == len(halves)
    assert opened(fresh) == opened(ciphertexts) == elements([5, 5, 0])


def test_a_sum_of_nothing_is_the_identity_and_can_be_made_fresh_by_adding() -> None:
    ciphertexts = encrypted([1, 2, 3, 4])
    nothing = elgamal.sum_columns(ciphertexts, 2, b"")
    assert nothing == bytes(2 * CIPHERTEXT_BYTES) == elgamal.sum_columns(b"", 2)
    assert opened(elgamal.add(nothing, encrypted([0, 7]))) == elements([0, 7])
    with pytest.raises(ElementError) as raised:
        elgamal.rerandomize(nothing, JOINT_KEY, key("fresh"), 0)
    assert raised.value.index == 0


def test_one_missing_share_leaves_a_random_element() -> None:
    ciphertexts = encrypted([3])
    partials = [elgamal.partial_decryptions(ciphertexts, secret) for secret in SECRETS]
    assert elgamal.open_shares(ciphertexts, partials[:2]) != elements([3])


@pytest.mark.parametrize("value", [MAX_TOTAL + 1, -MAX_TOTAL - 1, 2**63 - 1, -(2**63)])
def test_a_value_out_of_range_is_refused_before_it_can_overflow(value: int) -> None:
    values = packed([0, MAX_TOTAL, -MAX_TOTAL, value, value])
    calls: tuple[Callable[[], bytes], ...] = (
        lambda: elgamal.encrypt(values, JOINT_KEY, key("r"), 0),
        lambda: elgamal.add_values(encrypted([0] * 5), values),
    )
    for call in calls:
        with pytest.raises(ValueRangeError, match="entry 3: expected a value below 2\\^47") as raised:
            call()
        assert (raised.value.index, raised.value.code) == (3, "value-out-of-range")


BAD_ELEMENTS = {"identity": bytes(32), "negative": b"\1" + bytes(31), "unreduced": b"\xff" * 32}


@pytest.mark.parametrize("bad", BAD_ELEMENTS.values(), ids=BAD_ELEMENTS)
@pytest.mark.parametrize("component", [0, 1])
@pytest.mark.parametrize("index", [0, 6, 7, 8])
def test_a_bad_component_is_named(bad: bytes, component: int, index: int) -> None:
    parts = rows(encrypted(range(9)))
    parts[index] = bad + parts[index][32:] if component == 0 else parts[index][:32] + bad
    ciphertexts = b"".join(parts)
    good = encrypted(range(9))
    calls: list[Callable[[], object]] = [
        lambda: elgamal.check(ciphertexts),
        lambda: elgamal.rerandomize(ciphertexts, JOINT_KEY, key("fresh"), 0),
        lambda: elgamal.sum_columns(ciphertexts, 3),
    ]
    if component == 0:
        calls.append(lambda: elgamal.partial_decryptions(ciphertexts, SECRETS[0]))
    if any(bad):
        calls.append(lambda: elgamal.add(ciphertexts, good))
        calls.append(lambda: elgamal.add(good, ciphertexts))
        calls.append(lambda: elgamal.add_values(ciphertexts, packed(range(9))))
    for call in calls:
        with pytest.raises(ElementError) as raised:
            call()
        assert raised.value.index == index
    unaffected = struct.pack("<2I", *(row for row in range(3) if row != index // 3))
    assert opened(elgamal.sum_columns(ciphertexts, 3, unaffected)) == opened(elgamal.sum_columns(good, 3, unaffected))


def test_a_bad_partial_decryption_is_named() -> None:
    ciphertexts = encrypted([1, 2])
    partial = elgamal.partial_decryptions(ciphertexts, SECRETS[0])
    for bad in BAD_ELEMENTS.values():
        with pytest.raises(ElementError) as raised:
            elgamal.open_shares(ciphertexts, [partial, partial[:32] + bad])
        assert raised.value.index == 1


def test_lengths_that_do_not_fit_are_refused() -> None:
    good = encrypted([1, 2, 3])
    partial = elgamal.partial_decryptions(good, SECRETS[0])
    calls: tuple[Callable[[], object], ...] = (
        lambda: elgamal.encrypt(bytes(9), JOINT_KEY, key("r"), 0),
        lambda: elgamal.encrypt(bytes(8), JOINT_KEY[:31], key("r"), 0),
        lambda: elgamal.encrypt(bytes(8), JOINT_KEY, key("r")[:31], 0),
        lambda: elgamal.encrypt(bytes(8), JOINT_KEY, key("r"), -1),
        lambda: elgamal.check(good[:-1]),
        lambda: elgamal.add(good, good[:64]),
        lambda: elgamal.add_values(good, packed([1, 2])),
        lambda: elgamal.sum_columns(good, 2),
        lambda: elgamal.sum_columns(good, 0),
        lambda: elgamal.sum_columns(good, -1),
        lambda: elgamal.sum_columns(good, 1, b"\0\0\0"),
        lambda: elgamal.sum_columns(good, 1, struct.pack("<2I", 2, 3)),
        lambda: elgamal.open_shares(good, [partial, partial[:64]]),
        lambda: elgamal.joint_key(b""),
    )
    for call in calls:
        with pytest.raises(LengthError):
            call()


def test_randomness_ends_with_its_stream() -> None:
    encrypted([1, 2], 2**32 - 2)
    with pytest.raises(KeystreamError):
        encrypted([1, 2], 2**32 - 1)


def test_keys_that_are_no_keys_are_refused() -> None:
    for bad in BAD_ELEMENTS.values():
        with pytest.raises(PublicKeyError):
            elgamal.encrypt(packed([1]), bad, key("r"), 0)
        with pytest.raises(PublicKeyError):
            elgamal.rerandomize(encrypted([1]), bad, key("r"), 0)
        with pytest.raises(ElementError) as raised:
            elgamal.joint_key(JOINT_KEY + bad)
        assert raised.value.index == 1
    opposite = group.subtract(bytes(32), JOINT_KEY)
    with pytest.raises(PublicKeyError):
        elgamal.joint_key(JOINT_KEY + opposite)


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 515])
def test_multiples_by_two_sides_meet(count: int) -> None:
    """a*(b*H(x)) = b*(a*H(x)), whichever side starts."""
    items = psi.Items.from_sequence([b"%d" % i for i in range(count)])
    first = group.multiply_shared(group.multiples(items, b"accord/v1/test", SECRETS[0]), SECRETS[1])
    second = group.multiply_shared(group.multiples(items, b"accord/v1/test", SECRETS[1]), SECRETS[0])
    assert first == second
    assert len(first) == 32 * count
    if count:
        assert first != group.multiply_shared(group.multiples(items, b"accord/v1/other", SECRETS[0]), SECRETS[1])


def test_multiples_name_a_bad_element() -> None:
    good = elements([1, 2, 3])
    for bad in BAD_ELEMENTS.values():
        with pytest.raises(ElementError) as raised:
            group.multiply_shared(good + bad + bad, SECRETS[0])
        assert raised.value.index == 3
