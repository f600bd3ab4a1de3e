//! Every ElGamal kernel of every backend that runs here, against curve25519-dalek one entry at a time.

use _native::backend::{Bytes32, PublicKeyTable, available};
use _native::elgamal::{self, Ciphertext, MAX_TOTAL, Rows};
use _native::error::{Error, Rejected};
use _native::hash::Expander;
use _native::items::Items;
use _native::keystream::StreamKey;
use _native::multiples;
use curve25519_dalek::traits::Identity;
use curve25519_dalek::{RistrettoPoint, Scalar};

const SIZES: [usize; 13] = [0, 1, 7, 8, 9, 15, 16, 17, 31, 33, 65, 511, 513];
const IDENTITY: Bytes32 = [0; 32];

fn scalars(seed: u8, count: usize) -> Vec<Scalar> {
    let key = StreamKey::new(&[seed; 32]);
    key.window(0, count).unwrap().scalars(0..count).unwrap().to_vec()
}

fn encoded(point: RistrettoPoint) -> Bytes32 {
    point.compress().0
}

/// Values at the ends of the range and of each digit, then others.
fn values(count: usize) -> Vec<i64> {
    let mut values = vec![0, 1, -1, MAX_TOTAL, -MAX_TOTAL, 31, 32, -31, -32, 63, 64, 1 << 42, -(1 << 42)];
    values.extend((0..count as i64).map(|i| (i * 0x1234_5678_9ABC + i) % MAX_TOTAL * (1 - i % 2 * 2)));
    values.truncate(count);
    values
}

fn signed(value: i64) -> Scalar {
    let size = Scalar::from(value.unsigned_abs());
    if value < 0 { -size } else { size }
}

fn key_pair() -> (Scalar, RistrettoPoint, PublicKeyTable) {
    let sk = scalars(77, 1)[0];
    let pk = RistrettoPoint::mul_base(&sk);
    (sk, pk, PublicKeyTable::new(&encoded(pk)).unwrap())
}

fn points(seed: u8, count: usize) -> Vec<[RistrettoPoint; 2]> {
    let scalars = scalars(seed, 2 * count);
    scalars
        .as_chunks()
        .0
        .iter()
        .map(|pair: &[Scalar; 2]| pair.map(|s| RistrettoPoint::mul_base(&s)))
        .collect()
}

fn ciphertexts(points: &[[RistrettoPoint; 2]]) -> Vec<Ciphertext> {
    points.iter().map(|pair| pair.map(encoded)).collect()
}

#[test]
fn encrypting() {
    let (_, pk, table) = key_pair();
    for size in SIZES {
        let (values, randomness) = (values(size), scalars(1, size));
        let expected: Vec<Ciphertext> = values
            .iter()
            .zip(&randomness)
            .map(|(value, rho)| {
                [RistrettoPoint::mul_base(rho), RistrettoPoint::mul_base(&signed(*value)) + pk * rho]
                    .map(encoded)
            })
            .collect();
        for backend in available() {
            let mut out = vec![[IDENTITY; 2]; size];
            backend.encrypt(&values, &randomness, &table, &mut out);
            assert_eq!(out, expected, "{} at {size}", backend.name());
        }
    }
}

#[test]
fn rerandomizing() {
    let (_, pk, table) = key_pair();
    for size in SIZES {
        let (points, randomness) = (points(2, size), scalars(3, size));
        let expected: Vec<Ciphertext> = points
            .iter()
            .zip(&randomness)
            .map(|([a, b], rho)| [a + RistrettoPoint::mul_base(rho), b + pk * rho].map(encoded))
            .collect();
        for backend in available() {
            let mut out = vec![[IDENTITY; 2]; size];
            backend.rerandomize(&ciphertexts(&points), &randomness, &table, &mut out).unwrap();
            assert_eq!(out, expected, "{} at {size}", backend.name());
        }
    }
}

/// Sums of any two elements, and of those where the formula for the encoding of a sum has no value: equal ones,
/// opposite ones, and the identity on either side.
#[test]
fn adding() {
    for size in SIZES {
        let mut a: Vec<RistrettoPoint> = points(4, size).into_iter().map(|[a, _]| a).collect();
        let mut b: Vec<RistrettoPoint> = points(4, size).into_iter().map(|[_, b]| b).collect();
        for (i, (a, b)) in a.iter_mut().zip(&mut b).enumerate() {
            match i % 11 {
                1 => *b = *a,
                3 => *b = -*a,
                5 => *a = RistrettoPoint::identity(),
                7 => *b = RistrettoPoint::identity(),
                9 => (*a, *b) = (RistrettoPoint::identity(), RistrettoPoint::identity()),
                _ => {}
            }
        }
        let expected: Vec<Bytes32> = a.iter().zip(&b).map(|(a, b)| encoded(a + b)).collect();
        let (a, b): (Vec<_>, Vec<_>) = a.into_iter().zip(b).map(|(a, b)| (encoded(a), encoded(b))).unzip();
        for backend in available() {
            let mut out = vec![[0xAA; 32]; size];
            backend.vartime_add(&a, &b, &mut out).unwrap();
            assert_eq!(out, expected, "{} at {size}", backend.name());
        }
    }
}

