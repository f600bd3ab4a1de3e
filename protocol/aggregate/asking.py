"""The requester's side of a count or a sum, over all lists: take in the targets, ask, shuffle, prove."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from protocol.aggregate import jobs
from protocol.aggregate.agreed import Keys, Plan, ShuffledList
from protocol.aggregate.intake import Intake
from protocol.aggregate.shuffling import Shuffle
from protocol.chunks import Span, chunks, in_turn
from protocol.effects import Append, Compute, ReadItems, Sort
from protocol.intersect.agreed import Drive
from protocol.messages import PacketType
from psi import ELEMENT_BYTES, Items, public_key


class Asking:
    """Masks the own identifiers while the targets arrive; then, list by list, sends them and the shuffled targets.

    Args:
        then: called once, when all is sent.
    """

    def __init__(self, drive: Drive, plan: Plan, keys: Keys, then: Callable[[], None]) -> None:
        self._drive = drive
        self._plan = plan
        self._keys = keys
        self._then = then
        self._mask_keys = [keys.key("mask", number) for number in range(len(plan.asked_sizes))]
        self.public_keys = tuple(public_key(key) for key in self._mask_keys)
        self._taken_in: list[Intake] = []
        self._parts_to_come = 2

    def begin(self, ctx: bytes, target_sizes: Sequence[int], joint_key: bytes) -> None:
        """Start.

        Args:
            target_sizes: the responder's elements, list by list.
            joint_key: for a sum, under which its ciphertexts are; else empty.
        """
        self._ctx = ctx
        self._target_sizes = target_sizes
        self._joint_key = joint_key
        in_turn(chunks(self._plan.asked_sizes), self._mask, partial(self._sort, 0))
        self._take_in_next()

    # --- own identifiers

    def _mask(self, span: Span, done: Callable[[], None]) -> None:
        def compute(items: Items) -> None:
            job = jobs.Ask(items, self._plan.dst, self._mask_keys[span.list_number])
            self._drive.do(partial(Compute, job=job), keep)

        def keep(rows: bytes) -> None:
            self._drive.emit(Append(("asked", span.list_number), ELEMENT_BYTES, rows))
            done()

        read = partial(ReadItems, list_number=span.list_number, first=span.first, count=span.count)
        self._drive.do(read, compute)

    def _sort(self, number: int) -> None:
        """Sorted, so that the order tells nothing of the own snapshot's."""
        if number == len(self._plan.asked_sizes):
            self._part_is_done()
            return
        sort = partial(Sort, spool=("asked", number), row_bytes=ELEMENT_BYTES)
        self._drive.do(sort, lambda _: self._sort(number + 1))

    # --- targets

    def _take_in_next(self) -> None:
        number = len(self._taken_in)
        if number == len(self._target_sizes):
            self._part_is_done()
            return
        intake = Intake(
            self._drive,
            PacketType.TARGETS,
            ("targets", number),
            self._plan.row_bytes,
            self._target_sizes[number],
            self._take_in_next,
        )
        self._taken_in.append(intake)
        intake.begin()

    def _part_is_done(self) -> None:
        self._parts_to_come -= 1
        if not self._parts_to_come:
            self._shuffle(0)

    def _shuffle(self, number: int) -> None:
        if number == len(self._plan.asked_sizes):
            self._then()
            return
        shuffled = ShuffledList(
            plan=self._plan,
            keys=self._keys,
            ctx=self._ctx,
            number=number,
            asked=self._plan.asked_sizes[number],
            targets=self._target_sizes[number],
            before=self._taken_in[number].digest,
            public_key=self.public_keys[number],
            joint_key=self._joint_key,
        )
        Shuffle(self._drive, shuffled, partial(self._shuffle, number + 1)).begin()
