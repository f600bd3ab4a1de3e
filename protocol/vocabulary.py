"""The words that an envelope may use, each from a closed list.

Messages hold them as text, as the wire does: what a partner sent is one of them only once it was checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Role(StrEnum):
    """What an agency does in a session."""

    REQUESTER = "requester"
    RESPONDER = "responder"
    CONTRIBUTOR = "contributor"  # of totals, beside the requester, who contributes too


class Realm(StrEnum):
    """Exercise and production never mix: in identity, envelope and data set."""

    EXERCISE = "exercise"
    PRODUCTION = "production"


class Query(StrEnum):
    """What is asked; each is a protocol of its own."""

    INTERSECT = "intersect"
    EPOCH_SYNC = "epoch-sync"
    COUNT = "count"
    SUM = "sum"
    TOTALS = "totals"


class Variant(StrEnum):
    """How long keys live, and whose they are."""

    FRESH_KEYS = "fresh-keys"  # a session; in a total, all who take part have shares of one
    EPOCH_KEY = "epoch-key"  # an epoch; the responder's
    PAILLIER = "paillier"  # a session; of a total, the requester's alone


class Scheme(StrEnum):
    """How the figures of a total are encrypted, by names for operators; an envelope says it by its variant."""

    ELGAMAL = "elgamal"
    PAILLIER = "paillier"

    @classmethod
    def of(cls, variant: str) -> Scheme:
        """The scheme of a total of this variant."""
        return cls.PAILLIER if variant == Variant.PAILLIER else cls.ELGAMAL

    @property
    def variant(self) -> Variant:
        """What an envelope says."""
        return Variant.PAILLIER if self is Scheme.PAILLIER else Variant.FRESH_KEYS


class Reveals(StrEnum):
    """What the answer tells the recipients. An enum, never a boolean."""

    SHARED_IDENTIFIERS = "shared-identifiers"
    SHARED_IDENTIFIERS_WITH_NOTES = "shared-identifiers-with-notes"
    SHARED_IDENTIFIERS_TO_BOTH = "shared-identifiers-to-both"
    SHARED_IDENTIFIERS_TO_BOTH_WITH_NOTES = "shared-identifiers-to-both-with-notes"
    COUNT = "count"
    SUMS = "sums"
    TOTALS = "totals"

    @property
    def to_both(self) -> bool:
        """Whether the responder learns the shared identifiers too."""
        return self in (Reveals.SHARED_IDENTIFIERS_TO_BOTH, Reveals.SHARED_IDENTIFIERS_TO_BOTH_WITH_NOTES)

    @property
    def with_notes(self) -> bool:
        """Whether each shared identifier comes with the answering side's note."""
        return self in (Reveals.SHARED_IDENTIFIERS_WITH_NOTES, Reveals.SHARED_IDENTIFIERS_TO_BOTH_WITH_NOTES)


# What each query may reveal.
REVEALED: Final[Mapping[Query, tuple[Reveals, ...]]] = MappingProxyType(
    {
        Query.INTERSECT: (
            Reveals.SHARED_IDENTIFIERS,
            Reveals.SHARED_IDENTIFIERS_WITH_NOTES,
            Reveals.SHARED_IDENTIFIERS_TO_BOTH,
            Reveals.SHARED_IDENTIFIERS_TO_BOTH_WITH_NOTES,
        ),
        Query.EPOCH_SYNC: (Reveals.SHARED_IDENTIFIERS,),
        Query.COUNT: (Reveals.COUNT,),
        Query.SUM: (Reveals.SUMS,),
        Query.TOTALS: (Reveals.TOTALS,),
    }
)


class Comparison(StrEnum):
    """How a filter compares a column."""

    ONE_OF = "one-of"
    FROM = "from"
    UNTIL = "until"
