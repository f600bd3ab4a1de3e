//! Additive ElGamal: any rows as ciphertexts, and whatever is done with them.

use _native::backend::{Bytes32, available, decode};
use _native::elgamal::{self, Ciphertext, MAX_TOTAL};
use _native::error::Error;
use _native::voprf;
use curve25519_dalek::ristretto::CompressedRistretto;
use curve25519_dalek::traits::{Identity, IsIdentity};
use curve25519_dalek::{RistrettoPoint, Scalar};

use super::{MAX_ITEMS, Source};

/// A value in range, often near its ends or zero.
pub(super) fn value(source: &mut Source<'_>) -> i64 {
    let (kind, number) = (source.byte(), source.number() as i64);
    match kind % 4 {
        0 => number % (MAX_TOTAL + 1),
        1 => number % 64,
        2 => MAX_TOTAL - (number & 63),
        _ => (number & 63) - MAX_TOTAL,
    }
}

fn scalar(value: i64) -> Scalar {
    let size = Scalar::from(value.unsigned_abs());
    if value < 0 { -size } else { size }
}

fn encoded(pair: [RistrettoPoint; 2]) -> Ciphertext {
    pair.map(|point| point.compress().0)
}

/// What curve25519-dalek makes of ciphertexts, or the lowest that has a bad component.
fn parsed(
    ciphertexts: &[Ciphertext],
    decode: impl Fn(&Bytes32) -> Option<RistrettoPoint>,
) -> Result<Vec<[RistrettoPoint; 2]>, usize> {
    let pair = |(index, [a, b]): (usize, &Ciphertext)| Ok([decode(a).ok_or(index)?, decode(b).ok_or(index)?]);
    ciphertexts.iter().enumerate().map(pair).collect()
}

/// The results, or the index of the entry that a bad element was found in.
fn outcome<T>(result: Result<(), Error>, out: T) -> Result<T, usize> {
    result.map(|()| out).map_err(|error| {
        assert_eq!(error.code(), "bad-element");
        error.index().expect("an error that names an entry")
    })
}

/// A selection of rows, or all.
fn selection(source: &mut Source<'_>, count: usize) -> Option<Vec<u32>> {
    let rows = source.below(2 * MAX_ITEMS);
    (!rows.is_multiple_of(3) && count > 0).then(|| (0..rows).map(|_| source.below(count) as u32).collect())
}

pub fn ciphertexts(data: &[u8]) {
    let mut source = Source(data);
    let (secret_key, randomness_key, first) = (source.key(), source.key(), source.number() % 1_000);
    let (columns, rows) = (1 + source.below(3), source.below(MAX_ITEMS / 2));
    let count = columns * rows;
    let selected = selection(&mut source, rows);
    let values: Vec<i64> = (0..count).map(|_| value(&mut source)).collect();
    let altered: Vec<(usize, usize, Bytes32)> =
        (0..source.below(4)).map(|_| (source.below(count.max(1)), source.below(2), source.row())).collect();

    let sk = *secret_key.scalar(0).expect("a scalar that is not zero");
    let public_key = voprf::public_key(&secret_key).expect("a key that is not zero");
    let pk = RistrettoPoint::mul_base(&sk);
    let randomness = randomness_key.window(first, count).expect("scalars that the stream has");
    let randomness = randomness.scalars(0..count).expect("none of which is zero");
    let zeros = || randomness.iter().map(|rho| [RistrettoPoint::mul_base(rho), pk * rho]);
    let honest: Vec<Ciphertext> = (zeros().zip(&values))
        .map(|([a, b], value)| encoded([a, b + RistrettoPoint::mul_base(&scalar(*value))]))
        .collect();
    let mut sent = honest.clone();
    for (index, component, row) in altered {
        if let Some(ciphertext) = sent.get_mut(index) {
            ciphertext[component] = row;
        }
    }

    let strict = parsed(&sent, decode);
    let lenient = parsed(&sent, |row| CompressedRistretto(*row).decompress());
    let shifted = lenient.clone().map(|pairs| {
        let pairs = pairs.iter().zip(&values);
        pairs.map(|([a, b], v)| encoded([*a, b + RistrettoPoint::mul_base(&scalar(*v))])).collect()
    });
    for backend in available() {
        let mut out = vec![[[9; 32]; 2]; count];
        elgamal::encrypt(backend, &values, &public_key, &randomness_key, first, &mut out)
            .expect("values within the range");
        assert_eq!(out, honest);

        let checked = outcome(elgamal::check(backend, &sent), ());
        assert_eq!(checked, strict.as_ref().map(|_| ()).map_err(|index| *index));

        let result = elgamal::rerandomize(backend, &sent, &public_key, &randomness_key, first, &mut out);
        let expected = strict.clone().map(|pairs| {
            let pairs = pairs.iter().zip(zeros());
            pairs.map(|([a, b], [c, d])| encoded([a + c, b + d])).collect()
        });
        assert_eq!(outcome(result, out.clone()), expected);

        let result = elgamal::add(backend, &sent, &honest, &mut out);
        let expected = lenient.clone().map(|pairs| {
            let honest = parsed(&honest, |row| CompressedRistretto(*row).decompress());
            let pairs = pairs.into_iter().zip(honest.expect("honest ciphertexts"));
            pairs.map(|([a, b], [c, d])| encoded([a + c, b + d])).collect()
        });
        assert_eq!(outcome(result, out.clone()), expected);

        let result = elgamal::add_values(&sent, &values, &mut out);
        assert_eq!(outcome(result, out), shifted);

        sums(backend, &sent, columns, selected.as_deref());
        partials(backend, &sent, &secret_key, &sk);
    }
}

