//! The inner product argument of Bulletproofs, section 3, folded with u in one half and u^-1 in the other.
//!
//! For P = <a, G> + <b, H> + <a, b>*Q: L = <a_lo, G_hi> + <b_hi, H_lo> + <a_lo, b_hi>*Q and
//! R = <a_hi, G_lo> + <b_lo, H_hi> + <a_hi, b_lo>*Q. With G' = G_lo + u*G_hi, H' = H_lo + u^-1*H_hi,
//! a' = a_lo + u^-1*a_hi and b' = b_lo + u*b_hi, the same holds of P' = P + u*L + u^-1*R at half the length.

use curve25519_dalek::{RistrettoPoint, Scalar};
use rayon::prelude::*;

use super::generators::Generators;
use super::{Transcript, dot, powers, vartime_sum};
use crate::backend::Bytes32;
use crate::error::Error;

/// Appends L and R of each round, and the last a and b. H is taken as y^-t * H_t. Variable time: what is
/// folded is not secret.
pub fn prove(
    transcript: &mut Transcript,
    generators: &Generators,
    q: &RistrettoPoint,
    y_inverse: &Scalar,
    a: &[Scalar],
    b: &[Scalar],
    proof: &mut Vec<Bytes32>,
) -> Result<(), Error> {
    let (mut a, mut b) = (a.to_vec(), b.to_vec());
    let mut g = generators.g[..a.len()].to_vec();
    let mut h: Vec<RistrettoPoint> =
        generators.h[..b.len()].par_iter().zip(powers(y_inverse, b.len())).map(|(h, y)| h * y).collect();
    while a.len() > 1 {
        let half = a.len() / 2;
        let ((a_lo, a_hi), (b_lo, b_hi)) = (a.split_at(half), b.split_at(half));
        let ((g_lo, g_hi), (h_lo, h_hi)) = (g.split_at(half), h.split_at(half));
        let cross = |a: &[Scalar], g: &[RistrettoPoint], b: &[Scalar], h: &[RistrettoPoint]| {
            let sum = vartime_sum(&[a, b, &[dot(a, b)]].concat(), &[g, h, &[*q]].concat())?;
            Ok::<_, Error>(sum.compress().0)
        };
        let said = [cross(a_lo, g_hi, b_hi, h_lo)?, cross(a_hi, g_lo, b_lo, h_hi)?];
        proof.extend(said);
        let u = transcript.challenge(&said);
        let u_inverse = u.invert();
        let fold = |lo: &[Scalar], hi: &[Scalar], by: &Scalar| -> Vec<Scalar> {
            lo.iter().zip(hi).map(|(lo, hi)| lo + hi * by).collect()
        };
        let fold_points =
            |lo: &[RistrettoPoint], hi: &[RistrettoPoint], by: &Scalar| -> Vec<RistrettoPoint> {
                lo.par_iter().zip(hi).map(|(lo, hi)| lo + hi * by).collect()
            };
        let (next_a, next_b) = (fold(a_lo, a_hi, &u_inverse), fold(b_lo, b_hi, &u));
        let (next_g, next_h) = (fold_points(g_lo, g_hi, &u), fold_points(h_lo, h_hi, &u_inverse));
        (a, b, g, h) = (next_a, next_b, next_g, next_h);
    }
    proof.extend([a[0].to_bytes(), b[0].to_bytes()]);
    Ok(())
}

/// The coefficients of G_t and of H_t in what all rounds fold them to: for each t, the product of the challenges
/// (of their inverses for H) of those rounds in which t was in the upper half.
pub fn coefficients(folds: &[Scalar]) -> (Vec<Scalar>, Vec<Scalar>) {
    let spread = |folds: &mut dyn Iterator<Item = Scalar>| {
        folds.fold(vec![Scalar::ONE], |lower, fold| {
            let upper = lower.iter().map(|product| product * fold).collect::<Vec<_>>();
            [lower, upper].concat()
        })
    };
    // The last round decides the lowest bit of t.
    let last_first = folds.iter().rev();
    (spread(&mut last_first.clone().copied()), spread(&mut last_first.map(Scalar::invert)))
}
