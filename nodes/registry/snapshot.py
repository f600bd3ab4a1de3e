"""A snapshot: an immutable, sealed file with one import's identifiers and the records behind them.

Content, in order: the records (one JSON object each) and their offsets (64-bit); per kind, in the order of the profile,
the identifiers, their offsets, the holders and their offsets, the references for notes and their offsets (32-bit); the
columns of records (`record_columns`); the manifest (JSON) and its length (32-bit). Offsets are n + 1 numbers from 0.
All numbers are little-endian.

Format 2 had no columns of records, and is still read: none of its records has a transaction, and each is about whom its
reference stands for. Format 1, which had no references for notes, has to be imported again.

Reading a part of a column opens only the chunks that hold it, and rows in ascending order open each chunk once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from nodes.registry.errors import SnapshotError, SnapshotFormatError
from nodes.registry.record_columns import DTYPES, PERSONS, RecordColumns, person_number
from nodes.registry.root_hash import RootHash
from nodes.registry.transactions import WORD_COLUMNS
from nodes.sealed import CHUNK_BYTES, SealedReader
from psi import Items, lp

FORMAT: Final = 3
FORMATS_READ: Final = (2, 3)
DST_FILE: Final = "accord/v1/snapshot-file"
MAX_MANIFEST_BYTES: Final = 1 << 22
BLOCK_ITEMS: Final = 1 << 15  # read at once when a whole column is
TRAILER_BYTES: Final = 4
COLUMN_PARTS: Final = ("data", "offsets", "holders", "holder_offsets", "references", "reference_offsets")

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Record:
    """The agency's own record behind a hit: its reference, and what a result shows of it."""

    reference: str
    display: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Holders:
    """The records that hold some identifiers.

    Args:
        bounds: n + 1 offsets; the records of identifier i are numbers[bounds[i]:bounds[i + 1]].
        numbers: of records, ascending per identifier.
    """

    bounds: Numbers
    numbers: Numbers


def file_context(data_set: str, version: int) -> bytes:
    """What the sealed file of a snapshot is, so that none stands in for another."""
    return lp(DST_FILE, data_set, version)


