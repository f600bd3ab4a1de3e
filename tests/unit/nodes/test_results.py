"""The file with an answer, against a snapshot read hit by hit, and in blocks of any size."""

from __future__ import annotations

import json
import random
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nodes import results
from nodes.errors import StorageError
from nodes.hits import UNOPENED, _hit
from nodes.registry import Snapshot, Source, import_source
from nodes.registry.source import SourceRecord
from protocol.identifiers import KINDS, split_canonical
from protocol.notes import FILLER
from protocol.results import Answer
from tests.notes import encode_note
from tests.unit.nodes.registry.reading import NOW, registry

NAMES = (
    "Zoë",
    'quote " and \\ back',
    "\u202e\u05d3\u05d5\u05d3",
    "tab\tand\nline",
    "\x00\x1f",
    "\U0001d518nicode",
    "O'Neil",
)
SUMMARY = {"session": "00", "name": "Zoë"}


def snapshot_of(folder: Path, records: int, *, seed: int = 1) -> Snapshot:
    """Records that share passports and wallets with others, in no order."""
    chance = random.Random(seed)
    (folder / "source").write_bytes(b"x")

    def read(_file):
        for row in range(1, records + 1):
            passports = [f"Z{chance.randrange(max(4, records)):07}" for _ in range(chance.randrange(1, 3))]
            values = [("passport-number", (number,)) for number in passports]
            if row % 3 == 0:
                values.append(("crypto-wallet", (f"0x{chance.randbytes(20).hex()}",)))
            yield SourceRecord(row, f"réf {row}\n", {"name": NAMES[row % len(NAMES)], "n": str(row)}, values)

    made = registry(folder)
    import_source(made, "set", Source(folder / "source", "test", "production", read), NOW)
    return made.open("set")


def answer(snapshot: Snapshot, share: float, *, notes: bool = False, seed: int = 2) -> Answer:
    chance = np.random.default_rng(seed)
    rows = [np.flatnonzero(chance.random(snapshot.size(kind)) < share).astype("<u4") for kind in KINDS]
    texts = [encode_note(f'desk "4": réf {i}') if i % 5 else FILLER for i in range(max(map(len, rows), default=0))]
    all_notes = tuple(b"".join(texts[: len(own)]) for own in rows) if notes else ()
    return Answer(tuple(own.tobytes() for own in rows), tuple(0 for _ in rows), all_notes)


def written(folder: Path, snapshot: Snapshot, given: Answer) -> tuple[bytes, list[dict[str, object]]]:
    path = folder / "result.json"
    results._write(path, SUMMARY, results._hits(snapshot, tuple(KINDS), given))
    raw = path.read_bytes()
    return raw, json.loads(raw)["hits"]


def expected(snapshot: Snapshot, given: Answer) -> list[dict[str, object]]:
    """One hit at a time, each from calls for it alone."""
    hits: list[dict[str, object]] = []
    for number, (kind, own) in enumerate(zip(KINDS, given.rows, strict=True)):
        for place, row in enumerate(np.frombuffer(own, "<u4").tolist()):
            (fields,) = [split_canonical(bytes(snapshot.items(kind, row, 1).data))]
            (records,) = snapshot.records(kind, np.array([row]))
            hit = {
                "kind": kind,
                "strength": KINDS[kind].strength.value,
                "identifier": " ".join(
                    f.hex() if kind == "crypto-wallet" and f != b"evm" else f.decode() for f in fields
                ),
                "records": [{"reference": r.reference, "display": r.display} for r in records],
            }
            if given.notes:
                note = given.notes[number][place * 128 : place * 128 + 128]
                hit["note"] = note[2:].rstrip(b"\0").decode() or None
            hits.append(hit)
    return hits


@pytest.mark.parametrize("records", [1, 7, 8, 9, 257])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("notes", [False, True])
def test_hits_are_those_of_single_reads(tmp_path: Path, records: int, share: float, notes: bool) -> None:
    with snapshot_of(tmp_path, records) as snapshot:
        given = answer(snapshot, share, notes=notes)
        raw, hits = written(tmp_path, snapshot, given)
        assert hits == expected(snapshot, given)
        lines = raw.decode().splitlines()
        assert lines[:3] == ["{", ' "session": "00",', ' "name": "Zoë",']
        assert lines[-2:] == [" ]", "}"] and len(lines) == 6 + len(hits), "one hit a line"


@pytest.mark.parametrize("at_once", [1, 64])
def test_a_note_that_did_not_open_is_marked(tmp_path: Path, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "RECORDS_AT_ONCE", at_once)
    with snapshot_of(tmp_path, 40) as snapshot:
        given = answer(snapshot, 1.0, notes=True)
        count = len(given.rows[0]) // 4
        authentic = bytes(place % 7 != 3 for place in range(count))
        notes = b"".join(given.notes[0][128 * i : 128 * i + 128] if authentic[i] else FILLER for i in range(count))
        one = replace(
            given,
            notes=(notes, *given.notes[1:]),
            authentic=(authentic, *(b"\1" * (len(own) // 4) for own in given.rows[1:])),
        )
        hits = expected(snapshot, one)
        for place in range(3, count, 7):
            hits[place]["note_authentic"] = False
        assert written(tmp_path, snapshot, one)[1] == hits
        path = tmp_path / "result.json"
        lines = [line.encode() for line in path.read_text().splitlines() if line.startswith("  {")]
        shown = [_hit(number, line).shown_note for number, line in enumerate(lines, 1)]
        assert [number for number, note in enumerate(shown) if note == UNOPENED] == list(range(3, count, 7))


@pytest.mark.parametrize("at_once", [1, 2, 7, 64])
def test_the_size_of_blocks_changes_nothing(tmp_path: Path, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with snapshot_of(tmp_path, 300) as snapshot:
        given = answer(snapshot, 0.6, notes=True)
        whole, _ = written(tmp_path, snapshot, given)
        monkeypatch.setattr(results, "RECORDS_AT_ONCE", at_once)
        assert written(tmp_path, snapshot, given)[0] == whole
        monkeypatch.setattr(results, "RECORD_BYTES_AT_ONCE", 1)
        assert written(tmp_path, snapshot, given)[0] == whole


def test_a_hit_of_very_many_records_lists_some_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "MAX_RECORDS_PER_HIT", 2)
    with snapshot_of(tmp_path, 500) as snapshot:
        for notes in (False, True):
            given = answer(snapshot, 1.0, notes=notes)
            _, hits = written(tmp_path, snapshot, given)
            cut = 0
            for hit, whole in zip(hits, expected(snapshot, given), strict=True):
                records = whole["records"]
                assert isinstance(records, list)
                if len(records) > 2:
                    cut += 1
                    assert hit.pop("records_in_all") == len(records)
                    whole["records"] = records[:2]
                assert hit == whole
            assert cut > 10


def test_memory_does_not_grow_with_the_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "RECORDS_AT_ONCE", 300)
    path = tmp_path / "result.json"
    with snapshot_of(tmp_path, 7_000) as snapshot:
        given = answer(snapshot, 1.0)
        tracemalloc.start()
        try:
            results._write(path, SUMMARY, results._hits(snapshot, tuple(KINDS), given))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < path.stat().st_size, "less than the file"


def test_a_result_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    def hits():
        yield b",\n  {}"
        raise OSError(28, "No space left on device")

    with pytest.raises(StorageError, match="No space left"):
        results._write(tmp_path / "result.json", SUMMARY, hits())
    assert list(tmp_path.iterdir()) == []
