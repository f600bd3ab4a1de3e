"""Paillier in batches: against the formula on plain integers, and what it refuses.

Most tests take a modulus of 512 bits, at which everything works as at 3,072; two take the real one.
"""

from __future__ import annotations

import hashlib
import struct
import threading
import time
from math import gcd

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

pytest.importorskip("gmpy2", reason="the extra `paillier` is not installed")
pytest.importorskip("phe", reason="the extra `paillier` is not installed")

from psi import lp, paillier
from psi.errors import ElementError, LengthError, ProofError, PublicKeyError

KEY, OTHER = bytes(range(32)), bytes(range(32, 64))
VALUES = (0, 1, -1, 7, -(2**47), 2**47 - 1, 2**63 - 1, -(2**63), 12_345)
SIZES = (0, 1, 7, 8, 9)
REAL_BITS = paillier.MODULUS_BITS


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paillier, "MODULUS_BITS", 512)


@pytest.fixture
def _real(_small: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paillier, "MODULUS_BITS", REAL_BITS)


def packed(values: tuple[int, ...] | list[int]) -> bytes:
    return struct.pack(f"<{len(values)}q", *values)


def opened(secret_key: bytes, ciphertext: int) -> int:
    """L(c^lambda mod N^2) * mu mod N (Paillier 1999, scheme 1), on Python's integers alone."""
    p, q = int.from_bytes(secret_key[:192], "big"), int.from_bytes(secret_key[192:], "big")
    n, order = p * q, (p - 1) * (q - 1)
    return (pow(ciphertext, order, n * n) - 1) // n * pow(order, -1, n) % n


def rows(ciphertexts: bytes) -> list[int]:
    return [int.from_bytes(ciphertexts[at : at + 768], "big") for at in range(0, len(ciphertexts), 768)]


def test_a_key_repeats_and_has_the_form_of_one() -> None:
    secret = paillier.draw_key(KEY)
    assert secret == paillier.draw_key(KEY)
    assert secret != paillier.draw_key(OTHER)
    p, q = int.from_bytes(secret[:192], "big"), int.from_bytes(secret[192:], "big")
    assert p != q
    assert p.bit_length() == q.bit_length() == 256
    for prime in (p, q):
        assert all(pow(base, prime - 1, prime) == 1 for base in (2, 3, 5, 7, 11))
    n = int.from_bytes(paillier.modulus(secret), "big")
    assert n == p * q
    assert n.bit_length() == 512
    assert gcd(n, (p - 1) * (q - 1)) == 1
    paillier.check_modulus(paillier.modulus(secret))


@pytest.mark.usefixtures("_real")
def test_the_real_size() -> None:
    secret = paillier.draw_key(KEY)
    public = paillier.modulus(secret)
    assert int.from_bytes(public, "big").bit_length() == paillier.MODULUS_BITS == 3072
    paillier.check_modulus(public)
    sums = paillier.add_up(public, [paillier.encrypt(packed(part), public, KEY, [], []) for part in ((1, -9), (4, 2))])
    assert paillier.decrypt(secret, sums) == [5, -7]
    assert [opened(secret, row) for row in rows(sums)] == [5, int.from_bytes(public, "big") - 7]
    root = paillier.prove_opened(secret, b"context", sums, packed((5, -7)))
    paillier.verify_opened(public, b"context", sums, packed((5, -7)), root)
    with pytest.raises(ProofError):
        paillier.verify_opened(public, b"context", sums, packed((5, -8)), root)


@pytest.mark.parametrize("size", SIZES)
def test_ciphertexts_hold_their_values_by_the_formula_too(size: int) -> None:
    secret = paillier.draw_key(KEY)
    public = paillier.modulus(secret)
    n = int.from_bytes(public, "big")
    sealed = paillier.encrypt(packed(VALUES[:size]), public, OTHER, [], [])
    assert len(sealed) == 768 * size
    paillier.check_ciphertexts(public, sealed)
    assert [opened(secret, row) for row in rows(sealed)] == [value % n for value in VALUES[:size]]
    assert paillier.decrypt(secret, sealed) == list(VALUES[:size])


