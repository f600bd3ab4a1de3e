//! The VOPRF of RFC 9497 on batches, with the additive blind and the batch proof of docs/protocol.md.
//!
//! Key material comes as stream keys, so that no scalar is ever in Python's memory. Unblinding exists only
//! inside [`verify_and_finalize`], behind the proof.

use curve25519_dalek::{RistrettoPoint, Scalar};
use zeroize::{Zeroize, Zeroizing};

use crate::backend::{Backend, Bytes32, Bytes64, PublicKeyTable};
use crate::error::Error;
use crate::hash::Expander;
use crate::items::Items;
use crate::keystream::StreamKey;
use crate::parallel;
use crate::proof::{self, Elements, Statement};

/// Elements of a full chunk (docs/protocol.md, chunks).
pub const CHUNK_ELEMENTS: usize = 32_768;
/// Bytes of a tag: the first of a VOPRF output.
pub const TAG_BYTES: usize = 16;

/// The private key is scalar 0 of its stream.
pub(crate) fn private_key(oprf_key: &StreamKey) -> Result<Zeroizing<Scalar>, Error> {
    oprf_key.scalar(0)
}

/// pk = k * G.
pub fn public_key(oprf_key: &StreamKey) -> Result<Bytes32, Error> {
    Ok(RistrettoPoint::mul_base(&*private_key(oprf_key)?).compress().0)
}

/// H(x_i) + r_(first + i) * G.
pub fn blind(
    backend: &dyn Backend,
    items: Items<'_>,
    dst: &Expander,
    blind_key: &StreamKey,
    first: u64,
    out: &mut [Bytes32],
) -> Result<(), Error> {
    expect_count("blinded elements", items.len(), out.len())?;
    let blinds = blind_key.window(first, items.len())?;
    parallel::blocks(out, |range, out| {
        backend.blind(items.slice(range.clone()), dst, &blinds.scalars(range)?, out);
        Ok(())
    })
    .map_err(|rejected| rejected.in_list("items"))
}

/// k * C_i into `out`, and the proof for the chunk.
pub fn evaluate(
    backend: &dyn Backend,
    oprf_key: &StreamKey,
    proof_key: &StreamKey,
    statement: &Statement<'_>,
    blinded: &[Bytes32],
    out: &mut [Bytes32],
) -> Result<Bytes64, Error> {
    check_chunk(blinded.len())?;
    expect_count("evaluated elements", blinded.len(), out.len())?;
    let k = private_key(oprf_key)?;
    if RistrettoPoint::mul_base(&k).compress().0 != *statement.public_key {
        return Err(Error::BadPublicKey);
    }
    let blinded = Elements::decode(backend, "blinded", blinded)?;
    parallel::blocks(out, |range, out| {
        blinded.decoded().evaluate(range, &k, out);
        Ok(())
    })
    .map_err(|rejected| rejected.in_list("blinded"))?;
    proof::prove(&k, proof_key, statement, &blinded, out)
}

/// Verifies the chunk's proof, and only then unblinds: Finalize(x_i, D_i - r_(first + i) * pk).
#[allow(clippy::too_many_arguments)] // one chunk: its inputs and blinds, what was sent, what came back
pub fn verify_and_finalize(
    backend: &dyn Backend,
    items: Items<'_>,
    blind_key: &StreamKey,
    first: u64,
    statement: &Statement<'_>,
    blinded: &[Bytes32],
    evaluated: &[Bytes32],
    proof: &[u8],
    out: &mut [Bytes64],
) -> Result<(), Error> {
    check_chunk(items.len())?;
    expect_count("blinded elements", items.len(), blinded.len())?;
    expect_count("evaluated elements", items.len(), evaluated.len())?;
    expect_count("outputs", items.len(), out.len())?;
    let pk = PublicKeyTable::new(statement.public_key)?;
    let blinds = blind_key.window(first, items.len())?;
    let evaluated = Elements::decode(backend, "evaluated", evaluated)?;
    proof::verify(&pk, statement, &Elements::decode(backend, "blinded", blinded)?, &evaluated, proof)?;
    parallel::blocks(out, |range, out| {
        let (items, blinds) = (items.slice(range.clone()), blinds.scalars(range.clone())?);
        evaluated.decoded().finalize(range, items, &blinds, &pk, out)
    })
    .map_err(|rejected| rejected.in_list("evaluated"))
}

/// The first 16 bytes of Finalize(x_i, k * H(x_i)).
pub fn tags(
    backend: &dyn Backend,
    items: Items<'_>,
    dst: &Expander,
    oprf_key: &StreamKey,
    out: &mut [[u8; TAG_BYTES]],
) -> Result<(), Error> {
    expect_count("tags", items.len(), out.len())?;
    let k = private_key(oprf_key)?;
    parallel::blocks(out, |range, out| {
        let mut outputs = Zeroizing::new(vec![[0u8; 64]; out.len()]);
        backend.outputs(items.slice(range), dst, &k, &mut outputs)?;
        for (tag, output) in out.iter_mut().zip(outputs.iter_mut()) {
            tag.copy_from_slice(&output[..TAG_BYTES]);
            output.zeroize();
        }
        Ok(())
    })
    .map_err(|rejected| rejected.in_list("items"))
}

/// A proof is about one element at least, and about as many as a full chunk has at most.
pub(crate) fn check_chunk(count: usize) -> Result<(), Error> {
    if (1..=CHUNK_ELEMENTS).contains(&count) {
        return Ok(());
    }
    Err(Error::length("chunk", format!("1 to {CHUNK_ELEMENTS} elements"), count))
}

pub(crate) fn expect_count(what: &'static str, expected: usize, got: usize) -> Result<(), Error> {
    if expected == got { Ok(()) } else { Err(Error::length(what, expected, got)) }
}
