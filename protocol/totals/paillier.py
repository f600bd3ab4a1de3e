"""Totals under Paillier: the requester alone holds the key, and masks hide every part of a sum from it.

Each participant encrypts its figure plus masks that it shares with each other one; they cancel in the sum of all, and
only there. What it has encrypted it fixes by digests, and it shows the ciphertexts of a cell when all have named the
cell: until then nobody, the requester included, has anything to decrypt. Nothing proves that a figure is within its
bounds, so this is for participants that keep to the protocol (docs/protocol.md, "totals under Paillier").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar

from protocol.effects import Compute, Job
from protocol.errors import CellsError, ParticipantError
from protocol.messages import Contribution, Decryption, Key, Open, PacketType, Shares
from protocol.totals import paillier_jobs as jobs
from protocol.totals.node import SEALED_BYTES, PublicKeys, TotalsNode
from protocol.totals.plan import Stage, chosen, places
from protocol.totals.rounds import ALL_COUNTS, ROUNDS, named
from protocol.vocabulary import Role
from psi import PsiError, paillier
from psi.masks import pair_key, public_mask_key


class Paillier(TotalsNode):
    """See `TotalsNode`. Only where `psi.paillier.available()`."""

    share_bytes: ClassVar[int] = paillier.CIPHERTEXT_BYTES
    share_name: ClassVar[str] = "ciphertexts"
    share_check: ClassVar[str] = "ciphertexts"
    rounds: ClassVar[frozenset[PacketType]] = ROUNDS | {PacketType.DECRYPTION}

    # --- keys

    def _draw_keys(self, then: Callable[[PublicKeys], None]) -> None:
        masks = (public_mask_key(self._key("mask-key")),)
        if self.role is not Role.REQUESTER:
            then(PublicKeys(masks))
            return

        def drawn(secret_key: bytes) -> None:
            self._secret_key = secret_key
            then(PublicKeys(masks, modulus=paillier.modulus(secret_key)))

        self.do(partial(Compute, job=jobs.DrawKey(self._key("paillier-key"))), drawn)

    def _keep_keys(self, said: Sequence[tuple[str, Open | Key]]) -> None:
        own, earlier = self.local.agency, True
        self._added: list[bytes] = []
        self._subtracted: list[bytes] = []
        for agency, message in said:
            what = f"keys in its {'open' if agency == self.plan.requester else 'key'}"
            if len(message.public_keys) != 1 or message.proofs:
                raise ParticipantError(agency, what, "expected one public key for masks, without a proof")
            try:
                if isinstance(message, Open):
                    paillier.check_modulus(message.modulus)
                    self._modulus = message.modulus
                if agency == own:
                    earlier = False
                    continue
                pair = (agency, own) if earlier else (own, agency)
                key = pair_key(self._key("mask-key"), message.public_keys[0], self._said_ctx(), *pair)
            except PsiError as error:
                raise ParticipantError(agency, what, error) from error
            (self._subtracted if earlier else self._added).append(key)

    # --- contributions

    def _encrypt(self, values: bytes) -> None:
        keys = tuple(self._added), tuple(self._subtracted)
        context = self.plan.contribution_context(self._said_ctx(), self.local.agency)
        job = jobs.Seal(values, self._modulus, self._key("randomness"), *keys, context)
        self.do(partial(Compute, job=job), self._on_sealed)

    def _on_sealed(self, made: tuple[bytes, bytes]) -> None:
        self._sealed, digests = made
        self._on_contribution((digests, b"", b""))

    def _check_contributions(self, others: Sequence[tuple[str, Contribution]]) -> None:
        for agency, said in others:
            if said.knowledge or said.ranges:
                raise ParticipantError(agency, named(PacketType.CONTRIBUTION), "expected no proofs, got some")
        self._compare()

    # --- shares

    def _share(self, stage: Stage) -> None:
        self._on_own_shares(stage, chosen(self._sealed, stage, self._common, paillier.CIPHERTEXT_BYTES))

    def _share_job(self, agency: str, stage: Stage, said: Shares) -> Job:
        if said.proof:
            raise ParticipantError(agency, named(PacketType.SHARES, stage), "expected no proof, got one")
        contributed = self._mail[PacketType.CONTRIBUTION, 0][agency].message
        return jobs.CheckSealed(
            self._modulus,
            self.plan.contribution_context(said.ctx, agency),
            places(stage, self._common),
            said.partials,
            chosen(contributed.ciphertexts, stage, self._common, SEALED_BYTES),
        )

    def _combine(self, stage: Stage, shares: tuple[bytes, ...]) -> None:
        context = self.plan.decryption_context(self._said_ctx(), stage, self._common)
        if self.role is Role.REQUESTER:
            job = jobs.OpenSums(self._secret_key, context, shares, self.plan.reach(stage))
            self.do(partial(Compute, job=job), partial(self._on_opened_sums, stage))
        else:
            requester = frozenset({self.plan.requester})
            then = partial(self._on_decryption, stage, context, shares)
            self._gather(PacketType.DECRYPTION, stage, requester, then)

    def _on_opened_sums(self, stage: Stage, found: tuple[bytes, bytes] | None) -> None:
        if found is None:
            raise CellsError(
                "expected totals within the bounds of all contributions, got others: somebody's figure is outside its "
                "bounds, or not masked as agreed; under Paillier nothing tells whose"
            )
        self._pass_decryption(stage)
        if stage is not Stage.VALUES or self.plan.to_all:
            self._say(PacketType.DECRYPTION, Decryption(self._said_ctx(), int(stage), *found))
        self._on_figures(stage, jobs.unpacked(found[0]))

    def _on_decryption(self, stage: Stage, context: bytes, shares: tuple[bytes, ...]) -> None:
        requester, what = self.plan.requester, named(PacketType.DECRYPTION, stage)
        said: Decryption = self._mail[PacketType.DECRYPTION, stage][requester].message
        if len(said.figures) != paillier.VALUE_BYTES * sum(self._common):
            raise ParticipantError(requester, what, f"expected totals of {sum(self._common)} cells, got others")
        self._pass_decryption(stage)
        job = jobs.CheckOpened(self._modulus, context, shares, self.plan.reach(stage), said.figures, said.root)
        figures = jobs.unpacked(said.figures)
        self._check(requester, f"{what}, proof", job, lambda _: self._on_figures(stage, figures))

    def _pass_decryption(self, stage: Stage) -> None:
        if stage is not Stage.VALUES:
            self._passed.append((PacketType.DECRYPTION, int(stage)))

    # --- the end

    def _all_arrived(self) -> bool:
        """Values for all come after the requester's last view."""
        values = (PacketType.SHARES, Stage.VALUES) in self._mail and self.plan.to_all
        told = (PacketType.DECRYPTION, Stage.VALUES) in self._mail
        return (PacketType.VIEW, ALL_COUNTS) in self._mail and (told or not values)
