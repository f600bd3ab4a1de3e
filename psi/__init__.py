"""Mathematics of private set intersection: bytes in, bytes out. No I/O, no clock, no randomness, no policy."""

from __future__ import annotations

from psi.dst import SUITE
from psi.encoding import lp
from psi.errors import (
    BackendError,
    ElementError,
    InvalidInputError,
    ItemsError,
    KeystreamError,
    LengthError,
    NativeFaultError,
    ProofError,
    PsiError,
    PublicKeyError,
    ScalarError,
    TableError,
    TotalRangeError,
    ValueRangeError,
    ZeroScalarError,
)
from psi.items import Items
from psi.keystream import keystream_scalars, stream_key
from psi.native import available_backends, backend, check_elements
from psi.notes import NOTE_BYTES, NOTED_TAG_BYTES, open_notes, seal_notes
from psi.voprf import (
    CHUNK_ELEMENTS,
    ELEMENT_BYTES,
    MAX_INPUT_BYTES,
    OUTPUT_BYTES,
    PROOF_BYTES,
    TAG_BYTES,
    ChunkStatement,
    blind,
    evaluate,
    public_key,
    tags,
    verify_and_finalize,
)

__all__ = [
    "CHUNK_ELEMENTS",
    "ELEMENT_BYTES",
    "MAX_INPUT_BYTES",
    "NOTED_TAG_BYTES",
    "NOTE_BYTES",
    "OUTPUT_BYTES",
    "PROOF_BYTES",
    "SUITE",
    "TAG_BYTES",
    "BackendError",
    "ChunkStatement",
    "ElementError",
    "InvalidInputError",
    "Items",
    "ItemsError",
    "KeystreamError",
    "LengthError",
    "NativeFaultError",
    "ProofError",
    "PsiError",
    "PublicKeyError",
    "ScalarError",
    "TableError",
    "TotalRangeError",
    "ValueRangeError",
    "ZeroScalarError",
    "available_backends",
    "backend",
    "blind",
    "check_elements",
    "evaluate",
    "keystream_scalars",
    "lp",
    "open_notes",
    "public_key",
    "seal_notes",
    "stream_key",
    "tags",
    "verify_and_finalize",
]
