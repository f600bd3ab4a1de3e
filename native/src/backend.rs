//! The seam between the protocols and the machine: single-threaded kernels over slices.
//!
//! A backend is added by implementing [`Backend`] and listing it in [`KNOWN`]. Splitting a batch over cores
//! is [`crate::parallel`]'s work, which hands out blocks of [`crate::parallel::BLOCK`] entries (a multiple of
//! eight) as far as the batch reaches; a kernel accepts any length, including none.

use std::ops::Range;
use std::sync::OnceLock;

use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoBasepointTable};
use curve25519_dalek::traits::IsIdentity;
use curve25519_dalek::{RistrettoPoint, Scalar};

use crate::discrete_log;
use crate::elgamal;
use crate::error::{Error, Rejected};
use crate::hash::Expander;
use crate::items::Items;
use crate::portable::Portable;
use crate::sums::{Bases, SecretWeights};
#[cfg(target_arch = "x86_64")]
use crate::{avx2, ifma};

/// An encoded element or scalar.
pub type Bytes32 = [u8; 32];
/// A SHA-512 digest: a VOPRF output, or the input of the map to the group.
pub type Bytes64 = [u8; 64];

/// A public key, decoded and checked, with each backend's fixed-base table once that backend has needed it.
pub struct PublicKeyTable {
    point: RistrettoPoint,
    portable: OnceLock<Box<RistrettoBasepointTable>>,
    #[cfg(target_arch = "x86_64")]
    ifma: OnceLock<ifma::KeyTable>,
    #[cfg(target_arch = "x86_64")]
    avx2: OnceLock<avx2::KeyTable>,
}

impl PublicKeyTable {
    /// Refuses everything but the canonical encoding of an element other than the identity.
    pub fn new(encoding: &Bytes32) -> Result<Self, Error> {
        let point = decode(encoding).ok_or(Error::BadPublicKey)?;
        Ok(Self {
            point,
            portable: OnceLock::new(),
            #[cfg(target_arch = "x86_64")]
            ifma: OnceLock::new(),
            #[cfg(target_arch = "x86_64")]
            avx2: OnceLock::new(),
        })
    }

    pub fn point(&self) -> &RistrettoPoint {
        &self.point
    }

    pub fn portable(&self) -> &RistrettoBasepointTable {
        self.portable.get_or_init(|| Box::new(RistrettoBasepointTable::create(&self.point)))
    }

    #[cfg(target_arch = "x86_64")]
    pub fn ifma(&self, build: impl FnOnce(&Bytes32) -> ifma::KeyTable) -> &ifma::KeyTable {
        self.ifma.get_or_init(|| build(&self.point.compress().0))
    }

    #[cfg(target_arch = "x86_64")]
    pub fn avx2(&self, build: impl FnOnce(&Bytes32) -> avx2::KeyTable) -> &avx2::KeyTable {
        self.avx2.get_or_init(|| build(&self.point.compress().0))
    }
}

/// Decode of RFC 9496, section 4.3.1, without the identity, which no protocol here accepts.
pub fn decode(encoding: &Bytes32) -> Option<RistrettoPoint> {
    CompressedRistretto(*encoding).decompress().filter(|point| !point.is_identity())
}

/// Whether this encodes the identity, as all zeros do (RFC 9496, appendix A.1). Or, not ==, so that the time is the same for
/// every element.
pub fn is_identity(encoding: &Bytes32) -> bool {
    encoding.iter().fold(0, |any, byte| any | byte) == 0
}

/// The batch operations, each on one thread.
///
/// Every slice of one call has the same length, except where a single scalar serves the whole batch; the
/// kernels may panic otherwise, since [`crate::voprf`] and the bindings check lengths first. A kernel that
/// rejects names the lowest rejected entry; what it has written to `out` is then void. Scalars, inputs and
/// outputs are secret: no branch, index or division depends on them. Only `vartime_` operations may, on
/// public values.
pub trait Backend: discrete_log::Kernels + elgamal::Kernels + Send + Sync {
    /// The name by which a caller or ACCORD_BACKEND asks for it.
    fn name(&self) -> &'static str;

    /// Whether this machine can run it.
    fn is_supported(&self) -> bool;

    /// The map from 64 uniform bytes to an element (RFC 9496, section 4.3.4), encoded.
    fn map_to_group(&self, uniform: &[Bytes64], out: &mut [Bytes32]);

