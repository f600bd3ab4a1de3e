//! Arithmetic modulo p as far as it does not depend on what a backend's limbs are.

use core::ops::{Add, Sub};

use super::field::{BIAS, Constant, Fe, Sum};
use super::vector::{LANES, Mask, Vector};

impl Fe {
    /// The same value in all lanes.
    #[inline(always)]
    pub fn splat(value: Constant) -> Self {
        let limbs = value.limbs();
        Self(limbwise!(k => Vector::splat(limbs[k])))
    }

    #[inline(always)]
    pub fn zero() -> Self {
        Self([Vector::zero(); 5])
    }

    #[inline(always)]
    pub fn one() -> Self {
        Self::splat(Constant::ONE)
    }

    #[inline(always)]
    pub fn is_zero(self) -> Mask {
        let l = self.canonical();
        (l[0] | l[1] | l[2] | l[3] | l[4]).is_zero()
    }

    /// IS_NEGATIVE of RFC 9496, section 3.1: the canonical encoding is odd.
    #[inline(always)]
    pub fn is_negative(self) -> Mask {
        self.canonical()[0].has_bit(1)
    }

    #[inline(always)]
    pub fn equals(self, other: Self) -> Mask {
        (self.wide() - other.wide()).carry().is_zero()
    }

    /// Per lane: `then` where the mask's bit is set, `otherwise` where not.
    #[inline(always)]
    pub fn select(mask: Mask, then: Self, otherwise: Self) -> Self {
        Self(limbwise!(k => Vector::select(mask, then.0[k], otherwise.0[k])))
    }

    /// One lane in all lanes.
    #[inline(always)]
    pub fn broadcast(self, lane: usize) -> Self {
        Self(limbwise!(k => self.0[k].broadcast(lane)))
    }

    #[inline(always)]
    pub fn negate_if(self, mask: Mask) -> Self {
        Self::select(mask, self.negate(), self)
    }

    /// CT_ABS of RFC 9496, section 3.1.
    #[inline(always)]
    pub fn abs(self) -> Self {
        self.negate_if(self.is_negative())
    }

    #[inline(always)]
    pub fn mul(self, other: Self) -> Sum {
        Sum::zero().plus_mul(self, other)
    }
}

impl Sum {
    #[inline(always)]
    pub fn zero() -> Self {
        Self([Vector::zero(); 5])
    }

    /// A multiple of p: what starts out from it can have a product subtracted limb by limb.
    #[inline(always)]
    pub fn bias() -> Self {
        Self(limbwise!(k => Vector::splat(BIAS[k])))
    }

    /// self - other without a bias of its own: `self` must have started from [`Sum::bias`].
    #[inline(always)]
    pub fn less(self, other: Self) -> Self {
        if cfg!(debug_assertions) {
            for (limb, other) in self.0.iter().zip(other.0) {
                assert!(limb.to_array().iter().zip(other.to_array()).all(|(limb, other)| *limb >= other));
            }
        }
        Self(limbwise!(k => self.0[k] - other.0[k]))
    }

    #[inline(always)]
    pub fn doubled(self) -> Self {
        self + self
    }
}

impl Add for Sum {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(limbwise!(k => self.0[k] + other.0[k]))
    }
}

impl Sub for Sum {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self::bias().add(self).less(other)
    }
}

/// A row of 32 bytes for each lane, as four little-endian words per lane.
#[inline(always)]
pub fn load_rows(rows: &[[u8; 32]; LANES]) -> [Vector; 4] {
    let mut words = [[0; LANES]; 4];
    for (lane, row) in rows.iter().enumerate() {
        for (word, bytes) in words.iter_mut().zip(row.as_chunks().0) {
            word[lane] = u64::from_le_bytes(*bytes);
        }
    }
    [Vector::load(&words[0]), Vector::load(&words[1]), Vector::load(&words[2]), Vector::load(&words[3])]
}

/// The reverse of [`load_rows`].
#[inline(always)]
pub fn store_rows(words: &[Vector; 4]) -> [[u8; 32]; LANES] {
    let mut rows = [[0; 32]; LANES];
    for (index, word) in words.iter().enumerate() {
        for (row, word) in rows.iter_mut().zip(word.to_array()) {
            row[8 * index..8 * index + 8].copy_from_slice(&word.to_le_bytes());
        }
    }
    rows
}
