//! Proofs about keys, ciphertexts and the values in them: what is honest verifies, what was altered or made up does not.

use _native::backend::{Bytes32, Bytes64, PublicKeyTable, available};
use _native::elgamal::{self, MAX_TOTAL};
use _native::error::Error;
use _native::keystream::StreamKey;
use _native::knowledge::{self, Encryption};
use _native::range::{self, Bounds, Proved};
use _native::voprf;

use super::Source;
use super::ciphertexts::value;

const MAX_VALUES: usize = 5;

/// What a verifier has of one proof.
#[derive(Clone, PartialEq)]
struct Sent {
    context: Vec<u8>,
    public_key: Bytes32,
    ciphertexts: Vec<Bytes64>,
    proof: Vec<u8>,
}

impl Sent {
    /// With one thing altered, or, by chance, nothing.
    fn altered(&self, source: &mut Source<'_>) -> Self {
        let mut sent = self.clone();
        match source.below(7) {
            0 => alter(&mut sent.context, source),
            1 => alter(&mut sent.proof, source),
            2 => {
                let length = source.below(256);
                sent.proof = source.take(length).to_vec();
            }
            3 => sent.public_key = source.row(),
            4 => {
                // One part of the proof, which is a list of elements and scalars.
                let parts = (sent.proof.len() / 32).max(1);
                let start = 32 * source.below(parts);
                if let Some(part) = sent.proof.get_mut(start..start + 32) {
                    part.copy_from_slice(&source.row());
                }
            }
            5 => {
                let index = source.below(sent.ciphertexts.len().max(1));
                if let Some(ciphertext) = sent.ciphertexts.get_mut(index) {
                    let half = 32 * source.below(2);
                    ciphertext[half..half + 32].copy_from_slice(&source.row());
                }
            }
            _ => {
                let count = sent.ciphertexts.len().max(1);
                let (a, b) = (source.below(count), source.below(count));
                if !sent.ciphertexts.is_empty() {
                    sent.ciphertexts.swap(a, b);
                }
            }
        }
        sent
    }

    fn key(&self) -> Result<PublicKeyTable, Error> {
        PublicKeyTable::new(&self.public_key)
    }
}

fn alter(bytes: &mut [u8], source: &mut Source<'_>) {
    let at = usize::from(u16::from_le_bytes(source.array()));
    let by = source.byte();
    if !bytes.is_empty() {
        let at = at % bytes.len();
        bytes[at] ^= by;
    }
}

/// Accepts exactly what is honest, with an error that fits where it does not.
fn judge(honest: &Sent, altered: &Sent, verify: impl Fn(&Sent) -> Result<(), Error>) {
    verify(honest).expect("an honest proof verifies");
    match verify(altered) {
        Ok(()) => assert!(altered == honest, "accepted what was altered"),
        Err(error) => {
            assert!(altered != honest);
            let codes = ["bad-proof", "bad-element", "bad-public-key", "bad-length"];
            assert!(codes.contains(&error.code()), "{error}");
        }
    }
}

pub fn proofs(data: &[u8]) {
    let mut source = Source(data);
    let keys = [source.key(), source.key(), source.key()];
    match source.below(3) {
        0 => possession(&keys, source),
        1 => knowledge(&keys, source),
        _ => ranges(&keys, source),
    }
}

fn context(source: &mut Source<'_>) -> Vec<u8> {
    let length = source.below(80);
    source.take(length).to_vec()
}

fn possession([secret_key, proof_key, _]: &[StreamKey; 3], mut source: Source<'_>) {
    let context = context(&mut source);
    let proof = knowledge::prove_possession(secret_key, proof_key, &context).expect("a key that is not zero");
    let public_key = voprf::public_key(secret_key).expect("the same");
    let honest = Sent { context, public_key, ciphertexts: vec![], proof: proof.to_vec() };
    let altered = honest.altered(&mut source);
    judge(&honest, &altered, |sent| knowledge::verify_possession(&sent.key()?, &sent.context, &sent.proof));
}

