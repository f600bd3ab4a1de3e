//! Running sums of affine points: the inner loop of fixed-base multiplication and of sums with public weights.

use super::constants::TWO_D;
use super::edwards::Extended;
use super::field::{Constant, Fe, Sum};
use super::vector::{LANES, Mask, Row, Vector, prefetch};

/// An affine point, prepared to be added.
#[derive(Clone, Copy)]
pub struct Mixed {
    pub y_plus_x: Fe,
    pub y_minus_x: Fe,
    pub two_d_t: Fe,
}

/// The limbs of one lane's [`Mixed`], side by side in two cache lines; the last word is unused.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub struct MixedRow([Row; 2]);

impl MixedRow {
    pub const IDENTITY: Self = {
        let [a, b, c, d, e] = Constant::ONE.limbs();
        Self([[a, b, c, d, e, a, b, c], [d, e, 0, 0, 0, 0, 0, 0]])
    };

    /// Asks for the row before it is needed.
    #[inline(always)]
    pub fn prefetch(&self) {
        self.0.iter().for_each(prefetch);
    }
}

impl Mixed {
    #[inline(always)]
    pub fn to_rows(self) -> [MixedRow; LANES] {
        let (p, m, t) = (self.y_plus_x.0, self.y_minus_x.0, self.two_d_t.0);
        let low = Vector::to_rows([p[0], p[1], p[2], p[3], p[4], m[0], m[1], m[2]]);
        let high = Vector::to_rows([m[3], m[4], t[0], t[1], t[2], t[3], t[4], Vector::zero()]);
        let mut rows = [MixedRow::IDENTITY; LANES];
        for (lane, row) in rows.iter_mut().enumerate() {
            *row = MixedRow([low[lane], high[lane]]);
        }
        rows
    }

    #[inline(always)]
    pub fn from_rows(rows: [&MixedRow; LANES]) -> Self {
        let [p0, p1, p2, p3, p4, m0, m1, m2] = Vector::from_rows(rows.map(|row| &row.0[0]));
        let [m3, m4, t0, t1, t2, t3, t4, _] = Vector::from_rows(rows.map(|row| &row.0[1]));
        Self {
            y_plus_x: Fe([p0, p1, p2, p3, p4]),
            y_minus_x: Fe([m0, m1, m2, m3, m4]),
            two_d_t: Fe([t0, t1, t2, t3, t4]),
        }
    }
}

impl Extended {
    /// Of a point with Z = 1.
    #[inline(always)]
    pub fn mixed(&self) -> Mixed {
        let (x, y) = (self.x.wide(), self.y.wide());
        Mixed {
            y_plus_x: (y + x).carry(),
            y_minus_x: (y - x).carry(),
            two_d_t: self.t.times(Fe::splat(TWO_D)),
        }
    }
}

/// A running sum, in the form that the next addition wants.
#[derive(Clone, Copy)]
pub struct Accumulator {
    y_plus_x: Fe,
    y_minus_x: Fe,
    t: Fe,
    /// Starts from a bias.
    z: Sum,
    /// The coordinates themselves, not yet carried. y starts from a bias.
    x: Sum,
    y: Sum,
}

impl Accumulator {
    #[inline(always)]
    pub fn new(point: &Extended) -> Self {
        let (x, y) = (point.x.wide(), Sum::bias() + point.y.wide());
        Self {
            y_plus_x: (y + x).carry(),
            y_minus_x: y.less(x).carry(),
            t: point.t,
            z: Sum::bias() + point.z.wide(),
            x,
            y,
        }
    }

    /// Adds the point, or subtracts it in the lanes of `negative`. (Hisil, Wong, Carter, Dawson 2008, section 3.1 with
    /// a = -1 and Z2 = 1: complete.)
    #[inline(always)]
    pub fn add(&mut self, point: &Mixed, negative: Mask) {
        let Mixed { y_plus_x: plus, y_minus_x: minus, two_d_t } = *point;
        // -(x, y) = (-x, y): the first two change places, the third its sign, which is done to F and G below.
        let a = self.y_minus_x.mul(Fe::select(negative, plus, minus));
        let b = Sum::bias().plus_mul(self.y_plus_x, Fe::select(negative, minus, plus));
        let c = self.t.mul(two_d_t);
        let d = self.z.doubled();
        let (e, h) = (b.less(a).carry(), (b + a).carry());
        let (difference, sum) = (d.less(c).carry(), (d + c).carry());
        let f = Fe::select(negative, sum, difference);
        let g = Fe::select(negative, difference, sum);
        let (x, y) = (e.mul(f), Sum::bias().plus_mul(g, h));
        *self = Self {
            y_plus_x: (y + x).carry(),
            y_minus_x: y.less(x).carry(),
            t: e.times(h),
            z: Sum::bias().plus_mul(f, g),
            x,
            y,
        };
    }

    #[inline(always)]
    pub fn finish(self) -> Extended {
        Extended { x: self.x.carry(), y: self.y.carry(), z: self.z.carry(), t: self.t }
    }
}
