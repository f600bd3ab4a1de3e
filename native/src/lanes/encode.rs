//! Encoding (RFC 9496, section 4.3.2) without a square root for every point.
//!
//! What Encode needs beside field operations is the square root of (1 - y) / (1 + y), which is s^2 for the s of a point's own
//! encoding. Whoever decodes or maps to a point knows s; for the double of a point it is rational; and for a sum it
//! follows from those of the summands. On curve25519, where u = 1 / s^2, the addition law reads u1 u2 u3 =
//! ((v2 u1 - v1 u2) / (u1 - u2))^2, hence with v = c u / x and up to a sign, which does not matter,
//!
//! s3 = (s2^2 - s1^2) x1 x2 / (c s1 s2 (x1 - x2)).
//!
//! That fails where x1 = x2, which no input makes happen that anyone can find; only there [`encode`] takes a square root.

use zeroize::{DefaultIsZeroes, Zeroize, Zeroizing};

use super::accumulator::Mixed;
use super::constants::{D, INVSQRT_A_MINUS_D, MONTGOMERY_C, SQRT_M1};
use super::edwards::{Decoded, Extended};
use super::field::{Constant, Fe};
use super::limbs::store_rows;
use super::power::{invert_all, sqrt_ratio};
use super::vector::LANES;
use crate::backend::Bytes32;

/// A point and s = numerator / denominator with s^2 = (1 - y) / (1 + y).
#[derive(Clone, Copy)]
pub struct Rooted {
    pub point: Extended,
    pub numerator: Fe,
    pub denominator: Fe,
}

impl Zeroize for Rooted {
    fn zeroize(&mut self) {
        self.point.zeroize();
        self.numerator.zeroize();
        self.denominator.zeroize();
    }
}

impl Rooted {
    #[inline(always)]
    pub fn identity() -> Self {
        Self { point: Extended::identity(), numerator: Fe::zero(), denominator: Fe::one() }
    }

    #[inline(always)]
    pub fn from_decoded(decoded: &Decoded) -> Self {
        Self { point: decoded.point, numerator: decoded.s, denominator: Fe::one() }
    }

    /// From an element's encoding s and its point, prepared to be added.
    #[inline(always)]
    pub fn from_mixed(s: Fe, point: &Mixed) -> Self {
        // 2 x, 2 y; then X = 4 x, Y = 4 y, Z = 4, T = X Y / Z = 2 x 2 y
        let (plus, minus) = (point.y_plus_x.wide(), point.y_minus_x.wide());
        let (x, y) = (plus - minus, plus + minus);
        let point = Extended {
            x: x.doubled().carry(),
            y: y.doubled().carry(),
            z: Fe::splat(Constant::new([4, 0, 0, 0])),
            t: x.carry().times(y.carry()),
        };
        Self { point, numerator: s, denominator: Fe::one() }
    }

    /// The sum of two decoded elements, by the formula above.
    #[inline(always)]
    pub fn sum(first: &Decoded, second: &Decoded) -> Self {
        let squares = (second.s.square() - first.s.square()).carry();
        let x_difference = (first.point.x.wide() - second.point.x.wide()).carry();
        Self {
            point: first.point.add(&second.point),
            numerator: first.point.x.times(second.point.x).times(squares),
            denominator: first.s.times(second.s).times(Fe::splat(MONTGOMERY_C)).times(x_difference),
        }
    }

    /// self + 2 q. For the double, x2 = e / f, s2^2 = (h - g) / (h + g) and s2 = (2 / c) e / (h + g), so that
    /// s3 = x1 ((h - g) - s1^2 (h + g)) / (2 s1 (x1 f - e)).
    #[inline(always)]
    pub fn add_double(&self, q: &Extended) -> Self {
        let Double { e, f, g, h } = Double::of(q);
        let Self { point, numerator, denominator } = *self;
        let (sum, difference) = ((h.wide() + g.wide()).carry(), (h.wide() - g.wide()).carry());
        let factor = (difference.mul(denominator.squared()) - sum.mul(numerator.squared())).carry();
        let x_difference = (point.x.mul(f) - point.z.mul(e)).doubled().carry();
        Self {
            point: point.add(&Extended { x: e.times(h), y: g.times(f), z: f.times(h), t: e.times(g) }),
            numerator: point.x.times(factor),
            denominator: numerator.times(denominator).times(x_difference),
        }
    }
}

/// 2 P = (e / f, g / h).
#[derive(Clone, Copy, Default)]
struct Double {
    e: Fe,
    f: Fe,
    g: Fe,
    h: Fe,
}

