"""How the figures of a total are encrypted, as the asking side chooses it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from protocol.totals.requester import Coordinator, PaillierRequester, TotalsRequester
from protocol.vocabulary import Variant


class Scheme(StrEnum):
    """A name for operators; in the envelope it is the variant."""

    ELGAMAL = "elgamal"
    PAILLIER = "paillier"

    @property
    def requester(self) -> type[Coordinator]:
        """Who asks under this scheme."""
        return _REQUESTERS[self]

    @property
    def variant(self) -> Variant:
        """What the envelope says."""
        return self.requester.speaks[1]


_REQUESTERS: Final[Mapping[Scheme, type[Coordinator]]] = MappingProxyType(
    {Scheme.ELGAMAL: TotalsRequester, Scheme.PAILLIER: PaillierRequester}
)
