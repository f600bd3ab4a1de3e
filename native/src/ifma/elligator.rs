//! The map from uniform bytes to the group (RFC 9496, section 4.3.4).

use super::constants::{D, D_MINUS_ONE_SQ, ONE_MINUS_D_SQ, SQRT_AD_MINUS_ONE, SQRT_M1};
use super::edwards::Extended;
use super::field::{Fe, Sum};
use super::lanes::{LANES, U64x8};
use super::power::sqrt_ratio;
use crate::backend::Bytes64;

/// The element derivation function for N groups of eight: MAP(first half) + MAP(second half).
#[target_feature(enable = "avx512f,avx512ifma")]
pub fn map_to_group<const N: usize>(uniform: &[[Bytes64; LANES]; N]) -> [Extended; N] {
    let half = |group: &[Bytes64; LANES], half: usize| {
        let words = core::array::from_fn(|word| {
            let lanes = group.each_ref().map(|bytes| {
                let mut le = [0; 8];
                le.copy_from_slice(&bytes[32 * half + 8 * word..32 * half + 8 * word + 8]);
                u64::from_le_bytes(le)
            });
            U64x8::load(&lanes)
        });
        // The most significant bit is ignored; a value from p upwards is reduced.
        Fe::from_words(&words)
    };
    let first = map(&uniform.each_ref().map(|group| half(group, 0)));
    let second = map(&uniform.each_ref().map(|group| half(group, 1)));
    core::array::from_fn(|g| first[g].add(&second[g]))
}

/// MAP(t).
#[target_feature(enable = "avx512f,avx512ifma")]
fn map<const N: usize>(t: &[Fe; N]) -> [Extended; N] {
    let one = Fe::one();
    // r = SQRT_M1 * t^2
    let r: [Fe; N] = core::array::from_fn(|g| t[g].squared().times(Fe::splat(SQRT_M1)));
    // u = (r + 1) * ONE_MINUS_D_SQ
    let u: [Fe; N] =
        core::array::from_fn(|g| (r[g].wide() + one.wide()).carry().times(Fe::splat(ONE_MINUS_D_SQ)));
    // v = (-1 - r * D) * (r + D)
    let v: [Fe; N] = core::array::from_fn(|g| {
        let left = (Sum::bias().less(one.wide()) - r[g].mul(Fe::splat(D))).carry();
        left.times((r[g].wide() + Fe::splat(D).wide()).carry())
    });
    let (was_square, root) = sqrt_ratio(&u, &v);
    core::array::from_fn(|g| {
        // s_prime = -CT_ABS(s * t)
        let s_prime = root[g].times(t[g]).abs().negate();
        let s = Fe::select(was_square[g], root[g], s_prime);
        let c = Fe::select(was_square[g], one.negate(), r[g]);
        // N = c * (r - 1) * D_MINUS_ONE_SQ - v
        let n = (r[g].wide() - one.wide()).carry().times(c).mul(Fe::splat(D_MINUS_ONE_SQ));
        let n = (n - v[g].wide()).carry();
        // w0 = 2 * s * v, w1 = N * SQRT_AD_MINUS_ONE, w2 = 1 - s^2, w3 = 1 + s^2
        let w0 = s.mul(v[g]).doubled().carry();
        let w1 = n.times(Fe::splat(SQRT_AD_MINUS_ONE));
        let ss = s.square();
        let w2 = (one.wide() - ss).carry();
        let w3 = (one.wide() + ss).carry();
        // (w0 * w3, w2 * w1, w1 * w3, w0 * w2)
        Extended::complete(w0, w3, w1, w2)
    })
}
