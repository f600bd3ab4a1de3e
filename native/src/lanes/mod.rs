//! A backend on vector registers: as many items at a time as a register has 64-bit lanes, one in each.
//!
//! A batch is cut into groups of [`LANES`] and the groups into fours, whose inverse square roots are computed in turns; a last
//! group that is not full carries idle lanes along. Files: [`limbs`] and [`power`] arithmetic modulo p, [`edwards`] points and
//! encodings, [`ladder`] and [`fixed_base`] multiplication by secret scalars, [`msm`] sums with public weights and
//! [`secret_sums`] with secret ones, [`elligator`] and [`sha512`] hashing to the group.
//!
//! These files are compiled twice, as a part of [`crate::ifma`] and of [`crate::avx2`] (docs/adr/0015). Each of the two gives its
//! instructions in `vector`, its arithmetic modulo p in `field`, and a macro `kernel!`, which compiles a function with them.

/// Five limbs, each as `$limb` says for `$k`. A loop, not a closure: closures that the standard library calls are compiled without
/// this backend's instructions, and then cost a call for every instruction.
macro_rules! limbwise {
    ($k:ident => $limb:expr) => {{
        let mut limbs = [Vector::zero(); 5];
        for ($k, limb) in limbs.iter_mut().enumerate() {
            *limb = $limb;
        }
        limbs
    }};
}

/// One value for each of N groups, as `$value` says for `$g`. A loop, not a closure: closures that the standard library calls
/// are compiled without a backend's instructions, and then cost a call for every instruction.
macro_rules! groupwise {
    ($initial:expr; $g:ident in $groups:expr => $value:expr) => {{
        let mut all = [$initial; $groups];
        for ($g, one) in all.iter_mut().enumerate() {
            *one = $value;
        }
        all
    }};
}

mod accumulator;
mod constants;
mod decoded;
mod discrete_log;
mod edwards;
mod elgamal;
mod elligator;
mod encode;
mod fixed_base;
mod ladder;
mod limbs;
mod msm;
mod power;
mod secret_sums;
mod sha512;

use std::sync::OnceLock;

use curve25519_dalek::constants::RISTRETTO_BASEPOINT_COMPRESSED;
use curve25519_dalek::{RistrettoPoint, Scalar};
use zeroize::{Zeroize, Zeroizing};

use self::decoded::Elements;
use self::edwards::Extended;
use self::encode::Rooted;
use self::fixed_base::Table;
use self::ladder::LadderScalars;

use self::power::WIDTH;
use self::sha512::Hasher;
use super::vector::{ALL, LANES, Mask};
use super::{field, key_table, vector};
use crate::backend::{Backend, Bytes32, Bytes64, Decoded, is_identity};
use crate::error::Rejected;
use crate::hash::Expander;
use crate::items::Items;
use crate::portable::Portable;
use crate::sums::{Bases, SecretWeights};

/// Items of one round: as many groups as have their inverse square roots computed in turns.
const ROUND: usize = WIDTH * LANES;
/// The encoding of the identity (RFC 9496, appendix A.1).
const IDENTITY: Bytes32 = [0; 32];

/// The fixed-base table of one public key.
pub type KeyTable = Table;

pub struct Lanes;

/// Entries start.. of a list as full groups, idle lanes and groups filled up.
fn groups<T: Copy>(list: &[T], start: usize, idle: T) -> [[T; LANES]; WIDTH] {
    let mut all = [[idle; LANES]; WIDTH];
    let end = list.len().min(start + ROUND);
    all.as_flattened_mut()[..end - start].copy_from_slice(&list[start..end]);
    all
}

/// Copies what full groups hold for `out`, starting at entry `start`.
fn store<T: Copy>(out: &mut [T], start: usize, group: &[T; LANES]) {
    let end = out.len().min(start + LANES);
    out[start..end].copy_from_slice(&group[..end - start]);
}

