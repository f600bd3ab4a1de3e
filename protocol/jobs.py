"""The computations of `intersect`, as pure values that any host can run anywhere.

Each holds all it needs; `run` calls one batch function of `psi` (all cores, no GIL) and returns contiguous rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from protocol.effects import OUTPUT_ROW_BYTES, TAG_ROW_BYTES
from psi import ChunkStatement, Items, blind, evaluate, tags, verify_and_finalize

OUTPUT_BYTES = 64  # RFC 9497, section 4.1: Nh of ristretto255-SHA512


@dataclass(frozen=True, slots=True)
class Blind:
    """Returns n x 32 bytes of blinded elements."""

    items: Items = field(repr=False)
    blind_key: bytes = field(repr=False)
    first: int

    def run(self) -> bytes:
        return blind(self.items, self.blind_key, self.first)


@dataclass(frozen=True, slots=True)
class Evaluate:
    """Returns (n x 32 bytes of evaluated elements, 64 bytes of proof)."""

    oprf_key: bytes = field(repr=False)
    proof_key: bytes = field(repr=False)
    statement: ChunkStatement
    blinded: bytes = field(repr=False)

    def run(self) -> tuple[bytes, bytes]:
        return evaluate(self.oprf_key, self.proof_key, self.statement, self.blinded)


@dataclass(frozen=True, slots=True)
class Finalize:
    """Verify the chunk's proof, only then unblind. Returns n rows of tag || row number (16 + 4 bytes)."""

    items: Items = field(repr=False)
    blind_key: bytes = field(repr=False)
    first: int
    statement: ChunkStatement
    blinded: bytes = field(repr=False)
    evaluated: bytes = field(repr=False)
    proof: bytes

    def run(self) -> bytes:
        outputs = verify_and_finalize(
            self.items, self.blind_key, self.first, self.statement, self.blinded, self.evaluated, self.proof
        )
        count = len(self.items)
        rows = np.empty((count, OUTPUT_ROW_BYTES), np.uint8)
        rows[:, :TAG_ROW_BYTES] = np.frombuffer(outputs, np.uint8).reshape(count, OUTPUT_BYTES)[:, :TAG_ROW_BYTES]
        numbers = np.arange(self.first, self.first + count, dtype="<u4")
        rows[:, TAG_ROW_BYTES:] = numbers.view(np.uint8).reshape(count, 4)
        return rows.tobytes()


@dataclass(frozen=True, slots=True)
class Tags:
    """Returns n x 16 bytes, in the order of the items."""

    items: Items = field(repr=False)
    oprf_key: bytes = field(repr=False)

    def run(self) -> bytes:
        return tags(self.items, self.oprf_key)
