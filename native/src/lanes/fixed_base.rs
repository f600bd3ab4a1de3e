//! Multiples of one point by secret scalars, constant time: the table is the same for all lanes, so a register permutation is
//! a lookup that no address depends on.
//!
//! Radix 64 with odd digits only: modulo l, a number is the sum of (2 w_i - 63) 64^i, where the w_i are the six-bit digits of
//! that number plus 2^258 - 1, halved. No digit is zero, so half of each window's multiples suffice, and there is no recoding.

use super::accumulator::{Accumulator, Mixed};
use super::edwards::Extended;
use super::field::Fe;
use super::limbs::load_rows;
use super::power::invert_all;
use super::vector::{ALL, Index, LANES, Mask, Vector, prefetch};
use curve25519_dalek::Scalar;
use zeroize::{DefaultIsZeroes, Zeroizing};

const DIGIT_BITS: usize = 6;
/// 43 * 6 = 258 bits hold every scalar.
const WINDOWS: usize = 43;
/// 8 * 6 = 48 bits hold every value, sign included.
const VALUE_WINDOWS: usize = 8;
const ENTRIES: usize = 1 << (DIGIT_BITS - 1);
/// y + x, y - x, 2 d x y; five limbs each.
const COORDINATES: usize = 3;
/// Scalars are cut into limbs of so many bits here, whatever the field has.
const LIMB_BITS: u32 = 52;
const LIMB_MASK: u64 = (1 << LIMB_BITS) - 1;
/// l (RFC 9496, section 4.4), as limbs.
const ORDER: [u64; 5] = [0x2631a5cf5d3ed, 0xdea2f79cd6581, 0x14def9, 0x0, 0x100000000000];
/// 4 ((2^258 - 1) / 2 mod l), as limbs.
const ALL_DIGITS_ODD: [u64; 5] =
    [0x339063f01b158, 0x6bca20ce80a6f, 0xffffff5ba4104, 0xfffffffffffff, 0x1fffffffffff];

/// The odd multiples (2 j + 1) 64^i P, j = 0..31, of one window i; [coordinate][limb][j].
#[derive(Clone)]
#[repr(align(64))]
struct Window([[[u64; ENTRIES]; 5]; COORDINATES]);

impl Window {
    /// Asks for one of `parts` parts of the window before it is needed.
    #[inline(always)]
    fn prefetch(&self, part: usize, parts: usize) {
        let (lines, _) = self.0.as_flattened().as_flattened().as_chunks();
        lines.iter().skip(part).step_by(parts).for_each(prefetch);
    }
}

pub struct Table(Vec<Window>);

impl Table {
    kernel!(
        /// Of the point in lane 0.
        pub fn new(point: &Extended) -> Self {
            Self::with_windows(point, WINDOWS)
        }
    );

    kernel!(
        fn with_windows(point: &Extended, windows: usize) -> Self {
            let mut windows = vec![Window([[[0; ENTRIES]; 5]; COORDINATES]); windows];
            // A group of windows at a time: 64^i P in the lane of window i, then its odd multiples.
            let mut power = point.broadcast(0);
            for (group, windows) in windows.chunks_mut(LANES).enumerate() {
                let mut base = Extended::identity();
                for lane in 0..LANES {
                    if (group, lane) != (0, 0) {
                        for _ in 0..DIGIT_BITS {
                            power = power.double();
                        }
                    }
                    base = Extended::select(1 << lane, &power, &base);
                }
                let twice = base.double();
                let mut multiples = vec![base];
                for j in 1..ENTRIES {
                    multiples.push(multiples[j - 1].add(&twice));
                }
                let mut inverses: Vec<Fe> = multiples.iter().map(|multiple| multiple.z).collect();
                invert_all(&mut inverses);
                for (j, (multiple, inverse)) in multiples.iter().zip(inverses).enumerate() {
                    let Mixed { y_plus_x, y_minus_x, two_d_t } = multiple.normalized(inverse).mixed();
                    for (c, coordinate) in [y_plus_x, y_minus_x, two_d_t].into_iter().enumerate() {
                        for (k, limb) in coordinate.0.into_iter().enumerate() {
                            for (window, limb) in windows.iter_mut().zip(limb.to_array()) {
                                window.0[c][k][j] = limb;
                            }
                        }
                    }
                }
            }
            Self(windows)
        }
    );

    kernel!(
        /// (scalars[g] / 2) * P, in each lane, or the negative of that: half of what is wanted, because the double of a point has a
        /// rational encoding. N groups share each window's loads.
        pub fn half_multiples<const N: usize>(
            &self,
            scalars: &[[Scalar; LANES]; N],
            negate: bool,
        ) -> [Extended; N] {
            let mut digits = Zeroizing::new([Digits::default(); N]);
            for (digits, scalars) in digits.iter_mut().zip(scalars) {
                digits.set_half(scalars);
            }
            let mut sums = [Accumulator::new(&Extended::identity()); N];
            for (i, window) in self.0.iter().enumerate() {
                let next = self.0.get(i + 1).unwrap_or(window);
                for (group, (sum, digits)) in sums.iter_mut().zip(digits.iter()).enumerate() {
                    next.prefetch(group, N);
                    let (negative, index) = digits.window(i);
                    sum.add(&lookup(window, index), if negate { !negative } else { negative });
                }
            }
            groupwise!(Extended::identity(); g in N => sums[g].finish())
        }
    );
}

