"""What a checked envelope of totals asks of every participant, and what its messages are bound to."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from protocol.aggregate.terms import asked_aggregate
from protocol.dst import CONTRIBUTION, DECRYPTION, PLEDGE, POSSESSION_OF_SHARE, SHARES, VIEW
from protocol.messages import Aggregate, Contribution, Envelope, Packet, Terms
from protocol.transcript import digest
from protocol.vocabulary import Role
from psi import lp
from psi.proofs import Bounds

MIN_CONTRIBUTORS: Final = 3  # of two, each could subtract its own contribution


class Stage(IntEnum):
    """What is opened, in this order; each only where the one before allows it."""

    CONTRIBUTORS = 0
    RECORDS = 1
    VALUES = 2


@dataclass(frozen=True, slots=True)
class Plan:
    """Who takes part in a total, over which cells, within which bounds."""

    envelope: Envelope
    aggregate: Aggregate

    @classmethod
    def of(cls, envelope: Envelope) -> Plan:
        """The plan of a checked envelope."""
        return cls(envelope, asked_aggregate(envelope))

    @property
    def agencies(self) -> tuple[str, ...]:
        """All participants, the requester first."""
        return tuple(participant.agency for participant in self.envelope.participants)

    @property
    def requester(self) -> str:
        """Who asks, contributes too and coordinates."""
        return self.agencies[0]

    @property
    def to_all(self) -> bool:
        """Whether every participant learns the values too."""
        return len(self.envelope.recipients) > 1

    @property
    def categories(self) -> tuple[str, ...]:
        """One cell of each stage for each; a single one without a name where the question names none."""
        return self.aggregate.categories or ("",)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Those of this question: a count has no values."""
        return tuple(Stage) if self.aggregate.value else (Stage.CONTRIBUTORS, Stage.RECORDS)

    @property
    def cap(self) -> int:
        """How many records of one participant a cell can count: the declared sizes of all lists together."""
        return sum(entry.size for entry in self.envelope.lists)

    def least(self, terms: Terms) -> int:
        """The fewest records that these terms let be told: a minimum is one of persons, each with all that count."""
        return terms.minimum * self.aggregate.per_person

    def signing_key(self, agency: str) -> bytes | None:
        """Ed25519, 32 bytes; None for a stranger."""
        return next((p.signing_key for p in self.envelope.participants if p.agency == agency), None)

    def role(self, agency: str) -> Role:
        """As the envelope has it."""
        return Role.REQUESTER if agency == self.requester else Role.CONTRIBUTOR

    def limits(self, stage: Stage) -> Bounds:
        """What one participant can contribute to a cell."""
        match stage:
            case Stage.CONTRIBUTORS:
                return Bounds(0, 1)
            case Stage.RECORDS:
                return Bounds(0, self.cap)
            case Stage.VALUES:
                return Bounds(self.cap * self.aggregate.low, self.cap * self.aggregate.high)

    def bounds(self) -> tuple[Bounds, ...]:
        """Those of all ciphertexts of a contribution: stage by stage, cell by cell."""
        return tuple(self.limits(stage) for stage in self.stages for _ in self.categories)

    def reach(self, stage: Stage) -> Bounds:
        """What a total of this stage can be."""
        limits, parties = self.limits(stage), len(self.agencies)
        return Bounds(parties * limits.low, parties * limits.high)

    def largest(self, stage: Stage) -> int:
        """What no total of this stage exceeds in absolute value."""
        reach = self.reach(stage)
        return max(abs(reach.low), abs(reach.high), len(self.agencies))

    # --- what proofs and commitments are bound to

    def share_context(self, salt: bytes, agency: str) -> bytes:
        """Of the proof that an agency has the private key of its share."""
        return lp(POSSESSION_OF_SHARE, salt, self.role(agency).value, agency)

    def contribution_context(self, ctx: bytes, agency: str) -> bytes:
        """Of the proofs in a contribution."""
        return lp(CONTRIBUTION, ctx, self.role(agency).value, agency)

    def shares_context(self, ctx: bytes, agency: str, stage: Stage, cells: bytes) -> bytes:
        """Of the proof of an agency's partial decryptions of these cells."""
        return lp(SHARES, ctx, self.role(agency).value, agency, int(stage), cells)

    def decryption_context(self, ctx: bytes, stage: Stage, cells: bytes) -> bytes:
        """Of the proof of what the requester decrypted, under Paillier."""
        return lp(DECRYPTION, ctx, self.requester, int(stage), cells)

    def pledge(self, agency: str, contribution: Contribution) -> bytes:
        """SHA-512(LP(DST, ctx, role, agency, salt, ciphertexts, knowledge, ranges)). Returns 64 bytes."""
        said = (contribution.pledge_salt, contribution.ciphertexts, contribution.knowledge, contribution.ranges)
        return hashlib.sha512(lp(PLEDGE, contribution.ctx, self.role(agency).value, agency, *said)).digest()


def view(ctx: bytes, stage: int, heard: Iterable[Packet]) -> bytes:
    """SHA-512(LP(DST, ctx, stage, digest of each message...)): what all must have heard alike. Returns 64 bytes."""
    return hashlib.sha512(lp(VIEW, ctx, stage, *(digest(packet) for packet in heard))).digest()


def places(stage: Stage, cells: bytes) -> tuple[int, ...]:
    """Of rows laid out stage by stage and cell by cell, the numbers of a stage's chosen cells."""
    first = int(stage) * len(cells)
    return tuple(first + cell for cell, wanted in enumerate(cells) if wanted)


def chosen(columns: bytes, stage: Stage, cells: bytes, row_bytes: int) -> bytes:
    """Of such rows, those of a stage's chosen cells."""
    return b"".join(columns[place * row_bytes : (place + 1) * row_bytes] for place in places(stage, cells))
