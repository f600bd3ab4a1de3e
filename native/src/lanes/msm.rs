//! Sums with public weights (Pippenger's buckets), variable time.
//!
//! A lane is a bucket: as many buckets at a time as there are lanes add up their points, in an order that gives their lists
//! about the same length, so that sums stay in registers and only points are fetched. Afterwards a lane is a window.

use curve25519_dalek::ristretto::CompressedRistretto;
use curve25519_dalek::{RistrettoPoint, Scalar};

use super::accumulator::{Accumulator, Mixed, MixedRow};
use super::edwards::Extended;
use super::encode::encode_by_root;
use super::field::{Constant, Fe};
use super::power::{WIDTH, invert_all};
use super::secret_sums::points_round;
use super::sha512::Hasher;
use super::vector::{LANES, Mask, Row, Vector};
use super::{ROUND, used};
use crate::error::Rejected;
use crate::sums::Bases;

/// Words of a weight of 128 bits and of a scalar, with one more for the carries of the signed digits.
const SHORT: usize = 3;
const FULL: usize = 5;
/// How many additions before its use a row is asked for.
const AHEAD: usize = 2;

/// The limbs of an [`Extended`], side by side; the last four words are unused.
type ExtendedRow = [Row; 3];

/// A point to be added to a bucket: twice its row, and one more where it has the other sign.
#[derive(Clone, Copy, Default)]
struct Entry(u32);

impl Entry {
    #[inline(always)]
    fn row(self) -> usize {
        (self.0 >> 1) as usize
    }

    #[inline(always)]
    fn negative(self) -> Mask {
        (self.0 & 1) as Mask
    }
}

kernel!(
    pub fn vartime_weighted_sum(weights: &[[u8; 16]], rows: &[MixedRow]) -> RistrettoPoint {
        let words = |weight: &[u8; 16]| words(weight);
        Schedule::new::<SHORT>(weights.iter().map(words).collect()).vartime_sum(rows)
    }
);

