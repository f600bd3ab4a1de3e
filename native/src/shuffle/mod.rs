//! The proof of a shuffle of docs/shuffle-proof.md, whose names this module uses. Python hashes the challenges (psi/shuffle.py);
//! here is what runs over all rows.
//!
//! Of the prover's numbers, the permutation, `a`, the masks, and all that follows from them are secret: rows are taken in the
//! order of *after*, which is public, and the weight of a permuted row is computed, not looked up.

mod masks;
mod own;
mod prover;
mod verifier;

use std::ops::Range;

use curve25519_dalek::ristretto::CompressedRistretto;
use curve25519_dalek::{RistrettoPoint, Scalar};
use zeroize::Zeroizing;

pub use self::masks::Masks;
pub use self::own::{Encryption, OwnRows};
pub use self::prover::{Prover, Relation, Witness, answers, close, commit, permute};
pub use self::verifier::{Check, List, Opening, Verifier};

use crate::backend::{Bytes32, Bytes64};
use crate::error::{Error, Rejected};
use crate::hash::Expander;
use crate::items::Items;
use crate::keystream::StreamKey;
use crate::parallel;
use crate::sums::scalar_of_192;

/// Domain separation; psi/dst.py lists the same.
pub const DST_GENERATORS: &str = "accord/v1/shuffle-generators";
/// Rows of one proof: the masks of a row are two scalars of one stream, after the blinds.
pub const MAX_ROWS: usize = (1 << 31) - 8;
/// Elements that one step holds in memory at a time.
const ROUND_ELEMENTS: usize = 16_384;
/// Bytes of an element and a ciphertext in a row.
const ELEMENT_BYTES: usize = 32;
const CIPHERTEXT_BYTES: usize = 64;

/// The challenges w1 and w2: the weights of rows and columns, and the points at which polynomials are compared.
pub struct Weights {
    rows: StreamKey,
    /// mu_j
    columns: Vec<Scalar>,
    y: Scalar,
    x: Scalar,
}

impl Weights {
    pub fn new(w1: &Bytes64, w2: &Bytes64, columns: usize) -> Result<Self, Error> {
        let (rows, of_columns) = halves(w1);
        let window = of_columns.window(0, columns)?;
        let columns = window.scalars(0..columns).map_err(|zero| zero.in_list("challenges"))?;
        let (points, _) = halves(w2);
        Ok(Self { rows, columns: columns.to_vec(), y: *points.scalar(0)?, x: *points.scalar(1)? })
    }

    /// t_i = e_i + (2 i + 1) y, for rows in their own order.
    fn in_order(&self, rows: Range<usize>) -> Vec<Scalar> {
        let mut weights = Vec::with_capacity(rows.len());
        let mut of_number = Scalar::from(2 * rows.start as u64 + 1) * self.y;
        let step = self.y + self.y;
        self.rows.for_each_block(rows.start as u64, rows.len(), |block| {
            weights.push(scalar_of_192(&odd(block)) + of_number);
            of_number += step;
        });
        weights
    }

    /// As [`Self::in_order`], on all cores.
    fn in_order_of(&self, rows: Range<usize>) -> Result<Zeroizing<Vec<Scalar>>, Error> {
        let part = |part: Range<usize>| rows.start + part.start..rows.start + part.end;
        parallel::scalars(rows.len(), |range| Ok(Zeroizing::new(self.in_order(part(range)))))
            .map_err(|rejected| rejected.in_list("weights"))
    }

    /// t of one row, given its e.
    fn of_row(&self, weight: &[u8; 24], row: u32) -> Scalar {
        scalar_of_192(weight) + Scalar::from(2 * u64::from(row) + 1) * self.y
    }
}

/// The first 192 bits of a block, the lowest bit set.
fn odd(block: &Bytes64) -> [u8; 24] {
    let mut bytes = [0; 24];
    bytes.copy_from_slice(&block[..24]);
    bytes[0] |= 1;
    bytes
}

/// Both halves of a digest as stream keys.
fn halves(digest: &Bytes64) -> (StreamKey, StreamKey) {
    let [first, second] = digest.as_chunks::<32>().0 else { unreachable!("a digest has two halves") };
    (StreamKey::new(first), StreamKey::new(second))
}

/// Scalar 0 of a digest: z of w3, gamma of w4.
pub fn challenge(digest: &Bytes64) -> Result<Scalar, Error> {
    Ok(*halves(digest).0.scalar(0)?)
}

fn generators() -> Expander {
    Expander::new(DST_GENERATORS.as_bytes()).expect("the tag is short")
}

