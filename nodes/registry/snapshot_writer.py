"""Writing a snapshot: records one by one, then the columns."""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from json.encoder import encode_basestring
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np

from nodes.registry.columns import MAX_COLUMN_BYTES, Column, Offsets
from nodes.registry.errors import SourceError
from nodes.registry.record_columns import RecordColumns, RecordColumnsBuilder
from nodes.registry.root_hash import RootHash
from nodes.registry.snapshot import BLOCK_ITEMS, COLUMN_PARTS, FORMAT, TRAILER_BYTES, file_context
from nodes.registry.source import SourceRecord
from nodes.registry.transactions import Transaction
from nodes.sealed import SealedWriter
from protocol.notes import cut_reference

_to_json: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _text(record: SourceRecord) -> bytes:
    """As `_to_json` would write it, which takes ten times as long for so little."""
    shown = ""
    if record.display:
        shown = ",".join([f"{encode_basestring(n)}:{encode_basestring(v)}" for n, v in record.display.items()])
    return f'{{"reference":{encode_basestring(record.reference)},"display":{{{shown}}}}}'.encode()


class SnapshotWriter:
    """Writes a snapshot: records in blocks, then the columns. Use as a context manager; see `SealedWriter`.

    Cost: memory of 20 bytes and a reference per record, and 18 bytes more once there are transactions.
    """

    def __init__(self, path: Path, key: bytes, data_set: str, version: int) -> None:
        self._file = SealedWriter(path, key, file_context(data_set, version))
        self._offsets = array("Q", [0])
        self._references = bytearray()
        self._reference_offsets = array("I", [0])
        self._columns = RecordColumnsBuilder()
        self._identity = {"data_set": data_set, "version": version}

    def add(self, records: Sequence[SourceRecord], transactions: Sequence[Transaction | None]) -> None:
        """Append records, each with its transaction. Raises SourceError: more than a snapshot holds."""
        references = [record.reference for record in records]
        self._columns.add([record.person or record.reference for record in records], transactions)
        self._add(references, [_text(record) for record in records])

    def carry(self, references: Sequence[str], texts: Sequence[bytes], columns: RecordColumns) -> None:
        """Append records as another snapshot holds them. Raises SourceError: more than a snapshot holds."""
        self._columns.extend(columns)
        self._add(references, texts)

    def _add(self, references: Sequence[str], texts: Sequence[bytes]) -> None:
        start = self._file.size
        self._file.write(b"".join(texts))
        self._offsets.extend([start + end for end in accumulate(map(len, texts))])
        cut = [cut_reference(reference) for reference in references]
        start = len(self._references)
        self._references += b"".join(cut)
        if len(self._references) > MAX_COLUMN_BYTES:
            raise SourceError(f"expected at most {MAX_COLUMN_BYTES} bytes of references, got more")
        self._reference_offsets.extend([start + end for end in accumulate(map(len, cut))])

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
        records = {"count": len(self._offsets) - 1, "offsets": self._file.size}
        self._file.write(memoryview(self._offsets))
        for name, column in columns:
            places = {"size": len(column)}
            for part, blocks in zip(COLUMN_PARTS, self._parts(column), strict=True):
                places[part] = self._file.size
                for block in blocks:
                    self._file.write(block)
                places[f"{part}_bytes"] = self._file.size - places[part]
            kinds[name] = places
            held = [part.astype("<u4", copy=False).tobytes() for part in (column.holders, column.holder_offsets)]
            root.kind(name, len(column), [column.offsets.tobytes()], [column.data], held)
        of_records = self._columns.columns()
        columns_places = {}
        for name, values in of_records.values.items():
            columns_places[name] = self._file.size
            self._file.write(values.tobytes())
        root.records(records["count"], of_records.words, ((n, [v.tobytes()]) for n, v in of_records.values.items()))
        manifest = {
            "format": FORMAT,
            **self._identity,
            "profile_hash": profile_hash.hex(),
            "root": root.digest().hex(),
            "records": records,
            "kinds": kinds,
            "columns": {"places": columns_places, "words": of_records.words},
            **about(),
        }
        text = _to_json(manifest).encode()
        self._file.write(text + len(text).to_bytes(TRAILER_BYTES, "little"))

    def _parts(self, column: Column) -> Iterator[Iterable[bytes]]:
        """Yield the blocks of each part of a column, in the order of COLUMN_PARTS."""
        yield [column.data]
        for numbers in (column.offsets, column.holders, column.holder_offsets):
            yield [numbers.astype("<u4", copy=False).tobytes()]
        first_records = column.holders[column.holder_offsets[:-1]]
        offsets = np.frombuffer(self._reference_offsets, dtype=np.uint32)
        ends = np.cumsum(offsets[first_records + 1] - offsets[first_records], dtype=np.uint64)
        if len(ends) and ends[-1] > MAX_COLUMN_BYTES:
            raise SourceError(f"expected at most {MAX_COLUMN_BYTES} bytes of references to one kind, got more")
        yield self._picked(offsets, first_records)
        yield [np.concatenate(([0], ends)).astype("<u4").tobytes()]

    def _picked(self, offsets: Offsets, records: Offsets) -> Iterator[bytes]:
        for first in range(0, len(records), BLOCK_ITEMS):
            block = records[first : first + BLOCK_ITEMS]
            pairs = zip(offsets[block].tolist(), offsets[block + 1].tolist(), strict=True)
            yield b"".join([self._references[a:b] for a, b in pairs])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.__exit__(kind, error, trace)
