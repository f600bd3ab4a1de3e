"""Shuffles of any size, order and chunks are proved; what is not one is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psi import ElementError, ProofError, ScalarError
from tests.unit.psi.shuffles import Lists, shuffled

SIZES = st.integers(1, 40)
COLUMNS = st.integers(0, 3)
CHUNKS = st.integers(1, 41)


@st.composite
def lists(draw: st.DrawFn) -> Lists:
    """Honest lists, the second one in any order."""
    made = shuffled(draw(SIZES), draw(COLUMNS))
    order = np.array(draw(st.permutations(range(len(made.before)))))
    return replace(made, after=made.after[order], permutation=made.permutation[order])


@settings(max_examples=40, deadline=None)
@given(lists=lists(), proved_in=CHUNKS, verified_in=CHUNKS)
def test_any_shuffle_is_proved_in_any_chunks(lists: Lists, proved_in: int, verified_in: int) -> None:
    lists.prove(proved_in).verify(verified_in)


@settings(max_examples=60, deadline=None)
@given(lists=lists(), data=st.data())
def test_a_flipped_bit_is_seen_wherever_it_is(lists: Lists, data: st.DataObject) -> None:
    """In what the prover sends: its rows (which the statement then has too), the opening, or the responses."""
    proof = lists.prove()
    part = data.draw(st.sampled_from(["rows", "opening", "responses"]))
    sent = {"rows": lists.after.tobytes(), "opening": proof.opening, "responses": proof.responses}[part]
    bit = data.draw(st.integers(0, 8 * len(sent) - 1))
    changed = bytearray(sent)
    changed[bit // 8] ^= 1 << bit % 8
    if part == "rows":
        after = np.frombuffer(bytes(changed), np.uint8).reshape(lists.after.shape)
        wrong = replace(lists, after=after)
        proof = replace(proof, lists=wrong, statement=wrong.statement())
    elif part == "opening":
        proof = replace(proof, opening=bytes(changed))
    else:
        proof = replace(proof, responses=bytes(changed))
    with pytest.raises((ElementError, ProofError, ScalarError)):
        proof.verify()


@settings(max_examples=30, deadline=None)
@given(lists=lists(), data=st.data())
def test_a_row_in_place_of_another_is_seen(lists: Lists, data: st.DataObject) -> None:
    if len(lists.before) == 1:
        return
    row, other = data.draw(st.permutations(range(len(lists.before))))[:2]
    columns = slice(0, 32) if not lists.columns or data.draw(st.booleans()) else slice(32, None)
    wrong = lists.replaced(row, columns, lists.after[other, columns].tobytes())
    with pytest.raises(ProofError):
        wrong.prove().verify()
