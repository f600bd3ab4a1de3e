"""How a requester ends that compares what it asked with tags: after both receipts."""

from __future__ import annotations

from protocol.intersect.asking import Asking
from protocol.intersect.tags import compare
from protocol.messages import Packet, PacketType
from protocol.results import Answer
from protocol.roles import Requester
from protocol.rows import PLAIN, Widths


class ComparingRequester(Requester):
    """Learns the shared rows once its outputs are sorted and it has sent its receipt, in either order."""

    _asking: Asking
    _partner_sizes: tuple[int, ...]
    _widths: Widths = PLAIN
    _receipt_sent = False

    def _on_receipt(self, packet: Packet) -> None:
        self._check_statement(packet)
        self._send_statement(PacketType.RECEIPT)  # covers theirs, and does not depend on the result
        self.partner_needed = False
        self._receipt_sent = True
        self._compare()

    def _compare(self) -> None:
        if self._asking.sorted and self._receipt_sent:
            self._enter("comparing", len(self._own_sizes))
            compare(self, len(self._own_sizes), self._widths, self._agreed().ctx, self._answer)

    def _answer(self, rows: tuple[bytes, ...], notes: tuple[bytes, ...], authentic: tuple[bytes, ...]) -> None:
        self._finish(Answer(rows, self._partner_sizes, notes, authentic))
