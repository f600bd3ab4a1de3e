"""The VOPRF of RFC 9497 on batches, with the additive blind and the batch proof of docs/protocol.md.

Private keys and blinds are stream keys (psi.keystream); their scalars never leave native code. The blind is additive,
which is safe only because an evaluation is verified before it is unblinded: the two are one call here, and nothing
else in psi unblinds (docs/adr/0002).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from psi import dst, native
from psi.errors import LengthError

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from psi.items import Items

ELEMENT_BYTES: Final = 32  # Ne of RFC 9497, section 4.1
OUTPUT_BYTES: Final = 64  # Nh of RFC 9497, section 4.1
PROOF_BYTES: Final = 64  # two scalars
TAG_BYTES: Final = native.TAG_BYTES
CHUNK_ELEMENTS: Final = native.CHUNK_ELEMENTS  # docs/protocol.md, chunks
MAX_INPUT_BYTES: Final = native.MAX_INPUT_BYTES  # RFC 9497, section 1.2


@dataclass(frozen=True, slots=True)
class ChunkStatement:
    """What a chunk's proof is bound to, besides its elements.

    Args:
        ctx: the session context, 64 bytes.
        leg: which direction of the session.
        list_number: which list, in the order of the envelope.
        chunk: which chunk of the list, from 0.
        public_key: the responder's key for this list, 32 bytes, as authenticated in its signed Key message.

    Raises:
        LengthError: a value of the wrong length, or a number outside 0 to 2^64 - 1.
    """

    ctx: bytes
    leg: int
    list_number: int
    chunk: int
    public_key: bytes

    def __post_init__(self) -> None:
        if len(self.ctx) != OUTPUT_BYTES:
            raise LengthError(f"ctx: expected {OUTPUT_BYTES} bytes, got {len(self.ctx)}")
        if len(self.public_key) != ELEMENT_BYTES:
            raise LengthError(f"public key: expected {ELEMENT_BYTES} bytes, got {len(self.public_key)}")
        if not all(0 <= number < 1 << 64 for number in (self.leg, self.list_number, self.chunk)):
            raise LengthError("statement: expected numbers of 0 to 2^64 - 1, got one outside")

    def _row(self) -> tuple[bytes, int, int, int, bytes]:
        return self.ctx, self.leg, self.list_number, self.chunk, self.public_key


def public_key(oprf_key: bytes) -> bytes:
    """The public key k*G of the private key k = scalar 0 of ``oprf_key``.

    Args:
        oprf_key: 32 secret bytes from ``stream_key``.

    Returns:
        32 bytes; never the identity.

    Raises:
        LengthError, ZeroScalarError.
    """
    return native.public_key(oprf_key)


def blind(items: Items, blind_key: bytes, first: int) -> bytes:
    """Blind a batch: H(x_i) + r_(first + i) * G.

    Args:
        items: n inputs of up to 65,535 bytes each.
        blind_key: 32 secret bytes from ``stream_key``, used for no other list or leg.
        first: the index of the first item in its list, so that chunks of one list use different blinds.

    Returns:
        n x 32 bytes, random to anyone without the key.

    Raises:
        ItemsError, KeystreamError, LengthError, ZeroScalarError.

    Security: constant time in inputs and blinds. Two lists under one key reveal the difference of their items.
    Spec: docs/protocol.md, intersect, step 1; H is HashToGroup of RFC 9497, section 4.1, in VOPRF mode.
    """
    return native.blind(items, dst.VOPRF_HASH_TO_GROUP, blind_key, first)


def evaluate(oprf_key: bytes, proof_key: bytes, statement: ChunkStatement, blinded: Buffer) -> tuple[bytes, bytes]:
    """Evaluate a chunk and prove that every evaluation used the key of ``statement.public_key``.

    Args:
        oprf_key: 32 secret bytes from ``stream_key``.
        proof_key: 32 secret bytes from ``stream_key``, for the proof's nonce.
        statement: the chunk's place and the public key.
        blinded: 1 to 32,768 elements of 32 bytes, as they came from the partner.

    Returns:
        (n x 32 evaluated elements, the 64-byte proof).

    Raises:
        ElementError: an element that is not canonical, or the identity; ``index`` says which.
        PublicKeyError: ``statement.public_key`` is not this key's.
        LengthError, ZeroScalarError.

    Security: constant time in the keys.
    Spec: docs/protocol.md, intersect, step 2, and the batch proof.
    """
    return native.evaluate(oprf_key, proof_key, statement._row(), blinded)


def verify_and_finalize(
    items: Items,
    blind_key: bytes,
    first: int,
    statement: ChunkStatement,
    blinded: Buffer,
    evaluated: Buffer,
    proof: Buffer,
) -> bytes:
    """Verify a chunk's proof and only then unblind and finalize its evaluations.

    Args:
        items, blind_key, first: as given to ``blind`` for this chunk; 1 to 32,768 items.
        statement: the chunk's place and the partner's authenticated public key.
        blinded: n x 32 bytes, exactly as they were sent.
        evaluated: n x 32 bytes, as they came from the partner.
        proof: 64 bytes, as they came from the partner.

    Returns:
        n x 64 bytes, the VOPRF outputs Finalize(x_i, k*H(x_i)).

    Raises:
        ProofError: the proof is not for this statement and these elements. Nothing has been unblinded.
        ElementError: an evaluated element (or, after damage here, a blinded one: the message says which) that is not
            canonical, or the identity; ``index`` says which. Nothing has been unblinded.
        PublicKeyError: the public key is not an element, or is the identity.
        InvalidInputError, ItemsError, KeystreamError, LengthError, ZeroScalarError.

    Security: constant time in inputs and blinds; the verification is variable time in public values.
    Spec: docs/protocol.md, the batch proof; Finalize of RFC 9497, section 3.3.2.
    """
    return native.verify_and_finalize(items, blind_key, first, statement._row(), blinded, evaluated, proof)


def tags(items: Items, oprf_key: bytes) -> bytes:
    """The tags of the key owner's own list: the first 16 bytes of each VOPRF output.

    Args:
        items: n inputs of up to 65,535 bytes each.
        oprf_key: 32 secret bytes from ``stream_key``.

    Returns:
        n x 16 bytes, in the order of the items: sort them before they are sent, or positions leak.

    Raises:
        InvalidInputError, ItemsError, LengthError, ZeroScalarError.

    Security: constant time in inputs and key.
    Spec: docs/protocol.md, intersect; Evaluate of RFC 9497, section 3.3.1, in VOPRF mode.
    """
    return native.tags(items, dst.VOPRF_HASH_TO_GROUP, oprf_key)
