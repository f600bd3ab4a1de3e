"""The computations of totals, as pure values that any host can run anywhere."""

from __future__ import annotations

from dataclasses import dataclass, field

from psi import PsiError, elgamal, proofs
from psi.proofs import Bounds, Proved


@dataclass(frozen=True, slots=True)
class Contribute:
    """Returns (ciphertexts, proof of knowledge, range proof)."""

    values: bytes = field(repr=False)
    bounds: tuple[Bounds, ...]
    joint_key: bytes
    context: bytes
    randomness_key: bytes = field(repr=False)
    knowledge_key: bytes = field(repr=False)
    range_key: bytes = field(repr=False)

    def run(self) -> tuple[bytes, bytes, bytes]:
        ciphertexts = elgamal.encrypt(self.values, self.joint_key, self.randomness_key, 0)
        knowledge = proofs.prove_knowledge(
            self.values, self.randomness_key, 0, self.knowledge_key, self.context, self.joint_key, ciphertexts
        )
        ranges = proofs.prove_ranges(
            self.values, self.bounds, self.randomness_key, 0, self.range_key, self.context, self.joint_key, ciphertexts
        )
        return ciphertexts, knowledge, ranges


@dataclass(frozen=True, slots=True)
class CheckKnowledge:
    """Raises where the contributor does not know what its ciphertexts hold."""

    joint_key: bytes
    context: bytes
    ciphertexts: bytes = field(repr=False)
    proof: bytes

    def run(self) -> None:
        proofs.verify_knowledge(self.context, self.joint_key, self.ciphertexts, self.proof)


@dataclass(frozen=True, slots=True)
class CheckRanges:
    """Returns None where every ciphertext of all contributors holds a value within its bounds; else (which contributor,
    what is wrong). All at once, and one by one only if that fails."""

    bounds: tuple[Bounds, ...]
    joint_key: bytes
    proved: tuple[Proved, ...] = field(repr=False)

    def run(self) -> tuple[int, str] | None:
        try:
            proofs.verify_ranges(self.joint_key, self.bounds, self.proved)
        except PsiError:
            for number, party in enumerate(self.proved):
                try:
                    proofs.verify_ranges(self.joint_key, self.bounds, [party])
                except PsiError as error:
                    return number, str(error)
            raise
        return None


@dataclass(frozen=True, slots=True)
class AddUp:
    """Returns the ciphertexts of the totals."""

    contributions: tuple[bytes, ...] = field(repr=False)
    columns: int

    def run(self) -> bytes:
        return elgamal.sum_columns(b"".join(self.contributions), self.columns)
