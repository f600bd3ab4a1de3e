"""How parties decrypt together what none of them can decrypt alone: the computations, as pure values."""

from __future__ import annotations

from dataclasses import dataclass, field

from psi.elgamal import open_shares, partial_decryptions
from psi.proofs import prove_partials, verify_partials


@dataclass(frozen=True, slots=True)
class Decrypt:
    """Own partial decryptions of n ciphertexts and their proof: n x 32 and 64 bytes."""

    ciphertexts: bytes = field(repr=False)
    secret_key: bytes = field(repr=False)
    proof_key: bytes = field(repr=False)
    context: bytes

    def run(self) -> tuple[bytes, bytes]:
        partials = partial_decryptions(self.ciphertexts, self.secret_key)
        return partials, prove_partials(self.secret_key, self.proof_key, self.context, self.ciphertexts, partials)


@dataclass(frozen=True, slots=True)
class CheckPartials:
    """Raises ProofError where partial decryptions are not those of this public key's owner."""

    public_key: bytes
    context: bytes
    ciphertexts: bytes = field(repr=False)
    partials: bytes = field(repr=False)
    proof: bytes

    def run(self) -> None:
        verify_partials(self.public_key, self.context, self.ciphertexts, self.partials, self.proof)


@dataclass(frozen=True, slots=True)
class Combine:
    """What n ciphertexts hold, as multiples of the generator, by the partial decryptions of all: n x 32 bytes."""

    ciphertexts: bytes = field(repr=False)
    partials: tuple[bytes, ...] = field(repr=False)

    def run(self) -> bytes:
        return open_shares(self.ciphertexts, self.partials)
