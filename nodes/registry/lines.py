"""Delimited text, record by record, with every length bounded."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import BinaryIO, Final

from nodes.registry.errors import SourceError
from nodes.registry.source import MAX_FIELD_CHARACTERS, MAX_RECORD_CHARACTERS, RejectedRow

ENCODINGS: Final = {  # as a mapping file names them -> Python's codec; a byte order mark is skipped
    "utf-8": "utf-8-sig",
    "utf-16": "utf-16",
    "latin-1": "latin-1",
    "windows-1252": "cp1252",
    "windows-1256": "cp1256",
}


class _Lines:
    """The lines of a text file; counts them and refuses a record without end."""

    def __init__(self, text: io.TextIOBase, name: str) -> None:
        self._text = text
        self._name = name
        self.number = 0
        self.record_characters = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        try:
            line = self._text.readline(MAX_RECORD_CHARACTERS + 1)
        except UnicodeError:
            raise SourceError(
                f"{self._name}: expected text in the encoding that was named, got other bytes after line {self.number}"
            ) from None
        if not line:
            raise StopIteration
        self.number += 1
        self.record_characters += len(line)
        if self.record_characters > MAX_RECORD_CHARACTERS:
            raise SourceError(
                f"{self._name}: line {self.number}: expected records of at most {MAX_RECORD_CHARACTERS} characters, "
                "got a longer one: another file format, or a quote that is never closed"
            )
        if "\0" in line:
            raise SourceError(f"{self._name}: line {self.number}: expected text, got a binary file")
        return line


def read_records(
    file: BinaryIO, name: str, *, encoding: str, delimiter: str
) -> Iterator[tuple[int, list[str]] | RejectedRow]:
    """Yield (line on which the record begins, its cells), or the row that is not a record.

    Quoting as in RFC 4180; blank lines are skipped.

    Raises:
        SourceError: another encoding, binary content, or a record without end.
    """
    text = io.TextIOWrapper(file, encoding=ENCODINGS[encoding], errors="strict", newline="")
    lines = _Lines(text, name)
    records = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        first = lines.number + 1
        lines.record_characters = 0
        try:
            cells = next(records)
        except StopIteration:
            text.detach()  # the file stays open: it is asked how far it was read
            return
        except csv.Error:
            long = lines.record_characters > MAX_FIELD_CHARACTERS  # csv has a limit of its own, above ours
            yield RejectedRow(first, "field-too-long" if long else "bad-quoting")
            continue
        if not cells:
            continue
        if lines.record_characters > MAX_FIELD_CHARACTERS and any(len(c) > MAX_FIELD_CHARACTERS for c in cells):
            yield RejectedRow(first, "field-too-long")
        else:
            yield first, cells
