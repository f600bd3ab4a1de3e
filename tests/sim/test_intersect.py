"""intersect between two honest parties in memory, against the plain intersection."""

from __future__ import annotations

import random

import pytest

from protocol import effects as fx
from protocol.codec import decode_packet
from protocol.errors import ConnectionLostError
from protocol.events import Ended
from protocol.intersect import IntersectResponder
from protocol.messages import PacketType
from protocol.notes import decode_note
from protocol.results import Answer
from protocol.vocabulary import Reveals
from psi import CHUNK_ELEMENTS
from tests.sim.host import NOW_MS, Simulation, note_of, question, refuse


def items(rng: random.Random, count: int) -> list[bytes]:
    return [rng.randbytes(rng.randrange(1, 40)) + i.to_bytes(4, "big") for i in range(count)]


def overlapping(seed: int, mine: int, theirs: int, shared: int) -> tuple[list[bytes], list[bytes]]:
    rng = random.Random(seed)
    both = items(rng, shared)
    left, right = both + items(rng, mine - shared), both + items(rng, theirs - shared)
    rng.shuffle(left)
    rng.shuffle(right)
    return left, right


@pytest.mark.parametrize(
    ("mine", "theirs", "shared"),
    [(0, 0, 0), (0, 5, 0), (5, 0, 0), (1, 1, 0), (1, 1, 1), (7, 8, 3), (8, 8, 8), (9, 7, 1), (15, 17, 0), (67, 78, 33)],
)
def test_answer_equals_plain_intersection(mine: int, theirs: int, shared: int) -> None:
    left, right = overlapping(mine * 100 + theirs, mine, theirs, shared)
    simulation = Simulation.of({"imo": left}, {"imo": right}).run()
    assert simulation.errors() == (None, None)
    assert simulation.rows() == [[i for i, value in enumerate(left) if value in set(right)]]


def test_6789_by_7890_in_two_lists_and_one_that_is_empty() -> None:
    left, right = overlapping(3, 6_789, 7_890, 1_234)
    simulation = Simulation.of({"iban": left, "imo": [], "passport": right}, {"iban": right, "passport": left}).run()
    assert simulation.errors() == (None, None)
    expected_iban = [i for i, value in enumerate(left) if value in set(right)]
    expected_passport = [i for i, value in enumerate(right) if value in set(left)]
    assert simulation.rows() == [expected_iban, [], expected_passport]


@pytest.mark.parametrize("size", [CHUNK_ELEMENTS, CHUNK_ELEMENTS + 1])
def test_chunk_boundaries(size: int) -> None:
    left = [i.to_bytes(4, "big") for i in range(size)]
    right = [*left[::1000], b"foreign"]
    simulation = Simulation.of({"imo": left}, {"imo": right}).run()
    assert simulation.rows() == [list(range(0, size, 1000))]


def test_more_chunks_than_may_be_unanswered() -> None:
    left = [i.to_bytes(4, "big") for i in range(5 * CHUNK_ELEMENTS + 3)]
    simulation = Simulation.of({"imo": left}, {"imo": left[-3:]}).run()
    assert simulation.rows() == [list(range(len(left) - 3, len(left)))]


@pytest.mark.parametrize(("mine", "theirs", "shared"), [(0, 0, 0), (0, 3, 0), (5, 0, 0), (7, 9, 4), (67, 78, 33)])
def test_to_both_each_side_learns_its_own_rows(mine: int, theirs: int, shared: int) -> None:
    left, right = overlapping(mine * 100 + theirs, mine, theirs, shared)
    ask = question({"imo": mine, "iban": theirs}, reveals=Reveals.SHARED_IDENTIFIERS_TO_BOTH)
    simulation = Simulation.of({"imo": left, "iban": right}, {"imo": right, "iban": left}, ask=ask).run()
    assert simulation.errors() == (None, None)
    of_left = [i for i, value in enumerate(left) if value in set(right)]
    of_right = [i for i, value in enumerate(right) if value in set(left)]
    assert simulation.rows() == [of_left, of_right]
    assert simulation.rows(simulation.responder) == [of_right, of_left]


