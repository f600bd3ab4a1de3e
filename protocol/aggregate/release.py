"""Which figures may be told: the minimum, on the noisy count, and what it hides together with it."""

from __future__ import annotations

from collections.abc import Sequence


def told(counts: Sequence[int], minimum: int) -> tuple[bool, ...]:
    """Which categories may be told.

    A category below the minimum is suppressed. If the suppressed ones together hold less than the minimum, somebody who
    learns the total another way learns of them what the minimum hides; so the smallest of the others is suppressed too,
    until they hold enough or nothing is told (complementary suppression).

    Args:
        counts: with their noise, category by category.
        minimum: the smallest count that may be told; 0 tells every count that is not negative.
    """
    may = [count >= minimum for count in counts]
    while any(may) and not all(may):
        hidden = sum(max(count, 0) for count, tells in zip(counts, may, strict=True) if not tells)
        if hidden >= minimum:
            break
        _, smallest = min((count, place) for place, (count, tells) in enumerate(zip(counts, may, strict=True)) if tells)
        may[smallest] = False
    return tuple(may)


def rounded(count: int, rounding: int) -> int:
    """The nearest multiple of `rounding`, of two equally near ones the higher; 0 leaves a count as it is."""
    return (count + rounding // 2) // rounding * rounding if rounding else count
