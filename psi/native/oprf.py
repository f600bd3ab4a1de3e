"""The VOPRF on batches, and the notes that its outputs open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psi import _native
from psi.native.core import errors, selected

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from psi.items import Items


def public_key(oprf_key: Buffer) -> bytes:
    """See psi.voprf.public_key."""
    with errors():
        return _native.public_key(oprf_key)


def blind(items: Items, dst: Buffer, blind_key: Buffer, first: int, *, backend: str | None = None) -> bytes:
    """See psi.voprf.blind."""
    with errors():
        return _native.blind(backend or selected(), (items.data, items.offsets, dst), blind_key, first)


def evaluate(
    oprf_key: Buffer,
    proof_key: Buffer,
    statement: tuple[Buffer, int, int, int, Buffer],
    blinded: Buffer,
    *,
    backend: str | None = None,
) -> tuple[bytes, bytes]:
    """See psi.voprf.evaluate; the statement is (ctx, leg, list number, chunk, public key)."""
    with errors():
        return _native.evaluate(backend or selected(), oprf_key, proof_key, statement, blinded)


def verify_and_finalize(
    items: Items,
    blind_key: Buffer,
    first: int,
    statement: tuple[Buffer, int, int, int, Buffer],
    blinded: Buffer,
    evaluated: Buffer,
    proof: Buffer,
    *,
    backend: str | None = None,
) -> bytes:
    """See psi.voprf.verify_and_finalize; the statement is (ctx, leg, list number, chunk, public key)."""
    with errors():
        return _native.verify_and_finalize(
            backend or selected(),
            items.data,
            items.offsets,
            blind_key,
            first,
            statement,
            blinded,
            evaluated,
            proof,
        )


def tags(items: Items, dst: Buffer, oprf_key: Buffer, *, backend: str | None = None) -> bytes:
    """See psi.voprf.tags."""
    with errors():
        return _native.tags(backend or selected(), (items.data, items.offsets, dst), oprf_key)


def seal_notes(
    items: Items, dst: Buffer, oprf_key: Buffer, context: Buffer, notes: Buffer, *, backend: str | None = None
) -> bytes:
    """psi.notes.seal_notes."""
    with errors():
        return _native.seal_notes(backend or selected(), (items.data, items.offsets, dst), oprf_key, context, notes)


def open_notes(outputs: Buffer, rows: Buffer, context: Buffer) -> tuple[bytes, bytes]:
    """psi.notes.open_notes."""
    with errors():
        return _native.open_notes(outputs, rows, context)
