"""What the tests of the registry share."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np

from nodes.registry import Registry, Snapshot
from protocol.identifiers import split_canonical

KEY = bytes(range(32))
NOW = datetime(2026, 1, 31, 8, 0, tzinfo=UTC)


def registry(root: Path, realm: str = "production") -> Registry:
    return Registry(root / "registry", KEY, realm)


def identifiers(snapshot: Snapshot, kind: str) -> list[bytes]:
    """All canonical identifiers of a kind, in the snapshot's order, read in odd steps."""
    found: list[bytes] = []
    while len(found) < snapshot.size(kind):
        items = snapshot.items(kind, len(found), min(997, snapshot.size(kind) - len(found)))
        data, offsets = bytes(items.data), np.frombuffer(bytes(items.offsets), dtype="<u4").tolist()
        found += [data[a:b] for a, b in pairwise(offsets)]
    return found


def plain(snapshot: Snapshot, kind: str) -> set[tuple[str, ...]]:
    """The fields of all identifiers of a kind of text."""
    return {tuple(field.decode("ascii") for field in split_canonical(c)) for c in identifiers(snapshot, kind)}
