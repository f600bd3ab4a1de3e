"""Proofs about keys, partial decryptions and what ciphertexts hold: for sums and totals under a joint key.

A ciphertext is rho*G || v*G + rho*pk, 64 bytes (psi.elgamal). Every proof is bound to a ``context``: bytes that say
which session, which role and which signer it belongs to, so that no proof serves anybody else or again. Provers take
stream keys; their scalars never leave native code. A verification that fails raises `ProofError`; bytes that are no
element raise `ElementError`.

All are complete, sound except with a probability of about 2^-128, and zero-knowledge, with SHA-512 as a random oracle
(docs/protocol.md, proofs and noise).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from psi import dst, native
from psi.encoding import lp
from psi.errors import LengthError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Buffer

POSSESSION_BYTES: Final = 64  # two scalars
PARTIALS_BYTES: Final = 64  # two scalars
KNOWLEDGE_BYTES: Final = 128  # two elements, two scalars
MAX_RANGE_BITS: Final = native.MAX_RANGE_BITS
_CIPHERTEXT_BYTES: Final = 64
_ELEMENT_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Bounds:
    """The values that a ciphertext may hold, both ends included.

    Raises:
        LengthError: an end outside int64, or ``high`` below ``low``.
    """

    low: int
    high: int

    def __post_init__(self) -> None:
        if not -(1 << 63) <= self.low <= self.high < 1 << 63:
            raise LengthError("bounds: expected low and high in this order, within int64")

    @property
    def bits(self) -> int:
        """What a value within these bounds costs in a range proof."""
        return (self.high - self.low).bit_length()


def prove_possession(secret_key: bytes, proof_key: bytes, context: bytes) -> bytes:
    """Prove knowledge of a private key: Schnorr's proof for pk = k*G, k being scalar 0 of ``secret_key``.

    Args:
        secret_key: 32 secret bytes from ``stream_key``.
        proof_key: 32 secret bytes from ``stream_key``, for the nonce.
        context: session, role and signer.

    Returns:
        64 bytes.

    Raises:
        LengthError, ZeroScalarError.

    Security: constant time. Without it, a last comer could choose its share of a joint key so that the others cancel.
    Spec: docs/protocol.md, proofs and noise.
    """
    return native.prove_possession(secret_key, proof_key, context)


def verify_possession(public_key: bytes, context: bytes, proof: Buffer) -> None:
    """Check that whoever made ``proof`` in this context knew the private key of ``public_key``.

    Args:
        public_key: 32 bytes.
        context: as it was proved in.
        proof: 64 bytes.

    Raises:
        ProofError, PublicKeyError.
    """
    native.verify_possession(public_key, context, proof)


def prove_partials(secret_key: bytes, proof_key: bytes, context: bytes, ciphertexts: Buffer, partials: Buffer) -> bytes:
    """Prove that partials are the key times the first components: the batch proof of docs/protocol.md, for all at once.

    Args:
        secret_key, proof_key, context: as for `prove_possession`.
        ciphertexts: 1 to 32,768 of them, n x 64 bytes.
        partials: n x 32 bytes, from ``psi.elgamal.partial_decryptions`` under the same key.

    Returns:
        64 bytes.

    Raises:
        ElementError: a component that is not canonical, or is the identity. LengthError, ZeroScalarError.

    Security: constant time in the key.
    """
    return native.prove_products(secret_key, proof_key, _partials(context), _first_components(ciphertexts), partials)


def verify_partials(public_key: bytes, context: bytes, ciphertexts: Buffer, partials: Buffer, proof: Buffer) -> None:
    """Check the partials of one party for a batch of ciphertexts.

    Args:
        public_key: of that party, 32 bytes.
        context: as it was proved in.
        ciphertexts, partials: 1 to 32,768 of each, n x 64 and n x 32 bytes.
        proof: 64 bytes.

    Raises:
        ProofError, ElementError, PublicKeyError, LengthError.
    """
    native.verify_products(public_key, _partials(context), _first_components(ciphertexts), partials, proof)


def prove_knowledge(
    values: Buffer,
    randomness_key: bytes,
    first: int,
    proof_key: bytes,
    context: bytes,
    public_key: bytes,
    ciphertexts: Buffer,
) -> bytes:
    """Prove knowledge of (v, rho) for each ciphertext, and that one rho is in both of its components.

    Args:
        values: n x 8 bytes, int64, little-endian.
        randomness_key, first: as given to ``psi.elgamal.encrypt``.
        proof_key, context: as for `prove_possession`.
        public_key: under which they are encrypted, 32 bytes.
        ciphertexts: 1 to 32,768 of them, n x 64 bytes.

    Returns:
        128 bytes, however many ciphertexts there are.

    Raises:
        LengthError, KeystreamError, PublicKeyError, ZeroScalarError.

    Security: constant time in values and randomness. Without it, a contribution could be built on another's.
    """
    return native.prove_knowledge(values, randomness_key, first, proof_key, context, public_key, ciphertexts)


def verify_knowledge(context: bytes, public_key: bytes, ciphertexts: Buffer, proof: Buffer) -> None:
    """Check that whoever made ``proof`` in this context knew what each ciphertext holds.

    Args:
        context: as it was proved in.
        public_key: under which they are encrypted, 32 bytes.
        ciphertexts: 1 to 32,768 of them, n x 64 bytes.
        proof: 128 bytes.

    Raises:
        ProofError, ElementError, PublicKeyError, LengthError.
    """
    native.verify_knowledge(context, public_key, ciphertexts, proof)


def prove_ranges(
    values: Buffer,
    bounds: Sequence[Bounds],
    randomness_key: bytes,
    first: int,
    proof_key: bytes,
    context: bytes,
    public_key: bytes,
    ciphertexts: Buffer,
) -> bytes:
    """Prove that each ciphertext holds a value within its bounds: an aggregated Bulletproof over second components.

    Sound only beside a proof of knowledge for the same ciphertexts, which ties the first components to them.

    Args:
        bounds: one for each value, of `MAX_RANGE_BITS` bits together.
        others: as for `prove_knowledge`.

    Returns:
        288 + 64 * log2(bits of all bounds together, rounded up to a power of two) bytes.

    Raises:
        LengthError: a value outside its bounds (the message gives its place), or bounds of too many bits.
        KeystreamError, PublicKeyError, ZeroScalarError.

    Security: constant time in values and randomness.
    Cost: about 0.2 ms of CPU time a bit to prove, padding included, and 10 to 20 us to verify.
    Spec: docs/protocol.md, proofs and noise.
    """
    if memoryview(values).nbytes == 8 * len(bounds):
        numbers, limits = np.frombuffer(memoryview(values), "<i8"), _limits(bounds)
        outside = np.flatnonzero((numbers < limits[:, 0]) | (numbers > limits[:, 1]))
        if len(outside):
            raise LengthError(f"value {outside[0]}: expected one within its bounds")
    return native.prove_ranges(
        values, _encoded(bounds), randomness_key, first, proof_key, context, public_key, ciphertexts
    )


@dataclass(frozen=True, slots=True)
class Proved:
    """A party's range proof and what it is about: session, role and signer; n x 64 bytes; as it came."""

    context: bytes
    ciphertexts: Buffer
    proof: Buffer


