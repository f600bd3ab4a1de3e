"""The core's operations on one batch: how each is called, and how its result is checked without the core.

The check recomputes a sample of the rows from RFC 9496, RFC 9497 and docs/protocol.md with libsodium, hashlib and
cryptography, and compares every row with the portable backend's.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256, sha512, shake_256
from typing import Final

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

from benchmarks import libraries
from benchmarks.results import BenchmarkError
from psi import Items, ProofError, dst, native

ORDER: Final = 2**252 + 27742317777372353535851937790883648493  # RFC 9496, section 4
ITEM_BYTES: Final = 24  # about the length of a canonical identifier
SAMPLE_ROWS: Final = 48


def derive(seed: int, label: str, length_bytes: int) -> bytes:
    """Return pseudorandom bytes of a benchmark's seed."""
    return shake_256(f"accord benchmark {seed} {label}".encode()).digest(length_bytes)


@dataclass(frozen=True)
class Batch:
    """The inputs of one size, all from the seed."""

    count: int
    seed: int

    @cached_property
    def items(self) -> Items:
        offsets = np.arange(0, (self.count + 1) * ITEM_BYTES, ITEM_BYTES, dtype="<u4")
        return Items(derive(self.seed, "items", self.count * ITEM_BYTES), offsets.tobytes())

    @cached_property
    def uniform(self) -> bytes:
        return derive(self.seed, "uniform", self.count * 64)

    def key(self, purpose: str) -> bytes:
        """A stream key."""
        return derive(self.seed, purpose, 32)

    @cached_property
    def scalars(self) -> bytes:
        return native.keystream_scalars(self.key("scalars"), 0, self.count)

    @cached_property
    def one_scalar(self) -> bytes:
        return self.scalars[:32] * self.count

    @cached_property
    def elements(self) -> bytes:
        return native.map_to_group(self.uniform, backend="portable")

    @cached_property
    def statement(self) -> tuple[bytes, int, int, int, bytes]:
        return derive(self.seed, "ctx", 64), 0, 0, 0, native.public_key(self.key("oprf"))

    @cached_property
    def blinded(self) -> bytes:
        return native.blind(self.items, dst.VOPRF_HASH_TO_GROUP, self.key("blind"), 0, backend="portable")

    @cached_property
    def answer(self) -> tuple[bytes, bytes]:
        """The evaluated elements and their proof."""
        return native.evaluate(self.key("oprf"), self.key("proof"), self.statement, self.blinded, backend="portable")

    @cached_property
    def false_proof(self) -> bytes:
        """A well-formed proof that does not verify: its challenge is right, its response is not."""
        proof = self.answer[1]
        return proof[:32] + ((int.from_bytes(proof[32:], "little") + 1) % ORDER).to_bytes(32, "little")

    def item(self, row: int) -> bytes:
        return bytes(memoryview(self.items.data)[row * ITEM_BYTES : (row + 1) * ITEM_BYTES])


def _verify(batch: Batch, backend: str) -> bytes:
    """Verification alone: a false proof is found only after all of it, and stops what would follow."""
    evaluated, _ = batch.answer
    with suppress(ProofError):
        _finalize(batch, backend, evaluated, batch.false_proof)
        raise BenchmarkError(f"{backend}: accepted a false proof")
    return b""


def _finalize(batch: Batch, backend: str, evaluated: bytes, proof: bytes) -> bytes:
    return native.verify_and_finalize(
        batch.items, batch.key("blind"), 0, batch.statement, batch.blinded, evaluated, proof, backend=backend
    )


def _evaluate(batch: Batch, backend: str) -> bytes:
    keys = batch.key("oprf"), batch.key("proof")
    return b"".join(native.evaluate(*keys, batch.statement, batch.blinded, backend=backend))


# Each expected row, from libsodium, hashlib and cryptography alone.


def _scalar(key: bytes, index: int) -> bytes:
    # ChaCha20 block `index`, nonce 0 (docs/protocol.md, randomness)
    cipher = Cipher(algorithms.ChaCha20(key, index.to_bytes(4, "little") + bytes(12)), mode=None)
    block = cipher.encryptor().update(bytes(64))
    return (int.from_bytes(block, "little") % ORDER).to_bytes(32, "little")


def _hashed(item: bytes) -> bytes:
    # expand_message_xmd to 64 bytes (RFC 9380, section 5.3.1): with SHA-512, one block b_1 after b_0
    dst_prime = dst.VOPRF_HASH_TO_GROUP + bytes([len(dst.VOPRF_HASH_TO_GROUP)])
    b_0 = sha512(bytes(128) + item + (64).to_bytes(2, "big") + b"\0" + dst_prime).digest()
    return libraries.map_to_group(sha512(b_0 + b"\1" + dst_prime).digest())


def _output(batch: Batch, row: int) -> bytes:
    # Finalize (RFC 9497, section 3.3.1)
    item, element = batch.item(row), libraries.multiply(_scalar(batch.key("oprf"), 0), _hashed(batch.item(row)))
    return sha512(len(item).to_bytes(2, "big") + item + b"\0\x20" + element + b"Finalize").digest()


def _blinded(batch: Batch, row: int) -> bytes:
    blind = libraries.multiply_base(_scalar(batch.key("blind"), row))
    return libraries.add(_hashed(batch.item(row)), blind)


