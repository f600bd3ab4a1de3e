//! The proof of a shuffle, pass by pass. What a pass hands to the next is opaque to Python.

use curve25519_dalek::Scalar;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use zeroize::Zeroizing;

use super::buffers::{Buffer, Chosen, raised};
use super::{detached, filled, same_count};
use crate::backend::{Bytes32, Bytes64, PublicKeyTable};
use crate::error::Error;
use crate::shuffle::{
    self, Check, Encryption, List, Masks, Opening, OwnRows, Prover, Relation, Rows, Verifier, Weights,
    Witness,
};

/// Row numbers, each below their count.
fn permutation(buffer: &Buffer) -> PyResult<Zeroizing<Vec<u32>>> {
    let rows = buffer.rows("permutation")?;
    let rows = Zeroizing::new(rows.iter().map(|row| u32::from_le_bytes(*row)).collect::<Vec<_>>());
    if rows.iter().all(|row| (*row as usize) < rows.len()) {
        return Ok(rows);
    }
    Err(raised(Error::BadItems("expected a permutation, got a row beyond the last".into())))
}

fn masks(key: &Buffer, count: usize) -> PyResult<Masks> {
    Masks::new(key.stream_key()?, count).map_err(raised)
}

fn challenge(digest: &Buffer) -> PyResult<Scalar> {
    shuffle::challenge(digest.row("digest")?).map_err(raised)
}

fn weights(w1: &Buffer, w2: &Buffer, columns: usize) -> PyResult<Weights> {
    Weights::new(w1.row("digest")?, w2.row("digest")?, columns).map_err(raised)
}

/// A key of 32 bytes, or none where no byte was given.
fn joint_key(buffer: &Buffer) -> PyResult<Option<PublicKeyTable>> {
    if buffer.bytes().is_empty() {
        return Ok(None);
    }
    Ok(Some(PublicKeyTable::new(buffer.row("joint key")?).map_err(raised)?))
}

fn prover(state: &Buffer) -> PyResult<Prover> {
    match state.rows("state")? {
        [] => Ok(Prover::default()),
        rows => Prover::decode(rows).map_err(raised),
    }
}

/// Whether there are `count` rows after the first ones.
fn within(rows: usize, first: usize, count: usize) -> PyResult<()> {
    match rows.checked_sub(first) {
        Some(left) if count <= left => Ok(()),
        left => Err(raised(Error::length("rows", format!("at most {}", left.unwrap_or(0)), count))),
    }
}

fn bytes<'py>(py: Python<'py>, rows: &[Bytes32]) -> Bound<'py, PyBytes> {
    PyBytes::new(py, rows.as_flattened())
}

/// Returns (C, T_d, T_delta; the bases, 32 bytes a row).
#[pyfunction]
pub fn shuffle_commit<'py>(
    py: Python<'py>,
    backend: Chosen,
    mask_key: Buffer,
    rows: Buffer,
) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
    let rows = permutation(&rows)?;
    let masks = masks(&mask_key, rows.len())?;
    let mut commitments = [[0; 32]; 3];
    let bases = filled(py, rows.len(), |out| {
        commitments = shuffle::commit(backend.0, &masks, &rows, out)?;
        Ok(())
    })?;
    Ok((bytes(py, &commitments), bases))
}

/// Returns (D; the permuted weights, 24 bytes a row).
#[pyfunction]
pub fn shuffle_permute<'py>(
    py: Python<'py>,
    backend: Chosen,
    mask_key: Buffer,
    w1: Buffer,
    rows: Buffer,
    bases: Buffer,
) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
    let rows = permutation(&rows)?;
    let masks = masks(&mask_key, rows.len())?;
    let (w1, bases): (&Bytes64, _) = (w1.row("digest")?, bases.rows("bases")?);
    same_count("bases", rows.len(), bases.len())?;
    let mut commitment = [[0; 32]];
    let permuted = filled(py, rows.len(), |out| {
        commitment = [shuffle::permute(backend.0, &masks, w1, &rows, bases, out)?];
        Ok(())
    })?;
    Ok((bytes(py, &commitment), permuted))
}

/// Permuted rows, and the weights that they got.
type Permuted = (Buffer, Buffer);

