from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from psi import KeystreamError, LengthError, keystream_scalars, stream_key
from psi.group import ORDER

KEY = bytes(range(32))
LAST = 2**32 - 1
PURPOSE: dict[str, Any] = {
    "suite": "ristretto255-SHA512",
    "protocol": "intersect",
    "role": "requester",
    "leg": 0,
    "list_number": 0,
    "purpose": "blind",
}


def expected(first: int, count: int) -> bytes:
    """By OpenSSL's ChaCha20 and Python's integers."""
    cipher = Cipher(ChaCha20(KEY, first.to_bytes(4, "little") + bytes(12)), mode=None)
    stream = cipher.encryptor().update(bytes(64 * count))
    blocks = (stream[start : start + 64] for start in range(0, len(stream), 64))
    return b"".join((int.from_bytes(block, "little") % ORDER).to_bytes(32, "little") for block in blocks)


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 15, 16, 17, 33, 1025])
def test_scalars_are_blocks_modulo_the_order(count: int) -> None:
    assert keystream_scalars(KEY, 3, count) == expected(3, count)


@pytest.mark.parametrize("count", [1, 2, 17, 1025])
def test_the_last_index_is_the_last_of_the_counter(count: int) -> None:
    first = LAST + 1 - count
    assert keystream_scalars(KEY, first, count) == expected(first, count)
    with pytest.raises(KeystreamError):
        keystream_scalars(KEY, first, count + 1)


def test_scalars_depend_on_their_index_only() -> None:
    whole = keystream_scalars(KEY, 100, 50)
    assert whole == keystream_scalars(KEY, 100, 13) + keystream_scalars(KEY, 113, 37)


@pytest.mark.parametrize("first", [-1, 2**64])
def test_refuses_indices_that_are_none(first: int) -> None:
    with pytest.raises(LengthError, match="expected 0 to 2\\^64 - 1"):
        keystream_scalars(KEY, first, 1)


@pytest.mark.parametrize(
    "change",
    [
        {"suite": "P256-SHA256"},
        {"protocol": "count"},
        {"role": "responder"},
        {"leg": 1},
        {"list_number": 1},
        {"purpose": "oprf"},
    ],
)
def test_each_purpose_has_its_own_key(change: dict[str, Any]) -> None:
    seed, salt = bytes(32), bytes(64)
    assert stream_key(seed, salt, **PURPOSE | change) != stream_key(seed, salt, **PURPOSE)


def test_each_session_has_its_own_key() -> None:
    key = stream_key(bytes(32), bytes(64), **PURPOSE)
    assert key != stream_key(b"\1" + bytes(31), bytes(64), **PURPOSE)
    assert key != stream_key(bytes(32), b"\1" + bytes(63), **PURPOSE)
