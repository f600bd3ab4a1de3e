"""A snapshot: an immutable, sealed file with one import's identifiers and the records behind them.

Content, in order: the records (JSON each) and their ends (64-bit); per kind, in the order of the profile, the
identifiers, their offsets, the holders and their offsets (32-bit); the manifest (JSON) and its length (32-bit).
All numbers are little-endian. Reading a part of a column opens only the chunks that hold it.
"""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from nodes.registry.columns import Column
from nodes.registry.errors import SnapshotError
from nodes.sealed import CHUNK_BYTES, SealedReader, SealedWriter
from protocol.identifiers import KINDS
from psi import Items, lp

FORMAT: Final = 1
DST_FILE: Final = "accord/v1/snapshot-file"
DST_ROOT: Final = "accord/v1/snapshot-root"
MAX_MANIFEST_BYTES: Final = 1 << 22
BLOCK_ITEMS: Final = 1 << 15  # read at once when a whole column is checked
_TRAILER_BYTES: Final = 4
_to_json: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Record:
    """The agency's own record behind a hit: its reference, and what a result shows of it."""

    reference: str
    display: Mapping[str, str]


def _context(data_set: str, version: int) -> bytes:
    return lp(DST_FILE, data_set, version)


class RootHash:
    """The canonical root: SHA-512 over the profile and, per kind, its size, offsets and sorted identifiers.

    Kinds come in the order of the profile, empty ones too. The snapshot commitment of a session hashes this root
    with a fresh salt.
    """

    def __init__(self, profile_hash: bytes) -> None:
        self._hash = hashlib.sha512(lp(DST_ROOT, profile_hash))

    def kind(self, name: str, size: int, offsets: Iterable[bytes], data: Iterable[bytes]) -> None:
        """Add one kind: offsets as n + 1 little-endian 32-bit numbers from 0, then the identifiers end to end."""
        self._hash.update(lp(name, size))
        for parts in (offsets, data):
            for part in parts:
                self._hash.update(part)

    def digest(self) -> bytes:
        return self._hash.digest()


