//! Sums with secret weights, constant time.
//!
//! A lane is a window: what a point adds to a group of windows is looked up with their digits in one table of its multiples,
//! which registers hold (a permutation, so that no address depends on a digit), and each window has a sum of its own. The doublings
//! between windows are left to the end.
//!
//! Radix 16 with odd digits only, as in [`super::fixed_base`]: k = the sum of (2 w_i - 15) 16^i, where the w_i are the digits of
//! (k + 16^n - 1) / 2, n the number of windows. With all 64 of them that is taken modulo l; an odd number below 16^n needs no
//! more than n.

use curve25519_dalek::ristretto::CompressedRistretto;
use curve25519_dalek::{RistrettoPoint, Scalar};
use zeroize::{Zeroize, Zeroizing};

use super::accumulator::{Accumulator, Mixed};
use super::edwards::Extended;
use super::encode::encode_by_root;
use super::field::Fe;
use super::msm;
use super::power::{WIDTH, invert_all};
use super::sha512::Hasher;
use super::vector::{LANES, Mask, Vector};
use super::{ROUND, decode_round, hash_round, used};
use crate::error::Rejected;
use crate::sums::{Bases, SecretWeights};

const DIGIT_BITS: usize = 4;
/// The odd multiples from 1 to 15.
const ENTRIES: usize = 1 << (DIGIT_BITS - 1);
/// y + x, y - x, 2 d x y; five limbs each.
const LIMBS: usize = 15;
/// Points whose tables are made, with one inversion, and used for all sums, before the next.
const BLOCK: usize = 4 * ROUND;
/// Points that are added to all windows before the next: their tables stay in the nearest cache.
const PART: usize = ROUND;
/// 2^256 - 1 mod l.
const ALL_DIGITS_ODD: [u8; 32] = [
    0x1c, 0x95, 0x98, 0x8d, 0x74, 0x31, 0xec, 0xd6, 0x70, 0xcf, 0x7d, 0x73, 0xf4, 0x5b, 0xef, 0xc6, 0xfe,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f,
];

/// Digits of a word of weights, and the groups of windows that it fills.
const WORD_DIGITS: usize = 8;
const WORD_GROUPS: usize = WORD_DIGITS / LANES;

/// The odd multiples of one point, limb by limb of a [`Mixed`].
#[derive(Clone)]
#[repr(align(64))]
struct Table([[u64; ENTRIES]; LIMBS]);

