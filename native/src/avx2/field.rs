//! Arithmetic modulo p = 2^255 - 19 on four lanes.
//!
//! AVX2 multiplies 32-bit integers, but 53-bit doubles: with one rounding for a product and a sum, 2^51 * h = a * b rounded to
//! a multiple of 2^51, and then the rest a * b - 2^51 * h, come out exactly. Both are read as integers from the bits of
//! a double, whose exponent a large constant fixes. Hence radix 2^51, so that h falls on a limb boundary, and two types:
//!
//! - [`Fe`], a factor. Value: the sum over k of limb k * 2^(51 k). The limbs are doubles, whole and of either sign, none
//!   larger than [`FACTOR`].
//! - [`Sum`], an unreduced result. Value: the sum over k of limb k * 2^(51 k), the limbs being integers from 0 to below
//!   2^[`SUM_BITS`]. Sums are added and subtracted limb by limb; one [`Sum::carry`] turns the outcome into a factor.
//!
//! Nothing depends on the rounding mode: whichever way h is rounded, the rest makes up for it. No value is subnormal, infinite or
//! not a number, so flags that take subnormals for zero change nothing either. benchmarks/double_bounds.py derives every bound
//! named here; debug builds assert them.

use zeroize::DefaultIsZeroes;

pub use super::product::Multiplier;
use super::product::{self, LOW};
use super::vector::Vector;

pub const LIMB_BITS: u32 = 51;
const LIMB_MASK: u64 = (1 << LIMB_BITS) - 1;
/// 2^255 = 19 mod p.
pub const FOLD: u64 = 19;
/// No limb of a factor is larger.
pub const FACTOR: i64 = (1 << 50) + (1 << 17);
/// No limb of a sum may reach 2^63.
pub const SUM_BITS: u32 = 63;

/// p, each limb but the lowest full.
pub const P: [u64; 5] = [LIMB_MASK - 18, LIMB_MASK, LIMB_MASK, LIMB_MASK, LIMB_MASK];

pub const fn times(limbs: [u64; 5], factor: u64) -> [u64; 5] {
    let [a, b, c, d, e] = limbs;
    [a * factor, b * factor, c * factor, d * factor, e * factor]
}

/// 2^9 * p, limbs just below 2^60: added before a subtraction, so that no limb goes below zero as long as those of the
/// subtrahend stay below 2^60 - 2^14.
pub const BIAS: [u64; 5] = times(P, 1 << 9);

/// A value below p, as limbs.
#[derive(Clone, Copy)]
pub struct Constant([u64; 5]);

impl Constant {
    pub const ONE: Self = Self::new([1, 0, 0, 0]);

    /// From little-endian words.
    pub const fn new([a, b, c, d]: [u64; 4]) -> Self {
        let mut limbs = [
            (a & LIMB_MASK) as i64,
            ((a >> 51 | b << 13) & LIMB_MASK) as i64,
            ((b >> 38 | c << 26) & LIMB_MASK) as i64,
            ((c >> 25 | d << 39) & LIMB_MASK) as i64,
            (d >> 12) as i64,
        ];
        // From 0 to 2^51 - 1 to the same number of either sign.
        let mut k = 0;
        while k < 5 {
            if limbs[k] >= 1 << 50 {
                limbs[k] -= 1 << 51;
                limbs[(k + 1) % 5] += if k == 4 { FOLD as i64 } else { 1 };
            }
            k += 1;
        }
        let [a, b, c, d, e] = limbs;
        Self([
            (a as f64).to_bits(),
            (b as f64).to_bits(),
            (c as f64).to_bits(),
            (d as f64).to_bits(),
            (e as f64).to_bits(),
        ])
    }

    /// As a lane of an [`Fe`] holds them.
    pub const fn limbs(self) -> [u64; 5] {
        self.0
    }
}

#[derive(Clone, Copy, Default)]
pub struct Fe(pub [Vector; 5]);

impl DefaultIsZeroes for Fe {}

#[derive(Clone, Copy, Default)]
pub struct Sum(pub [Vector; 5]);

/// The same number in all lanes.
#[inline(always)]
pub fn double(value: f64) -> Vector {
    Vector::splat(value.to_bits())
}

impl Fe {
    /// The low 255 bits of four little-endian words per lane.
    #[inline(always)]
    pub fn from_words(w: &[Vector; 4]) -> Self {
        let mask = Vector::splat(LIMB_MASK);
        let limbs = [
            w[0] & mask,
            (w[0].shr::<51>() | w[1].shl::<13>()) & mask,
            (w[1].shr::<38>() | w[2].shl::<26>()) & mask,
            (w[2].shr::<25>() | w[3].shl::<39>()) & mask,
            w[3].shr::<12>() & mask,
        ];
        Sum(limbs).carry()
    }

