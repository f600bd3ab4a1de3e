"""One chunk as both sides hold it, for tests that change a part of it."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha512

import psi

OPRF_KEY = sha512(b"test oprf key").digest()[:32]
BLIND_KEY = sha512(b"test blind key").digest()[:32]
PROOF_KEY = sha512(b"test proof key").digest()[:32]
CTX = sha512(b"test context").digest()
FIRST = 11


@dataclass(frozen=True, slots=True)
class Chunk:
    """An honestly answered chunk."""

    items: psi.Items
    statement: psi.ChunkStatement
    blinded: bytes
    evaluated: bytes
    proof: bytes

    def finalize(self) -> bytes:
        return psi.verify_and_finalize(
            self.items, BLIND_KEY, FIRST, self.statement, self.blinded, self.evaluated, self.proof
        )


def inputs(count: int) -> list[bytes]:
    """Inputs of different lengths, none like another."""
    return [b"%d:" % index + b"x" * (index % 23) for index in range(count)]


def answered(items: psi.Items) -> Chunk:
    statement = psi.ChunkStatement(CTX, 0, 0, 0, psi.public_key(OPRF_KEY))
    blinded = psi.blind(items, BLIND_KEY, FIRST)
    return Chunk(items, statement, blinded, *psi.evaluate(OPRF_KEY, PROOF_KEY, statement, blinded))


def answered_chunk(count: int) -> Chunk:
    return answered(psi.Items.from_sequence(inputs(count)))
