//! What R computes, constant time in all that is secret.

use std::ops::Range;

use curve25519_dalek::traits::Identity;
use curve25519_dalek::{RistrettoPoint, Scalar};
use zeroize::Zeroizing;

use super::masks::{Blind, Masks, Secrets};
use super::{
    Encoded, Numbers, Rows, Weights, generators, halves, odd, of_columns, power, rounds, row_of, value_base,
};
use crate::backend::{Backend, Bytes32, Bytes64, PublicKeyTable};
use crate::error::{Error, Rejected};
use crate::keystream::StreamKey;
use crate::parallel;
use crate::sums::{Bases, SecretWeights};

/// The bases H_i of all rows, into `bases`; C, T_d and T_delta.
pub fn commit(
    backend: &dyn Backend,
    masks: &Masks,
    permutation: &[u32],
    bases: &mut [Bytes32],
) -> Result<[Bytes32; 3], Error> {
    let dst = generators();
    parallel::blocks(bases, |rows, out| backend.hash_to_group(Numbers::new(rows).items(), &dst, out))
        .map_err(|rejected| rejected.in_list("bases"))?;
    let sums: [_; 3] = parallel::sums(permutation.len(), |rows| {
        let (weights, chain) = masks.of_rows(rows.clone());
        let odd: Vec<u32> = permutation[rows.clone()].iter().map(|row| 2 * row + 1).collect();
        let odd = Zeroizing::new(odd);
        let lists =
            [SecretWeights::Odd32(&odd), SecretWeights::Scalars(&weights), SecretWeights::Scalars(&chain)];
        backend.secret_sums(&lists, Bases::Elements(&bases[rows]))
    })
    .map_err(|rejected| rejected.in_list("bases"))?;
    let blinds = [Blind::Permutation, Blind::MasksOfWeights, Blind::MasksOfChain];
    let mut commitments = [[0; 32]; 3];
    for ((commitment, sum), blind) in commitments.iter_mut().zip(sums).zip(blinds) {
        *commitment = (sum + RistrettoPoint::mul_base(&*masks.blind(blind)?)).compress().0;
    }
    Ok(commitments)
}

/// e_pi(i) for each row, into `permuted`; D.
pub fn permute(
    backend: &dyn Backend,
    masks: &Masks,
    w1: &Bytes64,
    permutation: &[u32],
    bases: &[Bytes32],
    permuted: &mut [[u8; 24]],
) -> Result<Bytes32, Error> {
    let (weights, _) = halves(w1);
    parallel::blocks(permuted, |rows, out| {
        let mut out = out.iter_mut();
        weights.for_each_block_of(&permutation[rows], |block| {
            if let Some(out) = out.next() {
                *out = odd(block);
            }
        });
        Ok(())
    })
    .map_err(|rejected| rejected.in_list("weights"))?;
    let [sum] = parallel::sums(permutation.len(), |rows| {
        let weights = SecretWeights::Odd192(&permuted[rows.clone()]);
        backend.secret_sums(&[weights], Bases::Elements(&bases[rows]))
    })
    .map_err(|rejected| rejected.in_list("bases"))?;
    Ok((sum + RistrettoPoint::mul_base(&*masks.blind(Blind::Permuted)?)).compress().0)
}

/// What all three passes over the permuted weights share.
pub struct Relation<'a> {
    pub masks: &'a Masks,
    pub weights: &'a Weights,
    pub permutation: &'a [u32],
    /// e_pi(i)
    pub permuted: &'a [[u8; 24]],
}

