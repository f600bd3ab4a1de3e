"""What every participant of a total does alike, once it knows who takes part: from the joint key to the result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from protocol.effects import Charge, Compute, Job, ReadCells, Solve
from protocol.errors import ParticipantError, UnexpectedPacketError, ViewError
from protocol.host_answers import OwnCells
from protocol.messages import Contribution, Key, Open, Opening, PacketType, Pledge, Shares, Terms, View
from protocol.results import Total, Totals
from protocol.totals import jobs
from protocol.totals.contribution import own_noise, own_values
from protocol.totals.plan import CIPHERTEXT_BYTES, ELEMENT_BYTES, MIN_CONTRIBUTORS, Plan, Stage, chosen, view
from protocol.totals.rounds import ALL_CONTRIBUTIONS, ALL_COUNTS, ROUNDS, Round, Rounds, named
from protocol.vocabulary import Query
from psi import SUITE, PsiError, public_key, stream_key
from psi.elgamal import joint_key
from psi.proofs import Proved, prove_possession, verify_possession

FIRST_LISTS: Final = 2  # of the digests in Shares


class TotalsNode(Rounds):
    """A participant. Its host answers `ReadCells`, `Charge` and `Solve` beside what every session asks."""

    def _take_part(self, plan: Plan, terms: Terms) -> None:
        """Join, and contribute on these terms."""
        self._join(plan)
        self._own_terms = terms
        self._told_terms: dict[str, Terms] = {self.local.agency: terms}
        self._passed: list[Round] = []  # of the opening, what every participant has heard
        self._opened: dict[Stage, dict[int, int]] = {}
        self._answered = False

    def _key(self, purpose: str, list_number: int = 0) -> bytes:
        return stream_key(
            self.secrets.seed,
            self._salt,
            suite=SUITE,
            protocol=Query.TOTALS.value,
            role=self.role.value,
            leg=0,
            list_number=list_number,
            purpose=purpose,
        )

    def _check(self, agency: str, what: str, job: Job, then: Callable[[Any], None]) -> None:
        """Have the host verify what a participant sent; if that fails, the run ends and says whose it was."""
        self.do(partial(Compute, job=job), then)
        self._blamed[self._tokens] = (agency, what)

    def _each(self, checks: Sequence[Callable[[Callable[[Any], None]], None]], then: Callable[[], None]) -> None:
        """Start all checks; go on when the last has passed."""
        left = len(checks)

        def passed(_: Any) -> None:
            nonlocal left
            left -= 1
            self.advance(1)
            if not left:
                then()

        for check in checks:
            check(passed)

    # --- the joint key

    def _own_share(self, salt: bytes) -> tuple[bytes, bytes]:
        """Own share of the joint key, and the proof that its private key is known."""
        self._salt = salt
        context = self.plan.share_context(salt, self.local.agency)
        secret_key = self._key("share")
        return public_key(secret_key), prove_possession(secret_key, self._key("possession"), context)

    def _begin_rounds(self, ctx: bytes, shares: Sequence[tuple[str, Open | Key]]) -> None:
        """The handshake is complete: check all shares of the key, then contribute."""
        self._circle_ctx = ctx
        self._references.append(ctx)
        self._public_keys: dict[str, bytes] = {}
        for agency, message in shares:
            what = f"share of the joint key in its {'open' if agency == self.plan.requester else 'key'}"
            if len(message.public_keys) != 1 or len(message.proofs) != 1:
                raise ParticipantError(agency, what, "expected one share of the joint key and its proof")
            try:
                context = self.plan.share_context(self._salt, agency)
                verify_possession(message.public_keys[0], context, message.proofs[0])
            except PsiError as error:
                raise ParticipantError(agency, what, error) from error
            self._public_keys[agency] = message.public_keys[0]
        self._joint_key = joint_key(b"".join(self._public_keys[agency] for agency in self.plan.agencies))
        self._listening = frozenset(ROUNDS)
        self._enter("contributing", 3 * len(self._others()))
        noise = own_noise(self.plan, self._own_terms, self._key("noise-records"), self._key("noise-values"))
        self.do(partial(Compute, job=noise), self._on_noise)

    # --- pledges, contributions, views

    def _on_noise(self, noise: tuple[tuple[int, ...], ...]) -> None:
        self.do(ReadCells, partial(self._on_cells, noise))

    def _on_cells(self, noise: tuple[tuple[int, ...], ...], own: OwnCells) -> None:
        job = jobs.Contribute(
            own_values(self.plan, self._own_terms, own, noise),
            self.plan.bounds(),
            self._joint_key,
            self.plan.contribution_context(self._said_ctx(), self.local.agency),
            self._key("randomness"),
            self._key("knowledge"),
            self._key("range"),
        )
        self.do(partial(Compute, job=job), self._on_contribution)

    def _said_ctx(self) -> bytes:
        if self._circle_ctx is None:
            raise UnexpectedPacketError("expected the handshake to be complete")
        return self._circle_ctx

    def _on_contribution(self, made: tuple[bytes, bytes, bytes]) -> None:
        own = Contribution(self._said_ctx(), self._key("pledge-salt"), *made)
        self._say(PacketType.PLEDGE, Pledge(own.ctx, self.plan.pledge(self.local.agency, own)))
        self._gather(PacketType.PLEDGE, 0, self._others(), partial(self._on_pledges, own))

    def _on_pledges(self, own: Contribution) -> None:
        """Nobody can fit its contribution to another's any more: show it."""
        self._say(PacketType.CONTRIBUTION, own)
        self._gather(PacketType.CONTRIBUTION, 0, self._others(), self._on_contributions)

    def _on_contributions(self) -> None:
        pledges = dict(self._in_order(PacketType.PLEDGE))
        bounds, checks = self.plan.bounds(), []
        proved: dict[str, Proved] = {}
        for agency, heard in self._in_order(PacketType.CONTRIBUTION):
            said: Contribution = heard.message
            if self.plan.pledge(agency, said) != pledges[agency].message.commitment:
                raise ParticipantError(agency, "contribution", "expected what it pledged, got another")
            if len(said.ciphertexts) != CIPHERTEXT_BYTES * len(bounds):
                raise ParticipantError(agency, "contribution", f"expected {len(bounds)} ciphertexts, got others")
            if agency == self.local.agency:
                continue
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
        rounds = ((PacketType.PLEDGE, 0), (PacketType.CONTRIBUTION, 0))
        digest = self._view_of(ALL_CONTRIBUTIONS, rounds)
        self._say(PacketType.VIEW, View(self._said_ctx(), ALL_CONTRIBUTIONS, digest))
        self._gather(PacketType.VIEW, ALL_CONTRIBUTIONS, self._others(), partial(self._on_views, digest))

    def _view_of(self, stage: int, rounds: Sequence[Round]) -> bytes:
        packets = [heard.packet for round_ in rounds for _, heard in self._in_order(*round_)]
        return view(self._said_ctx(), stage, packets)

    def _on_views(self, digest: bytes) -> None:
        for agency, heard in self._in_order(PacketType.VIEW, ALL_CONTRIBUTIONS):
            if heard.message.digest != digest:
                raise ViewError(agency, self.local.agency, "contributions")
        self._enter("opening", 2 * len(self.plan.stages) * len(self._others()))
        self._common = b"\1" * len(self.plan.categories)
        self._offer(Stage.CONTRIBUTORS, self._common)

    # --- opening, stage by stage

    def _offer(self, stage: Stage, cells: bytes) -> None:
        """Say which cells this node will open."""
        self._say(PacketType.OPENING, Opening(self._said_ctx(), int(stage), cells))
        self._gather(PacketType.OPENING, stage, self._others(), partial(self._on_openings, stage))

    def _on_openings(self, stage: Stage) -> None:
        common, what = self._common, named(PacketType.OPENING, stage)
        self._passed.append((PacketType.OPENING, int(stage)))
        for agency, heard in self._in_order(PacketType.OPENING, stage):
            cells: bytes = heard.message.cells
            if len(cells) != len(common) or set(cells) - {0, 1}:
                raise ParticipantError(agency, what, f"expected 0 or 1 for each of {len(common)} cells, got others")
            common = bytes(a & b for a, b in zip(common, cells, strict=True))
        self._common = common
        self._lists = self._view_of(FIRST_LISTS + stage, [(PacketType.OPENING, int(stage))])
        if not any(common):
            self._conclude()
        elif self._answered:
            self._share(stage)
        else:
            self._answered = True
            self.do(self._charge, lambda _: self._share(stage))

    def _charge(self, token: int) -> Charge:
        """Durably, before the first partial decryption leaves: from then on the question is answered."""
        epsilon_millis = self._own_terms.epsilon_millis
        spent = epsilon_millis * (len(self.plan.stages) - 1) * len(self.plan.categories)
        return Charge(token, len(self.plan.categories), self._said_ctx(), spent, 0 if epsilon_millis else 1)

    def _share(self, stage: Stage) -> None:
        wanted = chosen(self._sums, stage, self._common, CIPHERTEXT_BYTES)
        context = self.plan.shares_context(self._said_ctx(), self.local.agency, stage, self._common)
        job = jobs.Decrypt(wanted, self._key("share"), self._key("partials", int(stage)), context)
        self.do(partial(Compute, job=job), partial(self._on_own_shares, stage, wanted))

    def _on_own_shares(self, stage: Stage, wanted: bytes, made: tuple[bytes, bytes]) -> None:
        alone = stage is Stage.VALUES and not self.plan.to_all
        asks = self.local.agency == self.plan.requester
        self._say(PacketType.SHARES, Shares(self._said_ctx(), int(stage), *made, self._lists), to_none=alone and asks)
        if alone and not asks:
            self._conclude()
        else:
            self._gather(PacketType.SHARES, stage, self._others(), partial(self._on_shares, stage, wanted))

    def _on_shares(self, stage: Stage, wanted: bytes) -> None:
        checks, what = [], named(PacketType.SHARES, stage)
        if stage is not Stage.VALUES:
            self._passed.append((PacketType.SHARES, int(stage)))
        for agency, heard in self._in_order(PacketType.SHARES, stage):
            said: Shares = heard.message
            if said.digest != self._lists:
                raise ViewError(agency, self.local.agency, f"lists of cells in stage {stage.name.lower()}")
            if len(said.partials) * CIPHERTEXT_BYTES != len(wanted) * ELEMENT_BYTES:
                raise ParticipantError(
                    agency, what, f"expected partial decryptions of {sum(self._common)} cells, got others"
                )
            if agency == self.local.agency:
                continue
            context = self.plan.shares_context(said.ctx, agency, stage, self._common)
            job = jobs.CheckShares(self._public_keys[agency], context, wanted, said.partials, said.proof)
            checks.append(partial(self._check, agency, f"{what}, proof", job))
        self._each(checks, partial(self._combine, stage, wanted))

    def _combine(self, stage: Stage, wanted: bytes) -> None:
        if stage is Stage.VALUES:
            self._all_heard()
        partials = tuple(heard.message.partials for _, heard in self._in_order(PacketType.SHARES, stage))
        solve = partial(self._solve, stage)
        self.do(partial(Compute, job=jobs.Combine(wanted, partials)), solve)

    def _solve(self, stage: Stage, elements: bytes) -> None:
        self.do(partial(Solve, elements=elements, bound=self.plan.largest(stage)), partial(self._on_solved, stage))

    def _on_solved(self, stage: Stage, figures: Sequence[int]) -> None:
        cells = [cell for cell, wanted in enumerate(self._common) if wanted]
        self._opened[stage] = dict(zip(cells, map(int, figures), strict=True))
        following = [later for later in self.plan.stages if later > stage]
        if not following:
            self._conclude()
            return
        least = MIN_CONTRIBUTORS if stage is Stage.CONTRIBUTORS else self.plan.least(self._own_terms)
        opened = self._opened[stage]
        self._offer(following[0], bytes(opened.get(cell, -1) >= least for cell in range(len(self._common))))

    # --- the end

    def _all_heard(self) -> None:
        """The requester signs what it has heard before it decrypts a value: a receipt that depends on no result."""
        if self.local.agency == self.plan.requester and (PacketType.VIEW, ALL_COUNTS) not in self._mail:
            digest = self._view_of(ALL_COUNTS, self._passed)
            self._say(PacketType.VIEW, View(self._said_ctx(), ALL_COUNTS, digest))

    def _conclude(self) -> None:
        self._all_heard()
        self._gather(PacketType.VIEW, ALL_COUNTS, frozenset({self.plan.requester}), self._finish_totals)

    def _finish_totals(self) -> None:
        digest = self._view_of(ALL_COUNTS, self._passed)
        if self._mail[PacketType.VIEW, ALL_COUNTS][self.plan.requester].message.digest != digest:
            raise ViewError(self.plan.requester, self.local.agency, "openings and shares of counts")
        self.partner_needed = False
        self._finish(Totals(tuple(map(self._total, range(len(self.plan.categories)))), self._all_terms()))

    def _total(self, cell: int) -> Total:
        figures = [self._opened.get(stage, {}).get(cell) for stage in Stage]
        return Total(self.plan.categories[cell], *figures)

    def _all_terms(self) -> tuple[tuple[str, Terms], ...]:
        return tuple((agency, self._told_terms[agency]) for agency in self.plan.agencies if agency in self._told_terms)
