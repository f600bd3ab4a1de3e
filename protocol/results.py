"""What sessions end with, on either side."""

from __future__ import annotations

from dataclasses import dataclass

from protocol.messages import Terms


@dataclass(frozen=True, slots=True)
class Answer:
    """Per list, the shared rows of this side (little-endian uint32, ascending) and the partner's size.

    The requester's result; and the responder's, where the answer goes to both.
    """

    rows: tuple[bytes, ...]
    partner_sizes: tuple[int, ...]
    notes: tuple[bytes, ...] = ()
    """With notes: per list, 128 bytes for each row, as they were opened; zeros where a note was not authentic."""
    authentic: tuple[bytes, ...] = ()
    """With notes: per list, a byte for each row, 1 where the note was authentic, 0 where it did not open."""


@dataclass(frozen=True, slots=True)
class Disclosed:
    """Responder: what was asked for left, and both receipts stand.

    Args:
        counts: of a count or a sum: the exact count of each category, which the responder always learns.
        told: which of these categories were told.
    """

    counts: tuple[int, ...] = ()
    told: tuple[bool, ...] = ()


@dataclass(frozen=True, slots=True)
class Figure:
    """What the requester is told of one category.

    Args:
        category: its name; empty where the question names none.
        count: of shared identifiers, with noise and rounding as the terms say; None where the category is suppressed.
        total: in units, with noise as the terms say; None for a count, and where the category is suppressed.
    """

    category: str
    count: int | None
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """The answer to a count or a sum, category by category, and the terms that it was told on."""

    figures: tuple[Figure, ...]
    terms: Terms
    partner_sizes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Total:
    """What this node learns of one category over all participants; None where that was not opened to it.

    Args:
        contributors: how many participants contributed.
        records: their records, with the noise and rounding of each one's terms.
        value: their values, in units, with the noise of each one's terms.
    """

    category: str
    contributors: int | None
    records: int | None = None
    value: int | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """The answer of totals, category by category, and each participant's terms: its agency and how closely it tells."""

    totals: tuple[Total, ...]
    terms: tuple[tuple[str, Terms], ...]


@dataclass(frozen=True, slots=True)
class Synchronised:
    """Requester: the own index of this epoch is at this release."""

    epoch: str
    release: int
    sizes: tuple[int, ...]


Result = Answer | Disclosed | Figures | Synchronised | Totals
