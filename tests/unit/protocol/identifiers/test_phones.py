"""One number of every country, fixed and mobile, as its people and as the world write it.

phones.json holds the example numbers of libphonenumber 9.0.43 in that library's national and international format and
its E.164 form; the code under test shares no table with it. Argentina's mobile numbers are left out: the profile drops
the mark that the library keeps (vectors.json has them).
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from protocol.identifiers import KINDS, IdentifierError, phones

EXAMPLES: list[list[str]] = json.loads((Path(__file__).parent / "phones.json").read_text("utf-8"))
PHONE = KINDS["phone"]


@pytest.mark.parametrize(("region", "national", "international", "e164"), EXAMPLES)
def test_both_ways_of_writing_give_the_number(region, national, international, e164) -> None:
    expected = bytes([PHONE.tag, len(e164)]) + e164.encode()
    assert PHONE.canonicalize(region, national) == expected
    assert PHONE.canonicalize("", international) == expected
    assert PHONE.canonicalize(region, international.replace(" ", "")) == expected
    assert PHONE.canonicalize("", "00" + e164) == expected


def test_the_examples_cover_every_plan() -> None:
    assert {line.split()[0] for line in phones.TABLE.splitlines()} == {
        code for code in phones._BY_CODE if any(e164.startswith(code) for *_, e164 in EXAMPLES)
    }


def test_each_country_has_one_plan_and_each_plan_fits_e164() -> None:
    countries = [country for line in phones.TABLE.splitlines() for country in line.split()[4:]]
    assert len(set(countries)) == len(countries)
    for line in phones.TABLE.splitlines():
        code, _, _, digits, *_ = line.split()
        shortest, longest = map(int, digits.split("-"))
        assert 1 <= shortest <= longest
        assert len(code) + shortest <= phones.MAX_E164_DIGITS


@pytest.mark.parametrize("number", ["", "+", "++49 171 1234567", "+49", "0", "00", "+0 171 1234567"])
def test_no_number_is_refused(number) -> None:
    with pytest.raises(IdentifierError):
        PHONE.canonicalize("Germany", number)