/// The same for numbers of 47 bits and a sign: a fifth of the windows suffice.
pub struct ValueTable(Table);

impl ValueTable {
    kernel!(
        /// Of four times the point in lane 0.
        pub fn new(quarter: &Extended) -> Self {
            Self(Table::with_windows(quarter, VALUE_WINDOWS))
        }
    );

    kernel!(
        /// (values[g] / 2) * P, in each lane, for values above -2^47 and below 2^47.
        pub fn half_multiples<const N: usize>(&self, values: &[[i64; LANES]; N]) -> [Extended; N] {
            // v / 2 * P = (2 v + 1) * P / 4 - P / 4, and the w_i of 2 v + 1 are the digits of v + 2^47.
            let mut digits = Zeroizing::new([[0u64; LANES]; N]);
            for (digits, values) in digits.iter_mut().zip(values) {
                for (digits, value) in digits.iter_mut().zip(values) {
                    *digits = value.wrapping_add(1 << (DIGIT_BITS * VALUE_WINDOWS - 1)) as u64;
                }
            }
            let mut sums = [Accumulator::new(&Extended::identity()); N];
            for (i, window) in self.0.0.iter().enumerate() {
                for (sum, digits) in sums.iter_mut().zip(digits.iter()) {
                    let (negative, index) = signed(Vector::load(digits).shr_by(DIGIT_BITS * i));
                    sum.add(&lookup(window, index), negative);
                }
            }
            let quarter = lookup(&self.0.0[0], Vector::zero());
            sums.iter_mut().for_each(|sum| sum.add(&quarter, ALL));
            groupwise!(Extended::identity(); g in N => sums[g].finish())
        }
    );
}

/// The multiple with that index, for each lane.
#[inline(always)]
fn lookup(window: &Window, index: Vector) -> Mixed {
    let index = Index::new(index);
    let mut coordinates = [Fe::zero(); COORDINATES];
    for (coordinate, limbs) in coordinates.iter_mut().zip(&window.0) {
        for (limb, entries) in coordinate.0.iter_mut().zip(limbs) {
            *limb = index.lookup(entries);
        }
    }
    let [y_plus_x, y_minus_x, two_d_t] = coordinates;
    Mixed { y_plus_x, y_minus_x, two_d_t }
}

/// The digits of one scalar in each lane, halved: W = k / 4 + (2^258 - 1) / 2 mod l, as the limbs of 4 W.
#[derive(Clone, Copy, Default)]
struct Digits([Vector; 5]);

impl DefaultIsZeroes for Digits {}

impl Digits {
    #[inline(always)]
    fn set_half(&mut self, scalars: &[Scalar; LANES]) {
        let mut rows = Zeroizing::new([[0; 32]; LANES]);
        for (row, scalar) in rows.iter_mut().zip(scalars) {
            row.copy_from_slice(scalar.as_bytes());
        }
        let w = load_rows(&rows);
        let mask = Vector::splat(LIMB_MASK);
        let k = [
            w[0] & mask,
            (w[0].shr::<52>() | w[1].shl::<12>()) & mask,
            (w[1].shr::<40>() | w[2].shl::<24>()) & mask,
            (w[2].shr::<28>() | w[3].shl::<36>()) & mask,
            w[3].shr::<16>(),
        ];
        // k / 4 mod l = (k + m l) / 4 for the m from 0 to 3 that makes it whole: -k mod 4, since l = 1 mod 4.
        let m = Vector::zero() - k[0];
        let (one, two) = (m.has_bit(1), m.has_bit(2));
        let mut carry = Vector::zero();
        for (index, limb) in self.0.iter_mut().enumerate() {
            let order = Vector::splat(ORDER[index]);
            let sum = carry
                + k[index]
                + Vector::splat(ALL_DIGITS_ODD[index])
                + Vector::select(one, order, Vector::zero())
                + Vector::select(two, order + order, Vector::zero());
            *limb = sum & mask;
            carry = sum.shr::<LIMB_BITS>();
        }
    }

    /// The lanes in which digit i is negative, and the index of its size's multiple, in the lowest five bits.
    #[inline(always)]
    fn window(&self, i: usize) -> (Mask, Vector) {
        let bit = DIGIT_BITS * i + 2;
        let (limb, bit) = (bit / LIMB_BITS as usize, bit % LIMB_BITS as usize);
        let low = self.0[limb].shr_by(bit);
        let crosses = bit + DIGIT_BITS > LIMB_BITS as usize;
        let digit = if crosses { low | self.0[limb + 1].shl_by(LIMB_BITS as usize - bit) } else { low };
        signed(digit)
    }
}

/// The lanes in which 2 w - 63 is negative, and the index of its size's multiple, in the lowest five bits; w is the lowest six.
#[inline(always)]
fn signed(w: Vector) -> (Mask, Vector) {
    // 2 w - 63 = 2 (w - 32) + 1 from w = 32 on, and -(2 (31 - w) + 1) below.
    let positive = w.has_bit(ENTRIES as u64);
    (!positive, Vector::select(positive, w, w ^ Vector::splat(ENTRIES as u64 - 1)))
}
