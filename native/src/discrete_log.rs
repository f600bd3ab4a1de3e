//! From v*G to v, for totals: baby-step giant-step, variable time in v.
//!
//! On affine coordinates of 4 P: the points that one encoding stands for differ by what four times removes, and an addition
//! then costs five multiplications and a half, inversions being shared, where an encoding would cost far more. A point and its
//! negative have the same y, so that a table of j * 4G for j below m finds all v with |v| < m, and steps lead 2 m - 1
//! further at a time. The low 64 bits of y are the key of a point.
//!
//! Who calls this with v*G learns v, and may let it show: time grows with |v|.

use curve25519_dalek::ristretto::CompressedRistretto;
use curve25519_dalek::{RistrettoPoint, constants};
use rayon::prelude::*;
use std::hint::black_box;
use std::ops::ControlFlow;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::backend::{Backend, Bytes32};
use crate::elgamal::{MAX_TOTAL, value_scalar};
use crate::error::{Error, Rejected};
use crate::field::{Affine, Fe};

/// m: multiples 0..m are in the table, one in each entry.
const MULTIPLES: usize = 1 << 24;
/// An entry's index has 24 bits, and so has what of the key is kept beside it.
const ENTRY_BYTES: usize = 6;
const BUCKET_BITS: u32 = 21;
const BUCKETS: usize = 1 << BUCKET_BITS;
const OFFSETS_BYTES: usize = 4 * (BUCKETS + 1);
/// Bytes of a table: where each bucket starts, then the entries, all numbers little-endian.
pub const TABLE_BYTES: usize = OFFSETS_BYTES + ENTRY_BYTES * MULTIPLES;

/// Multiples of a step that are added to, and subtracted from, each centre.
pub const REACH: usize = 256;
/// Keys for each centre: itself, and both sides of it.
pub const SPAN: usize = 2 * REACH + 1;
/// Centres of one call to a kernel, a multiple of the eight lanes.
const CENTRES: usize = 64;

/// Keys that are looked up together.
const LOOK_UPS: usize = 64;

/// What a backend does for this module.
pub trait Kernels {
    /// The keys of all points around each centre C: at [`position`] 0 that of C, then, for j = 1..=[`REACH`], those of C + j Q
    /// and C - j Q. Key `i` of centre `c` goes to `out[i * centres.len() + c]`.
    fn vartime_keys(&self, centres: &[Point], steps: &Steps, out: &mut [u64]);
}

/// An affine point, canonically encoded: x and y.
pub type Point = [Bytes32; 2];

fn point(affine: &Affine) -> Point {
    [affine.x.to_bytes(), affine.y.to_bytes()]
}

/// The low 64 bits of y.
pub fn key(y: &Bytes32) -> u64 {
    u64::from_le_bytes(y.as_chunks().0[0])
}

/// j * Q for j = 1..=[`REACH`]: x, y and d x y, canonically encoded.
pub struct Steps(Vec<[Bytes32; 3]>);

impl Steps {
    pub fn new(step: &Affine) -> Self {
        let multiples = std::iter::successors(Some(*step), |multiple| Some(multiple.add(step)));
        let encode = |multiple: Affine| [multiple.x, multiple.y, multiple.d_x_y()].map(Fe::to_bytes);
        Self(multiples.take(REACH).map(encode).collect())
    }

    pub fn multiples(&self) -> &[[Bytes32; 3]] {
        &self.0
    }
}

/// How far key `position` lies from its centre, in steps.
fn distance(position: usize) -> i64 {
    let size = position.div_ceil(2) as i64;
    if position.is_multiple_of(2) { -size } else { size }
}

/// All points P + i * U, |i| <= [`Walk::WIDTH`] / 2, for one U: centres are [`SPAN`] apart, and around each the nearest.
struct Walk {
    near: Steps,
    far: Vec<Affine>,
    leap: Affine,
}

impl Walk {
    const WIDTH: i64 = (SPAN * SPAN) as i64;

    fn new(unit: &Affine) -> Self {
        let far = unit.vartime_multiply(SPAN as u64);
        let multiples = std::iter::successors(Some(far), |multiple| Some(multiple.add(&far)));
        Self {
            near: Steps::new(unit),
            far: multiples.take(REACH).flat_map(|multiple| [multiple, multiple.negate()]).collect(),
            leap: far.vartime_multiply(SPAN as u64),
        }
    }

