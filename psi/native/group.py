"""Scalars, elements, hashing to the group, and multiples by one secret scalar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psi import _native
from psi.native.core import errors, selected

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from psi.items import Items


def expand_message_xmd(message: Buffer, dst: Buffer, length_bytes: int) -> bytes:
    """expand_message_xmd with SHA-512 (RFC 9380, section 5.3.1). Raises DstError, LengthError."""
    with errors():
        return _native.expand_message_xmd(message, dst, length_bytes)


def keystream_scalars(key: Buffer, first: int, count: int) -> bytes:
    """See psi.keystream.keystream_scalars."""
    with errors():
        return _native.keystream_scalars(key, first, count)


def reduce_scalars(wide: Buffer) -> bytes:
    """n x 64 bytes, little-endian, modulo the group order: n x 32. Raises LengthError."""
    with errors():
        return _native.reduce_scalars(wide)


def add_scalars(a: Buffer, b: Buffer) -> bytes:
    """a + b. Raises ScalarError, LengthError."""
    with errors():
        return _native.add_scalars(a, b)


def subtract_scalars(a: Buffer, b: Buffer) -> bytes:
    """a - b. Raises ScalarError, LengthError."""
    with errors():
        return _native.subtract_scalars(a, b)


def multiply_scalars(a: Buffer, b: Buffer) -> bytes:
    """a * b. Raises ScalarError, LengthError."""
    with errors():
        return _native.multiply_scalars(a, b)


def invert_scalars(scalars: Buffer, *, backend: str | None = None) -> bytes:
    """The inverses of n x 32 bytes. Raises ScalarError, ZeroScalarError, LengthError."""
    with errors():
        return _native.invert_scalars(backend or selected(), scalars)


def check_elements(elements: Buffer, *, backend: str | None = None) -> None:
    """Raise ElementError for the first of n x 32 bytes that is not canonical or is the identity."""
    with errors():
        _native.check_elements(backend or selected(), elements)


def add_elements(a: Buffer, b: Buffer) -> bytes:
    """a + b, either of which may be the identity. Raises ElementError, LengthError."""
    with errors():
        return _native.add_elements(a, b)


def subtract_elements(a: Buffer, b: Buffer) -> bytes:
    """a - b, either of which may be the identity. Raises ElementError, LengthError."""
    with errors():
        return _native.subtract_elements(a, b)


def map_to_group(uniform: Buffer, *, backend: str | None = None) -> bytes:
    """n x 64 uniform bytes to n x 32 (RFC 9496, section 4.3.4). Raises LengthError."""
    with errors():
        return _native.map_to_group(backend or selected(), uniform)


def hash_to_group(items: Items, dst: Buffer, *, backend: str | None = None) -> bytes:
    """H(x_i), n x 32. Raises ItemsError, DstError, InvalidInputError."""
    with errors():
        return _native.hash_to_group(backend or selected(), (items.data, items.offsets, dst))


def multiply(scalars: Buffer, elements: Buffer, *, backend: str | None = None) -> bytes:
    """s_i * P_i, n x 32. Raises ElementError, ScalarError, LengthError."""
    with errors():
        return _native.multiply(backend or selected(), scalars, elements)


def multiply_base(scalars: Buffer, *, backend: str | None = None) -> bytes:
    """s_i * G, n x 32. Raises ScalarError, LengthError."""
    with errors():
        return _native.multiply_base(backend or selected(), scalars)


def hashed_multiples(items: Items, dst: Buffer, key: Buffer, *, backend: str | None = None) -> bytes:
    """psi.group.multiples."""
    with errors():
        return _native.hashed_multiples(backend or selected(), (items.data, items.offsets, dst), key)


def shared_multiples(elements: Buffer, key: Buffer, *, backend: str | None = None) -> bytes:
    """psi.group.multiply_shared."""
    with errors():
        return _native.shared_multiples(backend or selected(), elements, key)
