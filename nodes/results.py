"""The file with an answer: what was asked, on which legal basis, and own records behind each shared identifier.

Private to the node's user, written whole or not at all, some hits at a time, so that a large answer needs no large
memory.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from nodes.casefile import CaseFile
from nodes.errors import StorageError
from nodes.home import FILE_MODE, sync_folder
from nodes.registry import Snapshot
from nodes.runner import Outcome
from protocol.identifiers import KINDS, split_canonical
from protocol.notes import decode_note
from protocol.results import Answer
from psi import NOTE_BYTES, Items, backend

NOTICE: Final = "Leads, not identities: a hit says only that both lists hold the same identifier."
MAX_RECORDS_PER_HIT: Final = 1_000  # that a result lists: what more records hold tells nobody apart
RECORDS_AT_ONCE: Final = 1 << 18  # they lie in the order of their source, so each time all of the file may be read
RECORD_BYTES_AT_ONCE: Final = 1 << 24
HITS_AT_ONCE: Final = 1 << 13  # laid out in memory that the processor still has at hand
_BLANK: Final = ord(" ")
_QUOTE: Final = ord('"')
_PLAIN: Final = np.array([chr(byte).isprintable() and byte < 0x7F and chr(byte) not in '"\\' for byte in range(256)])
_to_json: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def write_result(host: CaseFile, answer: Answer, outcome: Outcome, session_id: str) -> dict[str, Any]:
    """Write the answer to the node's results folder. Returns: what the file says, but for the hits; and its path.

    Raises:
        StorageError: not written, though the partner has answered and charged. Errors of the registry.
    """
    facts, snapshot = host.facts, host.snapshot
    if snapshot is None:
        raise StorageError("expected the snapshot of the question, got none")
    lists = [
        {
            "kind": kind,
            "strength": KINDS[kind].strength.value,
            "own": snapshot.size(kind),
            "partner": partner,
            "shared": len(rows) // 4,
        }
        for kind, partner, rows in zip(facts.kinds, answer.partner_sizes, answer.rows, strict=True)
    ]
    summary = summary_of(host, outcome, session_id, NOTICE, lists)
    return write_file(host, summary, _hits(snapshot, facts.kinds, answer))


def summary_of(
    host: CaseFile, outcome: Outcome, session_id: str, notice: str, lists: list[dict[str, Any]]
) -> dict[str, Any]:
    """What every file with an answer says of its question and session."""
    facts, node = host.facts, host.node
    return {
        "notice": notice,
        "session": session_id,
        "ctx": (outcome.done.ctx or b"").hex(),
        "answered_ms": node.now_ms(),
        "partner": host.partner,
        **asdict(host.question()),
        "reveals": facts.reveals,
        **({"epoch": facts.epoch, "release": facts.release} if facts.epoch else {}),
        "snapshot": int(facts.snapshot),
        "lists": lists,
        "seconds": round(outcome.seconds, 3),
        "sent_bytes": outcome.sent_bytes,
        "received_bytes": outcome.received_bytes,
        "backend": backend(),
    }


def write_file(host: CaseFile, summary: dict[str, Any], hits: Iterable[bytes] = ()) -> dict[str, Any]:
    """Write an answer under the name of its session. Returns: the summary, and the file's path. Raises StorageError."""
    path = host.node.config.paths.results / f"{summary['session']}.json"
    _write(path, summary, hits)
    return {**summary, "file": str(path)}


