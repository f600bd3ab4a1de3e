"""What monitors and log readers see of two served nodes: that it works, and nothing of what it works on."""

from __future__ import annotations

import http.client
import re
import socket
from dataclasses import dataclass
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from nodes.error_table import ERRORS
from protocol.vocabulary import Role
from tests.e2e.conftest import Pair
from tests.e2e.harness import NodeUnderTest, number, rules
from tests.patience import PATIENCE_SECONDS

OWN, THEIRS = range(120), range(100, 300)
# As in the harness's mandate, and its lists.
CASE: list[str] = ["CASE-1", "EX-1", "Exercise order", "Exercise control"]
LABELS: set[str] = {
    *Role,
    *("done", "unexpected", "sent", "received", "own", "partners", "readable", "unreadable"),
    *("home", "registry", "spool", "results", "active", "suspended", "removed"),
}


class ControlConnection(http.client.HTTPConnection):
    """HTTP to a node's control socket, as curl --unix-socket speaks it."""

    def __init__(self, home: Path) -> None:
        super().__init__("node", timeout=PATIENCE_SECONDS)
        self._path = home / "control.sock"

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))


def scrape(node: NodeUnderTest) -> str:
    connection = ControlConnection(node.home)
    connection.request("GET", "/metrics")
    response = connection.getresponse()
    assert response.status == 200
    assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return response.read().decode()


@dataclass(frozen=True)
class Samples:
    """A scrape. Called with a name and label values in any order, it gives the sample's value."""

    values: dict[frozenset[str], float]

    def __call__(self, *key: str) -> float:
        return self.values[frozenset(key)]

    @property
    def labels(self) -> set[str]:
        return {word for key in self.values for word in key if not word.startswith("accord_")}


def samples(node: NodeUnderTest) -> Samples:
    families = text_string_to_metric_families(scrape(node))
    return Samples({frozenset((s.name, *s.labels.values())): s.value for family in families for s in family.samples})


@pytest.fixture
def asked(pair: Pair) -> Pair:
    """Asked with an answer, refused by the partner, refused by own rules."""
    pair.north.hold(OWN)
    pair.south.hold(THEIRS)
    assert pair.north.ask_here("south").code == 0
    pair.south.write_rules(rules("north", "incoming", allow=False))
    assert pair.north.ask_here("south").code == 4
    pair.south.write_rules(rules("north", "incoming"))
    pair.north.write_rules(rules("south", "outgoing", allow=False))
    assert pair.north.ask_here("south").code == 5
    pair.north.write_rules(rules("south", "outgoing"))
    return pair


def test_metrics_count_what_happened(pair: Pair, asked: Pair) -> None:
    before = [samples(node) for node in (pair.north, pair.south)]
    assert pair.north.ask_here("south").code == 0
    after = [samples(node) for node in (pair.north, pair.south)]
    for role, old, new in zip(("requester", "responder"), before, after, strict=True):
        assert new("accord_sessions_total", role, "done") - old("accord_sessions_total", role, "done") == 1
        elements = new("accord_session_elements_total", role) - old("accord_session_elements_total", role)
        assert elements == len(OWN) + len(THEIRS)
        assert new("accord_session_seconds_count", role) - old("accord_session_seconds_count", role) == 1
        sent = new("accord_session_bytes_total", role, "sent") - old("accord_session_bytes_total", role, "sent")
        assert sent > 32 * len(OWN)
        assert new("accord_sessions_underway", role) == 0
        assert new("accord_disk_free_bytes", "home") > 0
        assert 1090 < new("accord_certificate_days_left", "own") < 1096
        assert 1090 < new("accord_certificate_days_left", "partners") < 1096
        assert 0 <= new("accord_oldest_snapshot_age_seconds") < 600
        assert new("accord_data_sets", "readable") == 1
        assert new("accord_data_sets", "unreadable") == 0
    assert after[0]("accord_sessions_total", "requester", "refused") >= 1
    assert after[1]("accord_sessions_total", "responder", "rejected") >= 1
    assert after[0]("accord_sessions_not_begun_total", "requester", "refused-by-own-rules") >= 1


def test_metrics_tell_nothing_of_whom_and_what(asked: Pair) -> None:
    for node in (asked.north, asked.south):
        text = scrape(node)
        words = samples(node).labels
        buckets = {word for word in words if word == "+Inf" or re.fullmatch(r"[0-9.]+", word)}
        assert {"requester", "responder", "home"} <= words
        assert words - buckets - LABELS - ERRORS.keys() == set()
        assert [word for word in CASE if word in text] == []
        assert not any(number(value) in text for value in (*OWN, *THEIRS))


def test_logs_hold_no_identifier_and_no_case(asked: Pair) -> None:
    for node in (asked.north, asked.south):
        text = node.log_text()
        assert "event=session-ended" in text  # what could have told, was told
        assert [word for word in CASE if word in text] == []
        assert not any(number(value) in text or f"Person {value}" in text for value in (*OWN, *THEIRS))
