//! The Python bindings: they check lengths, borrow buffers, and turn errors and panics into exceptions. Nothing else in the crate
//! knows Python. psi/native is the only importer and gives every function its types and its documentation.
//!
//! One file for each field of work; a function is exported by its name in the list below.

mod buffers;
mod discrete_log;
mod elgamal;
mod group;
mod oprf;
mod proofs;
mod shuffle;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use self::buffers::raised;
use crate::backend;
use crate::error::Error;
use crate::parallel;

/// Runs `work` on all cores without the interpreter lock.
fn detached<T: Send>(py: Python<'_>, work: impl FnOnce() -> Result<T, Error> + Send) -> PyResult<T> {
    let pool = parallel::pool().map_err(raised)?;
    py.detach(|| pool.run(work)).map_err(raised)
}

/// New bytes of `count` rows, which `work` fills in place.
fn filled<'py, const N: usize>(
    py: Python<'py>,
    count: usize,
    work: impl FnOnce(&mut [[u8; N]]) -> Result<(), Error> + Send,
) -> PyResult<Bound<'py, PyBytes>> {
    let length = count.checked_mul(N).filter(|&length| isize::try_from(length).is_ok());
    let length = length.ok_or_else(|| PyValueError::new_err("expected a result that fits into memory"))?;
    PyBytes::new_with(py, length, |out| detached(py, || work(out.as_chunks_mut().0)))
}

fn same_count(what: &'static str, expected: usize, got: usize) -> PyResult<()> {
    if expected == got { Ok(()) } else { Err(raised(Error::length(what, expected, got))) }
}

#[pyfunction]
pub fn known_backends() -> Vec<&'static str> {
    backend::KNOWN.iter().map(|backend| backend.name()).collect()
}

#[pyfunction]
pub fn available_backends() -> Vec<&'static str> {
    backend::available().map(|backend| backend.name()).collect()
}

#[pymodule]
mod _native {
    use pyo3::prelude::*;

    use crate::discrete_log;
    use crate::elgamal;
    use crate::items;
    use crate::knowledge;
    use crate::notes;
    use crate::proof;
    use crate::range;
    use crate::shuffle;
    use crate::voprf;

    #[pymodule_export]
    use super::buffers::NativeError;
    #[pymodule_export]
    use super::discrete_log::{build_logarithms, solve_logarithms};
    #[pymodule_export]
    use super::elgamal::{
        add_ciphertexts, add_values, check_ciphertexts, encrypt, hashed_multiples, joint_key, open_shares,
        partial_decryptions, rerandomize, shared_multiples, sum_columns,
    };
    #[pymodule_export]
    use super::group::{
        add_elements, add_scalars, check_elements, expand_message_xmd, hash_to_group, invert_scalars,
        keystream_scalars, map_to_group, multiply, multiply_base, multiply_scalars, reduce_scalars,
        subtract_elements, subtract_scalars,
    };
    #[pymodule_export]
    use super::oprf::{blind, evaluate, open_notes, public_key, seal_notes, tags, verify_and_finalize};
    #[pymodule_export]
    use super::proofs::{
        prove_knowledge, prove_possession, prove_products, prove_ranges, verify_knowledge, verify_possession,
        verify_products, verify_ranges,
    };
    #[pymodule_export]
    use super::shuffle::{
        shuffle_absorb, shuffle_answer, shuffle_check_opening, shuffle_close, shuffle_commit, shuffle_finish,
        shuffle_permute, shuffle_relate, shuffle_respond, shuffle_verify,
    };
    #[pymodule_export]
    use super::{available_backends, known_backends};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("CHUNK_ELEMENTS", voprf::CHUNK_ELEMENTS)?;
        module.add("TAG_BYTES", voprf::TAG_BYTES)?;
        module.add("MAX_INPUT_BYTES", items::MAX_INPUT_BYTES)?;
        module.add("LOGARITHM_TABLE_BYTES", discrete_log::TABLE_BYTES)?;
        module.add("MAX_TOTAL", elgamal::MAX_TOTAL)?;
        module.add("NOTE_BYTES", notes::NOTE_BYTES)?;
        module.add("DST_NOTE", notes::DST_NOTE)?;
        module.add("MAX_RANGE_BITS", range::MAX_BITS)?;
        module.add(
            "PROOF_DSTS",
            [
                knowledge::DST_POSSESSION_NONCE,
                knowledge::DST_POSSESSION_CHALLENGE,
                knowledge::DST_STATEMENT,
                knowledge::DST_NONCE,
                knowledge::DST_CHALLENGE,
                range::DST_STATEMENT,
                range::DST_NONCE,
                range::DST_CHALLENGE,
                range::DST_TOGETHER,
                range::DST_GENERATORS,
            ],
        )?;
        module.add("DST_SHUFFLE_GENERATORS", shuffle::DST_GENERATORS)?;
        module.add("MAX_SHUFFLE_ROWS", shuffle::MAX_ROWS)?;
        module.add("BATCH_PROOF_DSTS", [proof::DST_STATEMENT, proof::DST_NONCE, proof::DST_CHALLENGE])
    }
}
