"""The responder's side of a count or a sum, over all lists: send the targets, once paid; take in, verify, compare."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import partial

from protocol.aggregate import jobs
from protocol.aggregate.agreed import Keys, Plan, ShuffledList
from protocol.aggregate.matching import Matching
from protocol.chunks import Span, frames, in_turn
from protocol.effects import Append, Compute, Job, ReadItems, ReadRows, ReadValues, Sort
from protocol.host_answers import Values
from protocol.intersect.agreed import Drive
from protocol.messages import PacketType
from protocol.vocabulary import Query
from psi import Items


class Answering:
    """Sends its targets, sorted, list by list; then finds which of them were asked.

    Args:
        arrived: called once, when all that the requester sends is here.
        matched: called once, when all lists are proved and compared: for each, the numbers of the shuffled rows that
            were asked (little-endian uint32, ascending).
    """

    def __init__(
        self,
        drive: Drive,
        plan: Plan,
        keys: Keys,
        arrived: Callable[[], None],
        matched: Callable[[tuple[bytes, ...]], None],
    ) -> None:
        self._drive = drive
        self._plan = plan
        self._keys = keys
        self._arrived = arrived
        self._when_matched = matched
        self._hashes = [hashlib.sha512() for _ in plan.asked_sizes]
        self._found: dict[int, bytes] = {}
        self._parts_to_come = 2

    def begin(self, ctx: bytes, own_sizes: Sequence[int], public_keys: Sequence[bytes], joint_key: bytes) -> None:
        """Start.

        Args:
            public_keys: of the requester's masks, one per list, checked.
            joint_key: for a sum, under which values are encrypted; else empty.
        """
        self._ctx = ctx
        self._sizes = own_sizes
        self._public_keys = public_keys
        self._joint_key = joint_key
        if any(own_sizes):
            in_turn(frames(own_sizes, self._plan.row_bytes), self._make, partial(self._sort, 0))
        else:  # nothing to wait for: the requester may begin
            self._match(0)

    # --- targets

    def _make(self, span: Span, done: Callable[[], None]) -> None:
        place = {"list_number": span.list_number, "first": span.first, "count": span.count}

        def with_items(items: Items) -> None:
            self._drive.do(partial(ReadValues, **place), lambda values: compute(items, values))

        def compute(items: Items, values: Values) -> None:
            self._drive.do(partial(Compute, job=self._targets(span, items, values)), keep)

        def keep(rows: bytes) -> None:
            self._drive.emit(Append(("targets", span.list_number), self._plan.kept_row_bytes, rows))
            self._drive.advance(span.count)
            done()

        self._drive.do(partial(ReadItems, **place), with_items)

    def _targets(self, span: Span, items: Items, values: Values) -> Job:
        number, plan = span.list_number, self._plan
        mask_key = self._keys.key("mask", number)
        if plan.query is Query.COUNT:
            decoy_key = self._keys.key("decoy", number)
            return jobs.CountTargets(items, plan.dst, mask_key, decoy_key, span.first, values)
        encryption_key = self._keys.key("encrypt", number)
        return jobs.SumTargets(items, plan, mask_key, self._joint_key, encryption_key, span.first, values)

    def _sort(self, number: int) -> None:
        """Sorted, so that the order tells nothing of the own snapshot's."""
        if number == len(self._sizes):
            self._part_is_done()
            return
        sort = partial(Sort, spool=("targets", number), row_bytes=self._plan.kept_row_bytes)
        self._drive.do(sort, lambda _: self._sort(number + 1))

    def charged(self) -> None:
        """What is asked is charged: targets, which depend on own records, may leave."""
        self._part_is_done()

    def _part_is_done(self) -> None:
        """Sorted, and charged: send, and not before."""
        self._parts_to_come -= 1
        if not self._parts_to_come:
            in_turn(frames(self._sizes, self._plan.row_bytes), self._send, partial(self._match, 0))

    def _send(self, span: Span, done: Callable[[], None]) -> None:
        def send(kept: bytes) -> None:
            rows = jobs.sent(kept, self._plan)
            self._hashes[span.list_number].update(rows)
            self._drive.send_rows(PacketType.TARGETS, rows)
            done()

        spool, row_bytes = ("targets", span.list_number), self._plan.kept_row_bytes
        read = partial(ReadRows, spool=spool, row_bytes=row_bytes, first=span.first, count=span.count)
        self._drive.do(read, send)

    # --- what comes back

    def _match(self, number: int) -> None:
        if number == len(self._sizes):
            self._arrived()
            return
        shuffled = ShuffledList(
            plan=self._plan,
            keys=self._keys,
            ctx=self._ctx,
            number=number,
            asked=self._plan.asked_sizes[number],
            targets=self._sizes[number],
            before=self._hashes[number].digest(),
            public_key=self._public_keys[number],
            joint_key=self._joint_key,
        )
        Matching(self._drive, shuffled, partial(self._match, number + 1), partial(self._on_matched, number)).begin()

    def _on_matched(self, number: int, rows: bytes) -> None:
        self._found[number] = rows
        if len(self._found) == len(self._sizes):
            self._when_matched(tuple(self._found[number] for number in range(len(self._sizes))))
