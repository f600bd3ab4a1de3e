"""A requester that cheats in the list it sends back. Each way must fail, and in the equations that guard against it.

The cheating prover is tests/vectors/shuffle.py, which proves whatever it is given as well as the protocol lets it; the
verifier is psi's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from typing import Final

import pytest

import psi
from psi import ProofError, group, native
from psi.shuffle import ShuffleStatement, ShuffleVerifier
from tests.unit.psi.shuffles import (
    BOUND,
    CTX,
    JOINT_KEY,
    OTHER_KEY,
    PROOF_KEY,
    RANDOMNESS_KEY,
    SECRET_KEY,
    VERIFICATION_KEY,
    digest,
    shuffled,
)
from tests.vectors import reference as ref
from tests.vectors import shuffle as cheat
from tests.vectors.shuffle import ORDER, Group, Statement, Witness, cut

COUNT: Final = 9
COLUMNS: Final = 2
A: Final = ref.scalar(SECRET_KEY, 0)


def multiply(scalar: int, element: bytes) -> bytes:
    return element if element == group.IDENTITY else group.multiply((scalar % ORDER).to_bytes(32, "little"), element)


# psi's own group, one element at a time.
PSI: Group[bytes] = Group(
    group.GENERATOR,
    group.IDENTITY,
    native.add_elements,
    multiply,
    bytes,
    bytes,
    group.hash_to_group,
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What the cheating prover sends, and the witness with which it proves it."""

    statement: Statement
    witness: Witness

    def proof(self) -> tuple[bytes, list[bytes]]:
        return cheat.prove(PSI, self.statement, self.witness, PROOF_KEY)

    def broken(self) -> list[int]:
        """The equations that the proof does not satisfy, by a verifier of this test's own."""
        return cheat.verify(PSI, self.statement, *self.proof())

    def verify(self) -> None:
        opening, responses = self.proof()
        check(self.statement, opening, responses)


def check(statement: Statement, opening: bytes, responses: list[bytes]) -> None:
    """The product's verifier."""
    before, after = b"".join(statement.before), b"".join(statement.after)
    given = ShuffleStatement(
        statement.ctx,
        statement.leg,
        statement.list_number,
        len(statement.before),
        statement.columns,
        statement.public_key,
        statement.joint_key,
        digest(before),
        digest(after),
        statement.bound,
    )
    ShuffleVerifier(given, opening, VERIFICATION_KEY).absorb(before, after, b"".join(responses)).finish()


def honest(columns: int = 0) -> Attempt:
    lists = shuffled(COUNT, columns)
    statement = Statement(
        CTX,
        1,
        2,
        columns,
        psi.public_key(SECRET_KEY),
        psi.public_key(JOINT_KEY) if columns else b"",
        [row.tobytes() for row in lists.before],
        [row.tobytes() for row in lists.after],
        BOUND,
    )
    randomness = [ref.scalar(RANDOMNESS_KEY, index) for index in range(COUNT * columns)]
    return Attempt(statement, Witness(A, lists.permutation.tolist(), randomness))


def sending(attempt: Attempt, rows: dict[int, bytes]) -> Attempt:
    """The attempt, with other rows after."""
    after = [rows.get(index, row) for index, row in enumerate(attempt.statement.after)]
    return replace(attempt, statement=replace(attempt.statement, after=after))


def refused(attempt: Attempt, *equations: int) -> None:
    """The proof fails, and in these equations; psi's verifier says so."""
    assert attempt.broken() == list(equations)
    with pytest.raises(ProofError):
        attempt.verify()


def element(attempt: Attempt, row: int) -> bytes:
    """Z of the row that is this one after."""
    return attempt.statement.before[attempt.witness.permutation[row]][:32]


@pytest.mark.parametrize("columns", [0, COLUMNS])
def test_the_cheating_prover_convinces_when_it_does_not_cheat(columns: int) -> None:
    """Otherwise the tests below would show nothing."""
    attempt = honest(columns)
    assert attempt.broken() == []
    attempt.verify()


@pytest.mark.parametrize("row", [0, 4, COUNT - 1])
def test_another_scalar_in_one_row(row: int) -> None:
    attempt = honest()
    refused(sending(attempt, {row: multiply(A + 1, element(attempt, row))}), 4)


