"""What a session needs from its node, and which call carries out which effect on storage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from nodes.spool import Spools
from protocol.effects import (
    Admit,
    Adopt,
    Append,
    Charge,
    ConsumeSeed,
    Effect,
    Evidence,
    Job,
    Join,
    Merge,
    ReadCells,
    ReadItems,
    ReadNotes,
    ReadRelease,
    ReadRows,
    ReadValues,
    Solve,
    Sort,
)
from protocol.host_answers import Admission, OwnCells, Rejection, Values
from psi import Items


class Host(Protocol):
    """What a session needs from its node. The calls block, and are made in storage threads."""

    @property
    def deadline_ms(self) -> int:
        """How long the session may take in all, by what both sides have declared so far."""

    @property
    def silence_ms(self) -> int:
        """How long the partner may be silent while this side waits for it."""

    def admit(self, effect: Admit) -> Admission | Rejection: ...
    def consume_seed(self, effect: ConsumeSeed) -> None: ...
    def charge(self, effect: Charge) -> None: ...
    def read_items(self, effect: ReadItems) -> Items: ...
    def read_notes(self, effect: ReadNotes) -> bytes: ...
    def read_values(self, effect: ReadValues) -> Values: ...
    def read_cells(self, effect: ReadCells) -> OwnCells: ...
    def solver(self, effect: Solve) -> Job: ...
    def keep(self, effect: Evidence) -> None: ...
    def synchronise(self, effect: ReadRelease | Merge | Adopt, spools: Spools) -> Any: ...


@dataclass(frozen=True, slots=True)
class Call:
    """One call to storage, and the token of who waits for what it returns. Those of a session run one after the other.

    Args:
        size_bytes: of what it holds in memory until it is made.
    """

    run: Callable[[], Any]
    token: int | None
    size_bytes: int = 0


def call_for(effect: Effect, host: Host, spools: Spools) -> Call:
    """Return the call that carries out an effect on storage."""
    match effect:
        case Append():
            append = partial(spools.append, effect.spool, effect.row_bytes, effect.rows)
            return Call(append, None, len(effect.rows))
        case ReadItems():
            return Call(partial(host.read_items, effect), effect.token)
        case ReadNotes():
            return Call(partial(host.read_notes, effect), effect.token)
        case ReadValues():
            return Call(partial(host.read_values, effect), effect.token)
        case ReadCells():
            return Call(partial(host.read_cells, effect), effect.token)
        case Sort():
            return Call(partial(spools.sort, effect.spool, effect.row_bytes), effect.token)
        case ReadRows():
            read = partial(spools.read, effect.spool, effect.row_bytes, effect.first, effect.count)
            return Call(read, effect.token)
        case Join():
            left, right = (effect.outputs, effect.output_row_bytes), (effect.tags, effect.tag_row_bytes)
            return Call(partial(spools.join, *left, *right), effect.token)
        case Admit():
            return Call(partial(host.admit, effect), effect.token)
        case ReadRelease() | Merge() | Adopt():
            return Call(partial(host.synchronise, effect, spools), effect.token)
        case ConsumeSeed():
            return Call(partial(host.consume_seed, effect), effect.token)
        case Charge():
            return Call(partial(host.charge, effect), effect.token)
        case _:
            raise TypeError(f"expected an effect on storage, got {type(effect).__name__}")
