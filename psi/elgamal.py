"""Additive ElGamal over ristretto255 on batches: values that anybody can add up and only all key holders together open.

A ciphertext of v is rho*G || v*G + rho*pk, 64 bytes. Keys and randomness are stream keys (psi.keystream); their scalars
never leave native code. Every function works on a contiguous batch, on all cores. psi.discrete_log leads from v*G to v.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from psi import native

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Buffer

CIPHERTEXT_BYTES: Final = 64  # two elements
VALUE_BYTES: Final = 8  # a little-endian int64
MAX_TOTAL: Final = native.MAX_TOTAL  # docs/protocol.md, additive ElGamal: below 2^47 in absolute value


def joint_key(public_keys: Buffer) -> bytes:
    """The key under which only all key holders together can decrypt: the sum of their public keys.

    Args:
        public_keys: n x 32 bytes, n >= 1. One's own is ``psi.public_key`` of the secret stream key.

    Raises:
        ElementError: a key that is not an element, or the identity; ``index`` says which.
        PublicKeyError: the keys add up to the identity.
        LengthError: no key.

    Security: whoever chooses its key last could cancel the others: verify a proof of possession of each key first.
    """
    return native.joint_key(public_keys)


def encrypt(values: Buffer, public_key: Buffer, randomness_key: bytes, first: int) -> bytes:
    """Encrypt value i with scalar ``first + i`` of ``randomness_key``.

    Args:
        values: n x 8 bytes, little-endian int64, of at most ``MAX_TOTAL`` in absolute value.
        public_key: 32 bytes, usually a joint key.
        randomness_key: 32 secret bytes from ``stream_key``. No index of it may ever be used twice, not for another
            value and not by ``rerandomize``: the difference of two values would be seen.
        first: row * columns + column of the first value, so that parts of one matrix use different scalars.

    Returns:
        n x 64 bytes.

    Raises:
        ValueRangeError: a value is too large; ``index`` says which.
        PublicKeyError, KeystreamError, LengthError, ZeroScalarError.

    Security: constant time in values and randomness.
    """
    return native.encrypt(values, public_key, randomness_key, first)


def rerandomize(ciphertexts: Buffer, public_key: Buffer, randomness_key: bytes, first: int) -> bytes:
    """Give ciphertexts fresh randomness: nobody but the key holders can tell which came from which.

    Args:
        ciphertexts: n x 64 bytes as they came from the partner. The identity is refused, here as in ``check``. A sum of
            one's own may be the identity, if nothing was added up: to re-randomize it, ``add`` an encryption of
            zero, or of the noise that it gets anyway.
        public_key, randomness_key, first: as for ``encrypt``.

    Returns:
        n x 64 bytes.

    Raises:
        ElementError: a component that is not canonical, or the identity; ``index`` is its ciphertext's.
        PublicKeyError, KeystreamError, LengthError, ZeroScalarError.

    Security: constant time in the randomness.
    """
    return native.rerandomize(ciphertexts, public_key, randomness_key, first)


def add(a: Buffer, b: Buffer) -> bytes:
    """Encryptions of a_i + b_i.

    Args:
        a, b: n x 64 bytes each; components may be the identity, as in a sum of nothing.

    Returns:
        n x 64 bytes. Not re-randomized, unless one of the two is a fresh encryption.

    Raises:
        ElementError: a component that is not canonical; ``index`` is its ciphertext's. LengthError.
    """
    return native.add_ciphertexts(a, b)


def add_values(ciphertexts: Buffer, values: Buffer) -> bytes:
    """Encryptions of the old values plus these: v_i*G added to each second component.

    Args:
        ciphertexts: n x 64 bytes; components may be the identity.
        values: n x 8 bytes, as for ``encrypt``.

    Returns:
        n x 64 bytes. Not re-randomized: whoever has seen the old ciphertext learns the value that was added. To send
        the result, ``add`` an encryption of the values instead.

    Raises:
        ElementError, ValueRangeError: ``index`` says which. LengthError.

    Security: constant time in values.
    """
    return native.add_values(ciphertexts, values)


def sum_columns(ciphertexts: Buffer, columns: int, rows: Buffer | None = None) -> bytes:
    """Add up the columns of a matrix of ciphertexts.

    Args:
        ciphertexts: (n * columns) x 64 bytes, row by row.
        columns: how many a row has, at least one.
        rows: the numbers of the rows to add up, little-endian uint32, in any order; one that is named twice counts
            twice. None for all.

    Returns:
        columns x 64 bytes, encryptions of the sums. Where no row is added up they are all zeros, the identity. Not
        re-randomized.

    Raises:
        ElementError: a component in these rows that is not canonical, or the identity; ``index`` is its ciphertext's.
        LengthError: a ragged matrix, or a row outside it.
    """
    return native.sum_columns(ciphertexts, columns, rows)


def check(ciphertexts: Buffer) -> None:
    """Refuse ciphertexts that are not canonical or have the identity as a component.

    Args:
        ciphertexts: n x 64 bytes as they came from the partner.

    Raises:
        ElementError: ``index`` is the first bad ciphertext's. LengthError.
    """
    native.check_ciphertexts(ciphertexts)


def partial_decryptions(ciphertexts: Buffer, secret_key: bytes) -> bytes:
    """One key holder's part of the decryption: sk times each first component.

    Args:
        ciphertexts: n x 64 bytes.
        secret_key: 32 secret bytes from ``stream_key``; sk is its scalar 0, and ``psi.public_key`` gives sk*G.

    Returns:
        n x 32 bytes.

    Raises:
        ElementError: a first component that is not canonical, or the identity. LengthError, ZeroScalarError.

    Security: constant time in the key. Who gets all key holders' partials of a ciphertext learns its value.
    """
    return native.partial_decryptions(ciphertexts, secret_key)


def open_shares(ciphertexts: Buffer, partials: Sequence[Buffer]) -> bytes:
    """v*G of each ciphertext: its second component less all partial decryptions.

    Args:
        ciphertexts: n x 64 bytes.
        partials: from each key holder n x 32 bytes, whose proofs have been verified.

    Returns:
        n x 32 bytes for ``psi.discrete_log.Table.solve``; the identity, all zeros, for v = 0.

    Raises:
        ElementError: ``index`` says at which ciphertext. LengthError.
    """
    return native.open_shares(ciphertexts, partials)
