"""The sampler's distribution: exactly, by weighing every path; at large, against the formula and against OpenDP."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import opendp.prelude as dp
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from psi import noise
from psi.errors import KeystreamError, LengthError
from psi.noise import discrete_laplace, noise_tail

KEY = bytes(range(32))
SIGNIFICANT = 1e-9  # a right sampler fails one of these comparisons once in a billion draws; ours are fixed


class Scripted:
    """Coins that fall as a script says; past its end they ask for more."""

    class MoreError(Exception):
        def __init__(self, bound: int) -> None:
            self.bound = bound

    def __init__(self, script: list[int]) -> None:
        self._script = iter(script)

    def below(self, bound: int) -> int:
        if bound == 1:
            return 0
        drawn = next(self._script, None)
        if drawn is None:
            raise self.MoreError(bound)
        return drawn

    decays = noise._Coins.decays


def weigh(run: Callable[[Any], object], least: float) -> tuple[dict[object, Fraction], Fraction]:
    """The exact probability of each outcome over all paths no rarer than `least`, and that of all the others."""
    found: dict[object, Fraction] = {}
    rest = Fraction(0)
    paths: list[tuple[list[int], Fraction]] = [([], Fraction(1))]
    while paths:
        script, probability = paths.pop()
        if probability < least:
            rest += probability
            continue
        try:
            outcome = run(Scripted(script))
        except Scripted.MoreError as more:
            paths += [([*script, drawn], probability / more.bound) for drawn in range(more.bound)]
        else:
            found[outcome] = found.get(outcome, Fraction(0)) + probability
    return found, rest


def probability(x: int, sensitivity: int, epsilon_millis: int) -> float:
    decay = math.exp(-epsilon_millis / 1000 / sensitivity)
    return (1 - decay) / (1 + decay) * decay ** abs(x)


def survival_of_chi_square(statistic: float, degrees: int) -> float:
    """By Wilson and Hilferty's cube root; good to a few per cent far into the tail."""
    z = ((statistic / degrees) ** (1 / 3) - (1 - 2 / (9 * degrees))) / math.sqrt(2 / (9 * degrees))
    return 0.5 * math.erfc(z / math.sqrt(2))


@pytest.mark.parametrize(("numerator", "denominator"), [(0, 1), (1, 1), (1, 2), (2, 3), (3, 7), (1, 1000)])
def test_the_coin_has_exactly_the_exponential_probability(numerator: int, denominator: int) -> None:
    found, rest = weigh(lambda coins: coins.decays(numerator, denominator), 1e-9)
    expected = math.exp(-numerator / denominator)
    assert float(found.get(True, Fraction(0))) <= expected + 1e-12
    assert float(found.get(True, Fraction(0)) + rest) >= expected - 1e-12
    assert rest < 1e-4


@pytest.mark.parametrize(("t", "s"), [(1, 1), (2, 1), (1, 2)])
def test_a_sample_has_exactly_the_probability_of_the_formula(t: int, s: int) -> None:
    found, rest = weigh(lambda coins: noise._sample(coins, t, s), 2e-6)
    assert rest < 0.1
    for x in range(-4, 5):
        # What is weighed is a part of the truth, what is not weighed at most the rest of it.
        least = float(found.get(x, Fraction(0)))
        decay = math.exp(-s / t)
        truth = (1 - decay) / (1 + decay) * decay ** abs(x)
        assert least <= truth + 1e-12
        assert truth <= least + float(rest)
    # Rejection and truncation treat a value and its opposite alike.
    assert all(found.get(x) == found.get(-x) for x in range(1, 6))


@pytest.mark.parametrize(
    ("sensitivity", "epsilon_millis", "count"),
    [(1, 1000, 10_000), (1, 100, 10_000), (3, 7000, 10_000), (50, 333, 10_000)],
)
def test_many_samples_fit_the_formula(sensitivity: int, epsilon_millis: int, count: int) -> None:
    drawn = Counter(discrete_laplace(KEY, 0, count, sensitivity, epsilon_millis))
    bins = [x for x in range(-2000, 2001) if count * probability(x, sensitivity, epsilon_millis) >= 8]
    observed = [*(drawn[x] for x in bins), count - sum(drawn[x] for x in bins)]
    weights = [probability(x, sensitivity, epsilon_millis) for x in bins]
    expected = [*(count * weight for weight in weights), count * (1 - math.fsum(weights))]
    statistic = math.fsum((o - e) ** 2 / e for o, e in zip(observed, expected, strict=True) if e > 1)
    assert survival_of_chi_square(statistic, len(bins)) > SIGNIFICANT


