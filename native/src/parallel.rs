//! Batches over all cores, with results that do not depend on how many there are.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use curve25519_dalek::traits::Identity;
use curve25519_dalek::{RistrettoPoint, Scalar};
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use zeroize::Zeroizing;

use crate::error::{Error, Rejected};

/// Entries of a full block: a multiple of the eight lanes, and enough of them to share one inversion cheaply.
pub const BLOCK: usize = 512;
/// Lanes of the widest backend; blocks are multiples of it, so that only a batch's last block has idle lanes.
const LANES: usize = 8;
/// Fewer summands than this cost less on one core than their buckets on two.
const MIN_SUMMANDS: usize = 256;
/// More of them gain nothing where each costs the same.
const MAX_SUMMANDS: usize = 4_096;

/// The pool and the process that started it.
static POOL: Mutex<Option<(u32, Arc<ThreadPool>)>> = Mutex::new(None);

/// This process's threads, one per available core (RAYON_NUM_THREADS overrides).
#[derive(Clone)]
pub struct Pool(Arc<ThreadPool>);

/// The pool of this process: a forked child has none of its parent's threads and gets its own. The bindings
/// call this while they hold the interpreter lock, so that no fork meets the mutex locked.
pub fn pool() -> Result<Pool, Error> {
    let mut slot = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    let process = std::process::id();
    match &*slot {
        Some((owner, pool)) if *owner == process => Ok(Pool(Arc::clone(pool))),
        _ => {
            let name = |index| format!("accord-native-{index}");
            let pool = ThreadPoolBuilder::new().thread_name(name).build();
            let pool = Arc::new(pool.map_err(|_| Error::Fault("cannot start its threads"))?);
            // The parent's pool, if there is one, cannot be joined from here.
            std::mem::forget(slot.replace((process, Arc::clone(&pool))));
            Ok(Pool(pool))
        }
    }
}

impl Pool {
    /// Runs `work` on the pool's threads. A panic there becomes an error that says nothing of the data.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> Result<T, Error> + Send) -> Result<T, Error> {
        // What `work` may leave half done is the caller's buffers, which an error makes void.
        catch_unwind(AssertUnwindSafe(|| self.0.install(work))).unwrap_or(Err(Error::Fault("panicked")))
    }
}

/// The block size for `count` entries: full blocks, or smaller ones where full ones would leave cores idle.
fn block_size(count: usize) -> usize {
    count.div_ceil(rayon::current_num_threads()).next_multiple_of(LANES).clamp(LANES, BLOCK)
}

/// Runs `work` on blocks that together cover `out`: the range of each block's entries, and its part of `out`.
///
/// If blocks reject, the lowest rejected entry of the whole batch is reported; blocks above a known rejection
/// are skipped.
pub fn blocks<T, F>(out: &mut [T], work: F) -> Result<(), Rejected>
where
    T: Send,
    F: Fn(Range<usize>, &mut [T]) -> Result<(), Rejected> + Sync,
{
    let size = block_size(out.len());
    let lowest = AtomicUsize::new(usize::MAX);
    let rejected = out
        .par_chunks_mut(size)
        .enumerate()
        .filter_map(|(block, out)| {
            let start = block * size;
            if lowest.load(Ordering::Relaxed) < start {
                return None;
            }
            let rejected = work(start..start + out.len(), out).err()?.offset_by(start);
            lowest.fetch_min(rejected.index, Ordering::Relaxed);
            Some(rejected)
        })
        .min_by_key(|rejected| rejected.index);
    rejected.map_or(Ok(()), Err)
}

/// Runs `work` on ranges that together cover `0..count`, one for each core: the start of each, and its result, in order.
pub fn parts<T, F>(count: usize, work: F) -> Vec<(usize, T)>
where
    T: Send,
    F: Fn(Range<usize>) -> T + Sync,
{
    let size = count.div_ceil(rayon::current_num_threads()).next_multiple_of(LANES).max(MIN_SUMMANDS);
    let starts = (0..count).into_par_iter().step_by(size);
    starts.map(|start| (start, work(start..count.min(start + size)))).collect()
}

/// Adds up `work` over ranges that together cover `0..count`. Rejections as in [`blocks`].
pub fn sum<F>(count: usize, work: F) -> Result<RistrettoPoint, Rejected>
where
    F: Fn(Range<usize>) -> Result<RistrettoPoint, Rejected> + Sync,
{
    let [sum] = long_sums(count, |range| Ok(vec![work(range)?]))?;
    Ok(sum)
}

/// As [`sum`], for `N` sums at once.
pub fn long_sums<const N: usize, F>(count: usize, work: F) -> Result<[RistrettoPoint; N], Rejected>
where
    F: Fn(Range<usize>) -> Result<Vec<RistrettoPoint>, Rejected> + Sync,
{
    // In order, so the first rejection is the lowest.
    let parts = parts(count, work).into_iter();
    totals(parts.map(|(start, part)| part.map_err(|rejected| rejected.offset_by(start))))
}

/// As [`long_sums`], over ranges short enough that what `work` computes for them stays small.
pub fn sums<const N: usize, F>(count: usize, work: F) -> Result<[RistrettoPoint; N], Rejected>
where
    F: Fn(Range<usize>) -> Result<Vec<RistrettoPoint>, Rejected> + Sync,
{
    let size = count.div_ceil(rayon::current_num_threads()).next_multiple_of(LANES);
    let size = size.clamp(MIN_SUMMANDS, MAX_SUMMANDS);
    let parts: Vec<_> = (0..count)
        .into_par_iter()
        .step_by(size)
        .map(|start| work(start..count.min(start + size)).map_err(|rejected| rejected.offset_by(start)))
        .collect();
    totals(parts.into_iter())
}

fn totals<const N: usize>(
    parts: impl Iterator<Item = Result<Vec<RistrettoPoint>, Rejected>>,
) -> Result<[RistrettoPoint; N], Rejected> {
    let mut totals = [RistrettoPoint::identity(); N];
    for part in parts {
        totals.iter_mut().zip(part?).for_each(|(total, part)| *total += part);
    }
    Ok(totals)
}

/// What `work` computes for each of the ranges that together cover `0..count`.
pub fn collect<T, F>(count: usize, work: F) -> Result<Vec<T>, Rejected>
where
    T: Send,
    F: Fn(Range<usize>) -> Result<T, Rejected> + Sync,
{
    let size = block_size(count);
    let ranges = (0..count).into_par_iter().step_by(size);
    ranges
        .map(|start| work(start..count.min(start + size)).map_err(|rejected| rejected.offset_by(start)))
        .collect()
}

/// The scalars that `work` computes for ranges that together cover `0..count`.
pub fn scalars<F>(count: usize, work: F) -> Result<Zeroizing<Vec<Scalar>>, Rejected>
where
    F: Fn(Range<usize>) -> Result<Zeroizing<Vec<Scalar>>, Rejected> + Sync,
{
    let mut all = Zeroizing::new(vec![Scalar::ZERO; count]);
    blocks(&mut all, |range, out| {
        out.copy_from_slice(&work(range)?);
        Ok(())
    })?;
    Ok(all)
}

/// Names the lowest element that `good` refuses.
pub fn check<T: Sync>(entries: &[T], good: impl Fn(&T) -> bool + Sync) -> Result<(), Rejected> {
    match entries.par_iter().position_first(|entry| !good(entry)) {
        Some(index) => Err(Rejected::bad_element(index)),
        None => Ok(()),
    }
}
