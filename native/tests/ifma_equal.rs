//! The AVX-512 IFMA backend gives what the portable one gives, byte for byte.
#![cfg(target_arch = "x86_64")]

use _native::backend::{Backend, Bytes32, PublicKeyTable, by_name};
use _native::elgamal::{MAX_TOTAL, Rows};
use _native::hash::Expander;
use _native::items::Items;
use _native::keystream::StreamKey;
use curve25519_dalek::{RistrettoPoint, Scalar};

const SIZES: [usize; 10] = [0, 1, 7, 8, 9, 15, 16, 17, 33, 71];

/// Both backends, or None on a machine that can run only one.
fn pair() -> Option<(&'static dyn Backend, &'static dyn Backend)> {
    match by_name("ifma") {
        Ok(ifma) => Some((ifma, by_name("portable").unwrap())),
        Err(_) => {
            eprintln!("skipped: this machine has no AVX-512 IFMA");
            None
        }
    }
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
/// `cargo test --release --test ifma_equal -- --ignored`.
#[test]
#[ignore]
fn everything_is_equal_for_a_million_items() {
    assert_equal(0, 32_767);
    for seed in 1..=31 {
        assert_equal(8 * seed, 32_768);
    }
}

/// Runs every operation on `count` random items with both backends. Neighbouring seeds share random values.
fn assert_equal(seed: u8, count: usize) {
    let Some((ifma, portable)) = pair() else { return };
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
    for (name, (got, expected)) in names.iter().zip(run(ifma).iter().zip(run(portable).iter())) {
        assert!(got == expected, "{name} differs at {count}");
    }
}
