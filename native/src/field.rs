//! Arithmetic modulo p = 2^255 - 19 and on affine points of edwards25519, one value at a time, for [`crate::discrete_log`]:
//! curve25519-dalek keeps its own to itself. The field is fiat-crypto's, which is generated together with a proof.
//!
//! Variable time in part: for public values, and for those that the caller learns anyway.

use std::ops::{Add, Mul, Neg, Sub};
use std::sync::LazyLock;

use fiat_crypto::curve25519_64 as fiat;

use crate::backend::Bytes32;

/// A value, ready to be added or multiplied.
#[derive(Clone, Copy)]
pub struct Fe(fiat::fiat_25519_tight_field_element);

/// A sum or difference of two values, ready to be multiplied.
#[derive(Clone, Copy)]
pub struct Sum(fiat::fiat_25519_loose_field_element);

const ZERO_LOOSE: fiat::fiat_25519_loose_field_element = fiat::fiat_25519_loose_field_element([0; 5]);

impl Fe {
    pub const ZERO: Self = Self(fiat::fiat_25519_tight_field_element([0; 5]));
    pub const ONE: Self = Self(fiat::fiat_25519_tight_field_element([1, 0, 0, 0, 0]));

    /// A canonical encoding, or, as fiat-crypto wants it, any below 2^255.
    pub fn from_bytes(bytes: &Bytes32) -> Self {
        let mut out = Self::ZERO;
        fiat::fiat_25519_from_bytes(&mut out.0, bytes);
        out
    }

    /// The canonical encoding.
    pub fn to_bytes(self) -> Bytes32 {
        let mut out = [0; 32];
        fiat::fiat_25519_to_bytes(&mut out, &self.0);
        out
    }

    fn small(value: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&value.to_le_bytes());
        Self::from_bytes(&bytes)
    }

    pub fn square(self) -> Self {
        let mut out = Self::ZERO;
        fiat::fiat_25519_carry_square(&mut out.0, &Sum::from(self).0);
        out
    }

    fn squared_times(self, count: usize) -> Self {
        (0..count).fold(self, |value, _| value.square())
    }

    /// (self^(2^250 - 1), self^11)
    fn chain(self) -> (Self, Self) {
        let x2 = self.square();
        let x9 = x2.squared_times(2) * self;
        let x11 = x9 * x2;
        // e<n> = self^(2^n - 1)
        let e5 = x11.square() * x9;
        let e10 = e5.squared_times(5) * e5;
        let e20 = e10.squared_times(10) * e10;
        let e40 = e20.squared_times(20) * e20;
        let e50 = e40.squared_times(10) * e10;
        let e100 = e50.squared_times(50) * e50;
        let e200 = e100.squared_times(100) * e100;
        (e200.squared_times(50) * e50, x11)
    }

    /// 1 / self, and 0 for 0: self^(p - 2) = self^(2^255 - 21).
    pub fn invert(self) -> Self {
        let (e250, x11) = self.chain();
        e250.squared_times(5) * x11
    }

    /// A square root of 1 / self, of either sign, if self is a square other than zero: SQRT_RATIO_M1(1, self) of RFC 9496,
    /// section 4.2.
    fn vartime_inverse_root(self) -> Self {
        // r = self^3 * (self^7)^((p - 5) / 8)
        let cube = self.square() * self;
        let seventh = cube.square() * self;
        let root = seventh.chain().0.squared_times(2) * seventh * cube;
        if (self * root.square()).to_bytes() == Self::ONE.to_bytes() { root } else { root * *SQRT_M1 }
    }
}

/// 2^((p - 1) / 4), a square root of -1, which one does not matter; (p - 1) / 4 = 2^253 - 5.
static SQRT_M1: LazyLock<Fe> = LazyLock::new(|| {
    let two = Fe::small(2);
    // 2^253 - 5 = 8 (2^250 - 1) + 3
    two.chain().0.squared_times(3) * two.square() * two
});

/// d = -121665 / 121666 (RFC 9496, section 4.1)
static D: LazyLock<Fe> = LazyLock::new(|| -Fe::small(121_665) * Fe::small(121_666).invert());

impl From<Fe> for Sum {
    fn from(value: Fe) -> Self {
        let mut out = Self(ZERO_LOOSE);
        fiat::fiat_25519_relax(&mut out.0, &value.0);
        out
    }
}

