"""Pair keys by X25519, and the numbers that are drawn from them."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from psi import lp
from psi.errors import LengthError, PublicKeyError
from psi.masks import numbers, pair_key, public_mask_key

SALT = bytes(range(64))
# RFC 7748, section 6.1: private keys, public keys, shared secret
A = bytes.fromhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
B = bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
PUBLIC_A = bytes.fromhex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")
PUBLIC_B = bytes.fromhex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f")
SHARED = bytes.fromhex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742")


def hkdf(secret: bytes, salt: bytes, info: bytes) -> bytes:
    """RFC 5869 with SHA-512, 32 bytes: extract, and one step of expand."""
    extracted = hmac.new(salt, secret, hashlib.sha512).digest()
    return hmac.new(extracted, info + b"\1", hashlib.sha512).digest()[:32]


def test_the_rfcs_pair_agrees_and_its_key_is_bound_to_session_and_names() -> None:
    assert (public_mask_key(A), public_mask_key(B)) == (PUBLIC_A, PUBLIC_B)
    expected = hkdf(SHARED, SALT, lp("accord/v1/pair-key", "north", "south"))
    assert pair_key(A, PUBLIC_B, SALT, "north", "south") == expected
    assert pair_key(B, PUBLIC_A, SALT, "north", "south") == expected
    others = [
        pair_key(A, PUBLIC_B, SALT[::-1], "north", "south"),
        pair_key(A, PUBLIC_B, SALT, "south", "north"),
        pair_key(A, PUBLIC_B, SALT, "north", "east"),
    ]
    assert len({expected, *others}) == 4


# Of small order on the curve or its twist: with these anybody knows the secret. The last two are not reduced.
SMALL = [
    0,
    1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
    2**255 - 20,
    2**255 - 19,
    2**255 - 18,
]


@pytest.mark.parametrize("place", range(len(SMALL)))
def test_a_public_key_of_small_order_is_refused(place: int) -> None:
    with pytest.raises(PublicKeyError, match="small order"):
        pair_key(A, SMALL[place].to_bytes(32, "little"), SALT, "north", "south")


@pytest.mark.parametrize(
    ("secret", "public", "salt"),
    [(A[1:], PUBLIC_B, SALT), (A, PUBLIC_B[1:], SALT), (A, PUBLIC_B + b"\0", SALT), (A, PUBLIC_B, SALT[1:])],
)
def test_lengths_of_pair_keys(secret: bytes, public: bytes, salt: bytes) -> None:
    with pytest.raises(LengthError):
        pair_key(secret, public, salt, "north", "south")
    with pytest.raises(LengthError):
        public_mask_key(A + b"\0")


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 33])
@pytest.mark.parametrize("number_bytes", [1, 16, 400])
def test_numbers_are_the_keystream_in_pieces(count: int, number_bytes: int) -> None:
    stream = Cipher(ChaCha20(A, bytes(16)), mode=None).encryptor().update(bytes(count * number_bytes))
    pieces = [stream[at : at + number_bytes] for at in range(0, len(stream), number_bytes)]
    assert list(numbers(A, count, number_bytes)) == [int.from_bytes(piece, "little") for piece in pieces]


def test_a_key_of_another_length_draws_nothing() -> None:
    with pytest.raises(LengthError):
        next(numbers(A[1:], 1, 16))
