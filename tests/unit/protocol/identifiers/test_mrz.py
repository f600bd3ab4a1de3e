"""Zones: the specimens of ICAO Doc 9303, zones made by another encoder, and every single wrong character."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.identifiers import KINDS, IdentifierError, read_mrz
from protocol.identifiers.mrz import VALUES

# Doc 9303-4, appendix A; 9303-6, appendix B; 9303-5, appendix B.
TD3 = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10"
TD2 = "I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<\nD231458907UTO7408122F1204159<<<<<<<6"
TD1 = "I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6\nERIKSSON<<ANNA<MARIA<<<<<<<<<<"
HOLDER = ("name-dob", ("ERIKSSON, ANNA MARIA", "1974-08-12"))


def test_the_specimens() -> None:
    assert read_mrz(TD3) == [
        ("passport", ("UTO", "L898902C3")),
        ("passport-number", ("L898902C3",)),
        ("national-id", ("UTO", "ZE184226B")),
        HOLDER,
    ]
    assert read_mrz(TD2) == read_mrz(TD1) == [("national-id", ("UTO", "D23145890")), HOLDER]


@pytest.mark.parametrize("zone", [TD1, TD2, TD3])
def test_line_ends_blanks_and_small_letters_do_not_matter(zone) -> None:
    assert read_mrz(zone.replace("\n", "")) == read_mrz(zone)
    assert read_mrz(f" {zone.replace(chr(10), chr(13) + chr(10)).lower()}\t") == read_mrz(zone)


def reference_digit(field: str) -> str:
    """Doc 9303-3, section 4.9, written apart from the code under test."""
    value = {c: i for i, c in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")} | {"<": 0}
    return str(sum(value[c] * (7, 3, 1)[i % 3] for i, c in enumerate(field)) % 10)


def td3(number: str, birth: str, expiry: str, names: str, issuer: str = "IRN") -> str:
    checked = number.ljust(9, "<")
    parts = [checked + reference_digit(checked), birth + reference_digit(birth), expiry + reference_digit(expiry)]
    personal = "<" * 14 + "<"
    whole = reference_digit(parts[0] + parts[1] + parts[2] + personal)
    return f"P<{issuer}{names.ljust(39, '<')}" + parts[0] + issuer + parts[1] + "M" + parts[2] + personal + whole


@pytest.mark.parametrize(
    ("birth", "expiry", "date"),
    [
        ("740812", "301231", "1974-08-12"),
        ("250812", "301231", "2025-08-12"),
        ("310812", "301231", "1931-08-12"),
        ("740812", "950101", "1974-08-12"),
        ("400812", "990101", "1940-08-12"),
        ("7408<<", "301231", "1974-08"),
        ("74<<<<", "301231", "1974"),
        ("740000", "301231", "1974"),
        ("<<<<<<", "301231", None),
        ("740812", "<<<<<<", None),
    ],
)
def test_the_date_of_birth_as_far_as_it_is_known(birth, expiry, date) -> None:
    values = dict(read_mrz(td3("A1234567", birth, expiry, "HOSSEINI<<ALI")))
    assert values["passport"] == ("IRN", "A1234567")
    assert values.get("name-dob") == (None if date is None else ("HOSSEINI, ALI", date))


def test_a_name_that_fills_its_field_may_be_cut() -> None:
    names = "PAPANDROPOULOS<<JONATHON<WARREN<TREVORX"
    assert len(names) == 39
    assert (
        dict(read_mrz(td3("A1234567", "740812", "301231", names)))["name-dob"][0] == "PAPANDROPOULOS, JONATHON WARREN"
    )


def test_a_long_number_goes_on_in_the_optional_field() -> None:
    number = "D23145890734"
    line = f"I<BEL{number[:9]}<{number[9:]}{reference_digit(number)}".ljust(30, "<")
    birth, expiry = "7408122", "1204159"
    whole = reference_digit(line[5:] + birth + expiry + "<" * 11)
    zone = line + birth + "F" + expiry + "BEL" + "<" * 11 + whole + "ERIKSSON<<ANNA".ljust(30, "<")
    assert read_mrz(zone)[0] == ("national-id", ("BEL", number))
    assert KINDS["national-id"].canonicalize("BEL", number)


@given(zone=st.sampled_from([TD1, TD2, TD3]), at=st.integers(0, 89), to=st.sampled_from([*VALUES, "<", "?", "é"]))
def test_a_checked_character_that_is_wrong_never_becomes_an_identifier(zone, at, to) -> None:
    text = zone.replace("\n", "")
    at %= len(text)
    try:
        values = read_mrz(text[:at] + to + text[at + 1 :])
    except IdentifierError as error:
        assert error.code in ("wrong-format", "unsupported-character", "check-digit")
        return
    known = dict(read_mrz(zone))
    numbers = {fields[-1] for kind, fields in known.items() if kind != "name-dob"}
    # The weights are units modulo 10: only such a change passes unseen, and "<" counts as 0.
    same = (max(VALUES.find(to), 0) - max(VALUES.find(text[at]), 0)) % 10 == 0
    for kind, fields in values:
        assert kind == "name-dob" or fields[-1] in numbers or same
        if kind == "name-dob" and not same:
            assert fields[1] == HOLDER[1][1]


@pytest.mark.parametrize("zone", ["", "P<", TD3[:-1], TD3 + "<", "V" + TD3[1:], TD3.replace("<", "/")])
def test_what_is_no_zone(zone) -> None:
    with pytest.raises(IdentifierError):
        read_mrz(zone)
