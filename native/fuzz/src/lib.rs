//! What the fuzzer runs, and `cargo test` again on the committed corpus: each function takes any bytes, and panics only if
//! the core does, or if a backend differs from curve25519-dalek one entry at a time.

mod ciphertexts;
mod logarithms;
mod proofs;
mod shuffle;

pub use self::ciphertexts::ciphertexts;
pub use self::logarithms::logarithms;
pub use self::proofs::proofs;
pub use self::shuffle::shuffle;

use _native::backend::{Backend, Bytes32, Bytes64, available, decode};
use _native::error::{Error, Rejected};
use _native::hash::Expander;
use _native::items::{Items, MAX_INPUT_BYTES};
use _native::keystream::StreamKey;
use _native::notes::{self, NOTE_BYTES};
use _native::proof::Statement;
use _native::voprf;
use curve25519_dalek::{RistrettoPoint, Scalar};

/// More items than two full registers, so that full, partial and idle lanes all occur.
const MAX_ITEMS: usize = 19;

/// Takes a case's inputs off the fuzzer's bytes; what is missing is zero.
struct Source<'a>(&'a [u8]);

impl<'a> Source<'a> {
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let taken = self.take(N);
        let mut array = [0; N];
        array[..taken.len()].copy_from_slice(taken);
        array
    }

    fn byte(&mut self) -> u8 {
        self.array::<1>()[0]
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::from(self.byte()) % limit
    }

    fn number(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }

    fn scalar(&mut self) -> Scalar {
        Scalar::from_bytes_mod_order(self.array())
    }

    fn key(&mut self) -> StreamKey {
        StreamKey::new(&self.array())
    }

    /// Any 32 bytes; or what is more often an element: without the bits that no element has, a small multiple of the base
    /// point, or the map's value. Its first byte says which.
    fn row(&mut self) -> Bytes32 {
        let kind = self.byte();
        let mut row: Bytes32 = self.array();
        match kind % 4 {
            0 => row,
            1 => {
                row[0] &= !1;
                row[31] &= 0x7f;
                row
            }
            2 => RistrettoPoint::mul_base(&Scalar::from(row[0])).compress().0,
            _ => {
                let uniform: Bytes64 = [row, [kind; 32]].as_flattened().try_into().expect("twice 32 bytes");
                RistrettoPoint::from_uniform_bytes(&uniform).compress().0
            }
        }
    }

    /// Data and offsets of up to MAX_ITEMS short items.
    fn items(&mut self) -> (Vec<u8>, Vec<u32>) {
        let (mut data, mut offsets) = (vec![], vec![0]);
        for _ in 0..1 + self.below(MAX_ITEMS) {
            let length = self.below(256);
            data.extend_from_slice(self.take(length));
            offsets.push(data.len() as u32);
        }
        (data, offsets)
    }
}

fn encoded(points: impl Iterator<Item = RistrettoPoint>) -> Vec<Bytes32> {
    points.map(|point| point.compress().0).collect()
}

/// Decoding and the kernels on elements: any rows, of which the lowest bad one must be named.
pub fn elements(data: &[u8]) {
    let mut source = Source(data);
    let count = source.below(MAX_ITEMS + 1);
    let k = source.scalar();
    let rows: Vec<Bytes32> = (0..count).map(|_| source.row()).collect();
    let scalars: Vec<Scalar> = (0..count).map(|_| source.scalar()).collect();
    let weights: Vec<[u8; 16]> = (0..count).map(|_| source.array()).collect();
    let points: Option<Vec<RistrettoPoint>> = rows.iter().map(decode).collect();
    let bad = rows.iter().position(|row| decode(row).is_none()).map(Rejected::bad_element);
    for backend in available() {
        let mut out = vec![[0; 32]; count];
        let evaluated = backend.evaluate(&k, &rows, &mut out).map(|()| out.clone());
        let multiplied = backend.multiply(&scalars, &rows, &mut out).map(|()| out.clone());
        let sum = backend.vartime_weighted_sum(&weights, &rows);
        if let Some(points) = &points {
            assert_eq!(evaluated, Ok(encoded(points.iter().map(|point| point * k))));
            let products = points.iter().zip(&scalars).map(|(point, scalar)| point * scalar);
            assert_eq!(multiplied, Ok(encoded(products)));
            let weights = weights.iter().map(|weight| Scalar::from(u128::from_le_bytes(*weight)));
            assert_eq!(sum, Ok(points.iter().zip(weights).map(|(point, weight)| point * weight).sum()));
        } else {
            assert_eq!(evaluated.err(), bad);
            assert_eq!(multiplied.err(), bad);
            assert_eq!(sum.err(), bad);
        }
    }
}

