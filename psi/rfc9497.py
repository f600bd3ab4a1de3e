"""RFC 9497 as it is written, for ristretto255-SHA512, in all three modes: the reference, checked by its vectors.

All of it is reference only: nothing on a query's path runs through here. Queries use psi.voprf, whose outputs must
equal ``evaluate_in_the_clear`` in VOPRF mode. The steps that draw a random scalar are in psi.hazmat, because their
callers choose it.

The comments are the RFC's pseudocode. Elements and scalars are their encodings, 32 bytes each.
"""

from __future__ import annotations

from hashlib import sha512
from typing import TYPE_CHECKING, Final, NamedTuple

from psi import dst, group
from psi.dst import Mode
from psi.errors import (
    InvalidInputError,
    KeyDerivationError,
    LengthError,
    ProofError,
    ScalarError,
    ZeroScalarError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_ZERO: Final = bytes(group.SCALAR_BYTES)
_MAX_FRAMED_BYTES: Final = 65_535  # RFC 9497, section 1.2: lengths are written in two bytes


class KeyPair(NamedTuple):
    """A private key skS and its public key pkS."""

    private_key: bytes
    public_key: bytes

    def __repr__(self) -> str:
        return f"KeyPair(public_key={self.public_key.hex()})"


class Composites(NamedTuple):
    """The weighted sums of a batched proof."""

    m: bytes
    z: bytes


def framed(value: bytes) -> bytes:
    """I2OSP(len(value), 2) || value. Raises LengthError above 65,535 bytes."""
    if len(value) > _MAX_FRAMED_BYTES:
        raise LengthError(f"value: expected at most {_MAX_FRAMED_BYTES} bytes, got {len(value)}")
    return len(value).to_bytes(2, "big") + value


def derive_key_pair(mode: Mode, seed: bytes, info: bytes) -> KeyPair:
    """DeriveKeyPair (section 3.2.1). ``seed`` is 32 secret bytes. Raises KeyDerivationError, LengthError."""
    if len(seed) != group.SCALAR_BYTES:
        raise LengthError(f"seed: expected {group.SCALAR_BYTES} bytes, got {len(seed)}")
    # deriveInput = seed || I2OSP(len(info), 2) || info
    derive_input = seed + framed(info)
    # while skS == 0: if counter > 255: raise DeriveKeyPairError
    for counter in range(256):
        # skS = G.HashToScalar(deriveInput || I2OSP(counter, 1), DST = "DeriveKeyPair" || contextString)
        private_key = group.hash_to_scalar(derive_input + bytes([counter]), dst.derive_key_pair(mode))
        if private_key != _ZERO:
            # pkS = G.ScalarMultGen(skS)
            return KeyPair(private_key, group.multiply_base(private_key))
    raise KeyDerivationError("expected a key that is not zero within 256 attempts, got none")


def check_not_zero(scalar: bytes) -> None:
    """Keys and blinds are not zero (RandomScalar, section 2.1). Raises ZeroScalarError."""
    if scalar == _ZERO:
        raise ZeroScalarError("scalar: expected one other than zero", 0)


def challenge(mode: Mode, public_key: bytes, composites: Composites, t2: bytes, t3: bytes) -> bytes:
    """The proof's challenge scalar (sections 2.2.1 and 2.2.2)."""
    # challengeTranscript = I2OSP(len(Bm), 2) || Bm || I2OSP(len(a0), 2) || a0 || I2OSP(len(a1), 2) || a1 ||
    #     I2OSP(len(a2), 2) || a2 || I2OSP(len(a3), 2) || a3 || "Challenge"
    parts = (public_key, composites.m, composites.z, t2, t3)
    # c = G.HashToScalar(challengeTranscript)
    return group.hash_to_scalar(b"".join(map(framed, parts)) + b"Challenge", dst.hash_to_scalar(mode))


def weights(mode: Mode, public_key: bytes, c: Sequence[bytes], d: Sequence[bytes]) -> list[bytes]:
    """The weights d_i that a batched proof gives to its elements (section 2.2.1): n scalars. Raises LengthError."""
    if len(c) != len(d) or not 0 < len(c) <= _MAX_FRAMED_BYTES:
        raise LengthError(f"proof: expected as many elements as evaluations, at least one, got {len(c)}, {len(d)}")
    # seedTranscript = I2OSP(len(Bm), 2) || Bm || I2OSP(len(seedDST), 2) || seedDST
    # seed = Hash(seedTranscript)
    seed = sha512(framed(public_key) + framed(dst.seed(mode))).digest()
    # compositeTranscript = I2OSP(len(seed), 2) || seed || I2OSP(i, 2) || I2OSP(len(Ci), 2) || Ci ||
    #     I2OSP(len(Di), 2) || Di || "Composite"
    # di = G.HashToScalar(compositeTranscript)
    return [
        group.hash_to_scalar(
            framed(seed) + i.to_bytes(2, "big") + framed(ci) + framed(di) + b"Composite", dst.hash_to_scalar(mode)
        )
        for i, (ci, di) in enumerate(zip(c, d, strict=True))
    ]


def weighted_sum(weights: Sequence[bytes], elements: Sequence[bytes]) -> bytes:
    """M = d_0 * C_0 + d_1 * C_1 + ..., starting from the identity."""
    # M = G.Identity(); M = di * C[i] + M
    total = group.IDENTITY
    for weight, element in zip(weights, elements, strict=True):
        total = group.add(group.multiply(weight, element), total)
    return total


def compute_composites(mode: Mode, public_key: bytes, c: Sequence[bytes], d: Sequence[bytes]) -> Composites:
    """ComputeComposites (section 2.2.2), for a verifier."""
    by_index = weights(mode, public_key, c, d)
    return Composites(weighted_sum(by_index, c), weighted_sum(by_index, d))


def compute_composites_fast(
    mode: Mode, private_key: bytes, public_key: bytes, c: Sequence[bytes], d: Sequence[bytes]
) -> Composites:
    """ComputeCompositesFast (section 2.2.1), for a prover, who knows Z = k * M."""
    m = weighted_sum(weights(mode, public_key, c, d), c)
    return Composites(m, group.multiply(private_key, m))


def verify_proof(mode: Mode, public_key: bytes, c: Sequence[bytes], d: Sequence[bytes], proof: bytes) -> None:
    """VerifyProof with A = G (section 2.2.2): d_i = k * c_i for the k of the public key.

    Args:
        public_key, c, d: elements of 32 bytes each, as many in c as in d.
        proof: 64 bytes, c || s.

    Raises:
        ProofError: the proof does not verify, or is not a pair of canonical scalars.
        ElementError: an element or the public key is not canonical, or is the identity.

    Security: sound for small batches only; see docs/adr/0003 for why a query uses its own proof.
    """
    for element in (public_key, *c, *d):
        group.check(element)
    if len(proof) != 2 * group.SCALAR_BYTES:
        raise ProofError(f"proof: expected {2 * group.SCALAR_BYTES} bytes, got {len(proof)}")
    c_scalar, s_scalar = proof[: group.SCALAR_BYTES], proof[group.SCALAR_BYTES :]
    # (M, Z) = ComputeComposites(B, C, D)
    composites = compute_composites(mode, public_key, c, d)
    try:
        # t2 = ((s * A) + (c * B))
        t2 = group.add(group.multiply_base(s_scalar), group.multiply(c_scalar, public_key))
        # t3 = ((s * M) + (c * Z))
        t3 = group.add(group.multiply(s_scalar, composites.m), group.multiply(c_scalar, composites.z))
    except ScalarError:
        raise ProofError("proof: expected two canonical scalars, got one that is not") from None
    # expectedC == c
    if challenge(mode, public_key, composites, t2, t3) != c_scalar:
        raise ProofError("proof: expected one for these elements and this key, got one that does not verify")


def unblind(blind: bytes, evaluated: bytes) -> bytes:
    """N = G.ScalarInverse(blind) * evaluatedElement. Raises ZeroScalarError, ScalarError, ElementError."""
    return group.multiply(group.invert_scalar(blind), evaluated)


def finalize_hash(input_: bytes, element: bytes, info: bytes | None = None) -> bytes:
    """The last step of Finalize and Evaluate, in POPRF mode with its info (sections 3.3.1 and 3.3.3)."""
    # hashInput = I2OSP(len(input), 2) || input || [I2OSP(len(info), 2) || info ||]
    #     I2OSP(len(unblindedElement), 2) || unblindedElement || "Finalize"
    parts = (input_, element) if info is None else (input_, info, element)
    return sha512(b"".join(map(framed, parts)) + b"Finalize").digest()


def finalize(input_: bytes, blind: bytes, evaluated: bytes) -> bytes:
    """Finalize in OPRF mode (section 3.3.1)."""
    return finalize_hash(input_, unblind(blind, evaluated))


def verified_finalize(
    inputs: Sequence[bytes],
    blinds: Sequence[bytes],
    evaluated: Sequence[bytes],
    blinded: Sequence[bytes],
    public_key: bytes,
    proof: bytes,
) -> list[bytes]:
    """Finalize in VOPRF mode, for a batch under one proof (section 3.3.2). Raises ProofError."""
    # if VerifyProof(G.Generator(), pkS, [blindedElement], [evaluatedElement], proof) == false: raise VerifyError
    verify_proof(Mode.VOPRF, public_key, blinded, evaluated, proof)
    return [finalize(*row) for row in zip(inputs, blinds, evaluated, strict=True)]


def info_scalar(info: bytes) -> bytes:
    """The scalar m of POPRF mode's public input (section 3.3.3)."""
    # framedInfo = "Info" || I2OSP(len(info), 2) || info
    # m = G.HashToScalar(framedInfo)
    return group.hash_to_scalar(b"Info" + framed(info), dst.hash_to_scalar(Mode.POPRF))


def tweaked_public_key(public_key: bytes, info: bytes) -> bytes:
    """tweakedKey of POPRF mode's Blind (section 3.3.3). Raises InvalidInputError, ElementError."""
    group.check(public_key)
    # T = G.ScalarMultGen(m); tweakedKey = T + pkS
    tweaked = group.add(group.multiply_base(info_scalar(info)), public_key)
    # if tweakedKey == G.Identity(): raise InvalidInputError
    if tweaked == group.IDENTITY:
        raise InvalidInputError("info: expected one that does not cancel the public key", 0)
    return tweaked


def tweaked_private_key(private_key: bytes, info: bytes) -> bytes:
    """t = skS + m of POPRF mode (section 3.3.3); using its inverse raises ZeroScalarError for t = 0."""
    return group.add_scalars(private_key, info_scalar(info))


def partially_verified_finalize(
    inputs: Sequence[bytes],
    blinds: Sequence[bytes],
    evaluated: Sequence[bytes],
    blinded: Sequence[bytes],
    tweaked_key: bytes,
    info: bytes,
    proof: bytes,
) -> list[bytes]:
    """Finalize in POPRF mode, for a batch under one proof (section 3.3.3). Raises ProofError."""
    # if VerifyProof(G.Generator(), tweakedKey, [evaluatedElement], [blindedElement], proof) == false:
    #     raise VerifyError
    verify_proof(Mode.POPRF, tweaked_key, evaluated, blinded, proof)
    return [
        finalize_hash(input_, unblind(blind, element), info)
        for input_, blind, element in zip(inputs, blinds, evaluated, strict=True)
    ]


def evaluate_in_the_clear(mode: Mode, private_key: bytes, input_: bytes, info: bytes | None = None) -> bytes:
    """Evaluate: the PRF as its key's owner computes it (sections 3.3.1 and 3.3.3). ``info`` is POPRF mode's."""
    check_not_zero(private_key)
    # inputElement = G.HashToGroup(input); if inputElement == G.Identity(): raise InvalidInputError
    element = group.hash_to_group(input_, dst.hash_to_group(mode))
    if info is None:
        # evaluatedElement = skS * inputElement
        return finalize_hash(input_, group.multiply(private_key, element))
    # if t == 0: raise InverseError; evaluatedElement = G.ScalarInverse(t) * inputElement
    return finalize_hash(input_, unblind(tweaked_private_key(private_key, info), element), info)
