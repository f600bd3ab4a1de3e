//! The map from uniform bytes to the group (RFC 9496, section 4.3.4).

use super::constants::{D, D_MINUS_ONE_SQ, ONE_MINUS_D_SQ, SQRT_AD_MINUS_ONE, SQRT_M1};
use super::edwards::Extended;
use super::encode::Rooted;
use super::field::{Fe, Sum};
use super::limbs::load_rows;
use super::power::sqrt_ratio;
use super::vector::LANES;
use crate::backend::Bytes64;
use zeroize::Zeroizing;

kernel!(
    /// The element derivation function for N groups: MAP(first half) + MAP(second half).
    pub fn map_to_group<const N: usize>(uniform: &[[Bytes64; LANES]; N]) -> [Rooted; N] {
        let first = map(&groupwise!(Fe::zero(); g in N => half(&uniform[g], 0)));
        let second = map(&groupwise!(Fe::zero(); g in N => half(&uniform[g], 1)));
        groupwise!(Rooted::identity(); g in N => first[g].add(&second[g]))
    }
);

/// What MAP computes of a point on its way: x = w0 / w1, y = (1 - s^2) / (1 + s^2), w0 = 2 s v.
#[derive(Clone, Copy)]
struct Mapped {
    point: Extended,
    ss: Fe,
    v: Fe,
    w0: Fe,
    w1: Fe,
}

impl Mapped {
    #[inline(always)]
    fn nothing() -> Self {
        let zero = Fe::zero();
        Self { point: Extended::identity(), ss: zero, v: zero, w0: zero, w1: zero }
    }

    /// The sum, and its s by the formula of [`super::encode`], where x1 x2 / (s1 s2) = 4 v1 v2 / (w1_1 w1_2) and
    /// c = 2 / SQRT_AD_MINUS_ONE up to the sign.
    #[inline(always)]
    fn add(&self, other: &Self) -> Rooted {
        let factor = self.v.times(other.v).mul(Fe::splat(SQRT_AD_MINUS_ONE)).doubled().carry();
        Rooted {
            point: self.point.add(&other.point),
            numerator: (other.ss.wide() - self.ss.wide()).carry().times(factor),
            denominator: (self.w0.mul(other.w1) - other.w0.mul(self.w1)).carry(),
        }
    }
}

/// One half of the bytes. The most significant bit is ignored; a value from p upwards is reduced.
#[inline(always)]
fn half(uniform: &[Bytes64; LANES], half: usize) -> Fe {
    let mut rows = Zeroizing::new([[0; 32]; LANES]);
    for (row, uniform) in rows.iter_mut().zip(uniform) {
        row.copy_from_slice(&uniform[32 * half..32 * half + 32]);
    }
    Fe::from_words(&load_rows(&rows))
}

kernel!(
    /// MAP(t).
    fn map<const N: usize>(t: &[Fe; N]) -> [Mapped; N] {
        let one = Fe::one();
        // r = SQRT_M1 * t^2
        let r = groupwise!(Fe::zero(); g in N => t[g].squared().times(Fe::splat(SQRT_M1)));
        // u = (r + 1) * ONE_MINUS_D_SQ
        let u = groupwise!(Fe::zero(); g in N => (r[g].wide() + one.wide()).carry().times(Fe::splat(ONE_MINUS_D_SQ)));
        // v = (-1 - r * D) * (r + D)
        let v = groupwise!(Fe::zero(); g in N => {
            let left = (Sum::bias().less(one.wide()) - r[g].mul(Fe::splat(D))).carry();
            left.times((r[g].wide() + Fe::splat(D).wide()).carry())
        });
        let (was_square, root) = sqrt_ratio(&u, &v);
        groupwise!(Mapped::nothing(); g in N => {
            // s_prime = -CT_ABS(s * t)
            let s_prime = root[g].times(t[g]).abs().negate();
            let s = Fe::select(was_square[g], root[g], s_prime);
            let c = Fe::select(was_square[g], one.negate(), r[g]);
            // N = c * (r - 1) * D_MINUS_ONE_SQ - v
            let n = (r[g].wide() - one.wide()).carry().times(c).mul(Fe::splat(D_MINUS_ONE_SQ));
            let n = (n - v[g].wide()).carry();
            // w0 = 2 * s * v, w1 = N * SQRT_AD_MINUS_ONE, w2 = 1 - s^2, w3 = 1 + s^2
            let w0 = s.mul(v[g]).doubled().carry();
            let w1 = n.times(Fe::splat(SQRT_AD_MINUS_ONE));
            let ss = s.square();
            let w2 = (one.wide() - ss).carry();
            let w3 = (one.wide() + ss).carry();
            // (w0 * w3, w2 * w1, w1 * w3, w0 * w2)
            Mapped { point: Extended::complete(w0, w3, w1, w2), ss: ss.carry(), v: v[g], w0, w1 }
        })
    }
);
