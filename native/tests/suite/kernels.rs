//! Every kernel of every backend that runs here, against curve25519-dalek one entry at a time: every length
//! around the eight lanes and around a block, scalars at the edges, and a bad entry in each lane.

use _native::backend::{Backend, Bytes32, Bytes64, PublicKeyTable, available};
use _native::error::Rejected;
use _native::hash::{Expander, finalize};
use _native::items::Items;
use _native::keystream::StreamKey;
use _native::sums::{Bases, SecretWeights};
use curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT;
use curve25519_dalek::traits::Identity;
use curve25519_dalek::{RistrettoPoint, Scalar};

const SIZES: [usize; 16] = [0, 1, 2, 7, 8, 9, 15, 16, 17, 23, 63, 65, 127, 511, 512, 513];

struct Batch {
    data: Vec<u8>,
    offsets: Vec<u32>,
    scalars: Vec<Scalar>,
}

impl Batch {
    /// Items of 0 to 261 bytes, which covers one to three blocks of SHA-512, and scalars that start with the
    /// edges.
    fn new(size: usize) -> Self {
        let data: Vec<u8> = (0..size * 262).map(|i| (i * 7 + i / 251) as u8).collect();
        let mut offsets = vec![3];
        for index in 0..size {
            offsets.push(offsets[index] + (index * 29 % 262) as u32);
        }
        let data = [vec![0; 3], data].concat();
        let mut scalars =
            StreamKey::new(&[3; 32]).window(0, size).unwrap().scalars(0..size).unwrap().to_vec();
        let edges = [Scalar::ONE, -Scalar::ONE, Scalar::ONE.div_by_2(), Scalar::from(1u128 << 127)];
        scalars.iter_mut().zip(edges).for_each(|(scalar, edge)| *scalar = edge);
        Self { data, offsets, scalars }
    }

    fn items(&self) -> Items<'_> {
        Items::new(&self.data, &self.offsets).unwrap()
    }

    fn hashed(&self, dst: &Expander) -> Vec<RistrettoPoint> {
        self.items().iter().map(|item| RistrettoPoint::from_uniform_bytes(&dst.uniform(item))).collect()
    }

    fn points(&self) -> Vec<RistrettoPoint> {
        self.scalars.iter().map(|scalar| RistrettoPoint::mul_base(&(scalar + Scalar::from(5u8)))).collect()
    }
}

fn dst() -> Expander {
    Expander::new(b"kernel tests").unwrap()
}

fn encoded(points: impl IntoIterator<Item = RistrettoPoint>) -> Vec<Bytes32> {
    points.into_iter().map(|point| point.compress().0).collect()
}

fn rows(size: usize) -> Vec<Bytes32> {
    vec![[0xAA; 32]; size]
}

fn for_each_case(test: impl Fn(&dyn Backend, &Batch)) {
    for backend in available() {
        for size in SIZES {
            test(backend, &Batch::new(size));
        }
    }
}

/// Encodings that no kernel may accept: the identity, a negative and an unreduced field element, all bits,
/// not on the curve.
fn bad_encodings() -> [Bytes32; 5] {
    let mut one = [0; 32];
    one[0] = 1;
    let mut unreduced = [0xff; 32];
    (unreduced[0], unreduced[31]) = (0xed, 0x7f);
    let mut off_curve = [0; 32];
    off_curve[0] = 2;
    while _native::backend::decode(&off_curve).is_some() {
        off_curve[0] += 2;
    }
    [[0; 32], one, unreduced, [0xff; 32], off_curve]
}

#[test]
fn hashing_and_the_map() {
    for_each_case(|backend, batch| {
        let dst = dst();
        let expected = encoded(batch.hashed(&dst));
        let mut out = rows(expected.len());
        backend.hash_to_group(batch.items(), &dst, &mut out).unwrap();
        assert_eq!(out, expected);
        let uniform: Vec<Bytes64> = batch.items().iter().map(|item| *dst.uniform(item)).collect();
        let mut out = rows(expected.len());
        backend.map_to_group(&uniform, &mut out);
        assert_eq!(out, expected);
    });
}

