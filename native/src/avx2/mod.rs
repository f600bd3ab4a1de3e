//! The backend for x86-64 with AVX2 and FMA: four items at a time, a product of 51-bit limbs in two multiplications of doubles.
//!
//! [`vector`] has the instructions, [`field`] and [`product`] arithmetic modulo p; all else is in src/lanes.

/// Compiles a function with this backend's instructions.
macro_rules! kernel {
    ($($function:tt)*) => {
        #[target_feature(enable = "avx2,fma")]
        $($function)*
    };
}

/// Calls a kernel where the machine has what it is compiled for, and panics elsewhere.
macro_rules! on_lanes {
    ($call:expr) => {{
        assert!($crate::avx2::is_supported(), "expected a machine with AVX2 and FMA");
        // SAFETY: asserted just now.
        unsafe { $call }
    }};
}

#[macro_use]
#[path = "../lanes/mod.rs"]
mod lanes;

mod field;
mod product;
mod vector;

pub use self::lanes::{KeyTable, Lanes as Avx2};
use crate::backend::{Bytes32, PublicKeyTable};

const NAME: &str = "avx2";

fn is_supported() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

/// This backend's table of a public key.
fn key_table(pk: &PublicKeyTable, build: impl FnOnce(&Bytes32) -> KeyTable) -> &KeyTable {
    pk.avx2(build)
}
