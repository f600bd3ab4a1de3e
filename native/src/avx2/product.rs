//! Products of 51-bit limbs, as [`super::field`] explains them, and where their sums are folded.

use super::field::{FOLD, Fe, P, Sum, double, times};
use super::vector::Vector;

/// 2^7 * p, limbs just below 2^58: what a product starts from, so that no limb of it is negative.
pub const PRODUCT_BIAS: [u64; 5] = times(P, 1 << 7);
/// 3 * 2^102, and with it any sum with a product below 2^102, is a double from 2^103 to 2^104: its last bit counts 2^51.
const HIGH: f64 = 3.0 * (1u128 << 102) as f64;
/// 3 * 2^51, and with it any sum with a number up to 2^51, is a double from 2^52 to 2^53: its last bit counts 1.
pub const LOW: f64 = 3.0 * (1u64 << 51) as f64;

/// Defines a function that is never compiled into its callers: all of a ladder's step as one function is no faster and takes the
/// compiler minutes. It heeds `inline(never)` only on a function that is not a kernel, hence two.
macro_rules! apart {
    ($(#[$doc:meta])* $visibility:vis fn $name:ident($($argument:ident: $type:ty),*) $body:block) => {
        $(#[$doc])*
        #[inline(never)]
        $visibility fn $name($($argument: $type),*) {
            kernel!(fn compiled($($argument: $type),*) $body);
            // SAFETY: only called by kernels, on machines that have their instructions (see `vector`).
            unsafe { compiled($($argument),*) }
        }
    };
}

/// Adds `$a` * `$b[j]` at limb `$i` + j of `$acc`, for each j. Written out, because the compiler would leave a loop.
macro_rules! add_row {
    ($acc:ident, $i:literal, [$($j:literal)*], $a:expr, $b:expr) => {{
        let (high, both) = (double(HIGH), double(HIGH + LOW));
        let mut highs = [high; 5];
        $(
            highs[$j] = high.plus_product($a, $b[$j]);
            $acc[$i + $j + 1] = $acc[$i + $j + 1] + highs[$j];
        )*
        $(
            let low = both.double_minus(highs[$j]).plus_product($a, $b[$j]);
            $acc[$i + $j] = $acc[$i + $j] + low;
        )*
    }};
}

/// What five accumulators lack, and the folded other five, after the given rows (`$i` and the first j of each): the exponents of
/// the doubles that were added up are to be taken off, and [`PRODUCT_BIAS`] is to be added.
const fn correction<const ROWS: usize>(rows: [(usize, usize); ROWS]) -> [u64; 5] {
    let mut exponents = [0u64; 10];
    let mut row = 0;
    while row < ROWS {
        let (i, mut j) = rows[row];
        while j < 5 {
            exponents[i + j] = exponents[i + j].wrapping_add(LOW.to_bits());
            exponents[i + j + 1] = exponents[i + j + 1].wrapping_add(HIGH.to_bits());
            j += 1;
        }
        row += 1;
    }
    let mut correction = PRODUCT_BIAS;
    let mut k = 0;
    while k < 5 {
        correction[k] =
            correction[k].wrapping_sub(exponents[k]).wrapping_sub(exponents[k + 5].wrapping_mul(FOLD));
        k += 1;
    }
    correction
}

/// Ten limbs of a product as five: limb k + 5 counts 19 times at limb k.
#[inline(always)]
fn fold(acc: [Vector; 10], correction: [u64; 5]) -> Sum {
    Sum(limbwise!(k => {
        let above = acc[k + 5];
        acc[k] + Vector::splat(correction[k]) + (above + above.shl::<1>() + above.shl::<4>())
    }))
}

apart!(
    /// sum + a * b
    pub fn add_product(sum: &mut Sum, a: &Fe, b: &Fe) {
        *sum = product(*sum, a, b);
    }
);

apart!(
    /// sum + a * a
    pub fn add_square(sum: &mut Sum, a: &Fe) {
        *sum = square_of(*sum, a);
    }
);

apart!(
    /// a * b, carried
    pub fn multiply(a: &mut Fe, b: &Fe) {
        *a = product(Sum::zero(), a, b).carry();
    }
);

apart!(
    /// a * a, carried
    pub fn square(a: &mut Fe) {
        *a = square_of(Sum::zero(), a).carry();
    }
);

apart!(
    /// sum + u * a
    fn add_multiple(sum: &mut Sum, u: &Multiplier, a: &Fe) {
        const CORRECTION: [u64; 5] = correction([(0, 0); 5]);
        a.assert_bounds();
        let (u, a) = (&u.0, &a.0);
        let mut acc = sum.accumulators();
        add_row!(acc, 0, [0 1 2 3 4], a[0], u[0]);
        add_row!(acc, 0, [0 1 2 3 4], a[1], u[1]);
        add_row!(acc, 0, [0 1 2 3 4], a[2], u[2]);
        add_row!(acc, 0, [0 1 2 3 4], a[3], u[3]);
        add_row!(acc, 0, [0 1 2 3 4], a[4], u[4]);
        *sum = fold(acc, CORRECTION);
    }
);

#[inline(always)]
fn product(start: Sum, a: &Fe, b: &Fe) -> Sum {
    const CORRECTION: [u64; 5] = correction([(0, 0), (1, 0), (2, 0), (3, 0), (4, 0)]);
    a.assert_bounds();
    b.assert_bounds();
    let (a, b) = (&a.0, &b.0);
    let mut acc = start.accumulators();
    add_row!(acc, 0, [0 1 2 3 4], a[0], b);
    add_row!(acc, 1, [0 1 2 3 4], a[1], b);
    add_row!(acc, 2, [0 1 2 3 4], a[2], b);
    add_row!(acc, 3, [0 1 2 3 4], a[3], b);
    add_row!(acc, 4, [0 1 2 3 4], a[4], b);
    fold(acc, CORRECTION)
}

#[inline(always)]
fn square_of(start: Sum, a: &Fe) -> Sum {
    const CORRECTION: [u64; 5] = correction([(0, 0), (1, 1), (2, 2), (3, 3), (4, 4)]);
    a.assert_bounds();
    let a = &a.0;
    // Twice the factor that stands for two products: at most 2^51 + 2^18, still far from the limit of what `HIGH` takes.
    let twice = limbwise!(k => a[k].double_plus(a[k]));
    let mut acc = start.accumulators();
    add_row!(acc, 0, [0], a[0], a);
    add_row!(acc, 0, [1 2 3 4], twice[0], a);
    add_row!(acc, 1, [1], a[1], a);
    add_row!(acc, 1, [2 3 4], twice[1], a);
    add_row!(acc, 2, [2], a[2], a);
    add_row!(acc, 2, [3 4], twice[2], a);
    add_row!(acc, 3, [3], a[3], a);
    add_row!(acc, 3, [4], twice[3], a);
    add_row!(acc, 4, [4], a[4], a);
    fold(acc, CORRECTION)
}

/// start + constant * a
#[inline(always)]
pub fn small(start: Sum, constant: u64, a: &Fe) -> Sum {
    const CORRECTION: [u64; 5] = correction([(0, 0)]);
    a.assert_bounds();
    let mut acc = start.accumulators();
    add_row!(acc, 0, [0 1 2 3 4], double(constant as f64), a.0);
    fold(acc, CORRECTION)
}

/// A factor that many others are multiplied by: limb j of row i is that of 2^(51 i) * value mod p, so that nothing but one
/// accumulator is left to fold.
#[derive(Clone, Copy, Default)]
pub struct Multiplier([[Vector; 5]; 5]);

impl Multiplier {
    #[inline(always)]
    pub fn new(value: Fe) -> Self {
        let mut rows = [value.0; 5];
        for i in 1..5 {
            let [a, b, c, d, e] = Fe(rows[i - 1]).wide().0;
            let wrapped = e.shl::<4>() + e.shl::<1>() + e;
            rows[i] = Sum([wrapped, a, b, c, d]).carry().0;
        }
        Self(rows)
    }

    /// self * a, each limb below 2^59.
    #[inline(always)]
    pub fn mul(&self, a: Fe) -> Sum {
        let mut sum = Sum::zero();
        add_multiple(&mut sum, self, &a);
        sum
    }
}
