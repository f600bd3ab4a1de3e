//! Python's buffers as slices, and errors as exceptions: the part of the bindings that is not a function.

use curve25519_dalek::ristretto::CompressedRistretto;
use curve25519_dalek::{RistrettoPoint, Scalar};
use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::{PyBufferError, PyException};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use zeroize::Zeroizing;

use crate::backend::{self, Backend};
use crate::error::{Error, Rejected};
use crate::hash::Expander;
use crate::items::Items;
use crate::keystream::StreamKey;

// Raised with (code, message, index or None).
pyo3::create_exception!(_native, NativeError, PyException);

/// The bytes of any C-contiguous buffer. Those of `bytes` are borrowed, because nobody can write to them. All others are
/// copied, read-only views too, because other threads may write to what lies behind them while the interpreter lock is
/// released; a copy may hold a key and is cleared.
pub enum Buffer {
    Borrowed(PyUntypedBuffer),
    Copied(Zeroizing<Vec<u8>>),
}

impl<'py> FromPyObject<'_, 'py> for Buffer {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let buffer = PyUntypedBuffer::get(&object)?;
        if !buffer.is_c_contiguous() {
            return Err(PyBufferError::new_err("expected a C-contiguous buffer"));
        }
        let shared = Self::Borrowed(buffer);
        if object.is_exact_instance_of::<PyBytes>() {
            return Ok(shared);
        }
        Ok(Self::Copied(Zeroizing::new(shared.bytes().to_vec())))
    }
}

impl Buffer {
    pub fn bytes(&self) -> &[u8] {
        match self {
            // SAFETY: the buffer is C-contiguous, so `len_bytes` bytes follow `buf_ptr`; the view keeps them
            // alive and in place for as long as `self`. An empty buffer may have no address at all.
            Self::Borrowed(buffer) if buffer.len_bytes() > 0 => unsafe {
                std::slice::from_raw_parts(buffer.buf_ptr().cast(), buffer.len_bytes())
            },
            Self::Borrowed(_) => &[],
            Self::Copied(bytes) => bytes,
        }
    }

    /// The buffer as rows of N bytes, with none left over.
    pub fn rows<const N: usize>(&self, what: &'static str) -> PyResult<&[[u8; N]]> {
        match self.bytes().as_chunks() {
            (rows, []) => Ok(rows),
            _ => Err(raised(Error::length(what, format!("a multiple of {N} bytes"), self.bytes().len()))),
        }
    }

    /// The buffer as one row of N bytes.
    pub fn row<const N: usize>(&self, what: &'static str) -> PyResult<&[u8; N]> {
        let length = |_| raised(Error::length(what, format!("{N} bytes"), self.bytes().len()));
        self.bytes().try_into().map_err(length)
    }

    pub fn stream_key(&self) -> PyResult<StreamKey> {
        Ok(StreamKey::new(self.row("stream key")?))
    }

    /// Canonical scalars, which may be secret.
    pub fn scalars(&self) -> PyResult<Zeroizing<Vec<Scalar>>> {
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

    pub fn scalar(&self) -> PyResult<Zeroizing<Scalar>> {
        self.row::<32>("scalar")?;
        Ok(Zeroizing::new(self.scalars()?[0]))
    }

    /// Little-endian numbers, which may be secret.
    pub fn values(&self) -> PyResult<Zeroizing<Vec<i64>>> {
        let rows = self.rows("values")?;
        Ok(Zeroizing::new(rows.iter().map(|row| i64::from_le_bytes(*row)).collect()))
    }

    /// An element that may be the identity, for arithmetic on what was checked or computed before.
    pub fn point(&self) -> PyResult<RistrettoPoint> {
        let point = CompressedRistretto(*self.row("element")?).decompress();
        point.ok_or_else(|| raised(Rejected::bad_element(0).in_list("element")))
    }
}

/// A batch of inputs as it comes from Python; offsets are little-endian.
pub struct Batch {
    data: Buffer,
    offsets: Vec<u32>,
}

impl Batch {
    pub fn new(data: Buffer, offsets: &Buffer) -> PyResult<Self> {
        let offsets = offsets.rows("offsets")?.iter().map(|offset| u32::from_le_bytes(*offset)).collect();
        Ok(Self { data, offsets })
    }

    pub fn items(&self) -> PyResult<Items<'_>> {
        Items::new(self.data.bytes(), &self.offsets).map_err(raised)
    }
}

/// A batch of inputs and the domain that they are hashed in, as Python passes them: (data, offsets, dst).
pub struct Hashed {
    batch: Batch,
    pub dst: Expander,
}

impl Hashed {
    pub fn items(&self) -> PyResult<Items<'_>> {
        self.batch.items()
    }
}

impl<'py> FromPyObject<'_, 'py> for Hashed {
    type Error = PyErr;

    fn extract(parts: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let (data, offsets, dst): (Buffer, Buffer, Buffer) = parts.extract()?;
        Ok(Self { batch: Batch::new(data, &offsets)?, dst: Expander::new(dst.bytes()).map_err(raised)? })
    }
}

/// The backend that a caller names.
#[derive(Clone, Copy)]
pub struct Chosen(pub &'static dyn Backend);

impl<'py> FromPyObject<'_, 'py> for Chosen {
    type Error = PyErr;

    fn extract(name: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        backend::by_name(name.extract::<&str>()?).map(Self).map_err(raised)
    }
}

pub fn raised(error: Error) -> PyErr {
    NativeError::new_err((error.code(), error.to_string(), error.index()))
}
