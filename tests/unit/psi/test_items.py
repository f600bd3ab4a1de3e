from __future__ import annotations

import struct

import numpy as np
import pytest

from psi import Items, ItemsError, native
from tests.unit.psi.chunks import BLIND_KEY, inputs

DST = b"test"


def offsets(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


def hashed(items: Items) -> bytes:
    return native.hash_to_group(items, DST)


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9])
def test_a_sequence_becomes_two_flat_buffers(count: int) -> None:
    parts = inputs(count)
    items = Items.from_sequence(parts)
    assert len(items) == count
    assert items.data == b"".join(parts)
    assert hashed(items) == b"".join(hashed(Items.from_sequence([part])) for part in parts)


@pytest.mark.parametrize(("first", "count"), [(0, 9), (0, 0), (9, 0), (1, 7), (4, 5), (8, 1)])
def test_a_slice_is_a_part_without_a_copy(first: int, count: int) -> None:
    items = Items.from_sequence(inputs(9))
    part = items.slice(first, count)
    assert len(part) == count
    assert part.data is items.data
    assert hashed(part) == hashed(items)[32 * first : 32 * (first + count)]
    assert hashed(part.slice(0, count)) == hashed(part)


@pytest.mark.parametrize(("first", "count"), [(0, 10), (10, 0), (9, 1), (-1, 1), (3, -1)])
def test_a_slice_stays_within(first: int, count: int) -> None:
    with pytest.raises(ItemsError, match="expected a range within 9"):
        Items.from_sequence(inputs(9)).slice(first, count)


def test_offsets_may_start_above_zero_and_end_before_the_data() -> None:
    assert hashed(Items(b"--abc--", offsets(2, 3, 5))) == hashed(Items.from_sequence([b"a", b"bc"]))


@pytest.mark.parametrize("length_bytes", [0, 1, 3, 5, 7])
def test_refuses_offsets_that_are_not_whole(length_bytes: int) -> None:
    with pytest.raises(ItemsError, match=f"got {length_bytes} bytes"):
        Items(b"", bytes(length_bytes))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((0, 2, 1, 3), "item 1 ends before its start"),
        ((4, 3), "item 0 ends before its start"),
        ((0, 4), "expected offsets within 3 bytes of data, got 4"),
        ((2**32 - 1, 2**32 - 1), "got 4294967295"),
        ((0, 1, 2**32 - 1, 3), "item 1 has 4294967294"),
    ],
)
def test_refuses_offsets_outside_the_data(values: tuple[int, ...], message: str) -> None:
    with pytest.raises(ItemsError, match=message) as raised:
        native.blind(Items(b"abc", offsets(*values)), DST, BLIND_KEY, 0)
    assert raised.value.code == "bad-items"


def test_inputs_have_at_most_65535_bytes() -> None:
    longest = Items.from_sequence([b"a", bytes(65_535)])
    assert len(hashed(longest)) == 64
    with pytest.raises(ItemsError, match="item 1 has 65536"):
        hashed(Items.from_sequence([b"a", bytes(65_536)]))


def test_a_sequence_beyond_32_bit_offsets_is_refused() -> None:
    block = bytes(1 << 20)
    with pytest.raises(ItemsError, match="expected less than 2\\^32 bytes in total"):
        Items.from_sequence([block] * 4096)


@pytest.mark.parametrize("view", [bytes, bytearray, memoryview, lambda part: np.frombuffer(part, np.uint8)])
def test_any_contiguous_buffer_will_do(view: type) -> None:
    items = Items.from_sequence(inputs(9))
    assert hashed(Items(view(items.data), view(items.offsets))) == hashed(items)


def test_offsets_may_be_an_array_of_numbers() -> None:
    items = Items.from_sequence(inputs(9))
    numbers = np.frombuffer(items.offsets, "<u4")
    assert len(Items(items.data, numbers)) == 9
    assert hashed(Items(items.data, numbers).slice(3, 5)) == hashed(items.slice(3, 5))


def test_offsets_need_no_alignment() -> None:
    items = Items.from_sequence(inputs(9))
    shifted = memoryview(b"-" + bytes(items.offsets))[1:]
    assert hashed(Items(items.data, shifted)) == hashed(items)


def test_strided_buffers_are_refused() -> None:
    with pytest.raises(BufferError, match="C-contiguous"):
        hashed(Items(memoryview(b"a-b-")[::2], offsets(0, 1, 2)))


def test_prints_no_input() -> None:
    assert "secret" not in repr(Items.from_sequence([b"secret"]))
