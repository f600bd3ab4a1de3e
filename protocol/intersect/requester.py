"""The requester of intersect: asks, and where the answer goes to both, answers too."""

from __future__ import annotations

from functools import partial

from protocol.effects import Charge
from protocol.handshake import revealed
from protocol.intersect.agreed import REQUESTER_ASKS, RESPONDER_ASKS, Terms
from protocol.intersect.answering import Answering
from protocol.intersect.asking import Asking
from protocol.intersect.comparing import ComparingRequester
from protocol.intersect.tags import Tags, commit_own_tags, send_tags
from protocol.messages import Packet, PacketType
from protocol.rows import NOTED, PLAIN
from protocol.vocabulary import Query, Variant


class IntersectRequester(ComparingRequester):
    """Learns the shared rows and the responder's sizes. Tells its own sizes and, to both, its shared rows."""

    speaks = (Query.INTERSECT, Variant.FRESH_KEYS)
    _answering: Answering | None = None

    def _own_public_keys(self, salt: bytes) -> tuple[bytes, ...]:
        self._widths = NOTED if revealed(self.envelope).with_notes else PLAIN
        if not revealed(self.envelope).to_both:
            return ()
        terms = Terms(self.secrets.seed, salt, self.role, RESPONDER_ASKS)
        self._answering = Answering(self, terms, len(self._own_sizes), self._widths, self._checkpoint)
        return self._answering.public_keys

    def _begin(self, salt: bytes, partner_sizes: tuple[int, ...], public_keys: tuple[bytes, ...]) -> None:
        self._partner_sizes = partner_sizes
        self._checkpointed = False
        self._tags_salt = Terms(self.secrets.seed, salt, self.role, RESPONDER_ASKS).key(0, "tags-salt")
        ctx = self._agreed().ctx
        terms = Terms(self.secrets.seed, salt, self.role, REQUESTER_ASKS)
        self._asking = Asking(
            self, terms, ctx, self._own_sizes, public_keys, self._widths, self._checkpoint, self._compare
        )
        self._tags = Tags(self, partner_sizes, self._widths, self._on_all_tags)
        self._enter("evaluating", sum(self._own_sizes) + (sum(partner_sizes) if self._answering else 0))
        if self._answering is not None:
            self._answering.begin(ctx, partner_sizes, self._own_sizes)
        self._asking.begin()

    def _checkpoint(self) -> None:
        """Sign what was seen, once every proof has verified and, to both, every own answer is given."""
        answering = self._answering
        if self._checkpointed or not self._asking.verified:
            return
        if answering is None:
            self._checkpointed = True
            self._send_statement(PacketType.CHECKPOINT)
            self._enter("receiving tags", sum(self._partner_sizes))
            self._tags.begin()
        elif answering.answered and answering.tags_ready:
            self._checkpointed = True
            commit_own_tags(
                self, self._own_sizes, self._widths, RESPONDER_ASKS, self._tags_salt, self._checkpoint_committed
            )

    # --- where the answer goes to both: own tags first

    def _checkpoint_committed(self, commitment: bytes) -> None:
        self._send_statement(PacketType.CHECKPOINT, commitment)
        self.expect(PacketType.CHECKPOINT, self._on_checkpoint)

    def _on_checkpoint(self, packet: Packet) -> None:
        self._partner_commitment = self._check_statement(packet, committing=True)
        charge = partial(Charge, elements=sum(self._partner_sizes), ctx=self._agreed().ctx)
        self.do(charge, self._disclose)

    def _disclose(self, _: None) -> None:
        self._enter("exchanging tags", sum(self._own_sizes) + sum(self._partner_sizes))
        self.send_rows(PacketType.TAGS_SALT, self._tags_salt)
        send_tags(self, self._own_sizes, self._widths, self._tags.begin_committed)

    # --- the partner's tags

    def _on_all_tags(self) -> None:
        if self._answering is not None:
            self._tags.check_commitment(REQUESTER_ASKS, self._partner_commitment)
        self.expect(PacketType.RECEIPT, self._on_receipt)
