"""What commands need of the node's own folder, whether or not the node is running."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
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

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """Open the ledger, to append to it. Raises LedgerError."""
        with closing(Ledger(self.home, self.config, self.identity.signer, now_ms())) as ledger:
            yield ledger

    def record(self, entry: Entry) -> None:
        """Append to the ledger. Raises LedgerError: then the command must not go on."""
        with self.ledger() as ledger:
            ledger.append(entry, now_ms())
