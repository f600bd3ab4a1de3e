"""From group elements to the numbers behind them: counts at once, totals with a table.

The table is the same on every machine and nothing in it is secret. It is made when it is first needed, in seconds, kept
in the home folder (104 MiB), and made again if that file is not what it must be. Counts do without it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nodes.errors import NodeError
from nodes.home import read_private, write_private
from nodes.logs import line
from protocol.effects import Job, Solve
from psi.discrete_log import TABLE_BYTES, Table
from psi.errors import TableError
from psi.small_log import MAX_SMALL, solve_small

log = logging.getLogger("accord.session")


class Logarithms:
    """Finds totals with one table for all sessions. Safe to use from several threads.

    Args:
        path: of the file that keeps the table.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._table: Table | None = None

    def solver(self, effect: Solve) -> Job:
        """The work of finding these totals, for threads that compute."""
        if effect.bound <= MAX_SMALL:
            return _SolvingSmall(effect.elements, effect.bound)
        return _Solving(self._ready, effect.elements, effect.bound)

    def _ready(self) -> Table:
        with self._lock:
            if self._table is None:
                self._table = self._kept() or self._made()
            return self._table

    def _kept(self) -> Table | None:
        if self._path.exists():
            with suppress(NodeError, TableError):
                return Table.from_bytes(read_private(self._path, TABLE_BYTES))
            log.warning(line("table-made-anew", path=self._path))
        return None

    def _made(self) -> Table:
        table = Table.build()
        try:
            write_private(self._path, table.to_bytes())
        except NodeError as error:  # the next start makes it once more
            log.warning(line("table-not-kept", code=error.code, message=error))
        return table


@dataclass(frozen=True, slots=True)
class _SolvingSmall:
    elements: bytes = field(repr=False)
    bound: int

    def run(self) -> Any:
        return solve_small(self.elements, self.bound)


@dataclass(frozen=True, slots=True)
class _Solving:
    table: Callable[[], Table]
    elements: bytes = field(repr=False)
    bound: int

    def run(self) -> Any:
        return self.table().solve(self.elements, self.bound)
