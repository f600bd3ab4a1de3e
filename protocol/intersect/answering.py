"""The answering side of a leg: evaluate and prove what is asked, and have the own tags ready, sorted."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from protocol import jobs
from protocol.chunks import MAX_UNANSWERED, Span, chunks
from protocol.effects import Append, Compute, Job, ReadItems, ReadNotes, Sort
from protocol.errors import WindowError
from protocol.intersect.agreed import Drive, Terms, chunk_statement
from protocol.messages import Packet, PacketType
from protocol.rows import NOTED, Widths, check_rows
from psi import ELEMENT_BYTES, Items, public_key


class Answering:
    """Answers chunk by chunk, in order; own tags go to the spools ("own-tags", list), beside it.

    Args:
        lists: how many lists the session has.
        widths: whether notes go with the tags.
        changed: called whenever `answered` or `tags_ready` may have become true.
        oprf_keys: an epoch's, one per list; else the session has its own. Then nothing is evaluated before `pay`.
    """

    def __init__(
        self,
        drive: Drive,
        terms: Terms,
        lists: int,
        widths: Widths,
        changed: Callable[[], None],
        oprf_keys: Sequence[bytes] | None = None,
    ) -> None:
        self._drive = drive
        self._leg = terms.leg
        self._widths = widths
        self._oprf_keys = terms.keys(lists, "oprf-key") if oprf_keys is None else oprf_keys
        self._paid = oprf_keys is None
        self._proof_keys = terms.keys(lists, "proof")
        self.public_keys = tuple(public_key(key) for key in self._oprf_keys)
        self.tags_ready = False
        self._changed = changed
        self._ctx = b""
        self._asked: Iterator[Span] = iter(())
        self._all_asked = False
        self._pending: deque[tuple[Span, bytes]] = deque()
        self._to_tag: Iterator[Span] = iter(())
        self._unsorted = lists

    @property
    def answered(self) -> bool:
        """Every chunk that the envelope declares has been asked and answered."""
        return self._all_asked and not self._pending

    def begin(self, ctx: bytes, asked_sizes: Sequence[int], own_sizes: Sequence[int]) -> None:
        """Answer what is asked, and meanwhile tag the own lists."""
        self._ctx = ctx
        self._asked, self._to_tag = chunks(asked_sizes), chunks(own_sizes)
        self._expect_next()
        self._tag_next()

    def pay(self) -> None:
        """What is asked is charged: evaluations may leave."""
        self._paid = True
        if self._pending:
            self._evaluate_next()

    # --- evaluations

    def _expect_next(self) -> None:
        chunk = next(self._asked, None)
        if chunk is None:
            self._all_asked = True
        else:
            self._drive.expect(PacketType.BLINDED, partial(self._on_blinded, chunk))

    def _on_blinded(self, chunk: Span, packet: Packet) -> None:
        check_rows(packet.payload, ELEMENT_BYTES, chunk.count)
        if len(self._pending) == MAX_UNANSWERED:
            raise WindowError(f"expected at most {MAX_UNANSWERED} unanswered chunks, got one more")
        self._pending.append((chunk, packet.payload))
        if len(self._pending) == 1 and self._paid:
            self._evaluate_next()
        self._expect_next()

    def _evaluate_next(self) -> None:
        """One chunk at a time, in order: an evaluation already uses all cores."""
        chunk, blinded = self._pending[0]
        job = jobs.Evaluate(
            self._oprf_keys[chunk.list_number],
            self._proof_keys[chunk.list_number],
            chunk_statement(self._ctx, self._leg, chunk, self.public_keys),
            blinded,
        )
        self._drive.do(partial(Compute, job=job), self._on_evaluation)

    def _on_evaluation(self, result: tuple[bytes, bytes]) -> None:
        evaluated, proof = result
        chunk, _ = self._pending.popleft()
        self._drive.send_rows(PacketType.EVALUATED, evaluated)
        self._drive.send_rows(PacketType.PROOF, proof)
        self._drive.advance(chunk.count)
        if self._pending:
            self._evaluate_next()
        self._changed()

    # --- own tags

    def _tag_next(self) -> None:
        """One chunk at a time beside the evaluations, then sorted list by list."""
        chunk = next(self._to_tag, None)
        if chunk is not None:
            self._drive.do(
                partial(ReadItems, list_number=chunk.list_number, first=chunk.first, count=chunk.count),
                lambda items: self._tag(chunk, items),
            )
            return
        for number in range(self._unsorted):
            sort = partial(Sort, spool=("own-tags", number), row_bytes=self._widths.tag)
            self._drive.do(sort, self._on_sorted)

    def _tag(self, chunk: Span, items: Items) -> None:
        if self._widths == NOTED:
            read = partial(ReadNotes, list_number=chunk.list_number, first=chunk.first, count=chunk.count)
            self._drive.do(read, lambda notes: self._seal(chunk, items, notes))
        else:
            self._compute_tags(chunk, jobs.Tags(items, self._oprf_keys[chunk.list_number]))

    def _seal(self, chunk: Span, items: Items, notes: bytes) -> None:
        self._compute_tags(chunk, jobs.SealNotes(items, self._oprf_keys[chunk.list_number], self._ctx, notes))

    def _compute_tags(self, chunk: Span, job: Job) -> None:
        self._drive.do(partial(Compute, job=job), lambda rows: self._on_tags(chunk, rows))

    def _on_tags(self, chunk: Span, rows: bytes) -> None:
        self._drive.emit(Append(("own-tags", chunk.list_number), self._widths.tag, rows))
        self._tag_next()

    def _on_sorted(self, _: None) -> None:
        self._unsorted -= 1
        self.tags_ready = self._unsorted == 0
        self._changed()
