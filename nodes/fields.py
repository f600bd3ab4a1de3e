"""Strict reading of small structured files: each key known, each value typed and bounded.

One reader for accord.toml, rules.toml, mandates, partner files and the partner book. The caller names the
error class; a message names the key, what was expected, and of what kind was found.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from nodes.errors import NodeError, UnreadableFileError

MAX_FILE_BYTES: Final = 1 << 20  # far above any file that a person writes; bounds memory for one that nobody did
MAX_TEXT_BYTES: Final = 256  # one line on a terminal or form
LATEST_MS: Final = 253_402_300_799_999  # the last moment of the year 9999, where Python's calendar ends
NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,62}[A-Za-z0-9])?")
_NAME_HINT: Final = "1 to 64 of letters, digits and . _ / -, with a letter or digit at both ends"


def read_bounded(path: Path, error: type[NodeError], what: str) -> bytes:
    """Return a file's bytes, at most MAX_FILE_BYTES of them. Raises UnreadableFileError; error where it is longer."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as cause:
        raise UnreadableFileError(f"{what}: cannot read {path}: {cause.strerror}; check the name") from None
    if len(data) > MAX_FILE_BYTES:
        raise error(f"{what}: expected at most {MAX_FILE_BYTES} bytes, got more")
    return data


def parse_toml(data: bytes, error: type[NodeError], what: str) -> Fields:
    """Parse TOML (UTF-8) into checked fields."""
    try:
        values = tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as cause:
        raise error(f"{what}: expected UTF-8 text, got byte {cause.start} that is not") from None
    except tomllib.TOMLDecodeError as cause:
        position = re.search(r"\(at .*\)$", str(cause))
        raise error(f"{what}: expected valid TOML, got a mistake {position[0] if position else ''}") from None
    except (RecursionError, ValueError):  # nesting without end; numbers of thousands of digits
        raise error(f"{what}: expected plain TOML, got values too deep or too long") from None
    return Fields(values, what, error)


def parse_json(data: bytes, error: type[NodeError], what: str) -> Fields:
    """Parse a JSON object (UTF-8, no repeated keys) into checked fields."""

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        values = dict(pairs)
        if len(values) != len(pairs):
            raise error(f"{what}: expected each key once, got a repeated key")
        return values

    try:
        values = json.loads(data.decode("utf-8"), object_pairs_hook=unique)
    except (UnicodeDecodeError, RecursionError, ValueError):
        raise error(f"{what}: expected a JSON object in UTF-8, got something else") from None
    if not isinstance(values, dict):
        raise error(f"{what}: expected a JSON object, got {_kind(values)}")
    return Fields(values, what, error)


