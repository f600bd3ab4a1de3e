//! Eight unsigned 64-bit lanes in one AVX-512 register, and the few instructions on them that this backend uses.
//!
//! Everything here is inlined into functions compiled for AVX-512 IFMA, which [`super::Ifma`] calls only on a machine that
//! has it; no value of this type exists elsewhere. That is what makes the intrinsics below sound.

use core::arch::x86_64::*;
use core::ops::{Add, BitAnd, BitOr, BitXor, Not, Sub};

use zeroize::DefaultIsZeroes;

/// How many independent items one register holds.
pub const LANES: usize = 8;
/// One bit per lane.
pub type Mask = u8;
/// The mask of all lanes.
pub const ALL: Mask = Mask::MAX;
/// Eight words of one lane, side by side.
pub type Row = [u64; 8];

#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Vector(__m512i);

impl Default for Vector {
    fn default() -> Self {
        // SAFETY: all bits zero is a value of the type.
        unsafe { core::mem::zeroed() }
    }
}

impl DefaultIsZeroes for Vector {}

/// Runs one intrinsic, under the module's promise that the machine has it.
macro_rules! simd {
    ($call:expr) => {
        // SAFETY: only reached from functions that enable the feature, on machines that have it (see the module).
        unsafe { $call }
    };
}

/// Asks for a cache line before it is needed.
#[inline(always)]
pub fn prefetch(line: &[u64; LANES]) {
    simd!(_mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()));
}

impl Vector {
    #[inline(always)]
    pub fn zero() -> Self {
        Self(simd!(_mm512_setzero_si512()))
    }

    #[inline(always)]
    pub fn splat(value: u64) -> Self {
        Self(simd!(_mm512_set1_epi64(value as i64)))
    }

    #[inline(always)]
    pub fn load(lanes: &[u64; LANES]) -> Self {
        Self(simd!(_mm512_loadu_si512(lanes.as_ptr().cast())))
    }

    #[inline(always)]
    pub fn to_array(self) -> [u64; LANES] {
        let mut lanes = [0; LANES];
        simd!(_mm512_storeu_si512(lanes.as_mut_ptr().cast(), self.0));
        lanes
    }

    /// self + the low 52 bits of a * b, of which only the low 52 bits count.
    #[inline(always)]
    pub fn madd_lo(self, a: Self, b: Self) -> Self {
        Self(simd!(_mm512_madd52lo_epu64(self.0, a.0, b.0)))
    }

    /// self + bits 52 to 103 of a * b, of which only the low 52 bits count.
    #[inline(always)]
    pub fn madd_hi(self, a: Self, b: Self) -> Self {
        Self(simd!(_mm512_madd52hi_epu64(self.0, a.0, b.0)))
    }

    #[inline(always)]
    pub fn shl<const BITS: u32>(self) -> Self {
        Self(simd!(_mm512_slli_epi64::<BITS>(self.0)))
    }

    #[inline(always)]
    pub fn shr<const BITS: u32>(self) -> Self {
        Self(simd!(_mm512_srli_epi64::<BITS>(self.0)))
    }

    #[inline(always)]
    pub fn shl_by(self, bits: usize) -> Self {
        Self(simd!(_mm512_sll_epi64(self.0, _mm_set_epi64x(0, bits as i64))))
    }

    #[inline(always)]
    pub fn shr_by(self, bits: usize) -> Self {
        Self(simd!(_mm512_srl_epi64(self.0, _mm_set_epi64x(0, bits as i64))))
    }

    #[inline(always)]
    pub fn rotate_right<const BITS: i32>(self) -> Self {
        Self(simd!(_mm512_ror_epi64::<BITS>(self.0)))
    }

    /// (a & b) | (!a & c)
    #[inline(always)]
    pub fn choose(a: Self, b: Self, c: Self) -> Self {
        Self::ternary::<0xca>(a, b, c)
    }

    /// Each bit that at least two have.
    #[inline(always)]
    pub fn majority(a: Self, b: Self, c: Self) -> Self {
        Self::ternary::<0xe8>(a, b, c)
    }

    #[inline(always)]
    pub fn xor3(a: Self, b: Self, c: Self) -> Self {
        Self::ternary::<0x96>(a, b, c)
    }

    /// The bitwise function of three inputs whose truth table is TABLE, `a` being the most significant.
    #[inline(always)]
    fn ternary<const TABLE: i32>(a: Self, b: Self, c: Self) -> Self {
        Self(simd!(_mm512_ternarylogic_epi64::<TABLE>(a.0, b.0, c.0)))
    }

    /// Per lane: `then` where the mask's bit is set, `otherwise` where not.
    #[inline(always)]
    pub fn select(mask: Mask, then: Self, otherwise: Self) -> Self {
        Self(simd!(_mm512_mask_blend_epi64(mask, otherwise.0, then.0)))
    }

    #[inline(always)]
    pub fn is_zero(self) -> Mask {
        simd!(_mm512_testn_epi64_mask(self.0, self.0))
    }

    #[inline(always)]
    pub fn equals(self, other: Self) -> Mask {
        simd!(_mm512_cmpeq_epi64_mask(self.0, other.0))
    }

    /// The lanes that have this bit set.
    #[inline(always)]
    pub fn has_bit(self, bit: u64) -> Mask {
        simd!(_mm512_test_epi64_mask(self.0, _mm512_set1_epi64(bit as i64)))
    }

    /// One lane in all lanes.
    #[inline(always)]
    pub fn broadcast(self, lane: usize) -> Self {
        Self(simd!(_mm512_permutexvar_epi64(_mm512_set1_epi64(lane as i64), self.0)))
    }

