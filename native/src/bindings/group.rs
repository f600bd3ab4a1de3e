//! Scalars, elements and hashing to the group.

use curve25519_dalek::Scalar;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::buffers::{Buffer, Chosen, Hashed, raised};
use super::{detached, filled, same_count};
use crate::hash::Expander;
use crate::parallel;

#[pyfunction]
pub fn expand_message_xmd<'py>(
    py: Python<'py>,
    message: Buffer,
    dst: Buffer,
    length: usize,
) -> PyResult<Bound<'py, PyBytes>> {
    let expander = Expander::new(dst.bytes()).map_err(raised)?;
    let expanded = expander.expand(message.bytes(), length).map_err(raised)?;
    Ok(PyBytes::new(py, &expanded))
}

#[pyfunction]
pub fn keystream_scalars<'py>(
    py: Python<'py>,
    key: Buffer,
    first: u64,
    count: usize,
) -> PyResult<Bound<'py, PyBytes>> {
    let key = key.stream_key()?;
    let window = key.window(first, count).map_err(raised)?;
    filled(py, count, |out| {
        parallel::blocks(out, |range, out| {
            for (out, scalar) in out.iter_mut().zip(window.scalars(range)?.iter()) {
                *out = scalar.to_bytes();
            }
            Ok(())
        })
        .map_err(|zero| zero.in_list("keystream"))
    })
}

#[pyfunction]
pub fn reduce_scalars<'py>(py: Python<'py>, wide: Buffer) -> PyResult<Bound<'py, PyBytes>> {
    let wide = wide.rows::<64>("wide scalars")?;
    filled(py, wide.len(), |out| {
        for (out, wide) in out.iter_mut().zip(wide) {
            *out = Scalar::from_bytes_mod_order_wide(wide).to_bytes();
        }
        Ok(())
    })
}

#[pyfunction]
pub fn add_scalars<'py>(py: Python<'py>, a: Buffer, b: Buffer) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(py, (*a.scalar()? + *b.scalar()?).as_bytes()))
}

#[pyfunction]
pub fn subtract_scalars<'py>(py: Python<'py>, a: Buffer, b: Buffer) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(py, (*a.scalar()? - *b.scalar()?).as_bytes()))
}

#[pyfunction]
pub fn multiply_scalars<'py>(py: Python<'py>, a: Buffer, b: Buffer) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(py, (*a.scalar()? * *b.scalar()?).as_bytes()))
}

#[pyfunction]
pub fn invert_scalars<'py>(
    py: Python<'py>,
    backend: Chosen,
    scalars: Buffer,
) -> PyResult<Bound<'py, PyBytes>> {
    let mut scalars = scalars.scalars()?;
    filled(py, scalars.len(), |out| {
        parallel::blocks(&mut scalars, |_, scalars| backend.0.invert_scalars(scalars))
            .map_err(|zero| zero.in_list("scalars"))?;
        for (out, scalar) in out.iter_mut().zip(scalars.iter()) {
            *out = scalar.to_bytes();
        }
        Ok(())
    })
}

#[pyfunction]
pub fn check_elements(py: Python<'_>, backend: Chosen, elements: Buffer) -> PyResult<()> {
    let elements = elements.rows::<32>("elements")?;
    detached(py, || {
        for (start, result) in parallel::parts(elements.len(), |range| backend.0.check(&elements[range])) {
            result.map_err(|rejected| rejected.offset_by(start).in_list("elements"))?;
        }
        Ok(())
    })
}

#[pyfunction]
pub fn add_elements<'py>(py: Python<'py>, a: Buffer, b: Buffer) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(py, (a.point()? + b.point()?).compress().as_bytes()))
}

#[pyfunction]
pub fn subtract_elements<'py>(py: Python<'py>, a: Buffer, b: Buffer) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(py, (a.point()? - b.point()?).compress().as_bytes()))
}

#[pyfunction]
pub fn map_to_group<'py>(py: Python<'py>, backend: Chosen, uniform: Buffer) -> PyResult<Bound<'py, PyBytes>> {
    let uniform = uniform.rows::<64>("uniform bytes")?;
    filled(py, uniform.len(), |out| {
        parallel::blocks(out, |range, out| {
            backend.0.map_to_group(&uniform[range], out);
            Ok(())
        })
        .map_err(|rejected| rejected.in_list("uniform bytes"))
    })
}

#[pyfunction]
pub fn hash_to_group<'py>(py: Python<'py>, backend: Chosen, hashed: Hashed) -> PyResult<Bound<'py, PyBytes>> {
    let items = hashed.items()?;
    filled(py, items.len(), |out| {
        parallel::blocks(out, |range, out| backend.0.hash_to_group(items.slice(range), &hashed.dst, out))
            .map_err(|rejected| rejected.in_list("items"))
    })
}

#[pyfunction]
pub fn multiply<'py>(
    py: Python<'py>,
    backend: Chosen,
    scalars: Buffer,
    elements: Buffer,
) -> PyResult<Bound<'py, PyBytes>> {
    let scalars = scalars.scalars()?;
    let elements = elements.rows::<32>("elements")?;
    same_count("scalars", elements.len(), scalars.len())?;
    filled(py, elements.len(), |out| {
        parallel::blocks(out, |range, out| backend.0.multiply(&scalars[range.clone()], &elements[range], out))
            .map_err(|rejected| rejected.in_list("elements"))
    })
}

#[pyfunction]
pub fn multiply_base<'py>(
    py: Python<'py>,
    backend: Chosen,
    scalars: Buffer,
) -> PyResult<Bound<'py, PyBytes>> {
    let scalars = scalars.scalars()?;
    filled(py, scalars.len(), |out| {
        parallel::blocks(out, |range, out| {
            backend.0.multiply_base(&scalars[range], out);
            Ok(())
        })
        .map_err(|rejected| rejected.in_list("scalars"))
    })
}
