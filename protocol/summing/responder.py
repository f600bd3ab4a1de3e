"""The responder of sum."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocol.aggregate import cells, jobs
from protocol.aggregate.agreed import PARTIAL_BYTES, partials_context, possession_context
from protocol.aggregate.responder import AggregateResponder
from protocol.chunks import Span, frames, in_turn
from protocol.decryption import CheckPartials, Decrypt
from protocol.effects import Compute, ReadRows, Solve
from protocol.intersect.agreed import check_public_keys
from protocol.messages import Envelope, Packet, PacketType
from protocol.rows import check_rows
from protocol.summing.agreed import Open, check_one_proof
from protocol.vocabulary import Query, Role, Variant
from psi import public_key
from psi.elgamal import CIPHERTEXT_BYTES, joint_key
from psi.proofs import PARTIALS_BYTES, prove_possession, verify_possession


class SumResponder(AggregateResponder):
    """Learns the requester's sizes and the exact count of each category; tells counts and totals as its terms say."""

    speaks = (Query.SUM, Variant.FRESH_KEYS)

    # --- keys

    def _check_proofs(self, salt: bytes, public_keys: tuple[bytes, ...], proofs: tuple[bytes, ...]) -> None:
        check_public_keys(public_keys, len(self._own_sizes) + 1)
        context = possession_context(salt, Role.REQUESTER, self.peer.agency)
        verify_possession(public_keys[-1], context, check_one_proof(proofs))

    def _own_public_keys(self, envelope: Envelope, salt: bytes) -> tuple[bytes, ...]:
        self._prepare(envelope, salt)
        self._share_key = self._keys.key("share")
        self._share = public_key(self._share_key)
        return (self._share,)

    def _own_proofs(self, salt: bytes) -> tuple[bytes, ...]:
        context = possession_context(salt, self.role, self.local.agency)
        return (prove_possession(self._share_key, self._keys.key("possession"), context),)

    def _begin(self, envelope: Envelope, salt: bytes, public_keys: tuple[bytes, ...]) -> None:  # noqa: ARG002
        *masks, self._partner_share = public_keys
        self._joint = joint_key(self._partner_share + self._share)
        self._begin_with(tuple(masks), self._joint)

    # --- counts

    def _count(self) -> None:
        """Add up what is shared. The sums begin with fresh encryptions, of nothing and of the totals' noise, so that
        nobody can tell which rows are in them.
        """
        nothing = (0,) * self._plan.categories
        job = jobs.Encrypt((*nothing, *self._noise[1], *nothing), self._joint, self._keys.key("sums"))
        self.do(partial(Compute, job=job), self._add_up)

    def _add_up(self, fresh: bytes) -> None:
        end = self._plan.columns * CIPHERTEXT_BYTES
        self._sums, self._nothing = fresh[:end], fresh[end:]
        numbers = [np.frombuffer(found, "<u4") for found in self._matched]
        self._enter("adding up", sum(self._own_sizes))
        in_turn(
            frames(self._own_sizes, self._plan.row_bytes),
            lambda span, done: self._add(span, numbers[span.list_number], done),
            self._send_counts,
        )

    def _add(self, span: Span, numbers: NDArray[np.uint32], done: Callable[[], None]) -> None:
        first, end = np.searchsorted(numbers, (span.first, span.first + span.count))
        selected = (numbers[first:end] - np.uint32(span.first)).astype("<u4").tobytes()

        def compute(shuffled: bytes) -> None:
            job = jobs.SumRows(shuffled, selected, self._plan.columns, self._sums)
            self.do(partial(Compute, job=job), keep)

        def keep(sums: bytes) -> None:
            self._sums = sums
            self.advance(span.count)
            done()

        spool, row_bytes = ("shuffled", span.list_number), self._plan.row_bytes
        self.do(partial(ReadRows, spool=spool, row_bytes=row_bytes, first=span.first, count=span.count), compute)

    def _send_counts(self) -> None:
        cut = self._plan.categories * CIPHERTEXT_BYTES
        self._counts_sealed, self._totals_sealed = self._sums[:cut], self._sums[cut:]
        self.send_rows(PacketType.SUMS, self._counts_sealed)
        self.expect(PacketType.PARTIALS, self._on_partials)

    def _on_partials(self, packet: Packet) -> None:
        cut = self._plan.categories * PARTIAL_BYTES
        check_rows(packet.payload, cut + PARTIALS_BYTES, 1)
        partials, proof = packet.payload[:cut], packet.payload[cut:]
        context = partials_context(self._agreed().ctx, Role.REQUESTER, self.peer.agency)
        job = CheckPartials(self._partner_share, context, self._counts_sealed, partials, proof)
        self.do(partial(Compute, job=job), lambda _: self._open(partials))

    def _open(self, partials: bytes) -> None:
        """Own partials of the counts never leave: only this side opens them."""
        job = Open(self._counts_sealed, partials, self._share_key)
        self.do(partial(Compute, job=job), self._solve)

    def _solve(self, elements: bytes) -> None:
        solve = partial(Solve, elements=elements, bound=max(self._shared, 1))
        self.do(solve, self._on_solved)

    def _on_solved(self, counts: Any) -> None:
        self._decide(tuple(int(count) for count in counts))

    # --- totals

    def _seal(self, counts: tuple[int | None, ...]) -> None:
        """A total that is suppressed is replaced by nothing, encrypted: the answer has the same form."""
        size = CIPHERTEXT_BYTES
        ciphertexts = b"".join(
            (self._nothing if count is None else self._totals_sealed)[size * place : size * (place + 1)]
            for place, count in enumerate(counts)
        )
        context = partials_context(self._agreed().ctx, self.role, self.local.agency)
        job = Decrypt(ciphertexts, self._share_key, self._keys.key("partials"), context)
        self.do(
            partial(Compute, job=job),
            lambda decrypted: self._answer(cells.Table(counts, ciphertexts, decrypted[0]), decrypted[1]),
        )
