"""What commands need of the node's own folder, whether or not the node is running."""

from __future__ import annotations

import os
import time
from contextlib import closing
from dataclasses import dataclass

from nodes.config import Config, Operator, load_config
from nodes.home import Home
from nodes.identity import Identity, load_identity
from nodes.ledger import Entry, Ledger


def now_ms() -> int:
    """Return this machine's time in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class LocalNode:
    """This agency's node as a command sees it: checked configuration and keys, and who is calling."""

    home: Home
    config: Config
    identity: Identity
    operator: Operator

    @classmethod
    def load(cls, home: Home) -> LocalNode:
        """Load all of it. Raises the errors of `load_config` and `load_identity`, and OperatorUnknownError."""
        config = load_config(home)
        return cls(home, config, load_identity(home, config.agency_id, now_ms()), config.operator(os.getuid()))

    def record(self, entry: Entry) -> None:
        """Append to the ledger. Raises LedgerError: then the command must not go on."""
        at_ms = now_ms()
        with closing(Ledger(self.home, self.config, self.identity.signer, at_ms)) as ledger:
            ledger.append(entry, at_ms)
