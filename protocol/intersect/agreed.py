"""What both roles of intersect compute alike."""

from __future__ import annotations

from typing import Final

from protocol.chunks import Span
from protocol.errors import PublicKeyError, SizeError
from protocol.messages import Query, Role
from protocol.session import Secrets
from psi import SUITE, ChunkStatement, ElementError, stream_key
from psi.native import check_elements

PROOF_BYTES: Final = 64
LEG: Final = 0  # the requester's question; `mutual` adds the other direction


def session_stream_key(secrets: Secrets, salt: bytes, role: Role, list_number: int, purpose: str) -> bytes:
    """Every list, leg and purpose has its own key, or blinds repeat and the difference of two items leaks."""
    return stream_key(
        secrets.seed,
        salt,
        suite=SUITE,
        protocol=Query.INTERSECT.value,
        role=role.value,
        leg=LEG,
        list_number=list_number,
        purpose=purpose,
    )


def chunk_statement(ctx: bytes, chunk: Span, public_keys: tuple[bytes, ...]) -> ChunkStatement:
    return ChunkStatement(ctx, LEG, chunk.list_number, chunk.number, public_keys[chunk.list_number])


def check_public_keys(public_keys: tuple[bytes, ...], expected: int) -> None:
    """One canonical element per list, none of them the identity."""
    if len(public_keys) != expected:
        raise SizeError(f"expected {expected} public keys, got {len(public_keys)}")
    try:
        check_elements(b"".join(public_keys))
    except ElementError as error:
        raise PublicKeyError(f"expected a canonical element as public key of list {error.index}") from None
