"""The computations of `intersect`, as pure values that any host can run anywhere.

Each holds all it needs; `run` calls one batch function of `psi` (all cores, no GIL) and returns contiguous rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from protocol.rows import NOTED, ROW_NUMBER_BYTES, Widths
from psi import (
    OUTPUT_BYTES,
    ChunkStatement,
    Items,
    blind,
    evaluate,
    open_notes,
    seal_notes,
    tags,
    verify_and_finalize,
)


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
    """Verify the chunk's proof, only then unblind. Returns n output rows, as wide as `widths` says."""

    items: Items = field(repr=False)
    blind_key: bytes = field(repr=False)
    first: int
    statement: ChunkStatement
    blinded: bytes = field(repr=False)
    evaluated: bytes = field(repr=False)
    proof: bytes
    widths: Widths

    def run(self) -> bytes:
        outputs = verify_and_finalize(
            self.items, self.blind_key, self.first, self.statement, self.blinded, self.evaluated, self.proof
        )
        count, kept = len(self.items), self.widths.output - ROW_NUMBER_BYTES
        rows = np.empty((count, self.widths.output), np.uint8)
        rows[:, :kept] = np.frombuffer(outputs, np.uint8).reshape(count, OUTPUT_BYTES)[:, :kept]
        numbers = np.arange(self.first, self.first + count, dtype="<u4")
        rows[:, kept:] = numbers.view(np.uint8).reshape(count, ROW_NUMBER_BYTES)
        return rows.tobytes()


@dataclass(frozen=True, slots=True)
class Tags:
    """Returns n x 16 bytes, in the order of the items."""

    items: Items = field(repr=False)
    oprf_key: bytes = field(repr=False)

    def run(self) -> bytes:
        return tags(self.items, self.oprf_key)


@dataclass(frozen=True, slots=True)
class SealNotes:
    """Returns n rows of tag || sealed note, in the order of the items."""

    items: Items = field(repr=False)
    oprf_key: bytes = field(repr=False)
    ctx: bytes
    notes: bytes = field(repr=False)

    def run(self) -> bytes:
        return seal_notes(self.items, self.oprf_key, self.ctx, self.notes)


@dataclass(frozen=True, slots=True)
class Shared:
    """What a join found. Returns (row numbers, little-endian uint32; notes, 128 bytes each; and for each note a byte,
    1 where it was authentic). Without notes, the latter two are empty."""

    pairs: bytes = field(repr=False)
    widths: Widths
    ctx: bytes

    def run(self) -> tuple[bytes, bytes, bytes]:
        output = self.widths.output
        pairs = np.frombuffer(self.pairs, np.uint8).reshape(-1, output + self.widths.tag)
        numbers = pairs[:, output - ROW_NUMBER_BYTES : output].tobytes()
        if self.widths != NOTED:
            return numbers, b"", b""
        return numbers, *open_notes(pairs[:, :OUTPUT_BYTES].tobytes(), pairs[:, output:].tobytes(), self.ctx)
