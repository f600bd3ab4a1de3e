"""What every participant of a total does alike under either scheme, once it knows who takes part.

A scheme says which keys there are, how a figure is encrypted, what a participant shows of the cells that all open, and
how a total comes out of what all have shown: the methods under "what a scheme does". All else is here: who says what
when, pledges, views, which cells are opened, when it is charged, when it ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Final

from protocol.effects import Charge, Compute, Job, ReadCells
from protocol.errors import ParticipantError, UnexpectedPacketError, ViewError
from protocol.host_answers import OwnCells
from protocol.messages import Contribution, Key, Open, Opening, PacketType, Pledge, Shares, Terms, View
from protocol.results import Total, Totals
from protocol.totals.contribution import own_noise, own_values
from protocol.totals.plan import MIN_CONTRIBUTORS, Plan, Stage, view
from protocol.totals.rounds import ALL_CONTRIBUTIONS, ALL_COUNTS, Round, Rounds, named
from protocol.vocabulary import Query
from psi import SUITE, stream_key

FIRST_LISTS: Final = 2  # of the digests in Shares
SEALED_BYTES: Final = 64  # of each figure in a contribution: a ciphertext of ElGamal, or the digest of one


@dataclass(frozen=True, slots=True)
class PublicKeys:
    """What a participant says of its keys, in Open or Key."""

    public_keys: tuple[bytes, ...]
    proofs: tuple[bytes, ...] = ()
    modulus: bytes = b""


class TotalsNode(Rounds):
    """A participant. Beside what all sessions ask, its host answers `ReadCells`, `Charge` and (ElGamal) `Solve`."""

    share_bytes: ClassVar[int]  # of each cell, in Shares
    share_name: ClassVar[str]  # for who reads that one is wrong
    share_check: ClassVar[str]  # likewise

    # --- what a scheme does

    def _draw_keys(self, then: Callable[[PublicKeys], None]) -> None:
        """Draw own keys; the salt is there."""
        raise NotImplementedError

    def _keep_keys(self, said: Sequence[tuple[str, Open | Key]]) -> None:
        """Check what all say of their keys, own included. Raises ParticipantError."""
        raise NotImplementedError

    def _encrypt(self, values: bytes) -> None:
        """Encrypt own figures, int64 each; then `_on_contribution`."""
        raise NotImplementedError

    def _check_contributions(self, others: Sequence[tuple[str, Contribution]]) -> None:
        """Check what the others contribute, which is as pledged and as long as it must be; then `_compare`."""
        raise NotImplementedError

    def _share(self, stage: Stage) -> None:
        """Make what this node shows of the cells in `_common`; then `_on_own_shares`."""
        raise NotImplementedError

    def _share_job(self, agency: str, stage: Stage, said: Shares) -> Job:
        """The job that raises where another shows anything else of these cells than it contributed."""
        raise NotImplementedError

    def _combine(self, stage: Stage, shares: tuple[bytes, ...]) -> None:
        """Find the totals from what all have shown; then `_on_figures`."""
        raise NotImplementedError

    # --- the circle

    def _take_part(self, plan: Plan, terms: Terms) -> None:
        """Join, and contribute on these terms."""
        self._join(plan)
        self._own_terms = terms
        self._told_terms: dict[str, Terms] = {self.local.agency: terms}
        self._passed: list[Round] = []  # of the opening, what every participant has heard
        self._opened: dict[Stage, dict[int, int]] = {}
        self._answered = False
        self._salt = b""  # of the session, once the coin is open

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

    # --- keys

    def _begin_rounds(self, ctx: bytes, said: Sequence[tuple[str, Open | Key]]) -> None:
        """The handshake is complete: check all keys, then contribute."""
        self._circle_ctx = ctx
        self._references.append(ctx)
        self._keep_keys(said)
        self._listening = self.rounds
        self._enter("contributing", 3 * len(self._others()))
        noise = own_noise(self.plan, self._own_terms, self._key("noise-records"), self._key("noise-values"))
        self.do(partial(Compute, job=noise), self._on_noise)

    # --- pledges, contributions, views

    def _on_noise(self, noise: tuple[tuple[int, ...], ...]) -> None:
        self.do(ReadCells, partial(self._on_cells, noise))

    def _on_cells(self, noise: tuple[tuple[int, ...], ...], own: OwnCells) -> None:
        self._encrypt(own_values(self.plan, self._own_terms, own, noise))

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
        figures, others = len(self.plan.bounds()), []
        for agency, heard in self._in_order(PacketType.CONTRIBUTION):
            said: Contribution = heard.message
            if self.plan.pledge(agency, said) != pledges[agency].message.commitment:
                raise ParticipantError(agency, "contribution", "expected what it pledged, got another")
            if len(said.ciphertexts) != SEALED_BYTES * figures:
                raise ParticipantError(agency, "contribution", f"expected {figures} ciphertexts, got others")
            if agency != self.local.agency:
                others.append((agency, said))
        self._check_contributions(others)

    def _compare(self) -> None:
        """Tell all what this node has heard, before anything is opened."""
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

    def _on_own_shares(self, stage: Stage, partials: bytes, proof: bytes = b"") -> None:
        alone = stage is Stage.VALUES and not self.plan.to_all
        asks = self.local.agency == self.plan.requester
        said = Shares(self._said_ctx(), int(stage), partials, proof, self._lists)
        self._say(PacketType.SHARES, said, to_none=alone and asks)
        if alone and not asks:
            self._conclude()
        else:
            self._gather(PacketType.SHARES, stage, self._others(), partial(self._on_shares, stage))

    def _on_shares(self, stage: Stage) -> None:
        checks, what = [], named(PacketType.SHARES, stage)
        if stage is not Stage.VALUES:
            self._passed.append((PacketType.SHARES, int(stage)))
        for agency, heard in self._in_order(PacketType.SHARES, stage):
            said: Shares = heard.message
            if said.digest != self._lists:
                raise ViewError(agency, self.local.agency, f"lists of cells in stage {stage.name.lower()}")
            if len(said.partials) != self.share_bytes * sum(self._common):
                wanted = f"{self.share_name} of {sum(self._common)} cells"
                raise ParticipantError(agency, what, f"expected {wanted}, got others")
            if agency != self.local.agency:
                job = self._share_job(agency, stage, said)
                checks.append(partial(self._check, agency, f"{what}, {self.share_check}", job))
        self._each(checks, partial(self._on_checked_shares, stage))

    def _on_checked_shares(self, stage: Stage) -> None:
        if stage is Stage.VALUES:
            self._all_heard()
        self._combine(stage, tuple(heard.message.partials for _, heard in self._in_order(PacketType.SHARES, stage)))

    def _on_figures(self, stage: Stage, figures: Sequence[int]) -> None:
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
