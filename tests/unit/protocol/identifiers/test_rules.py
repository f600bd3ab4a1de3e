"""What must hold for every value, beyond the vectors."""

from __future__ import annotations

import hashlib
import json
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from protocol.identifiers import KINDS, IdentifierError, countries, folding, profile, split_canonical
from protocol.identifiers.countries import resolve
from protocol.identifiers.folding import fold_number, name_key

RAW = st.text(max_size=60) | st.text(alphabet="ABab019 -/.<(_*\u0663\uff21\u200e", max_size=40)
MAX_INPUT_BYTES = 65_535  # RFC 9497, section 1.2


@given(kind=st.sampled_from(list(KINDS.values())), data=st.data())
def test_any_text_is_canonical_or_refused_with_a_reason(kind, data) -> None:
    raw = data.draw(st.tuples(*[RAW for _ in kind.fields]))
    try:
        keys = kind.keys(*raw)
    except IdentifierError as error:
        assert error.code not in ("bad-identifier", "protocol-error")
        return
    assert 1 <= len(set(keys)) == len(keys) <= kind.max_keys
    for canonical in keys:
        assert canonical[0] == kind.tag
        assert len(canonical) <= MAX_INPUT_BYTES
        assert canonical == bytes([kind.tag]) + b"".join(bytes([len(f)]) + f for f in split_canonical(canonical))


@given(number=st.from_regex(r"[A-Z]{0,3}[0-9]{5,20}", fullmatch=True), at=st.integers(0, 30), lower=st.booleans())
def test_writing_does_not_change_a_number(number, at, lower) -> None:
    try:
        plain = KINDS["passport-number"].canonicalize(number)
    except IdentifierError:
        return
    at %= len(number) + 1
    written = f"{number[:at]} -./<\u00a0\u200f{number[at:]}"
    assert KINDS["passport-number"].canonicalize(written.lower() if lower else written) == plain


def test_no_canonical_value_is_the_beginning_of_another() -> None:
    numbers = ["A1234", "A12345", "A123456", "A1234567"]
    values = [KINDS["passport-number"].canonicalize(n) for n in numbers]
    values += [
        KINDS[k].canonicalize(c, n) for k in ("passport", "national-id") for c in ("IRN", "IRQ") for n in numbers
    ]
    assert len(set(values)) == len(values)
    assert not any(a != b and b.startswith(a) for a in values for b in values)


def test_kinds_and_tags_are_distinct_and_stable() -> None:
    assert [(k.name, k.tag) for k in KINDS.values()] == [
        ("passport", 1), ("passport-number", 2), ("national-id", 3), ("iban", 4), ("imo", 5), ("crypto-wallet", 6),
        ("tax-id", 7), ("phone", 8), ("e-mail", 9), ("vehicle-plate", 10), ("imei", 11), ("name-dob", 12),
    ]  # fmt: skip


def test_the_folding_table_says_what_unicode_says_where_both_speak() -> None:
    """The table is frozen; this only shows that it was not frozen wrong."""
    for zero in folding.DIGIT_ZEROS:
        for i in range(10):
            assert unicodedata.digit(chr(ord(zero) + i)) == i
            assert fold_number(chr(ord(zero) + i)) == str(i)
    for first in folding.FULL_WIDTH:
        for i in range(26):
            assert fold_number(chr(ord(first) + i)) == unicodedata.normalize("NFKC", chr(ord(first) + i)).upper()
    for ascii_letter, letters in folding.NAME_LETTERS.items():
        for letter in letters:
            base = unicodedata.normalize("NFD", letter)[0].upper()
            assert base == ascii_letter or base not in folding.ASCII_LETTERS_AND_DIGITS, letter
    assert all(unicodedata.category(c) == "Zs" or c.isspace() for c in folding.BLANKS)
    assert all(unicodedata.category(c) == "Cf" for c in folding.INVISIBLE)


def test_every_name_resolves_to_the_code_of_its_line() -> None:
    codes = set()
    for line in (countries.TABLE + countries.OTHER_ISSUERS).replace("\n|", " |").splitlines():
        alpha_3, alpha_2, names = line.split(" ", 2)
        assert len(alpha_3) == 3
        assert alpha_3 not in codes
        codes.add(alpha_3)
        for name in [alpha_3, *names.split("|")] + ([alpha_2] if alpha_2 != "--" else []):
            assert resolve(name) == alpha_3
            assert resolve(f" {name.lower()} ") == alpha_3
            assert resolve(unicodedata.normalize("NFD", name)) == alpha_3
    assert len(codes) == 249 + 1 + 11  # ISO 3166-1, Kosovo, and those in OTHER_ISSUERS


def test_ambiguous_names_are_in_no_other_table() -> None:
    for name in countries.AMBIGUOUS:
        with pytest.raises(IdentifierError) as caught:
            resolve(name)
        assert caught.value.code == "country-ambiguous"


@given(st.text(max_size=300))
@example("THE ")
@example("THE THE")
def test_any_text_has_a_name_key(raw) -> None:
    key = name_key(raw)
    assert "  " not in key


@pytest.mark.parametrize("path", [("folding", "masks"), ("countries", 0), ("limits", "fillers"), ("kinds", 0)])
def test_any_change_to_a_table_changes_the_hash(path, monkeypatch) -> None:
    document = json.loads(json.dumps(profile.document()))
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = str(place[path[-1]]) + "x"
    before = profile.profile_hash()
    monkeypatch.setattr(profile, "document", lambda: document)
    assert profile.profile_hash.__wrapped__() != before


def test_the_hash_is_over_plain_values_that_anyone_can_rebuild() -> None:
    document = profile.document()
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    assert json.loads(text) == json.loads(json.dumps(document))
    assert hashlib.sha512(text.encode("ascii")).digest() == profile.profile_hash()
    assert len(profile.profile_hash()) == 64
