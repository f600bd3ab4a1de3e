//! `psi._native`: batch work on ristretto255 with SHA-512, off the interpreter lock and on all cores.
//!
//! `bindings` alone knows of Python; all other modules are plain Rust.

// src/lanes is compiled once with the instructions of each backend that works on lanes (docs/adr/0015).
#![allow(clippy::duplicate_mod)]

#[cfg(target_arch = "x86_64")]
pub mod avx2;
pub mod backend;
#[cfg(feature = "pyo3")]
mod bindings;
pub mod discrete_log;
pub mod elgamal;
pub mod error;
pub mod field;
pub mod hash;
#[cfg(target_arch = "x86_64")]
pub mod ifma;
pub mod items;
pub mod keystream;
pub mod knowledge;
pub mod multiples;
pub mod notes;
pub mod parallel;
pub mod portable;
pub mod proof;
pub mod range;
pub mod shuffle;
pub mod sums;
pub mod voprf;
