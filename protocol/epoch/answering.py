"""The responder of a question within an epoch: evaluations alone, charged before the first one leaves."""

from __future__ import annotations

from functools import partial

from protocol.effects import Charge
from protocol.epoch.statements import granted, list_numbers, own_keys
from protocol.errors import SizeError, UnexpectedPacketError
from protocol.intersect.agreed import REQUESTER_ASKS, Terms
from protocol.intersect.answering import Answering
from protocol.messages import Envelope, Packet, PacketType
from protocol.results import Disclosed
from protocol.roles import Responder
from protocol.rows import PLAIN
from protocol.vocabulary import Query, Variant


class EpochResponder(Responder):
    """Learns the requester's sizes and that it asked. With the index out of its hands, an evaluation is the answer."""

    speaks = (Query.INTERSECT, Variant.EPOCH_KEY)

    def _own_public_keys(self, envelope: Envelope, salt: bytes) -> tuple[bytes, ...]:
        grant, epoch = granted(self._grant, envelope, self.local, self.peer)
        keys = own_keys(grant.seed, epoch)
        asked = [keys[number] for number in list_numbers(epoch, envelope)]
        terms = Terms(self.secrets.seed, salt, self.role, REQUESTER_ASKS)
        self._answering = Answering(self, terms, len(asked), PLAIN, self._proceed, asked)
        return self._answering.public_keys

    def _begin(self, envelope: Envelope, salt: bytes, public_keys: tuple[bytes, ...]) -> None:  # noqa: ARG002
        if public_keys:
            raise SizeError(f"expected no public key of the requester, got {len(public_keys)}")
        self._charged = self._checkpointed = self._proceeded = False
        sizes = [entry.size for entry in envelope.lists]
        self._enter("evaluating", sum(sizes))
        self.expect(PacketType.CHECKPOINT, self._on_checkpoint)
        self._answering.begin(self._agreed().ctx, sizes, ())
        self.do(partial(Charge, elements=sum(sizes), ctx=self._agreed().ctx), self._on_charged)

    def _on_charged(self, _: None) -> None:
        self._charged = True
        self._answering.pay()
        self._proceed()

    def _on_checkpoint(self, packet: Packet) -> None:
        if not self._answering.answered:
            raise UnexpectedPacketError("expected a checkpoint after the last evaluation, got it before")
        self._check_statement(packet)
        self._checkpointed = True
        self._proceed()

    def _proceed(self) -> None:
        if self._charged and self._checkpointed and not self._proceeded:
            self._proceeded = True
            self._send_statement(PacketType.RECEIPT)
            self.expect(PacketType.RECEIPT, self._on_receipt)

    def _on_receipt(self, packet: Packet) -> None:
        self._check_statement(packet)
        self.partner_needed = False
        self._finish(Disclosed())