#[test]
fn the_map_at_the_edges_of_the_field() {
    let edges: Vec<Bytes32> = [0u8, 1, 2, 0xec, 0xed, 0xee, 0xff]
        .iter()
        .flat_map(|&low| {
            [[0; 31], [0xff; 31]].map(|high| [&[low], high.as_slice()].concat().try_into().unwrap())
        })
        .collect();
    let halves = edges.iter().flat_map(|a| edges.iter().map(move |b| [*a, *b]));
    let uniform: Vec<Bytes64> = halves.map(|pair| pair.as_flattened().try_into().unwrap()).collect();
    let expected = encoded(uniform.iter().map(RistrettoPoint::from_uniform_bytes));
    for backend in available() {
        let mut out = rows(uniform.len());
        backend.map_to_group(&uniform, &mut out);
        assert_eq!(out, expected);
    }
}

#[test]
fn blinding() {
    for_each_case(|backend, batch| {
        let hashed = batch.hashed(&dst()).into_iter();
        let expected =
            encoded(hashed.zip(&batch.scalars).map(|(point, r)| point + RistrettoPoint::mul_base(r)));
        let mut out = rows(expected.len());
        backend.blind(batch.items(), &dst(), &batch.scalars, &mut out);
        assert_eq!(out, expected);
    });
}

#[test]
fn multiplying() {
    for_each_case(|backend, batch| {
        let points = batch.points();
        let elements = encoded(points.clone());
        let mut out = rows(elements.len());
        for k in
            [Scalar::ONE, -Scalar::ONE, Scalar::from(2u8), batch.scalars.last().copied().unwrap_or_default()]
        {
            backend.evaluate(&k, &elements, &mut out).unwrap();
            assert_eq!(out, encoded(points.iter().map(|point| point * k)));
        }
        let mut scalars = batch.scalars.clone();
        if let Some(last) = scalars.last_mut() {
            *last = Scalar::ZERO;
        }
        backend.multiply(&scalars, &elements, &mut out).unwrap();
        assert_eq!(out, encoded(points.iter().zip(&scalars).map(|(point, scalar)| point * scalar)));
        backend.multiply_base(&scalars, &mut out);
        assert_eq!(out, encoded(scalars.iter().map(|scalar| RISTRETTO_BASEPOINT_POINT * scalar)));
    });
}

#[test]
fn outputs_of_both_sides() {
    let k = StreamKey::new(&[9; 32]).scalar(0).unwrap();
    let pk = PublicKeyTable::new(&RistrettoPoint::mul_base(&k).compress().0).unwrap();
    for_each_case(|backend, batch| {
        let hashed = batch.hashed(&dst());
        let products = encoded(hashed.iter().map(|point| point * *k));
        let expected: Vec<Bytes64> =
            batch.items().iter().zip(&products).map(|(item, product)| finalize(item, product)).collect();
        let mut out = vec![[0xAA; 64]; expected.len()];
        backend.outputs(batch.items(), &dst(), &k, &mut out).unwrap();
        assert_eq!(out, expected);

        let blinded = hashed.iter().zip(&batch.scalars).map(|(point, r)| point + RistrettoPoint::mul_base(r));
        let evaluated = encoded(blinded.map(|point| point * *k));
        let mut out = vec![[0xAA; 64]; expected.len()];
        let decoded = backend.decode_batch(&evaluated).unwrap();
        decoded.finalize(0..out.len(), batch.items(), &batch.scalars, &pk, &mut out).unwrap();
        assert_eq!(out, expected);
    });
}

