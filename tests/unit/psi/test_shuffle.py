"""The proof of a shuffle: complete at every size, the same in any chunks and on any backend, and strict."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import psi
from psi import ElementError, ItemsError, LengthError, ProofError, PublicKeyError, ScalarError, dst, native
from psi.shuffle import ShuffleProver, ShuffleVerifier
from tests.unit.psi.shuffles import (
    JOINT_KEY,
    PROOF_KEY,
    RANDOMNESS_KEY,
    SECRET_KEY,
    VERIFICATION_KEY,
    Lists,
    rows_of,
    shuffled,
)
from tests.vectors import shuffle as reference
from tests.vectors.shuffle import INTEGERS, Statement

SIZES = [1, 2, 7, 8, 9, 63, 65, 513]
# Canonical encodings end at l - 1 and p - 1; this is neither.
NOT_CANONICAL = b"\xff" * 32


@pytest.mark.parametrize("count", SIZES)
@pytest.mark.parametrize("columns", [0, 1, 3])
def test_honest_proofs_verify(backend: str, count: int, columns: int) -> None:
    proof = shuffled(count, columns).prove()
    assert len(proof.opening) == proof.statement.opening_bytes
    assert len(proof.responses) == 64 * count
    proof.verify()


def test_more_rows_than_are_taken_at_a_time() -> None:
    shuffled(16_385).prove().verify()
    shuffled(129, 128).prove().verify()


@pytest.mark.parametrize("columns", [0, 2])
def test_proofs_do_not_depend_on_chunks(columns: int) -> None:
    lists = shuffled(29, columns)
    whole = lists.prove()
    for chunk in (1, 7, 8, 28):
        assert lists.prove(chunk) == whole
        whole.verify(chunk)


@pytest.mark.parametrize("columns", [0, 2])
def test_proofs_do_not_depend_on_the_backend(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    proofs = []
    for name in psi.available_backends():
        monkeypatch.setenv(native.BACKEND_VARIABLE, name)
        proofs.append(shuffled(71, columns).prove())
    assert all(np.array_equal(proof.lists.after, proofs[0].lists.after) for proof in proofs)
    assert len({(proof.opening, proof.responses) for proof in proofs}) == 1


def test_the_order_is_any() -> None:
    """Sorting is the protocol's concern."""
    lists = shuffled(9, 1)
    order = np.array([8, 0, 7, 1, 6, 2, 5, 3, 4])
    replace(lists, after=lists.after[order], permutation=lists.permutation[order]).prove().verify()


@pytest.mark.parametrize(("count", "columns"), [(1, 0), (3, 0), (2, 2)])
def test_the_equations_of_the_specification_hold(count: int, columns: int) -> None:
    """A verifier on Python integers, which shares no code with psi, accepts, and sees which equation is broken."""
    proof = shuffled(count, columns).prove()
    statement = specified(proof.lists)
    responses = [proof.responses[i : i + 64] for i in range(0, len(proof.responses), 64)]
    assert reference.verify(INTEGERS, statement, proof.opening, responses) == []
    last_g = (1).to_bytes(32, "little")
    assert 2 in reference.verify(INTEGERS, statement, proof.opening, [*responses[:-1], responses[-1][:32] + last_g])


def specified(lists: Lists) -> Statement:
    statement = lists.statement()
    return Statement(
        statement.ctx,
        statement.leg,
        statement.list_number,
        statement.columns,
        statement.public_key,
        statement.joint_key,
        [row.tobytes() for row in lists.before],
        [row.tobytes() for row in lists.after],
        statement.bound,
    )


@pytest.mark.parametrize("count", SIZES)
@pytest.mark.parametrize("columns", [1, 3])
def test_who_has_encrypted_verifies_by_what_it_has_encrypted(backend: str, count: int, columns: int) -> None:
    proof = shuffled(count, columns).prove()
    own = proof.lists.own()
    for chunk in (count, 8):
        proof.verify_own(own, chunk=chunk)
    for place in (32, 36, own.shape[1] - 1):  # the number, the first value, the last one
        wrong = own.copy()
        wrong[-1, place] ^= 1
        with pytest.raises(ProofError):
            proof.verify_own(wrong)
    with pytest.raises(ProofError):
        proof.verify_own(own, SECRET_KEY)


