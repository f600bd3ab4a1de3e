"""What own records put into the cells of a total: how many identifiers, and how much, category by category."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nodes.aggregates.errors import AggregateError
from nodes.aggregates.reading import AggregateReader
from nodes.registry import Snapshot
from protocol.aggregate.jobs import in_units
from protocol.host_answers import OwnCells
from protocol.messages import Aggregate, Envelope, List
from protocol.vocabulary import Variant

PER_CENT: Final = 100
SEALED_WORK: Final = 400  # of a figure under Paillier, next to an element: accord.toml allows 500 us for one


def read_cells(reader: AggregateReader, max_share_percent: int) -> OwnCells:
    """Add up own records.

    Args:
        reader: of these records, made before the question was accepted.
        max_share_percent: a cell of which one identifier holds more, of the values without their signs, is withheld:
            whoever knows that identifier's part would know it of this agency. 100 withholds none.

    Cost: as a count over these records.
    """
    aggregate = reader.aggregate
    cells = cells_of(aggregate)
    records, values, moved, most = (np.zeros(cells, np.int64) for _ in range(4))
    for found in reader.read_all():
        flags: NDArray[Any] = np.frombuffer(found.flags, np.uint8).reshape(-1, cells)
        records += flags.sum(axis=0, dtype=np.int64)
        if aggregate.value:
            units = in_units(np.frombuffer(found.amounts, "<i8").reshape(-1, cells), aggregate) * flags
            values += units.sum(axis=0)
            moved += np.abs(units).sum(axis=0)
            most = np.maximum(most, np.abs(units).max(axis=0, initial=0))
    dominated = most * PER_CENT > moved * max_share_percent
    return OwnCells(
        records=tuple(records.tolist()),
        values=tuple(values.tolist()) if aggregate.value else (),
        withheld=tuple(dominated.tolist()),
    )


def cells_of(aggregate: Aggregate) -> int:
    """How many cells a total has."""
    return max(1, len(aggregate.categories))


def sealing(envelope: Envelope) -> int:
    """How long one participant works on its figures without a word, in elements that are looked up."""
    aggregate = envelope.aggregate
    if aggregate is None or envelope.variant != Variant.PAILLIER:
        return 0
    return SEALED_WORK * cells_of(aggregate) * (3 if aggregate.value else 2)


def check_declared(snapshot: Snapshot, lists: Sequence[List]) -> None:
    """See that the question's range holds all own records.

    Raises:
        AggregateError: there are more of a kind than the question says that one participant can count.
    """
    for entry in lists:
        if snapshot.size(entry.kind) > entry.size:
            raise AggregateError(f"expected at most {entry.size} own identifiers of a kind, got more")
