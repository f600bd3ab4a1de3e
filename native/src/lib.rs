//! `psi._native`: batch work on ristretto255 with SHA-512, off the interpreter lock and on all cores.
//!
//! This file holds the Python bindings and nothing else: they check lengths, borrow buffers, and turn errors
//! and panics into exceptions. psi/native.py is the only importer and gives every function its types and its
//! documentation.

pub mod backend;
#[cfg(feature = "pyo3")]
mod buffers;
pub mod error;
pub mod hash;
#[cfg(target_arch = "x86_64")]
pub mod ifma;
pub mod items;
pub mod keystream;
pub mod notes;
pub mod parallel;
pub mod portable;
pub mod proof;
pub mod voprf;

#[cfg(feature = "pyo3")]
#[pyo3::pymodule]
mod _native {
    use curve25519_dalek::Scalar;
    use pyo3::exceptions::PyValueError;
    use pyo3::prelude::*;
    use pyo3::types::PyBytes;

    use crate::backend::{self, Bytes32, Bytes64};
    use crate::buffers::{Batch, Buffer, raised};
    use crate::error::Error;
    use crate::hash::Expander;
    use crate::items;
    use crate::notes;
    use crate::parallel;
    use crate::proof;
    use crate::voprf;

    #[pymodule_export]
    use crate::buffers::NativeError;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("CHUNK_ELEMENTS", voprf::CHUNK_ELEMENTS)?;
        module.add("TAG_BYTES", voprf::TAG_BYTES)?;
        module.add("MAX_INPUT_BYTES", items::MAX_INPUT_BYTES)?;
        module.add("NOTE_BYTES", notes::NOTE_BYTES)?;
        module.add("DST_NOTE", notes::DST_NOTE)?;
        module.add("BATCH_PROOF_DSTS", [proof::DST_STATEMENT, proof::DST_NONCE, proof::DST_CHALLENGE])
    }

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
        let length =
            length.ok_or_else(|| PyValueError::new_err("expected a result that fits into memory"))?;
        PyBytes::new_with(py, length, |out| detached(py, || work(out.as_chunks_mut().0)))
    }

    fn same_count(what: &'static str, expected: usize, got: usize) -> PyResult<()> {
        if expected == got { Ok(()) } else { Err(raised(Error::length(what, expected, got))) }
    }

    #[pyfunction]
    fn known_backends() -> Vec<&'static str> {
        backend::KNOWN.iter().map(|backend| backend.name()).collect()
    }

    #[pyfunction]
    fn available_backends() -> Vec<&'static str> {
        backend::available().map(|backend| backend.name()).collect()
    }

    #[pyfunction]
    fn expand_message_xmd<'py>(
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
    fn keystream_scalars<'py>(
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
    fn reduce_scalars<'py>(py: Python<'py>, wide: Buffer) -> PyResult<Bound<'py, PyBytes>> {
        let wide = wide.rows::<64>("wide scalars")?;
        filled(py, wide.len(), |out| {
            for (out, wide) in out.iter_mut().zip(wide) {
                *out = Scalar::from_bytes_mod_order_wide(wide).to_bytes();
            }
            Ok(())
        })
    }

    #[pyfunction]
    fn add_scalars<'py>(py: Python<'py>, a: Buffer, b: Buffer) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, (*a.scalar()? + *b.scalar()?).as_bytes()))
    }

    #[pyfunction]
    fn subtract_scalars<'py>(py: Python<'py>, a: Buffer, b: Buffer) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, (*a.scalar()? - *b.scalar()?).as_bytes()))
    }

    #[pyfunction]
    fn multiply_scalars<'py>(py: Python<'py>, a: Buffer, b: Buffer) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, (*a.scalar()? * *b.scalar()?).as_bytes()))
    }

    #[pyfunction]
    fn invert_scalars<'py>(py: Python<'py>, backend: &str, scalars: Buffer) -> PyResult<Bound<'py, PyBytes>> {
        let backend = backend::by_name(backend).map_err(raised)?;
        let mut scalars = scalars.scalars()?;
        filled(py, scalars.len(), |out| {
            parallel::blocks(&mut scalars, |_, scalars| backend.invert_scalars(scalars))
                .map_err(|zero| zero.in_list("scalars"))?;
            for (out, scalar) in out.iter_mut().zip(scalars.iter()) {
                *out = scalar.to_bytes();
            }
            Ok(())
        })
    }

    #[pyfunction]
    fn check_elements(py: Python<'_>, elements: Buffer) -> PyResult<()> {
        let elements = elements.rows::<32>("elements")?;
        detached(py, || {
            parallel::check(elements, |element| backend::decode(element).is_some())
                .map_err(|bad| bad.in_list("elements"))
        })
    }

    #[pyfunction]
    fn add_elements<'py>(py: Python<'py>, a: Buffer, b: Buffer) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, (a.point()? + b.point()?).compress().as_bytes()))
    }

    #[pyfunction]
    fn subtract_elements<'py>(py: Python<'py>, a: Buffer, b: Buffer) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, (a.point()? - b.point()?).compress().as_bytes()))
    }

    #[pyfunction]
    fn map_to_group<'py>(py: Python<'py>, backend: &str, uniform: Buffer) -> PyResult<Bound<'py, PyBytes>> {
        let backend = backend::by_name(backend).map_err(raised)?;
        let uniform = uniform.rows::<64>("uniform bytes")?;
        filled(py, uniform.len(), |out| {
            parallel::blocks(out, |range, out| {
                backend.map_to_group(&uniform[range], out);
                Ok(())
            })
            .map_err(|rejected| rejected.in_list("uniform bytes"))
        })
    }

    #[pyfunction]
    fn hash_to_group<'py>(
        py: Python<'py>,
        backend: &str,
        data: Buffer,
        offsets: Buffer,
        dst: Buffer,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let backend = backend::by_name(backend).map_err(raised)?;
        let batch = Batch::new(data, &offsets)?;
        let items = batch.items()?;
        let dst = Expander::new(dst.bytes()).map_err(raised)?;
        filled(py, items.len(), |out| {
            parallel::blocks(out, |range, out| backend.hash_to_group(items.slice(range), &dst, out))
                .map_err(|rejected| rejected.in_list("items"))
        })
    }

    #[pyfunction]
    fn multiply<'py>(
        py: Python<'py>,
        backend: &str,
        scalars: Buffer,
        elements: Buffer,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let backend = backend::by_name(backend).map_err(raised)?;
        let scalars = scalars.scalars()?;
        let elements = elements.rows::<32>("elements")?;
        same_count("scalars", elements.len(), scalars.len())?;
        filled(py, elements.len(), |out| {
            parallel::blocks(out, |range, out| {
                backend.multiply(&scalars[range.clone()], &elements[range], out)
            })
            .map_err(|rejected| rejected.in_list("elements"))
        })
    }

    #[pyfunction]
    fn multiply_base<'py>(py: Python<'py>, backend: &str, scalars: Buffer) -> PyResult<Bound<'py, PyBytes>> {
        let backend = backend::by_name(backend).map_err(raised)?;
        let scalars = scalars.scalars()?;
        filled(py, scalars.len(), |out| {
            parallel::blocks(out, |range, out| {
                backend.multiply_base(&scalars[range], out);
                Ok(())
            })
            .map_err(|rejected| rejected.in_list("scalars"))
        })
    }

    #[pyfunction]
    fn public_key<'py>(py: Python<'py>, oprf_key: Buffer) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &voprf::public_key(&oprf_key.stream_key()?).map_err(raised)?))
    }

    #[pyfunction]
    fn blind<'py>(
        py: Python<'py>,
        backend: &str,
        data: Buffer,
        offsets: Buffer,
        dst: Buffer,
        blind_key: Buffer,
        first: u64,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let backend = backend::by_name(backend).map_err(raised)?;
        let batch = Batch::new(data, &offsets)?;
        let items = batch.items()?;
        let dst = Expander::new(dst.bytes()).map_err(raised)?;
        let blind_key = blind_key.stream_key()?;
        filled(py, items.len(), |out| voprf::blind(backend, items, &dst, &blind_key, first, out))
    }

    /// What a chunk's proof binds, as Python passes it: (ctx, leg, list number, chunk, public key).
    type StatementArgs = (Buffer, u64, u64, u64, Buffer);

    fn statement(args: &StatementArgs) -> PyResult<proof::Statement<'_>> {
        let (ctx, leg, list, chunk, public_key) = args;
        let public_key: &Bytes32 = public_key.row("public key")?;
        Ok(proof::Statement { ctx: ctx.bytes(), leg: *leg, list: *list, chunk: *chunk, public_key })
    }

    #[pyfunction]
    fn evaluate<'py>(
        py: Python<'py>,
        backend: &str,
        oprf_key: Buffer,
        proof_key: Buffer,
        statement_args: StatementArgs,
        blinded: Buffer,
    ) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
        let backend = backend::by_name(backend).map_err(raised)?;
        let (oprf_key, proof_key) = (oprf_key.stream_key()?, proof_key.stream_key()?);
        let statement = statement(&statement_args)?;
        let blinded = blinded.rows("blinded elements")?;
        let mut proof: Bytes64 = [0; 64];
        let evaluated = filled(py, blinded.len(), |out| {
            proof = voprf::evaluate(backend, &oprf_key, &proof_key, &statement, blinded, out)?;
            Ok(())
        })?;
        Ok((evaluated, PyBytes::new(py, &proof)))
    }

    #[pyfunction]
    #[allow(clippy::too_many_arguments)] // as voprf::verify_and_finalize
    fn verify_and_finalize<'py>(
        py: Python<'py>,
        backend: &str,
        data: Buffer,
        offsets: Buffer,
        blind_key: Buffer,
        first: u64,
        statement_args: StatementArgs,
        blinded: Buffer,
        evaluated: Buffer,
        proof: Buffer,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let backend = backend::by_name(backend).map_err(raised)?;
        let batch = Batch::new(data, &offsets)?;
        let items = batch.items()?;
        let blind_key = blind_key.stream_key()?;
        let statement = statement(&statement_args)?;
        let blinded = blinded.rows("blinded elements")?;
        let evaluated = evaluated.rows("evaluated elements")?;
        let proof = proof.bytes();
        filled(py, items.len(), |out| {
            voprf::verify_and_finalize(
                backend, items, &blind_key, first, &statement, blinded, evaluated, proof, out,
            )
        })
    }

    #[pyfunction]
    fn tags<'py>(
        py: Python<'py>,
        backend: &str,
        data: Buffer,
        offsets: Buffer,
        dst: Buffer,
        oprf_key: Buffer,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let backend = backend::by_name(backend).map_err(raised)?;
        let batch = Batch::new(data, &offsets)?;
        let items = batch.items()?;
        let dst = Expander::new(dst.bytes()).map_err(raised)?;
        let oprf_key = oprf_key.stream_key()?;
        filled(py, items.len(), |out| voprf::tags(backend, items, &dst, &oprf_key, out))
    }

    #[pyfunction]
    #[allow(clippy::too_many_arguments)] // as notes::seal
    fn seal_notes<'py>(
        py: Python<'py>,
        backend: &str,
        data: Buffer,
        offsets: Buffer,
        dst: Buffer,
        oprf_key: Buffer,
        context: Buffer,
        plain: Buffer,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let backend = backend::by_name(backend).map_err(raised)?;
        let batch = Batch::new(data, &offsets)?;
        let items = batch.items()?;
        let dst = Expander::new(dst.bytes()).map_err(raised)?;
        let oprf_key = oprf_key.stream_key()?;
        let (context, plain) = (context.bytes(), plain.rows("notes")?);
        filled(py, items.len(), |out| notes::seal(backend, items, &dst, &oprf_key, context, plain, out))
    }

    /// Returns (notes, a byte each: whether it was authentic).
    #[pyfunction]
    fn open_notes<'py>(
        py: Python<'py>,
        outputs: Buffer,
        rows: Buffer,
        context: Buffer,
    ) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
        let (outputs, rows) = (outputs.rows("outputs")?, rows.rows("tag rows")?);
        let context = context.bytes();
        let mut flags = vec![0u8; outputs.len()];
        let opened = filled(py, outputs.len(), |out| notes::open(outputs, rows, context, &mut flags, out))?;
        Ok((opened, PyBytes::new(py, &flags)))
    }
}
