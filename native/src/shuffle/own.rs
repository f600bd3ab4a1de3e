//! Rows before, as whoever encrypted their ciphertexts has them: what was encrypted, and by which scalars.
//!
//! The sums over such ciphertexts follow from sums of scalars, which are far cheaper than sums of points. Constant time: values
//! and randomness are secret.

use std::ops::Range;

use curve25519_dalek::{RistrettoPoint, Scalar};
use zeroize::Zeroizing;

use super::ELEMENT_BYTES;
use crate::backend::{Bytes32, PublicKeyTable};
use crate::elgamal::value_scalar;
use crate::error::{Error, Rejected};
use crate::keystream::StreamKey;
use crate::parallel;

const NUMBER_BYTES: usize = 4;
const VALUE_BYTES: usize = 8;

/// Rows of an element, the number under which the row was encrypted, and its values; numbers little-endian.
#[derive(Clone, Copy)]
pub struct OwnRows<'a> {
    bytes: &'a [u8],
    columns: usize,
    encryption: &'a Encryption,
}

/// Value j of row number r was encrypted under scalar r * columns + j of the stream.
pub struct Encryption {
    pub randomness: StreamKey,
    pub joint_key: PublicKeyTable,
}

impl<'a> OwnRows<'a> {
    pub fn new(bytes: &'a [u8], columns: usize, encryption: &'a Encryption) -> Result<Self, Error> {
        let rows = Self { bytes, columns, encryption };
        if bytes.len().is_multiple_of(rows.row_bytes()) {
            return Ok(rows);
        }
        Err(Error::length("rows before", format!("a multiple of {} bytes", rows.row_bytes()), bytes.len()))
    }

    fn row_bytes(&self) -> usize {
        ELEMENT_BYTES + NUMBER_BYTES + VALUE_BYTES * self.columns
    }

    pub fn len(&self) -> usize {
        self.bytes.len() / self.row_bytes()
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn slice(&self, rows: Range<usize>) -> Self {
        let bytes = &self.bytes[rows.start * self.row_bytes()..rows.end * self.row_bytes()];
        Self { bytes, ..*self }
    }

    pub(super) fn elements(&self) -> Vec<Bytes32> {
        self.bytes.chunks_exact(self.row_bytes()).map(|row| row.as_chunks().0[0]).collect()
    }

    /// Of all rows, weighted, both components of the sum of mu_j E_j.
    pub(super) fn ciphertexts(
        &self,
        weights: &[Scalar],
        mu: &[Scalar],
    ) -> Result<[RistrettoPoint; 2], Rejected> {
        let parts = parallel::collect(self.len(), |part| {
            let mut sums = Zeroizing::new([Scalar::ZERO; 2]);
            for (row, weight) in self.slice(part.clone()).rows().zip(&weights[part]) {
                let [rho, value] = *self.of_row(row, mu)?;
                sums[0] += weight * rho;
                sums[1] += weight * value;
            }
            Ok(sums)
        })?;
        let (mut rho, mut value) = (Zeroizing::new(Scalar::ZERO), Zeroizing::new(Scalar::ZERO));
        for part in parts {
            *rho += part[0];
            *value += part[1];
        }
        let masked = self.encryption.joint_key.point() * *rho;
        Ok([RistrettoPoint::mul_base(&rho), RistrettoPoint::mul_base(&value) + masked])
    }

    fn rows(&self) -> impl Iterator<Item = &'a [u8]> {
        self.bytes.chunks_exact(self.row_bytes()).map(|row| &row[ELEMENT_BYTES..])
    }

    /// The sums of mu_j rho_j and of mu_j v_j, of what stands behind one element.
    fn of_row(&self, row: &[u8], mu: &[Scalar]) -> Result<Zeroizing<[Scalar; 2]>, Rejected> {
        let (number, values) = row.split_at(NUMBER_BYTES);
        let number = number.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte));
        let window = self.encryption.randomness.window(number * mu.len() as u64, mu.len());
        let randomness = window.map_err(|_| Rejected::bad_scalar(0))?.scalars(0..mu.len())?;
        let mut sums = Zeroizing::new([Scalar::ZERO; 2]);
        for ((mu, rho), value) in mu.iter().zip(randomness.iter()).zip(values.as_chunks().0) {
            sums[0] += mu * rho;
            sums[1] += mu * *value_scalar(i64::from_le_bytes(*value));
        }
        Ok(sums)
    }
}