def test_two_scalars() -> None:
    """Half of the rows under one, half under the other."""
    attempt = honest()
    rows = {row: multiply(2 * A, element(attempt, row)) for row in range(COUNT // 2)}
    refused(sending(attempt, rows), 4)


def test_one_row_not_multiplied() -> None:
    attempt = honest()
    refused(sending(attempt, {3: element(attempt, 3)}), 4)


def test_several_scalars_on_one_target_and_none_on_others() -> None:
    """One target counted several times lifts it over the minimum."""
    attempt = honest()
    rows = {row: multiply(A * (row + 1), element(attempt, 5)) for row in range(COUNT)}
    refused(sending(attempt, rows), 4)


def test_a_duplicate_and_a_dropped_row_with_an_honest_permutation() -> None:
    attempt = honest()
    refused(sending(attempt, {2: attempt.statement.after[6]}), 4)


@pytest.mark.parametrize("patch_chain", [False, True])
def test_a_duplicate_and_a_dropped_row_with_a_map_that_is_no_permutation(patch_chain: bool) -> None:
    attempt = honest()
    permutation = list(attempt.witness.permutation)
    permutation[2] = permutation[6]
    witness = replace(attempt.witness, permutation=permutation, patch_chain=patch_chain)
    attempt = replace(sending(attempt, {2: attempt.statement.after[6]}), witness=witness)
    # The chain does not end in q; with the last answer forced to, it is no chain.
    refused(attempt, *([2, 4, 5] if patch_chain else [2, 4]))


@pytest.mark.parametrize("patch_chain", [False, True])
def test_weights_that_make_up_for_other_scalars(patch_chain: bool) -> None:
    """A row under twice the scalar, with half of its weight, satisfies (4); but not with the committed weight."""
    attempt = honest()
    witness = replace(attempt.witness, factors={3: pow(2, -1, ORDER)}, patch_chain=patch_chain)
    attempt = replace(sending(attempt, {3: multiply(2 * A, element(attempt, 3))}), witness=witness)
    refused(attempt, *([1, 2, 5] if patch_chain else [1, 2]))


def test_errors_that_cancel_under_equal_weights() -> None:
    attempt = honest()
    after, error = attempt.statement.after, multiply(A, group.GENERATOR)
    rows = {1: group.add(after[1], error), 7: group.subtract(after[7], error)}
    refused(sending(attempt, rows), 4)


def test_errors_that_cancel_under_the_weights_of_the_honest_lists() -> None:
    """The weights follow from the lists, so that errors made for them meet others."""
    attempt = honest()
    opening, _ = attempt.proof()
    w1 = cheat.digest("weights", attempt.statement.digest(), *cut(opening)[:3])
    w2 = cheat.digest("permuted", w1, cut(opening)[3])
    y = ref.scalar(w2[:32], 0)
    e, _ = cheat.weights_of(w1, COUNT, 0)
    weights = [e[row] + (2 * row + 1) * y for row in attempt.witness.permutation]
    after, ratio = attempt.statement.after, -weights[0] * pow(weights[1], -1, ORDER)
    rows = {0: group.add(after[0], group.GENERATOR), 1: group.add(after[1], multiply(ratio, group.GENERATOR))}
    refused(sending(attempt, rows), 4)


def test_another_key_than_the_one_that_was_opened() -> None:
    """All rows under one scalar, but not that of the authenticated a*G."""
    attempt = honest()
    other = ref.scalar(OTHER_KEY, 0)
    rows = {row: multiply(other, element(attempt, row)) for row in range(COUNT)}
    attempt = sending(attempt, rows)
    refused(replace(attempt, witness=replace(attempt.witness, secret=other)), 3)
    refused(attempt, 4)


def ciphertext(row: bytes, column: int) -> bytes:
    return row[32 + 64 * column : 96 + 64 * column]


def with_ciphertext(row: bytes, column: int, value: bytes) -> bytes:
    return row[: 32 + 64 * column] + value + row[96 + 64 * column :]


def scaled(value: bytes, factor: int) -> bytes:
    return multiply(factor, value[:32]) + multiply(factor, value[32:])


def added(a: bytes, b: bytes) -> bytes:
    return group.add(a[:32], b[:32]) + group.add(a[32:], b[32:])


def encrypted(value: int, seed: int) -> bytes:
    rho = ref.scalar(OTHER_KEY, 1_000 + seed)
    parts = [multiply(value, group.GENERATOR), multiply(rho, psi.public_key(JOINT_KEY))]
    return multiply(rho, group.GENERATOR) + reduce(group.add, parts)


def test_ciphertexts_exchanged_between_rows() -> None:
    attempt = honest(COLUMNS)
    after = attempt.statement.after
    rows = {2: after[2][:32] + after[5][32:], 5: after[5][:32] + after[2][32:]}
    refused(sending(attempt, rows), 6)


def test_one_column_exchanged_between_rows() -> None:
    attempt = honest(COLUMNS)
    after = attempt.statement.after
    rows = {
        2: with_ciphertext(after[2], 1, ciphertext(after[5], 1)),
        5: with_ciphertext(after[5], 1, ciphertext(after[2], 1)),
    }
    refused(sending(attempt, rows), 6)


def test_ciphertexts_exchanged_between_columns() -> None:
    attempt = honest(COLUMNS)
    row = attempt.statement.after[4]
    refused(sending(attempt, {4: row[:32] + ciphertext(row, 1) + ciphertext(row, 0)}), 6)


def test_a_value_zeroed() -> None:
    attempt = honest(COLUMNS)
    row = attempt.statement.after[4]
    refused(sending(attempt, {4: with_ciphertext(row, 0, encrypted(0, 0))}), 6)


def test_all_values_zeroed_but_one() -> None:
    attempt = honest(COLUMNS)
    after = attempt.statement.after
    rows = {row: after[row][:32] + encrypted(0, row) + encrypted(0, COUNT + row) for row in range(1, COUNT)}
    refused(sending(attempt, rows), 6)


def test_a_value_scaled() -> None:
    attempt = honest(COLUMNS)
    row = attempt.statement.after[4]
    refused(sending(attempt, {4: with_ciphertext(row, 0, scaled(ciphertext(row, 0), 1_000))}), 6)


def test_a_value_moved_to_a_row_that_cannot_match() -> None:
    """The sum over all rows stays the same; a proof of that alone would accept."""
    attempt = honest(COLUMNS)
    after = attempt.statement.after
    rows = {
        1: with_ciphertext(after[1], 0, added(ciphertext(after[1], 0), ciphertext(after[6], 0))),
        6: with_ciphertext(after[6], 0, encrypted(0, 6)),
    }
    refused(sending(attempt, rows), 6)


def test_a_value_of_the_provers_own() -> None:
    attempt = honest(COLUMNS)
    row = attempt.statement.after[0]
    refused(sending(attempt, {0: with_ciphertext(row, 0, encrypted(1_000_000, 0))}), 6)


def test_errors_in_two_columns_that_cancel_in_their_sum() -> None:
    attempt = honest(COLUMNS)
    row = attempt.statement.after[3]
    more, less = encrypted(500, 0), encrypted(-500, 1)
    row = with_ciphertext(row, 0, added(ciphertext(row, 0), more))
    refused(sending(attempt, {3: with_ciphertext(row, 1, added(ciphertext(row, 1), less))}), 6)


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"ctx": bytes(64)},
        {"leg": 0},
        {"list_number": 3},
        {"bound": bytes(64)},
        {"public_key": psi.public_key(OTHER_KEY)},
        {"joint_key": psi.public_key(OTHER_KEY)},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_proof_from_elsewhere(elsewhere: dict[str, object]) -> None:
    attempt = honest(COLUMNS)
    opening, responses = attempt.proof()
    with pytest.raises(ProofError):
        check(replace(attempt.statement, **elsewhere), opening, responses)  # type: ignore[arg-type]


def test_a_proof_of_other_lists() -> None:
    attempt = honest()
    opening, responses = attempt.proof()
    after = attempt.statement.after
    with pytest.raises(ProofError):
        check(replace(attempt.statement, after=[after[1], after[0], *after[2:]]), opening, responses)
    before = attempt.statement.before
    with pytest.raises(ProofError):
        check(replace(attempt.statement, before=[before[1], before[0], *before[2:]]), opening, responses)


@pytest.mark.parametrize("columns", [0, COLUMNS])
def test_every_number_of_a_proof_counts(columns: int) -> None:
    """Each scalar one more, each element with G added."""
    attempt = honest(columns)
    opening, responses = attempt.proof()
    parts = cut(opening)
    scalars = {9, 10, 11, 12, 15}
    for index, part in enumerate(parts):
        changed = (
            cheat.number(int.from_bytes(part, "little") + 1) if index in scalars else group.add(part, group.GENERATOR)
        )
        with pytest.raises(ProofError):
            check(attempt.statement, b"".join([*parts[:index], changed, *parts[index + 1 :]]), responses)
    for row in (0, 4, COUNT - 1):
        f, g = cut(responses[row])
        for changed in (cheat.number(int.from_bytes(f, "little") + 1) + g, f + cheat.number(0)):
            with pytest.raises(ProofError):
                check(attempt.statement, opening, [*responses[:row], changed, *responses[row + 1 :]])


def test_responses_exchanged_between_rows() -> None:
    attempt = honest()
    opening, responses = attempt.proof()
    with pytest.raises(ProofError):
        check(attempt.statement, opening, [responses[1], responses[0], *responses[2:]])
