"""Discrete logarithms for simulations, by baby steps and giant steps, without any code of psi.discrete_log.

Up to about 2^24 in absolute value, which is what the tests add up to.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np

from protocol import effects as fx
from protocol.events import Completed, JobFailed
from psi import PsiError, group

STEPS: Final = 1 << 12


@cache
def _baby_steps() -> tuple[dict[bytes, int], bytes]:
    """From 0*G to (STEPS - 1)*G; and STEPS*G, the giant step."""
    steps, element = {}, group.IDENTITY
    for number in range(STEPS):
        steps[element] = number
        element = group.add(element, group.GENERATOR)
    return steps, element


def logarithm(element: bytes, bound: int) -> int | None:
    """v with v*G = element and |v| <= bound, or None."""
    steps, giant = _baby_steps()
    up = down = element  # element - i * STEPS * G and element + i * STEPS * G
    for place in range(min(bound // STEPS + 2, STEPS)):
        if up in steps:
            return _within(bound, place * STEPS + steps[up])
        if down in steps:
            return _within(bound, steps[down] - place * STEPS)
        up, down = group.subtract(up, giant), group.add(down, giant)
    return None


def _within(bound: int, found: int) -> int | None:
    return found if abs(found) <= bound else None


def solve(effect: fx.Solve) -> Completed | JobFailed:
    """What a node's table answers."""
    elements = [effect.elements[start : start + 32] for start in range(0, len(effect.elements), 32)]
    found = [logarithm(element, effect.bound) for element in elements]
    if None in found:
        return JobFailed(effect.token, PsiError("expected a logarithm within the bound, got one outside"))
    return Completed(effect.token, np.array(found, np.int64))
