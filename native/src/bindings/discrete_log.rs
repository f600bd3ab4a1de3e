//! Discrete logarithms of totals.

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::buffers::{Buffer, Chosen};
use super::filled;
use crate::discrete_log::{self, TABLE_BYTES};

#[pyfunction]
pub fn build_logarithms<'py>(py: Python<'py>, backend: Chosen) -> PyResult<Bound<'py, PyBytes>> {
    filled(py, 1, |out: &mut [[u8; TABLE_BYTES]]| {
        discrete_log::build(backend.0, &mut out[0]);
        Ok(())
    })
}

/// Returns little-endian int64.
#[pyfunction]
pub fn solve_logarithms<'py>(
    py: Python<'py>,
    backend: Chosen,
    table: Buffer,
    elements: Buffer,
    bound: u64,
) -> PyResult<Bound<'py, PyBytes>> {
    let (table, elements) = (table.bytes(), elements.rows("elements")?);
    filled(py, elements.len(), |out| discrete_log::solve(backend.0, table, elements, bound, out))
}