kernel!(
    /// For each list the sum with the same weights, whose digits are sorted once for all of them.
    pub fn vartime_scalar_sums(
        weights: &[Scalar],
        lists: &[Bases<'_>],
    ) -> Result<Vec<RistrettoPoint>, Rejected> {
        let words = |weight: &Scalar| words(weight.as_bytes());
        let schedule = Schedule::new::<FULL>(weights.iter().map(words).collect());
        let mut sums = Vec::with_capacity(lists.len());
        for bases in lists {
            sums.push(schedule.vartime_sum(&mixed_rows(*bases)?));
        }
        Ok(sums)
    }
);

/// The words of a little-endian number, the last one zero.
fn words<const N: usize>(bytes: &[u8]) -> [u64; N] {
    let mut words = [0; N];
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    words
}

kernel!(
    /// The points of a sum, ready to be added.
    fn mixed_rows(bases: Bases<'_>) -> Result<Vec<MixedRow>, Rejected> {
        let mut hasher = Hasher::new();
        let mut rows = Vec::with_capacity(bases.len().next_multiple_of(ROUND));
        for start in (0..bases.len()).step_by(ROUND) {
            let mut points = points_round(&mut hasher, bases, start)?;
            if matches!(bases, Bases::Hashed(..)) {
                let mut inverses = groupwise!(Fe::zero(); g in WIDTH => points[g].z);
                invert_all(&mut inverses);
                for (point, inverse) in points.iter_mut().zip(inverses) {
                    *point = point.normalized(inverse);
                }
            }
            for point in &points[..used(bases.len(), start)] {
                rows.extend_from_slice(&point.mixed().to_rows());
            }
        }
        Ok(rows)
    }
);

/// Which points each bucket of each window adds up.
struct Schedule {
    windows: Vec<Window>,
    window_bits: usize,
}

impl Schedule {
    /// For weights of N words, of which the last is zero.
    fn new<const N: usize>(weights: Vec<[u64; N]>) -> Self {
        // One bit more than the weights have, for the last digit's sign; a scalar has 253.
        let bits = if N == FULL { 254 } else { 64 * (N - 1) + 1 };
        let window_bits = window_bits(bits, weights.len());
        let windows = bits.div_ceil(window_bits);
        let digits = Digits::new(weights, windows, window_bits);
        let buckets = 1 << (window_bits - 1);
        let windows = (0..windows).map(|window| Window::new(&digits.window(window), buckets)).collect();
        Self { windows, window_bits }
    }

    kernel!(
        fn vartime_sum(&self, rows: &[MixedRow]) -> RistrettoPoint {
            let buckets = 1 << (self.window_bits - 1);
            // The buckets of as many windows as there are lanes, which their totals are computed in.
            let mut sums = vec![[[0; 8]; 3]; LANES * buckets];
            let mut totals = Vec::with_capacity(self.windows.len().div_ceil(LANES));
            for windows in self.windows.chunks(LANES) {
                for (window, sums) in windows.iter().zip(sums.chunks_exact_mut(buckets)) {
                    vartime_fill_buckets(rows, window, sums);
                }
                totals.push(bucket_totals(&sums[..windows.len() * buckets], buckets));
            }
            let sum = combine(&totals, self.windows.len(), self.window_bits);
            let rows = encode_by_root(&sum);
            CompressedRistretto(rows[0]).decompress().expect("Encode returns what Decode accepts")
        }
    );
}

/// The entries of one window, sorted by bucket.
struct Window {
    entries: Vec<Entry>,
    /// Where bucket b's entries end, after those of bucket b - 1; entries of no bucket come first.
    ends: Vec<u32>,
    /// The buckets by how many entries they have.
    order: Vec<u32>,
}

impl Window {
    fn new(digits: &[i32], buckets: usize) -> Self {
        let mut ends = vec![0u32; buckets + 1];
        digits.iter().for_each(|digit| ends[digit.unsigned_abs() as usize] += 1);
        let mut total = 0;
        for end in &mut ends {
            total += std::mem::replace(end, total);
        }
        let mut entries = vec![Entry::default(); digits.len()];
        for (row, digit) in digits.iter().enumerate() {
            let end = &mut ends[digit.unsigned_abs() as usize];
            entries[*end as usize] = Entry((row as u32) << 1 | u32::from(*digit < 0));
            *end += 1;
        }
        let mut order: Vec<u32> = (0..buckets as u32).collect();
        order.sort_unstable_by_key(|&bucket| ends[bucket as usize + 1] - ends[bucket as usize]);
        Self { entries, ends, order }
    }

    #[inline(always)]
    fn bucket(&self, bucket: usize) -> &[Entry] {
        &self.entries[self.ends[bucket] as usize..self.ends[bucket + 1] as usize]
    }
}

/// The window size with the fewest additions.
fn window_bits(bits: usize, count: usize) -> usize {
    let additions = |window_bits: &usize| {
        let windows = bits.div_ceil(*window_bits);
        windows * count.div_ceil(LANES) + windows.div_ceil(LANES) * (2 << (window_bits - 1))
    };
    (4..=12).min_by_key(additions).expect("the range is not empty")
}

/// The weights in signed digits: weight = the sum of (2^(bits - 1) - u_i) 2^(bits i), where the u_i are the digits of the
/// number that lacks to it the largest one that so many windows can hold.
struct Digits<const N: usize> {
    lacking: Vec<[u64; N]>,
    window_bits: usize,
}

impl<const N: usize> Digits<N> {
    fn new(mut weights: Vec<[u64; N]>, windows: usize, window_bits: usize) -> Self {
        let mut largest = [0u64; N];
        for window in 0..windows {
            let bit = window_bits * (window + 1) - 1;
            largest[bit / 64] |= 1 << (bit % 64);
        }
        for weight in &mut weights {
            let mut borrow = false;
            for (word, largest) in weight.iter_mut().zip(largest) {
                let (less, first) = largest.overflowing_sub(*word);
                let (less, second) = less.overflowing_sub(u64::from(borrow));
                (*word, borrow) = (less, first | second);
            }
        }
        Self { lacking: weights, window_bits }
    }

    /// Each weight's digit, from -2^(bits - 1) + 1 to 2^(bits - 1).
    fn window(&self, window: usize) -> Vec<i32> {
        let (index, shift) = (self.window_bits * window / 64, self.window_bits * window % 64);
        let digit = |lacking: &[u64; N]| {
            let above = lacking.get(index + 1).map_or(0, |word| u128::from(*word) << 64);
            let digits = (above | u128::from(lacking[index])) >> shift;
            (1 << (self.window_bits - 1)) - (digits as i32 & ((1 << self.window_bits) - 1))
        };
        self.lacking.iter().map(digit).collect()
    }
}

kernel!(
    /// sums[b] = the sum of the points whose digit is b + 1, less those whose digit is -(b + 1).
    fn vartime_fill_buckets(rows: &[MixedRow], window: &Window, sums: &mut [ExtendedRow]) {
        for buckets in window.order.chunks_exact(LANES) {
            let mut lists: [&[Entry]; LANES] = [&[]; LANES];
            for (list, bucket) in lists.iter_mut().zip(buckets) {
                *list = window.bucket(*bucket as usize);
            }
            let mut sum = Accumulator::new(&Extended::identity());
            for i in 0..lists.iter().map(|list| list.len()).max().unwrap_or(0) {
                prefetch(rows, &lists, i + AHEAD);
                let (point, negative) = fetch(rows, &lists, i);
                sum.add(&point, negative);
            }
            for (bucket, row) in buckets.iter().zip(extended_rows(&sum.finish())) {
                sums[*bucket as usize] = row;
            }
        }
    }
);

/// Entry i of each list, the identity where there is none.
#[inline(always)]
fn fetch(rows: &[MixedRow], lists: &[&[Entry]; LANES], i: usize) -> (Mixed, Mask) {
    let mut points = [&MixedRow::IDENTITY; LANES];
    let mut negative = 0;
    for (lane, list) in lists.iter().enumerate() {
        if let Some(entry) = list.get(i) {
            points[lane] = &rows[entry.row()];
            negative |= entry.negative() << lane;
        }
    }
    (Mixed::from_rows(points), negative)
}

#[inline(always)]
fn prefetch(rows: &[MixedRow], lists: &[&[Entry]; LANES], i: usize) {
    for list in lists {
        if let Some(entry) = list.get(i) {
            rows[entry.row()].prefetch();
        }
    }
}

#[inline(always)]
fn extended_rows(point: &Extended) -> [ExtendedRow; LANES] {
    let (x, y, z, t) = (point.x.0, point.y.0, point.z.0, point.t.0);
    let zero = Vector::zero();
    let first = Vector::to_rows([x[0], x[1], x[2], x[3], x[4], y[0], y[1], y[2]]);
    let second = Vector::to_rows([y[3], y[4], z[0], z[1], z[2], z[3], z[4], t[0]]);
    let third = Vector::to_rows([t[1], t[2], t[3], t[4], zero, zero, zero, zero]);
    let mut rows = [[[0; 8]; 3]; LANES];
    for (lane, row) in rows.iter_mut().enumerate() {
        *row = [first[lane], second[lane], third[lane]];
    }
    rows
}

/// Bucket `bucket` of a group of windows, the identity where there are fewer.
#[inline(always)]
fn load_bucket(sums: &[ExtendedRow], buckets: usize, bucket: usize) -> Extended {
    const IDENTITY: ExtendedRow = {
        let [a, b, c, d, e] = Constant::ONE.limbs();
        [[0, 0, 0, 0, 0, a, b, c], [d, e, a, b, c, d, e, 0], [0; 8]]
    };
    let mut rows = [&IDENTITY; LANES];
    for (lane, row) in rows.iter_mut().enumerate() {
        *row = sums.get(lane * buckets + bucket).unwrap_or(&IDENTITY);
    }
    let [x0, x1, x2, x3, x4, y0, y1, y2] = Vector::from_rows(rows.map(|row| &row[0]));
    let [y3, y4, z0, z1, z2, z3, z4, t0] = Vector::from_rows(rows.map(|row| &row[1]));
    let [t1, t2, t3, t4, ..] = Vector::from_rows(rows.map(|row| &row[2]));
    Extended {
        x: Fe([x0, x1, x2, x3, x4]),
        y: Fe([y0, y1, y2, y3, y4]),
        z: Fe([z0, z1, z2, z3, z4]),
        t: Fe([t0, t1, t2, t3, t4]),
    }
}

kernel!(
    /// For each window of a group: the sum of (b + 1) * bucket b, as the sum of all suffix sums.
    fn bucket_totals(sums: &[ExtendedRow], buckets: usize) -> Extended {
        let mut suffix = Extended::identity();
        let mut total = Extended::identity();
        for bucket in (0..buckets).rev() {
            suffix = suffix.add(&load_bucket(sums, buckets, bucket));
            total = total.add(&suffix);
        }
        total
    }
);

kernel!(
    /// The sum of 2^(bits * w) * total of window w, in all lanes.
    pub fn combine(totals: &[Extended], windows: usize, window_bits: usize) -> Extended {
        let mut sum = Extended::identity();
        for window in (0..windows).rev() {
            for _ in 0..window_bits {
                sum = sum.double();
            }
            sum = sum.add(&totals[window / LANES].broadcast(window % LANES));
        }
        sum
    }
);
