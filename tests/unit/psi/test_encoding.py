from __future__ import annotations

import pytest

from psi import LengthError, lp


def test_each_part_carries_its_length() -> None:
    assert lp(b"ab", "é", 258) == (
        b"\0\0\0\0\0\0\0\2ab" + b"\0\0\0\0\0\0\0\2\xc3\xa9" + b"\0\0\0\0\0\0\0\x08" + b"\0\0\0\0\0\0\1\2"
    )
    assert lp() == b""
    assert lp(b"") == bytes(8)


def test_parts_do_not_run_into_each_other() -> None:
    assert lp(b"a", b"bc") != lp(b"ab", b"c")
    assert lp(b"", b"a") != lp(b"a", b"")


def test_any_buffer_counts_by_its_bytes() -> None:
    assert lp(bytearray(b"ab"), memoryview(b"cd")) == lp(b"ab", b"cd")


@pytest.mark.parametrize("number", [-1, 2**64])
def test_refuses_numbers_without_eight_bytes(number: int) -> None:
    with pytest.raises(LengthError, match="expected 0 to 2\\^64 - 1"):
        lp(number)