def test_who_has_encrypted_may_have_sorted_before_it_sent() -> None:
    lists = shuffled(9, 2)
    own = lists.own()
    order = np.array([3, 1, 8, 0, 7, 2, 6, 4, 5])
    moved = replace(lists, before=lists.before[order], permutation=np.argsort(order)[lists.permutation].astype("<u4"))
    randomized = native.rerandomize(
        moved.before[:, 32:].tobytes(), psi.public_key(JOINT_KEY), RANDOMNESS_KEY, 0, backend="portable"
    )
    after = np.hstack([moved.after[:, :32], rows_of(randomized, 128)[moved.permutation]])
    proof = replace(moved, after=after).prove()
    proof.verify()
    proof.verify_own(own[order])
    with pytest.raises(ProofError):
        proof.verify_own(own)


def test_who_has_encrypted_sees_what_others_see() -> None:
    lists = shuffled(9, 2)
    for columns in (slice(32, 64), slice(96, 128), slice(0, 32)):
        other = lists.after[3, columns].tobytes()
        proof = lists.replaced(4, columns, other).prove()
        with pytest.raises(ProofError):
            proof.verify_own(lists.own())
    with pytest.raises(LengthError, match=r"rows before: expected a multiple of 52 bytes"):
        lists.prove().verify_own(lists.before)


def test_masks_differ_from_statement_to_statement() -> None:
    """The same keys for two statements must not give two equations in the same unknowns."""
    lists = shuffled(5)
    first = lists.prove()
    order = np.array([1, 0, 2, 3, 4])
    second = replace(lists, after=lists.after[order], permutation=lists.permutation[order]).prove()
    t_d, t_k = slice(32, 64), slice(192, 224)
    assert first.opening[t_d] != second.opening[t_d]
    assert first.opening[t_k] != second.opening[t_k]


def test_secrets_are_not_shown() -> None:
    lists = shuffled(3)
    prover = ShuffleProver(lists.statement(), SECRET_KEY, PROOF_KEY, lists.permutation.tobytes())
    committed = prover.commit().absorb(lists.after.tobytes())
    _, proof = committed.close().respond(2)
    verifier = ShuffleVerifier(lists.statement(), proof.opening, VERIFICATION_KEY)
    for secret in (SECRET_KEY, PROOF_KEY, VERIFICATION_KEY, lists.permutation.tobytes()):
        for shown in (prover, committed, proof, verifier):
            assert repr(secret)[2:-1] not in repr(shown)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"ctx": bytes(63)}, "ctx: expected 64 bytes, got 63"),
        ({"public_key": bytes(31)}, "public key: expected 32 bytes, got 31"),
        ({"joint_key": bytes(32)}, "joint key: expected 0 bytes, got 32"),
        ({"columns": 1}, "joint key: expected 32 bytes, got 0"),
        ({"before": bytes(32)}, "digest before: expected 64 bytes, got 32"),
        ({"after": b""}, "digest after: expected 64 bytes, got 0"),
        ({"bound": bytes(65)}, "digest of what is bound: expected 64 bytes, got 65"),
        ({"count": 0}, "rows: expected 1 to 2147483640, got 0"),
        (
            {"count": 2**20, "columns": 2**12 + 1, "joint_key": bytes(32)},
            "ciphertexts: expected 0 to 4294967296, got .*",
        ),
        ({"columns": -1, "joint_key": bytes(32)}, "ciphertexts: expected 0 to 4294967296, got -1"),
        ({"count": 2**31}, "rows: expected 1 to 2147483640, got 2147483648"),
    ],
)
def test_a_statement_has_its_lengths(changed: dict[str, object], message: str) -> None:
    with pytest.raises(LengthError, match=f"^{message}$"):
        replace(shuffled(1).statement(), **changed)  # type: ignore[arg-type]


def test_a_prover_checks_its_witness() -> None:
    lists = shuffled(4)
    with pytest.raises(LengthError, match="permutation: expected 16 bytes, got 12"):
        lists.prove(permutation=lists.permutation[:3].tobytes())
    with pytest.raises(ItemsError, match="a row beyond the last"):
        lists.prove(permutation=np.array([0, 1, 2, 4], "<u4").tobytes())
    with pytest.raises(ItemsError, match="repeats a row"):
        lists.prove(permutation=np.array([0, 1, 2, 2], "<u4").tobytes())
    with pytest.raises(PublicKeyError):
        lists.prove(secret_key=PROOF_KEY)