impl From<Sum> for Fe {
    fn from(sum: Sum) -> Self {
        let mut out = Self::ZERO;
        fiat::fiat_25519_carry(&mut out.0, &sum.0);
        out
    }
}

impl Add for Fe {
    type Output = Sum;
    fn add(self, other: Self) -> Sum {
        let mut out = Sum(ZERO_LOOSE);
        fiat::fiat_25519_add(&mut out.0, &self.0, &other.0);
        out
    }
}

impl Sub for Fe {
    type Output = Sum;
    fn sub(self, other: Self) -> Sum {
        let mut out = Sum(ZERO_LOOSE);
        fiat::fiat_25519_sub(&mut out.0, &self.0, &other.0);
        out
    }
}

impl Neg for Fe {
    type Output = Self;
    fn neg(self) -> Self {
        (Self::ZERO - self).into()
    }
}

impl<T: Into<Sum>> Mul<T> for Fe {
    type Output = Self;
    fn mul(self, other: T) -> Self {
        Sum::from(self) * other
    }
}

impl<T: Into<Sum>> Mul<T> for Sum {
    type Output = Fe;
    fn mul(self, other: T) -> Fe {
        let mut out = Fe::ZERO;
        fiat::fiat_25519_carry_mul(&mut out.0, &self.0, &other.into().0);
        out
    }
}

/// The inverse of each value, none of which is zero, with one inversion for all of them.
pub fn invert_all(values: &mut [Fe]) {
    let mut product = Fe::ONE;
    let mut prefixes = Vec::with_capacity(values.len());
    for value in values.iter() {
        prefixes.push(product);
        product = product * *value;
    }
    let mut inverse = product.invert();
    for (value, prefix) in values.iter_mut().zip(prefixes).rev() {
        let next = inverse * *value;
        *value = inverse * prefix;
        inverse = next;
    }
}

/// An affine point of edwards25519, -x^2 + y^2 = 1 + d x^2 y^2.
#[derive(Clone, Copy)]
pub struct Affine {
    pub x: Fe,
    pub y: Fe,
}

impl Affine {
    pub const IDENTITY: Self = Self { x: Fe::ZERO, y: Fe::ONE };

    /// What a canonical encoding of an element decodes to (RFC 9496, section 4.3.1), or the negative of it.
    pub fn decode_up_to_sign(encoding: &Bytes32) -> Self {
        let s = Fe::from_bytes(encoding);
        // ss = s^2, u1 = 1 - ss, u2 = 1 + ss, v = -(D * u1^2) - u2^2
        let ss = s.square();
        let (u1, u2) = (Fe::from(Fe::ONE - ss), Fe::from(Fe::ONE + ss));
        let v = Fe::from(-(*D * u1.square()) - u2.square());
        let invsqrt = (v * u2.square()).vartime_inverse_root();
        // den_x = invsqrt * u2, den_y = invsqrt * den_x * v, x = 2 * s * den_x, y = u1 * den_y
        let den_x = invsqrt * u2;
        Self { x: (s + s) * den_x, y: u1 * invsqrt * den_x * v }
    }

    /// d x y
    pub fn d_x_y(&self) -> Fe {
        *D * self.x * self.y
    }

    pub fn negate(&self) -> Self {
        Self { x: -self.x, y: self.y }
    }

    pub fn add(&self, other: &Self) -> Self {
        let product = self.x * self.y * other.d_x_y();
        let (plus, minus) = (Fe::from(Fe::ONE + product), Fe::from(Fe::ONE - product));
        // d is not a square, so that neither is zero.
        let inverse = (plus * minus).invert();
        Self {
            x: Fe::from(self.x * other.y + self.y * other.x) * minus * inverse,
            y: Fe::from(self.y * other.y + self.x * other.x) * plus * inverse,
        }
    }

    /// factor * self. Variable time.
    pub fn vartime_multiply(&self, factor: u64) -> Self {
        let mut product = Self::IDENTITY;
        for bit in (0..u64::BITS - factor.leading_zeros()).rev() {
            product = product.add(&product);
            if factor >> bit & 1 == 1 {
                product = product.add(self);
            }
        }
        product
    }
}