impl DefaultIsZeroes for Double {}

impl Double {
    #[inline(always)]
    fn of(point: &Extended) -> Self {
        // e = 2 X Y, f = Z^2 + d T^2, g = Y^2 + X^2, h = Z^2 - d T^2
        let (xx, yy, zz) = (point.x.square(), point.y.square(), point.z.square());
        let dtt = point.t.squared().mul(Fe::splat(D));
        let e = point.x.mul(point.y).doubled().carry();
        Self { e, f: (zz + dtt).carry(), g: (yy + xx).carry(), h: (zz - dtt).carry() }
    }
}

/// The last steps of Encode, from den1, den2 and z_inv on.
#[inline(always)]
fn finish(point: &Extended, den1: Fe, den2: Fe, z_inv: Fe) -> [Bytes32; LANES] {
    let Extended { x, y, z, t } = *point;
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
}

kernel!(
    /// Encode for one group of points, as RFC 9496 has it.
    pub fn encode_by_root(point: &Extended) -> [Bytes32; LANES] {
        // u1 = (z0 + y0) * (z0 - y0), u2 = x0 * y0
        let (y, z) = (point.y.wide(), point.z.wide());
        let u1 = (z + y).carry().times((z - y).carry());
        let u2 = point.x.times(point.y);
        // (_, invsqrt) = SQRT_RATIO_M1(1, u1 * u2^2)
        let (_, [invsqrt]) = sqrt_ratio(&[Fe::one()], &[u1.times(u2.squared())]);
        // den1 = invsqrt * u1, den2 = invsqrt * u2, z_inv = den1 * den2 * t0
        let (den1, den2) = (invsqrt.times(u1), invsqrt.times(u2));
        finish(point, den1, den2, den1.times(den2).times(point.t))
    }
);

kernel!(
    /// Encodes each point, with one inversion for all.
    pub fn encode(points: &[Rooted], mut emit: impl FnMut(usize, [Bytes32; LANES])) {
        // sqrt(u1) = s (z0 + y0) = root / denominator, and invsqrt = denominator / (root u2)
        let mut parts = Zeroizing::new(Vec::with_capacity(points.len()));
        let mut inverses = Zeroizing::new(Vec::with_capacity(points.len()));
        for Rooted { point, numerator, denominator } in points {
            let root = (point.z.wide() + point.y.wide()).carry().times(*numerator);
            let divisor = point.x.times(point.y).times(*denominator);
            parts.push((root, divisor));
            inverses.push(root.times(divisor));
        }
        invert_all(&mut inverses);
        for (group, Rooted { point, denominator, .. }) in points.iter().enumerate() {
            if inverses[group].is_zero() != 0 {
                emit(group, encode_by_root(point));
                continue;
            }
            let (root, divisor) = parts[group];
            // den1 = sqrt(u1) / u2, den2 = 1 / sqrt(u1), z_inv = t0 / u2
            let divisor_inverse = root.times(inverses[group]);
            let den1 = root.times(divisor_inverse);
            let den2 = divisor.times(inverses[group]).times(*denominator);
            let z_inv = point.t.times(divisor_inverse).times(*denominator);
            emit(group, finish(point, den1, den2, z_inv));
        }
    }
);

kernel!(
    /// Encodes 2 * P for each P, with one inversion for all points. The doubles of all points of a coset of the torsion are
    /// encoded alike, and so is 2 * (0, 0, 0, 0), as the identity: it is what [`super::ladder`] makes of 0 * P.
    pub fn encode_doubles(points: &[Extended], mut emit: impl FnMut(usize, [Bytes32; LANES])) {
        let mut inverses = Zeroizing::new(Vec::with_capacity(points.len()));
        let mut parts = Zeroizing::new(Vec::with_capacity(points.len()));
        for point in points {
            let double = Double::of(point);
            let (eg, fh) = (double.e.times(double.g), double.f.times(double.h));
            inverses.push(eg.times(fh));
            parts.push((double, eg, fh));
        }
        invert_all(&mut inverses);
        for (group, (&(Double { e, f, g, h }, eg, fh), &inverse)) in
            parts.iter().zip(inverses.iter()).enumerate()
        {
            // 1 / sqrt(u1) = INVSQRT_A_MINUS_D / (e f), the numerators of x and y being e h and g f.
            let z_inv = eg.times(inverse);
            let t_inv = fh.times(inverse);
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
);
