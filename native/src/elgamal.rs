//! Additive ElGamal over ristretto255 on batches: (rho*G, v*G + rho*pk), as docs/protocol.md has it.
//!
//! Keys and randomness come as stream keys, so that no scalar is ever in Python's memory. Constant time in values, keys and
//! randomness; ciphertexts are public.

use std::ops::Range;

use curve25519_dalek::ristretto::CompressedRistretto;
use curve25519_dalek::traits::{Identity, IsIdentity};
use curve25519_dalek::{RistrettoPoint, Scalar};
use zeroize::Zeroizing;

use crate::backend::{self, Backend, Bytes32, PublicKeyTable};
use crate::error::{Error, Rejected};
use crate::keystream::StreamKey;
use crate::parallel;
use crate::voprf::private_key;

/// rho*G and v*G + rho*pk, encoded.
pub type Ciphertext = [Bytes32; 2];

/// Values and totals stay below 2^47 in absolute value (docs/protocol.md, additive ElGamal).
pub const MAX_TOTAL: i64 = (1 << 47) - 1;

/// The rows of a matrix that are added up.
#[derive(Clone)]
pub enum Rows<'a> {
    All(Range<usize>),
    Selected(&'a [u32]),
}

impl Rows<'_> {
    pub fn len(&self) -> usize {
        match self {
            Self::All(range) => range.len(),
            Self::Selected(rows) => rows.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Row number `index` of the selection; panics unless `index < len()`.
    pub fn get(&self, index: usize) -> usize {
        match self {
            Self::All(range) => range.start + index,
            Self::Selected(rows) => rows[index] as usize,
        }
    }

    fn slice(&self, part: Range<usize>) -> Self {
        match self {
            Self::All(range) => Self::All(range.start + part.start..range.start + part.end),
            Self::Selected(rows) => Self::Selected(&rows[part]),
        }
    }
}

/// What a backend does for this module, each on one thread and by the rules of [`Backend`].
pub trait Kernels {
    /// Refuses all but canonical encodings of elements other than the identity.
    fn check(&self, elements: &[Bytes32]) -> Result<(), Rejected>;

    /// (rho_i*G, v_i*G + rho_i*pk), for values of at most [`MAX_TOTAL`] in absolute value.
    fn encrypt(&self, values: &[i64], randomness: &[Scalar], pk: &PublicKeyTable, out: &mut [Ciphertext]);

    /// (A_i + rho_i*G, B_i + rho_i*pk). The time may depend on the ciphertexts.
    fn rerandomize(
        &self,
        ciphertexts: &[Ciphertext],
        randomness: &[Scalar],
        pk: &PublicKeyTable,
        out: &mut [Ciphertext],
    ) -> Result<(), Rejected>;

    /// a_i + b_i, all of which may be the identity. Variable time: elements are public.
    fn vartime_add(&self, a: &[Bytes32], b: &[Bytes32], out: &mut [Bytes32]) -> Result<(), Rejected>;

    /// The sums of the `width` columns of a matrix, over the given rows; a bad element is named by its place in `elements`.
    /// Variable time: elements and rows are public.
    fn vartime_column_sums(
        &self,
        elements: &[Bytes32],
        width: usize,
        rows: &Rows<'_>,
    ) -> Result<Vec<RistrettoPoint>, Rejected>;
}

/// Decode of RFC 9496, section 4.3.1, for sums of one's own: the identity is an element too.
pub(crate) fn decode_any(encoding: &Bytes32) -> Option<RistrettoPoint> {
    CompressedRistretto(*encoding).decompress()
}

/// A value as a scalar, in constant time.
pub(crate) fn value_scalar(value: i64) -> Zeroizing<Scalar> {
    const OFFSET: u64 = 1 << 63;
    let shifted = Zeroizing::new(Scalar::from((value as u64) ^ OFFSET));
    Zeroizing::new(*shifted - Scalar::from(OFFSET))
}

fn check_values(values: &[i64]) -> Result<(), Error> {
    match values.iter().position(|value| value.unsigned_abs() > MAX_TOTAL as u64) {
        Some(index) => Err(Rejected::value_out_of_range(index).in_list("values")),
        None => Ok(()),
    }
}

/// The ciphertext in which a rejected element stands.
fn ciphertext(rejected: Rejected) -> Error {
    Rejected { index: rejected.index / 2, ..rejected }.in_list("ciphertexts")
}

/// The sum of the public keys.
pub fn joint_key(public_keys: &[Bytes32]) -> Result<Bytes32, Error> {
    if public_keys.is_empty() {
        return Err(Error::length("public keys", "at least one", 0));
    }
    let mut sum = RistrettoPoint::identity();
    for (index, key) in public_keys.iter().enumerate() {
        sum += backend::decode(key).ok_or(Rejected::bad_element(index).in_list("public keys"))?;
    }
    if sum.is_identity() { Err(Error::BadPublicKey) } else { Ok(sum.compress().0) }
}

pub fn check(backend: &dyn Backend, ciphertexts: &[Ciphertext]) -> Result<(), Error> {
    let part = |range: Range<usize>| backend.check(ciphertexts[range].as_flattened());
    for (start, result) in parallel::parts(ciphertexts.len(), part) {
        result.map_err(|rejected| ciphertext(rejected.offset_by(2 * start)))?;
    }
    Ok(())
}

/// Encrypts value i with scalar `first + i` of the stream.
pub fn encrypt(
    backend: &dyn Backend,
    values: &[i64],
    public_key: &Bytes32,
    randomness_key: &StreamKey,
    first: u64,
    out: &mut [Ciphertext],
) -> Result<(), Error> {
    check_values(values)?;
    let pk = PublicKeyTable::new(public_key)?;
    let randomness = randomness_key.window(first, values.len())?;
    parallel::blocks(out, |range, out| {
        backend.encrypt(&values[range.clone()], &randomness.scalars(range)?, &pk, out);
        Ok(())
    })
    .map_err(|zero| zero.in_list("keystream"))
}

/// Adds an encryption of zero under scalar `first + i` of the stream to ciphertext i.
pub fn rerandomize(
    backend: &dyn Backend,
    ciphertexts: &[Ciphertext],
    public_key: &Bytes32,
    randomness_key: &StreamKey,
    first: u64,
    out: &mut [Ciphertext],
) -> Result<(), Error> {
    let pk = PublicKeyTable::new(public_key)?;
    let randomness = randomness_key.window(first, ciphertexts.len())?;
    parallel::blocks(out, |range, out| {
        backend.rerandomize(&ciphertexts[range.clone()], &randomness.scalars(range)?, &pk, out)
    })
    .map_err(|rejected| rejected.in_list("ciphertexts"))
}

/// a_i + b_i, component by component.
pub fn add(
    backend: &dyn Backend,
    a: &[Ciphertext],
    b: &[Ciphertext],
    out: &mut [Ciphertext],
) -> Result<(), Error> {
    let (a, b) = (a.as_flattened(), b.as_flattened());
    parallel::blocks(out.as_flattened_mut(), |range, out| {
        backend.vartime_add(&a[range.clone()], &b[range], out)
    })
    .map_err(ciphertext)
}

/// (A_i, B_i + v_i*G).
pub fn add_values(ciphertexts: &[Ciphertext], values: &[i64], out: &mut [Ciphertext]) -> Result<(), Error> {
    check_values(values)?;
    parallel::blocks(out, |range, out| {
        let terms = ciphertexts[range.clone()].iter().zip(&values[range]);
        for (index, (out, ([first, second], value))) in out.iter_mut().zip(terms).enumerate() {
            let bad = Rejected::bad_element(index);
            decode_any(first).ok_or(bad)?;
            let second = decode_any(second).ok_or(bad)? + RistrettoPoint::mul_base(&value_scalar(*value));
            *out = [*first, second.compress().0];
        }
        Ok(())
    })
    .map_err(|rejected| rejected.in_list("ciphertexts"))
}

/// The sum of each column of a matrix of ciphertexts, over all rows or a selection. `out` has an entry for each column.
pub fn sum_columns(
    backend: &dyn Backend,
    ciphertexts: &[Ciphertext],
    rows: Option<&[u32]>,
    out: &mut [Ciphertext],
) -> Result<(), Error> {
    let columns = out.len();
    if columns == 0 || !ciphertexts.len().is_multiple_of(columns) {
        let expected = format!("a multiple of {columns} columns, at least one");
        return Err(Error::length("ciphertexts", expected, ciphertexts.len()));
    }
    let count = ciphertexts.len() / columns;
    let rows = match rows {
        None => Rows::All(0..count),
        Some(rows) => {
            if let Some(row) = rows.iter().find(|row| **row as usize >= count) {
                return Err(Error::length("row", format!("a number below {count}"), *row as usize));
            }
            Rows::Selected(rows)
        }
    };
    let (elements, width) = (ciphertexts.as_flattened(), 2 * columns);
    let part = |range: Range<usize>| backend.vartime_column_sums(elements, width, &rows.slice(range));
    let mut sums = vec![RistrettoPoint::identity(); width];
    for (_, part) in parallel::parts(rows.len(), part) {
        sums.iter_mut().zip(part.map_err(ciphertext)?).for_each(|(sum, part)| *sum += part);
    }
    for (out, sum) in out.as_flattened_mut().iter_mut().zip(sums) {
        *out = sum.compress().0;
    }
    Ok(())
}

/// sk*A_i, where sk is scalar 0 of its stream.
pub fn partial_decryptions(
    backend: &dyn Backend,
    ciphertexts: &[Ciphertext],
    secret_key: &StreamKey,
    out: &mut [Bytes32],
) -> Result<(), Error> {
    let sk = private_key(secret_key)?;
    parallel::blocks(out, |range, out| {
        let firsts: Vec<Bytes32> = ciphertexts[range].iter().map(|[first, _]| *first).collect();
        backend.evaluate(&sk, &firsts, out)
    })
    .map_err(|rejected| rejected.in_list("ciphertexts"))
}

/// B_i less the partial decryptions of it: v_i*G, once all are there.
pub fn open_shares(
    ciphertexts: &[Ciphertext],
    partials: &[&[Bytes32]],
    out: &mut [Bytes32],
) -> Result<(), Error> {
    parallel::blocks(out, |range, out| {
        for (index, (out, [_, second])) in out.iter_mut().zip(&ciphertexts[range.clone()]).enumerate() {
            let bad = Rejected::bad_element(index);
            let mut opened = decode_any(second).ok_or(bad)?;
            for partials in partials {
                opened -= backend::decode(&partials[range.start + index]).ok_or(bad)?;
            }
            *out = opened.compress().0;
        }
        Ok(())
    })
    .map_err(|rejected| rejected.in_list("ciphertexts and partial decryptions"))
}
