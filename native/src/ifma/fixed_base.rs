//! Multiples of one point by secret scalars, constant time: the table is the same for all lanes, so a register permutation is
//! a lookup that no address depends on.
//!
//! Radix 64 with odd digits only: k = the sum of (2 w_i - 63) 64^i, where the w_i are the six-bit digits of
//! (k + 2^258 - 1) / 2 mod l. No digit is zero, so half of each window's multiples suffice, and there is no recoding.

use curve25519_dalek::Scalar;
use zeroize::Zeroizing;

use super::accumulator::{Accumulator, Mixed};
use super::edwards::Extended;
use super::field::{Fe, load_rows};
use super::lanes::{LANES, Mask, U64x8};
use super::power::invert_all;

const DIGIT_BITS: usize = 6;
/// 43 * 6 = 258 bits hold every scalar.
const WINDOWS: usize = 43;
const ENTRIES: usize = 1 << (DIGIT_BITS - 1);
/// y + x, y - x, 2 d x y; five limbs each.
const COORDINATES: usize = 3;
/// 2^258 - 1 mod l, little-endian.
const ALL_DIGITS_ODD: [u8; 32] = [
    0xac, 0xd8, 0x80, 0x1f, 0x83, 0x9c, 0x79, 0x53, 0x40, 0x67, 0x10, 0xe5, 0x35, 0x82, 0x20, 0xdd, 0xfa,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f,
];

/// The odd multiples (2 j + 1) 64^i P, j = 0..31, for each window i; [coordinate][limb][j].
pub struct Table(Vec<[[[u64; ENTRIES]; 5]; COORDINATES]>);

impl Table {
    /// Of the point in lane 0.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub fn new(point: &Extended) -> Self {
        let mut windows = vec![[[[0; ENTRIES]; 5]; COORDINATES]; WINDOWS];
        // Eight windows at a time: 64^i P in the lane of window i, then its odd multiples.
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
                    for (k, limb) in coordinate.wide().0.into_iter().enumerate() {
                        for (window, limb) in windows.iter_mut().zip(limb.to_array()) {
                            window[c][k][j] = limb;
                        }
                    }
                }
            }
        }
        Self(windows)
    }

    /// scalars[g] * P, in each lane; N groups share each window's loads.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub fn multiples<const N: usize>(&self, scalars: &[[Scalar; LANES]; N]) -> [Extended; N] {
        let digits = groupwise!(Digits::default(); g in N => Digits::new(&scalars[g]));
        let mut sums = [Accumulator::new(&Extended::identity()); N];
        for (i, window) in self.0.iter().enumerate() {
            for (sum, digits) in sums.iter_mut().zip(&digits) {
                let (negative, index) = digits.window(i);
                sum.add(&lookup(window, index), negative);
            }
        }
        groupwise!(Extended::identity(); g in N => sums[g].finish())
    }
}

/// The multiple with that index, for each lane.
#[inline(always)]
fn lookup(window: &[[[u64; ENTRIES]; 5]; COORDINATES], index: U64x8) -> Mixed {
    let high = index.has_bit(16);
    let mut coordinates = [Fe::zero(); COORDINATES];
    for (coordinate, limbs) in coordinates.iter_mut().zip(window) {
        for (limb, entries) in coordinate.0.iter_mut().zip(limbs) {
            let (halves, _) = entries.as_chunks::<16>();
            let (low, high_half) = (U64x8::lookup16(index, &halves[0]), U64x8::lookup16(index, &halves[1]));
            *limb = U64x8::select(high, high_half, low);
        }
    }
    let [y_plus_x, y_minus_x, two_d_t] = coordinates;
    Mixed { y_plus_x, y_minus_x, two_d_t }
}

/// The digits of eight scalars, as the words of (k + 2^258 - 1) / 2 mod l.
#[derive(Clone, Copy, Default)]
struct Digits([U64x8; 5]);

impl Digits {
    #[inline(always)]
    fn new(scalars: &[Scalar; LANES]) -> Self {
        let all_digits_odd = Scalar::from_bytes_mod_order(ALL_DIGITS_ODD);
        let rows = Zeroizing::new(scalars.each_ref().map(|scalar| {
            let sum = Zeroizing::new(scalar + all_digits_odd);
            Zeroizing::new(sum.div_by_2()).to_bytes()
        }));
        let [a, b, c, d] = load_rows(&rows);
        Self([a, b, c, d, U64x8::zero()])
    }

    /// The lanes in which digit i is negative, and the index of its size's multiple.
    #[inline(always)]
    fn window(&self, i: usize) -> (Mask, U64x8) {
        let (word, bit) = (DIGIT_BITS * i / 64, DIGIT_BITS * i % 64);
        let low = self.0[word].shr_by(bit);
        let digit = if bit + DIGIT_BITS > 64 { low | self.0[word + 1].shl_by(64 - bit) } else { low };
        // 2 w - 63 = 2 (w - 32) + 1 from w = 32 on, and -(2 (31 - w) + 1) below.
        let positive = digit.has_bit(ENTRIES as u64);
        let index = U64x8::select(positive, digit, digit ^ U64x8::splat(ENTRIES as u64 - 1));
        (!positive, index)
    }
}
