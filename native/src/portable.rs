//! The backend that always works, and the reference for the others: curve25519-dalek.
//!
//! Where the scalar is ours, it is halved first, because the doubles of a batch of points can be encoded with
//! one inversion for all of them while the points themselves need an inverse square root each.

mod discrete_log;
mod elgamal;

use std::ops::Range;

use curve25519_dalek::ristretto::CompressedRistretto;
use curve25519_dalek::traits::{Identity, IsIdentity, MultiscalarMul, VartimeMultiscalarMul};
use curve25519_dalek::{RistrettoPoint, Scalar};
use zeroize::{Zeroize, Zeroizing};

use crate::backend::{Backend, Bytes32, Bytes64, Decoded, PublicKeyTable, decode, is_identity};
use crate::error::Rejected;
use crate::hash::{self, Expander};
use crate::items::Items;
use crate::keystream::nonzero;
use crate::parallel;
use crate::sums::{Bases, SecretWeights};

/// The encoding of the identity (RFC 9496, appendix A.1).
const IDENTITY: Bytes32 = [0; 32];

/// Points that a sum with secret weights makes tables for at a time, 1,280 bytes each.
const SECRET_SUMMANDS: usize = 512;

pub struct Portable;

/// H(x), for each item.
fn hashed<'a>(items: &'a Items<'_>, dst: &'a Expander) -> impl Iterator<Item = RistrettoPoint> + 'a {
    items.iter().map(|item| RistrettoPoint::from_uniform_bytes(&dst.uniform(item)))
}

/// Decoded elements as curve25519-dalek keeps them.
struct Points(Vec<RistrettoPoint>);

impl Points {
    fn decode(elements: &[Bytes32]) -> Result<Self, Rejected> {
        let mut points = vec![RistrettoPoint::identity(); elements.len()];
        parallel::blocks(&mut points, |range, points| {
            for (index, (point, element)) in points.iter_mut().zip(&elements[range]).enumerate() {
                *point = decode(element).ok_or(Rejected::bad_element(index))?;
            }
            Ok(())
        })?;
        Ok(Self(points))
    }
}

impl Decoded for Points {
    fn evaluate(&self, range: Range<usize>, k: &Scalar, out: &mut [Bytes32]) {
        let half = Zeroizing::new(k.div_by_2());
        let points = self.0[range].iter().map(|point| point * *half).collect();
        store(&encode_doubles(points), out);
    }

    fn finalize(
        &self,
        range: Range<usize>,
        items: Items<'_>,
        blinds: &[Scalar],
        pk: &PublicKeyTable,
        out: &mut [Bytes64],
    ) -> Result<(), Rejected> {
        let table = pk.portable();
        let mut unblinded = Zeroizing::new(vec![IDENTITY; range.len()]);
        for ((unblinded, point), blind) in unblinded.iter_mut().zip(&self.0[range]).zip(blinds) {
            *unblinded = (point - table * blind).compress().0;
        }
        finalize_all(items, &unblinded, out)
    }

    fn vartime_weighted_sum(&self, range: Range<usize>, weights: &[[u8; 16]]) -> RistrettoPoint {
        let scalars = weights.iter().map(|weight| Scalar::from(u128::from_le_bytes(*weight)));
        RistrettoPoint::vartime_multiscalar_mul(scalars, &self.0[range])
    }
}

fn points_of(bases: Bases<'_>) -> Result<Vec<RistrettoPoint>, Rejected> {
    match bases {
        Bases::Elements(elements) => Ok(Points::decode(elements)?.0),
        Bases::Hashed(items, dst) => Ok(hashed(&items, dst).collect()),
    }
}

/// Encodes 2 * P for each point P, and forgets the points.
fn encode_doubles(mut points: Vec<RistrettoPoint>) -> Vec<CompressedRistretto> {
    let encoded = RistrettoPoint::double_and_compress_batch(&points);
    points.zeroize();
    encoded
}

fn store(encoded: &[CompressedRistretto], out: &mut [Bytes32]) {
    for (out, encoded) in out.iter_mut().zip(encoded) {
        *out = encoded.0;
    }
}

/// The element of a valid input is never the identity.
fn not_identity(elements: &[Bytes32]) -> Result<(), Rejected> {
    match elements.iter().position(is_identity) {
        Some(index) => Err(Rejected::invalid_input(index)),
        None => Ok(()),
    }
}

