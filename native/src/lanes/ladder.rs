//! Scalar multiplication: the Montgomery ladder on curve25519, v^2 = u^3 + 486662 u^2 + u.
//!
//! Decoding s leads to curve25519 without an inversion: u = s^2 and v = -c u / x are P plus the point of order two, and encoding
//! ignores that difference. Nothing divides by x: the denominators of v and of the result become one.
//!
//! Constant time: the step taken for a bit differs from the other one only in a blend.

use curve25519_dalek::Scalar;
use subtle::{Choice, ConditionallySelectable};
use zeroize::{Zeroize, Zeroizing};

use super::constants::MONTGOMERY_C;
use super::edwards::Extended;
use super::field::{Fe, Multiplier, Sum};
use super::power::invert_all;
use super::vector::{LANES, Mask};

/// (486662 - 2) / 4
const A24: u64 = 121_665;
/// 2 * 486662
const TWO_A: u64 = 973_324;
/// Scalars of up to (l - 1) / 2 < 2^252.
const BITS: usize = 252;
/// (l - 1) / 2 as little-endian words (l: RFC 9496, section 4.4).
const HALF_ORDER: [u64; 4] = [0x2c09_318d_2e7a_e9f6, 0x0a6f_7cef_517b_ce6b, 0, 0x0800_0000_0000_0000];

/// A point (u, v_numerator / v_denominator) of curve25519.
#[derive(Clone, Copy)]
pub struct Montgomery {
    pub u: Fe,
    pub v_numerator: Fe,
    pub v_denominator: Fe,
}

impl Zeroize for Montgomery {
    fn zeroize(&mut self) {
        self.u.zeroize();
        self.v_numerator.zeroize();
        self.v_denominator.zeroize();
    }
}

impl Montgomery {
    /// From an element's encoding s and -2 x, for its decoded point (x, y).
    #[inline(always)]
    pub fn new(s: Fe, minus_two_x: Fe) -> Self {
        let u = s.squared();
        let v_numerator = u.mul(Fe::splat(MONTGOMERY_C)).doubled().carry();
        Self { u, v_numerator, v_denominator: minus_two_x }
    }
}

kernel!(
    /// Points of edwards25519, with one inversion for all.
    pub fn from_edwards(points: &[Extended]) -> Zeroizing<Vec<Montgomery>> {
        // u = (1 + y) / (1 - y) = (Z + Y) / (Z - Y), v = c u / x = c u Z / X. Where x = 0, all becomes zero, and so does k * P.
        let mut inverses = Zeroizing::new(Vec::with_capacity(points.len()));
        for point in points {
            inverses.push((point.z.wide() - point.y.wide()).carry());
        }
        invert_all(&mut inverses);
        let mut converted = Zeroizing::new(Vec::with_capacity(points.len()));
        for (point, inverse) in points.iter().zip(inverses.iter()) {
            let u = (point.z.wide() + point.y.wide()).carry().times(*inverse);
            let v_numerator = u.times(point.z).times(Fe::splat(MONTGOMERY_C));
            converted.push(Montgomery { u, v_numerator, v_denominator: point.x });
        }
        converted
    }
);

/// One scalar in each lane, as the ladder wants them: the size of each at most (l - 1) / 2, so that no multiple on the way is the
/// negative of the point; the sign apart.
pub struct LadderScalars {
    /// For bit i, the lanes in which it differs from bit i + 1.
    swaps: [Mask; BITS],
    /// The lanes in which bit 0 is set.
    last: Mask,
    negative: Mask,
}

impl Drop for LadderScalars {
    fn drop(&mut self) {
        self.swaps.zeroize();
        self.last.zeroize();
        self.negative.zeroize();
    }
}

impl Default for LadderScalars {
    fn default() -> Self {
        Self { swaps: [0; BITS], last: 0, negative: 0 }
    }
}

impl LadderScalars {
    /// Fills a zero in place: a value that is returned or moved leaves a copy behind.
    pub fn set(&mut self, scalars: &[Scalar; LANES]) {
        for (lane, scalar) in scalars.iter().enumerate() {
            let negative = exceeds_half(&Zeroizing::new(words(scalar)));
            let minus = Zeroizing::new(-scalar);
            // Not a mask of our own: the compiler takes one that it sees through for a branch.
            let size = Zeroizing::new(Scalar::conditional_select(scalar, &minus, negative));
            let size = Zeroizing::new(words(&size));
            let bit = |i: usize| (size[i / 64] >> (i % 64)) as Mask & 1;
            for (i, swap) in self.swaps.iter_mut().enumerate() {
                *swap |= (bit(i) ^ bit(i + 1)) << lane;
            }
            self.last |= bit(0) << lane;
            self.negative |= negative.unwrap_u8() << lane;
        }
    }
}

/// scalar > (l - 1) / 2, as the borrow of the difference.
fn exceeds_half(words: &[u64; 4]) -> Choice {
    let borrow = HALF_ORDER.iter().zip(words).fold(0, |borrow, (half, word)| {
        let difference = u128::from(*half).wrapping_sub(u128::from(*word) + u128::from(borrow));
        (difference >> 127) as u8
    });
    Choice::from(borrow)
}

