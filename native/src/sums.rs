//! What is added up in a weighted sum: its points, and its secret weights.

use std::ops::Range;

use curve25519_dalek::Scalar;
use zeroize::Zeroizing;

use crate::backend::Bytes32;
use crate::hash::Expander;
use crate::items::Items;

/// The points of a sum: encoded elements, or the hashes of items to the group.
#[derive(Clone, Copy)]
pub enum Bases<'a> {
    Elements(&'a [Bytes32]),
    Hashed(Items<'a>, &'a Expander),
}

impl Bases<'_> {
    pub fn len(&self) -> usize {
        match self {
            Self::Elements(elements) => elements.len(),
            Self::Hashed(items, _) => items.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn slice(&self, range: Range<usize>) -> Self {
        match *self {
            Self::Elements(elements) => Self::Elements(&elements[range]),
            Self::Hashed(items, dst) => Self::Hashed(items.slice(range), dst),
        }
    }
}

/// Secret weights. The narrow ones are odd, so that a sum over them takes no more digits than they have.
#[derive(Clone, Copy)]
pub enum SecretWeights<'a> {
    Scalars(&'a [Scalar]),
    /// Odd numbers, little-endian.
    Odd192(&'a [[u8; 24]]),
    /// Odd numbers.
    Odd32(&'a [u32]),
}

impl SecretWeights<'_> {
    pub fn len(&self) -> usize {
        match self {
            Self::Scalars(weights) => weights.len(),
            Self::Odd192(weights) => weights.len(),
            Self::Odd32(weights) => weights.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn slice(&self, range: Range<usize>) -> Self {
        match *self {
            Self::Scalars(weights) => Self::Scalars(&weights[range]),
            Self::Odd192(weights) => Self::Odd192(&weights[range]),
            Self::Odd32(weights) => Self::Odd32(&weights[range]),
        }
    }

    pub fn scalars(&self) -> Zeroizing<Vec<Scalar>> {
        Zeroizing::new(match self {
            Self::Scalars(weights) => weights.to_vec(),
            Self::Odd192(weights) => weights.iter().map(scalar_of_192).collect(),
            Self::Odd32(weights) => weights.iter().map(|weight| Scalar::from(*weight)).collect(),
        })
    }
}

/// A number of 192 bits, little-endian.
pub fn scalar_of_192(bytes: &[u8; 24]) -> Scalar {
    let mut wide = Zeroizing::new([0; 32]);
    wide[..24].copy_from_slice(bytes);
    Scalar::from_bytes_mod_order(*wide)
}