kernel!(
    /// For each list of weights the sum of w_i * P_i; a bad element is rejected.
    pub fn secret_sums(
        weights: &[SecretWeights<'_>],
        bases: Bases<'_>,
    ) -> Result<Vec<RistrettoPoint>, Rejected> {
        let mut hasher = Hasher::new();
        let mut tables = vec![Table([[0; ENTRIES]; LIMBS]); BLOCK];
        let nothing = Accumulator::new(&Extended::identity());
        let mut sums: Vec<Vec<Accumulator>> =
            weights.iter().map(|weights| vec![nothing; words(weights) * WORD_GROUPS]).collect();
        for start in (0..bases.len()).step_by(BLOCK) {
            let block = start..bases.len().min(start + BLOCK);
            let mut points = Vec::with_capacity(BLOCK / LANES);
            for round in block.clone().step_by(ROUND) {
                points
                    .extend_from_slice(&points_round(&mut hasher, bases, round)?[..used(bases.len(), round)]);
            }
            fill_tables(&points, &mut tables);
            for (weights, sums) in weights.iter().zip(&mut sums) {
                let digits = Zeroizing::new(digits(&weights.slice(block.clone())));
                for start in (0..block.len()).step_by(PART) {
                    let part = start..block.len().min(start + PART);
                    let words = digits.chunks_exact(block.len());
                    for (digits, sums) in words.zip(sums.chunks_exact_mut(WORD_GROUPS)) {
                        for (group, sum) in sums.iter_mut().enumerate() {
                            add_all(sum, &tables[part.clone()], &digits[part.clone()], group);
                        }
                    }
                }
            }
        }
        Ok(sums.into_iter().map(|sums| total(&sums)).collect())
    }
);

/// How many words of eight digits a weight has.
fn words(weights: &SecretWeights<'_>) -> usize {
    match weights {
        SecretWeights::Scalars(_) => 8,
        SecretWeights::Odd192(_) => 6,
        SecretWeights::Odd32(_) => 1,
    }
}

/// The digits of each weight, word by word, the lowest first: the first words of all weights, then the second ones.
fn digits(weights: &SecretWeights<'_>) -> Vec<u32> {
    let (words, count) = (words(weights), weights.len());
    let mut digits = vec![0; words * count];
    // (k + 16^n - 1) / 2 = (k - 1) / 2 + 16^n / 2
    let top = 1 << 31;
    match weights {
        SecretWeights::Scalars(scalars) => {
            let offset = Scalar::from_bytes_mod_order(ALL_DIGITS_ODD);
            for (index, scalar) in scalars.iter().enumerate() {
                let half = Zeroizing::new((scalar + offset).div_by_2());
                for (word, bytes) in half.as_bytes().as_chunks::<4>().0.iter().enumerate() {
                    digits[word * count + index] = u32::from_le_bytes(*bytes);
                }
            }
        }
        SecretWeights::Odd192(numbers) => {
            for (index, number) in numbers.iter().enumerate() {
                let number = number.as_chunks::<4>().0;
                for word in 0..words {
                    let above = number.get(word + 1).map_or(top, |above| u32::from_le_bytes(*above) << 31);
                    digits[word * count + index] = u32::from_le_bytes(number[word]) >> 1 | above;
                }
            }
        }
        SecretWeights::Odd32(numbers) => {
            for (digit, number) in digits.iter_mut().zip(*numbers) {
                *digit = number >> 1 | top;
            }
        }
    }
    digits
}

kernel!(
    /// One round of points.
    pub fn points_round(
        hasher: &mut Hasher,
        bases: Bases<'_>,
        start: usize,
    ) -> Result<[Extended; WIDTH], Rejected> {
        match bases {
            Bases::Elements(elements) => {
                let decoded = decode_round(elements, start)?;
                Ok(groupwise!(Extended::identity(); g in WIDTH => decoded[g].point))
            }
            Bases::Hashed(items, dst) => {
                let hashed = hash_round(hasher, &items, start, dst);
                Ok(groupwise!(Extended::identity(); g in WIDTH => hashed[g].point))
            }
        }
    }
);

kernel!(
    /// The tables of groups of points.
    fn fill_tables(points: &[Extended], tables: &mut [Table]) {
        let mut multiples = Vec::with_capacity(points.len() * ENTRIES);
        for point in points {
            let twice = point.double();
            let mut multiple = *point;
            multiples.push(multiple);
            for _ in 1..ENTRIES {
                multiple = multiple.add(&twice);
                multiples.push(multiple);
            }
        }
        let mut inverses: Vec<Fe> = multiples.iter().map(|multiple| multiple.z).collect();
        invert_all(&mut inverses);
        let groups = multiples.as_chunks::<ENTRIES>().0.iter().zip(inverses.as_chunks::<ENTRIES>().0);
        for ((multiples, inverses), tables) in groups.zip(tables.as_chunks_mut::<LANES>().0) {
            let mut columns = [[Vector::zero(); ENTRIES]; LIMBS];
            for entry in 0..ENTRIES {
                let mixed = multiples[entry].normalized(inverses[entry]).mixed();
                for (c, coordinate) in [mixed.y_plus_x, mixed.y_minus_x, mixed.two_d_t].iter().enumerate() {
                    for k in 0..5 {
                        columns[5 * c + k][entry] = coordinate.0[k];
                    }
                }
            }
            for (k, column) in columns.into_iter().enumerate() {
                for (table, limb) in tables.iter_mut().zip(Vector::to_rows(column)) {
                    table.0[k] = limb;
                }
            }
        }
    }
);

kernel!(
    /// Adds to one of a word's groups of windows what each point contributes to them.
    fn add_all(sum: &mut Accumulator, tables: &[Table], words: &[u32], group: usize) {
        let mut running = *sum;
        for (table, word) in tables.iter().zip(words) {
            let (negative, index) = windows(word >> (DIGIT_BITS * LANES * group));
            running.add(&lookup(table, index), negative);
        }
        *sum = running;
    }
);

/// The windows in which the digit is negative, and the index of its size's multiple in the lowest three bits.
#[inline(always)]
fn windows(word: u32) -> (Mask, Vector) {
    let digit = Vector::nibbles(word);
    // 2 w - 15 = 2 (w - 8) + 1 from w = 8 on, and -(2 (7 - w) + 1) below.
    let positive = digit.has_bit(ENTRIES as u64);
    (!positive, Vector::select(positive, digit, digit ^ Vector::splat(ENTRIES as u64 - 1)))
}

#[inline(always)]
fn lookup(table: &Table, index: Vector) -> Mixed {
    let mut limbs = [Vector::zero(); LIMBS];
    for (limb, entries) in limbs.iter_mut().zip(&table.0) {
        *limb = Vector::lookup8(index, entries);
    }
    let [p0, p1, p2, p3, p4, m0, m1, m2, m3, m4, t0, t1, t2, t3, t4] = limbs;
    Mixed {
        y_plus_x: Fe([p0, p1, p2, p3, p4]),
        y_minus_x: Fe([m0, m1, m2, m3, m4]),
        two_d_t: Fe([t0, t1, t2, t3, t4]),
    }
}

kernel!(
    /// The sum over all windows, each at its place.
    fn total(sums: &[Accumulator]) -> RistrettoPoint {
        let mut windows: Vec<Extended> = Vec::with_capacity(sums.len());
        for sum in sums {
            windows.push(sum.finish());
        }
        let sum = msm::combine(&windows, LANES * sums.len(), DIGIT_BITS);
        windows.iter_mut().for_each(Zeroize::zeroize);
        let rows = encode_by_root(&sum);
        CompressedRistretto(rows[0]).decompress().expect("Encode returns what Decode accepts")
    }
);
