"""totals: three to thirty-two agencies learn a total, and nobody's contribution (docs/protocol.md, "totals").

Each encrypts its own figures, under a joint key of which it holds a share, and shows that it knows them and that they
lie within bounds; or, by the second scheme, under the requester's key and masks. Only sums are ever decrypted, in
stages, and only where every participant agrees to it.
"""

from __future__ import annotations

from protocol.totals.contributor import PaillierContributor, TotalsContributor
from protocol.totals.requester import REQUESTERS, Coordinator, Invited, PaillierRequester, TotalsRequester

__all__ = [
    "REQUESTERS",
    "Coordinator",
    "Invited",
    "PaillierContributor",
    "PaillierRequester",
    "TotalsContributor",
    "TotalsRequester",
]