    /// table[index mod 8], in constant time.
    #[inline(always)]
    pub fn lookup8(index: Self, table: &[u64; 8]) -> Self {
        Self(simd!(_mm512_permutexvar_epi64(index.0, Self::load(table).0)))
    }

    /// The eight hexadecimal digits of a number, the lowest in lane 0.
    #[inline(always)]
    pub fn nibbles(word: u32) -> Self {
        let places = Self::load(&[0, 4, 8, 12, 16, 20, 24, 28]);
        Self(simd!(_mm512_srlv_epi64(_mm512_set1_epi64(i64::from(word)), places.0))) & Self::splat(15)
    }

    /// Word k of each lane's row, for each k.
    #[inline(always)]
    pub fn from_rows(rows: [&Row; LANES]) -> [Self; 8] {
        let mut loaded = [Self::zero(); LANES];
        for (loaded, row) in loaded.iter_mut().zip(rows) {
            *loaded = Self::load(row);
        }
        Self::transpose(loaded)
    }

    /// The reverse of [`Vector::from_rows`].
    #[inline(always)]
    pub fn to_rows(words: [Self; 8]) -> [Row; LANES] {
        let mut rows = [[0; 8]; LANES];
        for (row, words) in rows.iter_mut().zip(Self::transpose(words)) {
            *row = words.to_array();
        }
        rows
    }

    /// Eight rows of eight words as eight columns.
    #[inline(always)]
    fn transpose(r: [Self; 8]) -> [Self; 8] {
        simd!({
            // p[i]: of rows 2i and 2i + 1, the even columns in turn; q[i]: the odd ones.
            let (p0, q0) = (_mm512_unpacklo_epi64(r[0].0, r[1].0), _mm512_unpackhi_epi64(r[0].0, r[1].0));
            let (p1, q1) = (_mm512_unpacklo_epi64(r[2].0, r[3].0), _mm512_unpackhi_epi64(r[2].0, r[3].0));
            let (p2, q2) = (_mm512_unpacklo_epi64(r[4].0, r[5].0), _mm512_unpackhi_epi64(r[4].0, r[5].0));
            let (p3, q3) = (_mm512_unpacklo_epi64(r[6].0, r[7].0), _mm512_unpackhi_epi64(r[6].0, r[7].0));
            // Quarters 0 and 2 of two registers, or 1 and 3, side by side; twice.
            const EVEN: i32 = 0b10_00_10_00;
            const ODD: i32 = 0b11_01_11_01;
            macro_rules! columns {
                ($a:expr, $b:expr, $c:expr, $d:expr) => {{
                    let (a, b, c, d) = ($a, $b, $c, $d);
                    let (ab, cd) = (_mm512_shuffle_i64x2::<EVEN>(a, b), _mm512_shuffle_i64x2::<EVEN>(c, d));
                    let (ab_odd, cd_odd) =
                        (_mm512_shuffle_i64x2::<ODD>(a, b), _mm512_shuffle_i64x2::<ODD>(c, d));
                    [
                        Self(_mm512_shuffle_i64x2::<EVEN>(ab, cd)),
                        Self(_mm512_shuffle_i64x2::<EVEN>(ab_odd, cd_odd)),
                        Self(_mm512_shuffle_i64x2::<ODD>(ab, cd)),
                        Self(_mm512_shuffle_i64x2::<ODD>(ab_odd, cd_odd)),
                    ]
                }};
            }
            let [c0, c2, c4, c6] = columns!(p0, p1, p2, p3);
            let [c1, c3, c5, c7] = columns!(q0, q1, q2, q3);
            [c0, c1, c2, c3, c4, c5, c6, c7]
        })
    }
}

impl Add for Vector {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(simd!(_mm512_add_epi64(self.0, other.0)))
    }
}

impl Sub for Vector {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(simd!(_mm512_sub_epi64(self.0, other.0)))
    }
}

impl BitAnd for Vector {
    type Output = Self;
    #[inline(always)]
    fn bitand(self, other: Self) -> Self {
        Self(simd!(_mm512_and_si512(self.0, other.0)))
    }
}

impl BitOr for Vector {
    type Output = Self;
    #[inline(always)]
    fn bitor(self, other: Self) -> Self {
        Self(simd!(_mm512_or_si512(self.0, other.0)))
    }
}

impl BitXor for Vector {
    type Output = Self;
    #[inline(always)]
    fn bitxor(self, other: Self) -> Self {
        Self(simd!(_mm512_xor_si512(self.0, other.0)))
    }
}

impl Not for Vector {
    type Output = Self;
    #[inline(always)]
    fn not(self) -> Self {
        self ^ Self::splat(u64::MAX)
    }
}

/// Which of 32 entries each lane looks up: the same table for all lanes, in constant time.
pub struct Index {
    index: Vector,
    high: Mask,
}

impl Index {
    /// Of the lowest five bits.
    #[inline(always)]
    pub fn new(index: Vector) -> Self {
        Self { index, high: index.has_bit(16) }
    }

    #[inline(always)]
    pub fn lookup(&self, table: &[u64; 32]) -> Vector {
        let (halves, _) = table.as_chunks::<16>();
        Vector::select(self.high, self.lookup16(&halves[1]), self.lookup16(&halves[0]))
    }

    #[inline(always)]
    fn lookup16(&self, table: &[u64; 16]) -> Vector {
        Vector(simd!({
            let low = _mm512_loadu_si512(table.as_ptr().cast());
            let high = _mm512_loadu_si512(table.as_ptr().add(8).cast());
            _mm512_permutex2var_epi64(low, self.index.0, high)
        }))
    }
}
