//! Range proofs: every ciphertext's value lies within its own bounds. One proof for all ciphertexts of a party.
//!
//! Bulletproofs (Buenz, Bootle, Boneh, Poelstra, Wuille, Maxwell, 2018), section 4.2, aggregated, over the second
//! components as Pedersen commitments with bases G and pk, and with two changes (docs/adr/0050). Values have as many
//! bits as their own bounds need, weighted so that the bits reach exactly 0 to high - low; and the inner product is
//! folded with u and u^-1, so that one vector of generators in each half stays as it is.

mod generators;
mod inner_product;

use curve25519_dalek::traits::{Identity, VartimeMultiscalarMul};
use curve25519_dalek::{RistrettoPoint, Scalar};
use rayon::prelude::*;
use sha2::{Digest, Sha512};
use subtle::{Choice, ConditionallySelectable};
use zeroize::Zeroizing;

use crate::backend::{Bytes32, Bytes64, PublicKeyTable, decode};
use crate::elgamal::value_scalar;
use crate::error::{Error, Rejected};
use crate::hash::{length_prefixed, to_scalar};
use crate::keystream::StreamKey;
use crate::knowledge::{Encryption, components};
use crate::parallel;
use crate::proof::weights;
use crate::voprf::expect_count;

use self::generators::Generators;

/// Domain separation; psi/dst.py lists the same.
pub const DST_STATEMENT: &str = "accord/v1/range-statement";
pub const DST_NONCE: &str = "accord/v1/range-nonce";
pub const DST_CHALLENGE: &str = "accord/v1/range-challenge";
pub const DST_TOGETHER: &str = "accord/v1/range-together";
pub use self::generators::DST_GENERATORS;

/// Bits of one proof: 200 cells of three ciphertexts, at 64 bits each, with room to spare.
pub const MAX_BITS: usize = 1 << 16;

/// The values that a ciphertext may hold, both ends included.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub low: i64,
    pub high: i64,
}

impl Bounds {
    /// high - low, or nothing where high is below low.
    fn width(self) -> Option<u64> {
        (self.low <= self.high).then(|| self.high.abs_diff(self.low))
    }

    fn to_bytes(self) -> [u8; 16] {
        let mut bytes = [0u8; 16];
        bytes[..8].copy_from_slice(&self.low.to_le_bytes());
        bytes[8..].copy_from_slice(&self.high.to_le_bytes());
        bytes
    }
}

/// The bits that reach exactly 0..=width: 1, 2, 4, ... and, last, what is missing to width.
fn bit_weights(width: u64) -> impl Iterator<Item = u64> {
    let bits = u64::BITS - width.leading_zeros();
    (0..bits).map(move |bit| if bit + 1 < bits { 1 << bit } else { width - ((1 << bit) - 1) })
}

/// The bits of `offset`, which is at most `width`, in [`bit_weights`]. Constant time in `offset`.
fn bits(offset: u64, width: u64) -> impl Iterator<Item = u8> {
    let count = u64::BITS - width.leading_zeros();
    // The highest bit of an offset of that length says whether the last weight is needed.
    let last = if count == 0 { 0 } else { (offset >> (count - 1)) & 1 };
    let reached = if count == 0 { 0 } else { width - ((1 << (count - 1)) - 1) };
    let rest = offset.wrapping_sub(reached & last.wrapping_neg());
    (0..count).map(move |bit| if bit + 1 < count { (rest >> bit) as u8 & 1 } else { last as u8 })
}

/// What is proved, and the running hash of all that both sides know.
struct Transcript(Bytes64);

impl Transcript {
    fn new(context: &[u8], pk: &PublicKeyTable, ciphertexts: &[Bytes64], bounds: &[Bounds]) -> Self {
        let mut ranges = Sha512::new();
        bounds.iter().for_each(|bounds| ranges.update(bounds.to_bytes()));
        Self(length_prefixed(&[
            DST_STATEMENT.as_bytes(),
            context,
            &pk.point().compress().0,
            &(ciphertexts.len() as u64).to_be_bytes(),
            &Sha512::digest(ciphertexts.as_flattened()),
            &ranges.finalize(),
        ]))
    }

    /// state = SHA-512(LP(DST, state, said...)); the challenge is the state mod l.
    fn challenge(&mut self, said: &[Bytes32]) -> Scalar {
        let mut parts: Vec<&[u8]> = vec![DST_CHALLENGE.as_bytes(), &self.0];
        parts.extend(said.iter().map(|part| &part[..]));
        self.0 = length_prefixed(&parts);
        to_scalar(&self.0)
    }
}

