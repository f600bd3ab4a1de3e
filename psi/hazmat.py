"""The steps of RFC 9497 whose randomness the caller fixes. For test vectors only.

A blind used twice links two queries; a proof's r used twice gives the private key away. The product has neither: its
blinds and nonces come from stream keys inside native code (psi.voprf).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psi import dst, group, rfc9497
from psi.dst import Mode

if TYPE_CHECKING:
    from collections.abc import Sequence


def blind(mode: Mode, input_: bytes, blind_scalar: bytes) -> bytes:
    """Blind with a given scalar (RFC 9497, sections 3.3.1 and 3.3.3).

    Raises:
        InvalidInputError, ScalarError, ZeroScalarError.
    """
    rfc9497.check_not_zero(blind_scalar)
    # inputElement = G.HashToGroup(input); if inputElement == G.Identity(): raise InvalidInputError
    # blindedElement = blind * inputElement
    return group.multiply(blind_scalar, group.hash_to_group(input_, dst.hash_to_group(mode)))


def generate_proof(
    mode: Mode, private_key: bytes, public_key: bytes, c: Sequence[bytes], d: Sequence[bytes], r: bytes
) -> bytes:
    """GenerateProof with A = G and a given r (RFC 9497, section 2.2.1): 64 bytes, c || s."""
    # (M, Z) = ComputeCompositesFast(k, B, C, D)
    composites = rfc9497.compute_composites_fast(mode, private_key, public_key, c, d)
    # t2 = r * A; t3 = r * M
    t2, t3 = group.multiply_base(r), group.multiply(r, composites.m)
    challenge = rfc9497.challenge(mode, public_key, composites, t2, t3)
    # s = r - c * k
    return challenge + group.subtract_scalars(r, group.multiply_scalars(challenge, private_key))


def blind_evaluate(
    mode: Mode, private_key: bytes, blinded: Sequence[bytes], r: bytes, info: bytes = b""
) -> tuple[list[bytes], bytes]:
    """BlindEvaluate for a batch under one proof with a given r (RFC 9497, sections 3.3.2 and 3.3.3).

    Args:
        info: POPRF mode's public input.

    Returns:
        The evaluated elements and the 64-byte proof.

    Raises:
        ElementError, ScalarError, ZeroScalarError.
    """
    rfc9497.check_not_zero(private_key)
    if mode is Mode.POPRF:
        # t = skS + m; if t == 0: raise InverseError; evaluatedElement = G.ScalarInverse(t) * blindedElement
        tweaked = rfc9497.tweaked_private_key(private_key, info)
        evaluated = [rfc9497.unblind(tweaked, element) for element in blinded]
        # proof = GenerateProof(t, G.Generator(), tweakedKey, evaluatedElements, blindedElements)
        return evaluated, generate_proof(mode, tweaked, group.multiply_base(tweaked), evaluated, blinded, r)
    # evaluatedElement = skS * blindedElement
    evaluated = [group.multiply(private_key, element) for element in blinded]
    # proof = GenerateProof(skS, G.Generator(), pkS, blindedElements, evaluatedElements)
    return evaluated, generate_proof(mode, private_key, group.multiply_base(private_key), blinded, evaluated, r)
