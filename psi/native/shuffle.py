"""The passes of the proof of a shuffle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psi import _native
from psi.native.core import errors, selected

if TYPE_CHECKING:
    from typing_extensions import Buffer


# The passes of psi.shuffle. What one returns as state, the next takes; b"" is the state before the first row.


def shuffle_commit(mask_key: Buffer, permutation: Buffer) -> tuple[bytes, bytes]:
    """C, T_d, T_delta; and the bases H_i, n x 32."""
    with errors():
        return _native.shuffle_commit(selected(), mask_key, permutation)


def shuffle_permute(mask_key: Buffer, w1: Buffer, permutation: Buffer, bases: Buffer) -> tuple[bytes, bytes]:
    """D; and the permuted weights e_pi(i), n x 24."""
    with errors():
        return _native.shuffle_permute(selected(), mask_key, w1, permutation, bases)


def shuffle_absorb(
    mask_key: Buffer,
    digests: tuple[Buffer, Buffer],
    columns: int,
    permuted: tuple[Buffer, Buffer],
    bases: Buffer,
    keys: tuple[Buffer, Buffer],
    state: Buffer,
    first: int,
    after: Buffer,
) -> bytes:
    """The prover's state after more rows; `permuted` is the permutation and the permuted weights."""
    with errors():
        return _native.shuffle_absorb(
            selected(), mask_key, digests, columns, permuted, bases, *keys, state, first, after
        )


def shuffle_close(
    mask_key: Buffer, count: int, state: Buffer, secret_key: Buffer, public_key: Buffer, joint_key: Buffer
) -> bytes:
    """P, T_B, T_K; with a joint key, T_E."""
    with errors():
        return _native.shuffle_close(mask_key, count, state, secret_key, public_key, joint_key)


def shuffle_relate(mask_key: Buffer, digests: tuple[Buffer, Buffer, Buffer], permuted: tuple[Buffer, Buffer]) -> bytes:
    """V_1, V_0."""
    with errors():
        return _native.shuffle_relate(mask_key, digests, permuted)


def shuffle_answer(
    mask_key: Buffer, count: int, digests: tuple[Buffer, Buffer, Buffer], state: Buffer, secret_key: Buffer
) -> bytes:
    """s_K, s_m, s_p, s_v, s_E."""
    with errors():
        return _native.shuffle_answer(mask_key, count, digests, state, secret_key)


def shuffle_respond(
    mask_key: Buffer,
    digests: tuple[Buffer, Buffer, Buffer],
    permuted: tuple[Buffer, Buffer],
    first: int,
    count: int,
    product: Buffer,
) -> tuple[bytes, bytes]:
    """f_i and g_i, and the secret product p after them."""
    with errors():
        return _native.shuffle_respond(mask_key, digests, permuted, first, count, product)


def shuffle_check_opening(opening: Buffer, with_ciphertexts: bool) -> None:
    """Raise ProofError unless all elements and scalars are canonical."""
    with errors():
        _native.shuffle_check_opening(opening, with_ciphertexts)


def shuffle_verify(
    digests: tuple[Buffer, Buffer, Buffer, Buffer, Buffer],
    columns: int,
    own: tuple[Buffer, Buffer],
    state: Buffer,
    first: int,
    rows: tuple[Buffer, Buffer, Buffer],
) -> bytes:
    """The verifier's state after more rows. ``own``: the key of its own encryption and the joint key, or b"" twice."""
    with errors():
        return _native.shuffle_verify(selected(), digests, columns, own, state, first, *rows)


def shuffle_finish(
    digests: tuple[Buffer, Buffer, Buffer, Buffer, Buffer],
    columns: int,
    state: Buffer,
    opening: Buffer,
    public_key: Buffer,
    joint_key: Buffer,
) -> None:
    """Raise ProofError unless the equations hold."""
    with errors():
        _native.shuffle_finish(digests, columns, state, opening, public_key, joint_key)