/// The bits of all values in one row, filled up with zeros of no weight to a power of two.
struct Layout {
    widths: Vec<u64>,
    bits: usize,
}

impl Layout {
    fn new(bounds: &[Bounds]) -> Result<Self, Error> {
        let widths = bounds.iter().map(|bounds| bounds.width()).collect::<Option<Vec<_>>>();
        let widths = widths.ok_or(Error::Fault("bounds in the wrong order"))?;
        let bits: usize = widths.iter().map(|width| (u64::BITS - width.leading_zeros()) as usize).sum();
        if widths.is_empty() || bits > MAX_BITS {
            return Err(Error::length("range proof", format!("values of 1 to {MAX_BITS} bits"), bits));
        }
        Ok(Self { widths, bits: bits.next_power_of_two() })
    }

    /// d: each bit's weight times the power of z that belongs to its value.
    fn weights(&self, z: &Scalar) -> Vec<Scalar> {
        let mut power = z * z;
        let mut weights = Vec::with_capacity(self.bits);
        for width in &self.widths {
            weights.extend(bit_weights(*width).map(|weight| power * Scalar::from(weight)));
            power *= z;
        }
        weights.resize(self.bits, Scalar::ZERO);
        weights
    }
}

/// 1, x, x^2, ...
fn powers(x: &Scalar, count: usize) -> Vec<Scalar> {
    std::iter::successors(Some(Scalar::ONE), |power| Some(power * x)).take(count).collect()
}

fn dot(a: &[Scalar], b: &[Scalar]) -> Scalar {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The sum of s_i * P_i. Variable time.
fn vartime_sum(scalars: &[Scalar], points: &[RistrettoPoint]) -> Result<RistrettoPoint, Error> {
    let part = |range: std::ops::Range<usize>| -> Result<_, Rejected> {
        Ok(RistrettoPoint::vartime_multiscalar_mul(&scalars[range.clone()], &points[range]))
    };
    parallel::sum(scalars.len(), part).map_err(|rejected| rejected.in_list("generators"))
}

/// Proves that each ciphertext holds a value within its bounds.
pub fn prove(
    encryption: &Encryption<'_>,
    proof_key: &StreamKey,
    context: &[u8],
    pk: &PublicKeyTable,
    ciphertexts: &[Bytes64],
    bounds: &[Bounds],
) -> Result<Vec<u8>, Error> {
    expect_count("values", ciphertexts.len(), encryption.values.len())?;
    expect_count("bounds", ciphertexts.len(), bounds.len())?;
    let layout = Layout::new(bounds)?;
    let count = layout.bits;
    let generators = Generators::of(count);
    let mut transcript = Transcript::new(context, pk, ciphertexts, bounds);
    let nonces = encryption.nonces(DST_NONCE, proof_key, &transcript.0);
    let nonces = nonces.window(0, 4 + 2 * count)?;
    let nonces = nonces.scalars(0..4 + 2 * count).map_err(|zero| zero.in_list("keystream"))?;
    let ([alpha, rho, tau_1, tau_2], masks) = nonces.split_first_chunk().ok_or(Error::Fault("nonces"))?;
    let (s_l, s_r) = masks.split_at(count);

    let mut chosen = Zeroizing::new(Vec::with_capacity(count));
    for ((value, bounds), width) in encryption.values.iter().zip(bounds).zip(&layout.widths) {
        if !(bounds.low..=bounds.high).contains(value) {
            return Err(Error::Fault("a value outside its bounds"));
        }
        chosen.extend(bits(value.abs_diff(bounds.low), *width));
    }
    chosen.resize(count, 0);

    // A = alpha*pk + sum of G_t where the bit is 1 and of -H_t where it is 0
    let bit_sum = |range: std::ops::Range<usize>| -> Result<_, Rejected> {
        let select = |t: usize| {
            RistrettoPoint::conditional_select(&-generators.h[t], &generators.g[t], Choice::from(chosen[t]))
        };
        Ok(range.map(select).fold(RistrettoPoint::identity(), |sum, point| sum + point))
    };
    let a = parallel::sum(count, bit_sum).map_err(|rejected| rejected.in_list("bits"))? + pk.point() * alpha;
    // S = rho*pk + sum s_L*G_t + s_R*H_t
    let s = generators.sum(s_l, s_r)? + pk.point() * rho;
    let mut proof = vec![a.compress().0, s.compress().0];
    let (y, z) = (transcript.challenge(&proof), transcript.challenge(&[]));

    // l = (a_L - z) + s_L*X and r = y^t*(a_R + z + s_R*X) + d, with a_R = a_L - 1
    let (y_powers, d) = (powers(&y, count), layout.weights(&z));
    let mut l = Zeroizing::new(Vec::with_capacity(count));
    let mut r = Zeroizing::new(Vec::with_capacity(count));
    for (t, bit) in chosen.iter().enumerate() {
        let bit = Scalar::from(*bit);
        l.push(bit - z);
        r.push(y_powers[t] * (bit - Scalar::ONE + z) + d[t]);
    }
    let r_1 = Zeroizing::new(y_powers.iter().zip(s_r).map(|(y, s)| y * s).collect::<Vec<_>>());
    let t_1 = Zeroizing::new(dot(&l, &r_1) + dot(s_l, &r));
    let t_2 = Zeroizing::new(dot(s_l, &r_1));
    let commit =
        |value: &Scalar, blind: &Scalar| (RistrettoPoint::mul_base(value) + pk.point() * blind).compress().0;
    proof.extend([commit(&t_1, tau_1), commit(&t_2, tau_2)]);
    let x = transcript.challenge(&proof[2..]);

    for (t, (l, r)) in l.iter_mut().zip(r.iter_mut()).enumerate() {
        *l += s_l[t] * x;
        *r += r_1[t] * x;
    }
    // tau = tau_2*x^2 + tau_1*x + sum z^(2 + j)*rho_j; mu = alpha + rho*x
    let randomness = encryption.randomness()?;
    let z_powers = powers(&z, 2 + randomness.len());
    let tau = tau_2 * x * x + tau_1 * x + dot(&z_powers[2..], &randomness);
    let told = [dot(&l, &r), tau, alpha + rho * x].map(|scalar| scalar.to_bytes());
    proof.extend(told);
    // From here on l and r may be known: they are uniform for anyone without s_L and s_R.
    let q = RistrettoPoint::mul_base(&transcript.challenge(&told));
    inner_product::prove(&mut transcript, &generators, &q, &y.invert(), &l, &r, &mut proof)?;
    Ok(proof.concat())
}

/// What a verifier adds up: the proof holds if the sum of all is the identity.
struct Equation {
    /// Of G_t and of H_t.
    generators: [Vec<Scalar>; 2],
    others: Vec<(Scalar, RistrettoPoint)>,
    pk: Scalar,
    base: Scalar,
    /// The transcript's last state, which depends on all of the statement and of the proof.
    seal: Bytes64,
}

/// A range proof and what it is about, besides key and bounds.
pub struct Proved<'a> {
    pub context: &'a [u8],
    pub ciphertexts: &'a [Bytes64],
    pub proof: &'a [u8],
}

