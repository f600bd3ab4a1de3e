//! Elements that are decoded once for all steps of a chunk.

use std::ops::Range;

use curve25519_dalek::{RistrettoPoint, Scalar};
use zeroize::Zeroizing;

use super::accumulator::{Mixed, MixedRow};
use super::encode::Rooted;
use super::field::Fe;
use super::fixed_base::Table;
use super::ladder::{self, Montgomery};
use super::limbs::load_rows;
use super::power::WIDTH;
use super::sha512::Hasher;
use super::vector::LANES;
use super::{
    IDENTITY, ROUND, add_doubles, decode_round, finalize_all, groups, halved, msm, store, store_doubles,
    store_encoded, table_of, used,
};
use crate::backend::{Bytes32, Bytes64, Decoded, PublicKeyTable};
use crate::error::Rejected;
use crate::items::Items;
use crate::parallel;

/// Encodings and, in rows that the weighted sums fetch in any order, their points.
pub struct Elements<'a> {
    encoded: &'a [Bytes32],
    rows: Vec<MixedRow>,
}

impl<'a> Elements<'a> {
    pub fn decode(encoded: &'a [Bytes32]) -> Result<Self, Rejected> {
        let mut rows = vec![MixedRow::IDENTITY; encoded.len()];
        parallel::blocks(&mut rows, |range, rows| on_lanes!(decode_into(&encoded[range], rows)))?;
        Ok(Self { encoded, rows })
    }
}

impl Decoded for Elements<'_> {
    fn evaluate(&self, range: Range<usize>, k: &Scalar, out: &mut [Bytes32]) {
        on_lanes!(evaluate(&self.encoded[range.clone()], &self.rows[range], k, out))
    }

    fn finalize(
        &self,
        range: Range<usize>,
        items: Items<'_>,
        blinds: &[Scalar],
        pk: &PublicKeyTable,
        out: &mut [Bytes64],
    ) -> Result<(), Rejected> {
        let table = super::key_table(pk, |encoding| on_lanes!(table_of(encoding)));
        on_lanes!(finalize(&self.encoded[range.clone()], &self.rows[range], items, blinds, table, out))
    }

    fn vartime_weighted_sum(&self, range: Range<usize>, weights: &[[u8; 16]]) -> RistrettoPoint {
        on_lanes!(msm::vartime_weighted_sum(weights, &self.rows[range]))
    }
}

kernel!(
    /// The rows of good elements, or the first bad one.
    pub fn decode(encoded: &[Bytes32]) -> Result<Vec<MixedRow>, Rejected> {
        let mut rows = vec![MixedRow::IDENTITY; encoded.len()];
        decode_into(encoded, &mut rows)?;
        Ok(rows)
    }
);

kernel!(
    fn decode_into(encoded: &[Bytes32], rows: &mut [MixedRow]) -> Result<(), Rejected> {
        for start in (0..encoded.len()).step_by(ROUND) {
            let decoded = decode_round(encoded, start)?;
            for (g, decoded) in decoded.iter().enumerate().take(used(encoded.len(), start)) {
                store(rows, start + g * LANES, &decoded.point.mixed().to_rows());
            }
        }
        Ok(())
    }
);

/// s and the point of one group of elements, of the identity in idle lanes.
#[inline(always)]
fn load(encoded: &[Bytes32], rows: &[MixedRow], start: usize) -> (Fe, Mixed) {
    let mut s = [IDENTITY; LANES];
    let mut points = [&MixedRow::IDENTITY; LANES];
    for (lane, (encoded, row)) in encoded[start..].iter().zip(&rows[start..]).take(LANES).enumerate() {
        s[lane] = *encoded;
        points[lane] = row;
    }
    (Fe::from_words(&load_rows(&s)), Mixed::from_rows(points))
}

kernel!(
    /// The elements as the ladder takes them.
    pub fn montgomery(encoded: &[Bytes32], rows: &[MixedRow]) -> Vec<Montgomery> {
        let mut points = Vec::with_capacity(encoded.len().div_ceil(LANES));
        for start in (0..encoded.len()).step_by(LANES) {
            let (s, point) = load(encoded, rows, start);
            points.push(Montgomery::new(s, (point.y_minus_x.wide() - point.y_plus_x.wide()).carry()));
        }
        points
    }
);

kernel!(
    fn evaluate(encoded: &[Bytes32], rows: &[MixedRow], k: &Scalar, out: &mut [Bytes32]) {
        let points = montgomery(encoded, rows);
        store_doubles(&mut ladder::multiply_all(&halved(k), &points), out);
    }
);

kernel!(
    fn finalize(
        encoded: &[Bytes32],
        rows: &[MixedRow],
        items: Items<'_>,
        blinds: &[Scalar],
        table: &Table,
        out: &mut [Bytes64],
    ) -> Result<(), Rejected> {
        let mut points = Vec::with_capacity(items.len().div_ceil(LANES));
        for start in (0..items.len()).step_by(ROUND) {
            let scalars = Zeroizing::new(groups(blinds, start, Scalar::ZERO));
            let multiples = Zeroizing::new(table.half_multiples(&scalars, true));
            let used = used(items.len(), start);
            let mut evaluated = [Rooted::identity(); WIDTH];
            for (g, evaluated) in evaluated.iter_mut().enumerate().take(used) {
                let (s, point) = load(encoded, rows, start + g * LANES);
                *evaluated = Rooted::from_mixed(s, &point);
            }
            add_doubles(&mut points, &evaluated[..used], multiples.as_slice());
        }
        let mut elements = Zeroizing::new(vec![IDENTITY; items.len()]);
        store_encoded(&mut points, &mut elements);
        finalize_all(&mut Hasher::new(), &items, &elements, out)
    }
);