#[test]
fn a_range_of_decoded_elements_is_as_if_decoded_alone() {
    let k = StreamKey::new(&[9; 32]).scalar(0).unwrap();
    let pk = PublicKeyTable::new(&RistrettoPoint::mul_base(&k).compress().0).unwrap();
    for backend in available() {
        let batch = Batch::new(601);
        let elements = encoded(batch.points());
        let decoded = backend.decode_batch(&elements).unwrap();
        for range in [0..0, 0..1, 3..4, 7..9, 5..300, 512..601, 601..601] {
            let count = range.len();
            let alone = backend.decode_batch(&elements[range.clone()]).unwrap();
            let (mut got, mut expected) = (rows(count), rows(count));
            decoded.evaluate(range.clone(), &k, &mut got);
            alone.evaluate(0..count, &k, &mut expected);
            assert_eq!(got, expected);
            let (items, blinds) = (batch.items().slice(range.clone()), &batch.scalars[range.clone()]);
            let (mut got, mut expected) = (vec![[0; 64]; count], vec![[1; 64]; count]);
            decoded.finalize(range.clone(), items, blinds, &pk, &mut got).unwrap();
            alone.finalize(0..count, items, blinds, &pk, &mut expected).unwrap();
            assert_eq!(got, expected);
            let weights = vec![[0xc3; 16]; count];
            let sum = decoded.vartime_weighted_sum(range, &weights);
            assert_eq!(sum, alone.vartime_weighted_sum(0..count, &weights));
        }
    }
}

#[test]
fn an_evaluation_of_the_identity_is_not_finalized() {
    let pk = PublicKeyTable::new(&RISTRETTO_BASEPOINT_POINT.compress().0).unwrap();
    for backend in available() {
        for index in 0..9 {
            let batch = Batch::new(9);
            let mut evaluated = encoded(batch.points());
            // Unblinding r*pk with the blind r leaves the identity.
            evaluated[index] = RistrettoPoint::mul_base(&batch.scalars[index]).compress().0;
            let mut out = vec![[0; 64]; 9];
            let decoded = backend.decode_batch(&evaluated).unwrap();
            let result = decoded.finalize(0..9, batch.items(), &batch.scalars, &pk, &mut out);
            assert_eq!(result, Err(Rejected::invalid_input(index)));
        }
    }
}

#[test]
fn weighted_sums() {
    for_each_case(|backend, batch| {
        let points = batch.points();
        let mut weights: Vec<[u8; 16]> = vec![[0; 16]; points.len()];
        StreamKey::new(&[5; 32]).fill_bytes(weights.as_flattened_mut()).unwrap();
        weights
            .iter_mut()
            .zip([u128::MAX, 0, 1, 1 << 127])
            .for_each(|(weight, edge)| *weight = edge.to_le_bytes());
        let expected =
            points.iter().zip(&weights).fold(RistrettoPoint::identity(), |sum, (point, weight)| {
                sum + point * Scalar::from(u128::from_le_bytes(*weight))
            });
        assert_eq!(backend.vartime_weighted_sum(&weights, &encoded(points)), Ok(expected));
    });
}

#[test]
fn weighted_sums_of_one_element_repeated_and_cancelled() {
    let point = RistrettoPoint::mul_base(&Scalar::from(11u8));
    for backend in available() {
        let elements = [encoded(vec![point; 300]), encoded(vec![-point; 300])].concat();
        let sum = backend.vartime_weighted_sum(&[[0xff; 16]; 600], &elements);
        assert_eq!(sum, Ok(RistrettoPoint::identity()));
    }
}

#[test]
fn a_bad_element_is_named_in_every_lane() {
    for backend in available() {
        for size in [1, 9, 17, 513] {
            let batch = Batch::new(size);
            let good = encoded(batch.points());
            for bad in bad_encodings() {
                for index in (0..size).filter(|index| *index < 17 || *index > 509) {
                    let mut elements = good.clone();
                    elements[size - 1] = [0xff; 32];
                    elements[index] = bad;
                    let mut out = rows(size);
                    let rejected = Err(Rejected::bad_element(index));
                    assert_eq!(backend.evaluate(&Scalar::ONE, &elements, &mut out), rejected);
                    assert_eq!(backend.multiply(&batch.scalars, &elements, &mut out), rejected);
                    let sum = backend.vartime_weighted_sum(&vec![[1; 16]; size], &elements);
                    assert_eq!(sum.map(|_| ()), rejected);
                }
            }
        }
    }
}