/// Checks range proofs of several parties for the same bounds in one sum. If it fails, one of them does not
/// verify. Variable time: everything here is public.
pub fn verify(pk: &PublicKeyTable, proved: &[Proved<'_>], bounds: &[Bounds]) -> Result<(), Error> {
    let layout = Layout::new(bounds)?;
    let equations = proved.par_iter().map(|proved| equation(pk, proved, bounds, &layout));
    let equations = equations.collect::<Result<Vec<_>, _>>()?;
    // Weights that depend on all proofs: errors of several cannot cancel, since they are fixed before.
    let mut seals = vec![DST_TOGETHER.as_bytes()];
    seals.extend(equations.iter().map(|equation| &equation.seal[..]));
    let weights = weights(&length_prefixed(&seals), equations.len())?;

    let generators = Generators::of(layout.bits);
    let mut scalars = vec![Scalar::ZERO; 2 * layout.bits];
    let mut points = [&generators.g[..layout.bits], &generators.h[..layout.bits]].concat();
    let (mut of_pk, mut base) = (Scalar::ZERO, Scalar::ZERO);
    for (weight, equation) in weights.iter().zip(&equations) {
        let weight = Scalar::from(u128::from_le_bytes(*weight));
        for (sum, scalar) in scalars.iter_mut().zip(equation.generators.iter().flatten()) {
            *sum += weight * scalar;
        }
        of_pk += weight * equation.pk;
        base += weight * equation.base;
        points.extend(equation.others.iter().map(|(_, point)| point));
    }
    for (weight, equation) in weights.iter().zip(&equations) {
        let weight = Scalar::from(u128::from_le_bytes(*weight));
        scalars.extend(equation.others.iter().map(|(scalar, _)| weight * scalar));
    }
    scalars.push(of_pk);
    points.push(*pk.point());
    let sum = vartime_sum(&scalars, &points)? + RistrettoPoint::mul_base(&base);
    if sum == RistrettoPoint::identity() { Ok(()) } else { Err(Error::BadProof) }
}

/// Reads a proof and writes down what must add up to the identity.
fn equation(
    pk: &PublicKeyTable,
    proved: &Proved<'_>,
    bounds: &[Bounds],
    layout: &Layout,
) -> Result<Equation, Error> {
    expect_count("bounds", proved.ciphertexts.len(), bounds.len())?;
    let count = layout.bits;
    let rounds = count.ilog2() as usize;
    let (parts, []) = proved.proof.as_chunks::<32>() else { return Err(Error::BadProof) };
    if parts.len() != 9 + 2 * rounds {
        return Err(Error::BadProof);
    }
    let (crossed, last) = parts[7..].split_at(2 * rounds);
    let mut transcript = Transcript::new(proved.context, pk, proved.ciphertexts, bounds);
    let (y, z) = (transcript.challenge(&parts[..2]), transcript.challenge(&[]));
    let x = transcript.challenge(&parts[2..4]);
    let q = transcript.challenge(&parts[4..7]);
    let folds: Vec<Scalar> = crossed.chunks(2).map(|pair| transcript.challenge(pair)).collect();
    // Joins the two equations below: nobody can choose a proof by it, since it depends on all of the proof.
    let e = transcript.challenge(last);

    let point = |part: &Bytes32| decode(part).ok_or(Error::BadProof);
    let scalar =
        |part: &Bytes32| Option::<Scalar>::from(Scalar::from_canonical_bytes(*part)).ok_or(Error::BadProof);
    let [t, tau, mu] = [scalar(&parts[4])?, scalar(&parts[5])?, scalar(&parts[6])?];
    let [a, b] = [scalar(&last[0])?, scalar(&last[1])?];

    let (y_powers, d) = (powers(&y, count), layout.weights(&z));
    let z_powers = powers(&z, 2 + bounds.len());
    // delta = (z - z^2)*<1, y^t> - z*<1, d>
    let delta = (z - z * z) * y_powers.iter().sum::<Scalar>() - z * d.iter().sum::<Scalar>();
    let lows: Scalar =
        bounds.iter().zip(&z_powers[2..]).map(|(bounds, z)| *value_scalar(bounds.low) * z).sum();

    let y_inverse = powers(&y.invert(), count);
    let (folded, unfolded) = inner_product::coefficients(&folds);
    let of_g = folded.iter().map(|s| -z - a * s).collect();
    let of_h = unfolded.iter().zip(&y_inverse).zip(&d).map(|((s, y), d)| z + y * (d - b * s)).collect();

    // A + x*S + e*(x*T_1 + x^2*T_2), u*L + u^-1*R of each round, and e*z^(2 + j)*B_j
    let mut others = Vec::with_capacity(4 + crossed.len() + bounds.len());
    for (scalar, part) in [Scalar::ONE, x, e * x, e * x * x].into_iter().zip(parts) {
        others.push((scalar, point(part)?));
    }
    for (fold, pair) in folds.iter().zip(crossed.chunks(2)) {
        others.push((*fold, point(&pair[0])?));
        others.push((fold.invert(), point(&pair[1])?));
    }
    for (index, (second, z)) in components(proved.ciphertexts).1.iter().zip(&z_powers[2..]).enumerate() {
        let second = decode(second).ok_or(Rejected::bad_element(index).in_list("second components"))?;
        others.push((e * z, second));
    }
    Ok(Equation {
        generators: [of_g, of_h],
        others,
        pk: -mu - e * tau,
        base: q * (t - a * b) + e * (delta - t - lows),
        seal: transcript.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weights_reach_every_width_and_nothing_above() {
        for width in 0..300u64 {
            let weights: Vec<u64> = bit_weights(width).collect();
            assert_eq!(weights.iter().sum::<u64>(), width);
            for offset in 0..=width {
                let chosen: Vec<u8> = bits(offset, width).collect();
                assert_eq!(chosen.len(), weights.len());
                assert!(chosen.iter().all(|bit| *bit <= 1));
                let sum: u64 =
                    chosen.iter().zip(&weights).map(|(bit, weight)| u64::from(*bit) * weight).sum();
                assert_eq!(sum, offset, "of {width}");
            }
        }
    }

    #[test]
    fn the_widest_width_has_64_bits() {
        let weights: Vec<u64> = bit_weights(u64::MAX).collect();
        assert_eq!(weights.len(), 64);
        assert_eq!(weights.iter().map(|weight| u128::from(*weight)).sum::<u128>(), u128::from(u64::MAX));
        let full = |offset| bits(offset, u64::MAX).map(u64::from).collect::<Vec<_>>();
        assert_eq!(full(u64::MAX), vec![1; 64]);
        assert_eq!(full(0), vec![0; 64]);
    }
}
