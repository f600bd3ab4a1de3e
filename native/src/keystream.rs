//! Indexed randomness: scalar `i` of a key is ChaCha20 block `i` modulo the group order.
//!
//! Because a scalar depends on the key and its own index only, no result depends on threads, blocks or
//! chunks.

use std::fmt;
use std::ops::Range;

use chacha20::cipher::{Array, KeyIvInit, StreamCipherCore};
use chacha20::variants::Ietf;
use chacha20::{ChaChaCore, R20};
use curve25519_dalek::Scalar;
use zeroize::{Zeroize, Zeroizing};

use crate::backend::{Bytes32, Bytes64};
use crate::error::{Error, Rejected};

/// Bytes of one ChaCha20 block (RFC 8439, section 2.3).
const BLOCK_BYTES: usize = 64;
/// Blocks of one key and nonce: the counter has 32 bits (RFC 8439, section 2.3).
const BLOCKS: u64 = 1 << 32;
/// Blocks generated at a time: a few of the cipher's own parallel batches, small enough for the stack.
const BATCH: usize = 16;

/// A stream key. Its copy is cleared when dropped.
#[derive(Clone)]
pub struct StreamKey(Zeroizing<Bytes32>);

impl fmt::Debug for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamKey(secret)")
    }
}

impl StreamKey {
    pub fn new(key: &Bytes32) -> Self {
        Self(Zeroizing::new(*key))
    }

    /// For hashing into a proof's nonce.
    pub fn as_bytes(&self) -> &Bytes32 {
        &self.0
    }

    /// Scalar `index`, for keys of which only one scalar is used.
    pub fn scalar(&self, index: u64) -> Result<Zeroizing<Scalar>, Error> {
        let scalars = self.window(index, 1)?.scalars(0..1).map_err(|zero| zero.in_list("keystream"))?;
        Ok(Zeroizing::new(scalars[0]))
    }

    /// The scalars `first..first + count`, none of them computed yet.
    pub fn window(&self, first: u64, count: usize) -> Result<Window<'_>, Error> {
        match first.checked_add(count as u64) {
            Some(end) if end <= BLOCKS => Ok(Window { key: self, first, count }),
            _ => Err(Error::KeystreamExhausted),
        }
    }

    /// The stream's bytes from block 0, for public weights.
    pub fn fill_bytes(&self, out: &mut [u8]) -> Result<(), Error> {
        self.window(0, out.len().div_ceil(BLOCK_BYTES))?;
        let mut chunks = out.chunks_mut(BLOCK_BYTES);
        self.for_each_block(0, chunks.len(), |block| {
            if let Some(chunk) = chunks.next() {
                chunk.copy_from_slice(&block[..chunk.len()]);
            }
        });
        Ok(())
    }

    /// Hands the blocks with these numbers to `each`, in the order of the numbers, on which the time does not depend.
    pub fn for_each_block_of(&self, numbers: &[u32], mut each: impl FnMut(&Bytes64)) {
        let mut cipher = ChaChaCore::<R20, Ietf>::new(&Array::from(*self.0), &Array::from([0u8; 12]));
        let mut block = Array::from([0u8; BLOCK_BYTES]);
        for number in numbers {
            cipher.set_block_pos(*number);
            cipher.write_keystream_block(&mut block);
            each(&block.0);
        }
        block.0.zeroize();
    }

    /// Hands blocks `first..first + count`, of which the stream has every one, to `each`, in order.
    pub fn for_each_block(&self, first: u64, count: usize, mut each: impl FnMut(&Bytes64)) {
        let mut cipher = ChaChaCore::<R20, Ietf>::new(&Array::from(*self.0), &Array::from([0u8; 12]));
        // The range ends at 2^32 at the latest: nothing is cut off unless the range is empty, and no counter
        // wraps before the last block is out.
        cipher.set_block_pos(first as u32);
        let mut batch = [Array::from([0u8; BLOCK_BYTES]); BATCH];
        for start in (0..count).step_by(BATCH) {
            let batch = &mut batch[..BATCH.min(count - start)];
            cipher.write_keystream_blocks(batch);
            batch.iter().for_each(|block| each(&block.0));
        }
        batch.iter_mut().for_each(|block| block.0.zeroize());
    }
}

/// A range of scalars that its stream is known to have.
#[derive(Clone, Copy)]
pub struct Window<'a> {
    key: &'a StreamKey,
    first: u64,
    count: usize,
}

impl Window<'_> {
    /// Part of the window; `range` lies within it. A zero scalar, with probability 2^-252, is rejected.
    pub fn scalars(&self, range: Range<usize>) -> Result<Zeroizing<Vec<Scalar>>, Rejected> {
        assert!(range.end <= self.count, "a window of {} scalars, asked up to {}", self.count, range.end);
        let mut scalars = Zeroizing::new(Vec::with_capacity(range.len()));
        self.key.for_each_block(self.first + range.start as u64, range.len(), |block| {
            scalars.push(Scalar::from_bytes_mod_order_wide(block));
        });
        nonzero(&scalars)?;
        Ok(scalars)
    }
}

/// Rejects the first zero among secret scalars. That there is none is public.
pub fn nonzero(scalars: &[Scalar]) -> Result<(), Rejected> {
    match scalars.iter().position(|scalar| *scalar == Scalar::ZERO) {
        Some(index) => Err(Rejected::zero_scalar(index)),
        None => Ok(()),
    }
}