def test_to_both_the_responder_has_its_answer_without_the_last_receipt() -> None:
    """A requester that goes once it has the tags takes nobody's answer away."""
    left, right = [b"a", b"b", b"c"], [b"c", b"d", b"a"]
    ask = question({"imo": 3}, reveals=Reveals.SHARED_IDENTIFIERS_TO_BOTH)

    def lose_receipt(role: str, _: int, packet: bytes) -> tuple[bytes, ...]:
        return () if role == "requester" and decode_packet(packet).type is PacketType.RECEIPT else (packet,)

    simulation = Simulation.of({"imo": left}, {"imo": right}, ask=ask).run(lose_receipt)
    assert simulation.rows() == [[0, 2]]
    assert simulation.errors()[1] == "silent"
    simulation.responder.feed(Ended(ConnectionLostError("the test cuts the wire"), tell_partner=False))
    assert simulation.rows(simulation.responder) == [[0, 2]]


def test_to_both_in_many_chunks() -> None:
    left = [i.to_bytes(4, "big") for i in range(CHUNK_ELEMENTS + 7)]
    right = [*left[::5000], b"foreign"]
    ask = question({"imo": len(left)}, reveals=Reveals.SHARED_IDENTIFIERS_TO_BOTH)
    simulation = Simulation.of({"imo": left}, {"imo": right}, ask=ask).run()
    assert simulation.rows() == [list(range(0, len(left), 5000))]
    assert simulation.rows(simulation.responder) == [list(range(len(right) - 1))]


def test_to_both_the_requester_discloses_after_both_checkpoints_and_each_charges_first() -> None:
    ask = question({"imo": 2}, reveals=Reveals.SHARED_IDENTIFIERS_TO_BOTH)
    simulation = Simulation.of({"imo": [b"a", b"b"]}, {"imo": [b"b", b"c", b"d"]}, ask=ask).run()
    assert simulation.requester.acts == ["consume-seed", "charge 3"]
    assert simulation.responder.acts == ["admit", "consume-seed", "charge 2"]
    order = [(role, decode_packet(packet).type) for role, packet in simulation.trace]
    assert order[order.index(("requester", PacketType.CHECKPOINT)) :] == [
        ("requester", PacketType.CHECKPOINT),
        ("responder", PacketType.CHECKPOINT),
        ("requester", PacketType.TAGS_SALT),
        ("requester", PacketType.TAGS),
        ("responder", PacketType.TAGS_SALT),
        ("responder", PacketType.TAGS),
        ("responder", PacketType.RECEIPT),
        ("requester", PacketType.RECEIPT),
    ]


@pytest.mark.parametrize("reveals", [r for r in Reveals if r.with_notes])
@pytest.mark.parametrize(("mine", "theirs", "shared"), [(0, 3, 0), (1, 1, 1), (7, 9, 4), (67, 78, 33)])
def test_each_shared_identifier_comes_with_its_note(reveals: Reveals, mine: int, theirs: int, shared: int) -> None:
    left, right = overlapping(mine * 100 + theirs, mine, theirs, shared)
    ask = question({"imo": mine}, reveals=reveals)
    simulation = Simulation.of({"imo": left}, {"imo": right}, ask=ask).run()
    assert simulation.errors() == (None, None)
    sides = [(simulation.requester, left, right)]
    if reveals.to_both:
        sides.append((simulation.responder, right, left))
    for host, own, others in sides:
        expected = [i for i, value in enumerate(own) if value in set(others)]
        assert simulation.rows(host) == [expected]
        assert host.done is not None
        assert isinstance(host.done.result, Answer)
        notes = host.done.result.notes[0]
        texts = [decode_note(notes[i : i + 128]) for i in range(0, len(notes), 128)]
        assert texts == [note_of(own[i]) or None for i in expected]


def test_a_note_that_was_altered_is_told_from_one_that_says_nothing() -> None:
    class Attacker(IntersectResponder):
        def send_rows(self, kind: PacketType, rows: bytes) -> None:
            # The last byte of the last row: of its note's authenticator.
            super().send_rows(kind, rows[:-1] + bytes([rows[-1] ^ 1]) if kind is PacketType.TAGS else rows)

    reveals = Reveals.SHARED_IDENTIFIERS_WITH_NOTES
    values = [bytes([i]) * 5 + b"\0" for i in range(9)]
    simulation = Simulation.of({"imo": values}, {"imo": values}, ask=question({"imo": 9}, reveals=reveals))
    simulation.responder.session.__class__ = Attacker
    simulation.run()
    assert simulation.errors() == (None, None)
    assert simulation.requester.done is not None
    answer = simulation.requester.done.result
    assert isinstance(answer, Answer)
    assert answer.notes == (bytes(9 * 128),)
    assert sorted(answer.authentic[0]) == [0] + [1] * 8


