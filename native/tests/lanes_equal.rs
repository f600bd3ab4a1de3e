//! The backends on vector registers give what the portable one gives, byte for byte.
#![cfg(target_arch = "x86_64")]

use _native::backend::{Backend, Bytes32, KNOWN, PublicKeyTable, by_name};
use _native::elgamal::{MAX_TOTAL, Rows};
use _native::hash::Expander;
use _native::items::Items;
use _native::keystream::StreamKey;
use curve25519_dalek::{RistrettoPoint, Scalar};

const SIZES: [usize; 15] = [0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 71];

/// The backends that this machine can run beside the portable one.
fn others() -> Vec<&'static dyn Backend> {
    let (available, lacking): (Vec<_>, Vec<_>) =
        KNOWN.iter().copied().partition(|backend| backend.is_supported());
    lacking.iter().for_each(|backend| eprintln!("skipped: this machine has no {}", backend.name()));
    available.into_iter().filter(|backend| backend.name() != "portable").collect()
}

fn scalars(seed: u8, count: usize) -> Vec<Scalar> {
    let key = StreamKey::new(&[seed; 32]);
    key.window(0, count).unwrap().scalars(0..count).unwrap().to_vec()
}

fn elements(seed: u8, count: usize) -> Vec<Bytes32> {
    scalars(seed, count).iter().map(|scalar| RistrettoPoint::mul_base(scalar).compress().0).collect()
}

/// Inputs of all lengths around the borders of SHA-512's blocks.
fn inputs(seed: u8, count: usize) -> (Vec<u8>, Vec<u32>) {
    let lengths = (0..count).map(|i| (i * 37 + usize::from(seed)) % 300);
    let offsets: Vec<u32> = std::iter::once(0)
        .chain(lengths.scan(0, |end, length| {
            *end += length as u32;
            Some(*end)
        }))
        .collect();
    let mut data = vec![0; *offsets.last().unwrap() as usize];
    StreamKey::new(&[seed; 32]).fill_bytes(&mut data).unwrap();
    (data, offsets)
}

fn dst() -> Expander {
    Expander::new(b"HashToGroup-OPRFV1-\x01-ristretto255-SHA512").unwrap()
}

#[test]
fn everything_is_equal_at_every_batch_size() {
    for count in SIZES {
        assert_equal(count as u8, count);
    }
}

/// A million random items for each operation, and the sizes around a full chunk: minutes, so only on demand, with
/// `cargo test --release --test lanes_equal -- --ignored`.
#[test]
#[ignore]
fn everything_is_equal_for_a_million_items() {
    assert_equal(0, 32_767);
    for seed in 1..=31 {
        assert_equal(8 * seed, 32_768);
    }
}

/// Runs every operation on `count` random items with all backends. Neighbouring seeds share random values.
fn assert_equal(seed: u8, count: usize) {
    let (data, offsets) = inputs(seed, count);
    let items = Items::new(&data, &offsets).unwrap();
    let blinds = scalars(seed ^ 2, count);
    let points = elements(seed ^ 3, count);
    let k = scalars(seed ^ 4, 1)[0];
    let key = PublicKeyTable::new(&elements(seed ^ 5, 1)[0]).unwrap();
    let weights: Vec<[u8; 16]> =
        scalars(seed ^ 6, count).iter().map(|s| s.to_bytes()[..16].try_into().unwrap()).collect();
    let values: Vec<i64> = scalars(seed ^ 7, count)
        .iter()
        .map(|s| i64::from_le_bytes(s.to_bytes()[..8].try_into().unwrap()) % MAX_TOTAL)
        .collect();
    let run = |backend: &dyn Backend| {
        let mut rows = vec![[0u8; 32]; count];
        let mut digests = vec![[0u8; 64]; count];
        let mut all = vec![];
        backend.hash_to_group(items, &dst(), &mut rows).unwrap();
        all.push(rows.as_flattened().to_vec());
        backend.blind(items, &dst(), &blinds, &mut rows);
        all.push(rows.as_flattened().to_vec());
        backend.evaluate(&k, &points, &mut rows).unwrap();
        all.push(rows.as_flattened().to_vec());
        backend.multiply(&blinds, &points, &mut rows).unwrap();
        all.push(rows.as_flattened().to_vec());
        backend.multiply_base(&blinds, &mut rows);
        all.push(rows.as_flattened().to_vec());
        backend.outputs(items, &dst(), &k, &mut digests).unwrap();
        all.push(digests.as_flattened().to_vec());
        backend.map_to_group(&digests, &mut rows);
        all.push(rows.as_flattened().to_vec());
        let decoded = backend.decode_batch(&points).unwrap();
        decoded.finalize(0..count, items, &blinds, &key, &mut digests).unwrap();
        all.push(digests.as_flattened().to_vec());
        all.push(decoded.vartime_weighted_sum(0..count, &weights).compress().0.to_vec());
        backend.multiples(items, &dst(), &k, &mut rows).unwrap();
        all.push(rows.as_flattened().to_vec());
        let mut ciphertexts = vec![[[0u8; 32]; 2]; count];
        backend.encrypt(&values, &blinds, &key, &mut ciphertexts);
        all.push(ciphertexts.as_flattened().as_flattened().to_vec());
        let encrypted = ciphertexts.clone();
        backend.rerandomize(&encrypted, &blinds, &key, &mut ciphertexts).unwrap();
        all.push(ciphertexts.as_flattened().as_flattened().to_vec());
        backend.vartime_add(&points, &rows.clone(), &mut rows).unwrap();
        all.push(rows.as_flattened().to_vec());
        let sums = backend.vartime_column_sums(encrypted.as_flattened(), 2, &Rows::All(0..count)).unwrap();
        all.extend(sums.iter().map(|sum| sum.compress().0.to_vec()));
        all
    };
    let names = [
        "hash",
        "blind",
        "evaluate",
        "multiply",
        "base",
        "outputs",
        "map",
        "finalize",
        "sum",
        "multiples",
        "encrypt",
        "rerandomize",
        "add",
        "first column",
        "second column",
    ];
    let expected = run(by_name("portable").unwrap());
    for backend in others() {
        let got = run(backend);
        for (name, (got, expected)) in names.iter().zip(got.iter().zip(&expected)) {
            assert!(got == expected, "{name} differs on {} at {count}", backend.name());
        }
    }
}

/// The identity, a non-canonical encoding, a negative one and one of no element.
fn bad_elements() -> [Bytes32; 4] {
    let mut non_canonical = [0xff; 32];
    (non_canonical[0], non_canonical[31]) = (0xed, 0x7f);
    let mut negative = [0; 32];
    negative[0] = 1;
    let mut not_square = [0; 32];
    not_square[0] = 2;
    [[0; 32], non_canonical, negative, not_square]
}

#[test]
fn bad_elements_are_named_at_every_position() {
    let good = elements(9, 37);
    let k = scalars(10, 1)[0];
    let portable = by_name("portable").unwrap();
    for backend in others() {
        for bad in bad_elements() {
            for position in 0..good.len() {
                let mut elements = good.clone();
                elements[position] = bad;
                // A second bad one, behind the first.
                elements[36] = [0xff; 32];
                let index = |backend: &dyn Backend| {
                    backend.evaluate(&k, &elements, &mut [[0; 32]; 37]).unwrap_err().index
                };
                assert_eq!((index(backend), index(portable)), (position, position), "{}", backend.name());
            }
        }
    }
}