/// How many groups from `start` on have items.
fn used(count: usize, start: usize) -> usize {
    (count - start).div_ceil(LANES).min(WIDTH)
}

/// The lanes of a group that have items.
fn occupied(count: usize, start: usize) -> Mask {
    ALL >> (LANES - (count - start).min(LANES))
}

/// Up to a round's inputs; idle lanes get the empty one.
fn inputs<'a>(items: &Items<'a>, start: usize) -> [&'a [u8]; LANES] {
    core::array::from_fn(|lane| if start + lane < items.len() { items.get(start + lane) } else { &[] })
}

kernel!(
    /// The elements of one round, or its first bad one.
    fn decode_round(elements: &[Bytes32], start: usize) -> Result<[edwards::Decoded; WIDTH], Rejected> {
        let decoded = edwards::decode(&groups(elements, start, IDENTITY));
        for (g, decoded) in decoded.iter().enumerate().take(used(elements.len(), start)) {
            let first = start + g * LANES;
            let bad = decoded.bad & occupied(elements.len(), first);
            if bad != 0 {
                return Err(Rejected::bad_element(first + bad.trailing_zeros() as usize));
            }
        }
        Ok(decoded)
    }
);

kernel!(
    /// H(x) for one round.
    fn hash_round(hasher: &mut Hasher, items: &Items<'_>, start: usize, dst: &Expander) -> [Rooted; WIDTH] {
        let mut uniform = Zeroizing::new([[[0; 64]; LANES]; WIDTH]);
        for (g, uniform) in uniform.iter_mut().enumerate().take(used(items.len(), start)) {
            *uniform = hasher.expand(&inputs(items, start + g * LANES), dst.dst_prime());
        }
        elligator::map_to_group(&uniform)
    }
);

kernel!(
    /// Finalize for each item; the element of a valid input is never the identity.
    fn finalize_all(
        hasher: &mut Hasher,
        items: &Items<'_>,
        elements: &[Bytes32],
        out: &mut [Bytes64],
    ) -> Result<(), Rejected> {
        not_identity(elements)?;
        for start in (0..items.len()).step_by(LANES) {
            let mut group = Zeroizing::new([IDENTITY; LANES]);
            let end = elements.len().min(start + LANES);
            group[..end - start].copy_from_slice(&elements[start..end]);
            store(out, start, &Zeroizing::new(hasher.finalize(&inputs(items, start), &group)));
        }
        Ok(())
    }
);

fn not_identity(elements: &[Bytes32]) -> Result<(), Rejected> {
    match elements.iter().position(is_identity) {
        Some(index) => Err(Rejected::invalid_input(index)),
        None => Ok(()),
    }
}

kernel!(
    /// Encodes the doubles of `points`, group by group, and forgets the points.
    fn store_doubles(points: &mut [Extended], out: &mut [Bytes32]) {
        encode::encode_doubles(points, |group, rows| store(out, group * LANES, &rows));
        points.iter_mut().for_each(Zeroize::zeroize);
    }
);

kernel!(
    /// Encodes `points`, group by group, and forgets them.
    fn store_encoded(points: &mut [Rooted], out: &mut [Bytes32]) {
        encode::encode(points, |group, rows| store(out, group * LANES, &rows));
        points.iter_mut().for_each(Zeroize::zeroize);
    }
);

kernel!(
    /// The base point's table.
    fn base_table() -> &'static Table {
        static TABLE: OnceLock<Table> = OnceLock::new();
        TABLE.get_or_init(|| table_of(&RISTRETTO_BASEPOINT_COMPRESSED.0))
    }
);

kernel!(
    /// The table of a valid element.
    fn table_of(element: &Bytes32) -> Table {
        let [decoded] = edwards::decode(&[[*element; LANES]]);
        Table::new(&decoded.point)
    }
);

