"""Exact discrete noise for counts and sums: the discrete Laplace distribution of Canonne, Kamath and Steinke.

Canonne, Kamath, Steinke, "The Discrete Gaussian for Differential Privacy" (2020), algorithms 1 and 2, on integers
alone: no floating-point number is near the noise, so its low bits cannot tell the value under it (Mironov 2012). All
randomness is a stream key's: a sample depends on the key and on its own index only, and can be computed again when the
seed is disclosed for an audit.
"""

from __future__ import annotations

from math import gcd
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from psi.errors import KeystreamError, LengthError
from psi.keystream import STREAM_KEY_BYTES

BLOCK_BYTES: Final = 64  # RFC 8439, section 2.3
BLOCKS_PER_SAMPLE: Final = 1 << 12  # a sample needs a handful; sample i has blocks i * 2^12 and on
MAX_SAMPLES: Final = (1 << 32) // BLOCKS_PER_SAMPLE  # RFC 8439, section 2.3: 2^32 blocks
MAX_SENSITIVITY: Final = 1 << 47  # no total is larger (docs/protocol.md, additive ElGamal)
MAX_EPSILON_MILLIS: Final = 1 << 32
_REFILL_BLOCKS: Final = 4
_LN_2_MILLIONTHS: Final = 693_148  # ln 2 = 0.693147..., rounded up


def discrete_laplace(key: bytes, first: int, count: int, sensitivity: int, epsilon_millis: int) -> tuple[int, ...]:
    """Samples ``first`` to ``first + count`` of a stream key: P(x) ~ exp(-|x| * epsilon / sensitivity).

    Adding one to an integer result whose neighbours differ by at most ``sensitivity`` makes it epsilon-differentially
    private.

    Args:
        key: 32 secret bytes from ``stream_key``, used for nothing else.
        first: the index of the first sample, so that each value of a session has noise of its own.
        sensitivity: how far one person can move the result, at least 1.
        epsilon_millis: epsilon in thousandths, at least 1.

    Returns:
        ``count`` integers, secret.

    Raises:
        LengthError: a key that is not 32 bytes long, or a number outside its range.
        KeystreamError: more than 2^20 samples, or, with a probability far below 2^-128, one that uses up its range.

    Security: variable time. Duration and noise are related, so draw noise before its answer is due, never
        between a partner's message and the reply to it.
    Cost: about 20 us a sample.
    Spec: docs/protocol.md, proofs and noise.
    """
    numerator, denominator = _scale(sensitivity, epsilon_millis)
    if len(key) != STREAM_KEY_BYTES:
        raise LengthError(f"stream key: expected {STREAM_KEY_BYTES} bytes, got {len(key)}")
    if first < 0 or count < 0:
        raise LengthError("samples: expected an index and a count that are not negative")
    if first + count > MAX_SAMPLES:
        raise KeystreamError(f"expected an index range within {MAX_SAMPLES} samples of one stream key")
    return tuple(_sample(_Coins(key, index), numerator, denominator) for index in range(first, first + count))


def noise_tail(sensitivity: int, epsilon_millis: int, probability_bits: int = 64) -> int:
    """A bound that one sample's absolute value exceeds with a probability of at most 2^-``probability_bits``.

    For the check that a total and its noise stay in range. Rounded up, by less than one in a million and one.

    Raises:
        LengthError: a number outside its range.
    """
    numerator, denominator = _scale(sensitivity, epsilon_millis)
    if probability_bits < 0:
        raise LengthError(f"probability: expected bits of at least 0, got {probability_bits}")
    # P(|X| > m) = 2 e^(-(m + 1) / scale) / (1 + e^(-1 / scale)) < 2 e^(-(m + 1) / scale)
    return -(-(probability_bits + 1) * _LN_2_MILLIONTHS * numerator // (1_000_000 * denominator))


def _scale(sensitivity: int, epsilon_millis: int) -> tuple[int, int]:
    """sensitivity / epsilon in lowest terms."""
    if not 1 <= sensitivity <= MAX_SENSITIVITY:
        raise LengthError(f"sensitivity: expected 1 to {MAX_SENSITIVITY}, got {sensitivity}")
    if not 1 <= epsilon_millis <= MAX_EPSILON_MILLIS:
        raise LengthError(f"epsilon: expected 1 to {MAX_EPSILON_MILLIS} thousandths, got {epsilon_millis}")
    common = gcd(1000 * sensitivity, epsilon_millis)
    return 1000 * sensitivity // common, epsilon_millis // common


class _Coins:
    """The random bits of one sample: its own ChaCha20 blocks, in order, least significant bit first."""

    def __init__(self, key: bytes, index: int) -> None:
        counter = (index * BLOCKS_PER_SAMPLE).to_bytes(4, "little")
        self._stream = Cipher(ChaCha20(key, counter + bytes(12)), mode=None).encryptor()
        self._blocks_left = BLOCKS_PER_SAMPLE
        self._pool = self._pool_bits = 0

    def below(self, bound: int) -> int:
        """Uniform in 0 to ``bound`` - 1: draw as many bits as ``bound`` - 1 has, until they are below."""
        bits = (bound - 1).bit_length()
        while (drawn := self._draw(bits)) >= bound:
            pass
        return drawn

    def decays(self, numerator: int, denominator: int) -> bool:
        """True with probability exp(-numerator / denominator), a number of 0 to 1 (algorithm 1)."""
        # K <- 1; while A ~ Bernoulli(gamma / K) is 1: K <- K + 1; return K mod 2
        k = 1
        while self.below(denominator * k) < numerator:
            k += 1
        return k % 2 == 1

    def _draw(self, bits: int) -> int:
        while self._pool_bits < bits:
            if self._blocks_left == 0:
                raise KeystreamError("expected a sample within its part of the stream")
            self._blocks_left -= _REFILL_BLOCKS
            fresh = int.from_bytes(self._stream.update(bytes(BLOCK_BYTES * _REFILL_BLOCKS)), "little")
            self._pool |= fresh << self._pool_bits
            self._pool_bits += 8 * BLOCK_BYTES * _REFILL_BLOCKS
        drawn = self._pool & ((1 << bits) - 1)
        self._pool >>= bits
        self._pool_bits -= bits
        return drawn


def _sample(coins: _Coins, t: int, s: int) -> int:
    """One sample of scale t / s (algorithm 2)."""
    while True:
        # U uniform in 0 to t - 1; D ~ Bernoulli(exp(-U / t)); reject if D is 0
        u = coins.below(t)
        if not coins.decays(u, t):
            continue
        # V ~ Geometric(1 - exp(-1)); X <- U + t * V; Y <- floor(X / s)
        v = sum(1 for _ in iter(lambda: coins.decays(1, 1), False))
        y = (u + t * v) // s
        # B ~ Bernoulli(1/2); reject if B is 1 and Y is 0; return (1 - 2 * B) * Y
        negative = coins.below(2) == 1
        if not (negative and y == 0):
            return -y if negative else y