impl Relation<'_> {
    /// m_i for some rows, and p_(i-1) with one more, the last p_i.
    fn chain(&self, rows: Range<usize>, before: &Scalar) -> Result<(Secrets, Secrets), Error> {
        let permuted = parallel::scalars(rows.len(), |part| {
            let part = rows.start + part.start..rows.start + part.end;
            let rows = self.permuted[part.clone()].iter().zip(&self.permutation[part]);
            Ok(Zeroizing::new(rows.map(|(weight, row)| self.weights.of_row(weight, *row)).collect()))
        })
        .map_err(|rejected| rejected.in_list("weights"))?;
        let mut products = Zeroizing::new(Vec::with_capacity(permuted.len() + 1));
        let mut product = Zeroizing::new(*before);
        products.push(*product);
        for weight in permuted.iter() {
            *product *= weight - self.weights.x;
            products.push(*product);
        }
        Ok((permuted, products))
    }

    /// V_1 and V_0.
    pub fn commit(&self, z: &Scalar) -> Result<[Bytes32; 2], Error> {
        let (mut linear, mut constant) = (Zeroizing::new(Scalar::ZERO), Zeroizing::new(Scalar::ZERO));
        let mut before = Zeroizing::new(Scalar::ONE);
        for rows in rounds(self.permutation.len(), 1) {
            let (permuted, products) = self.chain(rows.clone(), &before)?;
            let parts = parallel::collect(rows.len(), |part| {
                let at = rows.start + part.start..rows.start + part.end;
                Ok(self.coefficients(z, at, &permuted[part.clone()], &products[part]))
            })
            .map_err(|rejected| rejected.in_list("masks"))?;
            for part in parts {
                *linear += part.0;
                *constant += part.1;
            }
            *before = products[rows.len()];
        }
        let base = value_base();
        let commit = |value: &Scalar, blind| -> Result<Bytes32, Error> {
            Ok((base * value + RistrettoPoint::mul_base(&*self.masks.blind(blind)?)).compress().0)
        };
        Ok([commit(&linear, Blind::Linear)?, commit(&constant, Blind::Constant)?])
    }

    /// What some rows add to v_1 and v_0.
    fn coefficients(
        &self,
        z: &Scalar,
        rows: Range<usize>,
        permuted: &[Scalar],
        products: &[Scalar],
    ) -> (Scalar, Scalar) {
        let (of_weights, of_chain) = self.masks.of_rows(rows.clone());
        let first = self.masks.chain_before(rows.start);
        let (mut linear, mut constant) = (Scalar::ZERO, Scalar::ZERO);
        for index in (0..rows.len()).rev() {
            let before = if index == 0 { &*first } else { &of_chain[index - 1] };
            let factor = permuted[index] - self.weights.x;
            // delta_i - p_(i-1) d_i - delta_(i-1) (m_i - x)
            linear += of_chain[index] - products[index] * of_weights[index] - before * factor;
            linear *= z;
            constant -= before * of_weights[index];
            constant *= z;
        }
        let start = power(z, rows.start);
        (linear * start, constant * start)
    }

    /// f_i and g_i for some rows, given p before them; and p after them.
    pub fn respond(
        &self,
        gamma: &Scalar,
        first: usize,
        before: &Scalar,
        out: &mut [Bytes64],
    ) -> Result<Scalar, Error> {
        let mut before = Zeroizing::new(*before);
        for round in rounds(out.len(), 1) {
            let rows = first + round.start..first + round.end;
            let (permuted, products) = self.chain(rows.clone(), &before)?;
            parallel::blocks(&mut out[round], |part, out| {
                let (of_weights, of_chain) =
                    self.masks.of_rows(rows.start + part.start..rows.start + part.end);
                for (index, (out, row)) in out.iter_mut().zip(part).enumerate() {
                    let (f, g) = out.split_at_mut(32);
                    f.copy_from_slice((gamma * permuted[row] + of_weights[index]).as_bytes());
                    g.copy_from_slice((gamma * products[row + 1] + of_chain[index]).as_bytes());
                }
                Ok(())
            })
            .map_err(|rejected| rejected.in_list("masks"))?;
            *before = products[rows.len()];
        }
        Ok(*before)
    }
}

/// What else the rows are absorbed with.
pub struct Witness<'a> {
    /// H_i of all rows
    pub bases: &'a [Bytes32],
    /// a
    pub secret: Zeroizing<Scalar>,
    /// the stream of rho, where there are ciphertexts
    pub randomness: Option<StreamKey>,
}

