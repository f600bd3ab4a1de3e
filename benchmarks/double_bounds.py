"""Derives the limb bounds of the AVX2 field arithmetic (native/src/avx2/field.rs and product.rs).

Its products are sums of doubles that must come out exactly, whichever way the processor rounds: every step is followed
with the largest value that each limb can have, of either sign. `python -m benchmarks.double_bounds` prints the bounds.
"""

from __future__ import annotations

from typing import Final

P: Final = 2**255 - 19  # RFC 9496, section 4
LIMB_BITS: Final = 51
FOLD: Final = 19
FACTOR: Final = 2**50 + 2**17  # a limb of a factor, at most, of either sign
SUM_LIMIT: Final = 2**63
PRODUCT_LIMIT: Final = 2**59
HIGH: Final = 3 * 2**102
LOW: Final = 3 * 2**51
DOUBLE: Final = 2**53  # whole numbers up to it are doubles
P_LIMBS: Final = (2**51 - 19, *(2**51 - 1,) * 4)
PRODUCT_BIAS: Final = tuple(limb << 7 for limb in P_LIMBS)
BIAS: Final = tuple(limb << 9 for limb in P_LIMBS)

Limbs = tuple[int, ...]


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise ArithmeticError(f"limb bounds: expected that {what}")


def value(limbs: Limbs) -> int:
    """The integer that limbs stand for."""
    return sum(limb << (LIMB_BITS * index) for index, limb in enumerate(limbs))


def halves(a: int, b: int) -> tuple[int, int]:
    """The largest sizes of a product's two parts, for factors up to a and b: the rest, the multiple of 2^51."""
    _require(HIGH - a * b >= 2**103 and HIGH + a * b <= 2**104, "a sum with HIGH counts in steps of 2^51")
    # Any rounding: the multiple is off by less than one, and what is left over is less than 2^51.
    rest, multiple = 2**51, (a * b >> 51) + 1
    _require(LOW - rest >= 2**52 and LOW + rest <= 2**53, "a sum with LOW counts in steps of one")
    # HIGH + LOW - high is a multiple of 2^51: so many times.
    _require(multiple + LOW // 2**51 < DOUBLE, "what the rest is added to is a double")
    return rest, multiple


def fold(acc: list[int]) -> Limbs:
    """`fold`: the largest limb of a product, given the sizes of its ten accumulators, whose signs are unknown."""
    size = [acc[k] + FOLD * acc[k + 5] for k in range(5)]
    _require(all(size[k] < PRODUCT_BIAS[k] for k in range(5)), "no limb of a product is negative")
    return tuple(size[k] + PRODUCT_BIAS[k] for k in range(5))


def accumulate(products: list[tuple[int, int, int]]) -> Limbs:
    """The largest limbs of a sum of products, each given by its limb and the sizes of its factors."""
    acc = [0] * 10
    for limb, a, b in products:
        rest, multiple = halves(a, b)
        acc[limb] += rest
        acc[limb + 1] += multiple
    return fold(acc)


def carry(sums: Limbs) -> Limbs:
    """`carry`: the sizes of the largest limbs of the factor that it returns."""
    half = 2 ** (LIMB_BITS - 1)
    _require(all(limb < SUM_LIMIT and limb + half < 2**64 for limb in sums), "a sum is within its limit")
    above = [(limb + half) >> LIMB_BITS for limb in sums]
    _require(above[4] < 2**32, "what is folded from the top is a factor of a 32-bit multiplication")
    limbs = tuple(2**51 - 1 + (FOLD * above[4] if k == 0 else above[k - 1]) for k in range(5))
    _require(max(limbs) < 2**52, "a limb leaves the exponent alone")
    return tuple(max(limb - half, half) for limb in limbs)


def check() -> dict[str, Limbs]:
    """Check every bound that field.rs and product.rs state.

    Returns:
        The largest limbs of each kind of result.
    """
    every = [(i, j) for i in range(5) for j in range(5)]
    bounds = {
        "product": accumulate([(i + j, FACTOR, FACTOR) for i, j in every]),
        "square": accumulate([(i + j, FACTOR, FACTOR if i == j else 2 * FACTOR) for i, j in every if i <= j]),
        "multiplier": accumulate([(j, FACTOR, FACTOR) for _, j in every]),
        "small": accumulate([(j, 2**20, FACTOR) for j in range(5)]),
    }
    for name, largest in bounds.items():
        _require(max(largest) < PRODUCT_LIMIT, name)
    for bias in (PRODUCT_BIAS, BIAS):
        _require(value(bias) % P == 0, "a bias is a multiple of p")
    # What is subtracted is at most the sum of two products.
    _require(min(BIAS) >= 2 * PRODUCT_LIMIT - 2**14 and max(BIAS) < 2**60, "the bias's limbs are in range")
    _require(all(2 * max(largest) < min(BIAS) for largest in bounds.values()), "no limb wraps")
    # The longest sums: twice a biased product, with another bias and two more products (Accumulator::add, recover).
    _require(2 * (2**60 + PRODUCT_LIMIT) + 2**60 + 2 * PRODUCT_LIMIT < SUM_LIMIT, "the longest sum")
    bounds["factor"] = carry((SUM_LIMIT - 1,) * 5)
    _require(max(bounds["factor"]) <= FACTOR, "the limbs of a factor")
    # `wide`: a factor and p, from which one conditional subtraction leads to what is canonical.
    size = value((FACTOR,) * 5)
    _require(all(limb >= FACTOR for limb in P_LIMBS), "no limb of a wide factor is negative")
    _require(size < P and P + size < 2 * P, "one conditional subtraction makes a wide factor canonical")
    _require(FACTOR + LOW < DOUBLE and LOW - FACTOR >= 2**52, "a wide factor is read from the bits of a double")
    # Multiplier::new: the wrapped limb of a wide factor.
    _require(FOLD * (FACTOR + 2**51) < SUM_LIMIT, "a row's wrapped limb is one of a sum")
    return bounds


if __name__ == "__main__":
    for name, largest in check().items():
        print(f"{name:12} limbs up to 2^", ", ".join(f"{limb.bit_length()}" for limb in largest))
