//! Arithmetic modulo p = 2^255 - 19 on eight lanes.
//!
//! Radix 2^52, so that the two halves of a 52-bit product fall on limb boundaries and no accumulator has to be doubled;
//! and the multiplier itself ignores bits from 52 upwards of its inputs, so that a carry need not be masked off a limb
//! before the limb is multiplied. Hence two types:
//!
//! - [`Fe`], a factor. Value: the sum over k of (limb k mod 2^52) * 2^(52 k). What stands above bit 51 of limbs 0 to 3 is
//!   left over from carrying and means nothing. Limb 4 is at most 2^47 + 2^12, so the value is below 2^255 + 2^221.
//! - [`Sum`], an unreduced result. Value: the sum over k of limb k * 2^(52 k), each limb below 2^[`SUM_BITS`]. Sums are
//!   added and subtracted limb by limb; one [`Sum::carry`] turns the outcome into a factor.
//!
//! benchmarks/limb_bounds.py derives every bound named here; debug builds assert them.

use zeroize::DefaultIsZeroes;

use super::vector::Vector;

const LIMB_BITS: u32 = 52;
const TOP_BITS: u32 = 255 - 4 * LIMB_BITS;
const LIMB_MASK: u64 = (1 << LIMB_BITS) - 1;
const TOP_MASK: u64 = (1 << TOP_BITS) - 1;
/// 2^255 = 19 mod p.
const FOLD_255: u64 = 19;
/// 2^260 = 608 mod p.
const FOLD_260: u64 = 32 * FOLD_255;
/// No limb of a sum may reach 2^62.
pub const SUM_BITS: u32 = 62;

/// 2^10 * p with limbs between 2^57 and 2^58: added before a subtraction, so that no limb goes below zero as long as those
/// of the subtrahend stay below 2^57.
pub const BIAS: [u64; 5] = {
    const MIDDLE: u64 = (1 << 58) - (1 << 6);
    [(1 << 58) - 19 * (1 << 10), MIDDLE, MIDDLE, MIDDLE, (1 << 57) - (1 << 6)]
};

/// A value below p, as limbs.
#[derive(Clone, Copy)]
pub struct Constant([u64; 5]);

impl Constant {
    pub const ONE: Self = Self::new([1, 0, 0, 0]);