#[test]
fn inversion() {
    for_each_case(|backend, batch| {
        let mut inverses = batch.scalars.clone();
        backend.invert_scalars(&mut inverses).unwrap();
        for (scalar, inverse) in batch.scalars.iter().zip(&inverses) {
            assert_eq!(scalar * inverse, Scalar::ONE);
        }
        for index in [0, batch.scalars.len() / 2, batch.scalars.len().saturating_sub(1)] {
            let mut scalars = batch.scalars.clone();
            if let Some(scalar) = scalars.get_mut(index) {
                *scalar = Scalar::ZERO;
                assert_eq!(backend.invert_scalars(&mut scalars), Err(Rejected::zero_scalar(index)));
            }
        }
    });
}

#[test]
fn a_public_key_is_an_element_but_not_the_identity() {
    for bad in bad_encodings() {
        assert!(PublicKeyTable::new(&bad).is_err());
    }
}

#[test]
fn sums_of_scalars() {
    for_each_case(|backend, batch| {
        let (points, scalars, dst) = (batch.points(), &batch.scalars, dst());
        let elements = encoded(points.clone());
        let expected: RistrettoPoint = points.iter().zip(scalars).map(|(point, k)| point * k).sum();
        let hashed: RistrettoPoint = batch.hashed(&dst).iter().zip(scalars).map(|(point, k)| point * k).sum();
        for (bases, expected) in
            [(Bases::Elements(&elements), expected), (Bases::Hashed(batch.items(), &dst), hashed)]
        {
            assert_eq!(backend.vartime_scalar_sums(scalars, &[bases, bases]).unwrap(), [expected; 2]);
            let sums = backend.secret_sums(&[SecretWeights::Scalars(scalars)], bases).unwrap();
            assert_eq!(sums, [expected]);
        }
    });
}

#[test]
fn sums_of_several_lists_of_secret_weights() {
    for_each_case(|backend, batch| {
        let (points, dst) = (batch.hashed(&dst()), dst());
        let mut wide = vec![[0; 24]; points.len()];
        StreamKey::new(&[5; 32]).fill_bytes(wide.as_flattened_mut()).unwrap();
        wide.iter_mut().zip([[0; 24], [0xff; 24]]).for_each(|(weight, edge)| *weight = edge);
        wide.iter_mut().for_each(|weight| weight[0] |= 1);
        let narrow: Vec<u32> = [1, u32::MAX]
            .into_iter()
            .chain((2..).map(|i: u32| i.wrapping_mul(2_654_435_761) | 1))
            .take(wide.len())
            .collect();
        let zeros = vec![Scalar::ZERO; wide.len()];
        let lists = [
            SecretWeights::Odd32(&narrow),
            SecretWeights::Scalars(&batch.scalars),
            SecretWeights::Odd192(&wide),
            SecretWeights::Scalars(&zeros),
        ];
        let expected = lists.map(|weights| {
            weights.scalars().iter().zip(&points).map(|(k, point)| point * k).sum::<RistrettoPoint>()
        });
        let sums = backend.secret_sums(&lists, Bases::Hashed(batch.items(), &dst)).unwrap();
        assert_eq!(sums, expected);
    });
}

#[test]
fn sums_name_the_lowest_bad_element() {
    for_each_case(|backend, batch| {
        let elements = encoded(batch.points());
        for index in [0, elements.len() / 2, elements.len().wrapping_sub(1)] {
            let Some(_) = elements.get(index) else { continue };
            for bad in bad_encodings() {
                let mut elements = elements.clone();
                (elements[index], *elements.last_mut().unwrap()) = (bad, bad);
                let bases = Bases::Elements(&elements);
                let expected = Rejected::bad_element(index);
                assert_eq!(backend.vartime_scalar_sums(&batch.scalars, &[bases]), Err(expected));
                let secret = [SecretWeights::Scalars(&batch.scalars)];
                assert_eq!(backend.secret_sums(&secret, bases), Err(expected));
            }
        }
    });
}
