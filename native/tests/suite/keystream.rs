//! Streams: RFC 8439's blocks, the ends of the counter, and zero.

use _native::error::{Error, Rejected};
use _native::keystream::{StreamKey, nonzero};
use curve25519_dalek::Scalar;

/// RFC 8439, appendix A.1, test vectors 1 and 2: key and nonce zero, counters 0 and 1.
const ZERO_KEY_BLOCKS: [&str; 2] = [
    "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7\
     da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586",
    "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed\
     29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f",
];

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

fn zero_key() -> StreamKey {
    StreamKey::new(&[0; 32])
}

#[test]
fn bytes_are_the_published_blocks() {
    let expected = [hex(ZERO_KEY_BLOCKS[0]), hex(ZERO_KEY_BLOCKS[1])].concat();
    for length in [0, 1, 16, 63, 64, 65, 127, 128] {
        let mut bytes = vec![0; length];
        zero_key().fill_bytes(&mut bytes).unwrap();
        assert_eq!(bytes, expected[..length]);
    }
}

#[test]
fn scalars_are_blocks_modulo_the_order() {
    let expected = ZERO_KEY_BLOCKS.map(|block| {
        let wide: [u8; 64] = hex(block).try_into().unwrap();
        Scalar::from_bytes_mod_order_wide(&wide)
    });
    assert_eq!(*zero_key().window(0, 2).unwrap().scalars(0..2).unwrap(), expected);
    assert_eq!(*zero_key().scalar(1).unwrap(), expected[1]);
}

#[test]
fn scalars_do_not_depend_on_where_a_window_starts() {
    let key = StreamKey::new(&[7; 32]);
    let whole = key.window(5, 100).unwrap().scalars(0..100).unwrap();
    for cut in [0, 1, 15, 16, 17, 31, 33, 99, 100] {
        let head = key.window(5, cut).unwrap().scalars(0..cut).unwrap();
        let tail = key.window(5, 100).unwrap().scalars(cut..100).unwrap();
        assert_eq!([head.as_slice(), tail.as_slice()].concat(), *whole);
    }
}

#[test]
fn the_counter_ends_at_32_bits() {
    let key = zero_key();
    let last = 1u64 << 32;
    assert_eq!(key.window(last - 20, 20).unwrap().scalars(0..20).unwrap().len(), 20);
    assert!(key.window(last, 0).unwrap().scalars(0..0).unwrap().is_empty());
    for (first, count) in
        [(last, 1), (last - 1, 2), (u64::MAX, 1), (0, (1 << 32) + 1), (u64::MAX, usize::MAX)]
    {
        assert_eq!(key.window(first, count).err(), Some(Error::KeystreamExhausted));
    }
}

#[test]
fn the_last_scalar_does_not_wrap_to_the_first() {
    let key = zero_key();
    let last = key.scalar((1 << 32) - 1).unwrap();
    assert_ne!(*last, *key.scalar(0).unwrap());
    assert_ne!(*last, *key.scalar(1).unwrap());
}

#[test]
fn a_zero_scalar_is_rejected_by_its_index() {
    let mut scalars = [Scalar::ONE; 9];
    assert_eq!(nonzero(&scalars), Ok(()));
    scalars[8] = Scalar::ZERO;
    scalars[3] = Scalar::ZERO;
    assert_eq!(nonzero(&scalars), Err(Rejected::zero_scalar(3)));
}

#[test]
fn a_key_prints_nothing_of_itself() {
    assert_eq!(format!("{:?}", StreamKey::new(&[65; 32])), "StreamKey(secret)");
}
