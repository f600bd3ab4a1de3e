"""Two lists and what their prover knows, for tests that change a part of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha512

import numpy as np

import psi
from psi import elgamal, group
from psi.shuffle import ShuffleProver, ShuffleStatement, ShuffleVerifier

SECRET_KEY = sha512(b"test shuffle secret").digest()[:32]
OTHER_KEY = sha512(b"test shuffle other secret").digest()[:32]
JOINT_KEY = sha512(b"test shuffle joint").digest()[:32]
PROOF_KEY = sha512(b"test shuffle proof").digest()[:32]
RANDOMNESS_KEY = sha512(b"test shuffle randomness").digest()[:32]
VERIFICATION_KEY = sha512(b"test shuffle verification").digest()[:32]
CTX = sha512(b"test shuffle context").digest()
BOUND = sha512(b"the rows of A").digest()


def digest(rows: bytes) -> bytes:
    return sha512(rows).digest()


@dataclass(frozen=True, slots=True)
class Lists:
    """Rows as arrays of n x width bytes; ``permutation[i]`` is the row before of row i after."""

    before: np.ndarray
    after: np.ndarray
    permutation: np.ndarray

    @property
    def columns(self) -> int:
        return (int(self.before.shape[1]) - 32) // 64

    def statement(self) -> ShuffleStatement:
        joint_key = psi.public_key(JOINT_KEY) if self.columns else b""
        return ShuffleStatement(
            CTX,
            1,
            2,
            len(self.before),
            self.columns,
            psi.public_key(SECRET_KEY),
            joint_key,
            digest(self.before.tobytes()),
            digest(self.after.tobytes()),
            BOUND,
        )

    def prove(self, chunk: int = 1 << 20, **changed: bytes) -> Proof:
        keys = {"secret_key": SECRET_KEY, "proof_key": PROOF_KEY, "permutation": self.permutation.tobytes()}
        if self.columns:
            keys["randomness_key"] = RANDOMNESS_KEY
        statement = self.statement()
        committed = ShuffleProver(statement, **(keys | changed)).commit()
        for first in range(0, len(self.before), chunk):
            rows = slice(first, first + chunk)
            committed = committed.absorb(self.after[rows].tobytes())
        proof = committed.close()
        opening, responses = proof.opening, b""
        for first in range(0, len(self.before), chunk):
            more, proof = proof.respond(min(chunk, len(self.before) - first))
            responses += more
        return Proof(self, statement, opening, responses)

    def own(self) -> np.ndarray:
        """The list before as its maker absorbs it; rows that were never moved."""
        count = len(self.before)
        numbers = np.arange(count, dtype="<u4").view(np.uint8).reshape(count, -1)
        values = (np.arange(count * self.columns, dtype="<i8") - 3).view(np.uint8).reshape(count, -1)
        return np.hstack([self.before[:, :32], numbers, values])

    def replaced(self, row: int, columns: slice, value: bytes) -> Lists:
        """With other bytes in one row after."""
        after = self.after.copy()
        after[row, columns] = np.frombuffer(value, np.uint8)
        return replace(self, after=after)


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof and the lists that its verifier holds."""

    lists: Lists
    statement: ShuffleStatement
    opening: bytes
    responses: bytes

    def verify(self, chunk: int = 1 << 20) -> None:
        verifier = ShuffleVerifier(self.statement, self.opening, VERIFICATION_KEY)
        for first in range(0, len(self.lists.before), chunk):
            rows, answers = slice(first, first + chunk), slice(64 * first, 64 * (first + chunk))
            before, after = self.lists.before[rows].tobytes(), self.lists.after[rows].tobytes()
            verifier = verifier.absorb(before, after, self.responses[answers])
        verifier.finish()

    def verify_own(self, own: np.ndarray, encryption_key: bytes = OTHER_KEY, chunk: int = 1 << 20) -> None:
        """As the maker of the list before, who has encrypted it."""
        verifier = ShuffleVerifier(self.statement, self.opening, VERIFICATION_KEY, encryption_key)
        for first in range(0, len(own), chunk):
            rows, answers = slice(first, first + chunk), slice(64 * first, 64 * (first + chunk))
            verifier = verifier.absorb(own[rows].tobytes(), self.lists.after[rows].tobytes(), self.responses[answers])
        verifier.finish()


def shuffled(count: int, columns: int = 0) -> Lists:
    """Honest lists, the second one sorted, as the protocols have it."""
    items = psi.Items.from_sequence(b"%d" % index for index in range(count))
    elements = group.multiples(items, b"test shuffle", JOINT_KEY)
    before = np.empty((count, 32 + 64 * columns), np.uint8)
    before[:, :32] = rows_of(elements, 32)
    after = before.copy()
    after[:, :32] = rows_of(group.multiply_shared(elements, SECRET_KEY), 32)
    if columns:
        values = np.arange(count * columns, dtype="<i8") - 3
        public_key = psi.public_key(JOINT_KEY)
        encrypted = elgamal.encrypt(values.tobytes(), public_key, OTHER_KEY, 0)
        before[:, 32:] = rows_of(encrypted, 64 * columns)
        after[:, 32:] = rows_of(elgamal.rerandomize(encrypted, public_key, RANDOMNESS_KEY, 0), 64 * columns)
    order = sorted(range(count), key=lambda row: after[row, :32].tobytes())
    return Lists(before, after[order], np.array(order, "<u4"))


def rows_of(flat: bytes, width: int) -> np.ndarray:
    return np.frombuffer(flat, np.uint8).reshape(-1, width)
