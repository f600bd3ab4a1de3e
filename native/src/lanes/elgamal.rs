//! The kernels of [`crate::elgamal`] on lanes.

use curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT;
use curve25519_dalek::ristretto::CompressedRistretto;
use curve25519_dalek::{RistrettoPoint, Scalar};
use std::sync::OnceLock;
use zeroize::{Zeroize, Zeroizing};

use super::accumulator::Accumulator;
use super::edwards::{self, Decoded, Extended};
use super::encode::{self, Rooted, encode_by_root};
use super::fixed_base::{Table, ValueTable};
use super::power::WIDTH;
use super::vector::LANES;
use super::{
    IDENTITY, Lanes, ROUND, add_doubles, base_table, decode_round, groups, key_table, occupied, store,
    table_of, used,
};
use crate::backend::{Bytes32, PublicKeyTable};
use crate::elgamal::{Ciphertext, Kernels, Rows};
use crate::error::Rejected;
use crate::portable::Portable;

kernel!(
    /// The table for values, of a quarter of the base point.
    fn value_table() -> &'static ValueTable {
        static TABLE: OnceLock<ValueTable> = OnceLock::new();
        TABLE.get_or_init(|| {
            let quarter = RISTRETTO_BASEPOINT_POINT * Scalar::from(4u8).invert();
            let [decoded] = edwards::decode(&[[quarter.compress().0; LANES]]);
            ValueTable::new(&decoded.point)
        })
    }
);

/// Component `component` of all ciphertexts.
fn components(ciphertexts: &[Ciphertext], component: usize) -> Vec<Bytes32> {
    ciphertexts.iter().map(|ciphertext| ciphertext[component]).collect()
}

/// Stores what group `group` holds, where the first half of all groups are first components and the others second ones.
fn store_component(out: &mut [Ciphertext], group: usize, rows: &[Bytes32; LANES]) {
    let per_component = out.len().div_ceil(LANES);
    let (component, start) = (group / per_component, group % per_component * LANES);
    for (ciphertext, row) in out[start..].iter_mut().zip(rows) {
        ciphertext[component] = *row;
    }
}

kernel!(
    fn check(elements: &[Bytes32]) -> Result<(), Rejected> {
        for start in (0..elements.len()).step_by(ROUND) {
            decode_round(elements, start)?;
        }
        Ok(())
    }
);

kernel!(
    fn encrypt(values: &[i64], randomness: &[Scalar], pk: &Table, out: &mut [Ciphertext]) {
        let count = values.len();
        let per_component = count.div_ceil(LANES);
        let mut points = vec![Extended::identity(); 2 * per_component];
        let (firsts, seconds) = points.split_at_mut(per_component);
        for start in (0..count).step_by(ROUND) {
            let scalars = Zeroizing::new(groups(randomness, start, Scalar::ZERO));
            let values = Zeroizing::new(groups(values, start, 0));
            let multiples = Zeroizing::new(base_table().half_multiples(&scalars, false));
            let masks = Zeroizing::new(pk.half_multiples(&scalars, false));
            let values = Zeroizing::new(value_table().half_multiples(&values));
            for g in 0..used(count, start) {
                firsts[start / LANES + g] = multiples[g];
                seconds[start / LANES + g] = masks[g].add(&values[g]);
            }
        }
        encode::encode_doubles(&points, |group, rows| store_component(out, group, &rows));
        points.iter_mut().for_each(Zeroize::zeroize);
    }
);

kernel!(
    fn rerandomize(
        ciphertexts: &[Ciphertext],
        randomness: &[Scalar],
        pk: &Table,
        out: &mut [Ciphertext],
    ) -> Result<(), Rejected> {
        let count = ciphertexts.len();
        let (firsts, seconds) = (components(ciphertexts, 0), components(ciphertexts, 1));
        let mut points = Zeroizing::new(Vec::with_capacity(2 * count.div_ceil(LANES)));
        let mut second_points = Zeroizing::new(Vec::with_capacity(count.div_ceil(LANES)));
        for start in (0..count).step_by(ROUND) {
            let used = used(count, start);
            let (first, second) = match (decode_round(&firsts, start), decode_round(&seconds, start)) {
                (Ok(first), Ok(second)) => (first, second),
                (Err(first), Err(second)) => {
                    return Err(if first.index < second.index { first } else { second });
                }
                (Err(rejected), Ok(_)) | (Ok(_), Err(rejected)) => return Err(rejected),
            };
            let scalars = Zeroizing::new(groups(randomness, start, Scalar::ZERO));
            let multiples = Zeroizing::new(base_table().half_multiples(&scalars, false));
            let masks = Zeroizing::new(pk.half_multiples(&scalars, false));
            add_doubles(&mut points, &rooted(&first)[..used], multiples.as_slice());
            add_doubles(&mut second_points, &rooted(&second)[..used], masks.as_slice());
        }
        points.append(&mut second_points);
        encode::encode(&points, |group, rows| store_component(out, group, &rows));
        Ok(())
    }
);

