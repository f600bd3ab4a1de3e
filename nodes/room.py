"""Room on the spools' disk: what sessions under way were promised, so that all of them together fit."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

from nodes.errors import StorageError
from nodes.spool import Spools


class Room:
    """What is left of a disk when each session has spooled all that it declared. For any thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._promised_bytes: dict[Spools, int] = {}
        self._lock = threading.Lock()

    def promise(self, spools: Spools, count_bytes: int) -> None:
        """Set so many bytes aside for one session, in all; a later promise to it replaces the one before.

        Raises:
            StorageError: with what others were promised and have not spooled yet, they would not fit.
        """
        if count_bytes > spools.limit_bytes:
            raise StorageError(f"expected a session to spool at most {spools.limit_bytes} bytes, got {count_bytes}")
        with self._lock:
            others = ((other, promised) for other, promised in self._promised_bytes.items() if other is not spools)
            owed_bytes = sum(max(promised - other.used_bytes, 0) for other, promised in others)
            needed_bytes = max(count_bytes - spools.used_bytes, 0)
            left_bytes = shutil.disk_usage(self._folder).free - owed_bytes
            if left_bytes < needed_bytes:
                raise StorageError(f"expected {needed_bytes} bytes left for spools at {self._folder}, got {left_bytes}")
            self._promised_bytes[spools] = count_bytes

    def release(self, spools: Spools) -> None:
        """The session is over."""
        with self._lock:
            self._promised_bytes.pop(spools, None)
