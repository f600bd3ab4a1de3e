"""Proofs about keys, products, ciphertexts and ranges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psi import _native
from psi.native.core import errors, selected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Buffer


def prove_possession(secret_key: Buffer, proof_key: Buffer, context: Buffer) -> bytes:
    """psi.proofs.prove_possession."""
    with errors():
        return _native.prove_possession(secret_key, proof_key, context)


def verify_possession(public_key: Buffer, context: Buffer, proof: Buffer) -> None:
    """psi.proofs.verify_possession."""
    with errors():
        _native.verify_possession(public_key, context, proof)


def prove_products(
    secret_key: Buffer,
    proof_key: Buffer,
    context: Buffer,
    elements: Buffer,
    products: Buffer,
    *,
    backend: str | None = None,
) -> bytes:
    """The batch proof that each product is the key times its element. See psi.proofs.prove_partials."""
    with errors():
        return _native.prove_products(backend or selected(), secret_key, proof_key, context, elements, products)


def verify_products(
    public_key: Buffer,
    context: Buffer,
    elements: Buffer,
    products: Buffer,
    proof: Buffer,
    *,
    backend: str | None = None,
) -> None:
    """See psi.proofs.verify_partials."""
    with errors():
        _native.verify_products(backend or selected(), public_key, context, elements, products, proof)


def prove_knowledge(
    values: Buffer,
    randomness_key: Buffer,
    first: int,
    proof_key: Buffer,
    context: Buffer,
    public_key: Buffer,
    ciphertexts: Buffer,
) -> bytes:
    """psi.proofs.prove_knowledge."""
    with errors():
        return _native.prove_knowledge(values, randomness_key, first, proof_key, context, public_key, ciphertexts)


def verify_knowledge(
    context: Buffer, public_key: Buffer, ciphertexts: Buffer, proof: Buffer, *, backend: str | None = None
) -> None:
    """psi.proofs.verify_knowledge."""
    with errors():
        _native.verify_knowledge(backend or selected(), context, public_key, ciphertexts, proof)


def prove_ranges(
    values: Buffer,
    bounds: Buffer,
    randomness_key: Buffer,
    first: int,
    proof_key: Buffer,
    context: Buffer,
    public_key: Buffer,
    ciphertexts: Buffer,
) -> bytes:
    """psi.proofs.prove_ranges; bounds are n x (low, high) as int64."""
    with errors():
        return _native.prove_ranges(values, bounds, randomness_key, first, proof_key, context, public_key, ciphertexts)


def verify_ranges(public_key: Buffer, bounds: Buffer, proved: Sequence[tuple[Buffer, Buffer, Buffer]]) -> None:
    """psi.proofs.verify_ranges: (context, ciphertexts, proof) of each party; bounds are n x (low, high) as int64."""
    with errors():
        _native.verify_ranges(public_key, bounds, proved)
