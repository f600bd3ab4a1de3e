"""What all calls share: the backend, and the errors of the compiled core as ours."""

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
    from collections.abc import Iterator

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

INDEXED: Final[dict[str, type[IndexedError]]] = {
    error.code: error
    for error in (ElementError, InvalidInputError, ScalarError, TotalRangeError, ValueRangeError, ZeroScalarError)
}
PLAIN: Final[dict[str, type[PsiError]]] = {
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
def errors() -> Iterator[None]:
    """Turns what a call of the core raises into the class of its code."""
    try:
        yield
    except _native.NativeError as raised:
        code, message, index = raised.args
        if index is None:
            raise PLAIN[code](message) from None
        raise INDEXED[code](message, index) from None
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


selected = backend  # under a name that no parameter hides
