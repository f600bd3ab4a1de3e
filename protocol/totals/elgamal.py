"""Totals under a joint key of ElGamal, of which every participant holds a share: no participant can cheat unseen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar, Final

from protocol.decryption import CheckPartials, Combine, Decrypt
from protocol.effects import Compute, Job, Solve
from protocol.errors import ParticipantError
from protocol.messages import Contribution, Key, Open, PacketType, Shares
from protocol.totals import jobs
from protocol.totals.node import PublicKeys, TotalsNode
from protocol.totals.plan import Stage, chosen
from protocol.totals.rounds import ROUNDS
from psi import PsiError, public_key
from psi.elgamal import CIPHERTEXT_BYTES, joint_key
from psi.proofs import Proved, prove_possession, verify_possession

ELEMENT_BYTES: Final = 32


class ElGamal(TotalsNode):
    """See `TotalsNode`. Contributions are proved to be known and within bounds, shares to be of the own key."""

    share_bytes: ClassVar[int] = ELEMENT_BYTES
    share_name: ClassVar[str] = "partial decryptions"
    share_check: ClassVar[str] = "proof"
    rounds: ClassVar[frozenset[PacketType]] = ROUNDS

    # --- the joint key

    def _draw_keys(self, then: Callable[[PublicKeys], None]) -> None:
        share, proof = self._own_share(self._salt)
        then(PublicKeys((share,), (proof,)))

    def _own_share(self, salt: bytes) -> tuple[bytes, bytes]:
        """Own share of the joint key, and the proof that its private key is known."""
        context = self.plan.share_context(salt, self.local.agency)
        secret_key = self._key("share")
        return public_key(secret_key), prove_possession(secret_key, self._key("possession"), context)

    def _keep_keys(self, said: Sequence[tuple[str, Open | Key]]) -> None:
        self._public_keys: dict[str, bytes] = {}
        for agency, message in said:
            what = f"share of the joint key in its {'open' if agency == self.plan.requester else 'key'}"
            modulus = message.modulus if isinstance(message, Open) else b""
            if len(message.public_keys) != 1 or len(message.proofs) != 1 or modulus:
                raise ParticipantError(agency, what, "expected one share of the joint key and its proof")
            try:
                context = self.plan.share_context(self._salt, agency)
                verify_possession(message.public_keys[0], context, message.proofs[0])
            except PsiError as error:
                raise ParticipantError(agency, what, error) from error
            self._public_keys[agency] = message.public_keys[0]
        self._joint_key = joint_key(b"".join(self._public_keys[agency] for agency in self.plan.agencies))

    # --- contributions

    def _encrypt(self, values: bytes) -> None:
        job = jobs.Contribute(
            values,
            self.plan.bounds(),
            self._joint_key,
            self.plan.contribution_context(self._said_ctx(), self.local.agency),
            self._key("randomness"),
            self._key("knowledge"),
            self._key("range"),
        )
        self.do(partial(Compute, job=job), self._on_contribution)

    def _check_contributions(self, others: Sequence[tuple[str, Contribution]]) -> None:
        checks, proved = [], dict[str, Proved]()
        for agency, said in others:
            context = self.plan.contribution_context(said.ctx, agency)
            knowledge = jobs.CheckKnowledge(self._joint_key, context, said.ciphertexts, said.knowledge)
            checks.append(partial(self._check, agency, "contribution, proof of knowledge", knowledge))
            proved[agency] = Proved(context, said.ciphertexts, said.ranges)
        self._enter("checking contributions", len(checks) + 1)
        self._each([*checks, partial(self._check_ranges, proved)], self._add_up)

    def _check_ranges(self, proved: dict[str, Proved], then: Callable[[Any], None]) -> None:
        def checked(found: tuple[int, str] | None) -> None:
            if found is not None:
                place, why = found
                raise ParticipantError(tuple(proved)[place], "contribution, proof of range", why)
            then(None)

        job = jobs.CheckRanges(self.plan.bounds(), self._joint_key, tuple(proved.values()))
        self.do(partial(Compute, job=job), checked)

    def _add_up(self) -> None:
        contributions = tuple(heard.message.ciphertexts for _, heard in self._in_order(PacketType.CONTRIBUTION))
        self.do(partial(Compute, job=jobs.AddUp(contributions, len(self.plan.bounds()))), self._on_sums)

    def _on_sums(self, sums: bytes) -> None:
        self._sums = sums
        self._compare()

    # --- shares

    def _share(self, stage: Stage) -> None:
        self._wanted = chosen(self._sums, stage, self._common, CIPHERTEXT_BYTES)
        context = self.plan.shares_context(self._said_ctx(), self.local.agency, stage, self._common)
        job = Decrypt(self._wanted, self._key("share"), self._key("partials", int(stage)), context)
        self.do(partial(Compute, job=job), lambda made: self._on_own_shares(stage, *made))

    def _share_job(self, agency: str, stage: Stage, said: Shares) -> Job:
        context = self.plan.shares_context(said.ctx, agency, stage, self._common)
        return CheckPartials(self._public_keys[agency], context, self._wanted, said.partials, said.proof)

    def _combine(self, stage: Stage, shares: tuple[bytes, ...]) -> None:
        self.do(partial(Compute, job=Combine(self._wanted, shares)), partial(self._solve, stage))

    def _solve(self, stage: Stage, elements: bytes) -> None:
        solve = partial(Solve, elements=elements, bound=self.plan.largest(stage))
        self.do(solve, partial(self._on_figures, stage))