kernel!(
    fn map_to_group(uniform: &[Bytes64], out: &mut [Bytes32]) {
        let mut points = Vec::with_capacity(out.len().div_ceil(LANES));
        for start in (0..uniform.len()).step_by(ROUND) {
            let round = elligator::map_to_group(&groups(uniform, start, [0; 64]));
            points.extend_from_slice(&round[..used(uniform.len(), start)]);
        }
        store_encoded(&mut points, out);
    }
);

kernel!(
    fn hash_to_group(items: Items<'_>, dst: &Expander, out: &mut [Bytes32]) -> Result<(), Rejected> {
        let mut hasher = Hasher::new();
        let mut points = Vec::with_capacity(out.len().div_ceil(LANES));
        for start in (0..items.len()).step_by(ROUND) {
            let round = Zeroizing::new(hash_round(&mut hasher, &items, start, dst));
            points.extend_from_slice(&round[..used(items.len(), start)]);
        }
        store_encoded(&mut points, out);
        not_identity(out)
    }
);

kernel!(
    /// points[g] + 2 * multiples[g], for the groups in use.
    fn add_doubles(sums: &mut Vec<Rooted>, points: &[Rooted], multiples: &[Extended]) {
        for (point, multiple) in points.iter().zip(multiples) {
            sums.push(point.add_double(multiple));
        }
    }
);

kernel!(
    fn blind(items: Items<'_>, dst: &Expander, blinds: &[Scalar], out: &mut [Bytes32]) {
        let mut hasher = Hasher::new();
        let mut points = Vec::with_capacity(out.len().div_ceil(LANES));
        for start in (0..items.len()).step_by(ROUND) {
            let round = Zeroizing::new(hash_round(&mut hasher, &items, start, dst));
            let scalars = Zeroizing::new(groups(blinds, start, Scalar::ZERO));
            let multiples = Zeroizing::new(base_table().half_multiples(&scalars, false));
            add_doubles(&mut points, &round[..used(items.len(), start)], multiples.as_slice());
        }
        store_encoded(&mut points, out);
    }
);

kernel!(
    fn multiply(scalars: &[Scalar], elements: &[Bytes32], out: &mut [Bytes32]) -> Result<(), Rejected> {
        let points = decoded::montgomery(elements, &decoded::decode(elements)?);
        let mut prepared: Vec<LadderScalars> = Vec::new();
        prepared.resize_with(scalars.len().div_ceil(LANES), LadderScalars::default);
        for (round, prepared) in prepared.chunks_mut(WIDTH).enumerate() {
            let mut halves = Zeroizing::new(groups(scalars, round * ROUND, Scalar::ZERO));
            halves.as_flattened_mut().iter_mut().for_each(|scalar| *scalar = scalar.div_by_2());
            prepared.iter_mut().zip(halves.iter()).for_each(|(prepared, halves)| prepared.set(halves));
        }
        store_doubles(&mut ladder::multiply_all(&prepared, &points), out);
        Ok(())
    }
);

/// Half of `k` for all lanes and groups, as the ladder takes it.
fn halved(k: &Scalar) -> [LadderScalars; 1] {
    let mut prepared = [LadderScalars::default()];
    let mut halves = Zeroizing::new([Scalar::ZERO; LANES]);
    halves.fill(*Zeroizing::new(k.div_by_2()));
    prepared[0].set(&halves);
    prepared
}

kernel!(
    fn multiply_base(scalars: &[Scalar], out: &mut [Bytes32]) {
        let mut points = Vec::with_capacity(scalars.len().next_multiple_of(ROUND) / LANES);
        for start in (0..scalars.len()).step_by(ROUND) {
            let round = Zeroizing::new(groups(scalars, start, Scalar::ZERO));
            let multiples = Zeroizing::new(base_table().half_multiples(&round, false));
            points.extend_from_slice(&multiples[..used(scalars.len(), start)]);
        }
        store_doubles(&mut points, out);
    }
);

