"""The table of discrete logarithms, built once for all tests of a run."""

from __future__ import annotations

import functools

from psi.discrete_log import Table


@functools.cache
def table() -> Table:
    return Table.build()
