"""What the requesters of a count and of a sum have in common: all but what is encrypted."""

from __future__ import annotations

from protocol.aggregate import cells
from protocol.aggregate.agreed import Keys, Plan
from protocol.aggregate.asking import Asking
from protocol.codec import decode_message
from protocol.errors import ProtocolError, TermsError, WrongReferenceError
from protocol.messages import Cells, Packet, PacketType, Terms
from protocol.results import Figure, Figures
from protocol.roles import Requester
from psi import PsiError


class AggregateRequester(Requester):
    """Base of both. What it learns does not leave: once its receipt is signed, no failure is told to the partner."""

    _cells_checked = False
    _receipt_came = False
    _receipt_sent = False

    def _prepare(self, salt: bytes) -> None:
        """Derive what the keys in Open need."""
        self._plan = Plan.of(self.envelope)
        self._keys = Keys(self.secrets.seed, salt, self._plan.query, self.role)
        self._asking = Asking(self, self._plan, self._keys, self._checkpoint)

    def _own_public_keys(self, salt: bytes) -> tuple[bytes, ...]:
        self._prepare(salt)
        return self._asking.public_keys

    def _begin(self, salt: bytes, partner_sizes: tuple[int, ...], public_keys: tuple[bytes, ...]) -> None:  # noqa: ARG002
        self._partner_sizes = partner_sizes
        joint_key = self._joint_key(public_keys)
        self._plan.check_sizes(partner_sizes)
        ctx = self._agreed().ctx
        self._enter("shuffling", 3 * sum(partner_sizes))  # they arrive, are masked, and are proved
        self._asking.begin(ctx, partner_sizes, joint_key)

    def _joint_key(self, public_keys: tuple[bytes, ...]) -> bytes:
        """Check the responder's keys. Returns the joint key, or nothing where nothing is encrypted."""
        raise NotImplementedError

    @property
    def terms(self) -> Terms:
        """The responder's, on which it answers."""
        if self._terms is None:
            raise TermsError("expected the terms of the answer, got none")
        return self._terms

    # --- the answer

    def _checkpoint(self) -> None:
        """All is sent: sign it."""
        self._send_statement(PacketType.CHECKPOINT)
        self._enter("waiting for the answer", 0)
        self._await_answer()

    def _await_answer(self) -> None:
        self.expect(PacketType.CELLS, self._on_cells)

    def _on_cells(self, packet: Packet) -> None:
        told = decode_message(packet, Cells)
        if told.ctx != self._agreed().ctx:
            raise WrongReferenceError("expected the answer of this session")
        self._table = cells.decode(told.rows, self._plan, self.terms)
        self.expect(PacketType.RECEIPT, self._on_receipt)  # which may come while the proof is checked
        self._check_cells(told.proof)

    def _check_cells(self, proof: bytes) -> None:
        """See that what is told is proved, then `_on_checked`."""
        raise NotImplementedError

    def _on_checked(self) -> None:
        self._cells_checked = True
        self._conclude()

    def _on_receipt(self, packet: Packet) -> None:
        self._check_statement(packet)
        self._receipt_came = True
        self._conclude()

    def _conclude(self) -> None:
        if not (self._cells_checked and self._receipt_came):
            return
        self._send_statement(PacketType.RECEIPT)  # covers theirs, and does not depend on the result
        self.partner_needed = False
        self._receipt_sent = True
        self._open()

    def _open(self) -> None:
        """Find the totals, where there are any, and `_tell`."""
        raise NotImplementedError

    def _tell(self, totals: tuple[int | None, ...]) -> None:
        names = self._plan.aggregate.categories or ("",)
        told = zip(names, self._table.counts, totals, strict=True)
        self._finish(Figures(tuple(Figure(*figure) for figure in told), self.terms, self._partner_sizes))

    def _fail(self, error: ProtocolError | PsiError, *, tell_partner: bool) -> None:
        super()._fail(error, tell_partner=tell_partner and not self._receipt_sent)
