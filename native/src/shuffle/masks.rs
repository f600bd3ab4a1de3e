//! What hides: scalars of a stream by number, so that each pass over the rows finds the same ones.

use std::ops::Range;

use curve25519_dalek::Scalar;
use zeroize::Zeroizing;

use super::MAX_ROWS;
use crate::error::Error;
use crate::keystream::StreamKey;

/// The blinds of single commitments: the first scalars of the masks' stream.
#[derive(Clone, Copy)]
pub(super) enum Blind {
    /// r_C, r_D, r_P
    Permutation,
    Permuted,
    Chain,
    /// r_d, r_delta
    MasksOfWeights,
    MasksOfChain,
    /// alpha, beta
    Key,
    Ciphertexts,
    /// r_1, r_0
    Linear,
    Constant,
}

/// Where the masks of the rows start in the stream.
const FIRST_ROW: u64 = 16;

pub(super) type Secrets = Zeroizing<Vec<Scalar>>;

/// All that hides: d_i, delta_i, alpha, beta and the blinds.
pub struct Masks {
    key: StreamKey,
    /// How many rows there are.
    count: usize,
}

impl Masks {
    pub fn new(key: StreamKey, count: usize) -> Result<Self, Error> {
        if (1..=MAX_ROWS).contains(&count) {
            return Ok(Self { key, count });
        }
        Err(Error::length("permutation", format!("1 to {MAX_ROWS} rows"), count))
    }

    pub(super) fn blind(&self, blind: Blind) -> Result<Zeroizing<Scalar>, Error> {
        self.key.scalar(blind as u64)
    }

    /// d_i and delta_i; the last delta is zero.
    pub(super) fn of_rows(&self, rows: Range<usize>) -> (Secrets, Secrets) {
        let mut weights = Zeroizing::new(Vec::with_capacity(rows.len()));
        let mut chain = Zeroizing::new(Vec::with_capacity(rows.len()));
        self.key.for_each_block(FIRST_ROW + 2 * rows.start as u64, 2 * rows.len(), |block| {
            let list = if weights.len() == chain.len() { &mut weights } else { &mut chain };
            list.push(Scalar::from_bytes_mod_order_wide(block));
        });
        if rows.end == self.count
            && let Some(last) = chain.last_mut()
        {
            *last = Scalar::ZERO;
        }
        (weights, chain)
    }

    /// d_i alone.
    pub(super) fn of_weights(&self, rows: Range<usize>) -> Secrets {
        let mut weights = Zeroizing::new(Vec::with_capacity(rows.len()));
        let mut of_chain = true;
        self.key.for_each_block(FIRST_ROW + 2 * rows.start as u64, 2 * rows.len(), |block| {
            of_chain = !of_chain;
            if !of_chain {
                weights.push(Scalar::from_bytes_mod_order_wide(block));
            }
        });
        weights
    }

    /// delta_(i - 1) for the first of some rows, zero for row 0.
    pub(super) fn chain_before(&self, row: usize) -> Zeroizing<Scalar> {
        if row == 0 {
            return Zeroizing::new(Scalar::ZERO);
        }
        Zeroizing::new(self.of_rows(row - 1..row).1[0])
    }
}
