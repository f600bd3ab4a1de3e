"""The responder of count."""

from __future__ import annotations

from protocol.aggregate import cells
from protocol.aggregate.responder import AggregateResponder
from protocol.intersect.agreed import check_public_keys
from protocol.messages import Envelope
from protocol.vocabulary import Query, Variant


class CountResponder(AggregateResponder):
    """Learns the requester's sizes and the exact count; tells the count as its terms say."""

    speaks = (Query.COUNT, Variant.FRESH_KEYS)

    def _own_public_keys(self, envelope: Envelope, salt: bytes) -> tuple[bytes, ...]:
        self._prepare(envelope, salt)
        return ()  # the own mask has none: b*G would let the requester test combinations of targets

    def _begin(self, envelope: Envelope, salt: bytes, public_keys: tuple[bytes, ...]) -> None:  # noqa: ARG002
        check_public_keys(public_keys, len(envelope.lists))
        self._begin_with(public_keys, b"")

    def _count(self) -> None:
        self._decide((self._shared,))

    def _seal(self, counts: tuple[int | None, ...]) -> None:
        self._answer(cells.Table(counts), b"")
