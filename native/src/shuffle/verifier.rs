//! What S checks. Variable time: all of it was sent, but for omega.

use std::ops::Range;

use curve25519_dalek::traits::Identity;
use curve25519_dalek::{RistrettoPoint, Scalar};

use super::{Encoded, Numbers, Rows, Weights, generators, of_columns, powers, rounds, row_of, value_base};
use crate::backend::{Backend, Bytes32, Bytes64, PublicKeyTable};
use crate::error::{Error, Rejected};
use crate::parallel;
use crate::sums::Bases;

/// The part of a proof that does not grow with the list.
pub struct Opening {
    /// C, T_d, T_delta, D, P
    permutation: RistrettoPoint,
    masks_of_weights: RistrettoPoint,
    masks_of_chain: RistrettoPoint,
    permuted: RistrettoPoint,
    chain: RistrettoPoint,
    /// T_B, T_K
    after: RistrettoPoint,
    key: RistrettoPoint,
    /// V_1, V_0
    linear: RistrettoPoint,
    constant: RistrettoPoint,
    /// s_K, s_m, s_p, s_v
    key_answer: Scalar,
    weights_answer: Scalar,
    chain_answer: Scalar,
    value_answer: Scalar,
    /// T_E and s_E
    ciphertexts: Option<([RistrettoPoint; 2], Scalar)>,
}

impl Opening {
    /// Elements, which may be the identity, and scalars, all of them canonical.
    pub fn decode(rows: &[Bytes32], with_ciphertexts: bool) -> Result<Self, Error> {
        let mut rows = Encoded::new(rows);
        let mut opening = Self {
            permutation: rows.point()?,
            masks_of_weights: rows.point()?,
            masks_of_chain: rows.point()?,
            permuted: rows.point()?,
            chain: rows.point()?,
            after: rows.point()?,
            key: rows.point()?,
            linear: rows.point()?,
            constant: rows.point()?,
            key_answer: rows.scalar()?,
            weights_answer: rows.scalar()?,
            chain_answer: rows.scalar()?,
            value_answer: rows.scalar()?,
            ciphertexts: None,
        };
        if with_ciphertexts {
            opening.ciphertexts = Some(([rows.point()?, rows.point()?], rows.scalar()?));
        }
        rows.finish()?;
        Ok(opening)
    }
}

/// The challenges.
pub struct Check {
    pub weights: Weights,
    pub z: Scalar,
    pub gamma: Scalar,
    pub omega: Scalar,
}

/// The sums over the rows that have been absorbed: the left sides of docs/shuffle-proof.md, (1) + omega (2) to (6), and of
/// (4) and (6) what is multiplied on the right.
pub struct Verifier {
    generators: RistrettoPoint,
    after: RistrettoPoint,
    before: RistrettoPoint,
    after_ciphertexts: [RistrettoPoint; 2],
    before_ciphertexts: [RistrettoPoint; 2],
    /// of (5), the coefficient of F
    relation: Scalar,
    /// q so far
    product: Scalar,
    /// g_(i - 1)
    last: Scalar,
}

impl Verifier {
    pub const ENCODED: usize = 10;

    /// Before the first row.
    pub fn new(gamma: &Scalar) -> Self {
        let zero = RistrettoPoint::identity();
        Self {
            generators: zero,
            after: zero,
            before: zero,
            after_ciphertexts: [zero; 2],
            before_ciphertexts: [zero; 2],
            relation: Scalar::ZERO,
            product: Scalar::ONE,
            last: *gamma,
        }
    }

    pub fn decode(rows: &[Bytes32]) -> Result<Self, Error> {
        let mut rows = Encoded::new(rows);
        let verifier = Self {
            generators: rows.point()?,
            after: rows.point()?,
            before: rows.point()?,
            after_ciphertexts: [rows.point()?, rows.point()?],
            before_ciphertexts: [rows.point()?, rows.point()?],
            relation: rows.scalar()?,
            product: rows.scalar()?,
            last: rows.scalar()?,
        };
        rows.finish()?;
        Ok(verifier)
    }

    pub fn encode(&self) -> [Bytes32; Self::ENCODED] {
        let ([a, b], [c, d]) = (self.after_ciphertexts, self.before_ciphertexts);
        let [generators, after, before, a, b, c, d] =
            [self.generators, self.after, self.before, a, b, c, d].map(|point| point.compress().0);
        let [relation, product, last] =
            [self.relation, self.product, self.last].map(|scalar| scalar.to_bytes());
        [generators, after, before, a, b, c, d, relation, product, last]
    }

