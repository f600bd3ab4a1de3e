"""Which sessions this node's epochs admit, at what price, and what it tells the others: nothing but `outdated`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nodes.epochs.answering import GivenSession
from nodes.epochs.errors import EpochBusyError, EpochOutdatedError, EpochUnknownError
from nodes.epochs.given import GivenEpoch
from nodes.errors import BudgetError, NodeError, TooManyElementsError
from nodes.node import Node
from protocol.effects import Admit, ReadRelease
from protocol.epoch.statements import read_release
from protocol.errors import Reason
from protocol.host_answers import Admission
from protocol.messages import Envelope, LegalBasis, List, Participant
from tests.agency import DAY_MS, NOW_MS
from tests.unit.nodes.epochs.records import KIND, Clock, Records, nobody_notes, terms

BASIS = LegalBasis("p", "i", "r", "c", "o", "oc", "H0", "routine")
ASKED = Envelope(
    version=1, suite="s", query="intersect", variant="epoch-key", reveals="shared-identifiers", realm="exercise",
    participants=(Participant("north", "requester", "", b""), Participant("south", "responder", "suspects", b"")),
    recipients=("north",), operator="op", lists=(List(KIND, 3),), profile_hash=bytes(64), legal_basis=BASIS,
    not_before_ms=0, not_after_ms=1, nonce=b"", seed_commitment=b"", coin_commitment=b"", snapshot_commitment=b"",
    release=1,
)  # fmt: skip
SYNC = replace(ASKED, query="epoch-sync", lists=(List(KIND, 0),), release=0)
PER_DAY = 1_000


@pytest.fixture
def one(node: Node) -> GivenEpoch:
    return node.given.open(terms(max_elements=20), NOW_MS, nobody_notes)


class Sessions:
    """Sessions at a node, one after the other, each with its own digest."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.count = 0
        self.digest = b""
        self.last: GivenSession | None = None

    def admit(self, envelope: Envelope, partner: str = "north") -> Admission:
        self.count += 1
        self.digest = digest = b"%d" % self.count

        def reserve(elements: int) -> None:
            self._node.state.reserve(digest, partner, "suspects", elements, PER_DAY, self._node.now_ms())

        self.last = GivenSession(self._node, partner, reserve)
        return self.last.admit(Admit(1, envelope, digest, self._node.now_ms()))

    def done(self, envelope: Envelope) -> Admission:
        """Admitted and charged."""
        admission = self.admit(envelope)
        grant = admission.grant
        assert grant is not None
        elements = grant.watched if envelope.query == "epoch-sync" else sum(entry.size for entry in envelope.lists)
        self._node.state.charge(self.digest, elements, self._node.now_ms())
        return admission


@pytest.fixture
def sessions(node: Node) -> Sessions:
    return Sessions(node)


def refused(sessions: Sessions, envelope: Envelope, error: type[NodeError], partner: str = "north") -> None:
    with pytest.raises(error):
        sessions.admit(envelope, partner)


def test_a_question_gets_keys_and_sizes_and_no_release(sessions: Sessions, one: GivenEpoch, node: Node) -> None:
    admission = sessions.done(replace(ASKED, epoch=one.epoch.id))
    assert admission.sizes == (2,)
    assert admission.grant is not None
    assert (admission.grant.seed, admission.grant.statement) == (one.seed, one.statement)
    assert (admission.grant.releases, admission.grant.watched) == ((), 0)
    with node.registry.open("suspects") as snapshot:
        assert admission.snapshot_root == snapshot.root
    assert node.state.used_in_epoch(one.epoch.id) == 3
    assert node.state.used_elements("north", "suspects", NOW_MS) == 3


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"epoch": "0" * 32}, EpochUnknownError),
        ({"release": 2}, EpochOutdatedError),
        ({"lists": (List("iban", 1),)}, EpochUnknownError),
        ({"lists": (List(KIND, 1), List("iban", 1))}, EpochUnknownError),
        ({"lists": (List(KIND, 11),)}, TooManyElementsError),
    ],
)
def test_questions_beyond_the_terms(
    sessions: Sessions, one: GivenEpoch, node: Node, change: dict[str, Any], error: type[NodeError]
) -> None:
    refused(sessions, replace(ASKED, **({"epoch": one.epoch.id} | change)), error)
    assert node.state.used_in_epoch(one.epoch.id) == 0
    assert node.state.used_elements("north", "suspects", NOW_MS) == 0