    /// Hands the keys of all these points to `each`, the nearest centres first, until it breaks.
    fn vartime_visit<B>(
        &self,
        backend: &dyn Backend,
        base: &Affine,
        mut each: impl FnMut(Keys<'_>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let mut keys = vec![0; SPAN * CENTRES];
        let centres: Vec<Point> =
            std::iter::once(point(base)).chain(self.far.iter().map(|far| point(&base.add(far)))).collect();
        for (chunk, centres) in centres.chunks(CENTRES).enumerate() {
            let keys = &mut keys[..SPAN * centres.len()];
            backend.vartime_keys(centres, &self.near, keys);
            each(Keys { first_centre: chunk * CENTRES, centres: centres.len(), keys })?;
        }
        ControlFlow::Continue(())
    }
}

/// The keys around some of a walk's centres, as a kernel has written them.
struct Keys<'a> {
    first_centre: usize,
    centres: usize,
    keys: &'a [u64],
}

impl Keys<'_> {
    /// How far the point of key `index` lies from the walk's base, in units.
    fn offset(&self, index: usize) -> i64 {
        let (position, centre) = (index / self.centres, index % self.centres);
        distance(self.first_centre + centre) * SPAN as i64 + distance(position)
    }
}

/// 4 G
static FOUR: LazyLock<Affine> = LazyLock::new(|| {
    let generator = Affine::decode_up_to_sign(&constants::RISTRETTO_BASEPOINT_COMPRESSED.0);
    generator.vartime_multiply(4)
});

/// The walk whose steps are as long as the table is wide: (2 m - 1) * 4G.
static GIANT: LazyLock<Walk> = LazyLock::new(|| Walk::new(&FOUR.vartime_multiply(2 * MULTIPLES as u64 - 1)));

fn bucket(key: u64) -> usize {
    (key >> (u64::BITS - BUCKET_BITS)) as usize
}

/// What an entry keeps of a key, above the 24 bits of its index.
fn kept(key: u64) -> u64 {
    (key & 0xff_ffff) << 24
}

/// Fills a new table. Same bytes on every backend and machine.
pub fn build(backend: &dyn Backend, table: &mut [u8; TABLE_BYTES]) {
    let walk = Walk::new(&FOUR);
    let leaps = (MULTIPLES as u64).div_ceil(Walk::WIDTH as u64);
    let first = FOUR.vartime_multiply(Walk::WIDTH as u64 / 2);
    // Twice through all multiples: to count what falls into each bucket, and to put it there.
    let visit_all = |each: &mut dyn FnMut(u64, u64)| {
        let bases: Vec<u64> = (0..leaps).collect();
        for bases in bases.chunks(rayon::current_num_threads()) {
            let keys: Vec<Vec<u64>> = bases
                .par_iter()
                .map(|leap| {
                    let mut keys = vec![0; Walk::WIDTH as usize];
                    let base = first.add(&walk.leap.vartime_multiply(*leap));
                    let _ = walk.vartime_visit::<()>(backend, &base, |visited| {
                        for (index, key) in visited.keys.iter().enumerate() {
                            keys[(Walk::WIDTH / 2 + visited.offset(index)) as usize] = *key;
                        }
                        ControlFlow::Continue(())
                    });
                    keys
                })
                .collect();
            for (leap, keys) in bases.iter().zip(keys) {
                let indices = leap * Walk::WIDTH as u64..MULTIPLES as u64;
                indices.zip(keys).for_each(|(index, key)| each(index, key));
            }
        }
    };
    let mut ends = vec![0u32; BUCKETS + 1];
    visit_all(&mut |_, key| ends[bucket(key) + 1] += 1);
    for bucket in 0..BUCKETS {
        ends[bucket + 1] += ends[bucket];
    }
    let (offsets, entries) = table.split_at_mut(OFFSETS_BYTES);
    for (offset, end) in offsets.as_chunks_mut().0.iter_mut().zip(&ends) {
        *offset = end.to_le_bytes();
    }
    let entries = entries.as_chunks_mut::<ENTRY_BYTES>().0;
    visit_all(&mut |index, key| {
        let end = &mut ends[bucket(key)];
        let entry = (index | kept(key)).to_le_bytes();
        entries[*end as usize].copy_from_slice(&entry[..ENTRY_BYTES]);
        *end += 1;
    });
}

/// A table as [`build`] has made it; one that something else has made finds less, and no more.
#[derive(Clone, Copy)]
pub struct Table<'a> {
    offsets: &'a [[u8; 4]],
    entries: &'a [[u8; ENTRY_BYTES]],
}

