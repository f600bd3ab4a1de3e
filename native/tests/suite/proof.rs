//! The batch proof: complete for the right key, and sound against what a prover can try.

use _native::backend::{Bytes32, Bytes64, PublicKeyTable, available, decode};
use _native::error::{Error, Rejected};
use _native::hash::Expander;
use _native::items::Items;
use _native::keystream::StreamKey;
use _native::proof::{self, Elements, Statement};
use _native::voprf::{self, CHUNK_ELEMENTS};
use curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT as G;
use curve25519_dalek::{RistrettoPoint, Scalar};

const SIZES: [usize; 11] = [1, 2, 7, 8, 9, 15, 17, 255, 256, 513, 1037];

struct Chunk {
    k: Scalar,
    proof_key: StreamKey,
    public_key: Bytes32,
    blinded: Vec<Bytes32>,
    evaluated: Vec<Bytes32>,
}

impl Chunk {
    fn new(size: usize) -> Self {
        let k = *StreamKey::new(&[1; 32]).scalar(0).unwrap();
        let scalars = StreamKey::new(&[2; 32]).window(0, size).unwrap().scalars(0..size).unwrap();
        let points: Vec<_> = scalars.iter().map(RistrettoPoint::mul_base).collect();
        Self {
            k,
            proof_key: StreamKey::new(&[3; 32]),
            public_key: RistrettoPoint::mul_base(&k).compress().0,
            blinded: points.iter().map(|point| point.compress().0).collect(),
            evaluated: points.iter().map(|point| (point * k).compress().0).collect(),
        }
    }

    fn statement(&self) -> Statement<'_> {
        Statement { ctx: &[4; 64], leg: 1, list: 2, chunk: 3, public_key: &self.public_key }
    }

    fn prove(&self) -> Bytes64 {
        let backend = available().next().unwrap();
        let blinded = Elements::decode(backend, "blinded", &self.blinded).unwrap();
        proof::prove(&self.k, &self.proof_key, &self.statement(), &blinded, &self.evaluated).unwrap()
    }

    fn verify(&self, statement: &Statement<'_>, proof: &[u8]) -> Result<(), Error> {
        let pk = PublicKeyTable::new(statement.public_key).unwrap();
        let verdicts: Vec<_> = available()
            .map(|backend| {
                let blinded = Elements::decode(backend, "blinded", &self.blinded)?;
                let evaluated = Elements::decode(backend, "evaluated", &self.evaluated)?;
                proof::verify(&pk, statement, &blinded, &evaluated, proof)
            })
            .collect();
        assert!(verdicts.iter().all(|verdict| *verdict == verdicts[0]));
        verdicts[0].clone()
    }

    fn shift(&mut self, index: usize, by: RistrettoPoint) {
        let point = decode(&self.evaluated[index]).unwrap();
        self.evaluated[index] = (point + by).compress().0;
    }
}

#[test]
fn honest_proofs_verify() {
    for size in SIZES {
        let chunk = Chunk::new(size);
        assert_eq!(chunk.verify(&chunk.statement(), &chunk.prove()), Ok(()));
    }
}

#[test]
fn proofs_depend_on_their_inputs_only() {
    let chunk = Chunk::new(1037);
    let proofs = [1, 2, 5].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| chunk.prove())
    });
    assert!(proofs.iter().all(|proof| *proof == proofs[0]));
}

#[test]
fn a_proof_is_bound_to_its_statement() {
    let chunk = Chunk::new(9);
    let proof = chunk.prove();
    let other_key = (G * (chunk.k + Scalar::ONE)).compress().0;
    let statements = [
        Statement { ctx: &[5; 64], ..chunk.statement() },
        Statement { leg: 0, ..chunk.statement() },
        Statement { list: 3, ..chunk.statement() },
        Statement { chunk: 4, ..chunk.statement() },
        Statement { public_key: &other_key, ..chunk.statement() },
    ];
    for statement in statements {
        assert_eq!(chunk.verify(&statement, &proof), Err(Error::BadProof));
    }
}

#[test]
fn one_wrong_evaluation_anywhere_is_caught() {
    for index in [0, 1, 7, 8, 511, 512, 599] {
        let mut chunk = Chunk::new(600);
        let honest = chunk.prove();
        chunk.shift(index, G);
        assert_eq!(chunk.verify(&chunk.statement(), &honest), Err(Error::BadProof));
        assert_eq!(chunk.verify(&chunk.statement(), &chunk.prove()), Err(Error::BadProof));
    }
}

#[test]
fn errors_that_cancel_under_equal_or_neighbouring_weights_are_caught() {
    for (up, down) in [(0, 1), (3, 4), (0, 599), (511, 512)] {
        let mut chunk = Chunk::new(600);
        chunk.shift(up, G);
        chunk.shift(down, -G);
        assert_eq!(chunk.verify(&chunk.statement(), &chunk.prove()), Err(Error::BadProof));
    }
}

