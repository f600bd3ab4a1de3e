"""One synchronisation of an epoch's index, from the operator's request to the release that the node then holds."""

from __future__ import annotations

from typing import Any

from nodes.asking import RequesterHost
from nodes.epochs.asking import SyncHost
from nodes.errors import StorageError
from nodes.partners import Partner
from nodes.querying import Query
from nodes.runner import Outcome
from protocol.results import Synchronised


class Sync(Query):
    """Run once; `cancel` at any time ends it with a signed abort. Releases that were adopted by then stay."""

    def _host(self, partner: Partner) -> RequesterHost:
        return SyncHost(self._node, partner, self._request)

    def _conclude(self, host: RequesterHost, outcome: Outcome, session_id: str) -> dict[str, Any]:
        result = outcome.done.result
        if not isinstance(result, Synchronised):
            raise StorageError("expected a synchronised index, got another ending")
        one = self._node.held.by_id(result.epoch)
        return {
            "session": session_id,
            "partner": host.partner,
            "asked": one.epoch.data_set,
            "epoch": result.epoch,
            "release": result.release,
            "released_ms": one.release.made_ms,
            "not_after_ms": one.epoch.not_after_ms,
            "lists": [
                {"kind": kind, "partner": size} for kind, size in zip(one.epoch.kinds, result.sizes, strict=True)
            ],
            "seconds": round(outcome.seconds, 3),
            "sent_bytes": outcome.sent_bytes,
            "received_bytes": outcome.received_bytes,
        }
