//! SHA-512 (FIPS 180-4) of one message in each lane, and the two hashes of RFC 9497 that need it.

use zeroize::{Zeroize, Zeroizing};

use super::vector::{LANES, Mask, Row, Vector};
use crate::backend::{Bytes32, Bytes64};

const BLOCK_BYTES: usize = 128;
/// RFC 9380, section 5.3.1: the uniform bytes that the map to the group takes.
const UNIFORM_BYTES: u16 = 64;

type State = [Vector; 8];

/// FIPS 180-4, section 5.3.5.
const INITIAL: [u64; 8] = [
    0x6a09e667f3bcc908,
    0xbb67ae8584caa73b,
    0x3c6ef372fe94f82b,
    0xa54ff53a5f1d36f1,
    0x510e527fade682d1,
    0x9b05688c2b3e6c1f,
    0x1f83d9abfb41bd6b,
    0x5be0cd19137e2179,
];

/// One message for each lane, padded into blocks. The buffers are used again for the next ones.
struct Messages([Zeroizing<Vec<u8>>; LANES]);

impl Messages {
    fn new() -> Self {
        Self(core::array::from_fn(|_| Zeroizing::new(Vec::with_capacity(2 * BLOCK_BYTES))))
    }

    /// Puts the concatenation of `parts` into a lane, padded as the end of a message with `before_bytes` before it.
    fn set(&mut self, lane: usize, before_bytes: usize, parts: &[&[u8]]) {
        let buffer = &mut self.0[lane];
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let blocks = (length + 17).div_ceil(BLOCK_BYTES);
        if buffer.capacity() < blocks * BLOCK_BYTES {
            // A fresh buffer, so that growing leaves no copy behind.
            **buffer = {
                buffer.zeroize();
                Vec::with_capacity(blocks * BLOCK_BYTES)
            };
        }
        buffer.clear();
        parts.iter().for_each(|part| buffer.extend_from_slice(part));
        buffer.push(0x80);
        buffer.resize(blocks * BLOCK_BYTES - 8, 0);
        buffer.extend_from_slice(&(8 * (before_bytes + length) as u64).to_be_bytes());
    }

    kernel!(
        /// Hashes all lanes on from `state`; a lane whose message has ended keeps its state.
        fn hash(&self, mut state: State) -> [Bytes64; LANES] {
            let blocks = self.0.iter().map(|message| message.len() / BLOCK_BYTES).max().unwrap_or(0);
            for block in 0..blocks {
                let mut active: Mask = 0;
                let mut rows: [[Row; LANES]; 2] = [[[0; 8]; LANES]; 2];
                for (lane, message) in self.0.iter().enumerate() {
                    let Some(bytes) = message.get(block * BLOCK_BYTES..(block + 1) * BLOCK_BYTES) else {
                        continue;
                    };
                    active |= 1 << lane;
                    for (word, bytes) in bytes.chunks_exact(8).enumerate() {
                        let mut be = [0; 8];
                        be.copy_from_slice(bytes);
                        rows[word / 8][lane][word % 8] = u64::from_be_bytes(be);
                    }
                }
                let next = compress(state, load_columns(&rows));
                for (state, next) in state.iter_mut().zip(next) {
                    *state = Vector::select(active, next, *state);
                }
                rows.zeroize();
            }
            let mut digests = [[0; 64]; LANES];
            for (digest, row) in digests.iter_mut().zip(Vector::to_rows(state)) {
                for (bytes, word) in digest.as_chunks_mut().0.iter_mut().zip(row) {
                    *bytes = word.to_be_bytes();
                }
            }
            digests
        }
    );
}

/// A block's sixteen words, from each lane's two rows of eight.
#[inline(always)]
fn load_columns(rows: &[[Row; LANES]; 2]) -> [Vector; 16] {
    let mut columns = [Vector::zero(); 16];
    for (columns, rows) in columns.as_chunks_mut::<8>().0.iter_mut().zip(rows) {
        *columns = Vector::from_rows(rows.each_ref());
    }
    columns
}

kernel!(
    /// One block (FIPS 180-4, section 6.4.2).
    fn compress(state: State, mut w: [Vector; 16]) -> State {
        let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = state;
        for (t, &k) in K.iter().enumerate() {
            if t >= 16 {
                w[t % 16] = w[t % 16]
                    + small_sigma1(w[(t + 14) % 16])
                    + w[(t + 9) % 16]
                    + small_sigma0(w[(t + 1) % 16]);
            }
            let ch = Vector::choose(e, f, g);
            let maj = Vector::majority(a, b, c);
            let t1 = h + (w[t % 16] + Vector::splat(k)) + ch + big_sigma1(e);
            (h, g, f, e) = (g, f, e, d + t1);
            (d, c, b, a) = (c, b, a, t1 + maj + big_sigma0(a));
        }
        let [sa, sb, sc, sd, se, sf, sg, sh] = state;
        [sa + a, sb + b, sc + c, sd + d, se + e, sf + f, sg + g, sh + h]
    }
);

#[inline(always)]
fn big_sigma0(x: Vector) -> Vector {
    Vector::xor3(x.rotate_right::<28>(), x.rotate_right::<34>(), x.rotate_right::<39>())
}

#[inline(always)]
fn big_sigma1(x: Vector) -> Vector {
    Vector::xor3(x.rotate_right::<14>(), x.rotate_right::<18>(), x.rotate_right::<41>())
}

#[inline(always)]
fn small_sigma0(x: Vector) -> Vector {
    Vector::xor3(x.rotate_right::<1>(), x.rotate_right::<8>(), x.shr::<7>())
}

