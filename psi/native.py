"""The only module that imports the compiled core: typed calls on batches, and its errors as ours.

Every call on a batch releases the interpreter lock and uses all cores. Buffers may be any C-contiguous objects;
read-only ones are used in place and must stay unchanged during the call. ``backend`` names one of
``available_backends()``; without it, ACCORD_BACKEND decides, and without that, speed. No result depends on the
backend, on slicing or on cores.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from psi import _native
from psi.errors import (
    BackendError,
    DstError,
    ElementError,
    IndexedError,
    InvalidInputError,
    ItemsError,
    KeystreamError,
    LengthError,
    NativeFaultError,
    ProofError,
    PsiError,
    PublicKeyError,
    ScalarError,
    TotalRangeError,
    ValueRangeError,
    ZeroScalarError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from typing_extensions import Buffer

    from psi.items import Items

BACKEND_VARIABLE: Final = "ACCORD_BACKEND"
CHUNK_ELEMENTS: Final[int] = _native.CHUNK_ELEMENTS
TAG_BYTES: Final[int] = _native.TAG_BYTES
MAX_INPUT_BYTES: Final[int] = _native.MAX_INPUT_BYTES
LOGARITHM_TABLE_BYTES: Final[int] = _native.LOGARITHM_TABLE_BYTES
MAX_TOTAL: Final[int] = _native.MAX_TOTAL
BATCH_PROOF_DSTS: Final = tuple(_native.BATCH_PROOF_DSTS)
PROOF_DSTS: Final = tuple(_native.PROOF_DSTS)
MAX_RANGE_BITS: Final[int] = _native.MAX_RANGE_BITS
DST_SHUFFLE_GENERATORS: Final[str] = _native.DST_SHUFFLE_GENERATORS
MAX_SHUFFLE_ROWS: Final[int] = _native.MAX_SHUFFLE_ROWS

_INDEXED: Final[dict[str, type[IndexedError]]] = {
    error.code: error
    for error in (ElementError, InvalidInputError, ScalarError, TotalRangeError, ValueRangeError, ZeroScalarError)
}
_PLAIN: Final[dict[str, type[PsiError]]] = {
    error.code: error
    for error in (
        BackendError,
        DstError,
        ItemsError,
        KeystreamError,
        LengthError,
        NativeFaultError,
        ProofError,
        PublicKeyError,
    )
}


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except _native.NativeError as raised:
        code, message, index = raised.args
        if index is None:
            raise _PLAIN[code](message) from None
        raise _INDEXED[code](message, index) from None
    except OverflowError:
        raise LengthError("number: expected 0 to 2^64 - 1, got one outside") from None


def known_backends() -> tuple[str, ...]:
    """The backends of this build, fastest first, whether or not this machine can run them."""
    return tuple(_native.known_backends())


def available_backends() -> tuple[str, ...]:
    """The backends that this machine can run, fastest first."""
    return tuple(_native.available_backends())


def backend() -> str:
    """The backend that calls use: ACCORD_BACKEND if it is set, the fastest one otherwise.

    Raises:
        BackendError: ACCORD_BACKEND names none of ``available_backends()``.
    """
    available = available_backends()
    chosen = os.environ.get(BACKEND_VARIABLE, available[0])
    if chosen not in available:
        raise BackendError(
            f"{BACKEND_VARIABLE}: expected one of {', '.join(available)} on this machine, got {chosen!r}"
        )
    return chosen


def expand_message_xmd(message: Buffer, dst: Buffer, length_bytes: int) -> bytes:
    """expand_message_xmd with SHA-512 (RFC 9380, section 5.3.1). Raises DstError, LengthError."""
    with _errors():
        return _native.expand_message_xmd(message, dst, length_bytes)


def keystream_scalars(key: Buffer, first: int, count: int) -> bytes:
    """See psi.keystream.keystream_scalars."""
    with _errors():
        return _native.keystream_scalars(key, first, count)


def reduce_scalars(wide: Buffer) -> bytes:
    """n x 64 bytes, little-endian, modulo the group order: n x 32. Raises LengthError."""
    with _errors():
        return _native.reduce_scalars(wide)


def add_scalars(a: Buffer, b: Buffer) -> bytes:
    """a + b. Raises ScalarError, LengthError."""
    with _errors():
        return _native.add_scalars(a, b)


def subtract_scalars(a: Buffer, b: Buffer) -> bytes:
    """a - b. Raises ScalarError, LengthError."""
    with _errors():
        return _native.subtract_scalars(a, b)


def multiply_scalars(a: Buffer, b: Buffer) -> bytes:
    """a * b. Raises ScalarError, LengthError."""
    with _errors():
        return _native.multiply_scalars(a, b)


def invert_scalars(scalars: Buffer, *, backend: str | None = None) -> bytes:
    """The inverses of n x 32 bytes. Raises ScalarError, ZeroScalarError, LengthError."""
    with _errors():
        return _native.invert_scalars(backend or _selected(), scalars)


def check_elements(elements: Buffer, *, backend: str | None = None) -> None:
    """Raise ElementError for the first of n x 32 bytes that is not canonical or is the identity."""
    with _errors():
        _native.check_elements(backend or _selected(), elements)


def add_elements(a: Buffer, b: Buffer) -> bytes:
    """a + b, either of which may be the identity. Raises ElementError, LengthError."""
    with _errors():
        return _native.add_elements(a, b)


def subtract_elements(a: Buffer, b: Buffer) -> bytes:
    """a - b, either of which may be the identity. Raises ElementError, LengthError."""
    with _errors():
        return _native.subtract_elements(a, b)


def map_to_group(uniform: Buffer, *, backend: str | None = None) -> bytes:
    """n x 64 uniform bytes to n x 32 (RFC 9496, section 4.3.4). Raises LengthError."""
    with _errors():
        return _native.map_to_group(backend or _selected(), uniform)


def hash_to_group(items: Items, dst: Buffer, *, backend: str | None = None) -> bytes:
    """H(x_i), n x 32. Raises ItemsError, DstError, InvalidInputError."""
    with _errors():
        return _native.hash_to_group(backend or _selected(), items.data, items.offsets, dst)


def multiply(scalars: Buffer, elements: Buffer, *, backend: str | None = None) -> bytes:
    """s_i * P_i, n x 32. Raises ElementError, ScalarError, LengthError."""
    with _errors():
        return _native.multiply(backend or _selected(), scalars, elements)


def multiply_base(scalars: Buffer, *, backend: str | None = None) -> bytes:
    """s_i * G, n x 32. Raises ScalarError, LengthError."""
    with _errors():
        return _native.multiply_base(backend or _selected(), scalars)


def public_key(oprf_key: Buffer) -> bytes:
    """See psi.voprf.public_key."""
    with _errors():
        return _native.public_key(oprf_key)


def blind(items: Items, dst: Buffer, blind_key: Buffer, first: int, *, backend: str | None = None) -> bytes:
    """See psi.voprf.blind."""
    with _errors():
        return _native.blind(backend or _selected(), items.data, items.offsets, dst, blind_key, first)


def evaluate(
    oprf_key: Buffer,
    proof_key: Buffer,
    statement: tuple[Buffer, int, int, int, Buffer],
    blinded: Buffer,
    *,
    backend: str | None = None,
) -> tuple[bytes, bytes]:
    """See psi.voprf.evaluate; the statement is (ctx, leg, list number, chunk, public key)."""
    with _errors():
        return _native.evaluate(backend or _selected(), oprf_key, proof_key, statement, blinded)


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
    with _errors():
        return _native.verify_and_finalize(
            backend or _selected(),
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
    with _errors():
        return _native.tags(backend or _selected(), items.data, items.offsets, dst, oprf_key)


_selected = backend  # under a name that no parameter hides


def seal_notes(
    items: Items, dst: Buffer, oprf_key: Buffer, context: Buffer, notes: Buffer, *, backend: str | None = None
) -> bytes:
    """psi.notes.seal_notes."""
    with _errors():
        return _native.seal_notes(backend or _selected(), items.data, items.offsets, dst, oprf_key, context, notes)


def open_notes(outputs: Buffer, rows: Buffer, context: Buffer) -> tuple[bytes, bytes]:
    """psi.notes.open_notes."""
    with _errors():
        return _native.open_notes(outputs, rows, context)


def joint_key(public_keys: Buffer) -> bytes:
    """psi.elgamal.joint_key."""
    with _errors():
        return _native.joint_key(public_keys)


def check_ciphertexts(ciphertexts: Buffer, *, backend: str | None = None) -> None:
    """psi.elgamal.check."""
    with _errors():
        _native.check_ciphertexts(backend or _selected(), ciphertexts)


def encrypt(
    values: Buffer, public_key: Buffer, randomness_key: Buffer, first: int, *, backend: str | None = None
) -> bytes:
    """psi.elgamal.encrypt."""
    with _errors():
        return _native.encrypt(backend or _selected(), values, public_key, randomness_key, first)


def rerandomize(
    ciphertexts: Buffer, public_key: Buffer, randomness_key: Buffer, first: int, *, backend: str | None = None
) -> bytes:
    """psi.elgamal.rerandomize."""
    with _errors():
        return _native.rerandomize(backend or _selected(), ciphertexts, public_key, randomness_key, first)


def add_ciphertexts(a: Buffer, b: Buffer, *, backend: str | None = None) -> bytes:
    """psi.elgamal.add."""
    with _errors():
        return _native.add_ciphertexts(backend or _selected(), a, b)


def add_values(ciphertexts: Buffer, values: Buffer) -> bytes:
    """psi.elgamal.add_values."""
    with _errors():
        return _native.add_values(ciphertexts, values)


def sum_columns(ciphertexts: Buffer, columns: int, rows: Buffer | None, *, backend: str | None = None) -> bytes:
    """psi.elgamal.sum_columns."""
    with _errors():
        return _native.sum_columns(backend or _selected(), ciphertexts, columns, rows)


def partial_decryptions(ciphertexts: Buffer, secret_key: Buffer, *, backend: str | None = None) -> bytes:
    """psi.elgamal.partial_decryptions."""
    with _errors():
        return _native.partial_decryptions(backend or _selected(), ciphertexts, secret_key)


def open_shares(ciphertexts: Buffer, partials: Sequence[Buffer]) -> bytes:
    """psi.elgamal.open_shares."""
    with _errors():
        return _native.open_shares(ciphertexts, list(partials))


def hashed_multiples(items: Items, dst: Buffer, key: Buffer, *, backend: str | None = None) -> bytes:
    """psi.group.multiples."""
    with _errors():
        return _native.hashed_multiples(backend or _selected(), items.data, items.offsets, dst, key)


def shared_multiples(elements: Buffer, key: Buffer, *, backend: str | None = None) -> bytes:
    """psi.group.multiply_shared."""
    with _errors():
        return _native.shared_multiples(backend or _selected(), elements, key)


def prove_possession(secret_key: Buffer, proof_key: Buffer, context: Buffer) -> bytes:
    """psi.proofs.prove_possession."""
    with _errors():
        return _native.prove_possession(secret_key, proof_key, context)


def verify_possession(public_key: Buffer, context: Buffer, proof: Buffer) -> None:
    """psi.proofs.verify_possession."""
    with _errors():
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
    with _errors():
        return _native.prove_products(backend or _selected(), secret_key, proof_key, context, elements, products)


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
    with _errors():
        _native.verify_products(backend or _selected(), public_key, context, elements, products, proof)


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
    with _errors():
        return _native.prove_knowledge(values, randomness_key, first, proof_key, context, public_key, ciphertexts)


def verify_knowledge(
    context: Buffer, public_key: Buffer, ciphertexts: Buffer, proof: Buffer, *, backend: str | None = None
) -> None:
    """psi.proofs.verify_knowledge."""
    with _errors():
        _native.verify_knowledge(backend or _selected(), context, public_key, ciphertexts, proof)


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
    with _errors():
        return _native.prove_ranges(values, bounds, randomness_key, first, proof_key, context, public_key, ciphertexts)


def verify_ranges(public_key: Buffer, bounds: Buffer, proved: Sequence[tuple[Buffer, Buffer, Buffer]]) -> None:
    """psi.proofs.verify_ranges: (context, ciphertexts, proof) of each party; bounds are n x (low, high) as int64."""
    with _errors():
        _native.verify_ranges(public_key, bounds, proved)


def build_logarithms(*, backend: str | None = None) -> bytes:
    """psi.discrete_log.Table.build."""
    with _errors():
        return _native.build_logarithms(backend or _selected())


def solve_logarithms(table: Buffer, elements: Buffer, bound: int, *, backend: str | None = None) -> bytes:
    """psi.discrete_log.Table.solve."""
    with _errors():
        return _native.solve_logarithms(backend or _selected(), table, elements, bound)


# The passes of psi.shuffle. What one returns as state, the next takes; b"" is the state before the first row.


def shuffle_commit(mask_key: Buffer, permutation: Buffer) -> tuple[bytes, bytes]:
    """C, T_d, T_delta; and the bases H_i, n x 32."""
    with _errors():
        return _native.shuffle_commit(_selected(), mask_key, permutation)


def shuffle_permute(mask_key: Buffer, w1: Buffer, permutation: Buffer, bases: Buffer) -> tuple[bytes, bytes]:
    """D; and the permuted weights e_pi(i), n x 24."""
    with _errors():
        return _native.shuffle_permute(_selected(), mask_key, w1, permutation, bases)


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
    with _errors():
        return _native.shuffle_absorb(
            _selected(), mask_key, digests, columns, permuted, bases, *keys, state, first, after
        )


def shuffle_close(
    mask_key: Buffer, count: int, state: Buffer, secret_key: Buffer, public_key: Buffer, joint_key: Buffer
) -> bytes:
    """P, T_B, T_K; with a joint key, T_E."""
    with _errors():
        return _native.shuffle_close(mask_key, count, state, secret_key, public_key, joint_key)


def shuffle_relate(mask_key: Buffer, digests: tuple[Buffer, Buffer, Buffer], permuted: tuple[Buffer, Buffer]) -> bytes:
    """V_1, V_0."""
    with _errors():
        return _native.shuffle_relate(mask_key, digests, permuted)


def shuffle_answer(
    mask_key: Buffer, count: int, digests: tuple[Buffer, Buffer, Buffer], state: Buffer, secret_key: Buffer
) -> bytes:
    """s_K, s_m, s_p, s_v, s_E."""
    with _errors():
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
    with _errors():
        return _native.shuffle_respond(mask_key, digests, permuted, first, count, product)


def shuffle_check_opening(opening: Buffer, with_ciphertexts: bool) -> None:
    """Raise ProofError unless all elements and scalars are canonical."""
    with _errors():
        _native.shuffle_check_opening(opening, with_ciphertexts)


def shuffle_verify(
    digests: tuple[Buffer, Buffer, Buffer, Buffer, Buffer],
    columns: int,
    state: Buffer,
    first: int,
    rows: tuple[Buffer, Buffer, Buffer],
) -> bytes:
    """The verifier's state after more rows."""
    with _errors():
        return _native.shuffle_verify(_selected(), digests, columns, state, first, *rows)


def shuffle_finish(
    digests: tuple[Buffer, Buffer, Buffer, Buffer, Buffer],
    columns: int,
    state: Buffer,
    opening: Buffer,
    public_key: Buffer,
    joint_key: Buffer,
) -> None:
    """Raise ProofError unless the equations hold."""
    with _errors():
        _native.shuffle_finish(digests, columns, state, opening, public_key, joint_key)
