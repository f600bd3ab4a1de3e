"""libsodium and OpenSSL, one item a call: what the core is compared with, in the same process, and checked against.

libsodium comes with rbcl and is called through ctypes on prepared addresses. What an empty call costs is measured in
the same run and taken off, so that the ratios do not flatter us. OpenSSL's X25519 comes with cryptography, whose
call cannot be separated from the work.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from time import perf_counter, process_time
from typing import Final

import rbcl
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

SCALARMULT: Final = "libsodium scalarmult"
SCALARMULT_BASE: Final = "libsodium scalarmult_base"
FROM_HASH: Final = "libsodium from_hash"
SCALAR_INVERT: Final = "libsodium scalar_invert"
EMPTY_CALL: Final = "libsodium, empty call"
X25519: Final = "OpenSSL X25519"

_sodium: Final = rbcl.rbcl._sodium
_POINTER: Final = ctypes.c_void_p


def _bind(name: str, *arguments: type) -> Callable[..., int]:
    function = getattr(_sodium, name)
    # A prototype of its own: rbcl keeps the one that it has set.
    prototype = ctypes.CFUNCTYPE(ctypes.c_int, *arguments)
    bound: Callable[..., int] = prototype(ctypes.cast(function, ctypes.c_void_p).value or 0)
    return bound


_scalarmult: Final = _bind("crypto_scalarmult_ristretto255", _POINTER, _POINTER, _POINTER)
_scalarmult_base: Final = _bind("crypto_scalarmult_ristretto255_base", _POINTER, _POINTER)
_from_hash: Final = _bind("crypto_core_ristretto255_from_hash", _POINTER, _POINTER)
_add: Final = _bind("crypto_core_ristretto255_add", _POINTER, _POINTER, _POINTER)
_invert: Final = _bind("crypto_core_ristretto255_scalar_invert", _POINTER, _POINTER)
_compare: Final = _bind("sodium_memcmp", _POINTER, _POINTER, ctypes.c_size_t)


def version() -> str:
    """The version of the libsodium in use."""
    _sodium.sodium_version_string.restype = ctypes.c_char_p
    text: bytes = _sodium.sodium_version_string()
    return text.decode()


def _call(function: Callable[..., int], *inputs: bytes) -> bytes:
    out = ctypes.create_string_buffer(32)
    if function(out, *inputs) != 0:
        raise ValueError("libsodium refused an input")
    return out.raw


def multiply(scalar: bytes, element: bytes) -> bytes:
    """s * P."""
    return _call(_scalarmult, scalar, element)


def multiply_base(scalar: bytes) -> bytes:
    """s * G."""
    return _call(_scalarmult_base, scalar)


def add(a: bytes, b: bytes) -> bytes:
    """a + b."""
    return _call(_add, a, b)


def map_to_group(uniform: bytes) -> bytes:
    """The map from 64 uniform bytes (RFC 9496, section 4.3.4)."""
    return _call(_from_hash, uniform)


def invert(scalar: bytes) -> bytes:
    """The inverse of a scalar."""
    return _call(_invert, scalar)


class Libraries:
    """Prepared inputs of ``count`` items, and loops over them that are timed by their caller."""

    def __init__(self, scalars: bytes, elements: bytes, uniform: bytes, count: int) -> None:
        self.count = count
        self._out = ctypes.create_string_buffer(64)
        self._buffers = [ctypes.create_string_buffer(data, len(data)) for data in (scalars, elements, uniform)]
        rows = [
            [ctypes.addressof(buffer) + width * row for row in range(count)]
            for buffer, width in zip(self._buffers, (32, 32, 64), strict=True)
        ]
        self._scalars, self._elements, self._uniform = rows
        self._private = X25519PrivateKey.from_private_bytes(scalars[:32])
        self._public = [
            X25519PublicKey.from_public_bytes(elements[i * 32 : i * 32 + 32]) for i in range(count)
        ]  # as good as any: X25519 takes every string of 32 bytes
        self.loops: dict[str, Callable[[], None]] = {
            SCALARMULT: lambda: self._three(_scalarmult),
            SCALARMULT_BASE: lambda: self._two(_scalarmult_base, self._scalars),
            FROM_HASH: lambda: self._two(_from_hash, self._uniform),
            SCALAR_INVERT: lambda: self._two(_invert, self._scalars),
            EMPTY_CALL: self._empty,
            X25519: self._exchange,
        }

    def _two(self, function: Callable[..., int], rows: list[int]) -> None:
        out = ctypes.addressof(self._out)
        for row in rows:
            function(out, row)

    def _three(self, function: Callable[..., int]) -> None:
        # One scalar and many elements, as one key meets them.
        out, scalar = ctypes.addressof(self._out), self._scalars[0]
        for element in self._elements:
            function(out, scalar, element)

    def _empty(self) -> None:
        out, scalar = ctypes.addressof(self._out), self._scalars[0]
        for _ in self._elements:
            _compare(out, scalar, 0)

    def _exchange(self) -> None:
        exchange = self._private.exchange
        for public in self._public:
            exchange(public)


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds that ``work`` takes: by the wall clock, and of this process's CPU time."""
    cpu, wall = process_time(), perf_counter()
    work()
    return perf_counter() - wall, process_time() - cpu
