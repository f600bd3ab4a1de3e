"""The file with an answer: what was asked, on which legal basis, and own records behind each shared identifier.

Private to the node's user, written whole or not at all, hit by hit, so that a large answer needs no large memory.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from nodes.casefile import CaseFile
from nodes.errors import StorageError
from nodes.home import FILE_MODE, sync_folder
from nodes.registry import Snapshot
from nodes.runner import Outcome
from protocol.effects import Answer
from protocol.identifiers import KINDS, split_canonical
from protocol.notes import decode_note
from psi import NOTE_BYTES, backend

NOTICE: Final = "Leads, not identities: a hit says only that both lists hold the same identifier."
HITS_AT_ONCE: Final = 512


def write_result(host: CaseFile, answer: Answer, outcome: Outcome, session_id: str) -> dict[str, Any]:
    """Write the answer to the node's results folder. Returns: what the file says, but for the hits; and its path.

    Raises:
        StorageError: not written, though the partner has answered and charged. Errors of the registry.
    """
    node, facts, snapshot = host.node, host.facts, host.snapshot
    if snapshot is None:
        raise StorageError("expected the snapshot of the question, got none")
    question = host.question()
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
    summary = {
        "notice": NOTICE,
        "session": session_id,
        "ctx": (outcome.done.ctx or b"").hex(),
        "answered_ms": node.now_ms(),
        "partner": host.partner,
        **asdict(question),
        "reveals": facts.reveals,
        "snapshot": snapshot.version,
        "lists": lists,
        "seconds": round(outcome.seconds, 3),
        "sent_bytes": outcome.sent_bytes,
        "received_bytes": outcome.received_bytes,
        "backend": backend(),
    }
    path = node.config.paths.results / f"{session_id}.json"
    _write(path, summary, _hits(snapshot, facts.kinds, answer))
    return {**summary, "file": str(path)}


def _hits(snapshot: Snapshot, kinds: tuple[str, ...], answer: Answer) -> Iterator[dict[str, Any]]:
    for kind, rows, notes in zip(kinds, answer.rows, answer.notes or [b""] * len(kinds), strict=True):
        numbers = np.frombuffer(rows, "<u4")
        for first in range(0, len(numbers), HITS_AT_ONCE):
            block = numbers[first : first + HITS_AT_ONCE]
            for place, number, records in zip(
                range(first, first + len(block)), block.tolist(), snapshot.records(kind, block), strict=True
            ):
                canonical = bytes(snapshot.items(kind, number, 1).data)
                note = notes[place * NOTE_BYTES : (place + 1) * NOTE_BYTES]
                yield {
                    "kind": kind,
                    "strength": KINDS[kind].strength.value,
                    "identifier": " ".join(part.decode("utf-8", "replace") for part in split_canonical(canonical)),
                    "records": [{"reference": r.reference, "display": dict(r.display)} for r in records],
                    **({"note": decode_note(note)} if note else {}),
                }


def _write(path: Path, summary: dict[str, Any], hits: Iterator[dict[str, Any]]) -> None:
    new = path.with_name(f".{path.name}.new")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
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


def _write_json(file: IO[str], summary: dict[str, Any], hits: Iterator[dict[str, Any]]) -> None:
    """One JSON object whose last key is the list of hits, one a line."""
    file.write(json.dumps(summary, ensure_ascii=False, indent=1).removesuffix("\n}") + ',\n "hits": [')
    separator = "\n"
    for hit in hits:
        file.write(separator + "  " + json.dumps(hit, ensure_ascii=False, separators=(",", ":")))
        separator = ",\n"
    file.write("\n ]\n}\n")
