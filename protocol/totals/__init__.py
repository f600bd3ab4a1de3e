"""totals: three to thirty-two agencies learn a total, and nobody's contribution (docs/protocol.md, "totals").

Each encrypts its own figures under a joint key of which it holds a share, and shows that it knows them and that they
lie within bounds. Only sums are ever decrypted, in stages, and only where every participant agrees to it.
"""

from __future__ import annotations

from protocol.totals.contributor import TotalsContributor
from protocol.totals.requester import Invited, TotalsRequester

__all__ = ["Invited", "TotalsContributor", "TotalsRequester"]
