//! Discrete logarithms: any bytes as elements, and a table that may be anything.

use std::sync::{LazyLock, Mutex, PoisonError};

use _native::backend::{Bytes32, available};
use _native::discrete_log::{self, TABLE_BYTES, key};
use _native::field::Affine;
use curve25519_dalek::{RistrettoPoint, Scalar};

use super::Source;

const BUCKETS: usize = 1 << 21;
const OFFSETS_BYTES: usize = 4 * (BUCKETS + 1);
const ENTRY_BYTES: usize = 6;
/// The range of a single leap, so that a case takes milliseconds.
const MAX_BOUND: u64 = (1 << 24) - 1;

/// A table of the right length with nothing in it, one for all cases: each leaves it as it was.
static TABLE: LazyLock<Mutex<Vec<u8>>> = LazyLock::new(|| Mutex::new(vec![0; TABLE_BYTES]));

/// The key of 4 v G, by which a table finds v.
fn key_of(v: u64) -> u64 {
    let base = Affine::decode_up_to_sign(&RistrettoPoint::mul_base(&Scalar::ONE).compress().0);
    key(&base.vartime_multiply(4 * v).y.to_bytes())
}

/// v*G for a small v; or any row.
fn element(source: &mut Source<'_>) -> (Bytes32, Option<i64>) {
    let v = i64::from(source.byte()) - 128;
    if source.byte().is_multiple_of(4) {
        return (source.row(), None);
    }
    let point = RistrettoPoint::mul_base(&Scalar::from(v.unsigned_abs()));
    (if v < 0 { -point } else { point }.compress().0, Some(v))
}

/// Every answer is right whatever the table says, and a table that has an entry where it belongs finds its multiple.
pub fn logarithms(data: &[u8]) {
    let mut source = Source(data);
    let bound = source.number() % (MAX_BOUND + 1);
    let listed = u64::from(source.byte());
    let (element, v) = element(&mut source);
    let honest = source.byte().is_multiple_of(2);
    let mut table = TABLE.lock().unwrap_or_else(PoisonError::into_inner);
    let touched = if honest { entry(&mut table, listed) } else { scribble(&mut table, &mut source) };
    for backend in available() {
        let mut out = [[9; 8]];
        match discrete_log::solve(backend, &table, &[element], bound, &mut out) {
            Ok(()) => {
                let found = i64::from_le_bytes(out[0]);
                assert!(found.unsigned_abs() <= bound);
                let size = RistrettoPoint::mul_base(&Scalar::from(found.unsigned_abs()));
                assert_eq!(if found < 0 { -size } else { size }.compress().0, element);
            }
            Err(error) => {
                assert_eq!((error.code(), error.index()), ("total-out-of-range", Some(0)));
                let reached = v.is_some_and(|v| v.unsigned_abs() == listed && listed <= bound);
                assert!(!honest || !reached, "a total that is in the table");
            }
        }
    }
    touched.into_iter().for_each(|range| table[range].fill(0));
    let short =
        discrete_log::solve(available().next().expect("one"), &table[1..], &[element], 1, &mut [[0; 8]]);
    assert_eq!(short.map_err(|error| error.code()), Err("bad-length"));
}

/// One entry, in its bucket; returns what to clear.
fn entry(table: &mut [u8], v: u64) -> Vec<std::ops::Range<usize>> {
    let key = key_of(v);
    let bucket = (key >> 43) as usize;
    // Entry 0 is this one, and all buckets after it end behind it. Only its own needs to say so.
    let end = 4 * (bucket + 1)..4 * (bucket + 2);
    table[end.clone()].copy_from_slice(&1u32.to_le_bytes());
    let entry = OFFSETS_BYTES..OFFSETS_BYTES + ENTRY_BYTES;
    table[entry.clone()].copy_from_slice(&(v | (key & 0xff_ffff) << 24).to_le_bytes()[..ENTRY_BYTES]);
    vec![end, entry]
}

/// Anything anywhere, around the bucket that is looked up first too.
fn scribble(table: &mut [u8], source: &mut Source<'_>) -> Vec<std::ops::Range<usize>> {
    let mut touched = vec![];
    for _ in 0..source.below(16) {
        let start = match source.byte() % 3 {
            0 => 4 * (key_of(source.number() % 256) >> 43) as usize,
            1 => OFFSETS_BYTES + ENTRY_BYTES * source.below(64),
            _ => source.number() as usize % (TABLE_BYTES - 8),
        };
        let range = start..start + 8;
        table[range.clone()].copy_from_slice(&source.array::<8>());
        touched.push(range);
    }
    touched
}
