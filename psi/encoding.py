"""Unambiguous concatenation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from psi.errors import LengthError

if TYPE_CHECKING:
    from typing_extensions import Buffer

_LENGTH_BYTES: Final = 8


def lp(*parts: Buffer | int | str) -> bytes:
    """Concatenate parts, each prefixed by its length as 8 bytes, big-endian.

    Args:
        parts: bytes as they are, text as UTF-8, integers as 8 bytes, big-endian.

    Raises:
        LengthError: an integer outside 0 to 2^64 - 1.

    Spec: docs/protocol.md, LP.
    """
    return b"".join(map(_prefixed, parts))


def _prefixed(part: Buffer | int | str) -> bytes:
    match part:
        case str():
            value = part.encode()
        case int():
            if not 0 <= part < 1 << 64:
                raise LengthError("integer: expected 0 to 2^64 - 1, got one outside")
            value = part.to_bytes(_LENGTH_BYTES, "big")
        case _:
            value = bytes(part)
    return len(value).to_bytes(_LENGTH_BYTES, "big") + value
