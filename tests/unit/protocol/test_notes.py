"""Notes in plain form: batches agree with single ones, and what does not fit is cut between characters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.notes import (
    FILLER,
    MAX_CONTACT_BYTES,
    MAX_NOTE_TEXT_BYTES,
    MAX_REFERENCE_BYTES,
    cut_reference,
    decode_note,
    encode_notes,
)
from psi import NOTE_BYTES, Items
from tests.notes import encode_note

any_text = st.text(st.characters(exclude_categories=[]), max_size=90)  # half surrogate pairs too


def split(notes: bytes) -> list[bytes]:
    return [notes[at : at + NOTE_BYTES] for at in range(0, len(notes), NOTE_BYTES)]


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=90), st.lists(any_text, max_size=20))
def test_a_batch_is_what_its_notes_are_one_by_one(contact: str, references: list[str]) -> None:
    cut = [cut_reference(reference) for reference in references]
    prefix = contact.encode()[:MAX_CONTACT_BYTES].decode(errors="ignore")
    assert split(encode_notes(contact, Items.from_sequence(cut))) == [
        encode_note(f"{prefix}: {reference.decode()}") for reference in cut
    ]


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 1001])
def test_batches_of_any_size(size: int) -> None:
    references = [f"{'r' * (i % (MAX_REFERENCE_BYTES - 4))}{i:04}"[-MAX_REFERENCE_BYTES:].encode() for i in range(size)]
    notes = split(encode_notes("South, desk 4", Items.from_sequence(references)))
    assert [decode_note(note) for note in notes] == [f"South, desk 4: {reference.decode()}" for reference in references]


def test_a_slice_needs_no_copy() -> None:
    items = Items.from_sequence([b"A1", b"B22", b"C333", b""])
    assert [decode_note(n) for n in split(encode_notes("x", items.slice(1, 3)))] == ["x: B22", "x: C333", "x: "]


def test_a_long_contact_does_not_cost_the_reference() -> None:
    reference = "é" * 40
    (note,) = split(encode_notes("ü" * 500, Items.from_sequence([cut_reference(reference)])))
    assert decode_note(note) == "ü" * (MAX_CONTACT_BYTES // 2) + ": " + "é" * (MAX_REFERENCE_BYTES // 2)
    assert MAX_CONTACT_BYTES + 2 + MAX_REFERENCE_BYTES == MAX_NOTE_TEXT_BYTES


def test_references_that_were_not_cut_are_refused() -> None:
    encode_notes("x", Items.from_sequence([b"r" * MAX_REFERENCE_BYTES]))
    with pytest.raises(ValueError, match="got a longer one"):
        encode_notes("x", Items.from_sequence([b"", b"r" * (MAX_REFERENCE_BYTES + 1)]))


@given(any_text)
def test_any_reference_is_cut_to_what_a_note_shows(reference: str) -> None:
    cut = cut_reference(reference)
    assert len(cut) <= MAX_REFERENCE_BYTES and cut.decode().isprintable()
    if reference.isprintable():
        assert reference.encode().startswith(cut) and len(reference.encode()) - len(cut) < max(
            4, len(reference.encode()) - MAX_REFERENCE_BYTES + 4
        )


@pytest.mark.parametrize(
    "note",
    [FILLER, b"", FILLER[1:], FILLER + b"\0", b"\x00\x01x" + bytes(124) + b"x", b"\x00\x02\xff\xff" + bytes(124),
     b"\x00\x7fx" + bytes(125), b"\xff\xff" + b"x" * 126, b"\x00\x02a\x07" + bytes(124)],
)  # fmt: skip
def test_what_is_no_note(note: bytes) -> None:
    assert decode_note(note) is None
