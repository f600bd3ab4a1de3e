//! Points of edwards25519 in extended coordinates, eight at a time, and their ristretto255 encodings.

use super::constants::{D, INVSQRT_A_MINUS_D, SQRT_M1, TWO_D};
use super::field::{Fe, Sum, load_rows, store_rows};
use super::lanes::{LANES, Mask};
use super::power::{invert_all, sqrt_ratio};
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
        let all = |fe: Fe| Fe(fe.0.map(|limb| limb.broadcast(lane)));
        Self { x: all(self.x), y: all(self.y), z: all(self.z), t: all(self.t) }
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
        [&mut self.x, &mut self.y, &mut self.z, &mut self.t].into_iter().for_each(|fe| fe.0.zeroize());
    }
}

/// Decoded elements, or, in the lanes of `bad`, something of no use.
pub struct Decoded {
    pub point: Extended,
    /// Encodings that are not canonical or not of an element, or that are the identity's.
    pub bad: Mask,
    /// s, and v * D_x of RFC 9496, section 4.3.1, its sign turned where the decoder turned that of x.
    pub s: Fe,
    pub v_dx: Fe,
}

/// Decode (RFC 9496, section 4.3.1) for N groups of eight.
#[target_feature(enable = "avx512f,avx512ifma")]
pub fn decode<const N: usize>(rows: &[[Bytes32; LANES]; N]) -> [Decoded; N] {
    let one = Fe::one().wide();
    let words: [_; N] = core::array::from_fn(|g| load_rows(&rows[g]));
    // 1. s < p, and IS_NEGATIVE(s) is false.
    let s: [Fe; N] = core::array::from_fn(|g| Fe::from_words(&words[g]));
    // 2. ss = s^2, u1 = 1 - ss, u2 = 1 + ss, v = -(D * u1^2) - u2^2
    let ss: [Sum; N] = core::array::from_fn(|g| s[g].square());
    let u1: [Fe; N] = core::array::from_fn(|g| (one - ss[g]).carry());
    let u2: [Fe; N] = core::array::from_fn(|g| (one + ss[g]).carry());
    let u2_sqr: [Fe; N] = core::array::from_fn(|g| u2[g].squared());
    let v: [Fe; N] = core::array::from_fn(|g| {
        let d_u1_sqr = u1[g].squared().mul(Fe::splat(D));
        (Sum::bias().less(d_u1_sqr) - u2_sqr[g].wide()).carry()
    });
    // (was_square, invsqrt) = SQRT_RATIO_M1(1, v * u2_sqr)
    let v_u2_sqr: [Fe; N] = core::array::from_fn(|g| v[g].times(u2_sqr[g]));
    let (was_square, invsqrt) = sqrt_ratio(&[Fe::one(); N], &v_u2_sqr);
    core::array::from_fn(|g| {
        // den_x = invsqrt * u2, den_y = invsqrt * den_x * v
        let den_x = invsqrt[g].times(u2[g]);
        let v_dx = den_x.times(v[g]);
        let den_y = invsqrt[g].times(v_dx);
        // x = CT_ABS(2 * s * den_x), y = u1 * den_y, t = x * y
        let two_s_den_x = s[g].mul(den_x).doubled().carry();
        let flip = two_s_den_x.is_negative();
        let x = two_s_den_x.negate_if(flip);
        let y = u1[g].times(den_y);
        let t = x.times(y);
        let canonical = s[g].to_words();
        let is_canonical = (0..4).fold(Mask::MAX, |mask, k| mask & words[g][k].equals(canonical[k]));
        let bad = !is_canonical
            | s[g].is_negative()
            | s[g].is_zero()
            | !was_square[g]
            | t.is_negative()
            | y.is_zero();
        let point = Extended { x, y, z: Fe::one(), t };
        Decoded { point, bad, s: s[g], v_dx: v_dx.negate_if(flip) }
    })
}

