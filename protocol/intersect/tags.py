"""The last act of a leg: tags travel, sorted, and are compared."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import partial

from protocol import jobs
from protocol.chunks import Span, frames
from protocol.effects import Append, Compute, Join, ReadRows
from protocol.errors import CommitmentError
from protocol.intersect.agreed import TAGS_SALT_BYTES, Drive, commit_tags
from protocol.messages import Packet, PacketType
from protocol.rows import Widths, check_ascending, check_rows
from psi import TAG_BYTES


def read_own_tags(
    drive: Drive, sizes: Sequence[int], widths: Widths, each: Callable[[bytes], None], then: Callable[[], None]
) -> None:
    """Read the own tags frame by frame, list by list: `each` frame, and `then` once."""
    to_read = frames(sizes, widths.tag)

    def read_next() -> None:
        frame = next(to_read, None)
        if frame is None:
            then()
            return
        read = partial(
            ReadRows,
            spool=("own-tags", frame.list_number),
            row_bytes=widths.tag,
            first=frame.first,
            count=frame.count,
        )
        drive.do(read, on_rows)

    def on_rows(rows: bytes) -> None:
        each(rows)
        read_next()

    read_next()


def send_tags(drive: Drive, sizes: Sequence[int], widths: Widths, then: Callable[[], None]) -> None:
    """Disclose the own tags."""

    def send(rows: bytes) -> None:
        drive.send_rows(PacketType.TAGS, rows)
        drive.advance(len(rows) // widths.tag)

    read_own_tags(drive, sizes, widths, send, then)


def commit_own_tags(
    drive: Drive, sizes: Sequence[int], widths: Widths, leg: int, salt: bytes, then: Callable[[bytes], None]
) -> None:
    """Fix the own tags before the partner's are seen; `then` gets the commitment."""
    rows_digest = hashlib.sha512()
    read_own_tags(drive, sizes, widths, rows_digest.update, lambda: then(commit_tags(leg, salt, rows_digest.digest())))


class Tags:
    """Receives the partner's tags into the spools ("partner-tags", list), checked for number and order.

    Args:
        then: called when the last frame has arrived.
    """

    def __init__(self, drive: Drive, sizes: Sequence[int], widths: Widths, then: Callable[[], None]) -> None:
        self._drive = drive
        self._row_bytes = widths.tag
        self._to_come = frames(sizes, widths.tag)
        self._then = then
        self._last = b""
        self._salt = b""
        self._digest = hashlib.sha512()  # of rows that are committed to

    def begin(self) -> None:
        """Expect the tags alone."""
        self._expect_next()

    def begin_committed(self) -> None:
        """Expect the salt of a commitment, then the tags that it hides; `check_commitment` when they are there."""
        self._drive.expect(PacketType.TAGS_SALT, self._on_salt)

    def check_commitment(self, leg: int, commitment: bytes) -> None:
        """Raises CommitmentError where the tags are not those that the partner fixed before it saw ours."""
        if commit_tags(leg, self._salt, self._digest.digest()) != commitment:
            raise CommitmentError("expected the tags that the partner committed to")

    def _on_salt(self, packet: Packet) -> None:
        check_rows(packet.payload, TAGS_SALT_BYTES, 1)
        self._salt = packet.payload
        self._expect_next()

    def _expect_next(self) -> None:
        frame = next(self._to_come, None)
        if frame is None:
            self._then()
        else:
            self._drive.expect(PacketType.TAGS, partial(self._on_tags, frame))

    def _on_tags(self, frame: Span, packet: Packet) -> None:
        check_rows(packet.payload, self._row_bytes, frame.count)
        check_ascending(packet.payload, self._row_bytes, self._last if frame.number else b"")
        self._last = packet.payload[-self._row_bytes :][:TAG_BYTES]
        if self._salt:
            self._digest.update(packet.payload)
        self._drive.emit(Append(("partner-tags", frame.list_number), self._row_bytes, packet.payload))
        self._drive.advance(frame.count)
        self._expect_next()


def compare(
    drive: Drive,
    lists: int,
    widths: Widths,
    ctx: bytes,
    then: Callable[[tuple[bytes, ...], tuple[bytes, ...], tuple[bytes, ...]], None],
) -> None:
    """Join the own outputs with the partner's tags; `then` gets the parts of `jobs.Shared`, each list by list."""
    found: dict[int, tuple[bytes, bytes, bytes]] = {}

    def on_joined(number: int, pairs: bytes) -> None:
        drive.do(partial(Compute, job=jobs.Shared(pairs, widths, ctx)), partial(on_shared, number))

    def on_shared(number: int, shared: tuple[bytes, bytes, bytes]) -> None:
        found[number] = shared
        drive.advance(1)
        if len(found) == lists:
            then(*zip(*(found[i] for i in range(lists)), strict=True))

    for number in range(lists):
        join = partial(
            Join,
            outputs=("outputs", number),
            output_row_bytes=widths.output,
            tags=("partner-tags", number),
            tag_row_bytes=widths.tag,
        )
        drive.do(join, partial(on_joined, number))
