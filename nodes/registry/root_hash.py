"""The hash that stands for all that a snapshot holds, whoever wrote the file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from nodes.registry.record_columns import PERSONS
from psi import lp

DST_ROOT: Final = "accord/v1/snapshot-root"
DST_VALUES: Final = "accord/v1/snapshot-values"


class RootHash:
    """The canonical root: SHA-512 over the profile and, per kind, its size, offsets and sorted identifiers.

    Kinds come in the order of the profile, empty ones too. The snapshot commitment of a session hashes this root
    with a fresh salt. Where records have transactions, it also covers these, and which records hold which identifier.
    """

    def __init__(self, profile_hash: bytes) -> None:
        self._hash = hashlib.sha512(lp(DST_ROOT, profile_hash))
        self._values = hashlib.sha512()
        self._has_values = False

    def kind(
        self, name: str, size: int, offsets: Iterable[bytes], data: Iterable[bytes], held: Iterable[bytes] = ()
    ) -> None:
        """Add one kind: offsets as n + 1 little-endian 32-bit numbers from 0, then the identifiers end to end.

        Args:
            held: the holders, then their offsets, as the file has them.
        """
        self._hash.update(lp(name, size))
        for parts in (offsets, data):
            for part in parts:
                self._hash.update(part)
        self._values.update(lp(name, size))
        for part in held:
            self._values.update(part)

    def records(
        self, count: int, words: Mapping[str, Sequence[str]], values: Iterable[tuple[str, Iterable[bytes]]]
    ) -> None:
        """Add the columns of records, persons first; called last."""
        for name, parts in values:
            self._has_values |= name != PERSONS
            self._values.update(lp(name, count, *words.get(name, ())))
            for part in parts:
                self._values.update(part)

    def digest(self) -> bytes:
        if not self._has_values:
            return self._hash.digest()
        self._hash.update(lp(DST_VALUES, self._values.digest()))
        return self._hash.digest()