/// The sums of all columns over some rows.
fn sums(
    backend: &dyn _native::backend::Backend,
    sent: &[Ciphertext],
    columns: usize,
    selected: Option<&[u32]>,
) {
    let all: Vec<u32> = (0..(sent.len() / columns) as u32).collect();
    let numbers = selected.unwrap_or(&all).iter().flat_map(|row| {
        let start = *row as usize * columns;
        start..start + columns
    });
    let mut expected = vec![[RistrettoPoint::identity(); 2]; columns];
    let mut bad = vec![];
    for number in numbers {
        match parsed(&sent[number..=number], decode) {
            Ok(pair) => {
                let sum = &mut expected[number % columns];
                *sum = [sum[0] + pair[0][0], sum[1] + pair[0][1]];
            }
            Err(_) => bad.push(number),
        }
    }
    let mut out = vec![[[9; 32]; 2]; columns];
    let result = elgamal::sum_columns(backend, sent, selected, &mut out);
    match outcome(result, out) {
        Ok(sums) => assert!(bad.is_empty() && sums == expected.into_iter().map(encoded).collect::<Vec<_>>()),
        // In the order in which rows are added up, which a selection repeats and permutes.
        Err(index) => assert_eq!(Some(&index), bad.first()),
    }
}

/// Partial decryptions, and what they leave when they are taken off again.
fn partials(
    backend: &dyn _native::backend::Backend,
    sent: &[Ciphertext],
    secret_key: &_native::keystream::StreamKey,
    sk: &Scalar,
) {
    let mut out = vec![[9; 32]; sent.len()];
    let result = elgamal::partial_decryptions(backend, sent, secret_key, &mut out);
    let firsts: Vec<Ciphertext> = sent.iter().map(|[a, _]| [*a; 2]).collect();
    let expected = parsed(&firsts, decode)
        .map(|pairs| pairs.iter().map(|[a, _]| (a * sk).compress().0).collect::<Vec<_>>());
    assert_eq!(outcome(result, out.clone()), expected);
    if expected.is_err() {
        return;
    }
    let mut opened = vec![[9; 32]; sent.len()];
    let result = elgamal::open_shares(sent, &[&out, &out], &mut opened);
    let seconds: Result<Vec<_>, usize> = (sent.iter().zip(&out).enumerate())
        .map(|(index, ([_, b], partial))| {
            let b = CompressedRistretto(*b).decompress().ok_or(index)?;
            let partial = CompressedRistretto(*partial).decompress().filter(|p| !p.is_identity());
            let partial = partial.expect("a multiple that is not the identity");
            Ok((b - partial - partial).compress().0)
        })
        .collect();
    assert_eq!(outcome(result, opened), seconds);
}
