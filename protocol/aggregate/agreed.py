"""What both sides of a count or a sum compute alike: how rows are laid out, and which key is for what.

A row of targets or of what was shuffled is an element, and for a sum the ciphertexts of its columns: the flags of all
categories, then their values.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from protocol.aggregate.terms import asked_aggregate, largest, sensitivities
from protocol.dst import COUNT_ELEMENTS, SUM_ELEMENTS
from protocol.errors import SizeError
from protocol.messages import Aggregate, Envelope, Terms
from protocol.rows import ROW_NUMBER_BYTES
from protocol.vocabulary import Query, Role
from psi import ELEMENT_BYTES, SUITE, lp, stream_key
from psi.elgamal import CIPHERTEXT_BYTES, VALUE_BYTES
from psi.shuffle import ShuffleStatement

ONE_LEG: Final = 0
PARTIAL_BYTES: Final = ELEMENT_BYTES


@dataclass(frozen=True, slots=True)
class Plan:
    """A checked question, as both sides carry it out.

    Args:
        query: COUNT or SUM.
        asked_sizes: the requester's elements, list by list.
    """

    query: Query
    aggregate: Aggregate
    asked_sizes: tuple[int, ...]

    @classmethod
    def of(cls, envelope: Envelope) -> Plan:
        """The plan of a checked envelope."""
        sizes = tuple(entry.size for entry in envelope.lists)
        return cls(Query(envelope.query), asked_aggregate(envelope), sizes)

    @property
    def categories(self) -> int:
        """How many figures are told; one where the question names no category."""
        return max(len(self.aggregate.categories), 1)

    @property
    def columns(self) -> int:
        """Ciphertexts a row."""
        return 2 * self.categories if self.query is Query.SUM else 0

    @property
    def row_bytes(self) -> int:
        """Of targets, and of what was shuffled."""
        return ELEMENT_BYTES + self.columns * CIPHERTEXT_BYTES

    @property
    def kept_row_bytes(self) -> int:
        """Of targets as the responder keeps them: in a sum, with the number and the values that were encrypted."""
        return self.row_bytes + (ROW_NUMBER_BYTES + self.columns * VALUE_BYTES if self.columns else 0)

    @property
    def dst(self) -> bytes:
        """Every protocol hashes to the group under a tag of its own."""
        return (SUM_ELEMENTS if self.query is Query.SUM else COUNT_ELEMENTS).encode()

    def check_sizes(self, own_sizes: tuple[int, ...]) -> None:
        """See that every ciphertext of a list has a scalar of its own. Raises SizeError."""
        most = (1 << 32) // max(self.columns, 1)
        if max(own_sizes, default=0) > most:
            raise SizeError(f"expected at most {most} elements in a list with {self.columns} columns, got more")

    def largest(self, terms: Terms) -> int:
        """No honest total is larger, in absolute value, noise included."""
        return largest(self.aggregate, sum(self.asked_sizes), terms.epsilon_millis)

    def least(self, terms: Terms) -> int:
        """The smallest count that may be told: that many persons, should each of them count as often as one may."""
        return terms.minimum * self.aggregate.per_person

    def spent_millis(self, terms: Terms) -> int:
        """What all figures together spend: one person can be in every category, and in count and total."""
        return terms.epsilon_millis * self.categories * (2 if self.query is Query.SUM else 1)

    @property
    def sensitivities(self) -> tuple[int, int]:
        """See `terms.sensitivities`."""
        return sensitivities(self.aggregate)


@dataclass(frozen=True, slots=True)
class Keys:
    """One side's keys: every list and purpose has its own, or scalars repeat and a difference leaks."""

    seed: bytes = field(repr=False)
    salt: bytes
    query: Query
    role: Role

    def key(self, purpose: str, list_number: int = 0) -> bytes:
        """Returns 32 secret bytes."""
        return stream_key(
            self.seed,
            self.salt,
            suite=SUITE,
            protocol=self.query.value,
            role=self.role.value,
            leg=ONE_LEG,
            list_number=list_number,
            purpose=purpose,
        )


@dataclass(frozen=True, slots=True)
class ShuffledList:
    """One list of a session: all that its shuffle is bound to but what comes out of it.

    Args:
        asked: how many of the requester's elements; `targets`, of the responder's.
        before: SHA-512 of the targets.
        public_key: of the requester's mask for this list.
        joint_key: for a sum, under which the ciphertexts are; else empty.
    """

    plan: Plan
    keys: Keys
    ctx: bytes
    number: int
    asked: int
    targets: int
    before: bytes
    public_key: bytes
    joint_key: bytes

    def statement(self, after: bytes, bound: bytes) -> ShuffleStatement:
        """What is proved, given SHA-512 of the shuffled targets and of what is asked."""
        return ShuffleStatement(
            ctx=self.ctx,
            leg=ONE_LEG,
            list_number=self.number,
            count=self.targets,
            columns=self.plan.columns,
            public_key=self.public_key,
            joint_key=self.joint_key,
            before=self.before,
            after=after,
            bound=bound,
        )


def possession_context(salt: bytes, role: Role, agency: str) -> bytes:
    """What a proof of possession is bound to: session, role and signer."""
    return lp(salt, role.value, agency)


def partials_context(ctx: bytes, role: Role, agency: str) -> bytes:
    """What a proof of partial decryptions is bound to: everything agreed, role and signer."""
    return lp(ctx, role.value, agency)
