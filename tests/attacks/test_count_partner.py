"""A partner in a count that follows the protocol except in one place, and is caught there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import protocol
from protocol.aggregate import jobs
from protocol.codec import decode_packet, encode_packet
from protocol.errors import ConnectionLostError
from protocol.events import Ended
from protocol.messages import PacketType, Terms
from protocol.session import Session
from protocol.vocabulary import Query
from psi import group
from tests.attacks.aggregates import (
    IDENTITY,
    ROW,
    computing,
    nothing_told,
    played,
    rows_of,
    saying,
    scalar,
    sending,
    times,
    with_row,
)  # fmt: skip
from tests.sim.aggregates import COUNT, Record, aggregate_simulation, figures
from tests.sim.host import Simulation

THREAT_MODEL = Path(protocol.__file__).parents[1] / "docs" / "threat-model.md"
PERSON = bytes([4]) * 5
MINE = {"imo": [bytes([i]) * 5 for i in range(9)]}
THEIRS = {"imo": {bytes([i]) * 5: Record() for i in range(4, 20)}}
ASKED_ABOUT = replace(COUNT, minimum=3)
TEN = Terms(3, 0, 0)
NUMBERED = ROW + 4


def count(**more: Any) -> Simulation:
    more.setdefault("mine", MINE)
    return played(Query.COUNT, ASKED_ABOUT, more.pop("mine"), THEIRS, terms=TEN, **more)


def test_the_honest_question_is_answered() -> None:
    assert figures(count()).figures[0].count == 5


# --- a requester that wants to get round the minimum


@pytest.mark.parametrize("tags", [1, 2, 4, 8])
def test_one_person_tagged_several_times(tags: int) -> None:
    """One person, asked about under several scalars; and the same scalars on every target, instead of one on each."""
    scalars = [scalar(number) for number in range(tags)]

    def ask(job: jobs.Ask, rows: bytes) -> bytes:
        person = group.hash_to_group(PERSON, job.dst)
        return b"".join(group.multiply(each, person) for each in scalars) + rows[tags * ROW :]

    def shuffle(job: jobs.MaskTargets, rows: bytes) -> bytes:
        targets, masked = rows_of(job.targets, ROW), rows_of(rows, NUMBERED)
        tagged = [group.multiply(each, target) for target in targets for each in scalars][: len(targets)]
        return b"".join(element + row[ROW:] for element, row in zip(tagged, masked, strict=True))

    def attacker(base: type[Session]) -> type[Session]:
        return computing(computing(base, jobs.Ask, ask), jobs.MaskTargets, shuffle)

    simulation = count(requester=attacker)
    assert simulation.errors() == ("aborted-by-partner", "bad-proof")
    assert nothing_told(simulation)


@pytest.mark.parametrize("tags", [2, 4, 8])
def test_several_scalars_on_one_target(tags: int) -> None:
    def shuffle(job: jobs.MaskTargets, rows: bytes) -> bytes:
        first, masked = job.targets[:ROW], rows_of(rows, NUMBERED)
        tagged = [times(number, first) for number in range(tags)]
        return b"".join(e + row[ROW:] for e, row in zip(tagged, masked, strict=False)) + rows[tags * NUMBERED :]

    simulation = count(requester=lambda base: computing(base, jobs.MaskTargets, shuffle))
    assert simulation.errors() == ("aborted-by-partner", "bad-proof")
    assert nothing_told(simulation)


@pytest.mark.parametrize("places", [range(1), range(8), range(16)], ids=["one", "half", "all"])
def test_another_scalar_per_item(places: range) -> None:
    def shuffle(job: jobs.MaskTargets, rows: bytes) -> bytes:
        for place in places:
            target = job.targets[place * ROW : (place + 1) * ROW]
            number = rows[(place + 1) * NUMBERED - 4 : (place + 1) * NUMBERED]
            rows = with_row(rows, place, times(place, target) + number)
        return rows

    simulation = count(requester=lambda base: computing(base, jobs.MaskTargets, shuffle))
    assert simulation.errors() == ("aborted-by-partner", "bad-proof")
    assert nothing_told(simulation)


def test_one_scalar_on_all_but_another_than_its_key() -> None:
    def open_with_another_key(message: Any) -> Any:
        return replace(message, public_keys=(times(1, group.GENERATOR),))

    simulation = count(requester=lambda base: saying(base, PacketType.OPEN, open_with_another_key))
    assert simulation.errors() == ("aborted-by-partner", "bad-proof")


def test_the_same_target_twice_and_another_left_out() -> None:
    def twice(rows: bytes) -> bytes:
        return rows[:ROW] * 2 + rows[2 * ROW :]

    simulation = count(requester=lambda base: sending(base, PacketType.SHUFFLED, twice))
    assert simulation.errors() == ("aborted-by-partner", "not-ascending")


def test_what_was_asked_is_exchanged_after_the_proof() -> None:
    """What is asked is hashed into the challenge: it cannot be chosen to fit the proof."""

    def another(rows: bytes) -> bytes:
        return b"".join(sorted([times(1, group.GENERATOR), *rows_of(rows, ROW)[1:]]))

    simulation = count(requester=lambda base: sending(base, PacketType.ASKED, another))
    assert simulation.errors() == ("aborted-by-partner", "bad-proof")


@pytest.mark.parametrize("kind", [PacketType.ASKED, PacketType.SHUFFLED])
@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda rows: rows[:-ROW], "wrong-size"),
        (lambda rows: rows + rows[-ROW:], "wrong-size"),
        (lambda rows: rows[:-1], "wrong-size"),
        (lambda rows: b"", "wrong-size"),
        (lambda rows: rows[ROW : 2 * ROW] + rows[:ROW] + rows[2 * ROW :], "not-ascending"),
        (lambda rows: rows[ROW:] + rows[-ROW:], "not-ascending"),
        (lambda rows: IDENTITY + rows[ROW:], "bad-element"),
        (lambda rows: rows[:-ROW] + b"\xff" * ROW, "bad-element"),
    ],
    ids=["one less", "one more", "cut", "none", "order", "repeated", "identity", "beyond p"],
)
def test_rows_that_are_not_what_they_must_be(kind: PacketType, change: Any, code: str) -> None:
    simulation = count(requester=lambda base: sending(base, kind, change))
    assert simulation.errors() == ("aborted-by-partner", code)
    assert nothing_told(simulation)


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        (lambda rows: bytes(len(rows)), {"bad-proof"}),
        (lambda rows: b"\xff" * len(rows), {"bad-proof", "bad-scalar"}),
        (lambda rows: rows[::-1], {"bad-proof", "bad-scalar"}),
        (lambda rows: rows[:-1], {"bad-proof", "wrong-size"}),
    ],
    ids=["zeros", "not canonical", "reversed", "cut"],
)
def test_a_forged_proof(change: Any, codes: set[str]) -> None:
    simulation = count(requester=lambda base: sending(base, PacketType.SHUFFLE_PROOF, change))
    assert simulation.errors()[1] in codes
    assert nothing_told(simulation)


def test_a_proof_of_another_session() -> None:
    kind = PacketType.SHUFFLE_PROOF
    other = aggregate_simulation(Query.COUNT, ASKED_ABOUT, MINE, THEIRS, number=2).run()
    proofs = iter([p.payload for _, raw in other.trace if (p := decode_packet(raw)).type is kind])
    simulation = count(requester=lambda base: sending(base, kind, lambda _: next(proofs)))
    assert simulation.errors() == ("aborted-by-partner", "bad-proof")


def test_a_proof_of_another_list() -> None:
    """Both lists have the same sizes, and each the proof of the other."""
    lists = {"imo": MINE["imo"], "iban": MINE["imo"]}
    theirs = {"imo": THEIRS["imo"], "iban": THEIRS["imo"]}
    kind = PacketType.SHUFFLE_PROOF
    honest = aggregate_simulation(Query.COUNT, COUNT, lists, theirs).run()
    proofs = [p.payload for _, raw in honest.trace if (p := decode_packet(raw)).type is kind]
    swapped = iter(proofs[2:] + proofs[:2])
    simulation = played(
        Query.COUNT, COUNT, lists, theirs, requester=lambda base: sending(base, kind, lambda _: next(swapped))
    )
    assert simulation.errors() == ("aborted-by-partner", "bad-proof")


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ((), "wrong-size"),
        ((group.GENERATOR,) * 2, "wrong-size"),
        ((IDENTITY,), "bad-public-key"),
        ((b"\xff" * 32,), "bad-public-key"),
    ],
)
def test_a_mask_without_a_key(keys: tuple[bytes, ...], code: str) -> None:
    attacker = lambda base: saying(base, PacketType.OPEN, lambda opened: replace(opened, public_keys=keys))  # noqa: E731
    assert count(requester=attacker).errors() == ("aborted-by-partner", code)


def test_a_proof_of_possession_that_nobody_asked_for() -> None:
    attacker = lambda base: saying(base, PacketType.OPEN, lambda opened: replace(opened, proofs=(bytes(64),)))  # noqa: E731
    assert count(requester=attacker).errors() == ("aborted-by-partner", "wrong-size")


def test_a_padded_list_is_charged_for_every_element_and_stays_under_the_minimum() -> None:
    """Outside the protocol: one person and eight that cannot be shared. The minimum holds; the budget is spent."""
    mine = {"imo": [PERSON, *[b"nobody%d" % number for number in range(8)]]}
    simulation = count(mine=mine)
    assert figures(simulation).figures[0].count is None
    assert simulation.responder.acts[-1] == "charge 9 epsilon 0 exact 1"


STEPS = (PacketType.ASKED, PacketType.SHUFFLED, PacketType.SHUFFLE_PROOF, PacketType.CHECKPOINT, PacketType.CELLS)


@pytest.mark.parametrize("first", STEPS)
def test_a_requester_that_goes_before_the_answer_has_spent_its_budget(first: PacketType) -> None:
    """Whatever it has seen by then: targets depend on records, and could be kept for a later quantum computer."""
    simulation = aggregate_simulation(Query.COUNT, ASKED_ABOUT, MINE, THEIRS)
    lost = {*STEPS[STEPS.index(first) :], PacketType.RECEIPT}
    simulation.run(lambda role, _, raw: () if decode_packet(raw).type in lost else (raw,))
    simulation.responder.feed(Ended(ConnectionLostError("the test cuts the wire"), tell_partner=False))
    assert simulation.errors()[1] == "connection-lost"
    assert simulation.responder.acts[-1] == "charge 9 epsilon 0 exact 1"


@pytest.mark.parametrize("early", [PacketType.CHECKPOINT, PacketType.SHUFFLED, PacketType.SHUFFLE_PROOF])
def test_frames_out_of_order(early: PacketType) -> None:
    """What is left out before this packet comes too early."""
    before = {
        PacketType.CHECKPOINT: PacketType.SHUFFLE_PROOF,
        PacketType.SHUFFLED: PacketType.ASKED,
        PacketType.SHUFFLE_PROOF: PacketType.SHUFFLED,
    }
    simulation = count(requester=lambda base: sending(base, before[early], lambda _: None))
    assert simulation.errors() == ("aborted-by-partner", "unexpected-packet")
    assert nothing_told(simulation)


def test_a_checkpoint_over_another_history() -> None:
    attacker = lambda base: saying(base, PacketType.CHECKPOINT, lambda s: replace(s, responder_chain=bytes(64)))  # noqa: E731
    simulation = count(requester=attacker)
    assert simulation.errors() == ("aborted-by-partner", "wrong-statement")
    assert nothing_told(simulation)


# --- a responder that lies


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda rows: rows[:-ROW], "wrong-size"),
        (lambda rows: rows[ROW:] + rows[:ROW], "not-ascending"),
        (lambda rows: rows[:ROW] * 2 + rows[2 * ROW :], "not-ascending"),
        (lambda rows: IDENTITY + rows[ROW:], "bad-element"),
        (lambda rows: rows[:-ROW] + b"\xff" * ROW, "bad-element"),
    ],
    ids=["one less", "order", "the same twice", "identity", "beyond p"],
)
def test_targets_that_are_not_what_they_must_be(change: Any, code: str) -> None:
    simulation = count(responder=lambda base: sending(base, PacketType.TARGETS, change))
    assert simulation.errors() == (code, "aborted-by-partner")


@pytest.mark.parametrize("terms", [Terms(2, 0, 0), None, Terms(3, 100_001, 0)])
def test_looser_terms_than_were_asked_for(terms: Terms | None) -> None:
    attacker = lambda base: saying(base, PacketType.ACCEPT, lambda accept: replace(accept, terms=terms))  # noqa: E731
    assert count(responder=attacker).errors() == ("bad-terms", "aborted-by-partner")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"rows": b"\x01\x02" + bytes(7)}, "bad-cells"),
        ({"rows": b"\x00\x05" + bytes(7)}, "bad-cells"),
        ({"rows": b"\x07\x05" + bytes(7)}, "bad-cells"),
        ({"rows": b""}, "wrong-size"),
        ({"rows": bytes(18)}, "wrong-size"),
        ({"proof": bytes(64)}, "wrong-size"),
        ({"ctx": bytes(64)}, "wrong-reference"),
    ],
)
def test_cells_that_the_terms_do_not_allow(change: dict[str, bytes], code: str) -> None:
    attacker = lambda base: saying(base, PacketType.CELLS, lambda cells: replace(cells, **change))  # noqa: E731
    assert count(responder=attacker).errors() == (code, "aborted-by-partner")


def test_a_key_where_there_must_be_none() -> None:
    attacker = lambda base: saying(base, PacketType.KEY, lambda key: replace(key, public_keys=(group.GENERATOR,)))  # noqa: E731
    assert count(responder=attacker).errors() == ("wrong-size", "aborted-by-partner")


def test_a_responder_with_a_mask_per_target_learns_which_are_shared_and_this_is_outside() -> None:
    """Nothing in a session shows it. It learns of its own targets alone, as an answer to both would tell it."""
    own = list(THEIRS["imo"])

    def masks(job: jobs.CountTargets, rows: bytes) -> bytes:
        return b"".join(times(place, group.hash_to_group(own[place], job.dst)) for place in range(len(rows) // ROW))

    simulation = count(responder=lambda base: computing(base, jobs.CountTargets, masks))
    assert simulation.errors() == (None, None)
    packets = [decode_packet(raw) for _, raw in simulation.trace]
    asked, shuffled = (
        rows_of(next(packet.payload for packet in packets if packet.type is kind), ROW)
        for kind in (PacketType.ASKED, PacketType.SHUFFLED)
    )
    learned = [y for place, y in enumerate(own) if {times(place, a) for a in asked} & set(shuffled)]
    assert learned == [y for y in own if y in MINE["imo"]]
    assert "learns which of its identifiers are shared" in THREAT_MODEL.read_text(encoding="utf-8")


# --- somebody on the wire


@pytest.mark.parametrize(
    ("kind", "code"), [(PacketType.CELLS, "wrong-reference"), (PacketType.RECEIPT, "wrong-statement")]
)
def test_a_replayed_packet_of_another_session(kind: PacketType, code: str) -> None:
    other = aggregate_simulation(Query.COUNT, ASKED_ABOUT, MINE, THEIRS, number=1, terms=Terms(4, 0, 0)).run()
    replayed = next(raw for role, raw in other.trace if role == "responder" and decode_packet(raw).type is kind)

    def replay(role: str, _: int, raw: bytes) -> tuple[bytes, ...]:
        if role != "responder" or decode_packet(raw).type is not kind:
            return (raw,)
        place = decode_packet(raw)
        return (encode_packet(replace(decode_packet(replayed), sequence=place.sequence, chain=place.chain)),)

    simulation = aggregate_simulation(Query.COUNT, ASKED_ABOUT, MINE, THEIRS, terms=TEN).run(replay)
    assert simulation.errors() == (code, "aborted-by-partner")