/// Weights that depended on each pair alone (RFC 9497) would let a prover fix errors whose weighted sum is
/// zero. Here the weights change with any element: errors made to cancel under the honest chunk's weights do
/// not cancel under their own.
#[test]
fn errors_that_cancel_under_the_honest_weights_are_caught() {
    let mut chunk = Chunk::new(9);
    let honest = chunk.prove();
    // Recover the honest weights as the verifier computes them, from the definition in docs/protocol.md.
    let w = {
        let digest = |rows: &[Bytes32]| sha512(rows.as_flattened());
        let parts: [&[u8]; 9] = [
            proof::DST_STATEMENT.as_bytes(),
            &[4; 64],
            &1u64.to_be_bytes(),
            &2u64.to_be_bytes(),
            &3u64.to_be_bytes(),
            &9u64.to_be_bytes(),
            &chunk.public_key,
            &digest(&chunk.blinded),
            &digest(&chunk.evaluated),
        ];
        _native::hash::length_prefixed(&parts)
    };
    let mut weights = [[0u8; 16]; 9];
    StreamKey::new(&w[..32].try_into().unwrap()).fill_bytes(weights.as_flattened_mut()).unwrap();
    let [first, second] = [0, 1].map(|index| Scalar::from(u128::from_le_bytes(weights[index])));
    chunk.shift(0, G * second);
    chunk.shift(1, G * -first);
    assert_eq!(chunk.verify(&chunk.statement(), &honest), Err(Error::BadProof));
    assert_eq!(chunk.verify(&chunk.statement(), &chunk.prove()), Err(Error::BadProof));
}

fn sha512(data: &[u8]) -> Bytes64 {
    use sha2::Digest;
    sha2::Sha512::digest(data).into()
}

/// The same scalar, not reduced: little-endian bytes plus the group order.
fn add_order(scalar: &mut [u8]) {
    let mut carry = 1;
    for (byte, order_less_one) in scalar.iter_mut().zip((-Scalar::ONE).to_bytes()) {
        carry += u16::from(*byte) + u16::from(order_less_one);
        *byte = carry as u8;
        carry >>= 8;
    }
    assert_eq!(carry, 0);
}

#[test]
fn proofs_that_are_not_two_canonical_scalars_are_refused() {
    let chunk = Chunk::new(3);
    let proof = chunk.prove();
    for bad in [&[][..], &proof[..63], &[&proof[..], &[0]].concat(), &[0; 64], &[0xff; 64]] {
        assert_eq!(chunk.verify(&chunk.statement(), bad), Err(Error::BadProof));
    }
    for half in [0, 32] {
        let mut unreduced = proof;
        add_order(&mut unreduced[half..half + 32]);
        assert_eq!(chunk.verify(&chunk.statement(), &unreduced), Err(Error::BadProof));
    }
}

#[test]
fn every_step_of_a_chunk_checks_what_it_gets() {
    let backend = available().next().unwrap();
    let (oprf_key, blind_key, proof_key) =
        (StreamKey::new(&[1; 32]), StreamKey::new(&[2; 32]), StreamKey::new(&[3; 32]));
    let public_key = voprf::public_key(&oprf_key).unwrap();
    let statement = Statement { ctx: &[4; 64], leg: 0, list: 0, chunk: 0, public_key: &public_key };
    let (data, offsets) = ([7u8; 9], (0..10).collect::<Vec<u32>>());
    let items = Items::new(&data, &offsets).unwrap();
    let dst = Expander::new(b"test").unwrap();
    let mut blinded = [[0; 32]; 9];
    voprf::blind(backend, items, &dst, &blind_key, 0, &mut blinded).unwrap();
    // Equal items, different blinds.
    assert!(blinded.iter().enumerate().all(|(i, row)| !blinded[..i].contains(row)));

    let mut evaluated = [[0; 32]; 9];
    let proof =
        voprf::evaluate(backend, &oprf_key, &proof_key, &statement, &blinded, &mut evaluated).unwrap();
    let finalize = |statement: &Statement<'_>, evaluated: &[Bytes32], proof: &[u8]| {
        let mut outputs = [[0; 64]; 9];
        voprf::verify_and_finalize(
            backend,
            items,
            &blind_key,
            0,
            statement,
            &blinded,
            evaluated,
            proof,
            &mut outputs,
        )
        .map(|()| outputs)
    };
    let outputs = finalize(&statement, &evaluated, &proof).unwrap();
    let mut tags = [[0; 16]; 9];
    voprf::tags(backend, items, &Expander::new(b"test").unwrap(), &oprf_key, &mut tags).unwrap();
    assert!(outputs.iter().zip(tags).all(|(output, tag)| output[..16] == tag));

    let mut wrong = evaluated;
    wrong.swap(2, 3);
    assert_eq!(finalize(&statement, &wrong, &proof), Err(Error::BadProof));
    let identity_key = Statement { public_key: &[0; 32], ..statement };
    assert_eq!(finalize(&identity_key, &evaluated, &proof), Err(Error::BadPublicKey));
    let mut bad = evaluated;
    bad[6] = [0; 32];
    let expected = Rejected::bad_element(6).in_list("evaluated");
    assert_eq!(finalize(&statement, &bad, &proof), Err(expected));
    assert_eq!(
        finalize(&statement, &evaluated[..8], &proof).map_err(|error| error.code()),
        Err("bad-length")
    );

    for count in [0, CHUNK_ELEMENTS + 1] {
        let rows = vec![[0; 32]; count];
        let mut out = rows.clone();
        let result = voprf::evaluate(backend, &oprf_key, &proof_key, &statement, &rows, &mut out);
        assert_eq!(result.map_err(|error| error.code()), Err("bad-length"));
    }
    let other = StreamKey::new(&[9; 32]);
    let result = voprf::evaluate(backend, &other, &proof_key, &statement, &blinded, &mut evaluated);
    assert_eq!(result, Err(Error::BadPublicKey));
}
