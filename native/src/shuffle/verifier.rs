//! What S checks. Variable time: all of it was sent, but for omega.

use std::ops::Range;

use curve25519_dalek::traits::Identity;
use curve25519_dalek::{RistrettoPoint, Scalar};

use super::{
    Encoded, Numbers, OwnRows, Rows, Weights, generators, of_columns, power, rounds, row_of, value_base,
};
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
    after: ListSums,
    before: ListSums,
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
        Self {
            generators: RistrettoPoint::identity(),
            after: ListSums::default(),
            before: ListSums::default(),
            relation: Scalar::ZERO,
            product: Scalar::ONE,
            last: *gamma,
        }
    }

    pub fn decode(rows: &[Bytes32]) -> Result<Self, Error> {
        let mut rows = Encoded::new(rows);
        let verifier = Self {
            generators: rows.point()?,
            after: ListSums::decode(&mut rows)?,
            before: ListSums::decode(&mut rows)?,
            relation: rows.scalar()?,
            product: rows.scalar()?,
            last: rows.scalar()?,
        };
        rows.finish()?;
        Ok(verifier)
    }

    pub fn encode(&self) -> [Bytes32; Self::ENCODED] {
        let generators = self.generators.compress().0;
        let ([after, a, b], [before, c, d]) = (self.after.encode(), self.before.encode());
        let [relation, product, last] =
            [self.relation, self.product, self.last].map(|scalar| scalar.to_bytes());
        [generators, after, a, b, before, c, d, relation, product, last]
    }

    /// Takes the next rows of both lists and their responses; `first` rows came before.
    pub fn absorb(
        &mut self,
        backend: &dyn Backend,
        check: &Check,
        first: usize,
        before: List<'_>,
        after: Rows<'_>,
        responses: &[Bytes64],
    ) -> Result<(), Error> {
        for round in rounds(responses.len(), after.columns) {
            let rows = first + round.start..first + round.end;
            let (f, g) = parse(&responses[round.clone()])
                .map_err(|rejected| rejected.offset_by(round.start).in_list("responses"))?;
            let weights = check.weights.in_order_of(rows.clone())?;
            self.absorb_scalars(check, rows.clone(), &f, &g, &weights)?;
            self.absorb_generators(backend, check, rows, &f, &g)?;

            let named = |list| move |rejected: Rejected| rejected.offset_by(round.start).in_list(list);
            let columns = &check.weights.columns;
            let sums = before.slice(round.clone()).sums(backend, &weights, columns);
            self.before.add(sums.map_err(named("rows before"))?);
            let sums = List::Received(after.slice(round.clone())).sums(backend, &f, columns);
            self.after.add(sums.map_err(named("rows after"))?);
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
            let (mut relation, mut product) = (Scalar::ZERO, Scalar::ONE);
            for index in part.clone().rev() {
                let before = if index == 0 { &start } else { &g[index - 1] };
                relation += check.gamma * g[index] - before * (f[index] - shift);
                relation *= check.z;
                product *= weights[index] - check.weights.x;
            }
            Ok((relation * power(&check.z, rows.start + part.start), product))
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
        let [sum] = parallel::long_sums(f.len(), |part| {
            let weights: Vec<_> = part.clone().map(|index| f[index] + check.omega * g[index]).collect();
            backend.vartime_scalar_sums(&weights, &[Bases::Hashed(numbers.items().slice(part), &dst)])
        })
        .map_err(|rejected| rejected.in_list("generators"))?;
        self.generators += sum;
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
        holds &= self.after.elements == self.before.elements * opening.key_answer + opening.after;
        holds &= value_base() * self.relation + base(&opening.value_answer)
            == opening.linear * gamma + opening.constant;
        match (&opening.ciphertexts, joint_key) {
            (None, None) => {}
            (Some((masks, answer)), Some(joint_key)) => {
                let zero = [base(answer), joint_key.point() * answer];
                for component in 0..2 {
                    let before = self.before.ciphertexts[component] * gamma;
                    holds &= self.after.ciphertexts[component] == before + zero[component] + masks[component];
                }
            }
            _ => holds = false,
        }
        if holds { Ok(()) } else { Err(Error::BadProof) }
    }
}

/// Weighted sums over one list: of its elements, and both components of those of its ciphertexts.
#[derive(Default)]
struct ListSums {
    elements: RistrettoPoint,
    ciphertexts: [RistrettoPoint; 2],
}

impl ListSums {
    fn decode(rows: &mut Encoded<'_>) -> Result<Self, Error> {
        Ok(Self { elements: rows.point()?, ciphertexts: [rows.point()?, rows.point()?] })
    }

    fn encode(&self) -> [Bytes32; 3] {
        let [first, second] = self.ciphertexts;
        [self.elements, first, second].map(|point| point.compress().0)
    }

    fn add(&mut self, more: Self) {
        self.elements += more.elements;
        self.ciphertexts.iter_mut().zip(more.ciphertexts).for_each(|(sum, more)| *sum += more);
    }
}

/// The list before: received, or with ciphertexts that the verifier has made itself.
#[derive(Clone, Copy)]
pub enum List<'a> {
    Received(Rows<'a>),
    Own(OwnRows<'a>),
}

impl List<'_> {
    fn slice(&self, range: Range<usize>) -> Self {
        match self {
            Self::Received(rows) => Self::Received(rows.slice(range)),
            Self::Own(rows) => Self::Own(rows.slice(range)),
        }
    }

    /// Of rows with these weights and columns with those.
    fn sums(
        &self,
        backend: &dyn Backend,
        weights: &[Scalar],
        columns: &[Scalar],
    ) -> Result<ListSums, Rejected> {
        let elements = match self {
            Self::Received(rows) => rows.elements(),
            Self::Own(rows) => rows.elements(),
        };
        let [elements] = public_sums(backend, weights, [&elements])?;
        let ciphertexts = match self {
            _ if columns.is_empty() => Default::default(),
            Self::Own(rows) => rows.ciphertexts(weights, columns)?,
            Self::Received(rows) => {
                let components = [rows.components(0), rows.components(1)];
                public_sums(backend, &of_columns(weights, columns), components.each_ref())
                    .map_err(|rejected| row_of(rejected, columns.len()))?
            }
        };
        Ok(ListSums { elements, ciphertexts })
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

/// The sum of each list, all with the same weights.
fn public_sums<const N: usize>(
    backend: &dyn Backend,
    weights: &[Scalar],
    lists: [&Vec<Bytes32>; N],
) -> Result<[RistrettoPoint; N], Rejected> {
    parallel::long_sums(weights.len(), |part| {
        let bases = lists.map(|list| Bases::Elements(&list[part.clone()]));
        backend.vartime_scalar_sums(&weights[part], &bases)
    })
}