fn permuted(rows: &Permuted, count: usize) -> PyResult<&[[u8; 24]]> {
    let weights = rows.1.rows("permuted weights")?;
    same_count("permuted weights", count, weights.len())?;
    Ok(weights)
}

#[pyfunction]
#[allow(clippy::too_many_arguments)] // as shuffle::Prover::absorb
pub fn shuffle_absorb<'py>(
    py: Python<'py>,
    backend: Chosen,
    mask_key: Buffer,
    digests: (Buffer, Buffer),
    columns: usize,
    rows: Permuted,
    bases: Buffer,
    secret_key: Buffer,
    randomness_key: Buffer,
    state: Buffer,
    first: usize,
    after: Buffer,
) -> PyResult<Bound<'py, PyBytes>> {
    let mut prover = prover(&state)?;
    let permutation = permutation(&rows.0)?;
    let permuted = permuted(&rows, permutation.len())?;
    let masks = masks(&mask_key, permutation.len())?;
    let weights = weights(&digests.0, &digests.1, columns)?;
    let bases = bases.rows("bases")?;
    same_count("bases", permutation.len(), bases.len())?;
    let after = Rows::new("rows after", after.bytes(), columns).map_err(raised)?;
    within(permutation.len(), first, after.len())?;
    let secret = secret_key.stream_key()?.scalar(0).map_err(raised)?;
    let randomness = if columns > 0 { Some(randomness_key.stream_key()?) } else { None };
    let relation = Relation { masks: &masks, weights: &weights, permutation: &permutation, permuted };
    let witness = Witness { bases, secret, randomness };
    detached(py, || prover.absorb(backend.0, &relation, &witness, first, after))?;
    Ok(bytes(py, &prover.encode()))
}

#[pyfunction]
pub fn shuffle_close<'py>(
    py: Python<'py>,
    mask_key: Buffer,
    count: usize,
    state: Buffer,
    secret_key: Buffer,
    public_key: Buffer,
    joint_key_or_none: Buffer,
) -> PyResult<Bound<'py, PyBytes>> {
    let (masks, prover, joint_key) =
        (masks(&mask_key, count)?, prover(&state)?, joint_key(&joint_key_or_none)?);
    let secret = secret_key.stream_key()?.scalar(0).map_err(raised)?;
    let public_key = public_key.row("public key")?;
    let commitments = shuffle::close(&masks, &prover, &secret, public_key, joint_key.as_ref());
    Ok(bytes(py, &commitments.map_err(raised)?))
}

#[pyfunction]
pub fn shuffle_relate<'py>(
    py: Python<'py>,
    mask_key: Buffer,
    digests: (Buffer, Buffer, Buffer),
    rows: Permuted,
) -> PyResult<Bound<'py, PyBytes>> {
    let permutation = permutation(&rows.0)?;
    let permuted = permuted(&rows, permutation.len())?;
    let (masks, weights) = (masks(&mask_key, permutation.len())?, weights(&digests.0, &digests.1, 0)?);
    let z = challenge(&digests.2)?;
    let relation = Relation { masks: &masks, weights: &weights, permutation: &permutation, permuted };
    Ok(bytes(py, &detached(py, || relation.commit(&z))?))
}

#[pyfunction]
pub fn shuffle_answer<'py>(
    py: Python<'py>,
    mask_key: Buffer,
    count: usize,
    digests: (Buffer, Buffer, Buffer),
    state: Buffer,
    secret_key: Buffer,
) -> PyResult<Bound<'py, PyBytes>> {
    let (masks, weights) = (masks(&mask_key, count)?, weights(&digests.0, &digests.1, 0)?);
    let (prover, gamma) = (prover(&state)?, challenge(&digests.2)?);
    let secret = secret_key.stream_key()?.scalar(0).map_err(raised)?;
    Ok(bytes(py, &shuffle::answers(&masks, &weights, &prover, &secret, &gamma).map_err(raised)?))
}