    /// From little-endian words.
    pub const fn new([a, b, c, d]: [u64; 4]) -> Self {
        Self([
            a & LIMB_MASK,
            (a >> 52 | b << 12) & LIMB_MASK,
            (b >> 40 | c << 24) & LIMB_MASK,
            (c >> 28 | d << 36) & LIMB_MASK,
            d >> 16,
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

impl Fe {
    /// The low 255 bits of four little-endian words per lane.
    #[inline(always)]
    pub fn from_words(w: &[Vector; 4]) -> Self {
        let mask = Vector::splat(LIMB_MASK);
        Self([
            w[0] & mask,
            (w[0].shr::<52>() | w[1].shl::<12>()) & mask,
            (w[1].shr::<40>() | w[2].shl::<24>()) & mask,
            (w[2].shr::<28>() | w[3].shl::<36>()) & mask,
            w[3].shr::<16>() & Vector::splat(TOP_MASK),
        ])
    }

    /// The canonical encoding, as four little-endian words per lane.
    #[inline(always)]
    pub fn to_words(self) -> [Vector; 4] {
        let l = self.canonical();
        [
            l[0] | l[1].shl::<52>(),
            l[1].shr::<12>() | l[2].shl::<40>(),
            l[2].shr::<24>() | l[3].shl::<28>(),
            l[3].shr::<36>() | l[4].shl::<16>(),
        ]
    }

    /// The one representative below p, in clean limbs.
    #[inline(always)]
    pub fn canonical(self) -> [Vector; 5] {
        let l = self.wide().0;
        // q = 1 if value >= p, that is if value + 19 >= 2^255; the value is below 2p.
        let mut carry = (l[0] + Vector::splat(FOLD_255)).shr::<LIMB_BITS>();
        for limb in &l[1..4] {
            carry = (*limb + carry).shr::<LIMB_BITS>();
        }
        let q = (l[4] + carry).shr::<TOP_BITS>();
        // value - q * p = value + 19 q - 2^255 q
        let mut out = l;
        let mut carry = Vector::zero().madd_lo(q, Vector::splat(FOLD_255));
        for limb in &mut out[..4] {
            let sum = *limb + carry;
            *limb = sum & Vector::splat(LIMB_MASK);
            carry = sum.shr::<LIMB_BITS>();
        }
        out[4] = (out[4] + carry) & Vector::splat(TOP_MASK);
        out
    }

    #[inline(always)]
    pub fn negate(self) -> Self {
        (Sum::zero() - self.wide()).carry()
    }

    /// As a sum, with the limbs' meaningless bits removed.
    #[inline(always)]
    pub fn wide(self) -> Sum {
        let mask = Vector::splat(LIMB_MASK);
        let [a, b, c, d, e] = self.0;
        Sum([a & mask, b & mask, c & mask, d & mask, e])
    }

    #[inline(always)]
    pub fn square(self) -> Sum {
        self.square_onto([Vector::zero(); 5])
    }

    /// [`Sum::bias`] + self * self
    #[inline(always)]
    pub fn biased_square(self) -> Sum {
        // All limbs but the lowest are doubled on the way.
        let mut start = Sum::bias().0;
        for (limb, bias) in start[1..].iter_mut().zip(&BIAS[1..]) {
            *limb = Vector::splat(bias / 2);
        }
        self.square_onto(start)
    }

    /// self * self + (start[0], 2 start[1], 2 start[2], ...). Adds less than 2^56 to each limb.
    #[inline(always)]
    fn square_onto(self, start: [Vector; 5]) -> Sum {
        self.assert_bounds();
        let (a, zero) = (self.0, Vector::zero());
        let mut acc = [start[0], start[1], start[2], start[3], start[4], zero, zero, zero, zero, zero];
        // Products of two different limbs below the top one, once; then twice.
        for i in 0..3 {
            for j in i + 1..4 {
                acc[i + j] = acc[i + j].madd_lo(a[i], a[j]);
                acc[i + j + 1] = acc[i + j + 1].madd_hi(a[i], a[j]);
            }
        }
        for limb in &mut acc[1..7] {
            *limb = *limb + *limb;
        }
        // The top limb has room to be doubled before it is multiplied: below 2^48 + 2^13.
        let top = a[4] + a[4];
        for i in 0..4 {
            acc[2 * i] = acc[2 * i].madd_lo(a[i], a[i]);
            acc[2 * i + 1] = acc[2 * i + 1].madd_hi(a[i], a[i]);
            acc[i + 4] = acc[i + 4].madd_lo(a[i], top);
            acc[i + 5] = acc[i + 5].madd_hi(a[i], top);
        }
        acc[8] = acc[8].madd_lo(a[4], a[4]);
        acc[9] = acc[9].madd_hi(a[4], a[4]);
        fold(acc)
    }

    /// self * other, carried.
    #[inline(always)]
    pub fn times(self, other: Self) -> Self {
        self.mul(other).carry()
    }

    /// self * self, carried.
    #[inline(always)]
    pub fn squared(self) -> Self {
        self.square().carry()
    }

    #[inline(always)]
    fn assert_bounds(&self) {
        if cfg!(debug_assertions) {
            assert!(
                self.0[4].to_array().iter().all(|&top| top <= (1 << TOP_BITS) + (1 << 12)),
                "factor too large"
            );
        }
    }
}

impl Sum {
    /// self + a * b. Adds less than 2^56 to each limb.
    #[inline(always)]
    pub fn plus_mul(self, a: Fe, b: Fe) -> Self {
        a.assert_bounds();
        b.assert_bounds();
        let zero = Vector::zero();
        let s = self.0;
        let mut acc = [s[0], s[1], s[2], s[3], s[4], zero, zero, zero, zero, zero];
        for i in 0..5 {
            for j in 0..5 {
                acc[i + j] = acc[i + j].madd_lo(a.0[i], b.0[j]);
                acc[i + j + 1] = acc[i + j + 1].madd_hi(a.0[i], b.0[j]);
            }
        }
        fold(acc)
    }

    /// self + constant * a, for a constant below 2^20. Adds less than 2^54 to each limb.
    #[inline(always)]
    pub fn plus_small_mul(self, constant: u64, a: Fe) -> Self {
        debug_assert!(constant < 1 << 20);
        a.assert_bounds();
        let constant = Vector::splat(constant);
        let mut r = self.0;
        for (limb, a) in r.iter_mut().zip(a.0) {
            *limb = limb.madd_lo(a, constant);
        }
        for (limb, a) in r[1..].iter_mut().zip(a.0) {
            *limb = limb.madd_hi(a, constant);
        }
        // The top limb's high half, below 2^16, stands at 2^260.
        let top = Vector::zero().madd_hi(a.0[4], constant);
        r[0] = r[0].madd_lo(top, Vector::splat(FOLD_260));
        Self(r)
    }

    /// The factor of the same value modulo p.
    #[inline(always)]
    pub fn carry(self) -> Fe {
        if cfg!(debug_assertions) {
            let small = |limb: &Vector| limb.to_array().iter().all(|limb| limb >> SUM_BITS == 0);
            assert!(self.0.iter().all(small), "sum too large");
        }
        let [mut r0, mut r1, mut r2, mut r3, mut r4] = self.0;
        // First what stands at 2^255 and above, below 2^15; then one ripple, which ends in limb 4, where there is room.
        r0 = r0.madd_lo(r4.shr::<TOP_BITS>(), Vector::splat(FOLD_255));
        r4 = r4 & Vector::splat(TOP_MASK);
        r1 = r1 + r0.shr::<LIMB_BITS>();
        r2 = r2 + r1.shr::<LIMB_BITS>();
        r3 = r3 + r2.shr::<LIMB_BITS>();
        r4 = r4 + r3.shr::<LIMB_BITS>();
        Fe([r0, r1, r2, r3, r4])
    }
}

/// Ten limbs of a product as five: limb k + 5 counts 608 times at limb k.
#[inline(always)]
fn fold(acc: [Vector; 10]) -> Sum {
    let [mut r0, mut r1, mut r2, mut r3, mut r4, a5, mut a6, mut a7, mut a8, mut a9] = acc;
    let fold = Vector::splat(FOLD_260);
    // Carry, so that limbs 5 to 8 have no meaning above bit 51; limb 9 stays below 2^43, so 608 times it fits into 52 bits.
    a6 = a6 + a5.shr::<LIMB_BITS>();
    a7 = a7 + a6.shr::<LIMB_BITS>();
    a8 = a8 + a7.shr::<LIMB_BITS>();
    a9 = a9 + a8.shr::<LIMB_BITS>();
    r0 = r0.madd_lo(a5, fold);
    r1 = r1.madd_hi(a5, fold).madd_lo(a6, fold);
    r2 = r2.madd_hi(a6, fold).madd_lo(a7, fold);
    r3 = r3.madd_hi(a7, fold).madd_lo(a8, fold);
    r4 = r4.madd_hi(a8, fold).madd_lo(a9, fold);
    Sum([r0, r1, r2, r3, r4])
}

/// A factor that many others are multiplied by: limb j of row i is that of 2^(52 i) * value mod p, so that nothing but one
/// accumulator is left to fold.
#[derive(Clone, Copy, Default)]
pub struct Multiplier([[Vector; 5]; 5]);

impl Multiplier {
    #[inline(always)]
    pub fn new(value: Fe) -> Self {
        let mut rows = [value.0; 5];
        for i in 1..5 {
            let [a, b, c, d, e] = Fe(rows[i - 1]).wide().0;
            // 608 = 2^9 + 2^6 + 2^5
            let wrapped = e.shl::<9>() + e.shl::<6>() + e.shl::<5>();
            rows[i] = Sum([wrapped, a, b, c, d]).carry().0;
        }
        Self(rows)
    }

    /// self * a, each limb below 2^56.
    #[inline(always)]
    pub fn mul(&self, a: Fe) -> Sum {
        a.assert_bounds();
        let mut acc = [Vector::zero(); 6];
        for i in 0..5 {
            for j in 0..5 {
                acc[j] = acc[j].madd_lo(a.0[i], self.0[i][j]);
                acc[j + 1] = acc[j + 1].madd_hi(a.0[i], self.0[i][j]);
            }
        }
        let [r0, r1, r2, r3, r4, top] = acc;
        let fold = Vector::splat(FOLD_260);
        Sum([r0.madd_lo(top, fold), r1.madd_hi(top, fold), r2, r3, r4])
    }
}

#[cfg(test)]
#[path = "field_tests.rs"]
mod tests;