def test_randomness_is_a_batchs_own() -> None:
    public = paillier.modulus(paillier.draw_key(KEY))
    same = paillier.encrypt(packed([3, 3, 3]), public, OTHER, [], [])
    assert same == paillier.encrypt(packed([3, 3, 3]), public, OTHER, [], [])
    assert len({*rows(same), *rows(paillier.encrypt(packed([3, 3, 3]), public, KEY, [], []))}) == 6


@pytest.mark.parametrize("parties", [2, 3, 8])
def test_masks_hide_each_part_and_cancel_in_the_sum(parties: int) -> None:
    secret = paillier.draw_key(KEY)
    public = paillier.modulus(secret)
    keys = {(a, b): bytes([a, b]) * 16 for a in range(parties) for b in range(a + 1, parties)}
    parts, plain = [], [[party, -party, VALUES[party]] for party in range(parties)]
    for party in range(parties):
        added = [key for (a, _), key in keys.items() if a == party]
        subtracted = [key for (_, b), key in keys.items() if b == party]
        parts.append(paillier.encrypt(packed(plain[party]), public, bytes([party]) * 32, added, subtracted))
    assert paillier.decrypt(secret, paillier.add_up(public, parts)) == [
        sum(column) for column in zip(*plain, strict=True)
    ]
    n = int.from_bytes(public, "big")
    for left in range(1, parties):  # without one, what is left is masked: numbers of the modulus' size
        found = paillier.decrypt(secret, paillier.add_up(public, parts[:left]))
        assert all(abs(number) > n >> 64 for number in found)
    once = {number for part in parts for number in paillier.decrypt(secret, part)}
    assert len(once) == 3 * parties