class SnapshotWriter:
    """Writes a snapshot: records one by one, then the columns. Use as a context manager; see `SealedWriter`."""

    def __init__(self, path: Path, key: bytes, data_set: str, version: int) -> None:
        self._file = SealedWriter(path, key, _context(data_set, version))
        self._ends = array("Q")
        self._identity = {"data_set": data_set, "version": version}

    def add_record(self, record: Record) -> int:
        """Append a record; return its number."""
        self._file.write(_to_json((record.reference, record.display)).encode())
        self._ends.append(self._file.size)
        return len(self._ends) - 1

    def finish(
        self, columns: Iterable[tuple[str, Column]], profile_hash: bytes, about: Callable[[], Mapping[str, Any]]
    ) -> None:
        """Write the columns, one at a time and in the order of the profile, and the manifest.

        Args:
            columns: name and column of every kind of the profile.
            profile_hash: of the profile that made them.
            about: called last; gives realm, time and report for the manifest.
        """
        root, kinds = RootHash(profile_hash), {}
        record_ends = [self._file.size, len(self._ends)]
        self._file.write(memoryview(self._ends))
        for name, column in columns:
            places = {"size": len(column)}
            for part in ("data", "offsets", "holders", "holder_offsets"):
                value = getattr(column, part)
                places[part] = self._file.size
                places[f"{part}_bytes"] = len(value) if part == "data" else value.nbytes
                self._file.write(value if part == "data" else memoryview(value).cast("B"))
            kinds[name] = places
            root.kind(name, len(column), [column.offsets.tobytes()], [column.data])
        manifest = {
            "format": FORMAT,
            **self._identity,
            "profile_hash": profile_hash.hex(),
            "root": root.digest().hex(),
            "record_ends": record_ends,
            "kinds": kinds,
            **about(),
        }
        text = _to_json(manifest).encode()
        self._file.write(text + len(text).to_bytes(_TRAILER_BYTES, "little"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.__exit__(kind, error, trace)


class Snapshot:
    """One version of a data set, open for reading. Safe for concurrent calls.

    Raises (all methods):
        StorageError, SealedFileError: unreadable; altered. SnapshotError: it does not fit together.

    Cost: memory of what a call returns and one chunk of the file.
    """

    def __init__(self, path: Path, key: bytes, data_set: str, version: int) -> None:
        self.data_set = data_set
        self.version = version
        self._file = SealedReader(path, key, _context(data_set, version))
        try:
            manifest = self._manifest()
            self.realm: str = manifest["realm"]
            self.created_at: str = manifest["created_at"]
            self.profile_hash = bytes.fromhex(manifest["profile_hash"])
            self.root = bytes.fromhex(manifest["root"])
            self.report: Mapping[str, Any] = manifest["report"]
            self._kinds: dict[str, dict[str, int]] = manifest["kinds"]
            self._record_ends, self._records = manifest["record_ends"]
            if manifest["format"] != FORMAT or [manifest["data_set"], manifest["version"]] != [data_set, version]:
                raise self._damaged("format and place")
        except (KeyError, TypeError, ValueError):
            self.close()
            raise self._damaged("manifest") from None
        except BaseException:
            self.close()
            raise

    def size(self, kind: str) -> int:
        """Number of distinct identifiers of a kind."""
        return self._kinds[kind]["size"] if kind in self._kinds else 0

    def items(self, kind: str, first: int, count: int) -> Items:
        """Return identifiers first to first + count of a kind, in ascending order."""
        if first < 0 or count < 0 or first + count > self.size(kind):
            raise ValueError(f"expected a range within {self.size(kind)} identifiers, got {count} from {first}")
        if not count:
            return Items(b"", bytes(4))
        offsets = self._numbers(kind, "offsets", first, count + 1)
        start, end = int(offsets[0]), int(offsets[-1])
        if end > self._kinds[kind]["data_bytes"] or np.any(offsets[1:] <= offsets[:-1]):
            raise self._damaged("offsets")
        data = self._file.read(self._kinds[kind]["data"] + start, end - start)
        return Items(data, (offsets - offsets[0]).tobytes())

    def records(self, kind: str, rows: NDArray[Any]) -> list[list[Record]]:
        """Return, for each identifier number in `rows`, the own records that hold it; for the rows of an answer."""
        found = []
        for row in rows.tolist():
            if not 0 <= row < self.size(kind):
                raise ValueError(f"expected rows within {self.size(kind)} identifiers, got one outside")
            first, end = self._numbers(kind, "holder_offsets", row, 2).tolist()
            found.append(
                [self._record(number) for number in self._numbers(kind, "holders", first, end - first).tolist()]
            )
        return found

    def check(self) -> None:
        """Read every byte and compute the root again: order, distinctness, offsets, records.

        Raises:
            SealedFileError, SnapshotError: it is not what was written.
        """
        root = RootHash(self.profile_hash)
        for kind in KINDS:
            self._check_order(kind)
            root.kind(kind, self.size(kind), self._blocks(kind, "offsets"), self._blocks(kind, "data"))
        if root.digest() != self.root:
            raise self._damaged("root")
        for number in range(self._records):
            self._record(number)

    def _check_order(self, kind: str) -> None:
        previous = b""
        for first in range(0, self.size(kind), BLOCK_ITEMS):
            items = self.items(kind, first, min(BLOCK_ITEMS, self.size(kind) - first))
            data, ends = bytes(items.data), np.frombuffer(bytes(items.offsets), dtype="<u4").tolist()
            for start, end in pairwise(ends):
                if data[start:end] <= previous:
                    raise self._damaged(f"order of {kind}")
                previous = data[start:end]

    def _blocks(self, kind: str, part: str) -> Iterator[bytes]:
        start, size_bytes = self._kinds[kind][part], self._kinds[kind][f"{part}_bytes"]
        for done in range(0, size_bytes, CHUNK_BYTES):
            yield self._file.read(start + done, min(CHUNK_BYTES, size_bytes - done))

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _manifest(self) -> dict[str, Any]:
        size = self._file.size
        if size < _TRAILER_BYTES:
            raise self._damaged("size")
        length = int.from_bytes(self._file.read(size - _TRAILER_BYTES, _TRAILER_BYTES), "little")
        if length > min(MAX_MANIFEST_BYTES, size - _TRAILER_BYTES):
            raise self._damaged("manifest length")
        manifest = json.loads(self._file.read(size - _TRAILER_BYTES - length, length))
        return dict(manifest)

    def _numbers(self, kind: str, part: str, first: int, count: int) -> NDArray[np.uint32]:
        places = self._kinds[kind]
        if 4 * (first + count) > places[f"{part}_bytes"]:
            raise self._damaged(part)
        return np.frombuffer(self._file.read(places[part] + 4 * first, 4 * count), dtype="<u4")

    def _record(self, number: int) -> Record:
        if not 0 <= number < self._records:
            raise self._damaged("holders")
        before = 8 if number else 0
        ends = np.frombuffer(self._file.read(self._record_ends + 8 * number - before, 8 + before), dtype="<u8").tolist()
        start, end = (0, *ends)[-2:]
        try:
            reference, shown = json.loads(self._file.read(start, end - start))
        except ValueError:
            raise self._damaged("record") from None
        return Record(reference, shown)

    def _damaged(self, what: str) -> SnapshotError:
        return SnapshotError(f"expected version {self.version} of {self.data_set} to fit together, got a wrong {what}")
