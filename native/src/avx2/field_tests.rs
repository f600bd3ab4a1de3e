//! Field arithmetic against plain integers, with limbs at their bounds: random values never reach those.

use std::arch::asm;
use std::hint::black_box;

use super::*;
use crate::avx2::is_supported;
use crate::avx2::product::PRODUCT_BIAS;
use crate::avx2::vector::{ALL, LANES};

/// An integer below 2^256, little-endian.
type Wide = [u64; 4];
const MODULUS: Wide = [u64::MAX - 18, u64::MAX, u64::MAX, u64::MAX >> 1];

/// a + b mod p, for a, b < p
fn add_mod(a: Wide, b: Wide) -> Wide {
    let (mut sum, mut carry) = ([0; 4], 0u128);
    for k in 0..4 {
        carry += u128::from(a[k]) + u128::from(b[k]);
        sum[k] = carry as u64;
        carry >>= 64;
    }
    let (mut less, mut borrow) = (sum, false);
    for k in 0..4 {
        let (difference, first) = sum[k].overflowing_sub(MODULUS[k]);
        let (difference, second) = difference.overflowing_sub(u64::from(borrow));
        (less[k], borrow) = (difference, first | second);
    }
    if borrow { sum } else { less }
}

/// a * b mod p by doubling and adding
fn mul_mod(a: Wide, b: Wide) -> Wide {
    (0..256).rev().fold([0; 4], |product, bit| {
        let doubled = add_mod(product, product);
        if b[bit / 64] >> (bit % 64) & 1 == 1 { add_mod(doubled, a) } else { doubled }
    })
}

/// The sum of limb k * 2^(51 k) mod p
fn value(limbs: [u64; 5]) -> Wide {
    limbs
        .iter()
        .rev()
        .fold([0; 4], |value, &limb| add_mod(mul_mod(value, [1 << 51, 0, 0, 0]), [limb, 0, 0, 0]))
}

fn minus(a: Wide) -> Wide {
    mul_mod(a, [MODULUS[0] - 1, MODULUS[1], MODULUS[2], MODULUS[3]])
}

fn factor_value(limbs: [i64; 5]) -> Wide {
    add_mod(
        value(limbs.map(|limb| limb.max(0) as u64)),
        minus(value(limbs.map(|limb| (-limb).max(0) as u64))),
    )
}

/// Factors with every limb at its bound, of either sign, and around p and its half.
const FACTORS: [[i64; 5]; 12] = [
    [FACTOR; 5],
    [-FACTOR; 5],
    [FACTOR, -FACTOR, FACTOR, -FACTOR, FACTOR],
    [-FACTOR, FACTOR, -FACTOR, FACTOR, -FACTOR],
    [0; 5],
    [-1, 0, 0, 0, 0],
    [1, 0, 0, 0, 0],
    // (p - 1) / 2 and (p + 1) / 2, in limbs of either sign.
    [-10, 0, 0, 0, 1 << 50],
    [-9, 0, 0, 0, 1 << 50],
    [10, 0, 0, 0, -(1 << 50)],
    [(1 << 50) - 1, 1 << 50, -(1 << 50), 1, FACTOR],
    [FACTOR, 0, 0, 0, -FACTOR],
];

fn factors(first: usize) -> [[i64; 5]; LANES] {
    core::array::from_fn(|lane| FACTORS[(first + lane) % FACTORS.len()])
}

fn fe(values: [[i64; 5]; LANES]) -> Fe {
    Fe(core::array::from_fn(|k| Vector::load(&values.map(|limbs| (limbs[k] as f64).to_bits()))))
}

fn sum(values: [[u64; 5]; LANES]) -> Sum {
    Sum(core::array::from_fn(|k| Vector::load(&values.map(|limbs| limbs[k]))))
}

/// Compares each lane of a factor with what is expected, and checks its bounds.
fn assert_lanes(got: Fe, expected: impl Fn(usize) -> Wide) {
    got.assert_bounds();
    let words = got.to_words().map(Vector::to_array);
    for lane in 0..LANES {
        assert_eq!(words.map(|word| word[lane]), expected(lane), "lane {lane}");
    }
}

/// A product of `biased`, whether it started from the large bias or not, has limbs below 2^59.
fn assert_product(got: Sum, biased: bool, expected: impl Fn(usize) -> Wide) {
    let product = if biased { got.less(Sum::bias()) } else { got };
    for limb in product.0 {
        assert!(limb.to_array().iter().all(|limb| limb >> 59 == 0));
    }
    assert_lanes(got.carry(), expected);
}

#[test]
fn factors_are_read_modulo_p() {
    if !is_supported() {
        return;
    }
    for first in 0..FACTORS.len() {
        let values = factors(first);
        assert_lanes(fe(values), |lane| factor_value(values[lane]));
        for lane in 0..LANES {
            let zero = factor_value(values[lane]) == [0; 4];
            assert_eq!(fe(values).is_zero() >> lane & 1 == 1, zero);
        }
    }
    // p, as words that nothing has reduced yet.
    let p = MODULUS.map(Vector::splat);
    assert_eq!(Fe::from_words(&p).is_zero(), ALL);
}

