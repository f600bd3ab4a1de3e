"""Readers against damaged files: each ends in records, rejected rows, or one of the errors that a source may raise.

The files are pieces of the real lists where those are at hand, and of an exercise otherwise, damaged as copies get
damaged: bytes changed, cut out, repeated, moved, cut off. Nothing else may come out: no other exception, no value in
a message, no time without end.
"""

from __future__ import annotations

import io
import random
from collections import Counter
from functools import cache
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nodes.exercise import MAPPING, generate
from nodes.registry import Source, csv_source, ofac_source, un_source
from nodes.registry.errors import MappingError, SourceError, SourceRealmError
from nodes.registry.mapping import parse_mapping
from nodes.registry.source import RejectedRow, SourceRecord
from protocol.identifiers import KINDS, IdentifierError
from tests import oracle

PIECE_BYTES = 24_000
PIECES = 10
REASONS = {"wrong-column-count", "no-entity-number", "bad-quoting", "field-too-long", "no-reference"}
EXAMPLES = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)

edits = st.lists(
    st.tuples(
        st.sampled_from(["flip", "cut", "repeat", "insert", "end"]),
        st.floats(0, 1, exclude_max=True),
        st.integers(1, 400),
        st.binary(min_size=1, max_size=12) | st.sampled_from([b'"', b";", b"\n", b"\0", b"<", b"&lol;", b"\xff", b"("]),
    ),
    min_size=0,
    max_size=6,
)


def damaged(content: bytes, changes: list[tuple[str, float, int, bytes]]) -> bytes:
    for kind, place, length, new in changes:
        at = int(place * len(content))
        piece = content[at : at + length]
        match kind:
            case "flip":
                content = content[:at] + new + content[at + len(new) :]
            case "cut":
                content = content[:at] + content[at + length :]
            case "repeat":
                content = content[:at] + piece * 40 + content[at:]
            case "insert":
                content = content[:at] + new * length + content[at:]
            case _:
                content = content[:at]
    return content


def outcome(source: Source, content: bytes) -> Counter[str]:
    """Read a file and canonicalize what it holds; count what became of it."""
    seen: Counter[str] = Counter()
    file: BinaryIO = io.BytesIO(content)
    try:
        for row in source.read(file):
            if isinstance(row, RejectedRow):
                assert row.reason in REASONS and row.row >= 1
                seen[row.reason] += 1
                continue
            assert isinstance(row, SourceRecord) and row.row >= 1
            for kind, fields in row.values:
                try:
                    KINDS[kind].keys(*fields)
                    seen["accepted"] += 1
                except IdentifierError as error:
                    seen[error.code] += 1
            for kind, reason in row.rejected:
                assert kind in KINDS and reason in ("truncated", "other-document")
    except (SourceError, MappingError, SourceRealmError) as error:
        assert source.path.name in str(error) and len(str(error)) < 300
        seen[error.code] += 1
    return seen


@cache
def pieces(name: str) -> list[bytes]:
    whole = (oracle.data_folder() / oracle.FILES[name]).read_bytes()
    if not name.startswith("un"):
        line = [whole.rfind(b"\n", 0, at) + 1 for at in range(PIECE_BYTES, len(whole), len(whole) // (PIECES + 1))]
        return [whole[at : whole.rfind(b"\n", at, at + PIECE_BYTES) + 1] for at in line]
    people = whole.split(b"<INDIVIDUAL>")
    start, end = people[0], b"</INDIVIDUALS></CONSOLIDATED_LIST>"
    return [start + b"".join(b"<INDIVIDUAL>" + p for p in people[i : i + 12]) + end for i in range(1, 60 * PIECES, 60)]


@EXAMPLES
@given(number=st.integers(0, PIECES - 1), changes=edits)
@pytest.mark.parametrize("name", ["ofac-2024", "un-2020"])
def test_damaged_pieces_of_the_real_lists(name: str, number: int, changes) -> None:
    piece = pieces(name)[number]
    source = (un_source if name.startswith("un") else ofac_source)(Path(oracle.FILES[name]))
    seen = outcome(source, damaged(piece, changes))
    if not changes:
        assert not REASONS & seen.keys() and "bad-source" not in seen


@pytest.fixture(scope="module")
def exercise(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("exercise")
    return generate(folder, seed=3, size=150, overlap=10).agencies[1].records.read_bytes()


@EXAMPLES
@given(changes=edits)
def test_damaged_csv(exercise: bytes, changes) -> None:
    source = csv_source(Path("records.csv"), parse_mapping(MAPPING.encode(), "mapping.toml"))
    seen = outcome(source, damaged(exercise, changes))
    if not changes:
        assert seen["accepted"] > 300 and set(seen) == {"accepted"}


@EXAMPLES
@given(content=st.binary(max_size=2000))
def test_any_bytes(content: bytes) -> None:
    mapping = parse_mapping(MAPPING.encode(), "mapping.toml")
    for source in (csv_source(Path("a"), mapping), ofac_source(Path("a")), un_source(Path("a"))):
        outcome(source, content)


@EXAMPLES
@given(changes=edits)
def test_damaged_mapping_files(changes) -> None:
    try:
        parse_mapping(damaged(MAPPING.encode(), changes), "mapping.toml")
    except MappingError as error:
        assert "mapping.toml" in str(error)


def many(source: Source, content: bytes, runs: int) -> Counter[str]:
    chance, seen = random.Random(11), Counter[str]()
    kinds = ["flip", "cut", "repeat", "insert", "end"]
    news = [b'"', b"\n", b"\0", b"<", b"\xff", b"&lol;", b"_"]
    for _ in range(runs):
        change = (chance.choice(kinds), chance.random(), chance.randint(1, 400), chance.choice(news))
        seen.update(outcome(source, damaged(content, [change])).keys())
    return seen


def test_damage_to_csv_ends_in_many_ways(exercise: bytes) -> None:
    """Fuzzing that only ever meets one error proves nothing."""
    source = csv_source(Path("records.csv"), parse_mapping(MAPPING.encode(), "mapping.toml"))
    seen = many(source, exercise, 200)
    results = {
        "accepted",
        "wrong-column-count",
        "bad-source",
        "source-realm-mismatch",
        "unsupported-character",
        "masked",
    }
    assert results | {"country-unknown"} <= seen.keys(), seen


def test_damage_to_the_real_lists_ends_in_many_ways() -> None:
    seen = many(ofac_source(Path(oracle.FILES["ofac-2024"])), pieces("ofac-2024")[3], 200)
    assert all(seen[r] >= 3 for r in ("accepted", "wrong-column-count", "bad-quoting", "bad-source")), seen
    seen = many(un_source(Path(oracle.FILES["un-2020"])), pieces("un-2020")[3], 200)
    assert seen["accepted"] >= 3 and seen["bad-source"] >= 20, seen
