//! The arithmetic below discrete logarithms against curve25519-dalek, and the kernels against that arithmetic.

use _native::backend::{Bytes32, available};
use _native::discrete_log::{self, Kernels, Point, REACH, SPAN, Steps, TABLE_BYTES, key};
use _native::error::{Error, Rejected};
use _native::field::{Affine, Fe, invert_all};
use _native::keystream::StreamKey;
use _native::portable::Portable;
use curve25519_dalek::edwards::CompressedEdwardsY;
use curve25519_dalek::{EdwardsPoint, RistrettoPoint, Scalar};

const P_MINUS_ONE: Bytes32 = {
    let mut bytes = [0xff; 32];
    (bytes[0], bytes[31]) = (0xec, 0x7f);
    bytes
};

fn scalars(seed: u8, count: usize) -> Vec<Scalar> {
    let key = StreamKey::new(&[seed; 32]);
    key.window(0, count).unwrap().scalars(0..count).unwrap().to_vec()
}

/// y, and beside it whether x is odd.
fn compressed(point: &Affine) -> Bytes32 {
    let mut encoded = point.y.to_bytes();
    encoded[31] |= point.x.to_bytes()[0] << 7;
    encoded
}

fn point(affine: &Affine) -> Point {
    [affine.x.to_bytes(), affine.y.to_bytes()]
}

#[test]
fn four_times_what_is_decoded_is_four_times_the_point_or_its_negative() {
    for scalar in
        scalars(1, 40).into_iter().chain([Scalar::ZERO, Scalar::ONE, -Scalar::ONE, Scalar::from(2u8)])
    {
        let encoding = RistrettoPoint::mul_base(&scalar).compress().0;
        let ours = compressed(&Affine::decode_up_to_sign(&encoding).vartime_multiply(4));
        let expected = EdwardsPoint::mul_base(&scalar).mul_by_cofactor();
        // 4 P of edwards25519 is off by no torsion; 8 P compares it, by way of dalek's own decoding.
        let doubled = CompressedEdwardsY(ours).decompress().unwrap();
        assert!(doubled + doubled == expected || doubled + doubled == -expected);
        assert!(doubled.is_torsion_free());
    }
}

#[test]
fn additions_and_multiples() {
    let base = Affine::decode_up_to_sign(&RistrettoPoint::mul_base(&Scalar::ONE).compress().0);
    let four = base.vartime_multiply(4);
    let mut sum = Affine::IDENTITY;
    let dalek = CompressedEdwardsY(compressed(&four)).decompress().unwrap();
    for factor in 0..70u64 {
        let expected = (dalek * Scalar::from(factor)).compress().0;
        assert_eq!(compressed(&sum), expected);
        assert_eq!(compressed(&four.vartime_multiply(factor)), expected);
        assert_eq!(compressed(&sum.negate().add(&sum)), compressed(&Affine::IDENTITY));
        sum = sum.add(&four);
    }
    let large = (1u64 << 63) + 12_345;
    assert_eq!(compressed(&four.vartime_multiply(large)), (dalek * Scalar::from(large)).compress().0);
}

#[test]
fn the_field_at_its_ends() {
    let minus_one = Fe::from_bytes(&P_MINUS_ONE);
    assert_eq!((-Fe::ONE).to_bytes(), P_MINUS_ONE);
    assert_eq!(minus_one.square().to_bytes(), Fe::ONE.to_bytes());
    assert_eq!(minus_one.invert().to_bytes(), P_MINUS_ONE);
    assert_eq!(Fe::from(minus_one + Fe::ONE).to_bytes(), Fe::ZERO.to_bytes());
    assert_eq!(Fe::ZERO.invert().to_bytes(), Fe::ZERO.to_bytes());
    let mut values: Vec<Fe> = scalars(2, 9).iter().map(|scalar| Fe::from_bytes(scalar.as_bytes())).collect();
    values.push(minus_one);
    let inverses = {
        let mut inverses = values.clone();
        invert_all(&mut inverses);
        inverses
    };
    for (value, inverse) in values.iter().zip(inverses) {
        assert_eq!((*value * inverse).to_bytes(), Fe::ONE.to_bytes());
    }
    invert_all(&mut []);
}

#[test]
fn keys_around_every_number_of_centres() {
    let base =
        Affine::decode_up_to_sign(&RistrettoPoint::mul_base(&Scalar::ONE).compress().0).vartime_multiply(4);
    let steps = Steps::new(&base);
    for count in [0, 1, 7, 8, 9, 17, 64] {
        // The identity and multiples of the step itself among them: additions have no exceptions.
        let centres: Vec<Affine> =
            (0..count as u64).map(|i| base.vartime_multiply(i * i * 1_000_003)).collect();
        let points: Vec<Point> = centres.iter().map(point).collect();
        for backend in available() {
            let mut keys = vec![0; SPAN * count];
            backend.vartime_keys(&points, &steps, &mut keys);
            for (index, centre) in centres.iter().enumerate() {
                for j in [0, 1, 2, 7, REACH - 1, REACH] {
                    let step = base.vartime_multiply(j as u64);
                    let sides = [centre.add(&step), centre.add(&step.negate())].map(|p| key(&p.y.to_bytes()));
                    if j == 0 {
                        assert_eq!(keys[index], sides[0], "{}", backend.name());
                    } else {
                        let places = [2 * j - 1, 2 * j].map(|position| keys[position * count + index]);
                        assert_eq!(places, sides, "{} at {j}", backend.name());
                    }
                }
            }
        }
    }
    // One call is as good as any other.
    let mut keys = vec![0; SPAN];
    Portable.vartime_keys(&[point(&Affine::IDENTITY)], &steps, &mut keys);
    assert!(keys[1..].as_chunks::<2>().0.iter().all(|[plus, minus]| plus == minus));
}

#[test]
fn a_table_of_zeros_finds_nothing_and_breaks_nothing() {
    let backend = available().next().unwrap();
    let element = RistrettoPoint::mul_base(&Scalar::from(5u8)).compress().0;
    let mut out = [[0; 8]];
    for fill in [0, 0xff, 0x55] {
        let table = vec![fill; TABLE_BYTES];
        let result = discrete_log::solve(backend, &table, &[element], 1 << 30, &mut out);
        assert_eq!(result, Err(Rejected::total_out_of_range(0).in_list("elements")));
    }
    let short = discrete_log::solve(backend, &[0; 9], &[element], 1, &mut out);
    assert!(matches!(short, Err(Error::BadLength { .. })));
    let bound = discrete_log::solve(backend, &vec![0; TABLE_BYTES], &[element], 1 << 47, &mut out);
    assert_eq!(bound, Err(Error::BadBound));
}
