"""Whoever waits for a question does not know which: the envelope decides what answers it."""

from __future__ import annotations

from typing import Final

from protocol import codec
from protocol.counting import CountResponder
from protocol.effects import Effect
from protocol.epoch import EpochResponder, SyncResponder
from protocol.errors import ProtocolError
from protocol.events import Event, Received
from protocol.intersect import IntersectResponder
from protocol.messages import Envelope, PacketType
from protocol.roles import Responder
from protocol.summing import SumResponder
from protocol.totals import PaillierContributor, TotalsContributor

_KINDS: Final = (
    IntersectResponder, EpochResponder, SyncResponder, CountResponder, SumResponder, TotalsContributor,
    PaillierContributor,
)  # fmt: skip
RESPONDERS: Final[dict[tuple[str, str], type[Responder]]] = {
    (kind.speaks[0].value, kind.speaks[1].value): kind for kind in _KINDS
}


class AnyResponder(Responder):
    """Becomes, with the first packet, the responder that its envelope calls for.

    All responders are made alike and have the same state until their envelope is there, so that changing the class is
    all there is to it. What is no envelope, or calls for what nobody speaks, is for `IntersectResponder` to refuse.
    """

    speaks = IntersectResponder.speaks

    def step(self, event: Event) -> list[Effect]:
        """See `Session.step`."""
        if not isinstance(event, Received):
            return super().step(event)
        self.__class__ = _called_for(event.packet)  # type: ignore[assignment]
        return self.step(event)


def _called_for(raw: bytes) -> type[Responder]:
    try:
        packet = codec.decode_packet(raw)
        envelope = codec.decode_message(packet, Envelope) if packet.type is PacketType.ENVELOPE else None
    except ProtocolError:
        envelope = None
    if envelope is None:
        return IntersectResponder
    return RESPONDERS.get((envelope.query, envelope.variant), IntersectResponder)
