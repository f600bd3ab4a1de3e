//! The batch proof of docs/protocol.md: one Chaum-Pedersen proof that every evaluation of a chunk used the
//! same key.
//!
//! Unlike RFC 9497's, every weight depends on the whole chunk, so that a prover cannot search for wrong
//! evaluations whose errors cancel.

use std::ops::Range;

use curve25519_dalek::traits::VartimeMultiscalarMul;
use curve25519_dalek::{RistrettoPoint, Scalar};
use sha2::{Digest, Sha512};
use zeroize::Zeroizing;

use crate::backend::{Backend, Bytes32, Bytes64, Decoded, PublicKeyTable};
use crate::error::Error;
use crate::hash::{length_prefixed, to_scalar};
use crate::keystream::StreamKey;
use crate::parallel;

/// Domain separation; psi/dst.py lists the same three.
pub const DST_STATEMENT: &str = "accord/v1/batch-proof-statement";
pub const DST_NONCE: &str = "accord/v1/batch-proof-nonce";
pub const DST_CHALLENGE: &str = "accord/v1/batch-proof-challenge";

/// One list of a chunk: as it was sent, to be hashed, and decoded, to be computed with.
pub struct Elements<'a> {
    list: &'static str,
    encoded: &'a [Bytes32],
    decoded: Box<dyn Decoded + 'a>,
}

impl<'a> Elements<'a> {
    /// Refuses bad elements; `list` is what the error calls them.
    pub fn decode(backend: &dyn Backend, list: &'static str, encoded: &'a [Bytes32]) -> Result<Self, Error> {
        let decoded = backend.decode_batch(encoded).map_err(|rejected| rejected.in_list(list))?;
        Ok(Self { list, encoded, decoded })
    }

    pub fn decoded(&self) -> &dyn Decoded {
        &*self.decoded
    }

    /// The sum of w_i * P_i.
    pub(crate) fn vartime_weighted_sum(&self, weights: &[[u8; 16]]) -> Result<RistrettoPoint, Error> {
        let part =
            |range: Range<usize>| Ok(self.decoded.vartime_weighted_sum(range.clone(), &weights[range]));
        parallel::sum(self.encoded.len(), part).map_err(|rejected| rejected.in_list(self.list))
    }
}

/// What a proof is about, besides the elements: its place in the session, and the key.
pub struct Statement<'a> {
    pub ctx: &'a [u8],
    pub leg: u64,
    pub list: u64,
    pub chunk: u64,
    pub public_key: &'a Bytes32,
}

impl Statement<'_> {
    /// w = SHA-512(LP(DST, ctx, leg, list, chunk, m, pk, SHA-512(C), SHA-512(D)))
    fn bind(&self, blinded: &[Bytes32], evaluated: &[Bytes32]) -> Bytes64 {
        length_prefixed(&[
            DST_STATEMENT.as_bytes(),
            self.ctx,
            &self.leg.to_be_bytes(),
            &self.list.to_be_bytes(),
            &self.chunk.to_be_bytes(),
            &(blinded.len() as u64).to_be_bytes(),
            self.public_key,
            &Sha512::digest(blinded.as_flattened()),
            &Sha512::digest(evaluated.as_flattened()),
        ])
    }
}

/// d_i = little-endian 16-byte word i of ChaCha20(key w[0..32], nonce 0)
pub(crate) fn weights(w: &Bytes64, count: usize) -> Result<Vec<[u8; 16]>, Error> {
    let mut weights = vec![[0u8; 16]; count];
    let mut key = [0u8; 32];
    key.copy_from_slice(&w[..32]);
    StreamKey::new(&key).fill_bytes(weights.as_flattened_mut())?;
    Ok(weights)
}

/// c = SHA-512(LP(DST, w, M, Z, t*G, t*M)) mod l
fn challenge(w: &Bytes64, m: &Bytes32, z: &Bytes32, t_g: &RistrettoPoint, t_m: &RistrettoPoint) -> Scalar {
    let parts: [&[u8]; 6] = [DST_CHALLENGE.as_bytes(), w, m, z, &t_g.compress().0, &t_m.compress().0];
    to_scalar(&length_prefixed(&parts))
}

/// Proves that evaluated = k * blinded, entry by entry. Constant time in `k` and the nonce.
pub fn prove(
    k: &Scalar,
    proof_key: &StreamKey,
    statement: &Statement<'_>,
    blinded: &Elements<'_>,
    evaluated: &[Bytes32],
) -> Result<Bytes64, Error> {
    let w = statement.bind(blinded.encoded, evaluated);
    // M = sum d_i * C_i, Z = k * M
    let m_point = blinded.vartime_weighted_sum(&weights(&w, evaluated.len())?)?;
    let m = m_point.compress().0;
    let z = (m_point * k).compress().0;
    // t = SHA-512(LP(DST, K_proof, w, M, Z)) mod l
    let parts: [&[u8]; 5] = [DST_NONCE.as_bytes(), proof_key.as_bytes(), &w, &m, &z];
    let t = Zeroizing::new(to_scalar(&Zeroizing::new(length_prefixed(&parts))));
    let c = challenge(&w, &m, &z, &RistrettoPoint::mul_base(&t), &(m_point * *t));
    // s = t - c * k
    let s = *t - c * k;
    let mut proof = [0u8; 64];
    proof[..32].copy_from_slice(c.as_bytes());
    proof[32..].copy_from_slice(s.as_bytes());
    Ok(proof)
}

/// Checks a proof. Variable time: everything here is public.
pub fn verify(
    pk: &PublicKeyTable,
    statement: &Statement<'_>,
    blinded: &Elements<'_>,
    evaluated: &Elements<'_>,
    proof: &[u8],
) -> Result<(), Error> {
    let (c, s) = parse(proof).ok_or(Error::BadProof)?;
    let w = statement.bind(blinded.encoded, evaluated.encoded);
    let weights = weights(&w, blinded.encoded.len())?;
    let z_point = evaluated.vartime_weighted_sum(&weights)?;
    let m_point = blinded.vartime_weighted_sum(&weights)?;
    // t*G = s*G + c*pk and t*M = s*M + c*Z, if D = k*C for the k of pk
    let t_g = RistrettoPoint::vartime_double_scalar_mul_basepoint(&c, pk.point(), &s);
    let t_m = RistrettoPoint::vartime_multiscalar_mul([s, c], [m_point, z_point]);
    let expected = challenge(&w, &m_point.compress().0, &z_point.compress().0, &t_g, &t_m);
    if expected == c { Ok(()) } else { Err(Error::BadProof) }
}

/// The two scalars of a proof, if both are canonical.
pub(crate) fn parse(proof: &[u8]) -> Option<(Scalar, Scalar)> {
    let ([c, s], []) = proof.as_chunks::<32>() else { return None };
    let canonical = |half: &Bytes32| Option::<Scalar>::from(Scalar::from_canonical_bytes(*half));
    canonical(c).zip(canonical(s))
}