def _evaluated(batch: Batch, row: int) -> bytes:
    return libraries.multiply(_scalar(batch.key("oprf"), 0), _blinded(batch, row))


def _row(data: bytes, row: int) -> bytes:
    return data[row * 32 : row * 32 + 32]


@dataclass(frozen=True)
class Operation:
    """One operation on a batch.

    ``run`` returns its rows (``width_bytes`` each, then whatever follows them); ``expected`` gives one row by other
    means; ``against`` names the library calls that do the same work for one item.
    """

    name: str
    run: Callable[[Batch, str], bytes]
    width_bytes: int
    expected: Callable[[Batch, int], bytes] | None
    against: tuple[tuple[str, ...], ...]


_HASH_AND_MULTIPLY: Final = (libraries.FROM_HASH, libraries.SCALARMULT)
_MULTIPLY: Final = ((libraries.SCALARMULT,), (libraries.X25519,))

OPERATIONS: Final = (
    Operation(
        "map_to_group",
        lambda batch, backend: native.map_to_group(batch.uniform, backend=backend),
        32,
        lambda batch, row: libraries.map_to_group(batch.uniform[row * 64 : row * 64 + 64]),
        ((libraries.FROM_HASH,),),
    ),
    Operation(
        "hash_to_group",
        lambda batch, backend: native.hash_to_group(batch.items, dst.VOPRF_HASH_TO_GROUP, backend=backend),
        32,
        lambda batch, row: _hashed(batch.item(row)),
        ((libraries.FROM_HASH,),),
    ),
    Operation(
        "blind",
        lambda batch, backend: native.blind(
            batch.items, dst.VOPRF_HASH_TO_GROUP, batch.key("blind"), 0, backend=backend
        ),
        32,
        _blinded,
        (_HASH_AND_MULTIPLY,),
    ),
    Operation(
        "multiply, own scalar each",
        lambda batch, backend: native.multiply(batch.scalars, batch.elements, backend=backend),
        32,
        lambda batch, row: libraries.multiply(_row(batch.scalars, row), _row(batch.elements, row)),
        _MULTIPLY,
    ),
    Operation(
        "evaluate without proof",
        lambda batch, backend: native.multiply(batch.one_scalar, batch.elements, backend=backend),
        32,
        lambda batch, row: libraries.multiply(batch.scalars[:32], _row(batch.elements, row)),
        _MULTIPLY,
    ),
    Operation("evaluate and prove", _evaluate, 32, _evaluated, _MULTIPLY),
    Operation(
        "tags",
        lambda batch, backend: native.tags(batch.items, dst.VOPRF_HASH_TO_GROUP, batch.key("oprf"), backend=backend),
        16,
        lambda batch, row: _output(batch, row)[:16],
        (_HASH_AND_MULTIPLY,),
    ),
    Operation("verify", _verify, 0, None, ((libraries.SCALARMULT,),)),
    Operation(
        "verify and finalize",
        lambda batch, backend: _finalize(batch, backend, *batch.answer),
        64,
        _output,
        ((libraries.SCALARMULT,),),
    ),
    Operation(
        "multiply_base",
        lambda batch, backend: native.multiply_base(batch.scalars, backend=backend),
        32,
        lambda batch, row: libraries.multiply_base(_row(batch.scalars, row)),
        ((libraries.SCALARMULT_BASE,),),
    ),
    Operation(
        "invert_scalars",
        lambda batch, backend: native.invert_scalars(batch.scalars, backend=backend),
        32,
        lambda batch, row: libraries.invert(_row(batch.scalars, row)),
        ((libraries.SCALAR_INVERT,),),
    ),
)
BY_NAME: Final = {operation.name: operation for operation in OPERATIONS}


@dataclass(frozen=True)
class Difference:
    """What is measured as one operation less another: no call does it alone, for good reason."""

    name: str
    minuend: str
    subtrahend: str
    against: tuple[tuple[str, ...], ...]


DIFFERENCES: Final = (
    Difference("prove", "evaluate and prove", "evaluate without proof", ()),
    Difference("finalize", "verify and finalize", "verify", ((libraries.SCALARMULT,),)),
)
# What one shared item costs both sides of a query, and the part of it that is proofs.
QUERY: Final = ("blind", "evaluate and prove", "tags", "verify and finalize")
PROOFS: Final = ("prove", "verify")


def check(operation: Operation, batch: Batch, backend: str) -> tuple[str, int]:
    """Check one operation's result on one backend.

    Returns:
        The SHA-256 of the whole result, which must be the same on every backend, and how many rows were compared.

    Raises:
        BenchmarkError: a row is wrong.
    """
    result = operation.run(batch, backend)
    rows: set[int] = set()
    if operation.expected is not None:
        edges = {*range(9), *range(batch.count - 9, batch.count)}
        drawn = random.Random(batch.seed).sample(range(batch.count), min(batch.count, SAMPLE_ROWS))
        rows = {row for row in edges | set(drawn) if 0 <= row < batch.count}
        for row in rows:
            start = row * operation.width_bytes
            if result[start : start + operation.width_bytes] != operation.expected(batch, row):
                raise BenchmarkError(f"{operation.name} on {backend}: row {row} of {batch.count} is wrong")
    return sha256(result).hexdigest(), len(rows)
