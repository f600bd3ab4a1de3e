"""What an import did, by kind and reason: counts and row numbers, never a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

MAX_LISTED_ROWS: Final = 100  # per kind and reason; the count goes on
ROWS: Final = "row"  # stands for the kind where a reason concerns the whole row
TRANSACTIONS: Final = "transaction"  # and where it concerns what a row says about money


@dataclass(slots=True)
class Rejections:
    """How often one reason occurred, and the first rows where it did."""

    count: int = 0
    rows: list[int] = field(default_factory=list)

    def add(self, row: int) -> None:
        self.count += 1
        if len(self.rows) < MAX_LISTED_ROWS and self.rows[-1:] != [row]:
            self.rows.append(row)


@dataclass(slots=True)
class KindCounts:
    """Of all values of one kind: accepted (distinct identifiers), merged (equal to an accepted one), rejected."""

    accepted: int = 0
    merged: int = 0
    rejected: dict[str, Rejections] = field(default_factory=dict)

    def reject(self, reason: str, row: int) -> None:
        self.rejected.setdefault(reason, Rejections()).add(row)


@dataclass(frozen=True, slots=True)
class ChangeCounts:
    """What an import of changes did to version `base`: records added to it and removed from it."""

    base: int
    added: int
    removed: int


@dataclass(slots=True)
class ImportReport:
    """The report of one import.

    Args:
        data_set, version, realm, format, created_at: of the snapshot that it made.
        records: records of the snapshot.
        rows: reasons that concern whole rows: rejected ones, and kept ones with a remark.
        kinds: counts of every kind of the profile.
        transactions: counts of transactions that the source brought; none of them is merged.
        changes: of an import of changes; None for a whole data set.
    """

    data_set: str
    version: int
    realm: str
    format: str
    created_at: str
    records: int = 0
    rows: KindCounts = field(default_factory=KindCounts)
    kinds: dict[str, KindCounts] = field(default_factory=dict)
    transactions: KindCounts = field(default_factory=KindCounts)
    changes: ChangeCounts | None = None

    @property
    def is_rejected(self) -> bool:
        """Whether there were values, and none of any kind was accepted. Records without values may be all there is."""
        kinds = self.kinds.values()
        return any(counts.rejected for counts in kinds) and not any(counts.accepted for counts in kinds)

    def told_rejections(self) -> str:
        """Return each reason with its count and first row, as the end of a message; nothing where there is none."""
        counted = {ROWS: self.rows, TRANSACTIONS: self.transactions, **self.kinds}
        reasons = [
            f"{kind} {reason} in {found.count}, first in row {found.rows[0]}"
            for kind, counts in counted.items()
            for reason, found in sorted(counts.rejected.items())
        ]
        return f" ({'; '.join(reasons)})" if reasons else ""

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return {
            "data_set": self.data_set,
            "version": self.version,
            "realm": self.realm,
            "format": self.format,
            "created_at": self.created_at,
            "records": self.records,
            **({"changes": asdict(self.changes)} if self.changes else {}),
            "rows": _reasons(self.rows),
            "transactions": {"accepted": self.transactions.accepted, "rejected": _reasons(self.transactions)},
            "kinds": {
                name: {"accepted": counts.accepted, "merged": counts.merged, "rejected": _reasons(counts)}
                for name, counts in self.kinds.items()
            },
        }


def _reasons(counts: KindCounts) -> dict[str, Any]:
    return {reason: {"count": found.count, "rows": found.rows} for reason, found in sorted(counts.rejected.items())}


def report_table(report: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Return lines (kind, what, count, rows) for people, from `to_json` or from a snapshot's manifest.

    Kinds of which the source had no value are left out.
    """
    lines = []
    for kind, counts in report["kinds"].items():
        if not (counts["accepted"] or counts["rejected"]):
            continue
        lines += [(kind, "accepted", str(counts["accepted"]), ""), (kind, "merged", str(counts["merged"]), "")]
        lines += [(kind, f"rejected: {reason}", *_shown(found)) for reason, found in counts["rejected"].items()]
    money = report.get("transactions", {"accepted": 0, "rejected": {}})  # a snapshot of format 2 has none
    if money["accepted"] or money["rejected"]:
        lines.append((TRANSACTIONS, "accepted", str(money["accepted"]), ""))
        lines += [(TRANSACTIONS, f"rejected: {reason}", *_shown(found)) for reason, found in money["rejected"].items()]
    lines += [(ROWS, reason, *_shown(found)) for reason, found in report["rows"].items()]
    return lines


def _shown(found: Mapping[str, Any]) -> tuple[str, str]:
    rows = found["rows"]
    return str(found["count"]), ", ".join(map(str, rows[:10])) + (", ..." if len(rows) > 10 else "")