kernel!(
    fn multiples(
        hasher: &mut Hasher,
        items: &Items<'_>,
        dst: &Expander,
        k: &Scalar,
        out: &mut [Bytes32],
    ) -> Result<(), Rejected> {
        let mut hashed = Zeroizing::new(Vec::with_capacity(items.len().next_multiple_of(ROUND) / LANES));
        for start in (0..items.len()).step_by(ROUND) {
            let round = Zeroizing::new(hash_round(hasher, items, start, dst));
            hashed.extend(round[..used(items.len(), start)].iter().map(|rooted| rooted.point));
        }
        let mut points = ladder::multiply_all(&halved(k), &ladder::from_edwards(&hashed));
        store_doubles(&mut points, out);
        not_identity(out)
    }
);

kernel!(
    fn outputs(items: Items<'_>, dst: &Expander, k: &Scalar, out: &mut [Bytes64]) -> Result<(), Rejected> {
        let mut hasher = Hasher::new();
        let mut elements = Zeroizing::new(vec![IDENTITY; items.len()]);
        multiples(&mut hasher, &items, dst, k, &mut elements)?;
        finalize_all(&mut hasher, &items, &elements, out)
    }
);

impl Backend for Lanes {
    fn name(&self) -> &'static str {
        super::NAME
    }

    fn is_supported(&self) -> bool {
        super::is_supported()
    }

    fn map_to_group(&self, uniform: &[Bytes64], out: &mut [Bytes32]) {
        on_lanes!(map_to_group(uniform, out))
    }

    fn hash_to_group(&self, items: Items<'_>, dst: &Expander, out: &mut [Bytes32]) -> Result<(), Rejected> {
        on_lanes!(hash_to_group(items, dst, out))
    }

    fn blind(&self, items: Items<'_>, dst: &Expander, blinds: &[Scalar], out: &mut [Bytes32]) {
        on_lanes!(blind(items, dst, blinds, out))
    }

    fn decode_batch<'a>(&self, elements: &'a [Bytes32]) -> Result<Box<dyn Decoded + 'a>, Rejected> {
        Ok(Box::new(Elements::decode(elements)?))
    }

    fn multiply(
        &self,
        scalars: &[Scalar],
        elements: &[Bytes32],
        out: &mut [Bytes32],
    ) -> Result<(), Rejected> {
        on_lanes!(multiply(scalars, elements, out))
    }

    fn multiply_base(&self, scalars: &[Scalar], out: &mut [Bytes32]) {
        on_lanes!(multiply_base(scalars, out))
    }

    fn multiples(
        &self,
        items: Items<'_>,
        dst: &Expander,
        k: &Scalar,
        out: &mut [Bytes32],
    ) -> Result<(), Rejected> {
        on_lanes!(multiples(&mut Hasher::new(), &items, dst, k, out))
    }

    fn outputs(
        &self,
        items: Items<'_>,
        dst: &Expander,
        k: &Scalar,
        out: &mut [Bytes64],
    ) -> Result<(), Rejected> {
        on_lanes!(outputs(items, dst, k, out))
    }

    fn vartime_scalar_sums(
        &self,
        weights: &[Scalar],
        lists: &[Bases<'_>],
    ) -> Result<Vec<RistrettoPoint>, Rejected> {
        on_lanes!(msm::vartime_scalar_sums(weights, lists))
    }

    fn secret_sums(
        &self,
        weights: &[SecretWeights<'_>],
        bases: Bases<'_>,
    ) -> Result<Vec<RistrettoPoint>, Rejected> {
        on_lanes!(secret_sums::secret_sums(weights, bases))
    }

    /// Modulo the group order, where the portable backend's three multiplications a scalar are fast enough: a query that
    /// blinds additively inverts nothing.
    fn invert_scalars(&self, scalars: &mut [Scalar]) -> Result<(), Rejected> {
        Portable.invert_scalars(scalars)
    }
}
