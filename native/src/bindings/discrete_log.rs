//! Discrete logarithms of totals.

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::buffers::{Buffer, raised};
use super::filled;
use crate::backend;
use crate::discrete_log::{self, TABLE_BYTES};

#[pyfunction]
pub fn build_logarithms<'py>(py: Python<'py>, backend: &str) -> PyResult<Bound<'py, PyBytes>> {
    let backend = backend::by_name(backend).map_err(raised)?;
    filled(py, 1, |out: &mut [[u8; TABLE_BYTES]]| {
        discrete_log::build(backend, &mut out[0]);
        Ok(())
    })
}

/// Returns little-endian int64.
#[pyfunction]
pub fn solve_logarithms<'py>(
    py: Python<'py>,
    backend: &str,
    table: Buffer,
    elements: Buffer,
    bound: u64,
) -> PyResult<Bound<'py, PyBytes>> {
    let backend = backend::by_name(backend).map_err(raised)?;
    let (table, elements) = (table.bytes(), elements.rows("elements")?);
    filled(py, elements.len(), |out| discrete_log::solve(backend, table, elements, bound, out))
}
