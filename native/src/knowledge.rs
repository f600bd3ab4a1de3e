//! Proofs that a party knows what it speaks of: the private key of its public key, and what its ciphertexts
//! hold.

use curve25519_dalek::{RistrettoPoint, Scalar};
use sha2::{Digest, Sha512};
use zeroize::Zeroizing;

use crate::backend::{Backend, Bytes32, Bytes64, PublicKeyTable, decode};
use crate::elgamal::value_scalar;
use crate::error::Error;
use crate::hash::{length_prefixed, to_scalar};
use crate::keystream::StreamKey;
use crate::proof::{Elements, parse, weights};
use crate::voprf::{check_chunk, expect_count, private_key};

/// Domain separation; psi/dst.py lists the same.
pub const DST_POSSESSION_NONCE: &str = "accord/v1/possession-nonce";
pub const DST_POSSESSION_CHALLENGE: &str = "accord/v1/possession-challenge";
pub const DST_STATEMENT: &str = "accord/v1/knowledge-statement";
pub const DST_NONCE: &str = "accord/v1/knowledge-nonce";
pub const DST_CHALLENGE: &str = "accord/v1/knowledge-challenge";

/// Bytes of a proof of knowledge: two elements and two scalars.
pub const PROOF_BYTES: usize = 128;

/// What encrypts values: value i has scalar `first + i` of the key.
pub struct Encryption<'a> {
    pub values: &'a [i64],
    pub randomness_key: &'a StreamKey,
    pub first: u64,
}

impl Encryption<'_> {
    /// The scalar with which each value was encrypted.
    pub fn randomness(&self) -> Result<Zeroizing<Vec<Scalar>>, Error> {
        let window = self.randomness_key.window(self.first, self.values.len())?;
        window.scalars(0..self.values.len()).map_err(|zero| zero.in_list("keystream"))
    }

    /// A stream for a proof's nonces, bound to all that the proof is about: the same key never serves two
    /// statements or two witnesses.
    pub fn nonces(&self, dst: &str, proof_key: &StreamKey, statement: &Bytes64) -> StreamKey {
        let mut values = Sha512::new();
        self.values.iter().for_each(|value| values.update(value.to_le_bytes()));
        let parts: [&[u8]; 6] = [
            dst.as_bytes(),
            proof_key.as_bytes(),
            self.randomness_key.as_bytes(),
            &self.first.to_be_bytes(),
            &Zeroizing::new(<[u8; 64]>::from(values.finalize()))[..],
            statement,
        ];
        let digest = Zeroizing::new(length_prefixed(&parts));
        let mut key = Zeroizing::new([0u8; 32]);
        key.copy_from_slice(&digest[..32]);
        StreamKey::new(&key)
    }
}

/// The first and the second components of ciphertexts, each together.
pub fn components(ciphertexts: &[Bytes64]) -> (Vec<Bytes32>, Vec<Bytes32>) {
    let halves = |ciphertext: &Bytes64| {
        let (first, second) = ciphertext.split_at(32);
        let half = |bytes: &[u8]| {
            let mut half = [0u8; 32];
            half.copy_from_slice(bytes);
            half
        };
        (half(first), half(second))
    };
    ciphertexts.iter().map(halves).unzip()
}

/// Proves knowledge of the private key, scalar 0 of its stream (Schnorr).
pub fn prove_possession(
    secret_key: &StreamKey,
    proof_key: &StreamKey,
    context: &[u8],
) -> Result<Bytes64, Error> {
    let k = private_key(secret_key)?;
    let pk = RistrettoPoint::mul_base(&k).compress().0;
    // t = SHA-512(LP(DST, K_proof, context, pk)) mod l
    let parts: [&[u8]; 4] = [DST_POSSESSION_NONCE.as_bytes(), proof_key.as_bytes(), context, &pk];
    let t = Zeroizing::new(to_scalar(&Zeroizing::new(length_prefixed(&parts))));
    let c = possession_challenge(context, &pk, &RistrettoPoint::mul_base(&t));
    // s = t - c * k
    let s = *t - c * *k;
    let mut proof = [0u8; 64];
    proof[..32].copy_from_slice(c.as_bytes());
    proof[32..].copy_from_slice(s.as_bytes());
    Ok(proof)
}

/// Checks a proof of possession. Variable time: everything here is public.
pub fn verify_possession(pk: &PublicKeyTable, context: &[u8], proof: &[u8]) -> Result<(), Error> {
    let (c, s) = parse(proof).ok_or(Error::BadProof)?;
    // t*G = s*G + c*pk
    let t_g = RistrettoPoint::vartime_double_scalar_mul_basepoint(&c, pk.point(), &s);
    let expected = possession_challenge(context, &pk.point().compress().0, &t_g);
    if expected == c { Ok(()) } else { Err(Error::BadProof) }
}