/// Ciphertexts of these values, without a proof yet.
fn encrypted(
    [secret_key, _, randomness_key]: &[StreamKey; 3],
    first: u64,
    values: &[i64],
    context: Vec<u8>,
) -> Sent {
    let backend = available().next().expect("one backend");
    let public_key = voprf::public_key(secret_key).expect("a key that is not zero");
    let mut pairs = vec![[[0; 32]; 2]; values.len()];
    elgamal::encrypt(backend, values, &public_key, randomness_key, first, &mut pairs)
        .expect("values in range");
    let ciphertexts = pairs.iter().map(|pair| pair.as_flattened().try_into().expect("twice 32 bytes"));
    Sent { context, public_key, ciphertexts: ciphertexts.collect(), proof: vec![] }
}

fn knowledge(keys: &[StreamKey; 3], mut source: Source<'_>) {
    let (context, first) = (context(&mut source), u64::from(source.byte()));
    let values: Vec<i64> = (0..1 + source.below(MAX_VALUES)).map(|_| value(&mut source)).collect();
    let mut honest = encrypted(keys, first, &values, context);
    let encryption = Encryption { values: &values, randomness_key: &keys[2], first };
    let pk = honest.key().expect("an honest key");
    let proof = knowledge::prove(&encryption, &keys[1], &honest.context, &pk, &honest.ciphertexts);
    honest.proof = proof.expect("a proof of what was encrypted").to_vec();
    let altered = honest.altered(&mut source);
    for backend in available() {
        judge(&honest, &altered, |sent| {
            knowledge::verify(backend, &sent.context, &sent.key()?, &sent.ciphertexts, &sent.proof)
        });
    }
}

/// Bounds around a value, at most 64 bits wide; as often as not the value is one of their ends.
fn bounds(source: &mut Source<'_>, value: i64) -> Bounds {
    let shift = source.below(64);
    let below = (source.number() >> shift) as i64 & i64::MAX;
    let above = i64::from(source.byte()) * i64::from(source.byte() & 1);
    Bounds { low: value.saturating_sub(below), high: value.saturating_add(above) }
}

fn ranges(keys: &[StreamKey; 3], mut source: Source<'_>) {
    let (context, first) = (context(&mut source), u64::from(source.byte()));
    let values: Vec<i64> = (0..1 + source.below(MAX_VALUES - 2)).map(|_| value(&mut source)).collect();
    let bounds: Vec<Bounds> = values.iter().map(|value| bounds(&mut source, *value)).collect();
    let mut honest = encrypted(keys, first, &values, context);
    let pk = honest.key().expect("an honest key");
    let prove = |values: &[i64], sent: &Sent| {
        let encryption = Encryption { values, randomness_key: &keys[2], first };
        range::prove(&encryption, &keys[1], &sent.context, &pk, &sent.ciphertexts, &bounds)
    };
    honest.proof = prove(&values, &honest).expect("a proof of values within their bounds");
    let altered = honest.altered(&mut source);
    let verify = |sent: &Sent| {
        let pk = sent.key()?;
        let proved = |sent: &Sent| {
            range::verify(
                &pk,
                &[Proved { context: &sent.context, ciphertexts: &sent.ciphertexts, proof: &sent.proof }],
                &bounds,
            )
        };
        proved(sent)
    };
    judge(&honest, &altered, verify);

    // Two at once: one that does not verify spoils the other.
    let both = [&honest, &altered].map(|sent| Proved {
        context: &sent.context,
        ciphertexts: &sent.ciphertexts,
        proof: &sent.proof,
    });
    let expected = altered == honest
        || altered.public_key != honest.public_key && {
            let Sent { context, ciphertexts, proof, .. } = &altered;
            *context == honest.context && *ciphertexts == honest.ciphertexts && *proof == honest.proof
        };
    assert_eq!(range::verify(&pk, &both, &bounds).is_ok(), expected);

    // The lowest value that is no longer within its bounds.
    let mut wrong = values.clone();
    wrong[0] = bounds[0].high.saturating_add(1).min(MAX_TOTAL);
    if wrong[0] > bounds[0].high {
        let lying = encrypted(keys, first, &wrong, honest.context.clone());
        assert!(prove(&wrong, &lying).is_err());
        // The proof of the true values is none of these ciphertexts.
        assert!(verify(&Sent { proof: honest.proof.clone(), ..lying }).is_err());
    }
}
