from __future__ import annotations

import struct
from dataclasses import replace

import pytest

import psi
from psi import ElementError, LengthError, ProofError, dst, group, native, rfc9497
from psi.dst import Mode
from tests.unit.psi.chunks import BLIND_KEY, CTX, FIRST, OPRF_KEY, PROOF_KEY, answered, answered_chunk, inputs
from tests.vectors import loader

SIZES = [1, 7, 8, 9, 15, 16, 17, 511, 512, 513, 1037]
# RFC 9496, appendix A.2, and the identity.
BAD_ENCODINGS = [
    element
    for case in loader.load("rfc9496_ristretto255").cases
    if case.operation == "decode" and isinstance(case.outcome, loader.Failure) and case.outcome.code == "bad-element"
    for element in case.given["elements"]
    if len(case.given["elements"]) == 1
]


def rows(flat: bytes, width: int = psi.ELEMENT_BYTES) -> list[bytes]:
    return [flat[start : start + width] for start in range(0, len(flat), width)]


def with_row(flat: bytes, index: int, row: bytes) -> bytes:
    width = len(row)
    return flat[: index * width] + row + flat[(index + 1) * width :]


@pytest.mark.parametrize("count", SIZES)
def test_both_sides_compute_the_same_function(backend: str, count: int) -> None:
    chunk = answered_chunk(count)
    outputs = rows(chunk.finalize(), psi.OUTPUT_BYTES)
    assert len(outputs) == len(set(outputs)) == count
    assert b"".join(output[: psi.TAG_BYTES] for output in outputs) == psi.tags(chunk.items, OPRF_KEY)


def test_the_function_is_that_of_the_rfc(backend: str) -> None:
    parts = inputs(9)
    key = psi.keystream_scalars(OPRF_KEY, 0, 1)
    expected = [rfc9497.evaluate_in_the_clear(Mode.VOPRF, key, part) for part in parts]
    assert rows(answered_chunk(9).finalize(), psi.OUTPUT_BYTES) == expected


def test_the_blind_is_added(backend: str) -> None:
    parts = inputs(9)
    blinds = rows(psi.keystream_scalars(BLIND_KEY, FIRST, 9))
    expected = [
        group.add(group.hash_to_group(part, dst.VOPRF_HASH_TO_GROUP), group.multiply_base(blind))
        for part, blind in zip(parts, blinds, strict=True)
    ]
    assert rows(psi.blind(psi.Items.from_sequence(parts), BLIND_KEY, FIRST)) == expected


def test_nothing_to_blind_is_nothing(backend: str) -> None:
    nothing = psi.Items.from_sequence([])
    assert psi.blind(nothing, BLIND_KEY, 0) == psi.tags(nothing, OPRF_KEY) == b""


@pytest.mark.parametrize("cuts", [(0, 1, 1030), (0, 8, 512, 1037), (0, 515, 516, 900)])
def test_results_do_not_depend_on_slicing(backend: str, cuts: tuple[int, ...]) -> None:
    items = psi.Items.from_sequence(inputs(1037))
    parts = [
        (items.slice(start, end - start), FIRST + start) for start, end in zip(cuts, (*cuts[1:], 1037), strict=True)
    ]
    assert b"".join(psi.blind(part, BLIND_KEY, first) for part, first in parts) == psi.blind(items, BLIND_KEY, FIRST)
    assert b"".join(psi.tags(part, OPRF_KEY) for part, _ in parts) == psi.tags(items, OPRF_KEY)


def test_a_chunk_of_a_data_set_is_a_slice_of_it(backend: str) -> None:
    data_set = psi.Items.from_sequence(inputs(60))
    from_slice, copied = answered(data_set.slice(20, 33)), answered(psi.Items.from_sequence(inputs(60)[20:53]))
    assert (from_slice.blinded, from_slice.proof) == (copied.blinded, copied.proof)
    assert from_slice.finalize() == copied.finalize()


@pytest.mark.parametrize("count", [psi.CHUNK_ELEMENTS - 1, psi.CHUNK_ELEMENTS])
def test_a_full_chunk_and_one_short_of_it(count: int) -> None:
    """On the default backend only, for time."""
    chunk = answered_chunk(count)
    outputs = chunk.finalize()
    assert b"".join(outputs[i : i + 16] for i in range(0, len(outputs), 64)) == psi.tags(chunk.items, OPRF_KEY)


def test_no_chunk_is_longer_than_full(backend: str) -> None:
    count = psi.CHUNK_ELEMENTS + 1
    statement = psi.ChunkStatement(CTX, 0, 0, 0, psi.public_key(OPRF_KEY))
    elements = group.GENERATOR * count
    with pytest.raises(LengthError, match="expected 1 to 32768 elements, got 32769"):
        psi.evaluate(OPRF_KEY, PROOF_KEY, statement, elements)
    items = psi.Items(b"", bytes(4 * (count + 1)))
    with pytest.raises(LengthError, match="expected 1 to 32768 elements, got 32769"):
        psi.verify_and_finalize(items, BLIND_KEY, 0, statement, elements, elements, bytes(64))


