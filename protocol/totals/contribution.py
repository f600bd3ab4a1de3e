"""What a participant puts into each cell: its own figures, with its own noise, or nothing at all."""

from __future__ import annotations

import struct

from protocol.aggregate.jobs import Noise
from protocol.aggregate.terms import sensitivities
from protocol.errors import HostError
from protocol.host_answers import OwnCells
from protocol.messages import Terms
from protocol.totals.plan import Plan


def own_noise(plan: Plan, terms: Terms, records_key: bytes, values_key: bytes) -> Noise:
    """The job that draws noise for the records of all cells and, where these are summed, for their values.

    Args:
        records_key, values_key: stream keys of this session for this alone, 32 bytes each.
    """
    # Nobody has more identifiers in a cell than it can count.
    most = (plan.cap, plan.cap * max(abs(plan.aggregate.low), abs(plan.aggregate.high)))
    drawn = 2 if plan.aggregate.value else 1
    moves = tuple(map(min, sensitivities(plan.aggregate), most))
    return Noise((records_key, values_key)[:drawn], moves[:drawn], len(plan.categories), terms.epsilon_millis)


def own_values(plan: Plan, terms: Terms, own: OwnCells, noise: tuple[tuple[int, ...], ...]) -> bytes:
    """What is encrypted: stage by stage, cell by cell, int64, little-endian.

    A cell contributes only if its count of records, with noise, is at least that of the minimum and at least 1, and no
    own rule withholds it; otherwise it is zero in all stages, and nobody can tell. What noise moves out of the declared
    bounds is moved back to them.

    Args:
        noise: what `own_noise` drew.

    Raises:
        HostError: figures of another shape than the question has.
    """
    cells = len(plan.categories)
    values = own.values if plan.aggregate.value else (0,) * cells
    if not len(own.records) == len(values) == len(own.withheld) == cells:
        raise HostError(f"expected figures for {cells} categories, got others")
    of_records, of_values = noise if plan.aggregate.value else (*noise, (0,) * cells)
    columns: list[list[int]] = [[], [], []]
    for cell in range(cells):
        records = own.records[cell] + of_records[cell]
        contributes = records >= max(plan.least(terms), 1) and not own.withheld[cell]
        rounded = (records + terms.rounding // 2) // terms.rounding * terms.rounding if terms.rounding else records
        figures = (1, rounded, values[cell] + of_values[cell]) if contributes else (0, 0, 0)
        for stage in plan.stages:
            limits = plan.limits(stage)
            columns[stage].append(min(max(figures[stage], limits.low), limits.high))
    flat = [figure for stage in plan.stages for figure in columns[stage]]
    return struct.pack(f"<{len(flat)}q", *flat)
