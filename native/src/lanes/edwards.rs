//! Points of edwards25519 in extended coordinates, one in each lane, and decoding them.

use super::constants::{D, TWO_D};
use super::field::{Fe, Sum};
use super::limbs::load_rows;
use super::power::sqrt_ratio;
use super::vector::{ALL, LANES, Mask, Vector};
use crate::backend::Bytes32;
use zeroize::Zeroize;

/// x = X / Z, y = Y / Z, X Y = Z T.
#[derive(Clone, Copy)]
pub struct Extended {
    pub x: Fe,
    pub y: Fe,
    pub z: Fe,
    pub t: Fe,
}

impl Extended {
    #[inline(always)]
    pub fn identity() -> Self {
        Self { x: Fe::zero(), y: Fe::one(), z: Fe::one(), t: Fe::zero() }
    }

    /// One lane in all lanes.
    #[inline(always)]
    pub fn broadcast(&self, lane: usize) -> Self {
        Self {
            x: self.x.broadcast(lane),
            y: self.y.broadcast(lane),
            z: self.z.broadcast(lane),
            t: self.t.broadcast(lane),
        }
    }

    #[inline(always)]
    pub fn select(mask: Mask, then: &Self, otherwise: &Self) -> Self {
        Self {
            x: Fe::select(mask, then.x, otherwise.x),
            y: Fe::select(mask, then.y, otherwise.y),
            z: Fe::select(mask, then.z, otherwise.z),
            t: Fe::select(mask, then.t, otherwise.t),
        }
    }

    /// (E F, G H, F G, E H)
    #[inline(always)]
    pub fn complete(e: Fe, f: Fe, g: Fe, h: Fe) -> Self {
        Self { x: e.times(f), y: g.times(h), z: f.times(g), t: e.times(h) }
    }

    /// Hisil, Wong, Carter, Dawson (2008), section 3.1, for a = -1: complete, because d is not a square.
    #[inline(always)]
    pub fn add(&self, other: &Self) -> Self {
        let (y1, x1, y2, x2) = (self.y.wide(), self.x.wide(), other.y.wide(), other.x.wide());
        // A = (Y1 - X1)(Y2 - X2), B = (Y1 + X1)(Y2 + X2), C = 2 d T1 T2, D = 2 Z1 Z2
        let a = (y1 - x1).carry().mul((y2 - x2).carry());
        let b = (y1 + x1).carry().mul((y2 + x2).carry());
        let c = self.t.times(other.t).mul(Fe::splat(TWO_D));
        let d = self.z.mul(other.z).doubled();
        Self::complete((b - a).carry(), (d - c).carry(), (d + c).carry(), (b + a).carry())
    }

    /// The same paper, section 3.3, for a = -1, all signs turned.
    #[inline(always)]
    pub fn double(&self) -> Self {
        let (xx, yy, zz) = (self.x.square(), self.y.square(), self.z.square());
        let e = self.x.mul(self.y).doubled();
        let (f, g, h) = (zz.doubled() + xx - yy, yy - xx, yy + xx);
        Self::complete(e.carry(), f.carry(), g.carry(), h.carry())
    }

    /// Multiplies the coordinates by 1 / Z, given that.
    #[inline(always)]
    pub fn normalized(&self, z_inverse: Fe) -> Self {
        let (x, y) = (self.x.times(z_inverse), self.y.times(z_inverse));
        Self { x, y, z: Fe::one(), t: x.times(y) }
    }
}

impl Zeroize for Extended {
    fn zeroize(&mut self) {
        [&mut self.x, &mut self.y, &mut self.z, &mut self.t].into_iter().for_each(Zeroize::zeroize);
    }
}

/// Decoded elements, or, in the lanes of `bad`, something of no use.
#[derive(Clone, Copy)]
pub struct Decoded {
    pub point: Extended,
    /// Encodings that are not canonical or not of an element, or that are the identity's.
    pub bad: Mask,
    /// What was encoded (RFC 9496, section 4.3.1).
    pub s: Fe,
}

impl Decoded {
    #[inline(always)]
    fn nothing() -> Self {
        Self { point: Extended::identity(), bad: ALL, s: Fe::zero() }
    }
}

kernel!(
    /// Decode (RFC 9496, section 4.3.1) for N groups.
    pub fn decode<const N: usize>(rows: &[[Bytes32; LANES]; N]) -> [Decoded; N] {
        let one = Fe::one().wide();
        let words = groupwise!([Vector::zero(); 4]; g in N => load_rows(&rows[g]));
        // 1. s < p, and IS_NEGATIVE(s) is false.
        let s = groupwise!(Fe::zero(); g in N => Fe::from_words(&words[g]));
        // 2. ss = s^2, u1 = 1 - ss, u2 = 1 + ss, v = -(D * u1^2) - u2^2
        let ss = groupwise!(Sum::zero(); g in N => s[g].square());
        let u1 = groupwise!(Fe::zero(); g in N => (one - ss[g]).carry());
        let u2 = groupwise!(Fe::zero(); g in N => (one + ss[g]).carry());
        let u2_sqr = groupwise!(Fe::zero(); g in N => u2[g].squared());
        let v = groupwise!(Fe::zero(); g in N => {
            let d_u1_sqr = u1[g].squared().mul(Fe::splat(D));
            (Sum::bias().less(d_u1_sqr) - u2_sqr[g].wide()).carry()
        });
        // (was_square, invsqrt) = SQRT_RATIO_M1(1, v * u2_sqr)
        let v_u2_sqr = groupwise!(Fe::zero(); g in N => v[g].times(u2_sqr[g]));
        let (was_square, invsqrt) = sqrt_ratio(&[Fe::one(); N], &v_u2_sqr);
        groupwise!(Decoded::nothing(); g in N => {
            // den_x = invsqrt * u2, den_y = invsqrt * den_x * v
            let den_x = invsqrt[g].times(u2[g]);
            let den_y = invsqrt[g].times(den_x.times(v[g]));
            // x = CT_ABS(2 * s * den_x), y = u1 * den_y, t = x * y
            let x = s[g].mul(den_x).doubled().carry().abs();
            let y = u1[g].times(den_y);
            let t = x.times(y);
            let canonical = s[g].to_words();
            let mut is_canonical = ALL;
            for (word, canonical) in words[g].iter().zip(canonical) {
                is_canonical &= word.equals(canonical);
            }
            let bad = !is_canonical
                | s[g].is_negative()
                | s[g].is_zero()
                | !was_square[g]
                | t.is_negative()
                | y.is_zero();
            let point = Extended { x, y, z: Fe::one(), t };
            Decoded { point, bad, s: s[g] }
        })
    }
);
