"""What a running node tells a monitor, in Prometheus' text format: counts, sizes and ages.

Labels are roles, error codes and folders, all from fixed sets. Never an identifier, a case, an operator, a data set, a
session, nor which partner: whom an agency talks to, and when, is told by the ledger to those who may read it.
"""

from __future__ import annotations

import logging
import shutil
from collections import Counter as Count
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from nodes.error_table import ERRORS
from nodes.errors import NodeError
from nodes.logs import line
from nodes.partners import Status
from nodes.runner import Outcome
from nodes.sessions import Underway
from protocol.vocabulary import Role

if TYPE_CHECKING:
    from nodes.node import Node

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
SECONDS_BUCKETS: Final = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1_000.0, 3_600.0, 14_400.0)
_DAY_SECONDS: Final = 86_400

log = logging.getLogger("accord.metrics")


class Metrics:
    """Counts since the node started, and gauges of the moment. Safe between threads."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # when something happened is for the ledger
        self._all = CollectorRegistry()
        self._sessions = Counter(
            "accord_sessions",
            "Sessions that ended, by this node's role and how.",
            ("role", "outcome"),
            registry=self._all,
        )
        self._not_begun = Counter(
            "accord_sessions_not_begun",
            "Callers turned away and own questions that never reached a partner, by error.",
            ("role", "code"),
            registry=self._all,
        )
        self._elements = Counter(
            "accord_session_elements",
            "Elements that both sides declared in ended sessions.",
            ("role",),
            registry=self._all,
        )
        self._bytes = Counter(
            "accord_session_bytes", "Bytes of frames of ended sessions.", ("role", "direction"), registry=self._all
        )
        self._seconds = Histogram(
            "accord_session_seconds", "How long sessions took.", ("role",), buckets=SECONDS_BUCKETS, registry=self._all
        )
        self._underway = Gauge("accord_sessions_underway", "Sessions now.", ("role",), registry=self._all)
        self._free = Gauge("accord_disk_free_bytes", "Free space where a folder lies.", ("folder",), registry=self._all)
        self._snapshots = Gauge("accord_data_sets", "Data sets, by whether they open.", ("state",), registry=self._all)
        self._age = Gauge(
            "accord_oldest_snapshot_age_seconds", "Age of the data set imported longest ago.", registry=self._all
        )
        self._partners = Gauge("accord_partners", "Partners, by status.", ("status",), registry=self._all)
        self._certificate = Gauge(
            "accord_certificate_days_left", "Days until the first certificate ends.", ("whose",), registry=self._all
        )

    # --- what happens

    def session_ended(self, role: Role, outcome: Outcome, elements: int) -> None:
        """Count a session. `elements`: declared by both sides."""
        self._sessions.labels(role.value, _code(outcome.error)).inc()
        self._elements.labels(role.value).inc(elements)
        self._bytes.labels(role.value, "sent").inc(outcome.sent_bytes)
        self._bytes.labels(role.value, "received").inc(outcome.received_bytes)
        self._seconds.labels(role.value).observe(outcome.seconds)

    @contextmanager
    def beginning(self, role: Role) -> Iterator[None]:
        """Count what goes wrong in here as a session that did not begin."""
        try:
            yield
        except Exception as error:
            self._not_begun.labels(role.value, _code(error)).inc()
            raise

    # --- what is

    def render(self, node: Node, underway: Sequence[Underway], now_ms: int) -> bytes:
        """Look at the node, and return all of it as text. Reads files: not for the event loop."""
        roles = Count(entry.role for entry in underway)
        for role in Role:
            self._underway.labels(role.value).set(roles[role])
        paths = node.config.paths
        for folder, path in (
            ("home", node.home.path),
            ("registry", paths.registry),
            ("spool", paths.spool),
            ("results", paths.results),
        ):
            there = next(parent for parent in (path, *path.parents) if parent.exists())
            self._free.labels(folder).set(shutil.disk_usage(there).free)
        self._look_at_snapshots(node, now_ms)
        self._look_at_partners(node, now_ms)
        return generate_latest(self._all)

    def _look_at_snapshots(self, node: Node, now_ms: int) -> None:
        names, ages = node.registry.data_sets(), []
        for name in names:
            try:
                with node.registry.open(name) as snapshot:
                    made = datetime.fromisoformat(snapshot.created_at)
                    ages.append(now_ms / 1000 - made.timestamp())
            except NodeError as error:
                log.warning(line("data-set-unreadable", code=error.code))
        self._snapshots.labels("readable").set(len(ages))
        self._snapshots.labels("unreadable").set(len(names) - len(ages))
        self._age.set(max(ages, default=0.0))

    def _look_at_partners(self, node: Node, now_ms: int) -> None:
        def days_left(until: datetime) -> float:
            return (until - datetime.fromtimestamp(now_ms / 1000, UTC)).total_seconds() / _DAY_SECONDS

        self._certificate.labels("own").set(days_left(node.identity.certificate.not_valid_after_utc))
        try:
            partners = node.book.all()
        except NodeError as error:
            log.warning(line("partners-unreadable", code=error.code))
            partners = ()
        statuses = Count(partner.status for partner in partners)
        for status in Status:
            self._partners.labels(status.value).set(statuses[status])
        ends = [p.file.certificate.not_valid_after_utc for p in partners if p.status is Status.ACTIVE]
        if ends:
            self._certificate.labels("partners").set(days_left(min(ends)))


def _code(error: BaseException | None) -> str:
    """A word of the error table, so that no text of an error can become a label."""
    if error is None:
        return "done"
    code = getattr(type(error), "code", "")
    return code if code in ERRORS else "unexpected"