/// Returns (rows, the product after them).
#[pyfunction]
#[allow(clippy::too_many_arguments)] // as shuffle::Relation::respond
pub fn shuffle_respond<'py>(
    py: Python<'py>,
    mask_key: Buffer,
    digests: (Buffer, Buffer, Buffer),
    rows: Permuted,
    first: usize,
    count: usize,
    product: Buffer,
) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
    let (permutation, product) = (permutation(&rows.0)?, product.scalar()?);
    let permuted = permuted(&rows, permutation.len())?;
    let (masks, weights) = (masks(&mask_key, permutation.len())?, weights(&digests.0, &digests.1, 0)?);
    let gamma = challenge(&digests.2)?;
    within(permutation.len(), first, count)?;
    let relation = Relation { masks: &masks, weights: &weights, permutation: &permutation, permuted };
    let mut after = Zeroizing::new(Scalar::ZERO);
    let responses = filled(py, count, |out| {
        *after = relation.respond(&gamma, first, &product, out)?;
        Ok(())
    })?;
    Ok((responses, PyBytes::new(py, after.as_bytes())))
}

/// w1 to w4, and the verifier's own stream.
type Digests = (Buffer, Buffer, Buffer, Buffer, Buffer);

fn check(digests: &Digests, columns: usize) -> PyResult<Check> {
    let (w1, w2, w3, w4, own) = digests;
    let weights = weights(w1, w2, columns)?;
    let omega = *own.stream_key()?.scalar(0).map_err(raised)?;
    Ok(Check { weights, z: challenge(w3)?, gamma: challenge(w4)?, omega })
}

/// The stream under whose scalars a verifier has encrypted the ciphertexts before, and the joint key; or no bytes.
type OwnArgs = (Buffer, Buffer);

fn encryption((randomness_key, joint_key): &OwnArgs) -> PyResult<Option<Encryption>> {
    let Some(joint_key) = self::joint_key(joint_key)? else { return Ok(None) };
    Ok(Some(Encryption { randomness: randomness_key.stream_key()?, joint_key }))
}

fn verifier(state: &Buffer, check: &Check) -> PyResult<Verifier> {
    match state.rows("state")? {
        [] => Ok(Verifier::new(&check.gamma)),
        rows => Verifier::decode(rows).map_err(raised),
    }
}

#[pyfunction]
pub fn shuffle_check_opening(opening: Buffer, with_ciphertexts: bool) -> PyResult<()> {
    Opening::decode(opening.rows("opening")?, with_ciphertexts).map(drop).map_err(raised)
}

#[pyfunction]
#[allow(clippy::too_many_arguments)] // as shuffle::Verifier::absorb
pub fn shuffle_verify<'py>(
    py: Python<'py>,
    backend: Chosen,
    digests: Digests,
    columns: usize,
    own: OwnArgs,
    state: Buffer,
    first: usize,
    before: Buffer,
    after: Buffer,
    responses: Buffer,
) -> PyResult<Bound<'py, PyBytes>> {
    let check = check(&digests, columns)?;
    let mut verifier = verifier(&state, &check)?;
    let encryption = encryption(&own)?;
    let (before_count, before) = match &encryption {
        None => {
            let rows = Rows::new("rows before", before.bytes(), columns).map_err(raised)?;
            (rows.len(), List::Received(rows))
        }
        Some(encryption) => {
            let rows = OwnRows::new(before.bytes(), columns, encryption).map_err(raised)?;
            (rows.len(), List::Own(rows))
        }
    };
    let after = Rows::new("rows after", after.bytes(), columns).map_err(raised)?;
    let responses = responses.rows("responses")?;
    same_count("rows after", before_count, after.len())?;
    same_count("responses", before_count, responses.len())?;
    detached(py, || verifier.absorb(backend.0, &check, first, before, after, responses))?;
    Ok(bytes(py, &verifier.encode()))
}

#[pyfunction]
pub fn shuffle_finish(
    digests: Digests,
    columns: usize,
    state: Buffer,
    opening: Buffer,
    public_key: Buffer,
    joint_key_or_none: Buffer,
) -> PyResult<()> {
    let check = check(&digests, columns)?;
    let opening = Opening::decode(opening.rows("opening")?, columns > 0).map_err(raised)?;
    let public_key = PublicKeyTable::new(public_key.row("public key")?).map_err(raised)?;
    let joint_key = joint_key(&joint_key_or_none)?;
    verifier(&state, &check)?.finish(&check, &opening, &public_key, joint_key.as_ref()).map_err(raised)
}
