"""Additive ElGamal, and the logarithms of its totals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psi import _native
from psi.native.core import errors, selected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Buffer


def joint_key(public_keys: Buffer) -> bytes:
    """psi.elgamal.joint_key."""
    with errors():
        return _native.joint_key(public_keys)


def check_ciphertexts(ciphertexts: Buffer, *, backend: str | None = None) -> None:
    """psi.elgamal.check."""
    with errors():
        _native.check_ciphertexts(backend or selected(), ciphertexts)


def encrypt(
    values: Buffer, public_key: Buffer, randomness_key: Buffer, first: int, *, backend: str | None = None
) -> bytes:
    """psi.elgamal.encrypt."""
    with errors():
        return _native.encrypt(backend or selected(), values, public_key, randomness_key, first)


def rerandomize(
    ciphertexts: Buffer, public_key: Buffer, randomness_key: Buffer, first: int, *, backend: str | None = None
) -> bytes:
    """psi.elgamal.rerandomize."""
    with errors():
        return _native.rerandomize(backend or selected(), ciphertexts, public_key, randomness_key, first)


def add_ciphertexts(a: Buffer, b: Buffer, *, backend: str | None = None) -> bytes:
    """psi.elgamal.add."""
    with errors():
        return _native.add_ciphertexts(backend or selected(), a, b)


def add_values(ciphertexts: Buffer, values: Buffer) -> bytes:
    """psi.elgamal.add_values."""
    with errors():
        return _native.add_values(ciphertexts, values)


def sum_columns(ciphertexts: Buffer, columns: int, rows: Buffer | None, *, backend: str | None = None) -> bytes:
    """psi.elgamal.sum_columns."""
    with errors():
        return _native.sum_columns(backend or selected(), ciphertexts, columns, rows)


def partial_decryptions(ciphertexts: Buffer, secret_key: Buffer, *, backend: str | None = None) -> bytes:
    """psi.elgamal.partial_decryptions."""
    with errors():
        return _native.partial_decryptions(backend or selected(), ciphertexts, secret_key)


def open_shares(ciphertexts: Buffer, partials: Sequence[Buffer]) -> bytes:
    """psi.elgamal.open_shares."""
    with errors():
        return _native.open_shares(ciphertexts, list(partials))


def build_logarithms(*, backend: str | None = None) -> bytes:
    """psi.discrete_log.Table.build."""
    with errors():
        return _native.build_logarithms(backend or selected())


def solve_logarithms(table: Buffer, elements: Buffer, bound: int, *, backend: str | None = None) -> bytes:
    """psi.discrete_log.Table.solve."""
    with errors():
        return _native.solve_logarithms(backend or selected(), table, elements, bound)
