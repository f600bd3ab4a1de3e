//! The proof of a shuffle, from both sides: an honest one verifies in any chunks, an altered one does not.

use _native::backend::{Backend, Bytes32, Bytes64, PublicKeyTable, available};
use _native::elgamal;
use _native::error::Error;
use _native::hash::length_prefixed;
use _native::keystream::StreamKey;
use _native::multiples;
use _native::shuffle::{
    self, Check, Encryption, List, Masks, Opening, OwnRows, Prover, Relation, Rows, Verifier, Weights,
    Witness,
};
use _native::voprf;

use super::Source;

const MAX_ROWS: usize = 10;
const MAX_COLUMNS: usize = 2;

/// What hides in a case, and what both sides know.
struct Case {
    secret_key: StreamKey,
    joint_key: StreamKey,
    randomness_key: StreamKey,
    mask_key: StreamKey,
    omega: StreamKey,
    permutation: Vec<u32>,
    columns: usize,
    /// Where the lists are cut in two.
    cut: usize,
}

/// What a verifier gets.
#[derive(Clone, PartialEq)]
struct Sent {
    before: Vec<u8>,
    after: Vec<u8>,
    public_key: Bytes32,
    /// C, T_d, T_delta, D, P, T_B, T_K, V_1, V_0; s_K, s_m, s_p, s_v; T_E (two), s_E
    opening: Vec<Bytes32>,
    responses: Vec<Bytes64>,
}

/// w1 to w4 of docs/shuffle-proof.md but for the tags, which psi/shuffle.py has.
fn digests(sent: &Sent) -> [Bytes64; 4] {
    let o = &sent.opening;
    let statement = length_prefixed(&[&sent.before, &sent.after, &sent.public_key]);
    let w1 = length_prefixed(&[&statement, &o[0], &o[1], &o[2]]);
    let w2 = length_prefixed(&[&w1, &o[3]]);
    let mut chain: Vec<&[u8]> = vec![&w2, &o[4], &o[5], &o[6]];
    chain.extend(o.get(13..15).into_iter().flatten().map(|row| &row[..]));
    let w3 = length_prefixed(&chain);
    let w4 = length_prefixed(&[&w3, &o[7], &o[8]]);
    [w1, w2, w3, w4]
}

impl Case {
    fn new(source: &mut Source<'_>) -> Self {
        let count = 1 + source.below(MAX_ROWS);
        let mut permutation: Vec<u32> = (0..count as u32).collect();
        (0..count).rev().for_each(|row| permutation.swap(row, source.below(row + 1)));
        Self {
            secret_key: source.key(),
            joint_key: source.key(),
            randomness_key: source.key(),
            mask_key: source.key(),
            omega: source.key(),
            permutation,
            columns: source.below(MAX_COLUMNS + 1),
            cut: source.below(count + 1),
        }
    }

    fn joint_key(&self) -> Option<PublicKeyTable> {
        let key = voprf::public_key(&self.joint_key).expect("a key that is not zero");
        (self.columns > 0).then(|| PublicKeyTable::new(&key).expect("an element"))
    }

    /// Both lists.
    fn lists(&self, backend: &dyn Backend) -> (Vec<u8>, Vec<u8>) {
        let (count, columns) = (self.permutation.len(), self.columns);
        let scalars = self.randomness_key.window(0, count).expect("in the stream");
        let mut elements = vec![[0; 32]; count];
        backend.multiply_base(&scalars.scalars(0..count).expect("not zero"), &mut elements);
        let mut products = elements.clone();
        multiples::shared(backend, &elements, &self.secret_key, &mut products).expect("elements");
        let values: Vec<i64> = (0..(count * columns) as i64).collect();
        let mut encrypted = vec![[[0; 32]; 2]; values.len()];
        let mut again = encrypted.clone();
        if let Some(pk) = self.joint_key() {
            let pk = pk.point().compress().0;
            elgamal::encrypt(backend, &values, &pk, &self.mask_key, 0, &mut encrypted).expect("in range");
            elgamal::rerandomize(backend, &encrypted, &pk, &self.randomness_key, 0, &mut again)
                .expect("ciphertexts");
        }
        let row = |element: &Bytes32, ciphertexts: &[[Bytes32; 2]], row: usize| {
            [&element[..], ciphertexts[row * columns..][..columns].as_flattened().as_flattened()].concat()
        };
        let before = (0..count).flat_map(|i| row(&elements[i], &encrypted, i)).collect();
        let from = self.permutation.iter().map(|from| *from as usize);
        (before, from.flat_map(|i| row(&products[i], &again, i)).collect())
    }