    /// The canonical encoding, as four little-endian words per lane.
    #[inline(always)]
    pub fn to_words(self) -> [Vector; 4] {
        let l = self.canonical();
        [
            l[0] | l[1].shl::<51>(),
            l[1].shr::<13>() | l[2].shl::<38>(),
            l[2].shr::<26>() | l[3].shl::<25>(),
            l[3].shr::<39>() | l[4].shl::<12>(),
        ]
    }

    /// The one representative below p, as integers below 2^51.
    #[inline(always)]
    pub fn canonical(self) -> [Vector; 5] {
        let l = self.wide().0;
        // q = 1 if value >= p, that is if value + 19 >= 2^255; the value is from 0 to below 2p.
        let mut carry = (l[0] + Vector::splat(FOLD)).shr::<LIMB_BITS>();
        for limb in &l[1..] {
            carry = (*limb + carry).shr::<LIMB_BITS>();
        }
        // value - q * p = value + 19 q - 2^255 q
        let mut out = l;
        let mut carry = carry.multiply_low(Vector::splat(FOLD));
        for limb in &mut out {
            let sum = *limb + carry;
            *limb = sum & Vector::splat(LIMB_MASK);
            carry = sum.shr::<LIMB_BITS>();
        }
        out
    }

    #[inline(always)]
    pub fn negate(self) -> Self {
        Self(limbwise!(k => Vector::zero().double_minus(self.0[k])))
    }

    /// As a sum: the value and p, so that no limb is negative.
    #[inline(always)]
    pub fn wide(self) -> Sum {
        self.assert_bounds();
        let low = double(LOW);
        Sum(limbwise!(k => self.0[k].double_plus(low) + Vector::splat(P[k].wrapping_sub(LOW.to_bits()))))
    }

    #[inline(always)]
    pub fn square(self) -> Sum {
        let mut sum = Sum::zero();
        product::add_square(&mut sum, &self);
        sum
    }

    /// [`Sum::bias`] + self * self
    #[inline(always)]
    pub fn biased_square(self) -> Sum {
        let mut sum = Sum::bias();
        product::add_square(&mut sum, &self);
        sum
    }

    /// self * other, carried.
    #[inline(always)]
    pub fn times(mut self, other: Self) -> Self {
        product::multiply(&mut self, &other);
        self
    }

    /// self * self, carried.
    #[inline(always)]
    pub fn squared(mut self) -> Self {
        product::square(&mut self);
        self
    }

    #[inline(always)]
    pub fn assert_bounds(&self) {
        if cfg!(debug_assertions) {
            for limb in self.0 {
                for limb in limb.to_array().map(f64::from_bits) {
                    assert!(limb.abs() <= FACTOR as f64 && limb.fract() == 0.0, "factor too large");
                }
            }
        }
    }
}

impl Sum {
    /// As the lower half of what products are added to.
    #[inline(always)]
    pub fn accumulators(self) -> [Vector; 10] {
        let ([a, b, c, d, e], zero) = (self.0, Vector::zero());
        [a, b, c, d, e, zero, zero, zero, zero, zero]
    }

    /// self + a * b. Adds less than 2^59 to each limb.
    #[inline(always)]
    pub fn plus_mul(mut self, a: Fe, b: Fe) -> Self {
        product::add_product(&mut self, &a, &b);
        self
    }

    /// self + constant * a, for a constant below 2^20. Adds less than 2^59 to each limb.
    #[inline(always)]
    pub fn plus_small_mul(self, constant: u64, a: Fe) -> Self {
        debug_assert!(constant < 1 << 20);
        product::small(self, constant, &a)
    }

    /// The factor of the same value modulo p.
    #[inline(always)]
    pub fn carry(self) -> Fe {
        if cfg!(debug_assertions) {
            let small = |limb: &Vector| limb.to_array().iter().all(|limb| limb >> SUM_BITS == 0);
            assert!(self.0.iter().all(small), "sum too large");
        }
        // 2^50 more in each limb, which are taken off at the end.
        const HALF: u64 = 1 << (LIMB_BITS - 1);
        let shifted = limbwise!(k => self.0[k] + Vector::splat(HALF));
        let above = limbwise!(k => shifted[k].shr::<LIMB_BITS>());
        let below = limbwise!(k => shifted[k] & Vector::splat(LIMB_MASK));
        let wrapped = above[4].multiply_low(Vector::splat(FOLD));
        // At most 2^51 + 2^17: the exponent of 2^52 makes it a double.
        const EXPONENT: f64 = (1u64 << 52) as f64;
        Fe(limbwise!(k => {
            let limb = below[k] + if k == 0 { wrapped } else { above[k - 1] };
            (limb | double(EXPONENT)).double_minus(double(EXPONENT + HALF as f64))
        }))
    }
}

#[cfg(test)]
#[path = "field_tests.rs"]
mod tests;