/// Encode (RFC 9496, section 4.3.2) for N groups of eight.
#[target_feature(enable = "avx512f,avx512ifma")]
pub fn encode<const N: usize>(points: &[Extended; N]) -> [[Bytes32; LANES]; N] {
    // u1 = (z0 + y0) * (z0 - y0), u2 = x0 * y0
    let u1: [Fe; N] = core::array::from_fn(|g| {
        let (z, y) = (points[g].z.wide(), points[g].y.wide());
        (z + y).carry().times((z - y).carry())
    });
    let u2: [Fe; N] = core::array::from_fn(|g| points[g].x.times(points[g].y));
    // (_, invsqrt) = SQRT_RATIO_M1(1, u1 * u2^2)
    let u1_u2_sqr: [Fe; N] = core::array::from_fn(|g| u1[g].times(u2[g].squared()));
    let (_, invsqrt) = sqrt_ratio(&[Fe::one(); N], &u1_u2_sqr);
    core::array::from_fn(|g| {
        let Extended { x, y, z, t } = points[g];
        // den1 = invsqrt * u1, den2 = invsqrt * u2, z_inv = den1 * den2 * t0
        let den1 = invsqrt[g].times(u1[g]);
        let den2 = invsqrt[g].times(u2[g]);
        let z_inv = den1.times(den2).times(t);
        // rotate = IS_NEGATIVE(t0 * z_inv)
        let rotate = t.times(z_inv).is_negative();
        let sqrt_m1 = Fe::splat(SQRT_M1);
        let enchanted = den1.times(Fe::splat(INVSQRT_A_MINUS_D));
        let (x, y) = (Fe::select(rotate, y.times(sqrt_m1), x), Fe::select(rotate, x.times(sqrt_m1), y));
        let den_inv = Fe::select(rotate, enchanted, den2);
        // y = CT_SELECT(-y IF IS_NEGATIVE(x * z_inv) ELSE y), s = CT_ABS(den_inv * (z - y))
        let y = y.negate_if(x.times(z_inv).is_negative());
        let s = (z.wide() - y.wide()).carry().times(den_inv).abs();
        store_rows(&s.to_words())
    })
}

/// What [`encode_doubles`] knows of 2 P = (E / F, G / H).
struct Double {
    e: Fe,
    g: Fe,
    h: Fe,
    f: Fe,
    eg: Fe,
    fh: Fe,
}

/// Encodes 2 * P for each P, with one inversion for all points. The doubles of all points of a coset of the torsion are
/// encoded alike, and so is 2 * (0, 0, 0, 0), as the identity: it is what [`super::ladder`] makes of 0 * P.
#[target_feature(enable = "avx512f,avx512ifma")]
pub fn encode_doubles(points: &[Extended], mut emit: impl FnMut(usize, [Bytes32; LANES])) {
    let mut inverses = Vec::with_capacity(points.len());
    let doubles: Vec<Double> = points
        .iter()
        .map(|point| {
            // e = 2 X Y, f = Z^2 + d T^2, g = Y^2 + X^2, h = Z^2 - d T^2
            let (xx, yy, zz) = (point.x.square(), point.y.square(), point.z.square());
            let dtt = point.t.squared().mul(Fe::splat(D));
            let e = point.x.mul(point.y).doubled().carry();
            let (f, g, h) = ((zz + dtt).carry(), (yy + xx).carry(), (zz - dtt).carry());
            let (eg, fh) = (e.times(g), f.times(h));
            inverses.push(eg.times(fh));
            Double { e, f, g, h, eg, fh }
        })
        .collect();
    invert_all(&mut inverses);
    for (group, (double, inverse)) in doubles.iter().zip(&inverses).enumerate() {
        // The square root that Encode needs is rational here: 1 / sqrt(u1) = INVSQRT_A_MINUS_D / (e f).
        let &Double { e, f, g, h, eg, fh } = double;
        let z_inv = eg.times(*inverse);
        let t_inv = fh.times(*inverse);
        // rotate = IS_NEGATIVE(x * y), where x y = e g / (f h)
        let rotate = eg.times(z_inv).is_negative();
        let magic = Fe::select(rotate, Fe::splat(SQRT_M1), Fe::splat(INVSQRT_A_MINUS_D));
        let (e, g, h) = (
            Fe::select(rotate, g, e),
            Fe::select(rotate, e.negate(), g),
            Fe::select(rotate, f.times(Fe::splat(SQRT_M1)), h),
        );
        let g = g.negate_if(h.times(e).times(z_inv).is_negative());
        let s = (h.wide() - g.wide()).carry().times(magic.times(g)).times(t_inv).abs();
        emit(group, store_rows(&s.to_words()));
    }
}