/// One chunk between two parties. On every backend an honest one gives the owner's tags from the same bytes, and one that
/// was altered anywhere gives an error.
pub fn chunk(data: &[u8]) {
    let mut source = Source(data);
    let (oprf_key, proof_key, blind_key) = (source.key(), source.key(), source.key());
    let first = source.number() % (1 << 32);
    let (ctx, numbers) = (source.array(), [source.number(), source.number(), source.number()]);
    let (data, offsets) = source.items();
    let items = Items::new(&data, &offsets).expect("offsets that ascend to the end of the data");
    let dst = Expander::new(b"fuzz").expect("a short tag");
    let asked = Asked { items, blind_key: &blind_key, first };
    let mut results = vec![];
    for backend in available() {
        let mut blinded = vec![[0; 32]; items.len()];
        match voprf::blind(backend, items, &dst, &blind_key, first, &mut blinded) {
            Err(Error::KeystreamExhausted) if first + items.len() as u64 > 1 << 32 => return,
            result => result.expect("scalars that the stream has"),
        }
        let mut evaluated = blinded.clone();
        let public_key = voprf::public_key(&oprf_key).expect("a key that is not zero");
        let mut honest = Sent { ctx, numbers, public_key, blinded, evaluated: vec![], proof: vec![] };
        let proof = voprf::evaluate(
            backend,
            &oprf_key,
            &proof_key,
            &honest.statement(),
            &honest.blinded,
            &mut evaluated,
        );
        honest.proof = proof.expect("a proof for good elements").to_vec();
        honest.evaluated = evaluated;

        let outputs = asked.finalize(backend, &honest).expect("an honest chunk verifies");
        let mut tags = vec![[0; 16]; items.len()];
        voprf::tags(backend, items, &dst, &oprf_key, &mut tags).expect("inputs that hash to elements");
        assert!(outputs.iter().zip(&tags).all(|(output, tag)| output[..16] == *tag));

        let (altered, codes) = altered(&honest, Source(source.0));
        match asked.finalize(backend, &altered) {
            Ok(same) => assert!(altered == honest && same == outputs),
            Err(error) => assert!(altered != honest && codes.contains(&error.code()), "{error}"),
        }
        results.push((honest, outputs));
    }
    assert!(results.iter().all(|result| *result == results[0]));
}

/// What the requester knows of a chunk by itself.
struct Asked<'a> {
    items: Items<'a>,
    blind_key: &'a StreamKey,
    first: u64,
}

/// What both parties must agree on.
#[derive(Clone, PartialEq)]
struct Sent {
    ctx: Bytes64,
    numbers: [u64; 3],
    public_key: Bytes32,
    blinded: Vec<Bytes32>,
    evaluated: Vec<Bytes32>,
    proof: Vec<u8>,
}

impl Sent {
    fn statement(&self) -> Statement<'_> {
        let [leg, list, chunk] = self.numbers;
        Statement { ctx: &self.ctx, leg, list, chunk, public_key: &self.public_key }
    }
}

impl Asked<'_> {
    fn finalize(&self, backend: &dyn Backend, sent: &Sent) -> Result<Vec<Bytes64>, Error> {
        let mut outputs = vec![[0; 64]; self.items.len()];
        voprf::verify_and_finalize(
            backend,
            self.items,
            self.blind_key,
            self.first,
            &sent.statement(),
            &sent.blinded,
            &sent.evaluated,
            &sent.proof,
            &mut outputs,
        )?;
        Ok(outputs)
    }
}