/// c = SHA-512(LP(DST, context, pk, t*G)) mod l
fn possession_challenge(context: &[u8], pk: &Bytes32, t_g: &RistrettoPoint) -> Scalar {
    let parts: [&[u8]; 4] = [DST_POSSESSION_CHALLENGE.as_bytes(), context, pk, &t_g.compress().0];
    to_scalar(&length_prefixed(&parts))
}

/// e = SHA-512(LP(DST, context, pk, n, SHA-512(E)))
fn statement(context: &[u8], pk: &PublicKeyTable, ciphertexts: &[Bytes64]) -> Bytes64 {
    length_prefixed(&[
        DST_STATEMENT.as_bytes(),
        context,
        &pk.point().compress().0,
        &(ciphertexts.len() as u64).to_be_bytes(),
        &Sha512::digest(ciphertexts.as_flattened()),
    ])
}

/// The weights of ciphertexts: 16-byte words of ChaCha20 under SHA-512(LP(DST, e, T))
fn challenge(e: &Bytes64, commitment: &[u8], count: usize) -> Result<Vec<[u8; 16]>, Error> {
    weights(&length_prefixed(&[DST_CHALLENGE.as_bytes(), e, commitment]), count)
}

/// Proves knowledge of the value and the randomness of every ciphertext, with one proof for all of them.
pub fn prove(
    encryption: &Encryption<'_>,
    proof_key: &StreamKey,
    context: &[u8],
    pk: &PublicKeyTable,
    ciphertexts: &[Bytes64],
) -> Result<[u8; PROOF_BYTES], Error> {
    check_chunk(ciphertexts.len())?;
    expect_count("values", ciphertexts.len(), encryption.values.len())?;
    let e = statement(context, pk, ciphertexts);
    let nonces = encryption.nonces(DST_NONCE, proof_key, &e);
    let (a, b) = (nonces.scalar(0)?, nonces.scalar(1)?);
    // T = a*G || b*G + a*pk
    let mut proof = [0u8; PROOF_BYTES];
    proof[..32].copy_from_slice(&RistrettoPoint::mul_base(&a).compress().0);
    proof[32..64].copy_from_slice(&(RistrettoPoint::mul_base(&b) + pk.point() * *a).compress().0);
    let weights = challenge(&e, &proof[..64], ciphertexts.len())?;
    // z_v = b + sum d_i * v_i; z_rho = a + sum d_i * rho_i
    let (mut z_v, mut z_rho) = (b, a);
    for ((weight, value), rho) in weights.iter().zip(encryption.values).zip(encryption.randomness()?.iter()) {
        let weight = Scalar::from(u128::from_le_bytes(*weight));
        *z_v += weight * *value_scalar(*value);
        *z_rho += weight * rho;
    }
    proof[64..96].copy_from_slice(z_v.as_bytes());
    proof[96..].copy_from_slice(z_rho.as_bytes());
    Ok(proof)
}

/// Checks a proof of knowledge. Variable time: everything here is public.
pub fn verify(
    backend: &dyn Backend,
    context: &[u8],
    pk: &PublicKeyTable,
    ciphertexts: &[Bytes64],
    proof: &[u8],
) -> Result<(), Error> {
    check_chunk(ciphertexts.len())?;
    let (commitment, responses) = proof.split_at_checked(64).ok_or(Error::BadProof)?;
    let ([t_1, t_2], []) = commitment.as_chunks::<32>() else { return Err(Error::BadProof) };
    let (t_1, t_2) = decode(t_1).zip(decode(t_2)).ok_or(Error::BadProof)?;
    let (z_v, z_rho) = parse(responses).ok_or(Error::BadProof)?;
    let e = statement(context, pk, ciphertexts);
    let weights = challenge(&e, commitment, ciphertexts.len())?;
    let (first, second) = components(ciphertexts);
    // z_rho*G = T_1 + sum d_i*A_i and z_v*G + z_rho*pk = T_2 + sum d_i*B_i
    let sum = |list, elements| Elements::decode(backend, list, elements)?.vartime_weighted_sum(&weights);
    let firsts = t_1 + sum("first components", &first)?;
    let seconds = t_2 + sum("second components", &second)?;
    let known = RistrettoPoint::mul_base(&z_rho) == firsts
        && RistrettoPoint::vartime_double_scalar_mul_basepoint(&z_rho, pk.point(), &z_v) == seconds;
    if known { Ok(()) } else { Err(Error::BadProof) }
}
