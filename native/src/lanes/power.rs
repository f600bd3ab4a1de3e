//! Inverse square roots and inverses: long chains of squarings, for several groups of items in turn, because one
//! chain alone leaves the multiplier waiting for its own results.

use zeroize::Zeroizing;

use super::constants::SQRT_M1;
use super::field::Fe;
use super::vector::Mask;

/// Groups whose chains are interleaved.
pub const WIDTH: usize = 4;

/// value^(2^count), group by group.
#[inline(always)]
fn square_times<const N: usize>(mut values: [Fe; N], count: usize) -> [Fe; N] {
    for _ in 0..count {
        for value in &mut values {
            *value = value.squared();
        }
    }
    values
}

#[inline(always)]
fn times<const N: usize>(a: &[Fe; N], b: &[Fe; N]) -> [Fe; N] {
    groupwise!(Fe::zero(); g in N => a[g].times(b[g]))
}

kernel!(
    /// (x^(2^250 - 1), x^11)
    fn chain<const N: usize>(x: &[Fe; N]) -> ([Fe; N], [Fe; N]) {
        let x2 = square_times(*x, 1);
        let x9 = times(&square_times(x2, 2), x);
        let x11 = times(&x9, &x2);
        // e<n> = x^(2^n - 1)
        let e5 = times(&square_times(x11, 1), &x9);
        let e10 = times(&square_times(e5, 5), &e5);
        let e20 = times(&square_times(e10, 10), &e10);
        let e40 = times(&square_times(e20, 20), &e20);
        let e50 = times(&square_times(e40, 10), &e10);
        let e100 = times(&square_times(e50, 50), &e50);
        let e200 = times(&square_times(e100, 100), &e100);
        let e250 = times(&square_times(e200, 50), &e50);
        (e250, x11)
    }
);

kernel!(
    /// 1 / x, and 0 for 0: x^(p - 2) = x^(2^255 - 21).
    pub fn invert<const N: usize>(x: &[Fe; N]) -> [Fe; N] {
        let (e250, x11) = chain(x);
        times(&square_times(e250, 5), &x11)
    }
);

kernel!(
    /// x^((p - 5) / 8) = x^(2^252 - 3)
    fn power_p58<const N: usize>(x: &[Fe; N]) -> [Fe; N] {
        let (e250, _) = chain(x);
        times(&square_times(e250, 2), x)
    }
);

kernel!(
    /// SQRT_RATIO_M1 of RFC 9496, section 4.2: which lanes of u / v are square, and the non-negative root of u / v there, of
    /// SQRT_M1 * u / v elsewhere.
    pub fn sqrt_ratio<const N: usize>(u: &[Fe; N], v: &[Fe; N]) -> ([Mask; N], [Fe; N]) {
        // r = u * v^3 * (u * v^7)^((p - 5) / 8)
        let v3 = groupwise!(Fe::zero(); g in N => v[g].squared().times(v[g]));
        let uv7 = groupwise!(Fe::zero(); g in N => v3[g].squared().times(v[g]).times(u[g]));
        let power = power_p58(&uv7);
        let mut was_square = [0; N];
        let mut roots = power;
        for g in 0..N {
            let r = power[g].times(v3[g]).times(u[g]);
            // check = v * r^2
            let check = v[g].times(r.squared());
            let sqrt_m1 = Fe::splat(SQRT_M1);
            let correct_sign = check.equals(u[g]);
            let minus_u = u[g].negate();
            let flipped_sign = check.equals(minus_u);
            let flipped_sign_i = check.equals(minus_u.times(sqrt_m1));
            roots[g] = Fe::select(flipped_sign | flipped_sign_i, r.times(sqrt_m1), r).abs();
            was_square[g] = correct_sign | flipped_sign;
        }
        (was_square, roots)
    }
);

kernel!(
    /// The inverse of each value, with one inversion for all of them; 0 for 0. Constant time.
    pub fn invert_all(values: &mut [Fe]) {
        // A zero would spoil the common product: 1 stands in for it.
        let mut prefixes = Zeroizing::new(Vec::with_capacity(values.len()));
        let mut product = Fe::one();
        for value in values.iter() {
            prefixes.push(product);
            product = product.times(Fe::select(value.is_zero(), Fe::one(), *value));
        }
        let [mut inverse] = invert(&[product]);
        for (value, prefix) in values.iter_mut().zip(prefixes.iter()).rev() {
            let zero = value.is_zero();
            let divisor = Fe::select(zero, Fe::one(), *value);
            *value = Fe::select(zero, Fe::zero(), inverse.times(*prefix));
            inverse = inverse.times(divisor);
        }
    }
);
