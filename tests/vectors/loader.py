"""The one reader and writer of test vector files.

A file is {"schema", "source", "cases"}. A case names one operation, what it is given, and either what it must return or
how it must fail. In ``given`` and ``expect`` a string is bytes in hexadecimal, a number is a number, a list holds
strings. Anything else in a file is an error, so that no case is skipped in silence.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

DATA: Final = Path(__file__).parent / "data"
SCHEMA: Final = "accord.vectors/1"

Value = bytes | int | tuple[bytes, ...]
Values = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Failure:
    """How a case must fail: the error's code, and its index where it names one."""

    code: str
    index: int | None


@dataclass(frozen=True, slots=True)
class Case:
    """One run of one operation."""

    name: str
    operation: str
    given: Values
    outcome: Values | Failure


@dataclass(frozen=True, slots=True)
class VectorFile:
    """The cases of one source."""

    source: str
    cases: tuple[Case, ...]


def load(name: str) -> VectorFile:
    """Read ``data/<name>.json``."""
    document = json.loads((DATA / f"{name}.json").read_text())
    if set(document) != {"schema", "source", "cases"} or document["schema"] != SCHEMA:
        raise ValueError(f"{name}: expected a {SCHEMA} file")
    cases = tuple(map(_case, document["cases"]))
    if not cases or len({case.name for case in cases}) != len(cases):
        raise ValueError(f"{name}: expected cases with different names")
    return VectorFile(document["source"], cases)


def text_of(source: str, cases: list[dict[str, Any]]) -> str:
    """A file of these cases, whose values may be bytes."""
    whole = {"schema": SCHEMA, "source": source, "cases": cases}
    return json.dumps(whole, indent=1, default=bytes.hex) + "\n"


def write(name: str, source: str, cases: list[dict[str, Any]]) -> None:
    """Write ``data/<name>.json``."""
    (DATA / f"{name}.json").write_text(text_of(source, cases))


def names() -> list[str]:
    """Every vector file there is."""
    return sorted(path.stem for path in DATA.glob("*.json"))


def _case(raw: dict[str, Any]) -> Case:
    match raw:
        case {"name": str(name), "operation": str(operation), "given": dict(given), "expect": dict(expect), **rest}:
            outcome: Values | Failure = _values(expect)
        case {"name": str(name), "operation": str(operation), "given": dict(given), "fails": dict(fails), **rest}:
            outcome = Failure(fails.pop("code"), fails.pop("index", None))
            rest = rest | fails
        case _:
            raise ValueError(f"expected a case, got the keys {sorted(raw)}")
    if rest:
        raise ValueError(f"{name}: unknown keys {sorted(rest)}")
    return Case(name, operation, _values(given), outcome)


def _values(raw: dict[str, Any]) -> Values:
    return {key: _value(value) for key, value in raw.items()}


def _value(raw: object) -> Value:
    match raw:
        case str():
            return bytes.fromhex(raw)
        case int():
            return raw
        case list():
            return tuple(bytes.fromhex(part) for part in raw)
    raise ValueError(f"expected a string, a number or a list, got {type(raw).__name__}")
