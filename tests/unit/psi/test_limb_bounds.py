"""The bounds and constants that the arithmetic on lanes states are those that follow from their definitions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks import double_bounds, limb_bounds

NATIVE = Path(__file__).parents[3] / "native" / "src"


def source(name: str) -> str:
    return (NATIVE / name).read_text()


def rust_constant(name: str) -> tuple[int, ...]:
    """The words or limbs of a constant in the Rust sources."""
    text = source("lanes/constants.rs") + source("lanes/fixed_base.rs")
    found = re.search(rf"const {name}: (?:Constant|\[u64; 5\]) =\s*(?:Constant::new\()?\[(.*?)\]", text, re.DOTALL)
    assert found, name
    return tuple(int(word.replace("_", ""), 16) for word in re.findall(r"0x[0-9a-f_]+", found[1]))


def test_every_bound_holds() -> None:
    largest = limb_bounds.check()
    assert set(largest) == {"product", "square", "multiplier", "factor"}


def test_every_bound_of_doubles_holds() -> None:
    largest = double_bounds.check()
    assert set(largest) == {"product", "square", "multiplier", "small", "factor"}


def test_the_bounds_are_those_of_the_source() -> None:
    text = source("ifma/field.rs")
    assert f"SUM_BITS: u32 = {limb_bounds.SUM_LIMIT.bit_length() - 1};" in text
    assert "(1 << 58) - (1 << 6)" in text and "(1 << 58) - 19 * (1 << 10)" in text


def test_the_bounds_of_doubles_are_those_of_the_source() -> None:
    field, product = source("avx2/field.rs"), source("avx2/product.rs")
    assert f"SUM_BITS: u32 = {double_bounds.SUM_LIMIT.bit_length() - 1};" in field
    assert "FACTOR: i64 = (1 << 50) + (1 << 17);" in field and double_bounds.FACTOR == 2**50 + 2**17
    assert "BIAS: [u64; 5] = times(P, 1 << 9);" in field
    assert "PRODUCT_BIAS: [u64; 5] = times(P, 1 << 7);" in product
    assert "HIGH: f64 = 3.0 * (1u128 << 102) as f64;" in product and double_bounds.HIGH == 3 * 2**102
    assert "LOW: f64 = 3.0 * (1u64 << 51) as f64;" in product and double_bounds.LOW == 3 * 2**51


def test_doubles_part_a_product_exactly() -> None:
    # The two steps of product.rs with doubles themselves; fused multiplications are simulated with integers.
    for a in (double_bounds.FACTOR, 1, 2**50, 3 * 2**48 + 1):
        for b in (double_bounds.FACTOR, -double_bounds.FACTOR, 0, -1, 2**50 - 1):
            high = float(double_bounds.HIGH + a * b)
            assert int(high) % 2**51 == 0
            low = float(a * b + int(float(double_bounds.HIGH + double_bounds.LOW) - high))
            assert int(low) == low
            assert (int(high) - double_bounds.HIGH) + (int(low) - double_bounds.LOW) == a * b


@pytest.mark.parametrize(("name", "expected"), limb_bounds.constants().items())
def test_constants(name: str, expected: tuple[int, ...]) -> None:
    assert rust_constant(name) == expected
