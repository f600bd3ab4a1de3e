"""What a participant puts into each cell: its own figures, with its own noise, or nothing at all."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from protocol.aggregate.terms import sensitivities
from protocol.effects import OwnCells
from protocol.errors import HostError
from protocol.messages import Terms
from protocol.totals.plan import Plan
from psi.noise import discrete_laplace


@dataclass(frozen=True, slots=True)
class NoiseKeys:
    """Stream keys of this session, for noise alone."""

    records: bytes = field(repr=False)
    values: bytes = field(repr=False)


def own_values(plan: Plan, terms: Terms, own: OwnCells, keys: NoiseKeys) -> bytes:
    """What is encrypted: stage by stage, cell by cell, int64, little-endian.

    A cell contributes only if its count of records, with noise, is at least that of the minimum and at least 1, and no
    own rule withholds it; otherwise it is zero in all stages, and nobody can tell. What noise moves out of the declared
    bounds is moved back to them.

    Raises:
        HostError: figures of another shape than the question has.
    """
    cells = len(plan.categories)
    values = own.values if plan.aggregate.value else (0,) * cells
    if not len(own.records) == len(values) == len(own.withheld) == cells:
        raise HostError(f"expected figures for {cells} categories, got others")
    noise = _noise(plan, terms, keys)
    columns: list[list[int]] = [[], [], []]
    for cell in range(cells):
        records = own.records[cell] + noise[0][cell]
        contributes = records >= max(plan.least(terms), 1) and not own.withheld[cell]
        rounded = (records + terms.rounding // 2) // terms.rounding * terms.rounding if terms.rounding else records
        figures = (1, rounded, values[cell] + noise[1][cell]) if contributes else (0, 0, 0)
        for stage in plan.stages:
            limits = plan.limits(stage)
            columns[stage].append(min(max(figures[stage], limits.low), limits.high))
    flat = [figure for stage in plan.stages for figure in columns[stage]]
    return struct.pack(f"<{len(flat)}q", *flat)


def _noise(plan: Plan, terms: Terms, keys: NoiseKeys) -> tuple[tuple[int, ...], tuple[int, ...]]:
    cells = len(plan.categories)
    if not terms.epsilon_millis:
        return (0,) * cells, (0,) * cells
    # Nobody has more identifiers in a cell than it can count.
    most = (plan.cap, plan.cap * max(abs(plan.aggregate.low), abs(plan.aggregate.high)))
    of_records, of_values = map(min, sensitivities(plan.aggregate), most)
    records = discrete_laplace(keys.records, 0, cells, of_records, terms.epsilon_millis)
    if not plan.aggregate.value:
        return records, (0,) * cells
    return records, discrete_laplace(keys.values, 0, cells, of_values, terms.epsilon_millis)