def test_a_modulus_of_another_form_is_refused() -> None:
    public = paillier.modulus(paillier.draw_key(KEY))
    n = int.from_bytes(public, "big")
    prime = next(number for number in range(2**511 + 1, 2**512, 2) if pow(2, number - 1, number) == 1)
    small_factor = ((3 << 510) // 65_521 | 1) * 65_521
    assert small_factor.bit_length() == 512
    for bad in (0, 1, n - 1, n >> 1, n << 1, prime, 2**512 - 1 << 1, small_factor):
        with pytest.raises(PublicKeyError):
            paillier.check_modulus(bad.to_bytes(384, "big"))
    for cut in (b"", public[1:], b"\0" + public):
        with pytest.raises(PublicKeyError):
            paillier.check_modulus(cut)


@pytest.mark.parametrize("place", [0, 3, 6])
def test_what_is_no_ciphertext_is_refused_by_its_place(place: int) -> None:
    secret = paillier.draw_key(KEY)
    public = paillier.modulus(secret)
    n, p = int.from_bytes(public, "big"), int.from_bytes(secret[:192], "big")
    good = rows(paillier.encrypt(packed(VALUES[:7]), public, OTHER, [], []))
    for bad in (0, n, p, p * p, n * n - n, n * n, n * n + 1, 2**6144 - 1):
        spoiled = [*good[:place], bad, *good[place + 1 :]]
        with pytest.raises(ElementError) as caught:
            paillier.check_ciphertexts(public, b"".join(row.to_bytes(768, "big") for row in spoiled))
        assert caught.value.index == place
    with pytest.raises(LengthError):
        paillier.check_ciphertexts(public, bytes(767))


@pytest.mark.parametrize("size", SIZES)
def test_opened_values_are_proved_and_no_others(size: int) -> None:
    secret = paillier.draw_key(KEY)
    public = paillier.modulus(secret)
    values = list(VALUES[:size])
    sealed = paillier.encrypt(packed(values), public, OTHER, [], [])
    root = paillier.prove_opened(secret, b"context", sealed, packed(values))
    paillier.verify_opened(public, b"context", sealed, packed(values), root)
    for place in range(size):
        false = [*values[:place], values[place] ^ 1, *values[place + 1 :]]
        for proof in (root, paillier.prove_opened(secret, b"context", sealed, packed(false))):
            with pytest.raises(ProofError):
                paillier.verify_opened(public, b"context", sealed, packed(false), proof)
    if size:
        with pytest.raises(ProofError):
            paillier.verify_opened(public, b"another", sealed, packed(values), root)
        with pytest.raises(LengthError):
            paillier.verify_opened(public, b"context", sealed, packed(values[1:]), root)


def test_errors_that_cancel_in_the_sum_do_not_cancel_under_weights() -> None:
    secret = paillier.draw_key(KEY)
    public = paillier.modulus(secret)
    sealed = paillier.encrypt(packed([5, 5]), public, OTHER, [], [])
    false = packed([6, 4])
    with pytest.raises(ProofError):
        proof = paillier.prove_opened(secret, b"context", sealed, false)
        paillier.verify_opened(public, b"context", sealed, false, proof)


def test_a_root_that_is_none() -> None:
    secret = paillier.draw_key(KEY)
    public = paillier.modulus(secret)
    sealed = paillier.encrypt(packed([5]), public, OTHER, [], [])
    root = paillier.prove_opened(secret, b"context", sealed, packed([5]))
    beyond = (int.from_bytes(root, "big") + int.from_bytes(public, "big")).to_bytes(384, "big")
    for bad in (bytes(384), public, beyond, root[1:], b"", root[:-1] + bytes([root[-1] ^ 1])):
        with pytest.raises(ProofError):
            paillier.verify_opened(public, b"context", sealed, packed([5]), bad)


def test_buffers_that_are_not_whole() -> None:
    secret = paillier.draw_key(KEY)
    public = paillier.modulus(secret)
    with pytest.raises(LengthError):
        paillier.encrypt(bytes(7), public, KEY, [], [])
    with pytest.raises(LengthError):
        paillier.modulus(secret[1:])
    with pytest.raises(LengthError):
        paillier.decrypt(secret, bytes(769))


@pytest.mark.usefixtures("_real")
def test_other_threads_run_meanwhile() -> None:
    """A batch takes seconds. Whether others get their turn is seen from how long they wait, one power at most."""
    public = paillier.modulus(paillier.draw_key(KEY))
    worker = threading.Thread(target=paillier.encrypt, args=(packed([1] * 20), public, KEY, [], []))
    turns = 0
    worker.start()
    while worker.is_alive():
        turns += 1
        time.sleep(0.001)
    assert turns > 20 * 6, "with the lock held there are about three turns between two powers"


def stream(key: bytes, start: int, length: int) -> int:
    """Bytes of a ChaCha20 keystream with nonce 0, as a little-endian number."""
    made = Cipher(ChaCha20(key, bytes(16)), mode=None).encryptor().update(bytes(start + length))
    return int.from_bytes(made[start:], "little")


def test_as_docs_protocol_says() -> None:
    """Key, ciphertexts and proof, computed again from the page's words and Python's integers alone."""
    found, place = [], 0
    while len(found) < 2:
        candidate = stream(KEY, 32 * place, 32) | 1 << 255 | 1 << 254 | 1
        place += 1
        if all(pow(base, candidate - 1, candidate) == 1 for base in (2, 3, 5, 7, 11, 13)):
            found.append(candidate)
    p, q = found
    n = p * q
    secret, public = paillier.draw_key(KEY), n.to_bytes(384, "big")
    assert secret == p.to_bytes(192, "big") + q.to_bytes(192, "big")

    added, subtracted, values = [b"a" * 32, b"b" * 32], [b"c" * 32], [5, -7, 2**46]
    expected = []
    for t, value in enumerate(values):
        y = value + sum(stream(key, 400 * t, 400) for key in added) - stream(subtracted[0], 400 * t, 400)
        r = 1 + stream(OTHER, 400 * t, 400) % (n - 1)
        expected.append((1 + n * (y % n)) * pow(r, n, n * n) % (n * n))
    assert rows(paillier.encrypt(packed(values), public, OTHER, added, subtracted)) == expected

    sealed = paillier.encrypt(packed(values), public, OTHER, [], [])
    statement = lp("accord/v1/opened", b"context", public, hashlib.sha512(sealed).digest(), packed(values))
    weights_key = hashlib.sha512(statement).digest()[:32]
    weights = [stream(weights_key, 16 * k, 16) for k in range(len(values))]
    joined = 1
    for row, weight in zip(rows(sealed), weights, strict=True):
        joined = joined * pow(row, weight, n * n) % (n * n)
    root = pow(joined, pow(n, -1, (p - 1) * (q - 1)), n)
    total = sum(weight * value for weight, value in zip(weights, values, strict=True))
    assert (1 + n * (total % n)) * pow(root, n, n * n) % (n * n) == joined
    assert paillier.prove_opened(secret, b"context", sealed, packed(values)) == root.to_bytes(384, "big")
