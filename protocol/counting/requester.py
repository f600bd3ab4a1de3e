"""The requester of count."""

from __future__ import annotations

from protocol.aggregate.requester import AggregateRequester
from protocol.errors import SizeError
from protocol.vocabulary import Query, Variant


class CountRequester(AggregateRequester):
    """Learns how many identifiers are shared, as the responder's terms tell it, and the responder's sizes."""

    speaks = (Query.COUNT, Variant.FRESH_KEYS)

    def _joint_key(self, public_keys: tuple[bytes, ...]) -> bytes:
        if public_keys:
            raise SizeError(f"expected no public key of the responder, got {len(public_keys)}")
        return b""

    def _check_cells(self, proof: bytes) -> None:
        if proof:
            raise SizeError("expected no proof beside a count, got one")
        self._on_checked()

    def _open(self) -> None:
        self._tell((None,) * self._plan.categories)
