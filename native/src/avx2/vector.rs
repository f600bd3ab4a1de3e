//! Four unsigned 64-bit lanes in one AVX2 register, and the few instructions on them that this backend uses.
//!
//! Everything here is inlined into functions compiled for AVX2 and FMA, which [`super::Avx2`] calls only on a machine that
//! has them; no value of this type exists elsewhere. That is what makes the intrinsics below sound.

use core::arch::x86_64::*;
use core::ops::{Add, BitAnd, BitOr, BitXor, Not, Sub};

use zeroize::DefaultIsZeroes;

/// How many independent items one register holds.
pub const LANES: usize = 4;
/// One bit per lane, the lowest four.
pub type Mask = u8;
/// The mask of all lanes.
pub const ALL: Mask = 0b1111;
/// Eight words of one lane, side by side.
pub type Row = [u64; 8];

/// Four words, or four doubles: what a lane means, the operation says.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Vector(__m256i);

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
pub fn prefetch(line: &Row) {
    simd!(_mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()));
}

impl Vector {
    #[inline(always)]
    pub fn zero() -> Self {
        Self(simd!(_mm256_setzero_si256()))
    }

    #[inline(always)]
    pub fn splat(value: u64) -> Self {
        Self(simd!(_mm256_set1_epi64x(value as i64)))
    }

    #[inline(always)]
    pub fn load(lanes: &[u64; LANES]) -> Self {
        Self(simd!(_mm256_loadu_si256(lanes.as_ptr().cast())))
    }

    #[inline(always)]
    pub fn to_array(self) -> [u64; LANES] {
        let mut lanes = [0; LANES];
        simd!(_mm256_storeu_si256(lanes.as_mut_ptr().cast(), self.0));
        lanes
    }

    #[inline(always)]
    fn doubles(self) -> __m256d {
        simd!(_mm256_castsi256_pd(self.0))
    }

    #[inline(always)]
    fn from_doubles(doubles: __m256d) -> Self {
        Self(simd!(_mm256_castpd_si256(doubles)))
    }

    /// a * b + self, of doubles, rounded once.
    #[inline(always)]
    pub fn plus_product(self, a: Self, b: Self) -> Self {
        Self::from_doubles(simd!(_mm256_fmadd_pd(a.doubles(), b.doubles(), self.doubles())))
    }

    /// self + other, of doubles.
    #[inline(always)]
    pub fn double_plus(self, other: Self) -> Self {
        Self::from_doubles(simd!(_mm256_add_pd(self.doubles(), other.doubles())))
    }

    /// self - other, of doubles.
    #[inline(always)]
    pub fn double_minus(self, other: Self) -> Self {
        Self::from_doubles(simd!(_mm256_sub_pd(self.doubles(), other.doubles())))
    }

    /// The product of the low 32 bits of each.
    #[inline(always)]
    pub fn multiply_low(self, other: Self) -> Self {
        Self(simd!(_mm256_mul_epu32(self.0, other.0)))
    }

    #[inline(always)]
    pub fn shl<const BITS: u32>(self) -> Self {
        self.shl_by(BITS as usize)
    }

    #[inline(always)]
    pub fn shr<const BITS: u32>(self) -> Self {
        self.shr_by(BITS as usize)
    }

    #[inline(always)]
    pub fn shl_by(self, bits: usize) -> Self {
        Self(simd!(_mm256_sll_epi64(self.0, _mm_set_epi64x(0, bits as i64))))
    }

    #[inline(always)]
    pub fn shr_by(self, bits: usize) -> Self {
        Self(simd!(_mm256_srl_epi64(self.0, _mm_set_epi64x(0, bits as i64))))
    }

    #[inline(always)]
    pub fn rotate_right<const BITS: i32>(self) -> Self {
        self.shr_by(BITS as usize) | self.shl_by(64 - BITS as usize)
    }

    /// (a & b) | (!a & c)
    #[inline(always)]
    pub fn choose(a: Self, b: Self, c: Self) -> Self {
        c ^ (a & (b ^ c))
    }

    /// Each bit that at least two have.
    #[inline(always)]
    pub fn majority(a: Self, b: Self, c: Self) -> Self {
        (a & b) | (c & (a | b))
    }

    #[inline(always)]
    pub fn xor3(a: Self, b: Self, c: Self) -> Self {
        a ^ b ^ c
    }

    /// All bits of the lanes in the mask.
    #[inline(always)]
    fn spread(mask: Mask) -> Self {
        let lanes = Self::load(&[1, 2, 4, 8]);
        (Self::splat(u64::from(mask)) & lanes).equal(lanes)
    }

    /// All bits of the lanes that are equal.
    #[inline(always)]
    fn equal(self, other: Self) -> Self {
        Self(simd!(_mm256_cmpeq_epi64(self.0, other.0)))
    }

    /// The highest bit of each lane.
    #[inline(always)]
    fn mask(self) -> Mask {
        simd!(_mm256_movemask_pd(self.doubles())) as Mask
    }

    /// Per lane: `then` where the mask's bit is set, `otherwise` where not.
    #[inline(always)]
    pub fn select(mask: Mask, then: Self, otherwise: Self) -> Self {
        let mask = Self::spread(mask);
        Self::from_doubles(simd!(_mm256_blendv_pd(otherwise.doubles(), then.doubles(), mask.doubles())))
    }

    #[inline(always)]
    pub fn is_zero(self) -> Mask {
        self.equals(Self::zero())
    }

    #[inline(always)]
    pub fn equals(self, other: Self) -> Mask {
        self.equal(other).mask()
    }

