"""The joint key, and what is opened under it, as both sides of a sum compute it."""

from __future__ import annotations

from dataclasses import dataclass, field

from protocol.errors import SizeError
from psi.elgamal import open_shares, partial_decryptions


@dataclass(frozen=True, slots=True)
class Open:
    """What n ciphertexts hold, as multiples of the generator: n x 32 bytes.

    Args:
        partials: the partner's, verified: n x 32 bytes.
        secret_key: of the own share.
    """

    ciphertexts: bytes = field(repr=False)
    partials: bytes = field(repr=False)
    secret_key: bytes = field(repr=False)

    def run(self) -> bytes:
        own = partial_decryptions(self.ciphertexts, self.secret_key)
        return open_shares(self.ciphertexts, [self.partials, own])


def check_one_proof(proofs: tuple[bytes, ...]) -> bytes:
    """The proof of possession of the partner's share. Raises SizeError where there is not exactly one."""
    if len(proofs) != 1:
        raise SizeError(f"expected one proof of possession, got {len(proofs)}")
    return proofs[0]
