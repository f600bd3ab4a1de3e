//! The backend for x86-64 with AVX-512 IFMA: eight items at a time, a product of 52-bit limbs in two instructions.
//!
//! [`vector`] has the instructions, [`field`] arithmetic modulo p; all else is in src/lanes.

/// Compiles a function with this backend's instructions.
macro_rules! kernel {
    ($($function:tt)*) => {
        #[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
        $($function)*
    };
}

/// Calls a kernel where the machine has what it is compiled for, and panics elsewhere.
macro_rules! on_lanes {
    ($call:expr) => {{
        assert!($crate::ifma::is_supported(), "expected a machine with AVX-512 IFMA");
        // SAFETY: asserted just now.
        unsafe { $call }
    }};
}

#[macro_use]
#[path = "../lanes/mod.rs"]
mod lanes;

mod field;
mod vector;

pub use self::lanes::{KeyTable, Lanes as Ifma};
use crate::backend::{Bytes32, PublicKeyTable};

const NAME: &str = "ifma";

fn is_supported() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512ifma")
}

/// This backend's table of a public key.
fn key_table(pk: &PublicKeyTable, build: impl FnOnce(&Bytes32) -> KeyTable) -> &KeyTable {
    pk.ifma(build)
}
