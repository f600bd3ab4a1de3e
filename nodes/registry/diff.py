"""What changed between two versions of a data set: counts per kind, and records by reference. Never an identifier.

Exact and in bulk: both columns of a kind are merged block by block, so that every identifier has one rank in both, and
what a reference stands for is the set of those ranks and what is shown of its records.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nodes.registry.columns import padded
from nodes.registry.snapshot import Numbers, Snapshot

DIGEST_BYTES = 16  # of references and records, to tell them apart; nobody chooses them to collide

Texts = NDArray[np.bytes_]


@dataclass(frozen=True, slots=True)
class KindChange:
    """Distinct identifiers of one kind, before and after, and how many of them came and went."""

    kind: str
    before: int
    after: int
    added: int
    removed: int


@dataclass(frozen=True, slots=True)
class SnapshotDiff:
    """Two versions compared.

    Args:
        old, new: the versions.
        same_profile: made under one identifier profile; else identifiers differ that were not changed.
        kinds: of both.
        records_before, records_after: numbers of records.
        added, removed, changed: references that came, that went, and that now stand for other identifiers or display.
    """

    old: int
    new: int
    same_profile: bool
    kinds: tuple[KindChange, ...]
    records_before: int
    records_after: int
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]


def compare(old: Snapshot, new: Snapshot) -> SnapshotDiff:
    """Compare two versions.

    Raises:
        As `Snapshot`.

    Cost: some 5 us and 100 bytes per record and identifier of both.
    """
    both = _References(old, new)
    kinds = []
    for kind in dict.fromkeys((*old.kinds, *new.kinds)):
        before, after = ranks(old, new, kind)
        kept = len(np.intersect1d(before, after, assume_unique=True))
        kinds.append(KindChange(kind, len(before), len(after), len(after) - kept, len(before) - kept))
        both.compare_holders(kind, before, after)
    return SnapshotDiff(
        old.version,
        new.version,
        old.profile_hash == new.profile_hash,
        tuple(kinds),
        old.record_count,
        new.record_count,
        *both.changes(),
    )


def ranks(old: Snapshot, new: Snapshot, kind: str) -> tuple[Numbers, Numbers]:
    """Return, for the rows of a kind in each snapshot, their ranks among the distinct identifiers of both."""
    left, right = _Column(old, kind), _Column(new, kind)
    next_rank = 0
    while left.more() or right.more():
        bounds = [column.rows[-1] for column in (left, right) if column.more_follow()]
        parts = [column.take(min(bounds, default=None)) for column in (left, right)]
        union = np.unique(np.concatenate(parts))
        for column, part in zip((left, right), parts, strict=True):
            column.ranks.append(next_rank + np.searchsorted(union, part))
        next_rank += len(union)
    return left.all_ranks(), right.all_ranks()


class _Column:
    """A kind's identifiers, taken in ascending order."""

    def __init__(self, snapshot: Snapshot, kind: str) -> None:
        self._blocks = self._read(snapshot, kind)
        self._left = snapshot.size(kind)
        self.rows: Texts = np.zeros(0, "S1")
        self.ranks: list[Numbers] = []

    @staticmethod
    def _read(snapshot: Snapshot, kind: str) -> Iterator[Texts]:
        for block in snapshot.blocks(kind):
            items = snapshot.items(kind, block.start, len(block))
            rows = padded(bytes(items.data), np.diff(np.frombuffer(bytes(items.offsets), "<u4")))
            yield rows.view(f"S{rows.shape[1]}").ravel()

    def more(self) -> bool:
        """Hold at least one identifier, if there is one left."""
        if not len(self.rows) and self._left:
            self.rows = next(self._blocks)
            self._left -= len(self.rows)
        return bool(len(self.rows))

    def more_follow(self) -> bool:
        """Whether there are identifiers behind those that are held."""
        return self.more() and bool(self._left)

    def take(self, bound: bytes | None) -> Texts:
        """Take those up to `bound`; all without one."""
        self.more()
        end = len(self.rows) if bound is None else int(np.searchsorted(self.rows, np.array([bound]), "right")[0])
        taken, self.rows = self.rows[:end], self.rows[end:]
        return taken

    def all_ranks(self) -> Numbers:
        return np.concatenate(self.ranks) if self.ranks else np.zeros(0, np.int64)


class _References:
    """The references of two snapshots: what each stands for, and whether that differs."""

    def __init__(self, old: Snapshot, new: Snapshot) -> None:
        self._snapshots = (old, new)
        (old_names, old_texts), (new_names, new_texts) = _digests(old), _digests(new)
        names, numbers = np.unique(np.concatenate((old_names, new_names)), return_inverse=True)
        self._of_record = (numbers[: len(old_names)], numbers[len(old_names) :])
        self._differs = np.zeros(len(names), bool)
        texts, kinds_of_text = np.unique(np.concatenate((old_texts, new_texts)), return_inverse=True)
        sides = (kinds_of_text[: len(old_texts)], kinds_of_text[len(old_texts) :])
        counts = [np.bincount(side, minlength=len(texts)) for side in sides]
        for side, of_record in zip(sides, self._of_record, strict=True):
            self._differs[of_record[(counts[0] != counts[1])[side]]] = True

    def compare_holders(self, kind: str, *ranks_by_side: Numbers) -> None:
        """Mark the references that hold another set of identifiers of a kind."""
        held = []
        for snapshot, of_record, own_ranks in zip(self._snapshots, self._of_record, ranks_by_side, strict=True):
            pairs = [np.zeros(0, np.int64)]
            for block in snapshot.blocks(kind):
                holders = snapshot.holders(kind, np.asarray(block))
                repeated = np.repeat(own_ranks[block.start : block.stop], np.diff(holders.bounds))
                pairs.append(of_record[holders.numbers] << 32 | repeated)
            held.append(np.unique(np.concatenate(pairs)))
        self._differs[np.setxor1d(held[0], held[1], assume_unique=True) >> 32] = True

    def changes(self) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
        """Return the references that were added, removed and changed."""
        old, new = (np.unique(of_record, return_index=True) for of_record in self._of_record)
        stays = np.isin(new[0], old[0], assume_unique=True)
        gone = ~np.isin(old[0], new[0], assume_unique=True)
        changed = stays & self._differs[new[0]]
        return (
            self._names(1, new[1][~stays]),
            self._names(0, old[1][gone]),
            self._names(1, new[1][changed]),
        )

    def _names(self, side: int, records: Numbers) -> tuple[str, ...]:
        texts = self._snapshots[side].record_texts(np.sort(records))
        return tuple(json.loads(text)["reference"] for text in texts)


def _digests(snapshot: Snapshot) -> tuple[Texts, Texts]:
    """Return digests of the reference and of the whole of every record."""
    names, texts = bytearray(), bytearray()
    for block in snapshot.record_blocks():
        money = snapshot.record_columns(block).texts()
        for text, transaction in zip(snapshot.record_texts(np.asarray(block)), money, strict=True):
            reference = json.loads(text)["reference"].encode()
            names += hashlib.blake2b(reference, digest_size=DIGEST_BYTES).digest()
            texts += hashlib.blake2b(text + transaction, digest_size=DIGEST_BYTES).digest()
    names_array, texts_array = (np.frombuffer(bytes(side), f"S{DIGEST_BYTES}") for side in (names, texts))
    return names_array, texts_array
