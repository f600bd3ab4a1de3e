//! Blocks: every entry once, the lowest rejection first, and panics as errors, on any number of threads.

use std::sync::atomic::{AtomicUsize, Ordering};

use _native::error::{Error, Rejected};
use _native::parallel::{self, BLOCK};
use curve25519_dalek::{RistrettoPoint, Scalar};

const SIZES: [usize; 17] =
    [0, 1, 7, 8, 9, 15, 16, 17, 255, 257, BLOCK - 1, BLOCK, BLOCK + 1, 1023, 1025, 4099, 32_768];

fn on_threads<T: Send>(work: impl Fn() -> T + Sync) -> Vec<T> {
    let run = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(&work);
    [1, 2, 3, 8].map(run).into()
}

#[test]
fn every_entry_is_in_one_block() {
    for size in SIZES {
        for filled in on_threads(|| {
            let mut out = vec![usize::MAX; size];
            parallel::blocks(&mut out, |range, out| {
                assert_eq!(range.len(), out.len());
                for (index, entry) in range.zip(out) {
                    *entry = index;
                }
                Ok(())
            })
            .map(|()| out)
        }) {
            assert_eq!(filled.unwrap(), (0..size).collect::<Vec<_>>());
        }
    }
}

#[test]
fn only_the_last_block_has_idle_lanes() {
    for size in SIZES {
        on_threads(|| {
            let short = AtomicUsize::new(0);
            let mut out = vec![(); size];
            parallel::blocks(&mut out, |range, _| {
                assert!(range.len() <= BLOCK && range.start % 8 == 0);
                if range.len() % 8 != 0 {
                    assert_eq!(range.end, size);
                    short.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            })
            .unwrap();
            assert_eq!(short.into_inner(), usize::from(size % 8 != 0));
        });
    }
}

#[test]
fn a_large_batch_has_full_blocks() {
    on_threads(|| {
        let mut out = vec![(); 32_768];
        parallel::blocks(&mut out, |range, _| {
            assert_eq!(range.len(), BLOCK);
            Ok(())
        })
        .unwrap();
    });
}

#[test]
fn the_lowest_rejection_is_reported() {
    for bad in [vec![0], vec![4098], vec![511, 512], vec![4000, 700, 3000, 701], (0..4099).collect()] {
        let lowest = *bad.iter().min().unwrap();
        for result in on_threads(|| {
            let mut out = vec![(); 4099];
            parallel::blocks(&mut out, |range, _| {
                match range.clone().position(|index| bad.contains(&index)) {
                    Some(index) => Err(Rejected::bad_element(index)),
                    None => Ok(()),
                }
            })
        }) {
            assert_eq!(result, Err(Rejected::bad_element(lowest)));
        }
    }
}

#[test]
fn sums_cover_every_entry() {
    for size in SIZES {
        let expected = (size * size.saturating_sub(1) / 2) as u64;
        for sum in on_threads(|| {
            let part = |range: std::ops::Range<usize>| {
                Ok(RistrettoPoint::mul_base(&Scalar::from(range.sum::<usize>() as u64)))
            };
            parallel::sum(size, part)
        }) {
            assert_eq!(sum.unwrap(), RistrettoPoint::mul_base(&Scalar::from(expected)));
        }
    }
}

#[test]
fn sums_report_the_lowest_rejection() {
    for result in on_threads(|| {
        parallel::sum(4099, |range| match range.clone().position(|index| index == 4000 || index == 1999) {
            Some(index) => Err(Rejected::bad_element(index)),
            None => Ok(RistrettoPoint::default()),
        })
    }) {
        assert_eq!(result, Err(Rejected::bad_element(1999)));
    }
}

#[test]
fn a_panic_is_an_error_and_the_pool_goes_on() {
    let pool = parallel::pool().unwrap();
    let panicking = pool.run(|| {
        let mut out = vec![0; 2000];
        parallel::blocks(&mut out, |range, _| {
            assert!(!range.contains(&1111), "on purpose");
            Ok(())
        })
        .map_err(|rejected| rejected.in_list("test"))
    });
    assert_eq!(panicking, Err(Error::Fault("panicked")));
    assert_eq!(pool.run(|| Ok(7)), Ok(7));
}

#[test]
fn checks_name_the_lowest_entry() {
    let mut entries = vec![true; 5000];
    assert_eq!(parallel::check(&entries, |good| *good), Ok(()));
    entries[4999] = false;
    entries[2500] = false;
    assert_eq!(parallel::check(&entries, |good| *good), Err(Rejected::bad_element(2500)));
}