def _hits(snapshot: Snapshot, kinds: tuple[str, ...], answer: Answer) -> Iterator[bytes]:
    """Yield the hits, kind by kind and in ascending order, some at a time: a comma, a new line, a JSON object."""
    nothing = [b""] * len(kinds)
    for kind, own, notes, authentic in zip(
        kinds, answer.rows, answer.notes or nothing, answer.authentic or nothing, strict=True
    ):
        rows = np.frombuffer(own, "<u4")
        counts = snapshot.holder_counts(kind, rows)
        ends = np.cumsum(np.minimum(counts, MAX_RECORDS_PER_HIT))
        record_bytes = max(1, snapshot.record_bytes // max(1, snapshot.record_count))
        at_once = min(RECORDS_AT_ONCE, RECORD_BYTES_AT_ONCE // record_bytes + 1)
        bounds = np.flatnonzero(np.diff(ends // at_once)) + 1
        for first, end in pairwise([0, *bounds.tolist(), len(rows)] if len(rows) else []):
            some_notes = notes[first * NOTE_BYTES : end * NOTE_BYTES]
            yield from _some_hits(snapshot, kind, rows[first:end], counts[first:end], some_notes, authentic[first:end])


def _some_hits(
    snapshot: Snapshot, kind: str, rows: NDArray[Any], counts: NDArray[Any], notes: bytes, authentic: bytes
) -> Iterator[bytes]:
    begin = f',\n  {{"kind":"{kind}","strength":"{KINDS[kind].strength.value}","identifier":'.encode()
    holders = snapshot.holders(kind, rows, MAX_RECORDS_PER_HIT)
    held = np.diff(holders.bounds)
    identifiers = snapshot.pick(kind, rows)
    records = snapshot.record_texts(holders.numbers)
    for first in range(0, len(rows), HITS_AT_ONCE):
        end = min(first + HITS_AT_ONCE, len(rows))
        texts = records[holders.bounds[first] : holders.bounds[end]]
        some_notes = notes[first * NOTE_BYTES : end * NOTE_BYTES]
        tails = _tails(held[first:end], counts[first:end], some_notes, authentic[first:end])
        yield _laid_out(begin, _identifiers(identifiers.slice(first, end - first)), held[first:end], texts, tails)


def _tails(held: NDArray[Any], counts: NDArray[Any], notes: bytes, authentic: bytes) -> list[bytes]:
    """Return what follows the records of each hit."""
    tails = [b"]}"] * len(held)
    if notes:
        texts = (decode_note(notes[at : at + NOTE_BYTES]) for at in range(0, len(notes), NOTE_BYTES))
        tails = [b'],"note":%b}' % _to_json(text).encode() for text in texts]
    for hit in np.flatnonzero(np.frombuffer(authentic, np.uint8) == 0).tolist():
        tails[hit] = b'],"note":null,"note_authentic":false}'
    for hit in np.flatnonzero(held < counts).tolist():
        tails[hit] = b'],"records_in_all":%d%b' % (counts[hit], tails[hit][1:])
    return tails


def _laid_out(
    begin: bytes, identifiers: list[bytes], held: NDArray[Any], records: list[bytes], tails: list[bytes]
) -> bytes:
    """Join the parts of all hits: begin, identifier, the records that it holds, each behind a comma, and tail."""
    hits, ends = np.arange(len(held)), np.cumsum(held)
    begins = 3 * hits + 2 * (ends - held)
    commas = 3 * np.repeat(hits, held) + 2 * np.arange(len(records)) + 2
    parts = np.empty(3 * len(hits) + 2 * len(records), np.object_)
    parts[begins], parts[begins + 1], parts[3 * hits + 2 * ends + 2] = begin, identifiers, tails
    parts[commas], parts[commas + 1] = b",", records
    parts[begins + 2] = b',"records":['  # in place of the first record's comma
    return b"".join(parts.tolist())


def _identifiers(items: Items) -> list[bytes]:
    """Return canonical identifiers as JSON strings: the fields with blanks between, those that are no text in hex."""
    offsets = np.frombuffer(memoryview(items.offsets), "<u4").astype(np.int64)
    canonical = bytes(memoryview(items.data)[offsets[0] : offsets[-1]])
    offsets -= offsets[0]
    starts, ends = offsets[:-1], offsets[1:]
    data = np.frombuffer(canonical + b" ", np.uint8).copy()
    data[offsets] = _BLANK  # the tags, and behind the last
    at, stop = starts + 1, ends
    while len(at := at[going := at < stop]):
        stop = stop[going]
        length = data[at].astype(np.int64)
        data[at] = _BLANK
        at = at + 1 + length
    odd = np.searchsorted(offsets, np.flatnonzero(~_PLAIN[data]), "right") - 1
    data[starts + 1] = data[offsets] = _QUOTE  # in place of the first length, and of the tag that follows
    shown = data.tobytes()
    texts = [shown[first:end] for first, end in zip((starts + 1).tolist(), (ends + 1).tolist(), strict=True)]
    for item in np.unique(odd).tolist():
        fields = split_canonical(canonical[starts[item] : ends[item]])
        texts[item] = _to_json(" ".join(map(_shown, fields))).encode()
    return texts


def _shown(field: bytes) -> str:
    with suppress(UnicodeDecodeError):
        if (text := field.decode()).isprintable():
            return text
    return field.hex()


def _write(path: Path, summary: dict[str, Any], hits: Iterable[bytes]) -> None:
    new = path.with_name(f".{path.name}.new")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
        try:
            with os.fdopen(descriptor, "wb") as file:
                _write_json(file, summary, hits)
                file.flush()
                os.fsync(descriptor)
            new.replace(path)
            sync_folder(path.parent)
        except BaseException:
            with suppress(OSError):
                new.unlink()
            raise
    except OSError as cause:
        raise StorageError(f"expected to write the result, got: {cause.strerror}") from None


def _write_json(file: BinaryIO, summary: dict[str, Any], hits: Iterable[bytes]) -> None:
    """One JSON object whose last key is the list of hits, one a line."""
    file.write((json.dumps(summary, ensure_ascii=False, indent=1).removesuffix("\n}") + ',\n "hits": [').encode())
    comma = b","
    for some in hits:
        file.write(memoryview(some)[len(comma) :])
        comma = b""
    file.write(b"\n ]\n}\n")
