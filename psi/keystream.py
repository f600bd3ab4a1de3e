"""Keys and scalars from a session's seed.

Scalar ``i`` of a key depends on the key and on ``i`` only, so that results do not depend on chunks, threads or
backends.
"""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from psi import dst, native
from psi.encoding import lp
from psi.errors import LengthError

SEED_BYTES: Final = 32  # docs/protocol.md, randomness
SALT_BYTES: Final = 64  # the session salt is a SHA-512 digest
STREAM_KEY_BYTES: Final = 32  # a ChaCha20 key (RFC 8439, section 2.3)


def stream_key(
    seed: bytes,
    salt: bytes,
    *,
    suite: str,
    protocol: str,
    role: str,
    leg: int,
    list_number: int,
    purpose: str,
) -> bytes:
    """Derive the key for one purpose from a session seed.

    Args:
        seed: 32 secret bytes, never used for two sessions.
        salt: the session salt, 64 bytes.
        suite, protocol, role, leg, list_number, purpose: what the key is for. Every list, leg and purpose has
            its own key, or blinds repeat and the difference of two items leaks.

    Returns:
        32 secret bytes.

    Raises:
        LengthError: a seed, a salt or a number outside its range.

    Spec: docs/protocol.md, randomness: HKDF-SHA-512 (RFC 5869) with info = LP("accord/v1", suite, protocol, role,
    leg, list number, purpose).
    """
    if len(seed) != SEED_BYTES:
        raise LengthError(f"seed: expected {SEED_BYTES} bytes, got {len(seed)}")
    if len(salt) != SALT_BYTES:
        raise LengthError(f"salt: expected {SALT_BYTES} bytes, got {len(salt)}")
    info = lp(dst.STREAM_KEY, suite, protocol, role, leg, list_number, purpose)
    return HKDF(SHA512(), STREAM_KEY_BYTES, salt, info).derive(seed)


def keystream_scalars(key: bytes, first: int, count: int) -> bytes:
    """The scalars ``first`` to ``first + count`` of a stream key.

    Scalar ``i`` is ChaCha20 (RFC 8439) block ``i`` of the key with nonce 0, little-endian, modulo the group order.

    Returns:
        count x 32 secret bytes, canonical and not zero.

    Raises:
        LengthError: a key that is not 32 bytes long.
        KeystreamError: an index of 2^32 or more.
        ZeroScalarError: a scalar is zero, which happens with probability 2^-252.
    """
    return native.keystream_scalars(key, first, count)