impl<'a> Table<'a> {
    pub fn new(table: &'a [u8]) -> Result<Self, Error> {
        if table.len() != TABLE_BYTES {
            return Err(Error::length("table of discrete logarithms", TABLE_BYTES, table.len()));
        }
        let (offsets, entries) = table.split_at(OFFSETS_BYTES);
        Ok(Self { offsets: offsets.as_chunks().0, entries: entries.as_chunks().0 })
    }

    /// Hands each key's index and every j that may have this key to `each`, until it breaks.
    fn vartime_look_up<B>(
        &self,
        keys: &[u64],
        mut each: impl FnMut(usize, i64) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let mut buckets = [(0, 0); LOOK_UPS];
        for (batch, keys) in keys.chunks(LOOK_UPS).enumerate() {
            // The table is far larger than caches. Loads that nothing waits for overlap; a scan waits for its bucket. So what the
            // scans will read is fetched first, for all of them.
            for (place, key) in buckets.iter_mut().zip(keys) {
                let bucket = bucket(*key);
                let [start, end] = [bucket, bucket + 1].map(|i| u32::from_le_bytes(self.offsets[i]) as usize);
                *place = (start, end);
            }
            let touched = buckets[..keys.len()].iter().fold(0, |touched, (start, end)| {
                let first = |index: usize| self.entries.get(index).map_or(0, |entry| entry[0]);
                touched ^ first(*start) ^ first(*end)
            });
            black_box(touched);
            for (index, (key, (start, end))) in keys.iter().zip(buckets).enumerate() {
                let kept = kept(*key);
                for entry in self.entries.get(start..end).unwrap_or(&[]) {
                    let [a, b, c, d, e, f] = *entry;
                    let j = u64::from_le_bytes([a, b, c, d, e, f, 0, 0]) ^ kept;
                    if j < MULTIPLES as u64 {
                        each(batch * LOOK_UPS + index, j as i64)?;
                    }
                }
            }
        }
        ControlFlow::Continue(())
    }

    /// The v with v*G = element and |v| <= bound.
    fn vartime_solve(&self, backend: &dyn Backend, element: &Bytes32, bound: i64) -> Option<i64> {
        CompressedRistretto(*element).decompress()?;
        let is_it = |v: &i64| {
            v.abs() <= bound && RistrettoPoint::mul_base(&value_scalar(*v)).compress().0 == *element
        };
        let start = Affine::decode_up_to_sign(element).vartime_multiply(4);
        let width = 2 * MULTIPLES as i64 - 1;
        // The leaps that are needed for v = bound: i * width + (m - 1) >= bound for the outermost i.
        let steps = (bound as u64).saturating_sub(MULTIPLES as u64 - 1).div_ceil(width as u64);
        let leaps = steps.saturating_sub(Walk::WIDTH as u64 / 2).div_ceil(Walk::WIDTH as u64) as usize;
        let found = AtomicBool::new(false);
        (0..=2 * leaps).into_par_iter().find_map_any(|leap| {
            let leap = distance(leap);
            let leaped = GIANT.leap.vartime_multiply(leap.unsigned_abs());
            let base = start.add(&if leap < 0 { leaped.negate() } else { leaped });
            let visited = GIANT.vartime_visit(backend, &base, |visited| {
                if found.load(Ordering::Relaxed) {
                    return ControlFlow::Break(None);
                }
                self.vartime_look_up(visited.keys, |index, j| {
                    // 4 v G, up to the sign, plus `away` times 4 G is j or -j times 4 G.
                    let away = (leap * Walk::WIDTH + visited.offset(index)) * width;
                    match [j - away, -j - away, away - j, away + j].into_iter().find(is_it) {
                        Some(v) => ControlFlow::Break(Some(v)),
                        None => ControlFlow::Continue(()),
                    }
                })
            });
            let v = visited.break_value()??;
            found.store(true, Ordering::Relaxed);
            Some(v)
        })
    }
}

/// The v_i with v_i*G = element i and |v_i| <= bound, as little-endian numbers.
pub fn solve(
    backend: &dyn Backend,
    table: &[u8],
    elements: &[Bytes32],
    bound: u64,
    out: &mut [[u8; 8]],
) -> Result<(), Error> {
    let table = Table::new(table)?;
    let bound = i64::try_from(bound).ok().filter(|bound| *bound <= MAX_TOTAL).ok_or(Error::BadBound)?;
    for (index, (out, element)) in out.iter_mut().zip(elements).enumerate() {
        let v = table.vartime_solve(backend, element, bound);
        *out = v.ok_or_else(|| Rejected::total_out_of_range(index).in_list("elements"))?.to_le_bytes();
    }
    Ok(())
}