    fn prove(&self, backend: &dyn Backend) -> Sent {
        let (before, after) = self.lists(backend);
        let count = self.permutation.len();
        let joint_key = self.joint_key();
        let public_key = voprf::public_key(&self.secret_key).expect("a key that is not zero");
        let opening = vec![[0; 32]; if self.columns > 0 { 16 } else { 13 }];
        let mut sent = Sent { before, after, public_key, opening, responses: vec![[0; 64]; count] };
        let masks = Masks::new(self.mask_key.clone(), count).expect("rows");
        let mut bases = vec![[0; 32]; count];
        let first = shuffle::commit(backend, &masks, &self.permutation, &mut bases).expect("a permutation");
        sent.opening[..3].copy_from_slice(&first);
        let mut permuted = vec![[0; 24]; count];
        let [w1, ..] = digests(&sent);
        sent.opening[3] = shuffle::permute(backend, &masks, &w1, &self.permutation, &bases, &mut permuted)
            .expect("the same");
        let [_, w2, ..] = digests(&sent);
        let weights = Weights::new(&w1, &w2, self.columns).expect("weights");
        let relation = Relation {
            masks: &masks,
            weights: &weights,
            permutation: &self.permutation,
            permuted: &permuted,
        };
        let secret = self.secret_key.scalar(0).expect("not zero");
        let randomness = (self.columns > 0).then(|| self.randomness_key.clone());
        let witness = Witness { bases: &bases, secret: secret.clone(), randomness };
        let mut prover = Prover::default();
        for (first, rows) in self.chunks(&sent.after) {
            let rows = Rows::new("rows after", rows, self.columns).expect("whole rows");
            prover.absorb(backend, &relation, &witness, first, rows).expect("good rows");
            prover = Prover::decode(&prover.encode()).expect("its own state");
        }
        let closed =
            shuffle::close(&masks, &prover, &secret, &public_key, joint_key.as_ref()).expect("a permutation");
        sent.opening[4..7].copy_from_slice(&closed[..3]);
        if self.columns > 0 {
            sent.opening[13..15].copy_from_slice(&closed[3..]);
        }
        let [_, _, w3, _] = digests(&sent);
        let related = relation.commit(&shuffle::challenge(&w3).expect("not zero")).expect("related");
        sent.opening[7..9].copy_from_slice(&related);
        let [_, _, _, w4] = digests(&sent);
        let gamma = shuffle::challenge(&w4).expect("not zero");
        let answers = shuffle::answers(&masks, &weights, &prover, &secret, &gamma).expect("answers");
        sent.opening[9..13].copy_from_slice(&answers[..4]);
        if self.columns > 0 {
            sent.opening[15] = answers[4];
        }
        let one = curve25519_dalek::Scalar::ONE;
        let middle = relation.respond(&gamma, 0, &one, &mut sent.responses[..self.cut]).expect("responses");
        relation.respond(&gamma, self.cut, &middle, &mut sent.responses[self.cut..]).expect("responses");
        sent
    }

