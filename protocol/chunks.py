"""How lists are cut for the wire: chunks of elements, frames of tags (docs/protocol.md, "Chunks")."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from protocol.codec import FRAME_PAYLOAD_BYTES
from psi import CHUNK_ELEMENTS

MAX_UNANSWERED: Final = 4


@dataclass(frozen=True, slots=True)
class Span:
    """Consecutive rows of one list: a chunk or a frame. `number` counts within the list."""

    list_number: int
    number: int
    first: int
    count: int


def chunks(sizes: Sequence[int]) -> Iterator[Span]:
    """Full chunks of 32,768 elements, list by list, except each list's last. Nothing spans two lists."""
    return _spans(sizes, CHUNK_ELEMENTS)


def frames(sizes: Sequence[int], row_bytes: int) -> Iterator[Span]:
    """Full frames of 1 MiB of rows, list by list, except each list's last."""
    return _spans(sizes, FRAME_PAYLOAD_BYTES // row_bytes)


def _spans(sizes: Sequence[int], most: int) -> Iterator[Span]:
    for list_number, size in enumerate(sizes):
        for number, first in enumerate(range(0, size, most)):
            yield Span(list_number, number, first, min(most, size - first))


def in_turn(spans: Iterator[Span], each: Callable[[Span, Callable[[], None]], None], then: Callable[[], None]) -> None:
    """Take up each span when the one before it is done, and `then` go on.

    Args:
        each: gets a span, and what to call when it is done with it.
    """

    def take_up_next() -> None:
        span = next(spans, None)
        if span is None:
            then()
        else:
            each(span, take_up_next)

    take_up_next()