#[test]
fn summing_columns() {
    for (size, width) in SIZES.into_iter().zip([2, 4, 6, 2, 20, 8, 2, 6, 2, 2, 14, 2, 4]) {
        let elements: Vec<RistrettoPoint> = points(5, size * width).into_iter().map(|[a, _]| a).collect();
        let rows: Vec<u32> =
            (0..size as u32).rev().filter(|row| row % 3 != 1).chain(0..size.min(2) as u32).collect();
        let sum = |rows: &mut dyn Iterator<Item = usize>| {
            let mut sums = vec![RistrettoPoint::identity(); width];
            for row in rows {
                for (column, sum) in sums.iter_mut().enumerate() {
                    *sum += elements[row * width + column];
                }
            }
            sums
        };
        let encodings: Vec<Bytes32> = elements.iter().copied().map(encoded).collect();
        for backend in available() {
            let all = backend.vartime_column_sums(&encodings, width, &Rows::All(0..size));
            assert_eq!(all, Ok(sum(&mut (0..size))), "{} at {size}", backend.name());
            let selected = backend.vartime_column_sums(&encodings, width, &Rows::Selected(&rows));
            assert_eq!(selected, Ok(sum(&mut rows.iter().map(|row| *row as usize))));
        }
    }
}

/// Every kernel that takes ciphertexts, with a bad encoding in each place, and a worse one after it.
#[test]
fn a_bad_ciphertext_is_named_in_every_lane() {
    let (_, _, table) = key_pair();
    let mut off_curve = [0; 32];
    off_curve[0] = 2;
    while _native::backend::decode(&off_curve).is_some() {
        off_curve[0] += 2;
    }
    for backend in available() {
        for size in [1, 9, 35] {
            let good = ciphertexts(&points(6, size));
            let randomness = scalars(7, size);
            let mut out = vec![[IDENTITY; 2]; size];
            for bad in [IDENTITY, [0xff; 32], off_curve] {
                for (index, component) in (0..size).flat_map(|index| [(index, 0), (index, 1)]) {
                    let mut ciphertexts = good.clone();
                    ciphertexts[size - 1][1] = [0xff; 32];
                    ciphertexts[index][component] = bad;
                    let elements = ciphertexts.as_flattened();
                    let place = 2 * index + component;
                    assert_eq!(backend.check(elements), Err(Rejected::bad_element(place)));
                    let result = backend.rerandomize(&ciphertexts, &randomness, &table, &mut out);
                    assert_eq!(result, Err(Rejected::bad_element(index)));
                    let result = backend.vartime_column_sums(elements, 2, &Rows::All(0..size));
                    assert_eq!(result.map(|_| ()), Err(Rejected::bad_element(place)));
                    if bad != IDENTITY {
                        let out = out.as_flattened_mut();
                        let rejected = Err(Rejected::bad_element(place));
                        assert_eq!(backend.vartime_add(elements, good.as_flattened(), out), rejected);
                        assert_eq!(backend.vartime_add(good.as_flattened(), elements, out), rejected);
                    }
                }
            }
        }
    }
}

/// The batches, over several blocks and cores: encrypt, re-randomize, add, sum, decrypt in two parts.
#[test]
fn a_round_trip_over_many_blocks() {
    let secrets = [StreamKey::new(&[21; 32]), StreamKey::new(&[22; 32])];
    let publics = secrets.each_ref().map(|key| _native::voprf::public_key(key).unwrap());
    let pk = elgamal::joint_key(&publics).unwrap();
    let (columns, rows) = (3, 701);
    let values = values(columns * rows);
    let key = StreamKey::new(&[23; 32]);
    for backend in available() {
        let mut encrypted = vec![[IDENTITY; 2]; values.len()];
        elgamal::encrypt(backend, &values, &pk, &key, 11, &mut encrypted).unwrap();
        let mut fresh = encrypted.clone();
        elgamal::rerandomize(backend, &encrypted, &pk, &key, 5_000, &mut fresh).unwrap();
        assert!(encrypted.iter().zip(&fresh).all(|(a, b)| a[0] != b[0] && a[1] != b[1]));
        elgamal::check(backend, &fresh).unwrap();
        let mut sums = vec![[IDENTITY; 2]; columns];
        elgamal::sum_columns(backend, &fresh, None, &mut sums).unwrap();
        let mut doubled = sums.clone();
        elgamal::add(backend, &sums, &sums, &mut doubled).unwrap();
        let mut noisy = doubled.clone();
        elgamal::add_values(&doubled, &[-5, 0, MAX_TOTAL], &mut noisy).unwrap();
        let partials = secrets.each_ref().map(|secret| {
            let mut out = vec![IDENTITY; columns];
            elgamal::partial_decryptions(backend, &noisy, secret, &mut out).unwrap();
            out
        });
        let mut opened = vec![IDENTITY; columns];
        elgamal::open_shares(&noisy, &[&partials[0], &partials[1]], &mut opened).unwrap();
        for (column, noise) in [-5, 0, MAX_TOTAL].into_iter().enumerate() {
            let sum: Scalar = values.iter().skip(column).step_by(columns).map(|value| signed(*value)).sum();
            let expected = sum + sum + signed(noise);
            assert_eq!(opened[column], encoded(RistrettoPoint::mul_base(&expected)));
        }
    }
}