/// The sums over the rows that have been absorbed.
pub struct Prover {
    /// sum p_i H_i, T_B, and of sum d_i sum mu_j E'_i,j both components
    chain: RistrettoPoint,
    elements: RistrettoPoint,
    ciphertexts: [RistrettoPoint; 2],
    /// p and q so far
    permuted: Zeroizing<Scalar>,
    in_order: Scalar,
    /// sum t_i sum mu_j rho_i,j
    randomness: Zeroizing<Scalar>,
}

impl Default for Prover {
    fn default() -> Self {
        let zero = RistrettoPoint::identity();
        Self {
            chain: zero,
            elements: zero,
            ciphertexts: [zero; 2],
            permuted: Zeroizing::new(Scalar::ONE),
            in_order: Scalar::ONE,
            randomness: Zeroizing::new(Scalar::ZERO),
        }
    }
}

impl Prover {
    pub const ENCODED: usize = 7;

    pub fn decode(rows: &[Bytes32]) -> Result<Self, Error> {
        let mut rows = Encoded::new(rows);
        let prover = Self {
            chain: rows.point()?,
            elements: rows.point()?,
            ciphertexts: [rows.point()?, rows.point()?],
            permuted: Zeroizing::new(rows.scalar()?),
            in_order: rows.scalar()?,
            randomness: Zeroizing::new(rows.scalar()?),
        };
        rows.finish()?;
        Ok(prover)
    }

    pub fn encode(&self) -> [Bytes32; Self::ENCODED] {
        let [first, second] = self.ciphertexts;
        let [chain, elements, first, second] =
            [self.chain, self.elements, first, second].map(|point| point.compress().0);
        let (permuted, randomness) = (self.permuted.to_bytes(), self.randomness.to_bytes());
        [chain, elements, first, second, permuted, self.in_order.to_bytes(), randomness]
    }

    /// Takes the next rows after, of which `first` came before.
    pub fn absorb(
        &mut self,
        backend: &dyn Backend,
        relation: &Relation<'_>,
        witness: &Witness<'_>,
        first: usize,
        after: Rows<'_>,
    ) -> Result<(), Error> {
        // alpha / a
        let inverse = Zeroizing::new(witness.secret.invert());
        let ratio = Zeroizing::new(*relation.masks.blind(Blind::Key)? * *inverse);
        for round in rounds(after.len(), after.columns) {
            let rows = first + round.start..first + round.end;
            let (start, after) = (round.start, after.slice(round));
            let weights = relation.weights.in_order_of(rows.clone())?;
            for weight in weights.iter() {
                self.in_order *= weight - relation.weights.x;
            }
            let named = |rejected: Rejected| rejected.offset_by(start).in_list("rows after");
            let permuted =
                self.absorb_chain(backend, relation, &witness.bases[rows.clone()], rows.clone())?;
            let mut masks = relation.masks.of_weights(rows.clone());
            self.absorb_ciphertexts(backend, relation, &masks, after).map_err(named)?;
            // T_B = sum d_i B_i - alpha sum t_i Z_i, where B_i = a Z_pi(i)
            for (mask, permuted) in masks.iter_mut().zip(permuted.iter()) {
                *mask -= *ratio * permuted;
            }
            self.elements += secret_sum(backend, &masks, &after.elements()).map_err(named)?;
            if let Some(randomness) = &witness.randomness {
                self.absorb_randomness(relation, randomness, rows, &weights)?;
            }
        }
        Ok(())
    }

    /// sum p_i H_i; returns m_i.
    fn absorb_chain(
        &mut self,
        backend: &dyn Backend,
        relation: &Relation<'_>,
        bases: &[Bytes32],
        rows: Range<usize>,
    ) -> Result<Secrets, Error> {
        let (permuted, products) = relation.chain(rows, &self.permuted)?;
        *self.permuted = products[permuted.len()];
        self.chain +=
            secret_sum(backend, &products[1..], bases).map_err(|rejected| rejected.in_list("bases"))?;
        Ok(permuted)
    }

