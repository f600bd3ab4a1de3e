"""Mandates: the sample is read and complete, mistakes are named, and a mandate holds only in its period."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

import nodes
from nodes.errors import MandateError, MandateTimeError, UnreadableFileError
from nodes.mandate import MAX_MANDATE_BYTES, load_mandate, parse_mandate
from protocol.messages import LegalBasis

SAMPLE = Path(nodes.__file__).parents[1] / "docs" / "samples" / "mandate.toml"
TEXT = SAMPLE.read_text(encoding="utf-8")


def test_the_sample_is_read_and_complete() -> None:
    text, mandate = load_mandate(SAMPLE)
    assert (text, mandate) == (TEXT, parse_mandate(TEXT.encode()))
    assert mandate.legal_basis.case_reference == "FN-2026-0042"
    assert mandate.not_before_ms == 1_767_225_600_000  # date -u -d 2026-01-01 +%s
    keys = set(re.findall(r"^(\w+) = ", TEXT, re.MULTILINE))
    assert keys == {f.name for f in fields(LegalBasis)} | {"not_before", "not_after"}


@pytest.mark.parametrize("key", [*(f.name for f in fields(LegalBasis)), "not_before", "not_after"])
def test_every_key_is_required(key: str) -> None:
    with pytest.raises(MandateError, match=rf"^given.toml: \[mandate\] {key}: .*the key is required"):
        parse_mandate(re.sub(rf"^{key} = .*$", "", TEXT, flags=re.MULTILINE).encode(), "given.toml")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("purpose", '"two words"', "text of another form"),
        ("purpose", f'"{"a" * 65}"', "got 65 bytes"),
        ("officer", '""', "got 0 bytes"),
        ("officer", f'"{"x" * 257}"', "got 257 bytes"),
        ("officer", '"""a\nb"""', "control characters"),
        ("case_reference", "7", "got a whole number"),
        ("urgency", '"now"', "one of routine, urgent, emergency"),
        ("not_before", "2026-01-01", "a date-time with offset.*got a"),
        ("not_before", "2026-01-01T00:00:00", "a date-time with offset.*got a"),
        ("not_before", '"2026-01-01T00:00:00Z"', "a date-time with offset.*got text"),
        ("not_before", "2027-01-01T00:00:00Z", "a time after not_before"),
        ("not_before", "1969-12-31T23:59:59Z", "got another year"),
        ("not_after", "9999-12-31T23:59:59-00:01", "got another year"),
        ("not_after", "2026-01-01T00:00:00Z", "a time after not_before"),
    ],
)
def test_each_mistake_is_named(key: str, value: str, message: str) -> None:
    with pytest.raises(MandateError, match=message):
        parse_mandate(re.sub(rf"^{key} = .*$", f"{key} = {value}", TEXT, flags=re.MULTILINE).encode())


def test_unknown_keys_and_tables_are_refused() -> None:
    for text in (TEXT + "note = 1\n", TEXT + "[more]\n", TEXT.replace("[mandate]", "[mandat]"), ""):
        with pytest.raises(MandateError):
            parse_mandate(text.encode())


def test_size_is_bounded(tmp_path: Path) -> None:
    room = MAX_MANDATE_BYTES - len(TEXT.encode())
    parse_mandate(TEXT.encode() + b"#" * room)
    with pytest.raises(MandateError, match="at most"):
        parse_mandate(TEXT.encode() + b"#" * (room + 1))
    huge = tmp_path / "huge"
    huge.write_bytes(b"#" * (2 << 20))
    with pytest.raises(MandateError, match="at most"):
        load_mandate(huge)
    with pytest.raises(UnreadableFileError, match=r"No such file.*check the name"):
        load_mandate(tmp_path / "none")


def test_another_encoding_is_a_mistake_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "mandate.toml"
    file.write_bytes(TEXT.encode("utf-16"))
    with pytest.raises(MandateError, match="UTF-8"):
        load_mandate(file)


def test_a_mandate_holds_only_in_its_period() -> None:
    mandate = parse_mandate(TEXT.encode())
    mandate.check_time(mandate.not_before_ms)
    mandate.check_time(mandate.not_after_ms - 1)
    with pytest.raises(MandateTimeError, match="later"):
        mandate.check_time(mandate.not_before_ms - 1)
    with pytest.raises(MandateTimeError, match="ended"):
        mandate.check_time(mandate.not_after_ms)
