"""Paillier's additive encryption at 3,072 bits, in batches (docs/protocol.md, totals, Paillier).

A ciphertext of v is (1 + v*N) * r^N mod N^2, 768 bytes; products decrypt to sums mod N. Encryption and decryption are
python-paillier's (phe), arithmetic is gmpy2's. Both are in the extra ``paillier`` and imported here alone: nothing may
be called unless ``available()``. phe is used for integers below N, at exponent 0. Nothing draws randomness: keys and r
come from stream keys, so that a session repeats.

Security: variable time, because phe and GMP are. Durations tell of r, of p and q, to whoever measures them: the other
side of a line sees that of whole batches. psi.elgamal has no such limit.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from importlib.util import find_spec
from math import gcd
from typing import TYPE_CHECKING, Any, Final

from psi import dst
from psi.encoding import lp
from psi.errors import ElementError, LengthError, ProofError, PublicKeyError
from psi.masks import EXCESS_BYTES, numbers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MODULUS_BITS: Final = 3_072  # 128 bits of security (NIST SP 800-57 part 1 revision 5, table 2)
MODULUS_BYTES: Final = 384
CIPHERTEXT_BYTES: Final = 2 * MODULUS_BYTES
SECRET_KEY_BYTES: Final = MODULUS_BYTES  # p, then q
VALUE_BYTES: Final = 8  # a little-endian int64
WEIGHT_BYTES: Final = 16  # as in the batch proof (psi.voprf)
PRIME_TESTS: Final = 64  # rounds of Miller and Rabin; FIPS 186-5, table B.1, asks for 4
SMALL_FACTOR: Final = 1 << 16  # as far as a product of all primes costs a tenth of a millisecond to try
EXTRA: Final = ("phe", "gmpy2")


def available() -> bool:
    """Whether the extra ``paillier`` is installed."""
    return all(find_spec(name) is not None for name in EXTRA)


def draw_key(key: bytes) -> bytes:
    """Draw a secret key from a stream key: two primes of half the modulus' bits each, their two highest bits set.

    Args:
        key: 32 secret bytes from ``stream_key``, used for nothing else.

    Returns:
        384 secret bytes: p and q, big-endian.

    Cost: about half a second.
    Spec: FIPS 186-5, appendix A.1.3, without its conditions on p - q, which hold but with a probability of 2^-98.
    """
    import gmpy2

    bits, found = MODULUS_BITS // 2, list[int]()
    with _released():
        for drawn in numbers(key, 1 << 20, bits // 8):
            candidate = drawn | 3 << (bits - 2) | 1
            if gmpy2.is_prime(candidate, PRIME_TESTS) and candidate not in found:
                found.append(candidate)
            if len(found) == 2:
                break
    return b"".join(prime.to_bytes(SECRET_KEY_BYTES // 2, "big") for prime in found)


def modulus(secret_key: bytes) -> bytes:
    """N = p * q, 384 bytes, big-endian."""
    p, q = _primes(secret_key)
    return (p * q).to_bytes(MODULUS_BYTES, "big")


def check_modulus(public_modulus: bytes) -> None:
    """See that a partner's modulus has the form of one: 384 bytes, big-endian.

    Raises:
        PublicKeyError: another length or size, a factor below ``SMALL_FACTOR``, or a prime.

    Security: whether its factors are large, only its owner knows. Who encrypts under it hides its own part by masks.
        A small factor would divide an honest ciphertext now and then, and who made it would be blamed.
    """
    import gmpy2

    n = int.from_bytes(public_modulus, "big")
    fits = len(public_modulus) == MODULUS_BYTES and n.bit_length() == MODULUS_BITS
    if not fits or gmpy2.gcd(n, gmpy2.primorial(SMALL_FACTOR)) != 1 or gmpy2.is_prime(n):
        raise PublicKeyError(f"expected a modulus of {MODULUS_BITS} bits, neither a prime nor with a small factor")


def encrypt(
    values: bytes, public_modulus: bytes, randomness_key: bytes, added: Sequence[bytes], subtracted: Sequence[bytes]
) -> bytes:
    """Encrypt value i plus the i-th number of each key in ``added`` and less that of each in ``subtracted``, mod N.

    Args:
        values: n x 8 bytes, little-endian int64.
        public_modulus: 384 bytes.
        randomness_key: 32 secret bytes from ``stream_key``, used for no other batch.
        added, subtracted: 32 secret bytes each, from ``psi.masks.pair_key``, used for no other batch.

    Returns:
        n x 768 bytes.

    Raises:
        LengthError: values that are not whole.

    Cost: n powers with an exponent of 3,072 bits modulo 6,144 bits, 60 ms each on a current core.
    """
    public, n = _public(public_modulus)
    rows = _ints(values, VALUE_BYTES, "little", signed=True)
    wide = MODULUS_BYTES + EXCESS_BYTES
    plain = rows
    for sign, keys in ((1, added), (-1, subtracted)):
        for key in keys:
            plain = [row + sign * mask for row, mask in zip(plain, numbers(key, len(rows), wide), strict=True)]
    with _released():
        sealed = [
            public.raw_encrypt(row % n, r_value=1 + random % (n - 1))
            for row, random in zip(plain, numbers(randomness_key, len(rows), wide), strict=True)
        ]
    return _pack(sealed)


def check_ciphertexts(public_modulus: bytes, ciphertexts: bytes) -> None:
    """See that a partner's bytes are ciphertexts: above 0, below N^2 and without a factor of N.

    Raises:
        ElementError: the lowest that is none. LengthError: not whole.
    """
    n = int.from_bytes(public_modulus, "big")
    for index, row in enumerate(_ints(ciphertexts, CIPHERTEXT_BYTES, "big")):
        if not 0 < row < n * n or gcd(row, n) != 1:
            raise ElementError(f"ciphertext {index}: expected a unit modulo the square of the modulus", index)


def add_up(public_modulus: bytes, contributions: Sequence[bytes]) -> bytes:
    """The ciphertexts of sums: products of checked contributions, n x 768 bytes each. Returns n x 768 bytes."""
    square = int.from_bytes(public_modulus, "big") ** 2
    sums = _ints(contributions[0], CIPHERTEXT_BYTES, "big")
    for part in contributions[1:]:
        rows = _ints(part, CIPHERTEXT_BYTES, "big")
        sums = [a * b % square for a, b in zip(sums, rows, strict=True)]
    return _pack(sums)


def decrypt(secret_key: bytes, ciphertexts: bytes) -> list[int]:
    """The numbers behind checked ciphertexts, n x 768 bytes, each the one between -N/2 and N/2.

    Cost: n times 15 ms on a current core.
    """
    from phe.paillier import PaillierPrivateKey

    public, n = _public(modulus(secret_key))
    private = PaillierPrivateKey(public, *_primes(secret_key))
    with _released():
        plain = [private.raw_decrypt(row) for row in _ints(ciphertexts, CIPHERTEXT_BYTES, "big")]
    return [row - n if row > n // 2 else row for row in plain]


def prove_opened(secret_key: bytes, context: bytes, ciphertexts: bytes, values: bytes) -> bytes:
    """Prove that ciphertexts hold these values.

    All are joined with random weights: C = prod c_i^d_i and V = sum d_i v_i. C * (1 + N)^-V has an N-th root modulo N^2
    if and only if it holds zero; the proof is that root. A root opens what it is the root of and nothing else, and
    these values are told.

    Args:
        secret_key: 384 bytes.
        context: what the proof is bound to.
        ciphertexts: n x 768 bytes, checked.
        values: n x 8 bytes, little-endian int64, as ``decrypt`` found them.

    Returns:
        384 bytes.

    Spec: docs/protocol.md, proofs and noise.
    """
    import gmpy2

    p, q = _primes(secret_key)
    n = p * q
    joined, _ = _joined(n, context, ciphertexts, values)
    with _released():
        inverse = gmpy2.invert(n, (p - 1) * (q - 1))
        root = int(gmpy2.powmod(joined % n, inverse, n))
    return root.to_bytes(MODULUS_BYTES, "big")


def verify_opened(public_modulus: bytes, context: bytes, ciphertexts: bytes, values: bytes, root: bytes) -> None:
    """Verify what ``prove_opened`` proves; arguments as there, and its 384 bytes.

    Raises:
        ProofError: these are not the values, or not this root. LengthError: buffers that are not whole.

    Security: sound except with probability 2^-128 if N has two large factors and none of them divides the other's less
        one. Who draws a modulus of another kind, and it can, opens its ciphertexts to more than one value.
    Cost: n powers with an exponent of 128 bits, 3 ms each on a current core, and one encryption.
    """
    public, n = _public(public_modulus)
    found = int.from_bytes(root, "big")
    if len(root) != MODULUS_BYTES or not 0 < found < n:
        raise ProofError("expected a root below the modulus")
    joined, total = _joined(n, context, ciphertexts, values)
    with _released():
        again = public.raw_encrypt(total % n, r_value=found)
    if again != joined:
        raise ProofError("expected the values that the ciphertexts hold")


def _joined(n: int, context: bytes, ciphertexts: bytes, values: bytes) -> tuple[int, int]:
    """prod c_i^d_i mod N^2 and sum d_i v_i, d_i from a hash of everything that is claimed."""
    import gmpy2

    rows, claimed = _ints(ciphertexts, CIPHERTEXT_BYTES, "big"), _ints(values, VALUE_BYTES, "little", signed=True)
    if len(rows) != len(claimed):
        raise LengthError(f"values: expected one for each of {len(rows)} ciphertexts, got {len(claimed)}")
    statement = (context, n.to_bytes(MODULUS_BYTES, "big"), hashlib.sha512(ciphertexts).digest(), values)
    seed = hashlib.sha512(lp(dst.OPENED, *statement)).digest()[:32]
    joined, total, square = 1, 0, n * n
    with _released():
        for row, value, weight in zip(rows, claimed, numbers(seed, len(rows), WEIGHT_BYTES), strict=True):
            joined = joined * int(gmpy2.powmod(row, weight, square)) % square
            total += weight * value
    return joined, total


@contextmanager
def _released() -> Iterator[None]:
    """Let other threads run while GMP computes: a batch takes seconds, and the event loop must not wait for it."""
    import gmpy2

    with gmpy2.context(gmpy2.get_context(), allow_release_gil=True):
        yield


def _public(public_modulus: bytes) -> tuple[Any, int]:
    from phe.paillier import PaillierPublicKey

    n = int.from_bytes(public_modulus, "big")
    return PaillierPublicKey(n), n


def _primes(secret_key: bytes) -> tuple[int, int]:
    if len(secret_key) != SECRET_KEY_BYTES:
        raise LengthError(f"secret key: expected {SECRET_KEY_BYTES} bytes, got {len(secret_key)}")
    half = SECRET_KEY_BYTES // 2
    return int.from_bytes(secret_key[:half], "big"), int.from_bytes(secret_key[half:], "big")


def _ints(flat: bytes, row_bytes: int, order: Any, *, signed: bool = False) -> list[int]:
    if len(flat) % row_bytes:
        raise LengthError(f"batch: expected whole rows of {row_bytes} bytes, got {len(flat)} bytes")
    places = range(0, len(flat), row_bytes)
    return [int.from_bytes(flat[place : place + row_bytes], order, signed=signed) for place in places]


def _pack(rows: Sequence[int]) -> bytes:
    return b"".join(row.to_bytes(CIPHERTEXT_BYTES, "big") for row in rows)