#[test]
fn products_and_squares_at_the_bounds() {
    if !is_supported() {
        return;
    }
    for first in 0..FACTORS.len() {
        let values = factors(first);
        let a = fe(values);
        for by in 0..FACTORS.len() {
            let others = factors(first + by);
            let b = fe(others);
            let product = |lane: usize| mul_mod(factor_value(values[lane]), factor_value(others[lane]));
            assert_product(a.mul(b), false, product);
            assert_product(Sum::bias().plus_mul(a, b), true, product);
            assert_product(Multiplier::new(a).mul(b), false, product);
        }
        let square = |lane: usize| mul_mod(factor_value(values[lane]), factor_value(values[lane]));
        assert_product(a.square(), false, square);
        assert_product(a.biased_square(), true, square);
        for constant in [1, 121_665, 973_324, (1 << 20) - 1] {
            assert_product(Sum::bias().plus_small_mul(constant, a), true, |lane| {
                mul_mod(factor_value(values[lane]), [constant, 0, 0, 0])
            });
        }
    }
}

#[test]
fn sums_are_carried_at_the_bounds() {
    if !is_supported() {
        return;
    }
    let limit = (1 << SUM_BITS) - 1;
    for limbs in [
        [limit; 5],
        [limit, 0, limit, 0, limit],
        [0, 0, 0, 0, limit],
        [limit, limit, limit, limit, 0],
        [0; 5],
    ] {
        assert_lanes(sum([limbs; LANES]).carry(), |_| value(limbs));
    }
}

#[test]
fn differences_do_not_wrap() {
    if !is_supported() {
        return;
    }
    // The largest subtrahend that the bias carries, and the largest product.
    let largest = [(1 << 60) - (1 << 14); 5];
    assert_lanes((Sum::zero() - sum([largest; LANES])).carry(), |_| minus(value(largest)));
    assert_eq!(value(BIAS), [0; 4]);
    assert_eq!(value(PRODUCT_BIAS), [0; 4]);
    for first in 0..FACTORS.len() {
        let values = factors(first);
        let a = fe(values);
        for by in 0..FACTORS.len() {
            let others = factors(first + by);
            let b = fe(others);
            let square = |lane: usize| mul_mod(factor_value(others[lane]), factor_value(others[lane]));
            assert_lanes(((a.mul(b) - b.square()) - b.mul(a)).carry(), |lane| minus(square(lane)));
            assert_lanes((a.wide() - b.wide()).carry(), |lane| {
                add_mod(factor_value(values[lane]), minus(factor_value(others[lane])))
            });
        }
        assert_lanes(a.negate(), |lane| minus(factor_value(values[lane])));
    }
}

#[test]
fn encodings_are_canonical() {
    if !is_supported() {
        return;
    }
    for first in 0..FACTORS.len() {
        let values = factors(first);
        let a = fe(values);
        assert_lanes(Fe::from_words(&a.to_words()), |lane| factor_value(values[lane]));
        let odd: u8 = (0..LANES).map(|lane| ((factor_value(values[lane])[0] & 1) as u8) << lane).sum();
        assert_eq!(a.is_negative(), odd);
        assert_eq!(a.equals(a), ALL);
        assert_eq!(a.abs().is_negative(), 0);
    }
}

/// Runs `work` with this content of MXCSR, as another library of the process may have left it.
fn under(mxcsr: u32, work: fn()) {
    let mut before = 0u32;
    // SAFETY: reads and sets the calling thread's register, with no exception unmasked; what it was is put back. What the
    // language does not promise, arithmetic in between that the compiler has not computed before, is what is tested.
    unsafe {
        asm!("stmxcsr [{}]", in(reg) &raw mut before);
        asm!("ldmxcsr [{}]", in(reg) &raw const mxcsr);
    }
    black_box(work)();
    // SAFETY: as above.
    unsafe { asm!("ldmxcsr [{}]", in(reg) &raw const before) };
}

/// All exceptions masked; two bits of rounding mode; subnormal results, and subnormal operands, taken for zero.
#[test]
fn results_depend_on_no_mode() {
    const MASKED: u32 = 0x1f80;
    const FLUSH: u32 = 1 << 15 | 1 << 6;
    for rounding in 0..4 {
        for mode in [MASKED | rounding << 13, MASKED | rounding << 13 | FLUSH] {
            under(mode, factors_are_read_modulo_p);
            under(mode, products_and_squares_at_the_bounds);
            under(mode, sums_are_carried_at_the_bounds);
            under(mode, differences_do_not_wrap);
            under(mode, encodings_are_canonical);
        }
    }
}