fn words(scalar: &Scalar) -> [u64; 4] {
    let bytes = scalar.as_bytes();
    core::array::from_fn(|k| {
        bytes[8 * k..8 * k + 8].iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte))
    })
}

/// Two points (x : z) whose difference is the ladder's input, kept as the sums and differences of their coordinates.
struct Rungs {
    plus2: Fe,
    minus2: Fe,
    plus3: Fe,
    minus3: Fe,
}

impl Rungs {
    /// Doubles one of the two, the second where `swap` is set, and adds them up (Montgomery 1987, section 10.3.1).
    #[inline(always)]
    fn step(&mut self, swap: Mask, u: &Multiplier) {
        let Self { plus2, minus2, plus3, minus3 } = *self;
        let plus = Fe::select(swap, plus3, plus2);
        let minus = Fe::select(swap, minus3, minus2);
        let da = Sum::bias().plus_mul(minus3, plus2);
        let cb = plus3.mul(minus2);
        let aa = plus.biased_square();
        let bb = minus.square();
        // x3 = (DA + CB)^2, z3 = u (DA - CB)^2
        let sum = (da + cb).carry();
        let difference = da.less(cb).carry();
        // E = AA - BB, x2 = AA * BB, z2 = E (AA + a24 E)
        let e = aa.less(bb).carry();
        let x2 = Sum::bias().plus_mul(aa.carry(), bb.carry());
        let difference_squared = difference.squared();
        let x3 = sum.biased_square();
        let z2 = e.mul(aa.plus_small_mul(A24, e).carry());
        let z3 = u.mul(difference_squared);
        *self = Self {
            plus2: (x2 + z2).carry(),
            minus2: x2.less(z2).carry(),
            plus3: (x3 + z3).carry(),
            minus3: x3.less(z3).carry(),
        };
    }
}

kernel!(
    /// k * P, on edwards25519 and up to the torsion that encoding ignores. For k = 0, all coordinates are zero.
    fn multiply(scalars: &LadderScalars, point: &Montgomery) -> Extended {
        let multiplier = Multiplier::new(point.u);
        let (u, one) = (point.u.wide(), Fe::one());
        // (1 : 0) and (u : 1)
        let mut rungs = Rungs {
            plus2: one,
            minus2: one,
            plus3: (u + one.wide()).carry(),
            minus3: (u - one.wide()).carry(),
        };
        for &swap in scalars.swaps.iter().rev() {
            rungs.step(swap, &multiplier);
        }
        // k * P and (k + 1) * P; from sums and differences come the doubles of the coordinates, which does not matter.
        let Rungs { plus2, minus2, plus3, minus3 } = rungs;
        let last = scalars.last;
        let (plus_k, minus_k) =
            (Fe::select(last, plus3, plus2).wide(), Fe::select(last, minus3, minus2).wide());
        let (plus_next, minus_next) =
            (Fe::select(last, plus2, plus3).wide(), Fe::select(last, minus2, minus3).wide());
        let (x1, z1) = ((plus_k + minus_k).carry(), (plus_k - minus_k).carry());
        let (x2, z2) = ((plus_next + minus_next).carry(), (plus_next - minus_next).carry());
        let negated = Montgomery { v_numerator: point.v_numerator.negate_if(scalars.negative), ..*point };
        recover(&negated, x1, z1, x2, z2)
    }
);

kernel!(
    /// The multiples of `points` by one set of scalars for all groups, or by one for each.
    pub fn multiply_all(scalars: &[LadderScalars], points: &[Montgomery]) -> Vec<Extended> {
        let mut multiples = Vec::with_capacity(points.len());
        for (group, point) in points.iter().enumerate() {
            multiples.push(multiply(&scalars[group.min(scalars.len() - 1)], point));
        }
        multiples
    }
);

/// From u(k P) = x1 / z1 and u((k + 1) P) = x2 / z2 to k P (Okeya and Sakurai 2001), and on to edwards25519.
#[inline(always)]
fn recover(point: &Montgomery, x1: Fe, z1: Fe, x2: Fe, z2: Fe) -> Extended {
    let Montgomery { u, v_numerator, v_denominator } = *point;
    let uz1 = u.mul(z1);
    let two_a_z1 = Sum::zero().plus_small_mul(TWO_A, z1);
    // (x1 - u z1)^2 x2
    let third = (x1.wide() - uz1).carry().squared().mul(x2);
    // ((x1 + u z1 + 2 A z1) (u x1 + z1) - 2 A z1^2) z2
    let first = (x1.wide() + uz1 + two_a_z1).carry();
    let second = (z1.wide() + u.mul(x1)).carry();
    let difference = (first.mul(second) - two_a_z1.carry().mul(z1)).carry();
    let y = (difference.mul(z2) - third).carry().times(v_denominator);
    // 2 v z1 z2, by which x1 and z1 are multiplied to share y's denominator
    let scale = v_numerator.times(z1).mul(z2).doubled().carry();
    let (x, z) = (scale.times(x1).wide(), scale.times(z1).wide());
    // X = c x (x + z), Y = (x - z) y, Z = y (x + z), T = c x (x - z)
    let (plus, minus) = ((x + z).carry(), (x - z).carry());
    let cx = x.carry().times(Fe::splat(MONTGOMERY_C));
    Extended { x: cx.times(plus), y: minus.times(y), z: y.times(plus), t: cx.times(minus) }
}