    /// A list's two parts, each with the number of rows before it.
    fn chunks<'a>(&self, list: &'a [u8]) -> [(usize, &'a [u8]); 2] {
        let (first, second) = list.split_at((32 + 64 * self.columns) * self.cut);
        [(0, first), (self.cut, second)]
    }

    /// Elements of the list before with what was encrypted, as its maker has them.
    fn own(&self, before: &[u8]) -> Vec<u8> {
        let rows = before.chunks_exact(32 + 64 * self.columns).enumerate();
        let row = |(row, bytes): (usize, &[u8])| {
            let values =
                (row * self.columns..(row + 1) * self.columns).flat_map(|v| (v as i64).to_le_bytes());
            [&bytes[..32], &(row as u32).to_le_bytes()].concat().into_iter().chain(values).collect::<Vec<_>>()
        };
        rows.flat_map(row).collect()
    }

    /// As one that has received the list before, or that has made it.
    fn verify(&self, backend: &dyn Backend, sent: &Sent, own: bool) -> Result<(), Error> {
        let opening = Opening::decode(&sent.opening, self.columns > 0)?;
        let [w1, w2, w3, w4] = digests(sent);
        let check = Check {
            weights: Weights::new(&w1, &w2, self.columns)?,
            z: shuffle::challenge(&w3)?,
            gamma: shuffle::challenge(&w4)?,
            omega: *self.omega.scalar(0)?,
        };
        let mut verifier = Verifier::new(&check.gamma);
        let made = self.joint_key().filter(|_| own).map(|joint_key| {
            let rows = self.own(&sent.before);
            (rows, Encryption { randomness: self.mask_key.clone(), joint_key })
        });
        let own_row_bytes = 36 + 8 * self.columns;
        let (before, after) = (self.chunks(&sent.before), self.chunks(&sent.after));
        for (((first, before), (_, after)), responses) in
            before.into_iter().zip(after).zip([&sent.responses[..self.cut], &sent.responses[self.cut..]])
        {
            let before = match &made {
                None => List::Received(Rows::new("rows before", before, self.columns)?),
                Some((rows, encryption)) => {
                    let rows = &rows[own_row_bytes * first..][..own_row_bytes * responses.len()];
                    List::Own(OwnRows::new(rows, self.columns, encryption)?)
                }
            };
            let after = Rows::new("rows after", after, self.columns)?;
            verifier.absorb(backend, &check, first, before, after, responses)?;
            verifier = Verifier::decode(&verifier.encode()).expect("its own state");
        }
        let public_key = PublicKeyTable::new(&sent.public_key)?;
        verifier.finish(&check, &opening, &public_key, self.joint_key().as_ref())
    }
}

/// With one thing altered, or, by chance, nothing.
fn altered(honest: &Sent, source: &mut Source<'_>) -> Sent {
    let mut sent = honest.clone();
    match source.below(6) {
        0 => {
            let place = source.below(sent.opening.len());
            sent.opening[place] = source.row();
        }
        1 => {
            let place = source.below(sent.opening.len());
            let scalar = source.scalar();
            sent.opening[place] = scalar.to_bytes();
        }
        2 => {
            let (row, place) = (source.below(sent.responses.len()), source.below(64));
            sent.responses[row][place] ^= source.byte();
        }
        3 => {
            let (a, b) = (source.below(sent.responses.len()), source.below(sent.responses.len()));
            sent.responses.swap(a, b);
        }
        4 => sent.public_key = source.row(),
        _ => {
            let list = if source.byte().is_multiple_of(2) { &mut sent.before } else { &mut sent.after };
            let places = list.len() / 32;
            let place = 32 * source.below(places);
            list[place..place + 32].copy_from_slice(&source.row());
        }
    }
    sent
}

pub fn shuffle(data: &[u8]) {
    let mut source = Source(data);
    let case = Case::new(&mut source);
    let mut backends = available();
    let first = case.prove(backends.next().expect("one backend"));
    backends.for_each(|backend| assert!(case.prove(backend) == first, "{}", backend.name()));
    let altered = altered(&first, &mut source);
    for backend in available() {
        for own in [false, true] {
            case.verify(backend, &first, own).expect("an honest proof verifies");
            match case.verify(backend, &altered, own) {
                Ok(()) => assert!(altered == first, "accepted what was altered"),
                Err(error) => {
                    assert!(altered != first);
                    let codes = ["bad-proof", "bad-element", "bad-scalar", "bad-public-key"];
                    assert!(codes.contains(&error.code()), "{error}");
                }
            }
        }
    }
}
