//! `psi._native`: batch work on ristretto255 with SHA-512, off the interpreter lock and on all cores.
//!
//! This file holds the Python bindings and nothing else: they check lengths, borrow buffers, and turn errors and panics
//! into exceptions. psi/native.py is the only importer and gives every function its types and its documentation.

pub mod backend;
pub mod error;
pub mod hash;
pub mod items;
pub mod keystream;
pub mod parallel;
pub mod portable;
pub mod proof;
pub mod voprf;

#[cfg(feature = "pyo3")]
#[pyo3::pymodule]
mod _native {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use curve25519_dalek::ristretto::CompressedRistretto;
    use curve25519_dalek::{RistrettoPoint, Scalar};
    use pyo3::buffer::PyUntypedBuffer;
    use pyo3::exceptions::{PyBufferError, PyRuntimeError, PyValueError};
    use pyo3::prelude::*;
    use pyo3::types::PyBytes;
    use zeroize::Zeroizing;

    use crate::backend::{self, Bytes32, Bytes64};
    use crate::error::{Error, Rejected};
    use crate::hash::Expander;
    use crate::items;
    use crate::keystream::StreamKey;
    use crate::parallel;
    use crate::proof;
    use crate::voprf;

    /// Raised with (code, message, index or None).
    #[pymodule_export]
    use super::NativeError;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("CHUNK_ELEMENTS", voprf::CHUNK_ELEMENTS)?;
        module.add("TAG_BYTES", voprf::TAG_BYTES)?;
        module.add("MAX_INPUT_BYTES", items::MAX_INPUT_BYTES)?;
        module.add("BATCH_PROOF_DSTS", [proof::DST_STATEMENT, proof::DST_NONCE, proof::DST_CHALLENGE])
    }

    /// The bytes of any C-contiguous buffer. A writable one is copied, because other threads may write to it while the
    /// interpreter lock is released; a read-only one is borrowed, and its owner must leave it alone during the call.
    enum Buffer {
        Borrowed(PyUntypedBuffer),
        Copied(Vec<u8>),
    }

    impl<'py> FromPyObject<'_, 'py> for Buffer {
        type Error = PyErr;

        fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
            let buffer = PyUntypedBuffer::get(&object)?;
            if !buffer.is_c_contiguous() {
                return Err(PyBufferError::new_err("expected a C-contiguous buffer"));
            }
            let shared = Self::Borrowed(buffer);
            match &shared {
                Self::Borrowed(buffer) if !buffer.readonly() => Ok(Self::Copied(shared.bytes().to_vec())),
                _ => Ok(shared),
            }
        }
    }

    impl Buffer {
        fn bytes(&self) -> &[u8] {
            match self {
                // SAFETY: the buffer is C-contiguous, so `len_bytes` bytes follow `buf_ptr`; the view keeps them alive and in
                // place for as long as `self`. An empty buffer may have no address at all.
                Self::Borrowed(buffer) if buffer.len_bytes() > 0 => unsafe {
                    std::slice::from_raw_parts(buffer.buf_ptr().cast(), buffer.len_bytes())
                },
                Self::Borrowed(_) => &[],
                Self::Copied(bytes) => bytes,
            }
        }

        /// The buffer as rows of N bytes, with none left over.
        fn rows<const N: usize>(&self, what: &'static str) -> PyResult<&[[u8; N]]> {
            match self.bytes().as_chunks() {
                (rows, []) => Ok(rows),
                _ => Err(raised(Error::length(what, format!("a multiple of {N} bytes"), self.bytes().len()))),
            }
        }

        /// The buffer as one row of N bytes.
        fn row<const N: usize>(&self, what: &'static str) -> PyResult<&[u8; N]> {
            let length = |_| raised(Error::length(what, format!("{N} bytes"), self.bytes().len()));
            self.bytes().try_into().map_err(length)
        }

        fn stream_key(&self) -> PyResult<StreamKey> {
            Ok(StreamKey::new(self.row("stream key")?))
        }

        /// Canonical scalars, which may be secret.
        fn scalars(&self) -> PyResult<Zeroizing<Vec<Scalar>>> {
            let rows = self.rows::<32>("scalars")?;
            let mut scalars = Zeroizing::new(Vec::with_capacity(rows.len()));
            for (index, row) in rows.iter().enumerate() {
                match Scalar::from_canonical_bytes(*row).into() {
                    Some(scalar) => scalars.push(scalar),
                    None => return Err(raised(Rejected::bad_scalar(index).in_list("scalars"))),
                }
            }
            Ok(scalars)
        }

        fn scalar(&self) -> PyResult<Zeroizing<Scalar>> {
            self.row::<32>("scalar")?;
            Ok(Zeroizing::new(self.scalars()?[0]))
        }

        /// An element that may be the identity, for arithmetic on what was checked or computed before.
        fn point(&self) -> PyResult<RistrettoPoint> {
            let point = CompressedRistretto(*self.row("element")?).decompress();
            point.ok_or_else(|| raised(Rejected::bad_element(0).in_list("element")))
        }
    }

    /// A batch of inputs as it comes from Python; offsets are little-endian.
    struct Batch {
        data: Buffer,
        offsets: Vec<u32>,
    }

    impl Batch {
        fn new(data: Buffer, offsets: &Buffer) -> PyResult<Self> {
            let offsets = offsets.rows("offsets")?.iter().map(|offset| u32::from_le_bytes(*offset)).collect();
            Ok(Self { data, offsets })
        }

        fn items(&self) -> PyResult<items::Items<'_>> {
            items::Items::new(self.data.bytes(), &self.offsets).map_err(raised)
        }
    }

    fn raised(error: Error) -> PyErr {
        NativeError::new_err((error.code(), error.to_string(), error.index()))
    }

    /// Runs `work` in the thread pool without the interpreter lock. A panic there becomes an error with a code, whose
    /// message says nothing of the data.
    fn detached<T: Send>(py: Python<'_>, work: impl FnOnce() -> Result<T, Error> + Send) -> PyResult<T> {
        let pool = parallel::pool().map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
        match py.detach(|| catch_unwind(AssertUnwindSafe(|| pool.install(work)))) {
            Ok(result) => result.map_err(raised),
            Err(_) => {
                Err(NativeError::new_err(("internal-fault", "the native core panicked", None::<usize>)))
            }
        }
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
    fn backends() -> Vec<&'static str> {
        backend::available().iter().map(|backend| backend.name()).collect()
    }

    #[pyfunction]
    fn expand_message_xmd<'py>(
        py: Python<'py>,
        message: Buffer,
        dst: Buffer,
        length: usize,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let expander = Expander::new(dst.bytes()).map_err(raised)?;
        PyBytes::new_with(py, length, |out| expander.expand(message.bytes(), out).map_err(raised))
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
}

#[cfg(feature = "pyo3")]
pyo3::create_exception!(_native, NativeError, pyo3::exceptions::PyException);