kernel!(
    fn rooted(decoded: &[Decoded; WIDTH]) -> [Rooted; WIDTH] {
        groupwise!(Rooted::identity(); g in WIDTH => Rooted::from_decoded(&decoded[g]))
    }
);

kernel!(
    /// As [`decode_round`], but the identity is an element too.
    fn decode_any_round(elements: &[Bytes32], start: usize) -> Result<[Decoded; WIDTH], Rejected> {
        let rows = groups(elements, start, IDENTITY);
        let decoded = edwards::decode(&rows);
        for (g, decoded) in decoded.iter().enumerate().take(used(elements.len(), start)) {
            let first = start + g * LANES;
            let bad = decoded.bad & occupied(elements.len(), first);
            for (lane, row) in rows[g].iter().enumerate() {
                if bad >> lane & 1 == 1 && *row != IDENTITY {
                    return Err(Rejected::bad_element(first + lane));
                }
            }
        }
        Ok(decoded)
    }
);

kernel!(
    fn vartime_add(a: &[Bytes32], b: &[Bytes32], out: &mut [Bytes32]) -> Result<(), Rejected> {
        let mut points = Vec::with_capacity(out.len().div_ceil(LANES));
        for start in (0..out.len()).step_by(ROUND) {
            let (a, b) = match (decode_any_round(a, start), decode_any_round(b, start)) {
                (Ok(a), Ok(b)) => (a, b),
                (Err(a), Err(b)) => return Err(if a.index < b.index { a } else { b }),
                (Err(rejected), Ok(_)) | (Ok(_), Err(rejected)) => return Err(rejected),
            };
            for g in 0..used(out.len(), start) {
                points.push(Rooted::sum(&a[g], &b[g]));
            }
        }
        encode::encode(&points, |group, rows| store(out, group * LANES, &rows));
        Ok(())
    }
);

kernel!(
    fn vartime_column_sums(
        elements: &[Bytes32],
        width: usize,
        rows: &Rows<'_>,
    ) -> Result<Vec<RistrettoPoint>, Rejected> {
        let mut sums = vec![Accumulator::new(&Extended::identity()); width];
        for start in (0..rows.len()).step_by(ROUND) {
            let end = rows.len().min(start + ROUND);
            let numbers: Vec<usize> = (start..end).map(|index| rows.get(index)).collect();
            let mut column_elements = Vec::with_capacity(ROUND);
            for (column, sum) in sums.iter_mut().enumerate() {
                column_elements.clear();
                column_elements.extend(numbers.iter().map(|row| elements[row * width + column]));
                let Ok(decoded) = decode_round(&column_elements, 0) else {
                    return Err(first_bad(elements, width, &numbers));
                };
                for decoded in &decoded[..used(numbers.len(), 0)] {
                    // An idle lane holds what was decoded from zeros: the identity.
                    sum.add(&decoded.point.mixed(), 0);
                }
            }
        }
        let mut totals = Vec::with_capacity(width);
        for sum in sums {
            let lanes = sum.finish();
            let mut total = lanes.broadcast(0);
            for lane in 1..LANES {
                total = total.add(&lanes.broadcast(lane));
            }
            let encoded = encode_by_root(&total)[0];
            totals
                .push(CompressedRistretto(encoded).decompress().expect("Encode returns what Decode accepts"));
        }
        Ok(totals)
    }
);

/// The first bad element of the given rows, of which there is one.
fn first_bad(elements: &[Bytes32], width: usize, rows: &[usize]) -> Rejected {
    let bad = rows.iter().find_map(|row| {
        let start = row * width;
        Some(Portable.check(&elements[start..start + width]).err()?.offset_by(start))
    });
    bad.expect("all backends refuse the same elements")
}

impl Kernels for Lanes {
    fn check(&self, elements: &[Bytes32]) -> Result<(), Rejected> {
        on_lanes!(check(elements))
    }

    fn encrypt(&self, values: &[i64], randomness: &[Scalar], pk: &PublicKeyTable, out: &mut [Ciphertext]) {
        let table = key_table(pk, |encoding| on_lanes!(table_of(encoding)));
        on_lanes!(encrypt(values, randomness, table, out))
    }

    fn rerandomize(
        &self,
        ciphertexts: &[Ciphertext],
        randomness: &[Scalar],
        pk: &PublicKeyTable,
        out: &mut [Ciphertext],
    ) -> Result<(), Rejected> {
        let table = key_table(pk, |encoding| on_lanes!(table_of(encoding)));
        on_lanes!(rerandomize(ciphertexts, randomness, table, out))
    }

    fn vartime_add(&self, a: &[Bytes32], b: &[Bytes32], out: &mut [Bytes32]) -> Result<(), Rejected> {
        on_lanes!(vartime_add(a, b, out))
    }

    fn vartime_column_sums(
        &self,
        elements: &[Bytes32],
        width: usize,
        rows: &Rows<'_>,
    ) -> Result<Vec<RistrettoPoint>, Rejected> {
        on_lanes!(vartime_column_sums(elements, width, rows))
    }
}
