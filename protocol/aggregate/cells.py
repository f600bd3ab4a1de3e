"""The rows of `Cells`: what is told of each category, in the same bytes whether it is told or not.

A row is told or not (1 or 0), the count (8 bytes, little-endian; 0 where it is not told), and for a sum the
ciphertext of the total and the responder's partial decryption of it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from protocol.aggregate.agreed import PARTIAL_BYTES, Plan
from protocol.aggregate.release import rounded
from protocol.errors import CellsError, SizeError
from protocol.messages import Terms
from protocol.vocabulary import Query
from psi.elgamal import CIPHERTEXT_BYTES

_COUNT = struct.Struct("<BQ")
_TOTAL = struct.Struct(f"<BQ{CIPHERTEXT_BYTES}s{PARTIAL_BYTES}s")


@dataclass(frozen=True, slots=True)
class Table:
    """What is told, category by category; a count of None is suppressed.

    Args:
        ciphertexts, partials: for a sum, n x 64 and n x 32 bytes; empty for a count.
    """

    counts: tuple[int | None, ...]
    ciphertexts: bytes = field(default=b"", repr=False)
    partials: bytes = field(default=b"", repr=False)


def table_of(counts: Sequence[int], told: Sequence[bool], terms: Terms) -> tuple[int | None, ...]:
    """The noisy counts as they are told."""
    return tuple(rounded(n, terms.rounding) if tells else None for n, tells in zip(counts, told, strict=True))


def encode(table: Table) -> bytes:
    """The rows of `Cells`."""
    heads = [(count is not None, count or 0) for count in table.counts]
    if not table.ciphertexts:
        return b"".join(_COUNT.pack(*head) for head in heads)
    ciphertexts = _cut(table.ciphertexts, CIPHERTEXT_BYTES)
    partials = _cut(table.partials, PARTIAL_BYTES)
    return b"".join(_TOTAL.pack(*head, *rest) for head, *rest in zip(heads, ciphertexts, partials, strict=True))


def decode(rows: bytes, plan: Plan, terms: Terms) -> Table:
    """What the responder tells.

    Raises:
        SizeError: not one row for each category.
        CellsError: what the terms do not allow.
    """
    row = _TOTAL if plan.query is Query.SUM else _COUNT
    if len(rows) != row.size * plan.categories:
        raise SizeError(f"expected {plan.categories} cells of {row.size} bytes, got {len(rows)} bytes")
    counts: list[int | None] = []
    rest: list[bytes] = []
    for tells, count, *sealed in row.iter_unpack(rows):
        if tells not in (0, 1) or (count and not tells):
            raise CellsError("expected a cell that tells a count or nothing")
        if tells and (count + terms.rounding // 2 < plan.least(terms) or (terms.rounding and count % terms.rounding)):
            raise CellsError("expected a count as the terms have it: no smaller than the minimum, and rounded")
        counts.append(count if tells else None)
        rest += sealed
    return Table(tuple(counts), b"".join(rest[0::2]), b"".join(rest[1::2]))


def _cut(rows: bytes, row_bytes: int) -> list[bytes]:
    return [rows[start : start + row_bytes] for start in range(0, len(rows), row_bytes)]