    /// The lanes that have this bit set.
    #[inline(always)]
    pub fn has_bit(self, bit: u64) -> Mask {
        let bit = Self::splat(bit);
        (self & bit).equals(bit)
    }

    /// One lane in all lanes.
    #[inline(always)]
    pub fn broadcast(self, lane: usize) -> Self {
        // The two halves of a word stand side by side.
        let low = 2 * lane as u64;
        let halves = low | ((low + 1) << 32);
        Self(simd!(_mm256_permutevar8x32_epi32(self.0, Self::splat(halves).0)))
    }

    /// Word (index mod 4) of four, in constant time, for the index as [`Vector::halves`] returns it.
    #[inline(always)]
    fn lookup4(halves: Self, table: &[u64; 4]) -> Self {
        Self(simd!(_mm256_permutevar8x32_epi32(Self::load(table).0, halves.0)))
    }

    /// Where the two halves of the word with each lane's index stand, modulo 8, of which only the lowest three bits count.
    #[inline(always)]
    fn halves(index: Self) -> Self {
        let low = Self(simd!(_mm256_shuffle_epi32::<0b10_10_00_00>(index.shl::<1>().0)));
        low | Self::splat(1 << 32)
    }

    /// table[index mod 8], in constant time.
    #[inline(always)]
    pub fn lookup8(index: Self, table: &[u64; 8]) -> Self {
        let (tables, _) = table.as_chunks::<4>();
        let halves = Self::halves(index);
        let (low, high) = (Self::lookup4(halves, &tables[0]), Self::lookup4(halves, &tables[1]));
        Self::select(index.has_bit(4), high, low)
    }

    /// The lowest four hexadecimal digits of a number, the lowest in lane 0.
    #[inline(always)]
    pub fn nibbles(word: u32) -> Self {
        let places = Self::load(&[0, 4, 8, 12]);
        Self(simd!(_mm256_srlv_epi64(_mm256_set1_epi64x(i64::from(word)), places.0))) & Self::splat(15)
    }

    /// Word k of each lane's row, for each k.
    #[inline(always)]
    pub fn from_rows(rows: [&Row; LANES]) -> [Self; 8] {
        let mut halves = [[Self::zero(); LANES]; 2];
        for (lane, row) in rows.iter().enumerate() {
            let (row, _) = row.as_chunks::<4>();
            halves[0][lane] = Self::load(&row[0]);
            halves[1][lane] = Self::load(&row[1]);
        }
        let ([a, b, c, d], [e, f, g, h]) = (Self::transpose(halves[0]), Self::transpose(halves[1]));
        [a, b, c, d, e, f, g, h]
    }

    /// The reverse of [`Vector::from_rows`].
    #[inline(always)]
    pub fn to_rows([a, b, c, d, e, f, g, h]: [Self; 8]) -> [Row; LANES] {
        let halves = [Self::transpose([a, b, c, d]), Self::transpose([e, f, g, h])];
        let mut rows = [[0; 8]; LANES];
        for (lane, row) in rows.iter_mut().enumerate() {
            let (row, _) = row.as_chunks_mut::<4>();
            row[0] = halves[0][lane].to_array();
            row[1] = halves[1][lane].to_array();
        }
        rows
    }

    /// Four rows of four words as four columns.
    #[inline(always)]
    fn transpose(r: [Self; 4]) -> [Self; 4] {
        simd!({
            let (p0, q0) = (_mm256_unpacklo_epi64(r[0].0, r[1].0), _mm256_unpackhi_epi64(r[0].0, r[1].0));
            let (p1, q1) = (_mm256_unpacklo_epi64(r[2].0, r[3].0), _mm256_unpackhi_epi64(r[2].0, r[3].0));
            [
                Self(_mm256_permute2x128_si256::<0x20>(p0, p1)),
                Self(_mm256_permute2x128_si256::<0x20>(q0, q1)),
                Self(_mm256_permute2x128_si256::<0x31>(p0, p1)),
                Self(_mm256_permute2x128_si256::<0x31>(q0, q1)),
            ]
        })
    }
}

impl Add for Vector {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(simd!(_mm256_add_epi64(self.0, other.0)))
    }
}

impl Sub for Vector {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(simd!(_mm256_sub_epi64(self.0, other.0)))
    }
}

impl BitAnd for Vector {
    type Output = Self;
    #[inline(always)]
    fn bitand(self, other: Self) -> Self {
        Self(simd!(_mm256_and_si256(self.0, other.0)))
    }
}

impl BitOr for Vector {
    type Output = Self;
    #[inline(always)]
    fn bitor(self, other: Self) -> Self {
        Self(simd!(_mm256_or_si256(self.0, other.0)))
    }
}

impl BitXor for Vector {
    type Output = Self;
    #[inline(always)]
    fn bitxor(self, other: Self) -> Self {
        Self(simd!(_mm256_xor_si256(self.0, other.0)))
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
    halves: Vector,
    /// For each four entries: all bits of the lanes whose entry is one of them.
    fours: [Vector; 8],
}

impl Index {
    /// Of the lowest five bits.
    #[inline(always)]
    pub fn new(index: Vector) -> Self {
        let high = index & Vector::splat(0b11100);
        let mut fours = [Vector::zero(); 8];
        for (number, four) in fours.iter_mut().enumerate() {
            *four = high.equal(Vector::splat(4 * number as u64));
        }
        Self { halves: Vector::halves(index), fours }
    }

    #[inline(always)]
    pub fn lookup(&self, table: &[u64; 32]) -> Vector {
        let mut found = Vector::zero();
        for (four, entries) in self.fours.iter().zip(table.as_chunks::<4>().0) {
            found = found | (Vector::lookup4(self.halves, entries) & *four);
        }
        found
    }
}