@pytest.mark.parametrize("encoding", BAD_ENCODINGS, ids=bytes.hex)
@pytest.mark.parametrize("count", [1, 9])
def test_a_bad_encoding_is_named_in_every_position(backend: str, encoding: bytes, count: int) -> None:
    chunk = answered_chunk(count)
    for index in range(count):
        blinded = with_row(chunk.blinded, index, encoding)
        evaluated = with_row(chunk.evaluated, index, encoding)
        scalars = psi.keystream_scalars(BLIND_KEY, 0, count)
        calls = {
            "elements, entry": lambda bad=blinded: psi.check_elements(bad),
            "elements, entry ": lambda bad=blinded, scalars=scalars: native.multiply(scalars, bad),
            "blinded, entry": lambda bad=blinded: psi.evaluate(OPRF_KEY, PROOF_KEY, chunk.statement, bad),
            "evaluated, entry": lambda bad=evaluated: replace(chunk, evaluated=bad).finalize(),
            "blinded, entry ": lambda bad=blinded: replace(chunk, blinded=bad).finalize(),
        }
        for where, call in calls.items():
            with pytest.raises(ElementError, match=f"{where.strip()} {index}: expected a canonical") as raised:
                call()
            assert raised.value.index == index


def test_there_are_as_many_bad_encodings_as_published() -> None:
    assert len(set(BAD_ENCODINGS)) == 29 + 1


@pytest.mark.parametrize("index", [0, 1, 255, 256, 511, 512, 513, 1023, 1024, 1036])
def test_the_lowest_bad_element_is_named_across_blocks(backend: str, index: int) -> None:
    chunk = answered_chunk(1037)
    bad = b"\xff" * 32
    blinded = with_row(with_row(chunk.blinded, 1036, bad), index, bad)
    evaluated = with_row(with_row(chunk.evaluated, 1036, bad), index, bad)
    for _ in range(3):
        with pytest.raises(ElementError) as from_request:
            psi.evaluate(OPRF_KEY, PROOF_KEY, chunk.statement, blinded)
        with pytest.raises(ElementError) as from_answer:
            replace(chunk, evaluated=evaluated).finalize()
        assert (from_request.value.index, from_answer.value.index) == (index, index)


def test_every_bit_of_a_proof_matters(backend: str) -> None:
    chunk = answered_chunk(3)
    for bit in range(8 * psi.PROOF_BYTES):
        flipped = (int.from_bytes(chunk.proof, "little") ^ 1 << bit).to_bytes(psi.PROOF_BYTES, "little")
        with pytest.raises(ProofError):
            replace(chunk, proof=flipped).finalize()


def test_a_proof_is_for_its_place_only(backend: str) -> None:
    chunk = answered_chunk(3)
    for change in ({"ctx": bytes(64)}, {"leg": 1}, {"list_number": 1}, {"chunk": 1}, {"public_key": group.GENERATOR}):
        with pytest.raises(ProofError):
            replace(chunk, statement=replace(chunk.statement, **change)).finalize()


@pytest.mark.parametrize("pair", [(0, 1), (3, 8), (7, 511), (511, 512)])
def test_errors_that_would_cancel_under_equal_weights_are_caught(backend: str, pair: tuple[int, int]) -> None:
    chunk = answered_chunk(600)
    up, down = pair
    evaluated = rows(chunk.evaluated)
    evaluated[up] = group.add(evaluated[up], group.GENERATOR)
    evaluated[down] = group.subtract(evaluated[down], group.GENERATOR)
    with pytest.raises(ProofError):
        replace(chunk, evaluated=b"".join(evaluated)).finalize()


def test_a_failed_proof_returns_nothing_to_unblind(backend: str) -> None:
    """A wrong answer and a damaged proof look the same, whatever the items are."""
    chunk = answered_chunk(9)
    wrong = group.add(rows(chunk.evaluated)[4], group.GENERATOR)
    for damaged in (
        replace(chunk, evaluated=with_row(chunk.evaluated, 4, wrong)),
        replace(chunk, proof=bytes(psi.PROOF_BYTES)),
    ):
        with pytest.raises(ProofError) as raised:
            damaged.finalize()
        assert str(raised.value) == "expected a proof for this statement, got one that does not verify"


def test_numbers_outside_are_refused_by_the_statement() -> None:
    good = psi.ChunkStatement(CTX, 0, 0, 0, group.GENERATOR)
    for change in ({"leg": -1}, {"list_number": 2**64}, {"chunk": -(2**70)}, {"ctx": b""}, {"public_key": b""}):
        with pytest.raises(LengthError):
            replace(good, **change)


def test_no_key_and_no_element_is_in_a_message(backend: str) -> None:
    parts = [b"passport of a suspect", b"passport of another"]
    chunk = answered(psi.Items.from_sequence(parts))
    secrets = [OPRF_KEY, BLIND_KEY, PROOF_KEY, *rows(chunk.blinded), *rows(chunk.evaluated), *parts]
    failing = [
        lambda: replace(chunk, evaluated=chunk.blinded).finalize(),
        lambda: replace(chunk, blinded=bytes(64)).finalize(),
        lambda: psi.evaluate(OPRF_KEY[:31], PROOF_KEY, chunk.statement, chunk.blinded),
        lambda: psi.tags(psi.Items(chunk.items.data, struct.pack("<2I", 0, 99)), OPRF_KEY),
        lambda: psi.blind(chunk.items, BLIND_KEY, 2**32),
    ]
    for call in failing:
        with pytest.raises(psi.PsiError) as raised:
            call()
        shown = repr(raised.value).encode()
        assert raised.value.__cause__ is None
        assert not any(secret in shown or secret.hex().encode() in shown for secret in secrets)