/// The chunk with one thing altered (or, by chance, nothing), and the errors that may follow.
fn altered(honest: &Sent, mut source: Source<'_>) -> (Sent, &'static [&'static str]) {
    let mut sent = honest.clone();
    let count = sent.blinded.len();
    let codes: &[&str] = match source.below(9) {
        0 => {
            sent.evaluated[source.below(count)][source.below(32)] ^= source.byte();
            &["bad-element", "bad-proof"]
        }
        1 => {
            sent.evaluated[source.below(count)] = source.row();
            &["bad-element", "bad-proof"]
        }
        2 => {
            sent.evaluated.swap(source.below(count), source.below(count));
            &["bad-proof"]
        }
        3 => {
            sent.blinded[source.below(count)] = source.row();
            &["bad-element", "bad-proof"]
        }
        4 => {
            sent.evaluated.resize_with(source.below(count + 2), || source.row());
            &["bad-length"]
        }
        5 => {
            sent.proof[source.below(64)] ^= source.byte();
            &["bad-proof"]
        }
        6 => {
            let length = source.below(130);
            sent.proof = source.take(length).to_vec();
            &["bad-proof"]
        }
        7 => {
            sent.ctx[source.below(64)] ^= source.byte();
            sent.numbers[source.below(3)] ^= source.number();
            &["bad-proof"]
        }
        _ => {
            sent.public_key = source.row();
            &["bad-public-key", "bad-proof"]
        }
    };
    (sent, codes)
}

/// The batch interface: any offsets into any data, any tag, any index into a keystream, outputs of any length, any
/// sealed notes.
pub fn batch(data: &[u8]) {
    let mut source = Source(data);
    let length = source.number() as usize % 300;
    let tag = source.take(length);
    let expander = Expander::new(tag);
    let refused = !(1..256).contains(&tag.len());
    assert_eq!(expander.as_ref().err().map(Error::code), refused.then_some("bad-dst"));
    let Ok(dst) = expander else { return };
    let (key, first) = (source.key(), source.number());
    let out_count = source.below(2 * MAX_ITEMS);
    let offsets = offsets(&mut source);
    let data = source.0;

    let items = Items::new(data, &offsets);
    let lengths = offsets.windows(2).map(|pair| i64::from(pair[1]) - i64::from(pair[0]));
    let good = offsets.last().is_some_and(|&last| last as usize <= data.len())
        && lengths.clone().all(|length| (0..=MAX_INPUT_BYTES as i64).contains(&length));
    assert_eq!(items.as_ref().err().map(Error::code), (!good).then_some("bad-items"));
    let Ok(items) = items else { return };
    assert!(items.iter().map(|item| item.len() as i64).eq(lengths));

    let hashed = items.iter().map(|item| RistrettoPoint::from_uniform_bytes(&dst.uniform(item)));
    let hashed: Vec<RistrettoPoint> = hashed.collect();
    for backend in available() {
        let mut out = vec![[0; 32]; items.len()];
        backend.hash_to_group(items, &dst, &mut out).expect("inputs that hash to elements");
        assert_eq!(out, encoded(hashed.iter().copied()));
        let half = items.len() / 2;
        let mut part = vec![[0; 32]; items.len() - half];
        backend.hash_to_group(items.slice(half..items.len()), &dst, &mut part).expect("as before");
        assert_eq!(part, out[half..]);

        let exhausted = first.checked_add(items.len() as u64).is_none_or(|end| end > 1 << 32);
        let mut blinded = vec![[0; 32]; out_count];
        let result =
            voprf::blind(backend, items, &dst, &key, first, &mut blinded).map_err(|error| error.code());
        match result {
            Err(code) if out_count != items.len() => assert_eq!(code, "bad-length"),
            Err(code) => assert!(exhausted && code == "keystream-exhausted"),
            Ok(()) => {
                assert!(!exhausted && out_count == items.len());
                let blinds = key.window(first, out_count).and_then(|window| {
                    window.scalars(0..out_count).map_err(|rejected| rejected.in_list("blinds"))
                });
                let blinds = blinds.expect("scalars that the stream has");
                let sums = hashed.iter().zip(blinds.iter()).map(|(h, r)| h + RistrettoPoint::mul_base(r));
                assert_eq!(blinded, encoded(sums));
            }
        }
    }
    open_notes(items, data);
}

/// Up to 40 offsets: mostly ascending, sometimes anything.
fn offsets(source: &mut Source<'_>) -> Vec<u32> {
    let mut offsets: Vec<u32> = vec![];
    for _ in 0..source.below(2 * MAX_ITEMS) {
        let before = offsets.last().copied().unwrap_or(0);
        let step = source.byte();
        offsets.push(match step {
            255 => u32::from_le_bytes(source.array()),
            254 => before.wrapping_add(u32::from(u16::from_le_bytes(source.array()))),
            253 => before.wrapping_add(MAX_INPUT_BYTES as u32 + u32::from(source.byte() & 1)),
            step => before.wrapping_add(u32::from(step)),
        });
    }
    offsets
}

/// No row that the fuzzer makes up is authentic, and none of it is let through.
fn open_notes(items: Items<'_>, data: &[u8]) {
    let mut source = Source(data);
    let rows: Vec<notes::NotedTag> = (0..items.len().min(2)).map(|_| source.array()).collect();
    let outputs: Vec<Bytes64> = rows.iter().map(|_| source.array()).collect();
    let (mut opened, mut plain) = (vec![9; rows.len()], vec![[9; NOTE_BYTES]; rows.len()]);
    notes::open(&outputs, &rows, source.0, &mut opened, &mut plain).expect("lists of the same length");
    assert!(opened.iter().all(|flag| *flag == 0) && plain.iter().all(|note| *note == [0; NOTE_BYTES]));
}
