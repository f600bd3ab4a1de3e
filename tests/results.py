"""Results in the form that `nodes.results` writes, without a session: for tests of what operators do afterwards.

The form is written down here once more on purpose; tests/e2e/test_hits.py reads what nodes really write.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any

from nodes.hits import Result, read_result
from nodes.home import make_folder, write_private
from nodes.ledger import Entry, Event, Ledger
from protocol.messages import LegalBasis
from tests.agency import NOW_MS, Agency

BASIS = LegalBasis("tracing", "Act 7", "REF-1", "CASE-9", "Magistrate 3", "fraud", "H1", "routine")
PERSON = "Mallory Marker"


@dataclass(frozen=True, slots=True)
class Kept:
    """A result on disk, and the digest that the ledger knows its session by."""

    result: Result
    digest: str


def identifier(number: int) -> str:
    """What the hit of this number shares: a text that is nowhere else."""
    return f"MARKER{number:07}"


def keep_result(
    agency: Agency,
    shared: dict[str, int] | None = None,
    *,
    name: str = "one",
    partner: str = "fiu-south",
    notes: bool = False,
    asked_by: str | None = None,
) -> Kept:
    """Write a result with so many hits per kind, and the ledger row of its session."""
    shared = {"passport-number": 2, "iban": 1} if shared is None else shared
    digest = hashlib.sha512(name.encode()).hexdigest()
    session, folder = digest[:32], agency.config.paths.results
    summary = {
        "notice": "Leads, not identities.",
        "session": session,
        "ctx": "00" * 64,
        "answered_ms": NOW_MS,
        "partner": partner,
        "asked_by": asked_by or agency.config.agency_id,
        "operator": "op-1",
        "asked": "suspects",
        "data_set": "own",
        "legal_basis": asdict(BASIS),
        "reveals": "shared-identifiers",
        "snapshot": 1,
        "lists": [
            {"kind": kind, "strength": "candidate", "own": 10, "partner": 20, "shared": count}
            for kind, count in shared.items()
        ],
    }
    kinds = [kind for kind, count in shared.items() for _ in range(count)]
    make_folder(folder)
    path = folder / f"{session}.json"
    lines = [json.dumps(_hit(number, kind, notes), separators=(",", ":")) for number, kind in enumerate(kinds, 1)]
    hits = ",".join(f"\n  {line}" for line in lines)
    write_private(path, (json.dumps(summary, indent=1).removesuffix("\n}") + f',\n "hits": [{hits}\n ]\n}}\n').encode())
    with closing(Ledger(agency.home, agency.config, agency.identity.signer, NOW_MS)) as ledger:
        ledger.append(Entry(event=Event.REQUEST_SENT, session=digest, partner=partner, data_set="suspects"), NOW_MS)
    return Kept(read_result(path), digest)


def _hit(number: int, kind: str, notes: bool) -> dict[str, Any]:
    hit = {
        "kind": kind,
        "strength": "candidate",
        "identifier": identifier(number),
        "records": [{"reference": f"own-{number}", "display": {"name": PERSON}}],
    }
    return {**hit, "note": f"South, desk 4: S-{number}"} if notes else hit