/// Finalize for each item.
fn finalize_all(items: Items<'_>, elements: &[Bytes32], out: &mut [Bytes64]) -> Result<(), Rejected> {
    not_identity(elements)?;
    for ((item, element), out) in items.iter().zip(elements).zip(out) {
        *out = hash::finalize(item, element);
    }
    Ok(())
}

impl Backend for Portable {
    fn name(&self) -> &'static str {
        "portable"
    }

    fn is_supported(&self) -> bool {
        true
    }

    fn map_to_group(&self, uniform: &[Bytes64], out: &mut [Bytes32]) {
        for (out, uniform) in out.iter_mut().zip(uniform) {
            *out = RistrettoPoint::from_uniform_bytes(uniform).compress().0;
        }
    }

    fn hash_to_group(&self, items: Items<'_>, dst: &Expander, out: &mut [Bytes32]) -> Result<(), Rejected> {
        for (index, (out, point)) in out.iter_mut().zip(hashed(&items, dst)).enumerate() {
            if point.is_identity() {
                return Err(Rejected::invalid_input(index));
            }
            *out = point.compress().0;
        }
        Ok(())
    }

    fn blind(&self, items: Items<'_>, dst: &Expander, blinds: &[Scalar], out: &mut [Bytes32]) {
        for ((out, point), blind) in out.iter_mut().zip(hashed(&items, dst)).zip(blinds) {
            *out = (point + RistrettoPoint::mul_base(blind)).compress().0;
        }
    }

    fn decode_batch<'a>(&self, elements: &'a [Bytes32]) -> Result<Box<dyn Decoded + 'a>, Rejected> {
        Ok(Box::new(Points::decode(elements)?))
    }

    fn multiply(
        &self,
        scalars: &[Scalar],
        elements: &[Bytes32],
        out: &mut [Bytes32],
    ) -> Result<(), Rejected> {
        let Points(mut points) = Points::decode(elements)?;
        for (point, scalar) in points.iter_mut().zip(scalars) {
            *point *= &*Zeroizing::new(scalar.div_by_2());
        }
        store(&encode_doubles(points), out);
        Ok(())
    }

    fn multiply_base(&self, scalars: &[Scalar], out: &mut [Bytes32]) {
        let half = |scalar: &Scalar| RistrettoPoint::mul_base(&Zeroizing::new(scalar.div_by_2()));
        store(&encode_doubles(scalars.iter().map(half).collect()), out);
    }

    fn multiples(
        &self,
        items: Items<'_>,
        dst: &Expander,
        k: &Scalar,
        out: &mut [Bytes32],
    ) -> Result<(), Rejected> {
        let half = Zeroizing::new(k.div_by_2());
        store(&encode_doubles(hashed(&items, dst).map(|point| point * *half).collect()), out);
        not_identity(out)
    }

    fn outputs(
        &self,
        items: Items<'_>,
        dst: &Expander,
        k: &Scalar,
        out: &mut [Bytes64],
    ) -> Result<(), Rejected> {
        let mut elements = Zeroizing::new(vec![IDENTITY; items.len()]);
        self.multiples(items, dst, k, &mut elements)?;
        finalize_all(items, &elements, out)
    }

    fn vartime_scalar_sums(
        &self,
        weights: &[Scalar],
        lists: &[Bases<'_>],
    ) -> Result<Vec<RistrettoPoint>, Rejected> {
        let sum =
            |bases: &Bases<'_>| Ok(RistrettoPoint::vartime_multiscalar_mul(weights, &points_of(*bases)?));
        lists.iter().map(sum).collect()
    }

    fn secret_sums(
        &self,
        weights: &[SecretWeights<'_>],
        bases: Bases<'_>,
    ) -> Result<Vec<RistrettoPoint>, Rejected> {
        let mut sums = vec![RistrettoPoint::identity(); weights.len()];
        for start in (0..bases.len()).step_by(SECRET_SUMMANDS) {
            let block = start..bases.len().min(start + SECRET_SUMMANDS);
            let points = points_of(bases.slice(block.clone())).map_err(|bad| bad.offset_by(start))?;
            for (sum, weights) in sums.iter_mut().zip(weights) {
                let scalars = weights.slice(block.clone()).scalars();
                *sum += RistrettoPoint::multiscalar_mul(scalars.iter(), &points);
            }
        }
        Ok(sums)
    }

    fn invert_scalars(&self, scalars: &mut [Scalar]) -> Result<(), Rejected> {
        // A zero would spoil the common product, and with it every other inverse.
        nonzero(scalars)?;
        Scalar::invert_batch_alloc(scalars);
        Ok(())
    }
}
