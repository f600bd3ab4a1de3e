"""What the vectors do not reach: sizes, and randomness that must not be zero."""

from __future__ import annotations

import pytest

from psi import InvalidInputError, LengthError, ZeroScalarError, dst, group, hazmat, rfc9497
from psi.dst import Mode

PRIVATE_KEY = (7).to_bytes(32, "little")


def test_context_strings_name_mode_and_suite() -> None:
    assert dst.context_string(Mode.POPRF) == b"OPRFV1-\x02-ristretto255-SHA512"


@pytest.mark.parametrize("mode", [Mode.VOPRF, Mode.POPRF])
@pytest.mark.parametrize("count", [1, 2, 7, 9])
def test_a_batch_proof_covers_every_size(backend: str, mode: Mode, count: int) -> None:
    info = b"purpose" if mode is Mode.POPRF else None
    inputs = [bytes([index]) * index for index in range(count)]
    blinds = [(index + 2).to_bytes(32, "little") for index in range(count)]
    blinded = [hazmat.blind(mode, *pair) for pair in zip(inputs, blinds, strict=True)]
    evaluated, proof = hazmat.blind_evaluate(mode, PRIVATE_KEY, blinded, blinds[0], info or b"")
    public_key = group.multiply_base(PRIVATE_KEY)
    if info is None:
        outputs = rfc9497.verified_finalize(inputs, blinds, evaluated, blinded, public_key, proof)
    else:
        key = rfc9497.tweaked_public_key(public_key, info)
        outputs = rfc9497.partially_verified_finalize(inputs, blinds, evaluated, blinded, key, info, proof)
    assert outputs == [rfc9497.evaluate_in_the_clear(mode, PRIVATE_KEY, input_, info) for input_ in inputs]


def test_lengths_are_written_in_two_bytes() -> None:
    too_long = bytes(65_536)
    with pytest.raises(LengthError, match="at most 65535"):
        rfc9497.derive_key_pair(Mode.OPRF, bytes(32), too_long)
    with pytest.raises(LengthError, match="at most 65535"):
        rfc9497.info_scalar(too_long)
    with pytest.raises(LengthError, match="at most 65535"):
        rfc9497.finalize_hash(too_long, group.GENERATOR)


def test_no_proof_is_about_nothing() -> None:
    with pytest.raises(LengthError):
        rfc9497.verify_proof(Mode.VOPRF, group.GENERATOR, [], [], bytes(64))


def test_an_info_that_cancels_the_key_is_refused() -> None:
    scalar = rfc9497.info_scalar(b"unlucky")
    cancelling = group.subtract_scalars(bytes(32), scalar)
    with pytest.raises(InvalidInputError):
        rfc9497.tweaked_public_key(group.multiply_base(cancelling), b"unlucky")
    with pytest.raises(ZeroScalarError):
        rfc9497.evaluate_in_the_clear(Mode.POPRF, cancelling, b"input", b"unlucky")
    with pytest.raises(ZeroScalarError):
        hazmat.blind_evaluate(Mode.POPRF, cancelling, [group.GENERATOR], PRIVATE_KEY, b"unlucky")


def test_a_key_pair_prints_no_private_key() -> None:
    pair = rfc9497.derive_key_pair(Mode.OPRF, bytes(32), b"")
    assert pair.private_key.hex() not in repr(pair)
    assert repr(pair.private_key) not in repr(pair)