#[test]
fn what_is_out_of_range_or_ragged_is_refused() {
    let backend = available().next().unwrap();
    let key = StreamKey::new(&[1; 32]);
    let pk = _native::voprf::public_key(&key).unwrap();
    let mut out = vec![[IDENTITY; 2]; 9];
    for bad in [MAX_TOTAL + 1, -MAX_TOTAL - 1, i64::MAX, i64::MIN] {
        let mut values = values(9);
        (values[4], values[6]) = (bad, bad);
        let refused = Rejected::value_out_of_range(4).in_list("values");
        let result = elgamal::encrypt(backend, &values, &pk, &key, 0, &mut out);
        assert_eq!(result, Err(refused.clone()));
        let ciphertexts = ciphertexts(&points(8, 9));
        assert_eq!(elgamal::add_values(&ciphertexts, &values, &mut out), Err(refused));
    }
    let encrypted = ciphertexts(&points(8, 9));
    assert!(elgamal::encrypt(backend, &[], &IDENTITY, &key, 0, &mut []).is_err());
    assert!(matches!(
        elgamal::sum_columns(backend, &encrypted, None, &mut out[..2]),
        Err(Error::BadLength { what: "ciphertexts", .. })
    ));
    assert!(elgamal::sum_columns(backend, &encrypted, None, &mut []).is_err());
    assert!(matches!(
        elgamal::sum_columns(backend, &encrypted, Some(&[0, 2, 3]), &mut out[..3]),
        Err(Error::BadLength { what: "row", .. })
    ));
    elgamal::sum_columns(backend, &encrypted, Some(&[]), &mut out[..3]).unwrap();
    assert_eq!(out[..3], [[IDENTITY; 2]; 3]);
}

#[test]
fn joint_keys() {
    let points: Vec<RistrettoPoint> = points(9, 3).into_iter().map(|[a, _]| a).collect();
    let keys: Vec<Bytes32> = points.iter().copied().map(encoded).collect();
    assert_eq!(elgamal::joint_key(&keys), Ok(encoded(points.iter().sum())));
    assert!(matches!(elgamal::joint_key(&[]), Err(Error::BadLength { .. })));
    assert_eq!(elgamal::joint_key(&[keys[0], encoded(-points[0])]), Err(Error::BadPublicKey));
    let refused = elgamal::joint_key(&[keys[0], IDENTITY, [0xff; 32]]);
    assert_eq!(refused, Err(Rejected::bad_element(1).in_list("public keys")));
}

#[test]
fn multiples_of_hashes_and_of_elements() {
    let dst = Expander::new(b"multiples").unwrap();
    let key = StreamKey::new(&[31; 32]);
    let k = key.scalar(0).unwrap();
    let data: Vec<u8> = (0..=255).collect();
    for size in [0, 1, 7, 8, 9, 17, 200] {
        let offsets: Vec<u32> = (0..=size as u32).collect();
        let items = Items::new(&data, &offsets).unwrap();
        let hashed: Vec<RistrettoPoint> =
            items.iter().map(|item| RistrettoPoint::from_uniform_bytes(&dst.uniform(item))).collect();
        let expected: Vec<Bytes32> = hashed.iter().map(|point| encoded(point * *k)).collect();
        for backend in available() {
            let mut out = vec![IDENTITY; size];
            multiples::hashed(backend, items, &dst, &key, &mut out).unwrap();
            assert_eq!(out, expected);
            let elements: Vec<Bytes32> = hashed.iter().copied().map(encoded).collect();
            let mut out = vec![IDENTITY; size];
            multiples::shared(backend, &elements, &key, &mut out).unwrap();
            assert_eq!(out, expected);
        }
    }
}
