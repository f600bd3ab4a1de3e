//! Does time depend on secrets? In the style of dudect (Reparaz, Balasch, Verbauwhede 2017): the same kernel runs on a fixed
//! and on a random class of secrets in random order, and Welch's t-test compares the two classes' times.
//!
//! On demand, on a machine that is otherwise idle: `cargo test --release --test lanes_timing -- --ignored --nocapture`.
#![cfg(target_arch = "x86_64")]

use std::time::Instant;

use _native::backend::{Bytes32, Bytes64, KNOWN, PublicKeyTable, by_name};
use _native::elgamal::MAX_TOTAL;
use _native::items::Items;
use _native::keystream::StreamKey;
use _native::sums::{Bases, SecretWeights};
use curve25519_dalek::{RistrettoPoint, Scalar};

const ITEMS: usize = 64;
const MEASUREMENTS: usize = 20_000;
/// dudect's own limit for "probably not constant time" is 10; noise stays below 4.5.
const LIMIT: f64 = 10.0;

fn scalars(seed: u64, count: usize) -> Vec<Scalar> {
    let key = StreamKey::new(&[(seed % 251) as u8; 32]);
    let first = seed / 251 * 1_000;
    key.window(first, count).unwrap().scalars(0..count).unwrap().to_vec()
}

fn elements(seed: u64) -> Vec<Bytes32> {
    scalars(seed, ITEMS).iter().map(|scalar| RistrettoPoint::mul_base(scalar).compress().0).collect()
}

/// |t| of Welch's test, the slowest tenth (interrupts) left out.
fn t_statistic(mut classes: [Vec<f64>; 2]) -> f64 {
    let moments = classes.each_mut().map(|times| {
        times.sort_by(f64::total_cmp);
        times.truncate(times.len() * 9 / 10);
        let n = times.len() as f64;
        let mean = times.iter().sum::<f64>() / n;
        let variance = times.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (n - 1.0);
        (mean, variance / n)
    });
    let [(mean_a, error_a), (mean_b, error_b)] = moments;
    ((mean_a - mean_b) / (error_a + error_b).sqrt()).abs()
}

/// `run` gets the class (0 fixed, 1 random) and a number that differs each time; what it prepares is not timed.
fn assert_constant_time<S>(
    name: &str,
    mut prepare: impl FnMut(usize, u64) -> S,
    mut run: impl FnMut(&mut S),
) {
    let mut order = vec![0u8; MEASUREMENTS];
    StreamKey::new(&[99; 32]).fill_bytes(&mut order).unwrap();
    let mut classes = [vec![], vec![]];
    for (number, class) in order.iter().map(|byte| usize::from(byte & 1)).enumerate() {
        let mut secret = prepare(class, number as u64);
        let start = Instant::now();
        run(&mut secret);
        classes[class].push(start.elapsed().as_nanos() as f64);
    }
    let t = t_statistic(classes);
    println!("{name:28} |t| = {t:.2}");
    assert!(t < LIMIT, "{name}: |t| = {t:.2}");
}

#[test]
#[ignore]
fn times_do_not_depend_on_secrets() {
    let name = std::env::var("ACCORD_BACKEND").unwrap_or_else(|_| KNOWN[0].name().into());
    let backend = by_name(&name).unwrap();
    println!("backend {name}");
    let points = elements(3);
    let decoded = backend.decode_batch(&points).unwrap();
    let key = PublicKeyTable::new(&elements(4)[0]).unwrap();
    let (data, offsets) = (vec![0; 0], vec![0; ITEMS + 1]);
    let items = Items::new(&data, &offsets).unwrap();
    let mut rows = vec![[0; 32]; ITEMS];
    let mut ciphertexts = vec![[[0; 32]; 2]; ITEMS];
    let mut digests: Vec<Bytes64> = vec![[0; 64]; ITEMS];
    // Fixed: one (a scalar of zeros but for a bit), or minus one; random otherwise.
    let pick = |fixed: Scalar| {
        move |class: usize, number: u64| {
            let random = scalars(number, ITEMS);
            if class == 0 { vec![fixed; ITEMS] } else { random }
        }
    };
    for (name, fixed) in [("one", Scalar::ONE), ("minus one", -Scalar::ONE)] {
        let prepare = pick(fixed);
        assert_constant_time(&format!("evaluate, {name}"), prepare, |secret| {
            decoded.evaluate(0..ITEMS, &secret[0], &mut rows)
        });
        assert_constant_time(&format!("multiply, {name}"), prepare, |secret| {
            backend.multiply(secret, &points, &mut rows).unwrap()
        });
        assert_constant_time(&format!("multiply base, {name}"), prepare, |secret| {
            backend.multiply_base(secret, &mut rows)
        });
        assert_constant_time(&format!("finalize, {name}"), prepare, |secret| {
            decoded.finalize(0..ITEMS, items, secret, &key, &mut digests).unwrap()
        });
        assert_constant_time(&format!("secret sums, {name}"), prepare, |secret| {
            let weights = [SecretWeights::Scalars(secret)];
            drop(backend.secret_sums(&weights, Bases::Elements(&points)).unwrap())
        });
        assert_constant_time(&format!("invert scalars, {name}"), prepare, |secret| {
            backend.invert_scalars(secret).unwrap()
        });
        assert_constant_time(&format!("encrypt under randomness {name}"), prepare, |secret| {
            backend.encrypt(&[5; ITEMS], secret, &key, &mut ciphertexts)
        });
        let encrypted = ciphertexts.clone();
        assert_constant_time(&format!("rerandomize, {name}"), prepare, |secret| {
            backend.rerandomize(&encrypted, secret, &key, &mut ciphertexts).unwrap()
        });
    }
    let randomness = scalars(5, ITEMS);
    for fixed in [0, 1, -MAX_TOTAL] {
        let prepare = |class: usize, number: u64| {
            let random = scalars(number, ITEMS);
            let value = |s: &Scalar| i64::from_le_bytes(s.to_bytes()[..8].try_into().unwrap()) % MAX_TOTAL;
            if class == 0 { vec![fixed; ITEMS] } else { random.iter().map(value).collect() }
        };
        assert_constant_time(&format!("encrypt the value {fixed}"), prepare, |values| {
            backend.encrypt(values, &randomness, &key, &mut ciphertexts)
        });
    }
    // The map and the encoding of secret elements.
    let prepare = |class: usize, number: u64| {
        let mut uniform = vec![[7; 64]; ITEMS];
        let mut random = vec![[0; 64]; ITEMS];
        StreamKey::new(&[(number % 256) as u8; 32]).fill_bytes(random.as_flattened_mut()).unwrap();
        if class == 1 {
            uniform = random;
        } else {
            // Never the same in both halves: two equal points are added in a rare other way.
            uniform.iter_mut().zip(128..).for_each(|(row, item)| row[0] = item);
        }
        uniform
    };
    assert_constant_time("map and encode", prepare, |uniform| backend.map_to_group(uniform, &mut rows));
}