class Snapshot:
    """One version of a data set, open for reading. Safe for concurrent calls.

    Raises (all methods):
        StorageError, SealedFileError: unreadable; altered. SnapshotError: it does not fit together.

    Cost: memory of what a call returns and one chunk of the file.
    """

    def __init__(self, path: Path, key: bytes, data_set: str, version: int) -> None:
        """Raises SnapshotFormatError: of another format."""
        self.data_set = data_set
        self.version = version
        self._file = SealedReader(path, key, file_context(data_set, version))
        try:
            manifest = self._manifest()
            if manifest["format"] not in FORMATS_READ:
                raise SnapshotFormatError(
                    f"expected version {version} of {data_set} in a snapshot format among {FORMATS_READ}, got another"
                )
            self.realm: str = manifest["realm"]
            self.created_at: str = manifest["created_at"]
            self.profile_hash = bytes.fromhex(manifest["profile_hash"])
            self.root = bytes.fromhex(manifest["root"])
            self.report: Mapping[str, Any] = manifest["report"]
            self.record_count: int = manifest["records"]["count"]
            self.record_bytes: int = manifest["records"]["offsets"]  # they lie first, their offsets behind them
            self._kinds: dict[str, dict[str, int]] = manifest["kinds"]
            columns = manifest.get("columns", {"places": {}, "words": {}})
            self._columns: dict[str, int] = columns["places"]
            self._words: dict[str, list[str]] = columns["words"]
            if [manifest["data_set"], manifest["version"]] != [data_set, version]:
                raise self._damaged("place")
        except (KeyError, TypeError, ValueError):
            self.close()
            raise self._damaged("manifest") from None
        except BaseException:
            self.close()
            raise

    @property
    def has_transactions(self) -> bool:
        """Whether any record says something about money."""
        return len(self._columns) > 1

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of the profile that made it, in its order."""
        return tuple(self._kinds)

    def size(self, kind: str) -> int:
        """Number of distinct identifiers of a kind."""
        return self._kinds[kind]["size"] if kind in self._kinds else 0

    def items(self, kind: str, first: int, count: int) -> Items:
        """Return identifiers first to first + count of a kind, in ascending order."""
        return self._items(kind, "data", "offsets", first, count)

    def references(self, kind: str, first: int, count: int) -> Items:
        """Return, for the same identifiers as `items`, the reference of the first record of each, cut for notes."""
        return self._items(kind, "references", "reference_offsets", first, count)

    def pick(self, kind: str, rows: NDArray[Any]) -> Items:
        """Return the identifiers of ascending rows."""
        starts, ends = self._pairs(kind, "offsets", self._rows(kind, rows))
        if len(ends) and (np.any(ends <= starts) or ends.max() > self._kinds[kind]["data_bytes"]):
            raise self._damaged("offsets")
        place = self._kinds[kind]["data"] if len(starts) else 0
        return Items(
            self._joined(place, np.dtype(np.uint8), starts, ends),
            np.concatenate(([0], np.cumsum(ends - starts))).astype("<u4").tobytes(),
        )

    def holder_counts(self, kind: str, rows: NDArray[Any]) -> Numbers:
        """Return how many records hold each identifier of ascending rows."""
        starts, ends = self._held(kind, rows)
        return ends - starts

    def holders(self, kind: str, rows: NDArray[Any], most: int = 1 << 32) -> Holders:
        """Return which records hold the identifiers of ascending rows: the first `most` of each."""
        starts, ends = self._held(kind, rows)
        ends = np.minimum(ends, starts + most)
        place = self._kinds[kind]["holders"] if len(starts) else 0
        numbers = np.frombuffer(self._joined(place, np.dtype("<u4"), starts, ends), "<u4")
        return Holders(np.concatenate(([0], np.cumsum(ends - starts))), numbers.astype(np.int64))

    def record_texts(self, numbers: Numbers) -> list[bytes]:
        """Return records by number, each as a JSON object with `reference` and `display`, as results hold them.

        Cost: each chunk that holds one of them is opened once, whatever their order.
        """
        if len(numbers) and not 0 <= numbers.min() <= numbers.max() < self.record_count:
            raise self._damaged("holders")
        distinct, places = np.unique(numbers, return_inverse=True)
        starts, ends = self._neighbours(self.record_bytes, np.dtype("<u8"), distinct)
        if np.any(ends <= starts) or np.any(ends > self.record_bytes):
            raise self._damaged("record offsets")
        texts: list[bytes] = np.array(self._ranges(starts, ends), np.object_)[places].tolist()
        return texts

    def record_columns(self, block: range) -> RecordColumns:
        """Return whom the records of a block are about, and their transactions if any record has one.

        Cost: of a snapshot of format 2 the records are read, some 2 us each.
        """
        if PERSONS not in self._columns:
            texts = self.record_texts(np.asarray(block))
            persons = np.array([person_number(self._record(text).reference) for text in texts], DTYPES[PERSONS])
            return RecordColumns({PERSONS: persons}, {})
        values = {}
        for name, place in self._columns.items():
            dtype = np.dtype(DTYPES[name])
            part = self._file.read(place + block.start * dtype.itemsize, len(block) * dtype.itemsize)
            values[name] = np.frombuffer(part, dtype)
        for name in WORD_COLUMNS:
            if name in values and len(block) and values[name].max() > len(self._words[name]):
                raise self._damaged(f"column {name}")
        return RecordColumns(values, self._words)

    def records(self, kind: str, rows: NDArray[Any]) -> list[list[Record]]:
        """Return the own records behind the identifiers of ascending rows; for a few."""
        holders = self.holders(kind, rows)
        found = [self._record(text) for text in self.record_texts(holders.numbers)]
        return [found[first:end] for first, end in pairwise(holders.bounds.tolist())]

    def check(self) -> None:
        """Read every byte and compute the root again: order, distinctness, offsets, records.

        Raises:
            SealedFileError, SnapshotError: it is not what was written.
        """
        for start in range(0, self._file.size, CHUNK_BYTES):
            self._file.read(start, min(CHUNK_BYTES, self._file.size - start))
        root = RootHash(self.profile_hash)
        for kind in self.kinds:
            for block in self.blocks(kind):
                self._check_block(kind, block)
            held = chain(self._part(kind, "holders"), self._part(kind, "holder_offsets"))
            root.kind(kind, self.size(kind), self._part(kind, "offsets"), self._part(kind, "data"), held)
        root.records(self.record_count, self._words, ((name, self._column(name)) for name in self._columns))
        if root.digest() != self.root:
            raise self._damaged("root")
        for block in self.record_blocks():
            for text in self.record_texts(np.asarray(block)):
                self._record(text)

    def blocks(self, kind: str) -> Iterator[range]:
        """Yield the rows of a kind in blocks, for who reads a whole column."""
        return _blocks(self.size(kind))

    def record_blocks(self) -> Iterator[range]:
        """Yield the numbers of all records in blocks."""
        return _blocks(self.record_count)

    def _check_block(self, kind: str, block: range) -> None:
        first = max(0, block.start - 1)  # the one before, to compare with
        items = self.items(kind, first, block.stop - first)
        data, offsets = bytes(items.data), np.frombuffer(bytes(items.offsets), dtype="<u4").tolist()
        values = [data[start:end] for start, end in pairwise(offsets)]
        if any(later <= earlier for earlier, later in pairwise(values)):
            raise self._damaged(f"order of {kind}")
        numbers = self.holders(kind, np.arange(block.start, block.stop)).numbers
        if numbers.max() >= self.record_count:
            raise self._damaged("holders")
        self.references(kind, block.start, len(block))

    def _part(self, kind: str, part: str) -> Iterator[bytes]:
        start, size_bytes = self._kinds[kind][part], self._kinds[kind][f"{part}_bytes"]
        for done in range(0, size_bytes, CHUNK_BYTES):
            yield self._file.read(start + done, min(CHUNK_BYTES, size_bytes - done))

    def _column(self, name: str) -> Iterator[bytes]:
        for block in self.record_blocks():
            yield self.record_columns(block).values[name].tobytes()

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
        if size < TRAILER_BYTES:
            raise self._damaged("size")
        length = int.from_bytes(self._file.read(size - TRAILER_BYTES, TRAILER_BYTES), "little")
        if length > min(MAX_MANIFEST_BYTES, size - TRAILER_BYTES):
            raise self._damaged("manifest length")
        manifest = json.loads(self._file.read(size - TRAILER_BYTES - length, length))
        return dict(manifest)

    def _rows(self, kind: str, rows: NDArray[Any]) -> Numbers:
        wanted = rows.astype(np.int64)
        if len(wanted) and not 0 <= wanted[0] <= wanted[-1] < self.size(kind):
            raise ValueError(f"expected rows within {self.size(kind)} identifiers, got one outside")
        if np.any(wanted[1:] <= wanted[:-1]):
            raise ValueError("expected ascending rows, got others")
        return wanted

    def _items(self, kind: str, part: str, offsets_part: str, first: int, count: int) -> Items:
        if first < 0 or count < 0 or first + count > self.size(kind):
            raise ValueError(f"expected a range within {self.size(kind)} identifiers, got {count} from {first}")
        if not count:
            return Items(b"", bytes(4))
        places = self._kinds[kind]
        start, count_bytes = places[offsets_part] + 4 * first, 4 * (count + 1)
        offsets = np.frombuffer(self._file.read(start, count_bytes), dtype="<u4")
        if offsets[-1] > places[f"{part}_bytes"] or np.any(offsets[1:] <= offsets[:-1]):
            raise self._damaged(offsets_part)
        data = self._file.read(places[part] + int(offsets[0]), int(offsets[-1] - offsets[0]))
        return Items(data, (offsets - offsets[0]).tobytes())

    def _held(self, kind: str, rows: NDArray[Any]) -> tuple[Numbers, Numbers]:
        starts, ends = self._pairs(kind, "holder_offsets", self._rows(kind, rows))
        if len(ends) and (np.any(ends <= starts) or 4 * ends.max() > self._kinds[kind]["holders_bytes"]):
            raise self._damaged("holder offsets")
        return starts, ends

    def _pairs(self, kind: str, part: str, rows: Numbers) -> tuple[Numbers, Numbers]:
        if not len(rows):
            return rows, rows
        return self._neighbours(self._kinds[kind][part], np.dtype("<u4"), rows)

    def _neighbours(self, place: int, dtype: np.dtype[Any], rows: Numbers) -> tuple[Numbers, Numbers]:
        """Return the offsets at ascending rows and at the rows after them."""
        starts, ends = np.empty(len(rows), np.int64), np.empty(len(rows), np.int64)
        at = place + rows * dtype.itemsize
        for first, end in _runs(at):
            count_bytes = int(at[end - 1] - at[first]) + 2 * dtype.itemsize
            block = np.frombuffer(self._file.read(int(at[first]), count_bytes), dtype)
            here = rows[first:end] - rows[first]
            starts[first:end], ends[first:end] = block[here], block[here + 1]
        return starts, ends

    def _ranges(self, starts: Numbers, ends: Numbers) -> list[bytes]:
        """Return the bytes of ranges of the file that follow each other."""
        self._check_order(starts, ends)
        found: list[bytes] = []
        for first, end in _runs(starts):
            base = int(starts[first])
            block = self._file.read(base, int(ends[end - 1]) - base)
            pairs = zip((starts[first:end] - base).tolist(), (ends[first:end] - base).tolist(), strict=True)
            found += [block[a:b] for a, b in pairs]
        return found

    def _joined(self, place: int, dtype: np.dtype[Any], starts: Numbers, ends: Numbers) -> bytes:
        """Return ranges of a column that follow each other, end to end. For short ones: it makes no object of each."""
        self._check_order(starts, ends)
        found: list[bytes] = []
        for first, end in _runs(place + starts * dtype.itemsize):
            base, stop = int(starts[first]), int(ends[end - 1])
            block = np.frombuffer(self._file.read(place + base * dtype.itemsize, (stop - base) * dtype.itemsize), dtype)
            lengths = ends[first:end] - starts[first:end]
            behind = np.cumsum(lengths)
            shifts = np.repeat(starts[first:end] - base - behind + lengths, lengths)
            found.append(block[shifts + np.arange(len(shifts))].tobytes())
        return b"".join(found)

    def _check_order(self, starts: Numbers, ends: Numbers) -> None:
        if np.any(starts[1:] < ends[:-1]):
            raise self._damaged("order of offsets")

    def _record(self, text: bytes) -> Record:
        try:
            record = json.loads(text)
            return Record(record["reference"], record["display"])
        except (ValueError, TypeError, KeyError):
            raise self._damaged("record") from None

    def _damaged(self, what: str) -> SnapshotError:
        return SnapshotError(f"expected version {self.version} of {self.data_set} to fit together, got a wrong {what}")


def _blocks(size: int) -> Iterator[range]:
    for first in range(0, size, BLOCK_ITEMS):
        yield range(first, min(first + BLOCK_ITEMS, size))


def _runs(places: Numbers) -> Iterator[tuple[int, int]]:
    """Split ascending places in the file into runs within one chunk, so that each chunk is opened once."""
    bounds = np.flatnonzero(np.diff(places // CHUNK_BYTES)) + 1
    yield from pairwise([0, *bounds.tolist(), len(places)] if len(places) else [])