class Fields:
    """One table of a file. Used as a context manager: leaving it refuses keys that nobody asked for."""

    __slots__ = ("_before", "_error", "_left", "_where")

    def __init__(
        self, values: Mapping[str, object], where: str, error: type[NodeError], *, between: str = ": "
    ) -> None:
        self._before = where + between
        self._left = dict(values)
        self._where = where
        self._error = error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None and self._left:
            shown = ", ".join(sorted(_printable(key) for key in self._left)[:5])
            raise self._error(f"{self._where}: expected only known keys, got also: {shown}")

    def fail(self, key: str, expected: str, got: str) -> NodeError:
        """Return the error for one key, to be raised by the caller."""
        return self._error(f"{self._before}{key}: expected {expected}, got {got}")

    def __contains__(self, key: str) -> bool:
        return key in self._left

    def _take(self, key: str, expected: str) -> object:
        if key not in self._left:
            raise self.fail(key, expected, "nothing (the key is required)")
        return self._left.pop(key)

    def text(
        self,
        key: str,
        *,
        pattern: re.Pattern[str] | None = None,
        max_bytes: int = MAX_TEXT_BYTES,
        hint: str = "",
    ) -> str:
        """Take a line of text: not empty, no control or direction characters, no blanks around it."""
        return self._text(key, self._take(key, "text"), pattern, max_bytes, hint)

    def _text(self, key: str, value: object, pattern: re.Pattern[str] | None, max_bytes: int, hint: str) -> str:
        hint = hint or (_NAME_HINT if pattern is NAME else "")
        expected = hint or f"one line of 1 to {max_bytes} bytes of printable text"
        if not isinstance(value, str):
            raise self.fail(key, expected, _kind(value))
        try:
            size_bytes = len(value.encode("utf-8"))
        except UnicodeEncodeError:
            raise self.fail(key, expected, "text with half a surrogate pair") from None
        if not 1 <= size_bytes <= max_bytes:
            raise self.fail(key, expected, f"{size_bytes} bytes")
        if not value.isprintable() or value != value.strip():
            raise self.fail(key, expected, "text with control characters or blanks around it")
        if pattern is not None and not pattern.fullmatch(value):
            raise self.fail(key, expected, "text of another form")
        return value

    def lines(self, key: str, *, max_bytes: int) -> str:
        """Take text of several lines in ASCII, for a value that its caller checks to the last byte."""
        expected = f"1 to {max_bytes} bytes of ASCII text"
        value = self._take(key, expected)
        if not isinstance(value, str) or not value.isascii() or not 1 <= len(value) <= max_bytes:
            raise self.fail(key, expected, "other text" if isinstance(value, str) else _kind(value))
        return value

    def integer(self, key: str, low: int, high: int) -> int:
        """Take an integer within low..high, both included."""
        expected = f"a whole number from {low} to {high}"
        value = self._take(key, expected)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.fail(key, expected, _kind(value))
        if not low <= value <= high:
            raise self.fail(key, expected, "a number out of range")
        return value

    def choice(self, key: str, options: Sequence[str]) -> str:
        """Take one of the given words."""
        expected = "one of " + ", ".join(options)
        value = self._take(key, expected)
        if not isinstance(value, str) or value not in options:
            raise self.fail(key, expected, "another word" if isinstance(value, str) else _kind(value))
        return value

    def texts(
        self, key: str, *, pattern: re.Pattern[str] | None = None, max_items: int = 256, hint: str = ""
    ) -> tuple[str, ...]:
        """Take a list of distinct lines of text, not empty."""
        values = self._take(key, "a list of text")
        if not isinstance(values, list) or not 1 <= len(values) <= max_items:
            raise self.fail(key, f"a list of 1 to {max_items} texts", _kind(values))
        texts = tuple(self._text(key, value, pattern, MAX_TEXT_BYTES, hint) for value in values)
        if len(set(texts)) != len(texts):
            raise self.fail(key, "each entry once", "a repeated entry")
        return texts

    def instant(self, key: str) -> int:
        """Take a date-time with offset; return milliseconds since the epoch, UTC."""
        expected = "a date-time with offset, 1970 to 9999, such as 2026-01-31T08:00:00Z"
        value = self._take(key, expected)
        if not isinstance(value, datetime) or value.tzinfo is None:
            raise self.fail(key, expected, _kind(value))
        time_ms = round(value.timestamp() * 1000)
        if not 0 <= time_ms <= LATEST_MS:
            raise self.fail(key, expected, "another year")
        return time_ms

    def table(self, key: str) -> Fields:
        """Take a table inside this one."""
        value = self._take(key, "a table")
        if not isinstance(value, dict):
            raise self.fail(key, "a table", _kind(value))
        return Fields(value, f"{self._where}: [{key}]", self._error, between=" ")

    def tables(self, key: str, *, max_items: int = 1024) -> list[Fields]:
        """Take a list of tables, which may be empty or absent."""
        values = self._left.pop(key, [])
        if not isinstance(values, list) or len(values) > max_items or not all(isinstance(v, dict) for v in values):
            raise self.fail(key, f"a list of at most {max_items} tables", _kind(values))
        return [Fields(v, f"{self._where}: {key}[{i}]", self._error) for i, v in enumerate(values)]


_KINDS: Final = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a decimal number",
    type(None): "null",
}


def _kind(value: object) -> str:
    if isinstance(value, list | dict):
        return f"{'a list' if isinstance(value, list) else 'a table'} of {len(value)}"
    return _KINDS.get(type(value), "a date or time")


def _printable(key: str) -> str:
    return key[:40] if key.isprintable() else "(unprintable key)"
