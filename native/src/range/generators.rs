//! The generators of range proofs: elements of which nobody knows a relation to each other.

use std::sync::{Arc, Mutex, PoisonError};

use curve25519_dalek::traits::MultiscalarMul;
use curve25519_dalek::{RistrettoPoint, Scalar};
use rayon::prelude::*;

use crate::error::{Error, Rejected};
use crate::hash::Expander;
use crate::parallel;

/// Domain separation; psi/dst.py lists the same.
pub const DST_GENERATORS: &str = "accord/v1/range-generators";
/// Terms of one constant-time sum: few enough that its tables stay in the cache.
const SUMMANDS: usize = 256;

/// G_t and H_t, for t from 0.
pub struct Generators {
    pub g: Vec<RistrettoPoint>,
    pub h: Vec<RistrettoPoint>,
}

/// The longest ones made so far: public constants, which cost a few microseconds each.
static MADE: Mutex<Option<Arc<Generators>>> = Mutex::new(None);

impl Generators {
    /// `count` of either kind, or more.
    pub fn of(count: usize) -> Arc<Self> {
        let made = MADE.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(made) = made.filter(|made| made.g.len() >= count) {
            return made;
        }
        // Outside the lock: the work is shared among threads that may want the lock too.
        let longer = Arc::new(Self { g: derived(b'G', count), h: derived(b'H', count) });
        *MADE.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&longer));
        longer
    }

    /// The sum of a_t * G_t + b_t * H_t, in constant time.
    pub fn sum(&self, a: &[Scalar], b: &[Scalar]) -> Result<RistrettoPoint, Error> {
        let part = |range: std::ops::Range<usize>| -> Result<_, Rejected> {
            let terms = |start: usize| {
                let range = start..range.end.min(start + SUMMANDS);
                RistrettoPoint::multiscalar_mul(
                    a[range.clone()].iter().chain(&b[range.clone()]),
                    self.g[range.clone()].iter().chain(&self.h[range]),
                )
            };
            Ok(range.clone().step_by(SUMMANDS).map(terms).sum())
        };
        parallel::sum(a.len(), part).map_err(|rejected| rejected.in_list("generators"))
    }
}

/// Element t is the hash of its kind and t as 4 bytes, big-endian.
fn derived(kind: u8, count: usize) -> Vec<RistrettoPoint> {
    let Ok(expander) = Expander::new(DST_GENERATORS.as_bytes()) else { return Vec::new() };
    let element = |t: usize| {
        let [a, b, c, d] = (t as u32).to_be_bytes();
        RistrettoPoint::from_uniform_bytes(&expander.uniform(&[kind, a, b, c, d]))
    };
    (0..count).into_par_iter().map(element).collect()
}