#[inline(always)]
fn small_sigma1(x: Vector) -> Vector {
    Vector::xor3(x.rotate_right::<19>(), x.rotate_right::<61>(), x.shr::<6>())
}

#[inline(always)]
fn initial() -> State {
    let mut state = [Vector::zero(); 8];
    for (word, initial) in state.iter_mut().zip(INITIAL) {
        *word = Vector::splat(initial);
    }
    state
}

/// The hashes that a batch of inputs needs, with their buffers.
pub struct Hasher {
    messages: Messages,
    /// SHA-512 after Z_pad = I2OSP(0, s_in_bytes)
    after_z_pad: State,
}

impl Hasher {
    kernel!(
        pub fn new() -> Self {
            Self { messages: Messages::new(), after_z_pad: compress(initial(), [Vector::zero(); 16]) }
        }
    );

    kernel!(
        /// expand_message_xmd with SHA-512 (RFC 9380, section 5.3.1), 64 bytes for each input.
        pub fn expand(&mut self, inputs: &[&[u8]; LANES], dst_prime: &[u8]) -> [Bytes64; LANES] {
            // 7. b_0 = H(Z_pad || msg || l_i_b_str || I2OSP(0, 1) || DST_prime)
            for (lane, input) in inputs.iter().enumerate() {
                let parts: [&[u8]; 4] = [input, &UNIFORM_BYTES.to_be_bytes(), &[0], dst_prime];
                self.messages.set(lane, BLOCK_BYTES, &parts);
            }
            let b_0 = Zeroizing::new(self.messages.hash(self.after_z_pad));
            // 8. b_1 = H(b_0 || I2OSP(1, 1) || DST_prime)
            for (lane, b_0) in b_0.iter().enumerate() {
                self.messages.set(lane, 0, &[b_0, &[1], dst_prime]);
            }
            self.messages.hash(initial())
        }
    );

    kernel!(
        /// Finalize (RFC 9497, section 3.3.1).
        pub fn finalize(&mut self, inputs: &[&[u8]; LANES], elements: &[Bytes32; LANES]) -> [Bytes64; LANES] {
            for (lane, (input, element)) in inputs.iter().zip(elements).enumerate() {
                let length = (input.len() as u16).to_be_bytes();
                let element_length = (element.len() as u16).to_be_bytes();
                self.messages.set(lane, 0, &[&length, input, &element_length, element, b"Finalize"]);
            }
            self.messages.hash(initial())
        }
    );
}

/// FIPS 180-4, section 4.2.3.
const K: [u64; 80] = [
    0x428a2f98d728ae22,
    0x7137449123ef65cd,
    0xb5c0fbcfec4d3b2f,
    0xe9b5dba58189dbbc,
    0x3956c25bf348b538,
    0x59f111f1b605d019,
    0x923f82a4af194f9b,
    0xab1c5ed5da6d8118,
    0xd807aa98a3030242,
    0x12835b0145706fbe,
    0x243185be4ee4b28c,
    0x550c7dc3d5ffb4e2,
    0x72be5d74f27b896f,
    0x80deb1fe3b1696b1,
    0x9bdc06a725c71235,
    0xc19bf174cf692694,
    0xe49b69c19ef14ad2,
    0xefbe4786384f25e3,
    0x0fc19dc68b8cd5b5,
    0x240ca1cc77ac9c65,
    0x2de92c6f592b0275,
    0x4a7484aa6ea6e483,
    0x5cb0a9dcbd41fbd4,
    0x76f988da831153b5,
    0x983e5152ee66dfab,
    0xa831c66d2db43210,
    0xb00327c898fb213f,
    0xbf597fc7beef0ee4,
    0xc6e00bf33da88fc2,
    0xd5a79147930aa725,
    0x06ca6351e003826f,
    0x142929670a0e6e70,
    0x27b70a8546d22ffc,
    0x2e1b21385c26c926,
    0x4d2c6dfc5ac42aed,
    0x53380d139d95b3df,
    0x650a73548baf63de,
    0x766a0abb3c77b2a8,
    0x81c2c92e47edaee6,
    0x92722c851482353b,
    0xa2bfe8a14cf10364,
    0xa81a664bbc423001,
    0xc24b8b70d0f89791,
    0xc76c51a30654be30,
    0xd192e819d6ef5218,
    0xd69906245565a910,
    0xf40e35855771202a,
    0x106aa07032bbd1b8,
    0x19a4c116b8d2d0c8,
    0x1e376c085141ab53,
    0x2748774cdf8eeb99,
    0x34b0bcb5e19b48a8,
    0x391c0cb3c5c95a63,
    0x4ed8aa4ae3418acb,
    0x5b9cca4f7763e373,
    0x682e6ff3d6b2b8a3,
    0x748f82ee5defb2fc,
    0x78a5636f43172f60,
    0x84c87814a1f0ab72,
    0x8cc702081a6439ec,
    0x90befffa23631e28,
    0xa4506cebde82bde9,
    0xbef9a3f7b2c67915,
    0xc67178f2e372532b,
    0xca273eceea26619c,
    0xd186b8c721c0c207,
    0xeada7dd6cde0eb1e,
    0xf57d4f7fee6ed178,
    0x06f067aa72176fba,
    0x0a637dc5a2c898a6,
    0x113f9804bef90dae,
    0x1b710b35131c471b,
    0x28db77f523047d84,
    0x32caab7b40c72493,
    0x3c9ebe0a15c9bebc,
    0x431d67c49c100d4c,
    0x4cc5d4becb3e42b6,
    0x597f299cfc657e2a,
    0x5fcb6fab3ad6faec,
    0x6c44198c4a475817,
];
