"""The bounds and constants that the AVX-512 IFMA arithmetic states are those that follow from their definitions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks import limb_bounds

IFMA = Path(__file__).parents[3] / "native" / "src" / "ifma"


def rust_constant(name: str) -> tuple[int, ...]:
    """The limbs of a constant in the Rust sources."""
    source = "".join((IFMA / file).read_text() for file in ("constants.rs", "fixed_base.rs"))
    found = re.search(rf"const {name}: \[u64; 5\] =\s*\[(.*?)\]", source, re.DOTALL)
    assert found, name
    return tuple(int(limb, 16) for limb in re.findall(r"0x[0-9a-f]+", found[1]))


def test_every_bound_holds() -> None:
    largest = limb_bounds.check()
    assert set(largest) == {"product", "square", "multiplier", "factor"}


def test_the_bounds_are_those_of_the_source() -> None:
    source = (IFMA / "field.rs").read_text()
    assert f"SUM_BITS: u32 = {limb_bounds.SUM_LIMIT.bit_length() - 1};" in source
    assert "(1 << 58) - (1 << 6)" in source and "(1 << 58) - 19 * (1 << 10)" in source


@pytest.mark.parametrize(("name", "expected"), limb_bounds.constants().items())
def test_constants(name: str, expected: tuple[int, ...]) -> None:
    assert rust_constant(name) == expected
