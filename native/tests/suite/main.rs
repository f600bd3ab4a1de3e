//! The crate's tests, as one program: linking a release build once is what takes the time.

mod discrete_log;
mod elgamal;
mod fuzz;
mod kernels;
mod keystream;
mod parallel;
mod proof;