def verify_ranges(public_key: bytes, bounds: Sequence[Bounds], proved: Sequence[Proved]) -> None:
    """Check that each ciphertext whose content its maker knows holds a value within its bounds.

    Args:
        public_key: under which all are encrypted, 32 bytes.
        bounds: the same for all parties, one for each ciphertext.
        proved: of one party or several, which costs little more than one: their proofs share most of the work.

    Raises:
        ProofError: one of the proofs does not verify; each alone tells which.
        ElementError, PublicKeyError, LengthError.
    """
    rows = [(party.context, party.ciphertexts, party.proof) for party in proved]
    native.verify_ranges(public_key, _encoded(bounds), rows)


def _partials(context: bytes) -> bytes:
    return hashlib.sha512(lp(dst.PARTIALS, context)).digest()


def _first_components(ciphertexts: Buffer) -> bytes:
    flat = np.frombuffer(memoryview(ciphertexts), np.uint8)
    if flat.size % _CIPHERTEXT_BYTES:
        raise LengthError(f"ciphertexts: expected a multiple of {_CIPHERTEXT_BYTES} bytes, got {flat.size}")
    first_components: bytes = flat.reshape(-1, _CIPHERTEXT_BYTES)[:, :_ELEMENT_BYTES].tobytes()
    return first_components


def _limits(bounds: Sequence[Bounds]) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    return np.array([(limits.low, limits.high) for limits in bounds], "<i8").reshape(len(bounds), 2)


def _encoded(bounds: Sequence[Bounds]) -> bytes:
    return _limits(bounds).tobytes()
