"""The proof of a shuffle: one list is another, multiplied by one scalar, permuted, and its ciphertexts re-randomized.

docs/shuffle-proof.md has the statement, the protocol and the argument; names in comments are its. Every stage is a
frozen value and a step returns its successor, so that each is a pure job; none needs more memory than its rows, 60
bytes for each row of the list, and a few tens of megabytes.

    committed = ShuffleProver(statement, ...).commit()
    for each chunk: committed = committed.absorb(after_rows)
    proof = committed.close()                               # send proof.opening
    for each frame: responses, proof = proof.respond(count)     # send responses

    verifier = ShuffleVerifier(statement, opening, verification_key)
    for each chunk: verifier = verifier.absorb(before_rows, after_rows, responses)
    verifier.finish()

A row is an element of 32 bytes and ``columns`` ciphertexts of 64 bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import sha512
from typing import TYPE_CHECKING, Final

from psi import dst, native
from psi.elgamal import CIPHERTEXT_BYTES, VALUE_BYTES
from psi.encoding import lp
from psi.errors import LengthError, ProofError
from psi.group import ELEMENT_BYTES, SCALAR_BYTES

if TYPE_CHECKING:
    from typing_extensions import Buffer

DIGEST_BYTES: Final = 64  # SHA-512
RESPONSE_BYTES: Final = 2 * SCALAR_BYTES  # docs/shuffle-proof.md, what is sent: f_i, g_i
MAX_SHUFFLE_ROWS: Final = native.MAX_SHUFFLE_ROWS  # two masks a row from one stream of 2^32 scalars
MAX_CIPHERTEXTS: Final = 1 << 32  # one scalar each of the stream that re-randomizes (RFC 8439, section 2.3)
_ROW_NUMBER_BYTES: Final = 4
_OPENING_BYTES: Final = 13 * ELEMENT_BYTES  # nine elements, four scalars
_OPENING_WITH_CIPHERTEXTS_BYTES: Final = 16 * ELEMENT_BYTES  # and two elements, a scalar
_ONE: Final = (1).to_bytes(SCALAR_BYTES, "little")


@dataclass(frozen=True, slots=True)
class ShuffleStatement:
    """What a proof is about. Both sides make it from what they have sent, received and agreed.

    Args:
        ctx: the session context, 64 bytes.
        leg: which direction of the session.
        list_number: which list, in the order of the envelope.
        count: rows of either list, 1 to ``MAX_SHUFFLE_ROWS``. An empty list has no proof.
        columns: ciphertexts a row; 0 for a list of elements alone. ``MAX_CIPHERTEXTS`` in all.
        public_key: a*G, 32 bytes, as authenticated in the prover's signed Open.
        joint_key: the key under which ciphertexts are re-randomized, 32 bytes; b"" without ciphertexts.
        before: SHA-512 of all rows of the list as it was.
        after: SHA-512 of all rows of the shuffled list, as sent.
        bound: SHA-512 of what else the prover has sent and must stand by: the rows of A.

    Raises:
        LengthError: a value of the wrong length, or a number outside its range.
    """

    ctx: bytes
    leg: int
    list_number: int
    count: int
    columns: int
    public_key: bytes
    joint_key: bytes
    before: bytes
    after: bytes
    bound: bytes

    def __post_init__(self) -> None:
        for what, value, length in (
            ("ctx", self.ctx, DIGEST_BYTES),
            ("public key", self.public_key, ELEMENT_BYTES),
            ("joint key", self.joint_key, ELEMENT_BYTES if self.columns else 0),
            ("digest before", self.before, DIGEST_BYTES),
            ("digest after", self.after, DIGEST_BYTES),
            ("digest of what is bound", self.bound, DIGEST_BYTES),
        ):
            if len(value) != length:
                raise LengthError(f"{what}: expected {length} bytes, got {len(value)}")
        if not 1 <= self.count <= MAX_SHUFFLE_ROWS:
            raise LengthError(f"rows: expected 1 to {MAX_SHUFFLE_ROWS}, got {self.count}")
        if not 0 <= self.count * self.columns <= MAX_CIPHERTEXTS:
            raise LengthError(f"ciphertexts: expected 0 to {MAX_CIPHERTEXTS}, got {self.count * self.columns}")

    @property
    def row_bytes(self) -> int:
        """Bytes of a row of either list."""
        return ELEMENT_BYTES + self.columns * CIPHERTEXT_BYTES

    @property
    def own_row_bytes(self) -> int:
        """Bytes of a row of the list *before* as whoever made it absorbs it."""
        return ELEMENT_BYTES + _ROW_NUMBER_BYTES + self.columns * VALUE_BYTES

    @property
    def opening_bytes(self) -> int:
        """Bytes of the opening of its proof."""
        return _OPENING_WITH_CIPHERTEXTS_BYTES if self.columns else _OPENING_BYTES

    def _digest(self) -> bytes:  # h
        return _hash(
            dst.SHUFFLE_STATEMENT,
            self.ctx,
            self.leg,
            self.list_number,
            self.count,
            self.columns,
            self.public_key,
            self.joint_key,
            self.before,
            self.after,
            self.bound,
        )

    def _rows_in(self, what: str, rows: Buffer, done: int, row_bytes: int) -> int:
        """How many rows these are, no more than are left after the ``done`` first ones."""
        length = memoryview(rows).nbytes
        count, over = divmod(length, row_bytes)
        if over:
            raise LengthError(f"{what}: expected a multiple of {row_bytes} bytes, got {length}")
        if count > self.count - done:
            raise LengthError(f"{what}: expected at most {self.count - done}, got {count}")
        return count


@dataclass(frozen=True, slots=True)
class _Digests:
    """What the challenges come from, as far as a proof has got."""

    w1: bytes = b""
    w2: bytes = b""
    w3: bytes = b""
    w4: bytes = b""

    @classmethod
    def of_weights(cls, statement: ShuffleStatement, commitments: bytes) -> _Digests:
        """From C, T_d, T_delta."""
        return cls(_hash(dst.SHUFFLE_WEIGHTS, statement._digest(), *_split(commitments)))

    def permuted(self, commitment: bytes) -> _Digests:
        """From D."""
        return replace(self, w2=_hash(dst.SHUFFLE_PERMUTED, self.w1, commitment))

    def chain(self, commitments: bytes) -> _Digests:
        """From P, T_B, T_K and, with ciphertexts, T_E."""
        return replace(self, w3=_hash(dst.SHUFFLE_CHAIN, self.w2, *_split(commitments)))

    def challenge(self, commitments: bytes) -> _Digests:
        """From V_1, V_0."""
        return replace(self, w4=_hash(dst.SHUFFLE_CHALLENGE, self.w3, *_split(commitments)))


@dataclass(frozen=True, slots=True)
class ShuffleProver:
    """What a prover knows.

    Args:
        statement: what is to be proved.
        secret_key: 32 secret bytes from ``stream_key``; the scalar a is its scalar 0.
        proof_key: 32 secret bytes from ``stream_key``, for all that hides.
        permutation: count x 4 secret bytes, little-endian: row i of the shuffled list was row ``permutation[i]``
            before.
        randomness_key: with ciphertexts, the key given to ``elgamal.rerandomize``, so that column j of row i *before*
            took scalar i * columns + j; otherwise b"".

    Raises:
        LengthError: a permutation of another length.
    """

    statement: ShuffleStatement
    secret_key: bytes = field(repr=False)
    proof_key: bytes = field(repr=False)
    permutation: bytes = field(repr=False)
    randomness_key: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        expected = self.statement.count * _ROW_NUMBER_BYTES
        if len(self.permutation) != expected:
            raise LengthError(f"permutation: expected {expected} bytes, got {len(self.permutation)}")

    def commit(self) -> ShuffleCommitted:
        """Commit to the permutation, and then to the weights that it permutes.

        Raises:
            ItemsError: a row number that is not below ``count``.
            LengthError, ZeroScalarError.

        Security: constant time in permutation and keys.
        Cost: two passes over the permutation, none over rows; about half of the proof's time.
        """
        key = self._mask_key()
        commitments, bases = native.shuffle_commit(key, self.permutation)
        digests = _Digests.of_weights(self.statement, commitments)
        permuted, weights = native.shuffle_permute(key, digests.w1, self.permutation, bases)
        return ShuffleCommitted(self, digests.permuted(permuted), commitments + permuted, bases, weights)

    def _mask_key(self) -> bytes:
        """A key that no other statement has, so that no mask hides two numbers."""
        return _hash(dst.SHUFFLE_NONCE, self.proof_key, self.statement._digest())[:32]


@dataclass(frozen=True, slots=True)
class ShuffleCommitted:
    """A prover that is reading the shuffled list. Made by ``ShuffleProver.commit``; holds 56 bytes a row."""

    prover: ShuffleProver
    _digests: _Digests
    _commitments: bytes
    _bases: bytes = field(repr=False)
    _weights: bytes = field(repr=False)
    _rows: int = 0
    _state: bytes = field(default=b"", repr=False)

    def absorb(self, after_rows: Buffer) -> ShuffleCommitted:
        """Take the next rows of the shuffled list, in any chunks.

        Raises:
            ElementError: an element that is not canonical, or the identity; ``index`` is its row in this chunk.
            LengthError: rows that are cut, or too many.

        Security: constant time in permutation and keys.
        """
        prover, statement = self.prover, self.prover.statement
        count = statement._rows_in("rows after", after_rows, self._rows, statement.row_bytes)
        state = native.shuffle_absorb(
            prover._mask_key(),
            (self._digests.w1, self._digests.w2),
            statement.columns,
            (prover.permutation, self._weights),
            self._bases,
            (prover.secret_key, prover.randomness_key),
            self._state,
            self._rows,
            after_rows,
        )
        return replace(self, _rows=self._rows + count, _state=state)

    def close(self) -> ShuffleProof:
        """After the last row: the rest of the opening.

        Raises:
            PublicKeyError: the statement's key is not that of ``secret_key``, or its joint key is no key.
            ItemsError: the permutation names a row twice.
            LengthError: rows are missing.

        Cost: one pass over the permutation, in scalars only.
        """
        prover, statement = self.prover, self.prover.statement
        if self._rows != statement.count:
            raise LengthError(f"rows: expected {statement.count}, got {self._rows}")
        key = prover._mask_key()
        chain = native.shuffle_close(
            key, statement.count, self._state, prover.secret_key, statement.public_key, statement.joint_key
        )
        digests = self._digests.chain(chain)
        permuted = (prover.permutation, self._weights)
        related = native.shuffle_relate(key, (digests.w1, digests.w2, digests.w3), permuted)
        digests = digests.challenge(related)
        answers = native.shuffle_answer(
            key, statement.count, (digests.w1, digests.w2, digests.w4), self._state, prover.secret_key
        )
        of_elements, of_ciphertexts = 3 * ELEMENT_BYTES, 4 * SCALAR_BYTES
        opening = self._commitments + chain[:of_elements] + related + answers[:of_ciphertexts]
        if statement.columns:
            opening += chain[of_elements:] + answers[of_ciphertexts:]
        return ShuffleProof(prover, digests, opening, self._weights)


@dataclass(frozen=True, slots=True)
class ShuffleProof:
    """A proof whose opening is complete. Made by ``ShuffleCommitted.close``; holds 24 bytes a row."""

    prover: ShuffleProver
    _digests: _Digests
    opening: bytes
    _weights: bytes = field(repr=False)
    _rows: int = 0
    _product: bytes = field(default=_ONE, repr=False)

    def respond(self, count: int) -> tuple[bytes, ShuffleProof]:
        """The responses for the next ``count`` rows, 64 bytes each, and what responds for those after them.

        Raises:
            LengthError: fewer rows are left.

        Security: constant time in permutation and keys.
        Cost: scalars only.
        """
        digests = self._digests
        responses, product = native.shuffle_respond(
            self.prover._mask_key(),
            (digests.w1, digests.w2, digests.w4),
            (self.prover.permutation, self._weights),
            self._rows,
            count,
            self._product,
        )
        return responses, replace(self, _rows=self._rows + count, _product=product)


@dataclass(frozen=True, slots=True)
class ShuffleVerifier:
    """A verifier of one proof.

    Args:
        statement: what is to be proved. Its digests must be those of the very rows that are absorbed.
        opening: as it came from the prover.
        verification_key: 32 secret bytes from ``stream_key``: the prover must not know the number by which two
            equations are tested as one.
        encryption_key: of a verifier that has made the ciphertexts *before* itself, the key given to
            ``elgamal.encrypt``; it then absorbs what it has encrypted instead. b"" for all others.

    Raises:
        ProofError: an opening of the wrong length, or with an element or scalar that is not canonical.
    """

    statement: ShuffleStatement
    opening: bytes
    verification_key: bytes = field(repr=False)
    encryption_key: bytes = field(default=b"", repr=False)
    _rows: int = 0
    _state: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        expected = self.statement.opening_bytes
        if len(self.opening) != expected:
            raise ProofError(f"opening: expected {expected} bytes, got {len(self.opening)}")
        native.shuffle_check_opening(self.opening, self.statement.columns > 0)

    def absorb(self, before_rows: Buffer, after_rows: Buffer, responses: Buffer) -> ShuffleVerifier:
        """Take the next rows of both lists and their responses, the same number of each, in any chunks.

        Args:
            before_rows: as they were sent; with ``encryption_key``, of each the element, the number r under which it
                was encrypted (little-endian uint32) and the values (little-endian int64), ``own_row_bytes`` in all:
                value j took scalar r * columns + j.

        Raises:
            ElementError: an element that is not canonical, or the identity; the message says in which list, ``index``
                is its row in this chunk.
            ScalarError: a response that is not canonical; ``index`` as above.
            LengthError: rows that are cut, too many, or not the same number.

        Security: variable time in what was sent, constant time in what was encrypted.
        """
        statement = self.statement
        own = (self.encryption_key, statement.joint_key) if self.encryption_key else (b"", b"")
        row_bytes = statement.own_row_bytes if self.encryption_key else statement.row_bytes
        count = statement._rows_in("rows before", before_rows, self._rows, row_bytes)
        state = native.shuffle_verify(
            self._digests(),
            statement.columns,
            own,
            self._state,
            self._rows,
            (before_rows, after_rows, responses),
        )
        return replace(self, _rows=self._rows + count, _state=state)

    def finish(self) -> None:
        """After the last row: accept, or raise.

        Raises:
            ProofError: the proof is not for this statement and these rows, or rows are missing.
            PublicKeyError: a key of the statement is not an element, or is the identity.
        """
        statement = self.statement
        if self._rows != statement.count:
            raise ProofError(f"rows: expected responses for {statement.count}, got {self._rows}")
        native.shuffle_finish(
            self._digests(),
            statement.columns,
            self._state,
            self.opening,
            statement.public_key,
            statement.joint_key,
        )

    def _digests(self) -> tuple[bytes, bytes, bytes, bytes, bytes]:
        e = ELEMENT_BYTES
        of_ciphertexts = self.opening[_OPENING_BYTES : _OPENING_BYTES + 2 * e]
        digests = _Digests.of_weights(self.statement, self.opening[: 3 * e])
        digests = digests.permuted(self.opening[3 * e : 4 * e])
        digests = digests.chain(self.opening[4 * e : 7 * e] + of_ciphertexts)
        digests = digests.challenge(self.opening[7 * e : 9 * e])
        return digests.w1, digests.w2, digests.w3, digests.w4, self.verification_key


def _hash(*parts: Buffer | int | str) -> bytes:
    return sha512(lp(*parts)).digest()


def _split(elements: bytes) -> list[bytes]:
    return [elements[start : start + ELEMENT_BYTES] for start in range(0, len(elements), ELEMENT_BYTES)]
