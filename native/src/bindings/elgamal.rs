//! Additive ElGamal, and the multiples of elements by one secret scalar.

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::buffers::{Buffer, Chosen, Hashed, raised};
use super::{detached, filled, same_count};
use crate::elgamal::{self, Ciphertext};
use crate::multiples;

const CIPHERTEXT_BYTES: usize = size_of::<Ciphertext>();

fn ciphertexts(buffer: &Buffer) -> PyResult<&[Ciphertext]> {
    let rows = buffer.rows::<CIPHERTEXT_BYTES>("ciphertexts")?;
    Ok(rows.as_flattened().as_chunks().0.as_chunks().0)
}

fn ciphertexts_mut(rows: &mut [[u8; CIPHERTEXT_BYTES]]) -> &mut [Ciphertext] {
    rows.as_flattened_mut().as_chunks_mut().0.as_chunks_mut().0
}

#[pyfunction]
pub fn joint_key<'py>(py: Python<'py>, public_keys: Buffer) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(py, &elgamal::joint_key(public_keys.rows("public keys")?).map_err(raised)?))
}

#[pyfunction]
pub fn check_ciphertexts(py: Python<'_>, backend: Chosen, ciphertexts: Buffer) -> PyResult<()> {
    let ciphertexts = self::ciphertexts(&ciphertexts)?;
    detached(py, || elgamal::check(backend.0, ciphertexts))
}

#[pyfunction]
pub fn encrypt<'py>(
    py: Python<'py>,
    backend: Chosen,
    values: Buffer,
    public_key: Buffer,
    randomness_key: Buffer,
    first: u64,
) -> PyResult<Bound<'py, PyBytes>> {
    let values = values.values()?;
    let (public_key, randomness_key) = (public_key.row("public key")?, randomness_key.stream_key()?);
    filled(py, values.len(), |out| {
        elgamal::encrypt(backend.0, &values, public_key, &randomness_key, first, ciphertexts_mut(out))
    })
}

#[pyfunction]
pub fn rerandomize<'py>(
    py: Python<'py>,
    backend: Chosen,
    ciphertexts: Buffer,
    public_key: Buffer,
    randomness_key: Buffer,
    first: u64,
) -> PyResult<Bound<'py, PyBytes>> {
    let ciphertexts = self::ciphertexts(&ciphertexts)?;
    let (public_key, randomness_key) = (public_key.row("public key")?, randomness_key.stream_key()?);
    filled(py, ciphertexts.len(), |out| {
        elgamal::rerandomize(backend.0, ciphertexts, public_key, &randomness_key, first, ciphertexts_mut(out))
    })
}

#[pyfunction]
pub fn add_ciphertexts<'py>(
    py: Python<'py>,
    backend: Chosen,
    a: Buffer,
    b: Buffer,
) -> PyResult<Bound<'py, PyBytes>> {
    let (a, b) = (ciphertexts(&a)?, ciphertexts(&b)?);
    same_count("ciphertexts", a.len(), b.len())?;
    filled(py, a.len(), |out| elgamal::add(backend.0, a, b, ciphertexts_mut(out)))
}

#[pyfunction]
pub fn add_values<'py>(
    py: Python<'py>,
    ciphertexts: Buffer,
    values: Buffer,
) -> PyResult<Bound<'py, PyBytes>> {
    let ciphertexts = self::ciphertexts(&ciphertexts)?;
    let values = values.values()?;
    same_count("values", ciphertexts.len(), values.len())?;
    filled(py, ciphertexts.len(), |out| elgamal::add_values(ciphertexts, &values, ciphertexts_mut(out)))
}

#[pyfunction]
pub fn sum_columns<'py>(
    py: Python<'py>,
    backend: Chosen,
    ciphertexts: Buffer,
    columns: usize,
    rows: Option<Buffer>,
) -> PyResult<Bound<'py, PyBytes>> {
    let ciphertexts = self::ciphertexts(&ciphertexts)?;
    let rows: Option<Vec<u32>> = match &rows {
        None => None,
        Some(rows) => Some(rows.rows("rows")?.iter().map(|row| u32::from_le_bytes(*row)).collect()),
    };
    filled(py, columns, |out| {
        elgamal::sum_columns(backend.0, ciphertexts, rows.as_deref(), ciphertexts_mut(out))
    })
}

#[pyfunction]
pub fn partial_decryptions<'py>(
    py: Python<'py>,
    backend: Chosen,
    ciphertexts: Buffer,
    secret_key: Buffer,
) -> PyResult<Bound<'py, PyBytes>> {
    let ciphertexts = self::ciphertexts(&ciphertexts)?;
    let secret_key = secret_key.stream_key()?;
    filled(py, ciphertexts.len(), |out| {
        elgamal::partial_decryptions(backend.0, ciphertexts, &secret_key, out)
    })
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
    backend: Chosen,
    hashed: Hashed,
    key: Buffer,
) -> PyResult<Bound<'py, PyBytes>> {
    let items = hashed.items()?;
    let key = key.stream_key()?;
    filled(py, items.len(), |out| multiples::hashed(backend.0, items, &hashed.dst, &key, out))
}

#[pyfunction]
pub fn shared_multiples<'py>(
    py: Python<'py>,
    backend: Chosen,
    elements: Buffer,
    key: Buffer,
) -> PyResult<Bound<'py, PyBytes>> {
    let elements = elements.rows("elements")?;
    let key = key.stream_key()?;
    filled(py, elements.len(), |out| multiples::shared(backend.0, elements, &key, out))
}
