"""Derives the limb bounds and the constants of the AVX-512 IFMA field arithmetic (native/src/ifma/field.rs).

Every step of that file is followed with the largest value that each limb can have; an assertion says what must hold for
the 52-bit multiplier and the 64-bit lanes. `python -m benchmarks.limb_bounds` prints the bounds.
"""

from __future__ import annotations

from typing import Final

P: Final = 2**255 - 19  # RFC 9496, section 4
ORDER: Final = 2**252 + 27742317777372353535851937790883648493  # RFC 9496, section 4.4
LIMB_BITS: Final = 52
TOP_BITS: Final = 255 - 4 * LIMB_BITS
LIMB: Final = 2**LIMB_BITS - 1  # what the multiplier sees of a limb, at most
TOP: Final = 2**TOP_BITS + 2**12  # the top limb of a factor, at most
FACTOR: Final = (LIMB, LIMB, LIMB, LIMB, TOP)
SUM_LIMIT: Final = 2**62
PRODUCT_LIMIT: Final = 2**56
LANE: Final = 2**64
# 2^10 * p with each limb between 2^57 - 2^6 and 2^58
BIAS: Final = (2**58 - 19 * 2**10, *(2**58 - 2**6,) * 3, 2**57 - 2**6)

Limbs = tuple[int, ...]


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise ArithmeticError(f"limb bounds: expected that {what}")


def value(limbs: Limbs) -> int:
    """The integer that limbs stand for."""
    return sum(limb << (LIMB_BITS * index) for index, limb in enumerate(limbs))


def limbs(integer: int) -> Limbs:
    """The five canonical limbs of an integer below 2^260."""
    return tuple(integer >> (LIMB_BITS * index) & LIMB for index in range(5))


def words(integer: int) -> Limbs:
    """The four 64-bit words of an integer below 2^256."""
    return tuple(integer >> (64 * index) & (LANE - 1) for index in range(4))


def halves(a: int, b: int) -> tuple[int, int]:
    """The largest low and high half of a product of two limbs up to a and b."""
    return min(LIMB, a * b), a * b >> LIMB_BITS


def fold(acc: list[int]) -> Limbs:
    """`fold`: the upper five limbs count 608 times."""
    for index in range(5, 9):
        _require(acc[index] < LANE, "an accumulator fits into its lane")
        acc[index + 1] += acc[index] >> LIMB_BITS
    result = acc[:5]
    for index in range(5, 9):
        low, high = halves(LIMB, 608)
        result[index - 5] += low
        result[index - 4] += high
    _require(acc[9] * 608 < 2**LIMB_BITS, "limb 9 has no high half after folding")
    result[4] += acc[9] * 608
    return tuple(result)


def product() -> Limbs:
    """`plus_mul` onto zero, with the largest factors."""
    acc = [0] * 10
    for i, a in enumerate(FACTOR):
        for j, b in enumerate(FACTOR):
            low, high = halves(a, b)
            acc[i + j] += low
            acc[i + j + 1] += high
    return fold(acc)


def square() -> Limbs:
    """`square_onto` zero, with the largest factor."""
    acc = [0] * 10
    for i in range(3):
        for j in range(i + 1, 4):
            low, high = halves(FACTOR[i], FACTOR[j])
            acc[i + j] += low
            acc[i + j + 1] += high
    acc[1:7] = [2 * limb for limb in acc[1:7]]
    _require(2 * TOP < 2**LIMB_BITS, "the top limb may be doubled before it is multiplied")
    for i in range(4):
        for position, (low, high) in ((2 * i, halves(LIMB, LIMB)), (i + 4, halves(LIMB, 2 * TOP))):
            acc[position] += low
            acc[position + 1] += high
    low, high = halves(TOP, TOP)
    acc[8] += low
    acc[9] += high
    return fold(acc)