@pytest.mark.parametrize("envelope", [ASKED, SYNC], ids=["question", "synchronisation"])
def test_another_partner_or_data_set_cannot_use_it(sessions: Sessions, one: GivenEpoch, envelope: Envelope) -> None:
    named = replace(envelope, epoch=one.epoch.id)
    refused(sessions, named, EpochUnknownError, partner="west")
    other = Participant("south", "responder", "others", b"")
    refused(sessions, replace(named, participants=(named.participants[0], other)), EpochUnknownError)
    assert EpochUnknownError.reason is EpochOutdatedError.reason is Reason.OUTDATED


@pytest.mark.parametrize("envelope", [ASKED, SYNC], ids=["question", "synchronisation"])
def test_not_after_its_end(sessions: Sessions, one: GivenEpoch, clock: Clock, envelope: Envelope) -> None:
    named = replace(envelope, epoch=one.epoch.id)
    clock.now_ms = NOW_MS + DAY_MS - 1
    sessions.admit(named)
    clock.now_ms = NOW_MS + DAY_MS
    refused(sessions, named, EpochUnknownError)
    refused(sessions, SYNC, EpochUnknownError)


def test_not_under_another_profile(
    sessions: Sessions, one: GivenEpoch, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Node, "local", replace(node.local, profile_hash=bytes(64)))
    refused(sessions, replace(ASKED, epoch=one.epoch.id), EpochUnknownError)


def test_a_first_synchronisation_finds_it_by_its_terms(sessions: Sessions, one: GivenEpoch) -> None:
    admission = sessions.done(SYNC)
    assert admission.grant is not None
    assert admission.grant.statement == one.statement
    assert [read_release(signed).number for signed in admission.grant.releases] == [1]
    refused(sessions, replace(SYNC, lists=(List("iban", 0),)), EpochUnknownError)
    refused(sessions, replace(SYNC, lists=(List(KIND, 0), List("iban", 0))), EpochUnknownError)
    assert sessions.last is not None


def test_a_synchronisation_releases_what_changed_and_charges_it(
    sessions: Sessions, one: GivenEpoch, records: Records, node: Node
) -> None:
    sessions.done(SYNC)
    sessions.done(replace(ASKED, epoch=one.epoch.id))
    records.hold(["X0000002", "X0000003", "X0000004"])
    named = replace(SYNC, epoch=one.epoch.id, release=1)
    admission = sessions.done(named)
    assert sessions.last is not None
    assert sessions.last.made is not None
    assert admission.sizes == (3,)
    assert admission.grant is not None
    assert (len(admission.grant.releases), admission.grant.watched) == (1, 3)
    rows = [sessions.last.read(ReadRelease(1, 2, part, 0, count)) for part, count in ((0, 2), (1, 1))]
    assert [len(part) for part in rows] == [32, 16]
    sessions.last.close()
    assert node.state.used_in_epoch(one.epoch.id) == 6
    again = sessions.done(named)
    assert again.grant is not None
    assert (len(again.grant.releases), again.grant.watched) == (1, 0), "paid once"
    assert sessions.last.made is None
    refused(sessions, replace(ASKED, epoch=one.epoch.id), EpochOutdatedError)
    sessions.done(replace(ASKED, epoch=one.epoch.id, release=2))
    refused(sessions, replace(named, release=3), EpochOutdatedError)


def test_where_the_cap_does_not_cover_a_release_none_is_made(
    sessions: Sessions, one: GivenEpoch, records: Records, node: Node
) -> None:
    sessions.done(SYNC)
    for _ in range(4):
        sessions.done(replace(ASKED, epoch=one.epoch.id))
    records.hold(["X0000009"])
    refused(sessions, replace(SYNC, epoch=one.epoch.id, release=1), BudgetError)
    assert one.folder.release == 1
    node.state.release(sessions.digest, NOW_MS)
    assert node.state.used_in_epoch(one.epoch.id) == 12


def test_two_synchronisations_at_once(sessions: Sessions, one: GivenEpoch) -> None:
    with one.folder.locked():
        refused(sessions, SYNC, EpochBusyError)
    assert EpochBusyError.reason is Reason.BUSY
    sessions.admit(SYNC)


def test_reading_before_admission(node: Node) -> None:
    with pytest.raises(EpochUnknownError):
        GivenSession(node, "north", lambda _: None).read(ReadRelease(1, 1, 0, 0, 0))
