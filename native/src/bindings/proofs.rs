//! Proofs about keys, ciphertexts and the values in them.

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::buffers::{Buffer, Chosen, raised};
use super::detached;
use crate::backend::{Bytes32, Bytes64, PublicKeyTable};
use crate::knowledge::{self, Encryption};
use crate::proof::{self, Elements, Statement};
use crate::range::{self, Bounds, Proved};
use crate::voprf;

fn public_key_of(encoding: &Buffer) -> PyResult<PublicKeyTable> {
    PublicKeyTable::new(encoding.row("public key")?).map_err(raised)
}

fn bounds_of(bounds: &Buffer) -> PyResult<Vec<Bounds>> {
    let bounds = bounds.values()?;
    Ok(bounds.chunks_exact(2).map(|pair| Bounds { low: pair[0], high: pair[1] }).collect())
}

#[pyfunction]
pub fn prove_possession<'py>(
    py: Python<'py>,
    secret_key: Buffer,
    proof_key: Buffer,
    context: Buffer,
) -> PyResult<Bound<'py, PyBytes>> {
    let (secret_key, proof_key) = (secret_key.stream_key()?, proof_key.stream_key()?);
    let proof = knowledge::prove_possession(&secret_key, &proof_key, context.bytes()).map_err(raised)?;
    Ok(PyBytes::new(py, &proof))
}

#[pyfunction]
pub fn verify_possession(public_key: Buffer, context: Buffer, proof: Buffer) -> PyResult<()> {
    let public_key = public_key_of(&public_key)?;
    knowledge::verify_possession(&public_key, context.bytes(), proof.bytes()).map_err(raised)
}

/// The batch proof for products that were computed before.
#[pyfunction]
pub fn prove_products<'py>(
    py: Python<'py>,
    backend: Chosen,
    secret_key: Buffer,
    proof_key: Buffer,
    context: Buffer,
    elements: Buffer,
    products: Buffer,
) -> PyResult<Bound<'py, PyBytes>> {
    let (secret_key, proof_key) = (secret_key.stream_key()?, proof_key.stream_key()?);
    let (elements, products) = (elements.rows("elements")?, products.rows("products")?);
    let proof = detached(py, || {
        voprf::check_chunk(elements.len())?;
        voprf::expect_count("products", elements.len(), products.len())?;
        let public_key = &voprf::public_key(&secret_key)?;
        let statement = Statement { ctx: context.bytes(), leg: 0, list: 0, chunk: 0, public_key };
        let elements = Elements::decode(backend.0, "elements", elements)?;
        proof::prove(&*voprf::private_key(&secret_key)?, &proof_key, &statement, &elements, products)
    })?;
    Ok(PyBytes::new(py, &proof))
}

#[pyfunction]
pub fn verify_products(
    py: Python<'_>,
    backend: Chosen,
    public_key: Buffer,
    context: Buffer,
    elements: Buffer,
    products: Buffer,
    proof: Buffer,
) -> PyResult<()> {
    let encoding: &Bytes32 = public_key.row("public key")?;
    let public_key = public_key_of(&public_key)?;
    let (elements, products) = (elements.rows("elements")?, products.rows("products")?);
    detached(py, || {
        voprf::check_chunk(elements.len())?;
        voprf::expect_count("products", elements.len(), products.len())?;
        let statement = Statement { ctx: context.bytes(), leg: 0, list: 0, chunk: 0, public_key: encoding };
        let products = Elements::decode(backend.0, "products", products)?;
        let elements = Elements::decode(backend.0, "elements", elements)?;
        proof::verify(&public_key, &statement, &elements, &products, proof.bytes())
    })
}

#[pyfunction]
#[allow(clippy::too_many_arguments)] // as knowledge::prove
pub fn prove_knowledge<'py>(
    py: Python<'py>,
    values: Buffer,
    randomness_key: Buffer,
    first: u64,
    proof_key: Buffer,
    context: Buffer,
    public_key: Buffer,
    ciphertexts: Buffer,
) -> PyResult<Bound<'py, PyBytes>> {
    let values = values.values()?;
    let (randomness_key, proof_key) = (randomness_key.stream_key()?, proof_key.stream_key()?);
    let public_key = public_key_of(&public_key)?;
    let ciphertexts: &[Bytes64] = ciphertexts.rows("ciphertexts")?;
    let encryption = Encryption { values: &values, randomness_key: &randomness_key, first };
    let proof = detached(py, || {
        knowledge::prove(&encryption, &proof_key, context.bytes(), &public_key, ciphertexts)
    })?;
    Ok(PyBytes::new(py, &proof))
}

#[pyfunction]
pub fn verify_knowledge(
    py: Python<'_>,
    backend: Chosen,
    context: Buffer,
    public_key: Buffer,
    ciphertexts: Buffer,
    proof: Buffer,
) -> PyResult<()> {
    let public_key = public_key_of(&public_key)?;
    let ciphertexts = ciphertexts.rows("ciphertexts")?;
    detached(py, || knowledge::verify(backend.0, context.bytes(), &public_key, ciphertexts, proof.bytes()))
}

#[pyfunction]
#[allow(clippy::too_many_arguments)] // as range::prove
pub fn prove_ranges<'py>(
    py: Python<'py>,
    values: Buffer,
    bounds: Buffer,
    randomness_key: Buffer,
    first: u64,
    proof_key: Buffer,
    context: Buffer,
    public_key: Buffer,
    ciphertexts: Buffer,
) -> PyResult<Bound<'py, PyBytes>> {
    let (values, bounds) = (values.values()?, bounds_of(&bounds)?);
    let (randomness_key, proof_key) = (randomness_key.stream_key()?, proof_key.stream_key()?);
    let public_key = public_key_of(&public_key)?;
    let ciphertexts: &[Bytes64] = ciphertexts.rows("ciphertexts")?;
    let encryption = Encryption { values: &values, randomness_key: &randomness_key, first };
    let proof = detached(py, || {
        range::prove(&encryption, &proof_key, context.bytes(), &public_key, ciphertexts, &bounds)
    })?;
    Ok(PyBytes::new(py, &proof))
}

/// Proofs of several parties for the same bounds: (context, ciphertexts, proof) of each.
#[pyfunction]
pub fn verify_ranges(
    py: Python<'_>,
    public_key: Buffer,
    bounds: Buffer,
    proved: Vec<(Buffer, Buffer, Buffer)>,
) -> PyResult<()> {
    let bounds = bounds_of(&bounds)?;
    let public_key = public_key_of(&public_key)?;
    let proved = proved.iter().map(|(context, ciphertexts, proof)| {
        let ciphertexts = ciphertexts.rows("ciphertexts")?;
        Ok(Proved { context: context.bytes(), ciphertexts, proof: proof.bytes() })
    });
    let proved = proved.collect::<PyResult<Vec<_>>>()?;
    detached(py, || range::verify(&public_key, &proved, &bounds))
}
