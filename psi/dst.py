"""Every domain separation tag of psi, in one place; docs/protocol.md cites this table.

RFC 9497 fixes its own. Ours are ``accord/v1/`` plus a name.
"""

from __future__ import annotations

from enum import IntEnum, unique
from typing import Final

SUITE: Final = "ristretto255-SHA512"  # RFC 9497, section 4.1


@unique
class Mode(IntEnum):
    """The protocol variants of RFC 9497, section 3.1."""

    OPRF = 0x00
    VOPRF = 0x01
    POPRF = 0x02


def context_string(mode: Mode) -> bytes:
    """CreateContextString of RFC 9497, section 3.1."""
    # return "OPRFV1-" || I2OSP(mode, 1) || "-" || identifier
    return b"OPRFV1-" + mode.to_bytes(1, "big") + b"-" + SUITE.encode()


def hash_to_group(mode: Mode) -> bytes:
    """The tag for HashToGroup (RFC 9497, section 4.1)."""
    return b"HashToGroup-" + context_string(mode)


def hash_to_scalar(mode: Mode) -> bytes:
    """The tag for HashToScalar (RFC 9497, section 4.1)."""
    return b"HashToScalar-" + context_string(mode)


def derive_key_pair(mode: Mode) -> bytes:
    """The tag for DeriveKeyPair (RFC 9497, section 3.2.1)."""
    return b"DeriveKeyPair" + context_string(mode)


def seed(mode: Mode) -> bytes:
    """The tag for the seed of RFC 9497's composite weights (section 2.2.1)."""
    return b"Seed-" + context_string(mode)


VOPRF_HASH_TO_GROUP: Final = hash_to_group(Mode.VOPRF)

# The first part of every stream key's HKDF info.
STREAM_KEY: Final = "accord/v1"

# The batch proof of docs/protocol.md. The native core has the same three; a test compares them.
BATCH_PROOF_STATEMENT: Final = "accord/v1/batch-proof-statement"  # w
BATCH_PROOF_NONCE: Final = "accord/v1/batch-proof-nonce"  # t
BATCH_PROOF_CHALLENGE: Final = "accord/v1/batch-proof-challenge"  # c

# The proofs of psi.proofs. The native core has all but the first; a test compares them.
PARTIALS: Final = "accord/v1/partial-decryptions"  # the statement's ctx in the batch proof
POSSESSION_NONCE: Final = "accord/v1/possession-nonce"
POSSESSION_CHALLENGE: Final = "accord/v1/possession-challenge"
KNOWLEDGE_STATEMENT: Final = "accord/v1/knowledge-statement"
KNOWLEDGE_NONCE: Final = "accord/v1/knowledge-nonce"
KNOWLEDGE_CHALLENGE: Final = "accord/v1/knowledge-challenge"
RANGE_STATEMENT: Final = "accord/v1/range-statement"
RANGE_NONCE: Final = "accord/v1/range-nonce"
RANGE_CHALLENGE: Final = "accord/v1/range-challenge"
RANGE_TOGETHER: Final = "accord/v1/range-together"
RANGE_GENERATORS: Final = "accord/v1/range-generators"

# The first part of a note key's HKDF info. The native core has the same; a test compares them.
NOTE: Final = "accord/v1/note"

# The proof of a shuffle of docs/shuffle-proof.md, in the order of its steps.
SHUFFLE_GENERATORS: Final = "accord/v1/shuffle-generators"  # H_i, F; the native core has the same; a test compares them
SHUFFLE_STATEMENT: Final = "accord/v1/shuffle-statement"  # h
SHUFFLE_NONCE: Final = "accord/v1/shuffle-nonce"  # d_i, delta_i, and all other blinds
SHUFFLE_WEIGHTS: Final = "accord/v1/shuffle-weights"  # w1
SHUFFLE_PERMUTED: Final = "accord/v1/shuffle-permuted"  # w2
SHUFFLE_CHAIN: Final = "accord/v1/shuffle-chain"  # w3
SHUFFLE_CHALLENGE: Final = "accord/v1/shuffle-challenge"  # w4

# The second scheme of totals: psi.masks and psi.paillier.
PAIR_KEY: Final = "accord/v1/pair-key"
OPENED: Final = "accord/v1/opened"
