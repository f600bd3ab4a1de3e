"""Lists of tags, each ascending, end to end in one sealed file, with a few facts about them.

Content: the rows, a manifest (JSON) with where each list ends and the facts, its length (32-bit little-endian).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import accumulate
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from nodes.sealed import SealedFileError, SealedReader, SealedWriter
from nodes.sorted_rows import RowSource
from psi import TAG_BYTES, lp

DST_FILE: Final = "accord/v1/epoch-file"
MAX_MANIFEST_BYTES: Final = 1 << 20
_TRAILER_BYTES: Final = 4


def context(*names: str) -> bytes:
    """What a sealed file of an epoch is; no two say the same."""
    return lp(DST_FILE, *names)


class TagFileWriter:
    """Writes lists one after the other. `abort` unless `finish` was called; see `SealedWriter`."""

    def __init__(self, path: Path, key: bytes, file_context: bytes) -> None:
        self._file = SealedWriter(path, key, file_context)
        self._ends: list[int] = []

    def write(self, rows: bytes | bytearray | memoryview) -> None:
        """Append rows to the list under way."""
        self._file.write(rows)

    def end_list(self) -> None:
        """The list under way is complete."""
        self._ends.append(self._file.size // TAG_BYTES)

    def finish(self, facts: Mapping[str, str]) -> None:
        """Let the file appear, durably."""
        manifest = json.dumps({"ends": self._ends, "facts": dict(facts)}).encode()
        self._file.write(manifest + len(manifest).to_bytes(_TRAILER_BYTES, "little"))
        self._file.close()

    def abort(self) -> None:
        """Leave nothing behind."""
        self._file.abort()


class TagFile:
    """Such a file, open for reading. Safe for concurrent calls.

    Raises (all methods):
        StorageError, SealedFileError: unreadable; altered, or not such a file.
    """

    def __init__(self, path: Path, key: bytes, file_context: bytes) -> None:
        self._file = SealedReader(path, key, file_context)
        try:
            size = self._file.size
            length = int.from_bytes(self._file.read(max(size - _TRAILER_BYTES, 0), _TRAILER_BYTES), "little")
            if length > min(MAX_MANIFEST_BYTES, size - _TRAILER_BYTES):
                raise ValueError
            manifest = json.loads(self._file.read(size - _TRAILER_BYTES - length, length))
            ends: list[int] = manifest["ends"]
            self.facts: dict[str, str] = manifest["facts"]
            self._starts = [0, *ends]
            self.sizes = tuple(end - start for start, end in zip(self._starts, ends, strict=False))
            rows_bytes = size - _TRAILER_BYTES - length
            if list(accumulate(self.sizes)) != ends or min(self.sizes) < 0 or ends[-1] * TAG_BYTES != rows_bytes:
                raise ValueError
        except (KeyError, TypeError, ValueError):
            self.close()
            raise SealedFileError(f"expected {path} to hold lists of tags, got something else") from None
        except BaseException:
            self.close()
            raise

    def read(self, number: int, first: int, count: int) -> bytes:
        """Return rows first to first + count of a list."""
        if first < 0 or count < 0 or first + count > self.sizes[number]:
            raise ValueError(f"expected a range within {self.sizes[number]} rows, got {count} from {first}")
        return self._file.read((self._starts[number] + first) * TAG_BYTES, count * TAG_BYTES)

    def rows(self, number: int) -> RowSource:
        """One list as a source of rows."""
        return _List(self, number)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _List:
    def __init__(self, file: TagFile, number: int) -> None:
        self._file = file
        self._number = number

    def __len__(self) -> int:
        return self._file.sizes[self._number] * TAG_BYTES

    def read(self, first: int, count: int) -> bytes:
        return self._file.read(self._number, first // TAG_BYTES, count // TAG_BYTES)
