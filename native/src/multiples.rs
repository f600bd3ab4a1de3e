//! Multiples by one secret scalar, for the protocols in which both sides multiply every element: k*H(x) and k*P.

use crate::backend::{Backend, Bytes32};
use crate::error::Error;
use crate::hash::Expander;
use crate::items::Items;
use crate::keystream::StreamKey;
use crate::parallel;
use crate::voprf::private_key;

/// k * H(x_i), where k is scalar 0 of its stream.
pub fn hashed(
    backend: &dyn Backend,
    items: Items<'_>,
    dst: &Expander,
    key: &StreamKey,
    out: &mut [Bytes32],
) -> Result<(), Error> {
    let k = private_key(key)?;
    parallel::blocks(out, |range, out| backend.multiples(items.slice(range), dst, &k, out))
        .map_err(|rejected| rejected.in_list("items"))
}

/// k * P_i.
pub fn shared(
    backend: &dyn Backend,
    elements: &[Bytes32],
    key: &StreamKey,
    out: &mut [Bytes32],
) -> Result<(), Error> {
    let k = private_key(key)?;
    parallel::blocks(out, |range, out| backend.evaluate(&k, &elements[range], out))
        .map_err(|rejected| rejected.in_list("elements"))
}