def multiplier() -> Limbs:
    """`Multiplier::mul`: rows are factors, only one accumulator is folded."""
    acc = [0] * 6
    for a in FACTOR:
        for j, b in enumerate(FACTOR):
            low, high = halves(a, b)
            acc[j] += low
            acc[j + 1] += high
    _require(acc[5] < 2**LIMB_BITS, "the accumulator that is folded is a limb")
    low, high = halves(acc[5], 608)
    return acc[0] + low, acc[1] + high, *acc[2:5]


def carry(sums: Limbs) -> Limbs:
    """`carry`: the largest factor that it returns; limbs 0 to 3 may be anything, since only 52 bits of them count."""
    _require(all(limb <= SUM_LIMIT for limb in sums), "a sum is within its limit")
    top = sums[4] >> TOP_BITS
    _require(top * 19 < 2**LIMB_BITS, "what is folded from the top is a limb")
    running = sums[0] + top * 19
    for limb in sums[1:4]:
        _require(running < LANE, "a running carry fits into its lane")
        running = limb + (running >> LIMB_BITS)
    return LIMB, LIMB, LIMB, LIMB, 2**TOP_BITS - 1 + (running >> LIMB_BITS)


def check() -> dict[str, Limbs]:
    """Check every bound that field.rs states.

    Returns:
        The largest limbs of each kind of result.
    """
    bounds = {"product": product(), "square": square(), "multiplier": multiplier()}
    for name, largest in bounds.items():
        _require(max(largest) < PRODUCT_LIMIT, name)
    _require(value(BIAS) == 2**10 * P, "the bias is a multiple of p")
    # What is subtracted is at most the sum of two products.
    _require(all(2 * PRODUCT_LIMIT - 2**6 <= bias < 2**58 for bias in BIAS), "the bias's limbs are in range")
    _require(all(2 * max(largest) < min(BIAS) for largest in bounds.values()), "no limb wraps")
    # The longest sums: twice a biased product, with another bias and two more products (Accumulator::add, recover).
    _require(2 * (2**58 + PRODUCT_LIMIT) + 2**58 + 2 * PRODUCT_LIMIT < SUM_LIMIT, "the longest sum")
    bounds["factor"] = carry((SUM_LIMIT,) * 5)
    _require(bounds["factor"][4] <= TOP, "the top limb of a factor")
    _require(value(bounds["factor"]) < 2 * P, "one conditional subtraction makes a factor canonical")
    return bounds


def constants() -> dict[str, Limbs]:
    """The constants of native/src/lanes, from their definitions: of the curve as words, of scalars as limbs."""

    def root(square: int) -> int:
        candidate = pow(square, (P + 3) // 8, P)
        if candidate * candidate % P != square % P:
            candidate = candidate * pow(2, (P - 1) // 4, P) % P
        _require(candidate * candidate % P == square % P, "a square")
        return min(candidate, P - candidate, key=lambda value: value & 1)

    d = -121665 * pow(121666, -1, P) % P
    c = root(-486664)
    odd_digits = (2**258 - 1) * pow(2, -1, ORDER) % ORDER
    return {
        "D": words(d),
        "TWO_D": words(2 * d % P),
        "SQRT_M1": words(root(-1)),
        # RFC 9496, section 4.1, prints which of the two roots it means: an odd and an even one.
        "SQRT_AD_MINUS_ONE": words(P - root(-d - 1)),
        "INVSQRT_A_MINUS_D": words(root(pow(-d - 1, -1, P))),
        "ONE_MINUS_D_SQ": words((1 - d * d) % P),
        "D_MINUS_ONE_SQ": words((d - 1) ** 2 % P),
        "MONTGOMERY_C": words(c),
        "ORDER": limbs(ORDER),
        "ALL_DIGITS_ODD": limbs(4 * odd_digits),
    }


if __name__ == "__main__":
    for name, largest in check().items():
        print(f"{name:12} limbs up to 2^", ", ".join(f"{limb.bit_length()}" for limb in largest))
