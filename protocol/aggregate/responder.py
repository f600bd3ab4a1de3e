"""What the responders of a count and of a sum have in common: all but what is encrypted."""

from __future__ import annotations

from functools import partial

from protocol.aggregate import cells, jobs
from protocol.aggregate.agreed import Keys, Plan
from protocol.aggregate.answering import Answering
from protocol.aggregate.release import told
from protocol.effects import Charge, Compute
from protocol.errors import CellsError, TermsError
from protocol.messages import Cells, Envelope, Packet, PacketType, Terms
from protocol.results import Disclosed
from protocol.roles import Responder
from protocol.rows import ROW_NUMBER_BYTES


class AggregateResponder(Responder):
    """Base of both. Always learns the exact counts; what it tells has the same form whether it is suppressed or not."""

    def _prepare(self, envelope: Envelope, salt: bytes) -> None:
        """Derive what the keys in Key need."""
        self._plan = Plan.of(envelope)
        self._keys = Keys(self.secrets.seed, salt, self._plan.query, self.role)
        self._plan.check_sizes(self._own_sizes)
        self._answering = Answering(self, self._plan, self._keys, self._arrived, self._on_matched)

    @property
    def terms(self) -> Terms:
        """Own, on which this side answers."""
        if self._terms is None:
            raise TermsError("expected the terms of the answer, got none")
        return self._terms

    def _begin_with(self, masks: tuple[bytes, ...], joint_key: bytes) -> None:
        """Start, with the public keys of the requester's masks, checked.

        Noise is drawn first: the time that it takes depends on it, and nobody is waiting yet.
        """
        self._charged = False
        self._checkpointed = False
        self._matched: tuple[bytes, ...] = ()
        self._noise: tuple[tuple[int, ...], ...] = ()
        self._enter("shuffling", 3 * sum(self._own_sizes))  # they are masked, come back, and are verified
        purposes = ("count-noise", "total-noise") if self._plan.columns else ("count-noise",)
        job = jobs.Noise(
            tuple(self._keys.key(purpose) for purpose in purposes),
            self._plan.sensitivities[: len(purposes)],
            self._plan.categories,
            self.terms.epsilon_millis,
        )
        self.do(partial(Compute, job=job), self._on_noise)
        self.do(self._charge, self._on_charged)
        self._answering.begin(self._agreed().ctx, self._own_sizes, masks, joint_key)

    def _charge(self, token: int) -> Charge:
        """Durably, before anything that depends on own records leaves: whatever comes of it, and told or suppressed."""
        return Charge(
            token,
            sum(self._plan.asked_sizes),
            self._agreed().ctx,
            self._plan.spent_millis(self.terms),
            0 if self.terms.epsilon_millis else 1,
        )

    def _on_charged(self, _: None) -> None:
        self._charged = True
        self._answering.charged()
        self._proceed()

    def _on_noise(self, noise: tuple[tuple[int, ...], ...]) -> None:
        self._noise = noise
        self._proceed()

    # --- what is asked

    def _arrived(self) -> None:
        self.expect(PacketType.CHECKPOINT, self._on_checkpoint)

    def _on_checkpoint(self, packet: Packet) -> None:
        self._check_statement(packet)
        self._checkpointed = True
        self._proceed()

    def _on_matched(self, rows: tuple[bytes, ...]) -> None:
        self._matched = rows
        self._proceed()

    def _proceed(self) -> None:
        """All is charged, proved and signed: count, and not before."""
        if self._charged and self._checkpointed and self._matched and self._noise:
            self._shared = sum(len(numbers) // ROW_NUMBER_BYTES for numbers in self._matched)
            self._count()

    def _count(self) -> None:
        """Find the exact count of each category, then `_decide`."""
        raise NotImplementedError

    # --- the answer

    def _decide(self, counts: tuple[int, ...]) -> None:
        """The exact counts are known: what of them may be told?"""
        if not all(0 <= count <= self._shared for count in counts):
            raise CellsError("expected in each category at most as many as are shared, got another count")
        noisy = [count + noise for count, noise in zip(counts, self._noise[0], strict=True)]
        self._counts = counts
        self._told = told(noisy, self._plan.least(self.terms))
        self._seal(cells.table_of(noisy, self._told, self.terms))

    def _seal(self, counts: tuple[int | None, ...]) -> None:
        """Add the totals, where there are any, and `_answer`."""
        raise NotImplementedError

    def _answer(self, table: cells.Table, proof: bytes) -> None:
        self._send_signed(PacketType.CELLS, Cells(self._agreed().ctx, cells.encode(table), proof))
        self._send_statement(PacketType.RECEIPT)
        self.expect(PacketType.RECEIPT, self._on_receipt)

    def _on_receipt(self, packet: Packet) -> None:
        self._check_statement(packet)
        self.partner_needed = False
        self._finish(Disclosed(self._counts, self._told))