def test_more_noted_rows_than_one_frame() -> None:
    right = [i.to_bytes(4, "big") + b"!" for i in range(7_000)]
    ask = question({"imo": 3}, reveals=Reveals.SHARED_IDENTIFIERS_WITH_NOTES)
    simulation = Simulation.of({"imo": right[5:8]}, {"imo": right}, ask=ask).run()
    assert simulation.rows() == [[0, 1, 2]]
    assert simulation.responder.sent.count(PacketType.TAGS) == 2


def test_acts_are_in_order_and_nothing_leaves_before_the_charge() -> None:
    simulation = Simulation.of({"imo": [b"a", b"b"]}, {"imo": [b"b", b"c"]}).run()
    assert simulation.requester.acts == ["consume-seed"]
    assert simulation.responder.acts == ["admit", "consume-seed", "charge 2"]
    assert simulation.responder.sent == [
        PacketType.ACCEPT,
        PacketType.KEY,
        PacketType.EVALUATED,
        PacketType.PROOF,
        PacketType.TAGS,
        PacketType.RECEIPT,
    ]
    assert simulation.requester.sent == [
        PacketType.ENVELOPE,
        PacketType.OPEN,
        PacketType.BLINDED,
        PacketType.CHECKPOINT,
        PacketType.RECEIPT,
    ]


def test_both_sides_keep_the_same_signed_evidence() -> None:
    simulation = Simulation.of({"imo": [b"a"]}, {"imo": [b"a"]}).run()
    assert simulation.requester.evidence == simulation.responder.evidence
    assert len(simulation.requester.evidence) == 7


def test_a_run_repeats_to_the_byte_and_another_seed_shares_no_row() -> None:
    left, right = overlapping(9, 20, 20, 5)
    first, again, other = (
        Simulation.of({"imo": left}, {"imo": right}, number=number).run().trace for number in (1, 1, 2)
    )
    assert first == again
    assert not {packet for _, packet in first} & {packet for _, packet in other}


def test_blinds_of_two_lists_differ() -> None:
    """The same item in two lists must not be recognizable: every list has its own stream key."""
    simulation = Simulation.of({"imo": [b"same"], "iban": [b"same"]}, {}).run()
    blinded = [packet for role, packet in simulation.trace if role == "requester"][2:4]
    assert blinded[0][:60] != blinded[1][:60]


def test_refusal_is_signed_and_says_only_policy() -> None:
    simulation = Simulation.of({"imo": [b"a"]}, {"imo": [b"a"]}, decide=refuse).run()
    assert simulation.errors() == ("refused", "rejected")
    assert simulation.responder.sent == [PacketType.REFUSAL]
    assert simulation.requester.done is not None
    assert str(simulation.requester.done.error) == "the partner refused the question: policy"


def test_progress_is_told() -> None:
    simulation = Simulation.of({"imo": [b"a", b"b"]}, {"imo": [b"a"]}).run()
    assert simulation.requester.session.progress == fx.Progress("comparing", 1, 1)
    assert simulation.responder.session.progress == fx.Progress("sending tags", 1, 1)


@pytest.mark.parametrize(
    ("changes", "now_ms", "code"),
    [
        ({"not_after_ms": NOW_MS - 999}, NOW_MS + 59_000, None),
        ({"not_after_ms": NOW_MS - 999}, NOW_MS + 61_000, "expired-envelope"),
        ({"not_before_ms": NOW_MS}, NOW_MS - 61_000, "expired-envelope"),
        ({"not_after_ms": NOW_MS + 3_600_000}, NOW_MS, "bad-envelope"),
        ({"not_after_ms": NOW_MS - 1000}, NOW_MS, "bad-envelope"),
        ({"data_set": ""}, NOW_MS, "bad-envelope"),
        ({"operator": " "}, NOW_MS, "bad-envelope"),
        ({"lists": ()}, NOW_MS, "bad-envelope"),
    ],
)
def test_envelope_rules(changes: dict[str, object], now_ms: int, code: str | None) -> None:
    ask = question({"imo": 1}, **changes)
    simulation = Simulation.of({"imo": [b"a"]}, {"imo": [b"a"]}, ask=ask).run(now_ms=now_ms)
    assert simulation.errors() == (None if code is None else "refused", code)