    /// H(x_i), encoded. The identity counts as an invalid input.
    fn hash_to_group(&self, items: Items<'_>, dst: &Expander, out: &mut [Bytes32]) -> Result<(), Rejected>;

    /// H(x_i) + r_i * G.
    fn blind(&self, items: Items<'_>, dst: &Expander, blinds: &[Scalar], out: &mut [Bytes32]);

    /// Decodes public elements once for several steps. Not on one thread: all cores share the result, so they share its work.
    fn decode_batch<'a>(&self, elements: &'a [Bytes32]) -> Result<Box<dyn Decoded + 'a>, Rejected>;

    /// k * P_i.
    fn evaluate(&self, k: &Scalar, elements: &[Bytes32], out: &mut [Bytes32]) -> Result<(), Rejected> {
        self.decode_batch(elements)?.evaluate(0..elements.len(), k, out);
        Ok(())
    }

    /// s_i * P_i. A product may be the identity, if s_i is zero.
    fn multiply(&self, scalars: &[Scalar], elements: &[Bytes32], out: &mut [Bytes32])
    -> Result<(), Rejected>;

    /// s_i * G.
    fn multiply_base(&self, scalars: &[Scalar], out: &mut [Bytes32]);

    /// k * H(x_i), encoded. The identity counts as an invalid input.
    fn multiples(
        &self,
        items: Items<'_>,
        dst: &Expander,
        k: &Scalar,
        out: &mut [Bytes32],
    ) -> Result<(), Rejected>;

    /// Finalize(x_i, k * H(x_i)): the PRF as its key's owner computes it. An input that hashes to the
    /// identity is invalid.
    fn outputs(
        &self,
        items: Items<'_>,
        dst: &Expander,
        k: &Scalar,
        out: &mut [Bytes64],
    ) -> Result<(), Rejected>;

    /// The sum of w_i * P_i, weights little-endian. Variable time: weights and elements are public.
    fn vartime_weighted_sum(
        &self,
        weights: &[[u8; 16]],
        elements: &[Bytes32],
    ) -> Result<RistrettoPoint, Rejected> {
        Ok(self.decode_batch(elements)?.vartime_weighted_sum(0..elements.len(), weights))
    }

    /// For each list of points the sum of w_i * P_i, with the same weights. Variable time: weights and points are public.
    fn vartime_scalar_sums(
        &self,
        weights: &[Scalar],
        lists: &[Bases<'_>],
    ) -> Result<Vec<RistrettoPoint>, Rejected>;

    /// For each list of weights the sum of w_i * P_i over the same points.
    fn secret_sums(
        &self,
        weights: &[SecretWeights<'_>],
        bases: Bases<'_>,
    ) -> Result<Vec<RistrettoPoint>, Rejected>;

    /// Replaces each scalar by its inverse; rejects zero.
    fn invert_scalars(&self, scalars: &mut [Scalar]) -> Result<(), Rejected>;
}

/// Elements that a backend has decoded and found good: kernels on one thread, each on a range of them. `out` and the other
/// slices have the range's length.
pub trait Decoded: Send + Sync {
    /// k * P_i.
    fn evaluate(&self, range: Range<usize>, k: &Scalar, out: &mut [Bytes32]);

    /// Finalize(x_i, P_i - r_i * pk), for evaluations that have been verified.
    fn finalize(
        &self,
        range: Range<usize>,
        items: Items<'_>,
        blinds: &[Scalar],
        pk: &PublicKeyTable,
        out: &mut [Bytes64],
    ) -> Result<(), Rejected>;

    /// The sum of w_i * P_i, weights little-endian. Variable time: weights and elements are public.
    fn vartime_weighted_sum(&self, range: Range<usize>, weights: &[[u8; 16]]) -> RistrettoPoint;
}

/// Every backend, fastest first.
pub const KNOWN: &[&dyn Backend] = &[
    #[cfg(target_arch = "x86_64")]
    &ifma::Ifma,
    #[cfg(target_arch = "x86_64")]
    &avx2::Avx2,
    &Portable,
];

/// The backends that this machine can run, fastest first.
pub fn available() -> impl Iterator<Item = &'static dyn Backend> {
    KNOWN.iter().copied().filter(|backend| backend.is_supported())
}

/// The backend of that name, if this machine can run it.
pub fn by_name(name: &str) -> Result<&'static dyn Backend, Error> {
    available().find(|backend| backend.name() == name).ok_or_else(|| Error::UnknownBackend {
        got: name.chars().take(32).collect(),
        choices: available().map(|backend| backend.name()).collect::<Vec<_>>().join(", "),
    })
}
