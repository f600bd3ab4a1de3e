"""What own records put into the cells of a total: how many identifiers, and how much, category by category."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nodes.aggregates.reading import AggregateReader
from nodes.registry import Snapshot
from protocol.aggregate.jobs import in_units
from protocol.effects import OwnCells, ReadValues
from protocol.messages import Aggregate

PER_CENT: Final = 100


def read_cells(
    reader: AggregateReader, snapshot: Snapshot, kinds: Sequence[str], aggregate: Aggregate, max_share_percent: int
) -> OwnCells:
    """Add up own records.

    Args:
        reader: of these records, made before the question was accepted.
        snapshot: own, kept open by the caller.
        kinds: identifier kinds, as the envelope lists them.
        aggregate: of the envelope.
        max_share_percent: a cell of which one identifier holds more, of the values without their signs, is withheld:
            whoever knows that identifier's part would know it of this agency. 100 withholds none.

    Cost: as a count over these records.
    """
    cells = max(1, len(aggregate.categories))
    records, values, moved, most = (np.zeros(cells, np.int64) for _ in range(4))
    for number, kind in enumerate(kinds):
        for block in snapshot.blocks(kind):
            found = reader.read(ReadValues(0, number, block.start, len(block)))
            flags: NDArray[Any] = np.frombuffer(found.flags, np.uint8).reshape(-1, cells)
            records += flags.sum(axis=0, dtype=np.int64)
            if aggregate.value:
                amounts = np.frombuffer(found.amounts, "<i8").reshape(-1, cells)
                units = in_units(amounts, aggregate) * flags
                values += units.sum(axis=0)
                moved += np.abs(units).sum(axis=0)
                most = np.maximum(most, np.abs(units).max(axis=0, initial=0))
    dominated = most * PER_CENT > moved * max_share_percent
    withheld = tuple(map(bool, dominated)) if aggregate.value else (False,) * cells
    return OwnCells(tuple(records.tolist()), tuple(values.tolist()) if aggregate.value else (), withheld)
