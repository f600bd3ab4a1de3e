//! Everything that can go wrong, with the stable code by which Python tells the cases apart.
//!
//! Messages name positions, counts and lengths, never an identifier, an element or a key.

use std::fmt;

/// Why one entry of a batch was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Not the canonical encoding of an element, or the identity (RFC 9497, section 2.1).
    BadElement,
    /// The input hashes to the identity: InvalidInputError of RFC 9497, section 3.3.1.
    InvalidInput,
    /// A scalar that must be invertible is zero.
    ZeroScalar,
    /// Not the canonical encoding of a scalar (RFC 9497, section 4.1).
    BadScalar,
    /// A value of 2^47 or more in absolute value.
    ValueOutOfRange,
    /// An element that is not v*G for a v within the bound.
    TotalOutOfRange,
}

/// The lowest rejected entry of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejected {
    pub index: usize,
    pub reason: Reason,
}

impl Rejected {
    pub fn bad_element(index: usize) -> Self {
        Self { index, reason: Reason::BadElement }
    }

    pub fn invalid_input(index: usize) -> Self {
        Self { index, reason: Reason::InvalidInput }
    }

    pub fn zero_scalar(index: usize) -> Self {
        Self { index, reason: Reason::ZeroScalar }
    }

    pub fn bad_scalar(index: usize) -> Self {
        Self { index, reason: Reason::BadScalar }
    }

    pub fn value_out_of_range(index: usize) -> Self {
        Self { index, reason: Reason::ValueOutOfRange }
    }

    pub fn total_out_of_range(index: usize) -> Self {
        Self { index, reason: Reason::TotalOutOfRange }
    }

    /// The same entry, counted from the start of the batch of which this block starts at `start`.
    pub fn offset_by(self, start: usize) -> Self {
        Self { index: self.index + start, ..self }
    }

    /// As an error that says in which of a call's lists the entry is.
    pub fn in_list(self, list: &'static str) -> Error {
        Error::Rejected { list, rejected: self }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    Rejected {
        list: &'static str,
        rejected: Rejected,
    },
    /// The batch proof does not verify, or is not a pair of canonical scalars.
    BadProof,
    /// Not a canonical element, or the identity, or not the key of this prover.
    BadPublicKey,
    /// A bound for a discrete logarithm that is negative or too large for the table.
    BadBound,
    /// A buffer of the wrong length.
    BadLength {
        what: &'static str,
        expected: String,
        got: usize,
    },
    /// Offsets that do not describe items inside their data.
    BadItems(String),
    /// A stream has 2^32 scalars (RFC 8439, section 2.3: the block counter has 32 bits).
    KeystreamExhausted,
    /// A domain separation tag outside 1..=255 bytes (RFC 9380, section 5.3.1).
    BadTag,
    UnknownBackend {
        got: String,
        choices: String,
    },
    /// A defect here, or no threads to work with.
    Fault(&'static str),
}

impl Error {
    pub fn length(what: &'static str, expected: impl fmt::Display, got: usize) -> Self {
        Self::BadLength { what, expected: expected.to_string(), got }
    }

    /// The stable name of this error; psi/errors.py has one class for each.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Rejected { rejected, .. } => match rejected.reason {
                Reason::BadElement => "bad-element",
                Reason::InvalidInput => "invalid-input",
                Reason::ZeroScalar => "zero-scalar",
                Reason::BadScalar => "bad-scalar",
                Reason::ValueOutOfRange => "value-out-of-range",
                Reason::TotalOutOfRange => "total-out-of-range",
            },
            Self::BadProof => "bad-proof",
            Self::BadPublicKey => "bad-public-key",
            Self::BadLength { .. } | Self::BadBound => "bad-length",
            Self::BadItems(_) => "bad-items",
            Self::KeystreamExhausted => "keystream-exhausted",
            Self::BadTag => "bad-dst",
            Self::UnknownBackend { .. } => "unknown-backend",
            Self::Fault(_) => "internal-fault",
        }
    }

    /// The rejected entry, where there is one.
    pub fn index(&self) -> Option<usize> {
        match self {
            Self::Rejected { rejected, .. } => Some(rejected.index),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected { list, rejected: Rejected { index, reason } } => {
                let expected = match reason {
                    Reason::BadElement => "a canonical encoding that is not the identity",
                    Reason::InvalidInput => "an input that does not hash to the identity",
                    Reason::ZeroScalar => "a scalar other than zero",
                    Reason::BadScalar => "a canonical scalar below the group order",
                    Reason::ValueOutOfRange => "a value below 2^47 in absolute value",
                    Reason::TotalOutOfRange => "v*G for a v within the bound",
                };
                write!(f, "{list}, entry {index}: expected {expected}")
            }
            Self::BadProof => write!(f, "expected a proof for this statement, got one that does not verify"),
            Self::BadPublicKey => {
                write!(f, "public key: expected the canonical encoding of this key, not the identity")
            }
            Self::BadLength { what, expected, got } => write!(f, "{what}: expected {expected}, got {got}"),
            Self::BadBound => write!(f, "bound: expected 0 to 2^47 - 1, got one outside"),
            Self::BadItems(why) => write!(f, "items: {why}"),
            Self::KeystreamExhausted => {
                write!(f, "expected an index range within 2^32 scalars of one stream key")
            }
            Self::BadTag => write!(f, "expected a domain separation tag of 1 to 255 bytes"),
            Self::UnknownBackend { got, choices } => {
                write!(f, "backend: expected one of {choices} on this machine, got {got:?}")
            }
            Self::Fault(what) => write!(f, "native core: {what}"),
        }
    }
}

impl std::error::Error for Error {}
