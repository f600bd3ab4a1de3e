"""What a host completes effects with, where that is more than bytes; each effect says which it expects."""

from __future__ import annotations

from dataclasses import dataclass, field

from protocol.errors import Reason
from protocol.messages import Terms


@dataclass(frozen=True, slots=True)
class Values:
    """What own records hold behind each identifier, category by category, after the envelope's filters.

    With c categories (1 where the aggregate names none) and n identifiers, row by row:

    Args:
        flags: n x c bytes, 1 where the identifier has a record in the category that passes all filters, else 0. Of a
            person's identifiers, in all lists together, at most `per_person` have any 1.
        amounts: n x c int64, little-endian: the sum of these records' values, in minor units of the currency and
            neither scaled nor clipped: the protocol does both. Empty for a count.
    """

    flags: bytes = field(repr=False)
    amounts: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class OwnCells:
    """Own records, category by category (one where the aggregate names none), after the envelope's filters.

    Args:
        records: how many own identifiers of the envelope's kinds have a record in the category; of a person's, at most
            `per_person` count.
        values: the sum of what these have, each in units and clipped to low..high of the aggregate; empty for a count.
        withheld: True where an own rule forbids to contribute whatever the number is, as where one person dominates.
            The minimum of the terms is for the protocol to apply.
    """

    records: tuple[int, ...] = field(repr=False)
    values: tuple[int, ...] = field(default=(), repr=False)
    withheld: tuple[bool, ...] = ()


@dataclass(frozen=True, slots=True)
class Admission:
    """The responder's answer to Admit: elements per list, the root of the snapshot that holds them, in an epoch what
    this session may do with it, and for a count, a sum or a total how closely it may tell.
    """

    sizes: tuple[int, ...]
    snapshot_root: bytes
    grant: Grant | None = None
    terms: Terms | None = None


@dataclass(frozen=True, slots=True)
class Rejection:
    """The other answer to Admit."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Signed:
    """A message signed earlier: its exact bytes."""

    payload: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Grant:
    """The responder's epoch, for one session.

    Args:
        statement: the signed Epoch.
        seed: 32 bytes, the epoch's own.
        releases: for a synchronisation, the signed releases that the requester lacks, in order.
        watched: for a synchronisation, what those releases charge: the evaluations that they answer again.
    """

    statement: Signed
    seed: bytes = field(repr=False)
    releases: tuple[Signed, ...] = ()
    watched: int = 0


@dataclass(frozen=True, slots=True)
class Merged:
    """A list of the index as drafted: its rows, SHA-512 over them, and how many changes did not fit, because a row was
    there already or was not there.
    """

    size: int
    rows_digest: bytes
    misfits: int