@pytest.mark.parametrize(("sensitivity", "epsilon_millis"), [(1, 500), (10, 1500)])
def test_samples_are_distributed_as_those_of_opendp(sensitivity: int, epsilon_millis: int) -> None:
    """Kolmogorov and Smirnov's test of two samples."""
    dp.enable_features("contrib")
    scale = sensitivity * 1000 / epsilon_millis
    space = dp.vector_domain(dp.atom_domain(T="i64")), dp.l1_distance(T="i64")
    mechanism = dp.m.make_laplace(*space, scale=scale)
    assert mechanism.map(sensitivity) == pytest.approx(epsilon_millis / 1000)
    count = 10_000
    ours, theirs = (
        Counter(discrete_laplace(KEY, 0, count, sensitivity, epsilon_millis)),
        Counter(mechanism([0] * count)),
    )
    gap = widest = 0
    for x in sorted(ours | theirs):
        gap += ours[x] - theirs[x]
        widest = max(widest, abs(gap))
    # P(sup > d) is about 2 exp(-2 d^2 n m / (n + m)), and less for a discrete distribution
    assert 2 * math.exp(-((widest / count) ** 2) * count) > SIGNIFICANT


def test_a_sample_depends_on_its_key_and_index_only() -> None:
    whole = discrete_laplace(KEY, 0, 50, 10, 1000)
    assert whole == discrete_laplace(KEY, 0, 13, 10, 1000) + discrete_laplace(KEY, 13, 37, 10, 1000)
    assert whole != discrete_laplace(KEY, 1, 50, 10, 1000)
    assert whole != discrete_laplace(b"\1" + KEY[1:], 0, 50, 10, 1000)
    assert discrete_laplace(KEY, 7, 0, 1, 1) == ()


def test_samples_never_share_blocks_and_the_last_one_is_in_the_stream() -> None:
    assert len(discrete_laplace(KEY, noise.MAX_SAMPLES - 1, 1, 1, 1000)) == 1
    with pytest.raises(KeystreamError):
        discrete_laplace(KEY, noise.MAX_SAMPLES - 1, 2, 1, 1000)
    coins = noise._Coins(KEY, 3)
    with pytest.raises(KeystreamError):
        for _ in range(noise.BLOCKS_PER_SAMPLE * noise.BLOCK_BYTES + 1):
            coins.below(256)


def test_the_bits_of_a_sample_are_its_blocks_of_the_stream() -> None:
    counter = (3 * noise.BLOCKS_PER_SAMPLE).to_bytes(4, "little")
    stream = Cipher(ChaCha20(KEY, counter + bytes(12)), mode=None).encryptor().update(bytes(1000))
    coins = noise._Coins(KEY, 3)
    assert bytes(coins.below(256) for _ in range(1000)) == stream


@pytest.mark.parametrize(
    ("sensitivity", "epsilon_millis"), [(0, 1), (1, 0), (-1, 1000), (1, -5), (2**47 + 1, 1), (1, 2**32 + 1)]
)
def test_refuses_terms_outside_their_range(sensitivity: int, epsilon_millis: int) -> None:
    with pytest.raises(LengthError):
        discrete_laplace(KEY, 0, 1, sensitivity, epsilon_millis)
    with pytest.raises(LengthError):
        noise_tail(sensitivity, epsilon_millis)


@pytest.mark.parametrize(("key", "first", "count"), [(bytes(31), 0, 1), (KEY, -1, 1), (KEY, 0, -1)])
def test_refuses_keys_and_ranges_that_are_none(key: bytes, first: int, count: int) -> None:
    with pytest.raises(LengthError):
        discrete_laplace(key, first, count, 1, 1000)


@pytest.mark.parametrize(("sensitivity", "epsilon_millis"), [(1, 1), (1, 1000), (1, 10**6), (10**9, 7), (2**47, 1)])
@pytest.mark.parametrize("bits", [1, 20, 64])
def test_the_tail_is_rare_enough_and_hardly_rarer(sensitivity: int, epsilon_millis: int, bits: int) -> None:
    bound = noise_tail(sensitivity, epsilon_millis, bits)
    rate = epsilon_millis / 1000 / sensitivity
    log2_beyond = 1 - ((bound + 1) * rate + math.log1p(math.exp(-rate))) / math.log(2)
    assert log2_beyond <= -bits
    assert log2_beyond >= -bits - 1.001 - 2 * rate / math.log(2)