    /// Both components of sum d_i sum mu_j E'_i,j.
    fn absorb_ciphertexts(
        &mut self,
        backend: &dyn Backend,
        relation: &Relation<'_>,
        masks: &[Scalar],
        after: Rows<'_>,
    ) -> Result<(), Rejected> {
        let columns = &relation.weights.columns;
        let weights = of_columns(masks, columns);
        for (component, sum) in self.ciphertexts.iter_mut().enumerate() {
            *sum += secret_sum(backend, &weights, &after.components(component))
                .map_err(|rejected| row_of(rejected, columns.len()))?;
        }
        Ok(())
    }

    fn absorb_randomness(
        &mut self,
        relation: &Relation<'_>,
        randomness: &StreamKey,
        rows: Range<usize>,
        weights: &[Scalar],
    ) -> Result<(), Error> {
        let columns = &relation.weights.columns;
        let scalars = randomness.window((rows.start * columns.len()) as u64, rows.len() * columns.len())?;
        let parts = parallel::collect(rows.len(), |part| {
            let scalars = scalars.scalars(part.start * columns.len()..part.end * columns.len())?;
            let of_row =
                |scalars: &[Scalar]| scalars.iter().zip(columns).map(|(rho, mu)| rho * mu).sum::<Scalar>();
            let of_rows = scalars.chunks_exact(columns.len()).map(of_row);
            Ok(of_rows.zip(&weights[part]).map(|(sum, weight)| sum * weight).sum::<Scalar>())
        })
        .map_err(|rejected| rejected.in_list("randomness"))?;
        *self.randomness += parts.iter().sum::<Scalar>();
        Ok(())
    }
}

fn secret_sum(
    backend: &dyn Backend,
    weights: &[Scalar],
    elements: &[Bytes32],
) -> Result<RistrettoPoint, Rejected> {
    let [sum] = parallel::sums(elements.len(), |part| {
        let weights = SecretWeights::Scalars(&weights[part.clone()]);
        backend.secret_sums(&[weights], Bases::Elements(&elements[part]))
    })?;
    Ok(sum)
}

/// P, T_B, T_K, and with a joint key both components of T_E.
pub fn close(
    masks: &Masks,
    prover: &Prover,
    secret: &Scalar,
    public_key: &Bytes32,
    joint_key: Option<&PublicKeyTable>,
) -> Result<Vec<Bytes32>, Error> {
    if RistrettoPoint::mul_base(secret).compress().0 != *public_key {
        return Err(Error::BadPublicKey);
    }
    if *prover.permuted != prover.in_order {
        return Err(Error::BadItems("expected a permutation, got one that repeats a row".into()));
    }
    let mut commitments = vec![
        prover.chain + RistrettoPoint::mul_base(&*masks.blind(Blind::Chain)?),
        prover.elements,
        RistrettoPoint::mul_base(&*masks.blind(Blind::Key)?),
    ];
    if let Some(joint_key) = joint_key {
        let beta = masks.blind(Blind::Ciphertexts)?;
        let [first, second] = prover.ciphertexts;
        commitments.push(first - RistrettoPoint::mul_base(&beta));
        commitments.push(second - joint_key.point() * *beta);
    }
    Ok(commitments.iter().map(|point| point.compress().0).collect())
}

/// s_K, s_m, s_p, s_v and s_E.
pub fn answers(
    masks: &Masks,
    weights: &Weights,
    prover: &Prover,
    secret: &Scalar,
    gamma: &Scalar,
) -> Result<[Bytes32; 5], Error> {
    let blind = |blind| masks.blind(blind);
    let permuted = weights.y * *blind(Blind::Permutation)? + *blind(Blind::Permuted)?;
    let answer =
        |value: &Scalar, mask| -> Result<Bytes32, Error> { Ok((gamma * value + *blind(mask)?).to_bytes()) };
    Ok([
        answer(secret, Blind::Key)?,
        answer(&permuted, Blind::MasksOfWeights)?,
        answer(&*blind(Blind::Chain)?, Blind::MasksOfChain)?,
        answer(&*blind(Blind::Linear)?, Blind::Constant)?,
        answer(&prover.randomness, Blind::Ciphertexts)?,
    ])
}
