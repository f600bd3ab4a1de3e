"""The requester of sum."""

from __future__ import annotations

from functools import partial
from typing import Any

from protocol.aggregate.agreed import PARTIAL_BYTES, partials_context, possession_context
from protocol.aggregate.requester import AggregateRequester
from protocol.decryption import CheckPartials, Decrypt
from protocol.effects import Compute, Solve
from protocol.errors import SizeError
from protocol.intersect.agreed import check_public_keys
from protocol.messages import Packet, PacketType
from protocol.rows import check_rows
from protocol.summing.agreed import Open, check_one_proof
from protocol.vocabulary import Query, Role, Variant
from psi import public_key
from psi.elgamal import CIPHERTEXT_BYTES, check, joint_key
from psi.proofs import prove_possession, verify_possession


class SumRequester(AggregateRequester):
    """Learns counts and totals of the released categories, as the responder's terms tell them, and its sizes."""

    speaks = (Query.SUM, Variant.FRESH_KEYS)

    # --- keys

    def _own_public_keys(self, salt: bytes) -> tuple[bytes, ...]:
        masks = super()._own_public_keys(salt)
        self._share_key = self._keys.key("share")
        self._share = public_key(self._share_key)
        return (*masks, self._share)

    def _own_proofs(self, salt: bytes) -> tuple[bytes, ...]:
        context = possession_context(salt, self.role, self.local.agency)
        return (prove_possession(self._share_key, self._keys.key("possession"), context),)

    def _check_proofs(self, salt: bytes, public_keys: tuple[bytes, ...], proofs: tuple[bytes, ...]) -> None:
        check_public_keys(public_keys, 1)
        context = possession_context(salt, Role.RESPONDER, self.peer.agency)
        verify_possession(public_keys[0], context, check_one_proof(proofs))

    def _joint_key(self, public_keys: tuple[bytes, ...]) -> bytes:
        self._partner_share = public_keys[0]
        return joint_key(self._share + self._partner_share)

    # --- counts, for the responder alone

    def _await_answer(self) -> None:
        self.expect(PacketType.SUMS, self._on_sums)

    def _on_sums(self, packet: Packet) -> None:
        check_rows(packet.payload, CIPHERTEXT_BYTES, self._plan.categories)
        context = partials_context(self._agreed().ctx, self.role, self.local.agency)
        job = Decrypt(packet.payload, self._share_key, self._keys.key("partials"), context)
        self.do(partial(Compute, job=job), self._send_partials)

    def _send_partials(self, decrypted: tuple[bytes, bytes]) -> None:
        self.send_rows(PacketType.PARTIALS, b"".join(decrypted))
        super()._await_answer()

    # --- totals

    def _check_cells(self, proof: bytes) -> None:
        if not proof:
            raise SizeError("expected a proof of partial decryption, got none")
        check(self._table.ciphertexts)
        context = partials_context(self._agreed().ctx, Role.RESPONDER, self.peer.agency)
        job = CheckPartials(self._partner_share, context, self._table.ciphertexts, self._table.partials, proof)
        self.do(partial(Compute, job=job), lambda _: self._on_checked())

    def _open(self) -> None:
        """Whatever comes of it, the partner is not told."""
        job = Open(self._table.ciphertexts, self._table.partials, self._share_key)
        self.do(partial(Compute, job=job), self._solve)

    def _solve(self, elements: bytes) -> None:
        told = [place for place, count in enumerate(self._table.counts) if count is not None]
        chosen = b"".join(elements[PARTIAL_BYTES * place : PARTIAL_BYTES * (place + 1)] for place in told)
        solve = partial(Solve, elements=chosen, bound=self._plan.largest(self.terms))
        self.do(solve, lambda totals: self._on_solved(told, totals))

    def _on_solved(self, told: list[int], totals: Any) -> None:
        found = dict(zip(told, (int(total) for total in totals), strict=True))
        self._tell(tuple(found.get(place) for place in range(self._plan.categories)))