    /// Takes the next rows of both lists and their responses; `first` rows came before.
    pub fn absorb(
        &mut self,
        backend: &dyn Backend,
        check: &Check,
        first: usize,
        before: Rows<'_>,
        after: Rows<'_>,
        responses: &[Bytes64],
    ) -> Result<(), Error> {
        for round in rounds(responses.len(), before.columns) {
            let rows = first + round.start..first + round.end;
            let (f, g) = parse(&responses[round.clone()])
                .map_err(|rejected| rejected.offset_by(round.start).in_list("responses"))?;
            let weights = check.weights.in_order_of(rows.clone())?;
            self.absorb_scalars(check, rows.clone(), &f, &g, &weights)?;
            self.absorb_generators(backend, check, rows, &f, &g)?;

            let named = |list| move |rejected: Rejected| rejected.offset_by(round.start).in_list(list);
            let (rows_before, rows_after) = (before.slice(round.clone()), after.slice(round.clone()));
            self.before +=
                public_sum(backend, &weights, &rows_before.elements()).map_err(named("rows before"))?;
            self.after += public_sum(backend, &f, &rows_after.elements()).map_err(named("rows after"))?;
            let columns = &check.weights.columns;
            if columns.is_empty() {
                continue;
            }
            let (weights, f) = (of_columns(&weights, columns), of_columns(&f, columns));
            let sum = |weights, elements: Vec<Bytes32>| {
                public_sum(backend, weights, &elements).map_err(|rejected| row_of(rejected, columns.len()))
            };
            for component in 0..2 {
                let elements = rows_before.components(component);
                self.before_ciphertexts[component] +=
                    sum(&weights, elements).map_err(named("rows before"))?;
                let elements = rows_after.components(component);
                self.after_ciphertexts[component] += sum(&f, elements).map_err(named("rows after"))?;
            }
        }
        Ok(())
    }

    fn absorb_scalars(
        &mut self,
        check: &Check,
        rows: Range<usize>,
        f: &[Scalar],
        g: &[Scalar],
        weights: &[Scalar],
    ) -> Result<(), Error> {
        let shift = check.gamma * check.weights.x;
        let start = self.last;
        let parts = parallel::collect(rows.len(), |part| {
            let mut before = if part.start == 0 { start } else { g[part.start - 1] };
            let (mut relation, mut product) = (Scalar::ZERO, Scalar::ONE);
            for (index, power) in part.clone().zip(powers(&check.z, rows.start + part.start)) {
                relation += power * (check.gamma * g[index] - before * (f[index] - shift));
                product *= weights[index] - check.weights.x;
                before = g[index];
            }
            Ok((relation, product))
        })
        .map_err(|rejected| rejected.in_list("responses"))?;
        for (relation, product) in parts {
            self.relation += relation;
            self.product *= product;
        }
        self.last = *g.last().unwrap_or(&start);
        Ok(())
    }

    fn absorb_generators(
        &mut self,
        backend: &dyn Backend,
        check: &Check,
        rows: Range<usize>,
        f: &[Scalar],
        g: &[Scalar],
    ) -> Result<(), Error> {
        let (dst, numbers) = (generators(), Numbers::new(rows));
        self.generators += parallel::sum(f.len(), |part| {
            let weights: Vec<_> = part.clone().map(|index| f[index] + check.omega * g[index]).collect();
            backend.vartime_scalar_sum(&weights, Bases::Hashed(numbers.items().slice(part), &dst))
        })
        .map_err(|rejected| rejected.in_list("generators"))?;
        Ok(())
    }

    /// After the last row: (1) to (6).
    pub fn finish(
        &self,
        check: &Check,
        opening: &Opening,
        public_key: &PublicKeyTable,
        joint_key: Option<&PublicKeyTable>,
    ) -> Result<(), Error> {
        let Check { weights, gamma, omega, .. } = check;
        let base = RistrettoPoint::mul_base;
        let committed = opening.permutation * weights.y + opening.permuted + opening.chain * omega;
        let masks = opening.masks_of_weights + opening.masks_of_chain * omega;
        let mut holds = self.generators + base(&(opening.weights_answer + omega * opening.chain_answer))
            == committed * gamma + masks;
        holds &= self.last == gamma * self.product;
        holds &= base(&opening.key_answer) == public_key.point() * gamma + opening.key;
        holds &= self.after == self.before * opening.key_answer + opening.after;
        holds &= value_base() * self.relation + base(&opening.value_answer)
            == opening.linear * gamma + opening.constant;
        match (&opening.ciphertexts, joint_key) {
            (None, None) => {}
            (Some((masks, answer)), Some(joint_key)) => {
                let zero = [base(answer), joint_key.point() * answer];
                for component in 0..2 {
                    holds &= self.after_ciphertexts[component]
                        == self.before_ciphertexts[component] * gamma + zero[component] + masks[component];
                }
            }
            _ => holds = false,
        }
        if holds { Ok(()) } else { Err(Error::BadProof) }
    }
}

/// f_i and g_i, canonical.
fn parse(responses: &[Bytes64]) -> Result<(Vec<Scalar>, Vec<Scalar>), Rejected> {
    let mut parsed = (Vec::with_capacity(responses.len()), Vec::with_capacity(responses.len()));
    for (index, response) in responses.iter().enumerate() {
        let scalar = |half: &Bytes32| {
            Option::from(Scalar::from_canonical_bytes(*half)).ok_or(Rejected::bad_scalar(index))
        };
        let [f, g] = response.as_chunks().0 else { unreachable!("a response has two halves") };
        parsed.0.push(scalar(f)?);
        parsed.1.push(scalar(g)?);
    }
    Ok(parsed)
}

fn public_sum(
    backend: &dyn Backend,
    weights: &[Scalar],
    elements: &[Bytes32],
) -> Result<RistrettoPoint, Rejected> {
    parallel::sum(elements.len(), |part| {
        backend.vartime_scalar_sum(&weights[part.clone()], Bases::Elements(&elements[part]))
    })
}