def test_a_prover_takes_all_rows_and_no_more() -> None:
    lists = shuffled(4)
    after = lists.after.tobytes()
    committed = ShuffleProver(lists.statement(), SECRET_KEY, PROOF_KEY, lists.permutation.tobytes()).commit()
    with pytest.raises(LengthError, match="rows after: expected a multiple of 32 bytes, got 127"):
        committed.absorb(after[:-1])
    with pytest.raises(LengthError, match="rows: expected 4, got 3"):
        committed.absorb(after[:-32]).close()
    with pytest.raises(LengthError, match="rows after: expected at most 0, got 4"):
        committed.absorb(after).absorb(after)
    proof = committed.absorb(after).close()
    with pytest.raises(LengthError, match="rows: expected at most 1, got 2"):
        proof.respond(3)[1].respond(2)


def test_a_verifier_takes_all_rows_and_no_more() -> None:
    proof = shuffled(4).prove()
    verifier = ShuffleVerifier(proof.statement, proof.opening, VERIFICATION_KEY)
    before, after = proof.lists.before.tobytes(), proof.lists.after.tobytes()
    with pytest.raises(LengthError, match="responses: expected 4, got 3"):
        verifier.absorb(before, after, proof.responses[:-64])
    with pytest.raises(LengthError, match="responses: expected a multiple of 64 bytes, got 255"):
        verifier.absorb(before, after, proof.responses[:-1])
    with pytest.raises(ProofError, match="rows: expected responses for 4, got 3"):
        verifier.absorb(before[:-32], after[:-32], proof.responses[:-64]).finish()
    whole = verifier.absorb(before, after, proof.responses)
    with pytest.raises(LengthError, match="rows before: expected at most 0, got 1"):
        whole.absorb(before[:32], after[:32], proof.responses[:64])
    whole.finish()


@pytest.mark.parametrize("columns", [0, 2])
def test_both_sides_name_the_row_of_a_bad_element(backend: str, columns: int) -> None:
    lists = shuffled(9, columns)
    proof = lists.prove()
    for start in range(0, lists.before.shape[1], 32):
        for bad in (bytes(32), NOT_CANONICAL):
            wrong = lists.after.copy()
            wrong[6, start : start + 32] = np.frombuffer(bad, np.uint8)
            for before, after, name in ((lists.before, wrong, "after"), (wrong, lists.after, "before")):
                with pytest.raises(ElementError, match=f"rows {name}, entry 6") as raised:
                    replace(proof, lists=replace(lists, before=before, after=after)).verify()
                assert raised.value.index == 6
        with pytest.raises(ElementError, match="rows after, entry 6") as raised:
            replace(lists, after=wrong).prove()
        assert raised.value.index == 6


def test_a_response_is_two_canonical_scalars() -> None:
    proof = shuffled(9, 1).prove()
    for start in (64 * 5, 64 * 5 + 32):
        order = 2**252 + 27742317777372353535851937790883648493
        scalar = int.from_bytes(proof.responses[start : start + 32], "little")
        # The same number, not reduced.
        responses = proof.responses[:start] + (scalar + order).to_bytes(32, "little") + proof.responses[start + 32 :]
        with pytest.raises(ScalarError, match="responses, entry 5") as raised:
            replace(proof, responses=responses).verify()
        assert raised.value.index == 5


@pytest.mark.parametrize("columns", [0, 1])
def test_an_opening_is_canonical_and_whole(columns: int) -> None:
    proof = shuffled(3, columns).prove()
    for start in range(0, len(proof.opening), 32):
        opening = proof.opening[:start] + NOT_CANONICAL + proof.opening[start + 32 :]
        with pytest.raises(ProofError):
            ShuffleVerifier(proof.statement, opening, VERIFICATION_KEY)
    for opening in (proof.opening[:-32], proof.opening + bytes(32), proof.opening[:-1], b""):
        with pytest.raises(ProofError, match="opening: expected"):
            ShuffleVerifier(proof.statement, opening, VERIFICATION_KEY)


def test_native_code_and_psi_list_the_same_tag() -> None:
    assert dst.SHUFFLE_GENERATORS == native.DST_SHUFFLE_GENERATORS
