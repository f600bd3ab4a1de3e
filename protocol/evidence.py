"""Signed messages as ledgers keep them, and what each says by itself; together they are examined in `examination`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from protocol import dsse
from protocol.aggregate import agreed, cells
from protocol.errors import (
    MalformedPacketError,
    ProtocolError,
    SignatureError,
    TermsError,
)
from protocol.messages import (
    Accept,
    Cells,
    Envelope,
    Message,
    Opening,
    Packet,
)
from protocol.totals.plan import Plan
from protocol.totals.rounds import named

Known = Mapping[str, Collection[bytes]]  # signing keys by agency, from partner files


class KeyOf(StrEnum):
    """How it is known whose key a signature verifies under."""

    PARTNER_FILE = "partner-file"
    ENVELOPE = "envelope"  # alone: who wrote it, says whose it is
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Said:
    """A signed message, and the agency that is said to have signed it."""

    sender: str
    packet: Packet


@dataclass(frozen=True, slots=True)
class Examined:
    """What is found of one message.

    Args:
        message: what it says; None where that cannot be read.
        key: under whose key it verifies.
        connects: how it belongs to the session; empty where it does not, or where `lacks` says why that is open.
        lacks: what would have to be there to see it.
        error: what is wrong with it.
    """

    said: Said
    message: Message | None
    key: KeyOf = KeyOf.UNKNOWN
    connects: str = ""
    lacks: str = ""
    error: ProtocolError | None = None

    @property
    def stands(self) -> bool:
        """Whether it is its signer's and belongs to the session."""
        return bool(self.connects) and self.error is None

    @property
    def name(self) -> str:
        """What it is, for people."""
        return named(self.said.packet.type, getattr(self.message, "stage", None))


def key_of(said: Said, known: Known) -> KeyOf:
    """See that a message verifies under a key of its signer's partner file, where there is one.

    Raises:
        SignatureError: there is one, and it does not. SigningKeyError: a key that verifies anything.
    """
    packet, keys = said.packet, known.get(said.sender, ())
    for number, key in enumerate(keys, 1):
        try:
            dsse.verify(key, packet.type, packet.payload, packet.signature)
        except SignatureError:
            if number == len(keys):
                raise
        else:
            return KeyOf.PARTNER_FILE
    return KeyOf.UNKNOWN


def told_counts(envelope: Envelope, accept: Accept, told: Cells) -> dict[str, int | None]:
    """By category, the counts that an answer tells, None where it tells nothing; totals are under a key of both sides.

    Raises:
        EnvelopeError, TermsError, SizeError, CellsError: no answer to this question on these terms.
    """
    if accept.terms is None:
        raise TermsError("expected the terms of the answer, got none")
    plan = agreed.Plan.of(envelope)
    return dict(
        zip(plan.aggregate.categories or ("",), cells.decode(told.rows, plan, accept.terms).counts, strict=True)
    )


def cells_named(envelope: Envelope, opening: Opening) -> tuple[str, ...]:
    """The categories that a participant of a total would open. Raises EnvelopeError, MalformedPacketError."""
    categories = Plan.of(envelope).categories
    if len(opening.cells) != len(categories) or set(opening.cells) - {0, 1}:
        raise MalformedPacketError(f"expected 0 or 1 for each of {len(categories)} cells, got others")
    return tuple(name for name, wanted in zip(categories, opening.cells, strict=True) if wanted)
