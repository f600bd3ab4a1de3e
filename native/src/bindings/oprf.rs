//! The VOPRF on batches, and the notes that its outputs open.

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::buffers::{Batch, Buffer, Chosen, Hashed, raised};
use super::filled;
use crate::backend::{Bytes32, Bytes64};
use crate::notes;
use crate::proof;
use crate::voprf;

#[pyfunction]
pub fn public_key<'py>(py: Python<'py>, oprf_key: Buffer) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(py, &voprf::public_key(&oprf_key.stream_key()?).map_err(raised)?))
}

#[pyfunction]
pub fn blind<'py>(
    py: Python<'py>,
    backend: Chosen,
    hashed: Hashed,
    blind_key: Buffer,
    first: u64,
) -> PyResult<Bound<'py, PyBytes>> {
    let items = hashed.items()?;
    let blind_key = blind_key.stream_key()?;
    filled(py, items.len(), |out| voprf::blind(backend.0, items, &hashed.dst, &blind_key, first, out))
}

/// What a chunk's proof binds, as Python passes it: (ctx, leg, list number, chunk, public key).
type StatementArgs = (Buffer, u64, u64, u64, Buffer);

fn statement(args: &StatementArgs) -> PyResult<proof::Statement<'_>> {
    let (ctx, leg, list, chunk, public_key) = args;
    let public_key: &Bytes32 = public_key.row("public key")?;
    Ok(proof::Statement { ctx: ctx.bytes(), leg: *leg, list: *list, chunk: *chunk, public_key })
}

#[pyfunction]
pub fn evaluate<'py>(
    py: Python<'py>,
    backend: Chosen,
    oprf_key: Buffer,
    proof_key: Buffer,
    statement_args: StatementArgs,
    blinded: Buffer,
) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
    let (oprf_key, proof_key) = (oprf_key.stream_key()?, proof_key.stream_key()?);
    let statement = statement(&statement_args)?;
    let blinded = blinded.rows("blinded elements")?;
    let mut proof: Bytes64 = [0; 64];
    let evaluated = filled(py, blinded.len(), |out| {
        proof = voprf::evaluate(backend.0, &oprf_key, &proof_key, &statement, blinded, out)?;
        Ok(())
    })?;
    Ok((evaluated, PyBytes::new(py, &proof)))
}

#[pyfunction]
#[allow(clippy::too_many_arguments)] // as voprf::verify_and_finalize
pub fn verify_and_finalize<'py>(
    py: Python<'py>,
    backend: Chosen,
    data: Buffer,
    offsets: Buffer,
    blind_key: Buffer,
    first: u64,
    statement_args: StatementArgs,
    blinded: Buffer,
    evaluated: Buffer,
    proof: Buffer,
) -> PyResult<Bound<'py, PyBytes>> {
    let batch = Batch::new(data, &offsets)?;
    let items = batch.items()?;
    let blind_key = blind_key.stream_key()?;
    let statement = statement(&statement_args)?;
    let blinded = blinded.rows("blinded elements")?;
    let evaluated = evaluated.rows("evaluated elements")?;
    let proof = proof.bytes();
    filled(py, items.len(), |out| {
        voprf::verify_and_finalize(
            backend.0, items, &blind_key, first, &statement, blinded, evaluated, proof, out,
        )
    })
}

#[pyfunction]
pub fn tags<'py>(
    py: Python<'py>,
    backend: Chosen,
    hashed: Hashed,
    oprf_key: Buffer,
) -> PyResult<Bound<'py, PyBytes>> {
    let items = hashed.items()?;
    let oprf_key = oprf_key.stream_key()?;
    filled(py, items.len(), |out| voprf::tags(backend.0, items, &hashed.dst, &oprf_key, out))
}

#[pyfunction]
#[allow(clippy::too_many_arguments)] // as notes::seal
pub fn seal_notes<'py>(
    py: Python<'py>,
    backend: Chosen,
    hashed: Hashed,
    oprf_key: Buffer,
    context: Buffer,
    plain: Buffer,
) -> PyResult<Bound<'py, PyBytes>> {
    let items = hashed.items()?;
    let oprf_key = oprf_key.stream_key()?;
    let (context, plain) = (context.bytes(), plain.rows("notes")?);
    filled(py, items.len(), |out| notes::seal(backend.0, items, &hashed.dst, &oprf_key, context, plain, out))
}

/// Returns (notes, a byte each: whether it was authentic).
#[pyfunction]
pub fn open_notes<'py>(
    py: Python<'py>,
    outputs: Buffer,
    rows: Buffer,
    context: Buffer,
) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
    let (outputs, rows) = (outputs.rows("outputs")?, rows.rows("tag rows")?);
    let context = context.bytes();
    let mut flags = vec![0u8; outputs.len()];
    let opened = filled(py, outputs.len(), |out| notes::open(outputs, rows, context, &mut flags, out))?;
    Ok((opened, PyBytes::new(py, &flags)))
}
