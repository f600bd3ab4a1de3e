//! Additive ElGamal, and the multiples of elements by one secret scalar.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use zeroize::Zeroizing;

use super::buffers::{Batch, Buffer, raised};
use super::{detached, filled, same_count};
use crate::backend;
use crate::elgamal::{self, Ciphertext};
use crate::hash::Expander;
use crate::multiples;

const CIPHERTEXT_BYTES: usize = size_of::<Ciphertext>();

fn ciphertexts(buffer: &Buffer) -> PyResult<&[Ciphertext]> {
    let rows = buffer.rows::<CIPHERTEXT_BYTES>("ciphertexts")?;
    Ok(rows.as_flattened().as_chunks().0.as_chunks().0)
}

fn ciphertexts_mut(rows: &mut [[u8; CIPHERTEXT_BYTES]]) -> &mut [Ciphertext] {
    rows.as_flattened_mut().as_chunks_mut().0.as_chunks_mut().0
}

fn values(buffer: &Buffer) -> PyResult<Zeroizing<Vec<i64>>> {
    let rows = buffer.rows("values")?;
    Ok(Zeroizing::new(rows.iter().map(|row| i64::from_le_bytes(*row)).collect()))
}

#[pyfunction]
pub fn joint_key<'py>(py: Python<'py>, public_keys: Buffer) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(py, &elgamal::joint_key(public_keys.rows("public keys")?).map_err(raised)?))
}

#[pyfunction]
pub fn check_ciphertexts(py: Python<'_>, backend: &str, ciphertexts: Buffer) -> PyResult<()> {
    let backend = backend::by_name(backend).map_err(raised)?;
    let ciphertexts = self::ciphertexts(&ciphertexts)?;
    detached(py, || elgamal::check(backend, ciphertexts))
}

#[pyfunction]
pub fn encrypt<'py>(
    py: Python<'py>,
    backend: &str,
    values: Buffer,
    public_key: Buffer,
    randomness_key: Buffer,
    first: u64,
) -> PyResult<Bound<'py, PyBytes>> {
    let backend = backend::by_name(backend).map_err(raised)?;
    let values = self::values(&values)?;
    let (public_key, randomness_key) = (public_key.row("public key")?, randomness_key.stream_key()?);
    filled(py, values.len(), |out| {
        elgamal::encrypt(backend, &values, public_key, &randomness_key, first, ciphertexts_mut(out))
    })
}

#[pyfunction]
pub fn rerandomize<'py>(
    py: Python<'py>,
    backend: &str,
    ciphertexts: Buffer,
    public_key: Buffer,
    randomness_key: Buffer,
    first: u64,
) -> PyResult<Bound<'py, PyBytes>> {
    let backend = backend::by_name(backend).map_err(raised)?;
    let ciphertexts = self::ciphertexts(&ciphertexts)?;
    let (public_key, randomness_key) = (public_key.row("public key")?, randomness_key.stream_key()?);
    filled(py, ciphertexts.len(), |out| {
        elgamal::rerandomize(backend, ciphertexts, public_key, &randomness_key, first, ciphertexts_mut(out))
    })
}

#[pyfunction]
pub fn add_ciphertexts<'py>(
    py: Python<'py>,
    backend: &str,
    a: Buffer,
    b: Buffer,
) -> PyResult<Bound<'py, PyBytes>> {
    let backend = backend::by_name(backend).map_err(raised)?;
    let (a, b) = (ciphertexts(&a)?, ciphertexts(&b)?);
    same_count("ciphertexts", a.len(), b.len())?;
    filled(py, a.len(), |out| elgamal::add(backend, a, b, ciphertexts_mut(out)))
}

#[pyfunction]
pub fn add_values<'py>(
    py: Python<'py>,
    ciphertexts: Buffer,
    values: Buffer,
) -> PyResult<Bound<'py, PyBytes>> {
    let ciphertexts = self::ciphertexts(&ciphertexts)?;
    let values = self::values(&values)?;
    same_count("values", ciphertexts.len(), values.len())?;
    filled(py, ciphertexts.len(), |out| elgamal::add_values(ciphertexts, &values, ciphertexts_mut(out)))
}

#[pyfunction]
pub fn sum_columns<'py>(
    py: Python<'py>,
    backend: &str,
    ciphertexts: Buffer,
    columns: usize,
    rows: Option<Buffer>,
) -> PyResult<Bound<'py, PyBytes>> {
    let backend = backend::by_name(backend).map_err(raised)?;
    let ciphertexts = self::ciphertexts(&ciphertexts)?;
    let rows: Option<Vec<u32>> = match &rows {
        None => None,
        Some(rows) => Some(rows.rows("rows")?.iter().map(|row| u32::from_le_bytes(*row)).collect()),
    };
    filled(py, columns, |out| {
        elgamal::sum_columns(backend, ciphertexts, rows.as_deref(), ciphertexts_mut(out))
    })
}

#[pyfunction]
pub fn partial_decryptions<'py>(
    py: Python<'py>,
    backend: &str,
    ciphertexts: Buffer,
    secret_key: Buffer,
) -> PyResult<Bound<'py, PyBytes>> {
    let backend = backend::by_name(backend).map_err(raised)?;
    let ciphertexts = self::ciphertexts(&ciphertexts)?;
    let secret_key = secret_key.stream_key()?;
    filled(py, ciphertexts.len(), |out| elgamal::partial_decryptions(backend, ciphertexts, &secret_key, out))
}

#[pyfunction]
pub fn open_shares<'py>(
    py: Python<'py>,
    ciphertexts: Buffer,
    partials: Vec<Buffer>,
) -> PyResult<Bound<'py, PyBytes>> {
    let ciphertexts = self::ciphertexts(&ciphertexts)?;
    let partials: Vec<_> =
        partials.iter().map(|rows| rows.rows("partial decryptions")).collect::<PyResult<_>>()?;
    partials.iter().try_for_each(|rows| same_count("partial decryptions", ciphertexts.len(), rows.len()))?;
    filled(py, ciphertexts.len(), |out| elgamal::open_shares(ciphertexts, &partials, out))
}

#[pyfunction]
pub fn hashed_multiples<'py>(
    py: Python<'py>,
    backend: &str,
    data: Buffer,
    offsets: Buffer,
    dst: Buffer,
    key: Buffer,
) -> PyResult<Bound<'py, PyBytes>> {
    let backend = backend::by_name(backend).map_err(raised)?;
    let batch = Batch::new(data, &offsets)?;
    let items = batch.items()?;
    let dst = Expander::new(dst.bytes()).map_err(raised)?;
    let key = key.stream_key()?;
    filled(py, items.len(), |out| multiples::hashed(backend, items, &dst, &key, out))
}

#[pyfunction]
pub fn shared_multiples<'py>(
    py: Python<'py>,
    backend: &str,
    elements: Buffer,
    key: Buffer,
) -> PyResult<Bound<'py, PyBytes>> {
    let backend = backend::by_name(backend).map_err(raised)?;
    let elements = elements.rows("elements")?;
    let key = key.stream_key()?;
    filled(py, elements.len(), |out| multiples::shared(backend, elements, &key, out))
}
