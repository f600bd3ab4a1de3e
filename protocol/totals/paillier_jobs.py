"""The computations of totals under Paillier, as pure values that any host can run anywhere."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from protocol.dst import CIPHERTEXT
from psi import ProofError, lp, paillier
from psi.proofs import Bounds


@dataclass(frozen=True, slots=True)
class DrawKey:
    """Returns the secret key."""

    key: bytes = field(repr=False)

    def run(self) -> bytes:
        return paillier.draw_key(self.key)


@dataclass(frozen=True, slots=True)
class Seal:
    """Returns (ciphertexts, the digest of each)."""

    values: bytes = field(repr=False)
    modulus: bytes
    randomness_key: bytes = field(repr=False)
    added: tuple[bytes, ...] = field(repr=False)
    subtracted: tuple[bytes, ...] = field(repr=False)
    context: bytes

    def run(self) -> tuple[bytes, bytes]:
        ciphertexts = paillier.encrypt(self.values, self.modulus, self.randomness_key, self.added, self.subtracted)
        count = len(ciphertexts) // paillier.CIPHERTEXT_BYTES
        return ciphertexts, digests(self.context, range(count), ciphertexts)


@dataclass(frozen=True, slots=True)
class CheckSealed:
    """Raises where ciphertexts are none, or not those whose digests were contributed.

    Args:
        places: of these ciphertexts in the contribution.
        expected: their digests there, n x 64 bytes.
    """

    modulus: bytes
    context: bytes
    places: tuple[int, ...]
    ciphertexts: bytes = field(repr=False)
    expected: bytes = field(repr=False)

    def run(self) -> None:
        if digests(self.context, self.places, self.ciphertexts) != self.expected:
            raise ProofError("expected the ciphertexts whose digests were contributed")
        paillier.check_ciphertexts(self.modulus, self.ciphertexts)


@dataclass(frozen=True, slots=True)
class OpenSums:
    """Returns (totals as int64, the proof that the ciphertexts hold them); None where one is outside its bounds."""

    secret_key: bytes = field(repr=False)
    context: bytes
    shares: tuple[bytes, ...] = field(repr=False)
    bounds: Bounds

    def run(self) -> tuple[bytes, bytes] | None:
        sums = paillier.add_up(paillier.modulus(self.secret_key), self.shares)
        found = paillier.decrypt(self.secret_key, sums)
        if not all(self.bounds.low <= figure <= self.bounds.high for figure in found):
            return None
        figures = struct.pack(f"<{len(found)}q", *found)
        return figures, paillier.prove_opened(self.secret_key, self.context, sums, figures)


@dataclass(frozen=True, slots=True)
class CheckOpened:
    """Raises where the sums of what all have shown are not these totals, or one is outside its bounds."""

    modulus: bytes
    context: bytes
    shares: tuple[bytes, ...] = field(repr=False)
    bounds: Bounds
    figures: bytes = field(repr=False)
    root: bytes

    def run(self) -> None:
        told = unpacked(self.figures)
        if not all(self.bounds.low <= figure <= self.bounds.high for figure in told):
            raise ProofError("expected totals within the bounds of all contributions")
        sums = paillier.add_up(self.modulus, self.shares)
        paillier.verify_opened(self.modulus, self.context, sums, self.figures, self.root)


def digests(context: bytes, places: Sequence[int], ciphertexts: bytes) -> bytes:
    """SHA-512(LP(DST, context, place, ciphertext)) of each. Returns n x 64 bytes."""
    width = paillier.CIPHERTEXT_BYTES
    rows = [ciphertexts[start : start + width] for start in range(0, len(ciphertexts), width)]
    return b"".join(
        hashlib.sha512(lp(CIPHERTEXT, context, place, row)).digest() for place, row in zip(places, rows, strict=True)
    )


def unpacked(figures: bytes) -> tuple[int, ...]:
    """Totals as numbers."""
    return struct.unpack(f"<{len(figures) // paillier.VALUE_BYTES}q", figures)