/// What the generators H_i of some rows are hashed from.
struct Numbers {
    data: Vec<u8>,
    offsets: Vec<u32>,
}

impl Numbers {
    fn new(rows: Range<usize>) -> Self {
        let offsets = (0..=rows.len() as u32).map(|index| 8 * index).collect();
        Self { data: rows.flat_map(|row| (row as u64).to_be_bytes()).collect(), offsets }
    }

    fn items(&self) -> Items<'_> {
        Items::new(&self.data, &self.offsets).expect("the offsets are those of eight bytes each")
    }
}

/// F, the base for committed values.
fn value_base() -> RistrettoPoint {
    RistrettoPoint::from_uniform_bytes(&generators().uniform(&u64::MAX.to_be_bytes()))
}

/// Rows of *before* or *after*: an element each, and the ciphertexts.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    bytes: &'a [u8],
    columns: usize,
}

impl<'a> Rows<'a> {
    pub fn new(what: &'static str, bytes: &'a [u8], columns: usize) -> Result<Self, Error> {
        let rows = Self { bytes, columns };
        if bytes.len().is_multiple_of(rows.row_bytes()) {
            return Ok(rows);
        }
        Err(Error::length(what, format!("a multiple of {} bytes", rows.row_bytes()), bytes.len()))
    }

    fn row_bytes(&self) -> usize {
        ELEMENT_BYTES + CIPHERTEXT_BYTES * self.columns
    }

    pub fn len(&self) -> usize {
        self.bytes.len() / self.row_bytes()
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn slice(&self, rows: Range<usize>) -> Self {
        let bytes = &self.bytes[rows.start * self.row_bytes()..rows.end * self.row_bytes()];
        Self { bytes, ..*self }
    }

    fn elements(&self) -> Vec<Bytes32> {
        self.bytes.chunks_exact(self.row_bytes()).map(|row| row.as_chunks().0[0]).collect()
    }

    /// The first or the second components of all ciphertexts, row by row.
    fn components(&self, component: usize) -> Vec<Bytes32> {
        let rows = self.bytes.chunks_exact(self.row_bytes());
        rows.flat_map(|row| row.as_chunks().0[1..].iter().skip(component).step_by(2).copied()).collect()
    }
}

/// Parts of `rows` that are taken into memory at a time.
fn rounds(rows: usize, columns: usize) -> impl Iterator<Item = Range<usize>> {
    let size = (ROUND_ELEMENTS / columns.max(1)).max(1);
    (0..rows).step_by(size).map(move |start| start..rows.min(start + size))
}

/// Each row's weight times each column's, row by row.
fn of_columns(rows: &[Scalar], columns: &[Scalar]) -> Zeroizing<Vec<Scalar>> {
    let mut weights = Zeroizing::new(Vec::with_capacity(rows.len() * columns.len()));
    rows.iter().for_each(|row| weights.extend(columns.iter().map(|column| row * column)));
    weights
}

/// z^row, by which a sum of z^(i + 1) a_i over rows from this one on is multiplied, once it was added up as if they were the
/// first (from the last row on, each time sum = (sum + a_i) z).
fn power(z: &Scalar, row: usize) -> Scalar {
    let mut power = Scalar::ONE;
    for bit in (0..usize::BITS - row.leading_zeros()).rev() {
        power *= power;
        if row >> bit & 1 == 1 {
            power *= z;
        }
    }
    power
}

/// Elements and scalars, as a step hands them to its successor: 32 bytes each.
struct Encoded<'a>(&'a [Bytes32]);

impl<'a> Encoded<'a> {
    fn new(rows: &'a [Bytes32]) -> Self {
        Self(rows)
    }

    fn next(&mut self) -> Option<&'a Bytes32> {
        self.0.split_off_first()
    }

    /// An element, which may be the identity.
    fn point(&mut self) -> Result<RistrettoPoint, Error> {
        self.next().and_then(|row| CompressedRistretto(*row).decompress()).ok_or(Error::BadProof)
    }

    fn scalar(&mut self) -> Result<Scalar, Error> {
        let scalar = self.next().and_then(|row| Scalar::from_canonical_bytes(*row).into());
        scalar.ok_or(Error::BadProof)
    }

    fn finish(self) -> Result<(), Error> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::BadProof) }
    }
}

/// An error in a row's element is one of its row.
fn row_of(rejected: Rejected, columns: usize) -> Rejected {
    Rejected { index: rejected.index / columns, ..rejected }
}
