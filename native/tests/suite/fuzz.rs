//! The fuzzer's targets (fuzz/, docs/fuzzing.md) on its committed corpus, on what it once found, and on a few random cases.

use std::path::{Path, PathBuf};

use _native::keystream::StreamKey;

#[path = "../../fuzz/src/lib.rs"]
mod targets;

const RANDOM_CASES: usize = 64;
const MAX_CASE_BYTES: usize = 3_000;

fn replay(name: &str, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut cases: Vec<PathBuf> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(!cases.is_empty(), "expected cases in fuzz/corpus/{name}, got none");
    cases.iter().for_each(|case| target(&std::fs::read(case).unwrap()));
    let mut bytes = vec![0; MAX_CASE_BYTES];
    for case in 0..RANDOM_CASES {
        StreamKey::new(&[case as u8; 32]).fill_bytes(&mut bytes).unwrap();
        target(&bytes[..case * MAX_CASE_BYTES / RANDOM_CASES]);
    }
}

#[test]
fn elements() {
    replay("elements", targets::elements);
}

#[test]
fn chunk() {
    replay("chunk", targets::chunk);
}

#[test]
fn batch() {
    replay("batch", targets::batch);
}

#[test]
fn ciphertexts() {
    replay("ciphertexts", targets::ciphertexts);
}

#[test]
fn logarithms() {
    replay("logarithms", targets::logarithms);
}

#[test]
fn proofs() {
    replay("proofs", targets::proofs);
}

#[test]
fn shuffle() {
    replay("shuffle", targets::shuffle);
}
