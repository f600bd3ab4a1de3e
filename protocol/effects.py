"""The seam between a session and whoever runs it.

A session is `step(event) -> list[Effect]`: events (`protocol.events`) go in, effects come out. It never blocks, never
sleeps, never draws randomness. Effects with a token are answered by exactly one `Completed(token, result)`, where
`protocol.host_answers` has the results that are more than bytes; a job that raises is answered by `JobFailed`, any
other effect that fails by `Ended(HostError(...))`. The host may answer in any order and overlaps computation with I/O;
a test runs everything inline.

Spools are named columns of fixed-width rows that do not fit in memory by wishing. Names, for list i: `("outputs", i)`
holds what this side asked, `("own-tags", i)` and `("partner-tags", i)` what the sides answer; `protocol.rows` says how
wide they are. In an epoch's question the host has filled ("partner-tags", i) with its index of list i beforehand. In a
count or a sum both sides have ("targets", i), ("asked", i) and ("shuffled", i), and the responder ("responses", i),
("masked", i) and ("beginnings", i) (`protocol.aggregate`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from protocol.errors import ProtocolError
from protocol.host_answers import Signed
from protocol.messages import Envelope, PacketType
from protocol.results import Result
from psi import PsiError

SpoolName = tuple[str, int]


class Job(Protocol):
    """Pure, serializable work: no I/O, the same result anywhere. `run` releases the GIL and uses all cores."""

    def run(self) -> Any: ...


@dataclass(frozen=True, slots=True)
class Send:
    """A packet's exact bytes for the partner. Not answered."""

    packet: bytes
    type: PacketType


@dataclass(frozen=True, slots=True)
class SendTo:
    """For who coordinates a total: a packet for that participant."""

    agency: str
    packet: bytes
    type: PacketType


@dataclass(frozen=True, slots=True)
class Compute:
    """Run a job, beside everything else. Result: what its `run` returns."""

    token: int
    job: Job


@dataclass(frozen=True, slots=True)
class ReadItems:
    """Own identifiers `first .. first+count-1` of list i, in the snapshot's order. Result: `psi.Items`."""

    token: int
    list_number: int
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class ReadValues:
    """Of own identifiers `first .. first+count-1` of list i: what the envelope's aggregate says of each. Result:
    `Values`.
    """

    token: int
    list_number: int
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class ReadCells:
    """For totals: what own records hold in each category of the envelope's aggregate. Result: `OwnCells`."""

    token: int


@dataclass(frozen=True, slots=True)
class Solve:
    """The discrete logarithms of n x 32 bytes, each known to be at most `bound` in absolute value. The host keeps the
    table. Result: n integers (numpy int64). A logarithm outside is a job that failed.
    """

    token: int
    elements: bytes = field(repr=False)
    bound: int


@dataclass(frozen=True, slots=True)
class Append:
    """Add rows to a spool. Not answered; the host applies backpressure by holding back later answers."""

    spool: SpoolName
    row_bytes: int
    rows: bytes


@dataclass(frozen=True, slots=True)
class Sort:
    """Sort a spool by bytes. A spool that was never appended to is empty. Result: None."""

    token: int
    spool: SpoolName
    row_bytes: int


@dataclass(frozen=True, slots=True)
class ReadRows:
    """Rows `first .. first+count-1` of a sorted spool. Result: bytes."""

    token: int
    spool: SpoolName
    row_bytes: int
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class ReadNotes:
    """The notes of own identifiers `first .. first+count-1` of list i. Result: count x 128 bytes (`protocol.notes`)."""

    token: int
    list_number: int
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Join:
    """Pair the rows of `outputs` (sorted) with those of `tags` (strictly ascending) that begin with the same tag.

    Result: bytes, the pairs `output row || tag row`, ascending by row number (the output row's last 4 bytes).
    """

    token: int
    outputs: SpoolName
    output_row_bytes: int
    tags: SpoolName
    tag_row_bytes: int


@dataclass(frozen=True, slots=True)
class Admit:
    """Responder: may this envelope be answered? The host checks nonce, rules, limits and budget, reserves the budget,
    opens the data set and writes the ledger, durably. Result: `Admission` or `Rejection`.
    """

    token: int
    envelope: Envelope
    envelope_digest: bytes
    now_ms: int


@dataclass(frozen=True, slots=True)
class ReadRelease:
    """Rows `first .. first+count-1` of one part of an own release: part 2i is what it adds to list i, part 2i + 1 what
    it removes. Result: bytes.
    """

    token: int
    release: int
    part: int
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Merge:
    """Apply a release to list i of the own index of an epoch, as a draft: the rows of the one spool come in, those of
    the other leave; both spools are empty afterwards. Lists come in order. Result: `Merged`.
    """

    token: int
    epoch: str
    release: int
    list_number: int
    additions: SpoolName
    removals: SpoolName


@dataclass(frozen=True, slots=True)
class Adopt:
    """Make the drafted lists the own index, durably and as a whole, as this release of this epoch. Result: None."""

    token: int
    statement: Signed
    release: Signed


@dataclass(frozen=True, slots=True)
class ConsumeSeed:
    """Mark the session's seed as consumed, durably, before its first use. Result: None."""

    token: int
    seed_commitment: bytes


@dataclass(frozen=True, slots=True)
class Charge:
    """Charge the partner's budget with what it asked and write the disclosure to the ledger, durably, before own tags
    leave. For the responder always; for the requester where the answer goes to both.

    Args:
        elements: of the partner's, in all lists.
        ctx: of the session.
        epsilon_millis: of a count or a sum: what all its figures spend together, suppressed or not.
        exact: of a count or a sum: 1 where it is told without noise, suppressed or not, else 0.
    """

    token: int
    elements: int
    ctx: bytes
    epsilon_millis: int = 0
    exact: int = 0


@dataclass(frozen=True, slots=True)
class Evidence:
    """A signed message, kept by both sides: the exact bytes whose hash the transcript holds. Not answered."""

    sender: str
    type: PacketType
    payload: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Done:
    """The last effect. Exactly one of `result` and `error` is set."""

    result: Result | None
    error: ProtocolError | PsiError | None
    ctx: bytes | None


Effect = (
    Send
    | SendTo
    | Compute
    | ReadItems
    | ReadNotes
    | ReadValues
    | ReadCells
    | Solve
    | Append
    | Sort
    | ReadRows
    | Join
    | ReadRelease
    | Merge
    | Adopt
    | Admit
    | ConsumeSeed
    | Charge
    | Evidence
    | Done
)


@dataclass(frozen=True, slots=True)
class Progress:
    """For people: elements done of elements in all, in the phase under way."""

    phase: str
    done: int
    total: int
