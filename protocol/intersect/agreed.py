"""What both sides of a leg compute alike, and the interface between a leg and its session.

A leg is one direction of asking: leg 0 is the requester's question; leg 1, where the answer goes to both, the
responder's. In each leg one side asks (blinds, verifies, finalizes) and the other answers (evaluates, proves, sends
tags).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from protocol.chunks import Span
from protocol.dst import TAGS_COMMITMENT
from protocol.effects import Effect
from protocol.errors import SizeError
from protocol.messages import PacketType
from protocol.session import Handler
from protocol.vocabulary import Query, Role
from psi import SUITE, ChunkStatement, ElementError, PublicKeyError, check_elements, lp, stream_key

PROOF_BYTES: Final = 64
TAGS_SALT_BYTES: Final = 32
REQUESTER_ASKS: Final = 0
RESPONDER_ASKS: Final = 1


class Drive(Protocol):
    """What a leg uses of its session."""

    def do(self, make: Callable[[int], Effect], then: Callable[[Any], None]) -> None:
        """Ask the host for what `make` makes of a token; `then` gets its result."""

    def emit(self, effect: Effect) -> None:
        """Have an effect carried out that is not answered."""

    def expect(self, kind: PacketType, handler: Handler) -> None:
        """Let packets of this type come next, and no others."""

    def send_rows(self, kind: PacketType, rows: bytes) -> None:
        """Send a frame."""

    def advance(self, count: int) -> None:
        """Count elements of the phase under way as done."""


@dataclass(frozen=True, slots=True)
class Terms:
    """One side's view of one leg: who derives keys from which seed, for which place in the session."""

    seed: bytes
    salt: bytes
    role: Role
    leg: int

    def key(self, list_number: int, purpose: str) -> bytes:
        """Every list, leg and purpose has its own key, or blinds repeat and the difference of two items leaks."""
        return stream_key(
            self.seed,
            self.salt,
            suite=SUITE,
            protocol=Query.INTERSECT.value,
            role=self.role.value,
            leg=self.leg,
            list_number=list_number,
            purpose=purpose,
        )

    def keys(self, lists: int, purpose: str) -> list[bytes]:
        """The key of each list."""
        return [self.key(number, purpose) for number in range(lists)]


def chunk_statement(ctx: bytes, leg: int, chunk: Span, public_keys: Sequence[bytes]) -> ChunkStatement:
    """What the batch proof of a chunk is about."""
    return ChunkStatement(ctx, leg, chunk.list_number, chunk.number, public_keys[chunk.list_number])


def check_public_keys(public_keys: Sequence[bytes], expected: int) -> None:
    """One canonical element per list, none of them the identity. Raises SizeError, PublicKeyError."""
    if len(public_keys) != expected:
        raise SizeError(f"expected {expected} public keys, got {len(public_keys)}")
    try:
        check_elements(b"".join(public_keys))
    except ElementError as error:
        raise PublicKeyError(f"expected a canonical element as public key of list {error.index}") from None


def commit_tags(leg: int, salt: bytes, rows_digest: bytes) -> bytes:
    """SHA-512(LP(DST, leg, salt, SHA-512(tag rows))). Returns 64 bytes."""
    return hashlib.sha512(lp(TAGS_COMMITMENT, leg, salt, rows_digest)).digest()
