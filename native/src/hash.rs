//! Hashing: expand_message_xmd (RFC 9380), Finalize (RFC 9497), and SHA-512 over length-prefixed parts.

use curve25519_dalek::Scalar;
use sha2::{Digest, Sha512};
use zeroize::Zeroizing;

use crate::backend::{Bytes32, Bytes64};
use crate::error::Error;

/// SHA-512's input block, `s_in_bytes` of RFC 9380.
const BLOCK_BYTES: usize = 128;
/// SHA-512's output, `b_in_bytes` of RFC 9380.
const DIGEST_BYTES: usize = 64;
/// RFC 9380, section 5.3.1, step 2: ell is at most 255.
const MAX_EXPANDED_BYTES: usize = 255 * DIGEST_BYTES;

/// A domain separation tag for hashing to the group or to a scalar, with the work that every input shares
/// done once.
#[derive(Clone)]
pub struct Expander {
    /// DST_prime = DST || I2OSP(len(DST), 1)
    dst_prime: Vec<u8>,
    /// SHA-512 after Z_pad = I2OSP(0, s_in_bytes)
    after_z_pad: Sha512,
}

impl Expander {
    /// Refuses tags outside 1..=255 bytes: RFC 9380, section 5.3.3, hashes longer ones, and no suite here has
    /// one.
    pub fn new(dst: &[u8]) -> Result<Self, Error> {
        let Some(length) = u8::try_from(dst.len()).ok().filter(|&length| length > 0) else {
            return Err(Error::BadTag);
        };
        Ok(Self {
            dst_prime: [dst, &[length]].concat(),
            after_z_pad: Sha512::new_with_prefix([0u8; BLOCK_BYTES]),
        })
    }

    pub fn dst_prime(&self) -> &[u8] {
        &self.dst_prime
    }

    /// expand_message_xmd with SHA-512 (RFC 9380, section 5.3.1).
    pub fn expand(&self, msg: &[u8], length: usize) -> Result<Zeroizing<Vec<u8>>, Error> {
        // 2. ABORT if ell > 255 or len_in_bytes > 65535
        if length > MAX_EXPANDED_BYTES {
            return Err(Error::length(
                "expanded message",
                format!("at most {MAX_EXPANDED_BYTES} bytes"),
                length,
            ));
        }
        let mut out = Zeroizing::new(vec![0u8; length]);
        self.expand_to(msg, &mut out);
        Ok(out)
    }

    /// The 64 bytes from which a group element or a scalar is derived. Secret where the input is.
    pub fn uniform(&self, msg: &[u8]) -> Zeroizing<Bytes64> {
        let mut out = Zeroizing::new([0u8; DIGEST_BYTES]);
        self.expand_to(msg, out.as_mut_slice());
        out
    }

    /// Fills `out`, of at most `MAX_EXPANDED_BYTES`.
    fn expand_to(&self, msg: &[u8], out: &mut [u8]) {
        // 7. b_0 = H(Z_pad || msg || l_i_b_str || I2OSP(0, 1) || DST_prime)
        let mut hasher = self.after_z_pad.clone();
        hasher.update(msg);
        hasher.update((out.len() as u16).to_be_bytes());
        hasher.update([0]);
        hasher.update(&self.dst_prime);
        let b_0: Zeroizing<Bytes64> = Zeroizing::new(hasher.finalize().into());
        // 9. b_i = H(strxor(b_0, b_(i - 1)) || I2OSP(i, 1) || DST_prime), with b_1 as if the block before it
        // were zero
        let mut previous = Zeroizing::new([0u8; DIGEST_BYTES]);
        for (i, block) in (1u8..=255).zip(out.chunks_mut(DIGEST_BYTES)) {
            for (byte, b_0) in previous.iter_mut().zip(b_0.iter()) {
                *byte ^= b_0;
            }
            let mut hasher = Sha512::new_with_prefix(previous.as_slice());
            hasher.update([i]);
            hasher.update(&self.dst_prime);
            *previous = hasher.finalize().into();
            block.copy_from_slice(&previous[..block.len()]);
        }
    }
}

/// Finalize of RFC 9497, section 3.3.1:
/// Hash(I2OSP(len(input), 2) || input || I2OSP(len(unblindedElement), 2) || unblindedElement || "Finalize").
/// `input` is at most 65,535 bytes, which [`crate::items::Items`] guarantees.
pub fn finalize(input: &[u8], element: &Bytes32) -> Bytes64 {
    let mut hasher = Sha512::new();
    hasher.update((input.len() as u16).to_be_bytes());
    hasher.update(input);
    hasher.update((element.len() as u16).to_be_bytes());
    hasher.update(element);
    hasher.update(b"Finalize");
    hasher.finalize().into()
}

/// SHA-512 over LP(parts): each part is prefixed by its length as 8 bytes, big-endian.
pub fn length_prefixed(parts: &[&[u8]]) -> Bytes64 {
    let mut hasher = Sha512::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// A digest as an integer, little-endian, modulo the group order.
pub fn to_scalar(digest: &Bytes64) -> Scalar {
    Scalar::from_bytes_mod_order_wide(digest)
}
