//! The kernels of [`crate::elgamal`] on curve25519-dalek.

use curve25519_dalek::traits::Identity;
use curve25519_dalek::{RistrettoPoint, Scalar};
use zeroize::Zeroizing;

use super::{Portable, encode_doubles};
use crate::backend::{Bytes32, PublicKeyTable, decode};
use crate::elgamal::{Ciphertext, Kernels, Rows, decode_any, value_scalar};
use crate::error::Rejected;

impl Kernels for Portable {
    fn check(&self, elements: &[Bytes32]) -> Result<(), Rejected> {
        match elements.iter().position(|element| decode(element).is_none()) {
            Some(index) => Err(Rejected::bad_element(index)),
            None => Ok(()),
        }
    }

    fn encrypt(&self, values: &[i64], randomness: &[Scalar], pk: &PublicKeyTable, out: &mut [Ciphertext]) {
        let table = pk.portable();
        let mut points = Vec::with_capacity(2 * out.len());
        for (value, rho) in values.iter().zip(randomness) {
            let half = Zeroizing::new(rho.div_by_2());
            let half_value = Zeroizing::new(value_scalar(*value).div_by_2());
            points.push(RistrettoPoint::mul_base(&half));
            points.push(RistrettoPoint::mul_base(&half_value) + table * &*half);
        }
        for (out, encoded) in out.as_flattened_mut().iter_mut().zip(encode_doubles(points)) {
            *out = encoded.0;
        }
    }

    fn rerandomize(
        &self,
        ciphertexts: &[Ciphertext],
        randomness: &[Scalar],
        pk: &PublicKeyTable,
        out: &mut [Ciphertext],
    ) -> Result<(), Rejected> {
        let table = pk.portable();
        for (index, ((out, [first, second]), rho)) in
            out.iter_mut().zip(ciphertexts).zip(randomness).enumerate()
        {
            let bad = Rejected::bad_element(index);
            let (first, second) = (decode(first).ok_or(bad)?, decode(second).ok_or(bad)?);
            let (first, second) = (first + RistrettoPoint::mul_base(rho), second + table * rho);
            *out = [first.compress().0, second.compress().0];
        }
        Ok(())
    }

    fn vartime_add(&self, a: &[Bytes32], b: &[Bytes32], out: &mut [Bytes32]) -> Result<(), Rejected> {
        for (index, ((out, a), b)) in out.iter_mut().zip(a).zip(b).enumerate() {
            let bad = Rejected::bad_element(index);
            *out = (decode_any(a).ok_or(bad)? + decode_any(b).ok_or(bad)?).compress().0;
        }
        Ok(())
    }

    fn vartime_column_sums(
        &self,
        elements: &[Bytes32],
        width: usize,
        rows: &Rows<'_>,
    ) -> Result<Vec<RistrettoPoint>, Rejected> {
        let mut sums = vec![RistrettoPoint::identity(); width];
        for row in (0..rows.len()).map(|index| rows.get(index)) {
            for (column, sum) in sums.iter_mut().enumerate() {
                let index = row * width + column;
                *sum += decode(&elements[index]).ok_or(Rejected::bad_element(index))?;
            }
        }
        Ok(sums)
    }
}
