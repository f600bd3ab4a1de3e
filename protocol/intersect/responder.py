"""The responder of intersect: answers, and where the answer goes to both, asks too."""

from __future__ import annotations

from functools import partial

from protocol.effects import Charge
from protocol.errors import (
    AbortedError,
    ConnectionLostError,
    ProtocolError,
    ResumeError,
    SizeError,
    UnexpectedPacketError,
)
from protocol.handshake import revealed
from protocol.intersect.agreed import REQUESTER_ASKS, RESPONDER_ASKS, Terms
from protocol.intersect.answering import Answering
from protocol.intersect.asking import Asking
from protocol.intersect.tags import Tags, commit_own_tags, compare, send_tags
from protocol.messages import Envelope, Packet, PacketType
from protocol.results import Answer, Disclosed
from protocol.roles import Responder
from protocol.rows import NOTED, PLAIN
from protocol.vocabulary import Query, Variant
from psi import PsiError


class IntersectResponder(Responder):
    """Learns the requester's sizes and that it asked and, where the answer goes to both, its own shared rows."""

    speaks = (Query.INTERSECT, Variant.FRESH_KEYS)
    _asking: Asking | None = None
    _exchanged = False  # to both: all tags and the own receipt are on their way

    def _own_public_keys(self, envelope: Envelope, salt: bytes) -> tuple[bytes, ...]:
        self._widths = NOTED if revealed(envelope).with_notes else PLAIN
        terms = Terms(self.secrets.seed, salt, self.role, REQUESTER_ASKS)
        self._answering = Answering(self, terms, len(self._own_sizes), self._widths, self._proceed)
        return self._answering.public_keys

    def _begin(self, envelope: Envelope, salt: bytes, public_keys: tuple[bytes, ...]) -> None:
        self._asked_sizes = tuple(entry.size for entry in envelope.lists)
        self._checkpointed = False
        self._proceeded = False
        self._partner_done = False
        self._found: tuple[tuple[bytes, ...], ...] | None = None
        self._partner_commitment = b""
        self._tags_salt = Terms(self.secrets.seed, salt, self.role, REQUESTER_ASKS).key(0, "tags-salt")
        ctx = self._agreed().ctx
        self._tags = Tags(self, self._asked_sizes, self._widths, self._on_all_tags)
        self._enter("evaluating", sum(self._asked_sizes) + (sum(self._own_sizes) if revealed(envelope).to_both else 0))
        if revealed(envelope).to_both:
            terms = Terms(self.secrets.seed, salt, self.role, RESPONDER_ASKS)
            self._asking = Asking(
                self, terms, ctx, self._own_sizes, public_keys, self._widths, self._proceed, self._compare
            )
        elif public_keys:
            raise SizeError(f"expected no public key of the requester, got {len(public_keys)}")
        self.expect(PacketType.CHECKPOINT, self._on_checkpoint)
        self._answering.begin(ctx, self._asked_sizes, self._own_sizes)
        if self._asking is not None:
            self._asking.begin()

    def _on_checkpoint(self, packet: Packet) -> None:
        if not self._answering.answered:
            raise UnexpectedPacketError("expected a checkpoint after the last evaluation, got it before")
        self._partner_commitment = self._check_statement(packet, committing=self._asking is not None)
        self._checkpointed = True
        self._proceed()

    def _proceed(self) -> None:
        """All is proved, all own tags are sorted: charge, durably, and only then disclose."""
        ready = self._checkpointed and self._answering.tags_ready
        if self._proceeded or not ready or (self._asking is not None and not self._asking.verified):
            return
        self._proceeded = True
        if self._asking is None:
            self._charge()
        else:
            commit_own_tags(
                self, self._own_sizes, self._widths, REQUESTER_ASKS, self._tags_salt, self._checkpoint_committed
            )

    def _charge(self) -> None:
        self.do(partial(Charge, elements=sum(self._asked_sizes), ctx=self._agreed().ctx), self._disclose)

    # --- where the answer goes to both: the requester's tags first

    def _checkpoint_committed(self, commitment: bytes) -> None:
        self._send_statement(PacketType.CHECKPOINT, commitment)
        self._tags.begin_committed()

    def _on_all_tags(self) -> None:
        self._tags.check_commitment(RESPONDER_ASKS, self._partner_commitment)
        self._charge()

    # --- disclosure

    def _disclose(self, _: None) -> None:
        self._enter("sending tags", sum(self._own_sizes))
        if self._asking is not None:
            self.send_rows(PacketType.TAGS_SALT, self._tags_salt)
        send_tags(self, self._own_sizes, self._widths, self._send_receipt)

    def _send_receipt(self) -> None:
        self._send_statement(PacketType.RECEIPT)
        self.expect(PacketType.RECEIPT, self._on_receipt)
        self._exchanged = self._asking is not None
        self._compare()

    def _on_receipt(self, packet: Packet) -> None:
        self._check_statement(packet)
        self._close_up()

    def _fail(self, error: ProtocolError | PsiError, *, tell_partner: bool) -> None:
        """To both: once all tags are exchanged, a partner that goes without its receipt takes nobody's answer away."""
        if self._exchanged and isinstance(error, AbortedError | ConnectionLostError | ResumeError):
            self._close_up()
        else:
            super()._fail(error, tell_partner=tell_partner)

    def _close_up(self) -> None:
        """The partner's part is over, with its receipt or without."""
        self.partner_needed = False
        self._partner_done = True
        if self._asking is None:
            self._finish(Disclosed())
        else:
            self._tell()

    # --- to both: the own answer

    def _compare(self) -> None:
        if self._asking is not None and self._asking.sorted and self._exchanged:
            self._enter("comparing", len(self._own_sizes))
            compare(self, len(self._own_sizes), self._widths, self._agreed().ctx, self._compared)

    def _compared(self, rows: tuple[bytes, ...], notes: tuple[bytes, ...], authentic: tuple[bytes, ...]) -> None:
        self._found = (rows, notes, authentic)
        self._tell()

    def _tell(self) -> None:
        if self._found is not None and self._partner_done:
            rows, notes, authentic = self._found
            self._finish(Answer(rows, self._asked_sizes, notes, authentic))
