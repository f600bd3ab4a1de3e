//! Running sums of affine points: the inner loop of fixed-base multiplication and of sums with public weights.

use super::constants::TWO_D;
use super::edwards::Extended;
use super::field::{Fe, Sum};
use super::lanes::Mask;

/// An affine point, prepared to be added.
#[derive(Clone, Copy)]
pub struct Mixed {
    pub y_plus_x: Fe,
    pub y_minus_x: Fe,
    pub two_d_t: Fe,
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
