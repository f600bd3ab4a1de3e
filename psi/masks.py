"""Masks that cancel when those of all participants are added up, and only then (docs/protocol.md, totals, Paillier).

Each pair of participants agrees on a key by X25519 (RFC 7748) and draws one number from it per figure; one of the two
adds it, the other subtracts it. Whoever lacks one pair's key sees uniform numbers in the parts of both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from psi import dst
from psi.encoding import lp
from psi.errors import LengthError, PublicKeyError
from psi.keystream import SALT_BYTES, STREAM_KEY_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

MASK_KEY_BYTES: Final = 32  # RFC 7748, section 5
EXCESS_BYTES: Final = 16  # of a number that is reduced: no remainder is likelier than another by more than 2^-128


def public_mask_key(secret_key: bytes) -> bytes:
    """The public key that the other participants need.

    Args:
        secret_key: 32 secret bytes from ``stream_key``, used for nothing else.

    Returns:
        32 bytes.

    Raises:
        LengthError: a secret key of another length.
    """
    return _private(secret_key).public_key().public_bytes_raw()


def pair_key(secret_key: bytes, public_key: bytes, salt: bytes, first: str, second: str) -> bytes:
    """The stream key that a pair of participants shares.

    Args:
        secret_key: 32 secret bytes, one's own.
        public_key: 32 bytes, the other's.
        salt: 64 bytes that name the session and both public keys, as ctx does.
        first, second: the two, in the order in which all participants are named.

    Returns:
        32 secret bytes: HKDF-SHA-512 of the shared secret with info = LP(DST, first, second).

    Raises:
        PublicKeyError: a public key of small order, with which anybody knows the secret.
        LengthError: a key or salt of another length.

    Security: constant time. Without a proof of possession: who copies another's public key does not know the pair keys.
    """
    if len(public_key) != MASK_KEY_BYTES or len(salt) != SALT_BYTES:
        raise LengthError(f"pair key: expected {MASK_KEY_BYTES} and {SALT_BYTES} bytes of key and salt, got others")
    try:
        shared = _private(secret_key).exchange(X25519PublicKey.from_public_bytes(public_key))
    except ValueError:  # RFC 7748, section 6.1: all zeros
        raise PublicKeyError("expected a public key for masks that is not of small order") from None
    return HKDF(SHA512(), STREAM_KEY_BYTES, salt, lp(dst.PAIR_KEY, first, second)).derive(shared)


def numbers(key: bytes, count: int, number_bytes: int) -> Iterator[int]:
    """Numbers 0 to ``count`` of a stream key: each of ``number_bytes`` bytes of its ChaCha20 keystream with nonce 0
    (RFC 8439), little-endian.

    Raises:
        LengthError: a key that is not 32 bytes long.
    """
    if len(key) != STREAM_KEY_BYTES:
        raise LengthError(f"stream key: expected {STREAM_KEY_BYTES} bytes, got {len(key)}")
    stream = Cipher(ChaCha20(key, bytes(16)), mode=None).encryptor()
    for _ in range(count):
        yield int.from_bytes(stream.update(bytes(number_bytes)), "little")


def _private(secret_key: bytes) -> X25519PrivateKey:
    if len(secret_key) != MASK_KEY_BYTES:
        raise LengthError(f"secret key for masks: expected {MASK_KEY_BYTES} bytes, got {len(secret_key)}")
    return X25519PrivateKey.from_private_bytes(secret_key)
