//! Field arithmetic against plain integers, with limbs at their bounds: random values never reach those.

use super::*;
use crate::ifma::vector::LANES;

/// An integer below 2^256, little-endian.
type Wide = [u64; 4];
const P: Wide = [u64::MAX - 18, u64::MAX, u64::MAX, u64::MAX >> 1];

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
        let (difference, first) = sum[k].overflowing_sub(P[k]);
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

/// The sum of limb k * 2^(52 k) mod p
fn value(limbs: [u64; 5]) -> Wide {
    limbs
        .iter()
        .rev()
        .fold([0; 4], |value, &limb| add_mod(mul_mod(value, [1 << 52, 0, 0, 0]), [limb, 0, 0, 0]))
}

fn factor_value(limbs: [u64; 5]) -> Wide {
    let [a, b, c, d, e] = limbs.map(|limb| limb & LIMB_MASK);
    value([a, b, c, d, e])
}

const TOP: u64 = (1 << TOP_BITS) + (1 << 12);

/// Factors with every limb at its bound, around p, and with rubbish above bit 51, which must not count.
const FACTORS: [[u64; 5]; LANES] = [
    [LIMB_MASK, LIMB_MASK, LIMB_MASK, LIMB_MASK, TOP],
    [u64::MAX, u64::MAX, u64::MAX, u64::MAX, TOP],
    [LIMB_MASK - 18, LIMB_MASK, LIMB_MASK, LIMB_MASK, TOP_MASK],
    [LIMB_MASK - 17, LIMB_MASK, LIMB_MASK, LIMB_MASK, TOP_MASK],
    [LIMB_MASK - 19, LIMB_MASK, LIMB_MASK, LIMB_MASK, TOP_MASK],
    [0, 0, 0, 0, 0],
    [0xfff0_0000_0000_0001, 0, LIMB_MASK, 1 << 51, TOP],
    [LIMB_MASK, 0, LIMB_MASK, 0, 1 << TOP_BITS],
];

fn lanes(values: [[u64; 5]; LANES]) -> [Vector; 5] {
    core::array::from_fn(|k| Vector::load(&values.map(|limbs| limbs[k])))
}

fn rotated(by: usize) -> [[u64; 5]; LANES] {
    core::array::from_fn(|lane| FACTORS[(lane + by) % LANES])
}

/// Compares each lane of a factor with what is expected, and checks its bound.
fn assert_lanes(got: Fe, expected: impl Fn(usize) -> Wide) {
    let words = got.to_words().map(Vector::to_array);
    for lane in 0..LANES {
        assert_eq!(words.map(|word| word[lane]), expected(lane), "lane {lane}");
        assert!(got.0[4].to_array()[lane] <= TOP);
    }
}

fn assert_product(got: Sum, expected: impl Fn(usize) -> Wide) {
    for limb in got.0 {
        assert!(limb.to_array().iter().all(|limb| limb >> 59 == 0));
    }
    assert_lanes(got.carry(), expected);
}

fn supported() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512ifma")
}

#[test]
fn factors_are_read_modulo_p_and_below_bit_52() {
    if !supported() {
        return;
    }
    assert_lanes(Fe(lanes(FACTORS)), |lane| factor_value(FACTORS[lane]));
    let zero = Fe(lanes(FACTORS)).is_zero();
    assert_eq!(zero, 0b0010_0100, "p itself and 0");
}

#[test]
fn products_and_squares_at_the_bounds() {
    if !supported() {
        return;
    }
    for by in 0..LANES {
        let (a, b) = (Fe(lanes(FACTORS)), Fe(lanes(rotated(by))));
        let product = |lane: usize| mul_mod(factor_value(FACTORS[lane]), factor_value(rotated(by)[lane]));
        assert_product(a.mul(b), product);
        assert_product(Sum::bias().plus_mul(a, b), product);
        assert_product(Multiplier::new(a).mul(b), product);
    }
    let a = Fe(lanes(FACTORS));
    let square = |lane: usize| mul_mod(factor_value(FACTORS[lane]), factor_value(FACTORS[lane]));
    assert_product(a.square(), square);
    assert_product(a.biased_square(), square);
    for constant in [1, 121_665, 973_324, (1 << 20) - 1] {
        assert_product(Sum::bias().plus_small_mul(constant, a), |lane| {
            mul_mod(factor_value(FACTORS[lane]), [constant, 0, 0, 0])
        });
    }
}

#[test]
fn sums_are_carried_at_the_bounds() {
    if !supported() {
        return;
    }
    let limit = (1 << SUM_BITS) - 1;
    for limbs in
        [[limit; 5], [limit, 0, limit, 0, limit], [0, 0, 0, 0, limit], [limit, limit, limit, limit, 0]]
    {
        assert_lanes(Sum(lanes([limbs; LANES])).carry(), |_| value(limbs));
    }
}

#[test]
fn differences_do_not_wrap() {
    if !supported() {
        return;
    }
    // The largest subtrahend that the bias carries, and the largest product.
    let largest = [(1 << 57) - 64; 5];
    let negative = |limbs| mul_mod(value(limbs), [P[0] - 1, P[1], P[2], P[3]]);
    assert_lanes((Sum::zero() - Sum(lanes([largest; LANES]))).carry(), |_| negative(largest));
    assert_eq!(value(BIAS), [0; 4]);
    let a = Fe(lanes(FACTORS));
    for by in 0..LANES {
        let b = Fe(lanes(rotated(by)));
        assert_lanes(((a.mul(b) - b.square()) - b.mul(a)).carry(), |lane| {
            let b = factor_value(rotated(by)[lane]);
            mul_mod(mul_mod(b, b), [P[0] - 1, P[1], P[2], P[3]])
        });
    }
}

#[test]
fn encodings_are_canonical() {
    if !supported() {
        return;
    }
    let a = Fe(lanes(FACTORS));
    assert_lanes(Fe::from_words(&a.to_words()), |lane| factor_value(FACTORS[lane]));
    let odd: u8 = (0..LANES).map(|lane| ((factor_value(FACTORS[lane])[0] & 1) as u8) << lane).sum();
    assert_eq!(a.is_negative(), odd);
    assert_eq!(a.equals(a), u8::MAX);
    assert_eq!(a.abs().is_negative(), 0);
}
