"""A partner in a sum that follows the protocol except in one place, and is caught there.

What count has in common with sum (masks, targets, order, sizes) is in test_count_partner.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from protocol import effects as fx
from protocol.aggregate import jobs
from protocol.aggregate.agreed import possession_context
from protocol.codec import decode_packet
from protocol.decryption import Decrypt
from protocol.events import Completed, Event
from protocol.messages import PacketType, Terms
from protocol.results import Figure
from protocol.session import Session
from protocol.vocabulary import Query, Role
from psi import group
from psi.elgamal import add, add_values, encrypt
from psi.proofs import prove_possession
from tests.attacks.aggregates import IDENTITY, ROW, computing, nothing_told, played, rows_of, saying, sending, times
from tests.sim.aggregates import SUM, Record, aggregate_simulation, categorised, figures
from tests.sim.host import Simulation, derive

PERSON = bytes([4]) * 5
MINE = {"imo": [bytes([i]) * 5 for i in range(9)]}
THEIRS = {"imo": {bytes([i]) * 5: Record((1, i % 2), (10 * i, i)) for i in range(4, 20)}}
ASKED = categorised(SUM, "x", "y", minimum=2)
CELLS, PARTIALS = PacketType.CELLS, PacketType.PARTIALS
PAIR = 64
COLUMNS = 4
NUMBERED = ROW + COLUMNS * PAIR + 4


def total(**more: Any) -> Simulation:
    return played(Query.SUM, ASKED, MINE, THEIRS, **more)


def test_the_honest_question_is_answered() -> None:
    assert figures(total()).figures == (Figure("x", 5, 300), Figure("y", 2, 12))


# --- ciphertexts


def of_row(row: bytes) -> tuple[bytes, list[bytes], bytes]:
    """Element, ciphertexts, number."""
    return row[:ROW], rows_of(row[ROW:-4], PAIR), row[-4:]


Change = Callable[[list[list[bytes]], jobs.MaskTargets], None]


def shuffling(change: Change) -> Callable[[type[Session]], type[Session]]:
    """A requester that changes the ciphertexts of all rows, which it has re-randomized, before it sorts and proves."""

    def shuffle(job: jobs.MaskTargets, data: bytes) -> bytes:
        rows = [of_row(row) for row in rows_of(data, NUMBERED)]
        ciphertexts = [list(pairs) for _, pairs, _ in rows]
        change(ciphertexts, job)
        changed = zip(rows, ciphertexts, strict=True)
        return b"".join(element + b"".join(pairs) + number for (element, _, number), pairs in changed)

    return lambda base: computing(base, jobs.MaskTargets, shuffle)


def fresh(job: jobs.MaskTargets, value: int, place: int = 0) -> bytes:
    return encrypt(np.array([value], "<i8").tobytes(), job.joint_key, derive(1, "attacker"), place)


def zeroed_in_one(rows: list[list[bytes]], job: jobs.MaskTargets) -> None:
    rows[3][0] = fresh(job, 0)


def zeroed_but_for_one(rows: list[list[bytes]], job: jobs.MaskTargets) -> None:
    for place in range(1, len(rows)):
        rows[place] = [fresh(job, 0, COLUMNS * place + column) for column in range(COLUMNS)]


def scaled(rows: list[list[bytes]], _: jobs.MaskTargets) -> None:
    rows[3][2] = add(rows[3][2], rows[3][2])


def shifted(rows: list[list[bytes]], _: jobs.MaskTargets) -> None:
    rows[3][2] = add_values(rows[3][2], np.array([1000], "<i8").tobytes())


def exchanged_between_rows(rows: list[list[bytes]], _: jobs.MaskTargets) -> None:
    rows[2], rows[3] = rows[3], rows[2]


def exchanged_between_columns(rows: list[list[bytes]], _: jobs.MaskTargets) -> None:
    for row in rows:
        row[0], row[1] = row[1], row[0]


def parked_on_another_row(rows: list[list[bytes]], job: jobs.MaskTargets) -> None:
    """The overall sum stays as it was: what one row loses, another one, which cannot match, gains."""
    rows[0][2], rows[1][2] = fresh(job, 0), add(rows[0][2], rows[1][2])


def moved_all_to_one(rows: list[list[bytes]], job: jobs.MaskTargets) -> None:
    for place in range(1, len(rows)):
        rows[0][0] = add(rows[0][0], rows[place][0])
        rows[place][0] = fresh(job, 0, place)


def own(rows: list[list[bytes]], job: jobs.MaskTargets) -> None:
    rows[5][0] = fresh(job, 1)


def as_it_was(rows: list[list[bytes]], job: jobs.MaskTargets) -> None:
    """Not re-randomized as proved: the responder could tell which row it was."""
    size = ROW + COLUMNS * PAIR
    rows[5] = rows_of(job.targets[5 * size + ROW : 6 * size], PAIR)


@pytest.mark.parametrize(
    "change",
    [
        zeroed_in_one,
        zeroed_but_for_one,
        scaled,
        shifted,
        exchanged_between_rows,
        exchanged_between_columns,
        parked_on_another_row,
        moved_all_to_one,
        own,
        as_it_was,
    ],
)
def test_ciphertexts_that_are_not_the_targets(change: Change) -> None:
    simulation = total(requester=shuffling(change))
    assert simulation.errors() == ("aborted-by-partner", "bad-proof")
    assert nothing_told(simulation)


@pytest.mark.parametrize("half", [0, 1])
@pytest.mark.parametrize("bad", [IDENTITY, b"\x01" + bytes(31), b"\xff" * 32], ids=["identity", "negative", "beyond p"])
def test_a_ciphertext_that_is_none(bad: bytes, half: int) -> None:
    at = ROW + 2 * PAIR + half * ROW

    def spoiled(rows: bytes) -> bytes:
        return rows[:at] + bad + rows[at + ROW :]

    simulation = total(requester=lambda base: sending(base, PacketType.SHUFFLED, spoiled))
    assert simulation.errors() == ("aborted-by-partner", "bad-element")
    assert nothing_told(simulation)
    simulation = total(responder=lambda base: sending(base, PacketType.TARGETS, spoiled))
    assert simulation.errors() == ("bad-element", "aborted-by-partner")


@pytest.mark.parametrize("tags", [1, 2, 4, 8])
def test_one_person_tagged_several_times(tags: int) -> None:
    """The target of every row becomes the first one's, under another scalar each."""

    def shuffle(job: jobs.MaskTargets, data: bytes) -> bytes:
        rows = rows_of(data, NUMBERED)
        tagged = [times(number, job.targets[:ROW]) + row[ROW:] for number, row in enumerate(rows[:tags])]
        return b"".join(tagged + rows[tags:])

    simulation = total(requester=lambda base: computing(base, jobs.MaskTargets, shuffle))
    assert simulation.errors() == ("aborted-by-partner", "bad-proof")
    assert nothing_told(simulation)


# --- shares of the joint key


def test_a_rogue_share_of_the_responder() -> None:
    """Chosen so that the joint key is the responder's alone: it cannot prove to possess it."""
    opened: list[bytes] = []

    def attacker(base: type[Session]) -> type[Session]:
        class Rogue(base):  # type: ignore[misc, valid-type]
            def _check_proofs(self, salt: bytes, public_keys: tuple[bytes, ...], proofs: tuple[bytes, ...]) -> None:
                opened.append(public_keys[-1])
                super()._check_proofs(salt, public_keys, proofs)

            def _own_public_keys(self, envelope: Any, salt: bytes) -> tuple[bytes, ...]:
                (share,) = super()._own_public_keys(envelope, salt)
                return (group.subtract(share, opened[0]),)

        return Rogue

    assert total(responder=attacker).errors() == ("bad-proof", "aborted-by-partner")


def test_a_share_that_the_requester_does_not_possess() -> None:
    def another(opened: Any) -> Any:
        return replace(opened, public_keys=(*opened.public_keys[:-1], times(1, group.GENERATOR)))

    simulation = total(requester=lambda base: saying(base, PacketType.OPEN, another))
    assert simulation.errors() == ("aborted-by-partner", "bad-proof")


def test_the_requesters_share_as_the_responders() -> None:
    """Share and proof sent back: the proof says whose it is."""
    taken: list[tuple[tuple[bytes, ...], tuple[bytes, ...]]] = []

    def attacker(base: type[Session]) -> type[Session]:
        class Copycat(base):  # type: ignore[misc, valid-type]
            def _check_proofs(self, salt: bytes, public_keys: tuple[bytes, ...], proofs: tuple[bytes, ...]) -> None:
                taken.append((public_keys[-1:], proofs))

        return saying(Copycat, PacketType.KEY, lambda key: replace(key, public_keys=taken[0][0], proofs=taken[0][1]))

    assert total(responder=attacker).errors() == ("bad-proof", "aborted-by-partner")


def test_a_proof_of_possession_for_another_session() -> None:
    def attacker(base: type[Session]) -> type[Session]:
        class Replayer(base):  # type: ignore[misc, valid-type]
            def _own_proofs(self, salt: bytes) -> tuple[bytes, ...]:
                context = possession_context(bytes(64), Role.REQUESTER, "north")
                return (prove_possession(self._share_key, self._keys.key("possession"), context),)

        return Replayer

    assert total(requester=attacker).errors() == ("aborted-by-partner", "bad-proof")


@pytest.mark.parametrize("proofs", [(), (bytes(64),) * 2])
def test_other_than_one_proof_of_possession(proofs: tuple[bytes, ...]) -> None:
    simulation = total(requester=lambda base: saying(base, PacketType.OPEN, lambda m: replace(m, proofs=proofs)))
    assert simulation.errors() == ("aborted-by-partner", "wrong-size")
    simulation = total(responder=lambda base: saying(base, PacketType.KEY, lambda m: replace(m, proofs=proofs)))
    assert simulation.errors() == ("wrong-size", "aborted-by-partner")


@pytest.mark.parametrize("share", [IDENTITY, b"\xff" * 32])
def test_a_share_that_is_no_element(share: bytes) -> None:
    def of_responder(key: Any) -> Any:
        return replace(key, public_keys=(share,))

    simulation = total(responder=lambda base: saying(base, PacketType.KEY, of_responder))
    assert simulation.errors() == ("bad-public-key", "aborted-by-partner")


# --- partial decryptions


@pytest.mark.parametrize("place", [0, 1])
def test_a_forged_partial_decryption_of_a_count(place: int) -> None:
    """It would move the count that the responder opens, over the minimum."""

    def forged(rows: bytes) -> bytes:
        partial = group.subtract(rows[place * ROW : (place + 1) * ROW], group.GENERATOR)
        return rows[: place * ROW] + partial + rows[(place + 1) * ROW :]

    simulation = total(requester=lambda base: sending(base, PARTIALS, forged))
    assert simulation.errors() == ("aborted-by-partner", "bad-proof")
    assert CELLS not in simulation.responder.sent


def test_partial_decryptions_under_another_share() -> None:
    def other(job: Decrypt, _: Any) -> Any:
        return replace(job, secret_key=derive(1, "another share")).run()

    simulation = total(requester=lambda base: computing(base, Decrypt, other))
    assert simulation.errors() == ("aborted-by-partner", "bad-proof")
    simulation = total(responder=lambda base: computing(base, Decrypt, other))
    assert simulation.errors() == ("bad-proof", "aborted-by-partner")


@pytest.mark.parametrize(
    "change", [lambda rows: rows[:-1], lambda rows: rows + bytes(ROW), lambda rows: b""], ids=["cut", "more", "none"]
)
def test_partial_decryptions_of_another_size(change: Callable[[bytes], bytes]) -> None:
    simulation = total(requester=lambda base: sending(base, PARTIALS, change))
    assert simulation.errors() == ("aborted-by-partner", "wrong-size")
    simulation = total(responder=lambda base: sending(base, PacketType.SUMS, change))
    assert simulation.errors() == ("wrong-size", "aborted-by-partner")


def test_partial_decryptions_of_another_session() -> None:
    other = aggregate_simulation(Query.SUM, ASKED, MINE, THEIRS, number=2).run()
    theirs = next(p.payload for _, raw in other.trace if (p := decode_packet(raw)).type is PARTIALS)
    simulation = total(requester=lambda base: sending(base, PARTIALS, lambda _: theirs))
    assert simulation.errors() == ("aborted-by-partner", "bad-proof")


def test_a_requester_that_withholds_its_partial_decryptions_has_paid_and_learns_nothing() -> None:
    simulation = total(requester=lambda base: sending(base, PARTIALS, lambda _: None))
    assert simulation.errors() == ("silent", "silent")
    assert simulation.responder.acts[-1] == "charge 9 epsilon 0 exact 1"
    assert CELLS not in simulation.responder.sent


@pytest.mark.parametrize("answer", [6, -1])
def test_counts_that_the_shared_items_cannot_have(answer: int) -> None:
    simulation = aggregate_simulation(Query.SUM, ASKED, MINE, THEIRS)
    carry_out = simulation.responder._carry_out

    def solved(effect: fx.Effect) -> Event | None:
        if isinstance(effect, fx.Solve):
            return Completed(effect.token, np.array([answer, 0], np.int64))
        return carry_out(effect)

    simulation.responder._carry_out = solved  # type: ignore[method-assign]
    assert simulation.run().errors() == ("aborted-by-partner", "bad-cells")


# --- cells


def cell(rows: bytes, place: int, start: int, new: bytes) -> bytes:
    at = place * 105 + start
    return rows[:at] + new + rows[at + len(new) :]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda m: replace(m, rows=m.rows[105:] + m.rows[:105]), "bad-proof"),
        (lambda m: replace(m, rows=cell(m.rows, 0, 73, group.GENERATOR)), "bad-proof"),
        (lambda m: replace(m, rows=cell(m.rows, 0, 9, group.GENERATOR)), "bad-proof"),
        (lambda m: replace(m, rows=cell(m.rows, 0, 9, IDENTITY)), "bad-element"),
        (lambda m: replace(m, rows=cell(m.rows, 1, 41, b"\xff" * 32)), "bad-element"),
        (lambda m: replace(m, proof=bytes(64)), "bad-proof"),
        (lambda m: replace(m, proof=b""), "wrong-size"),
        (lambda m: replace(m, rows=m.rows[:105]), "wrong-size"),
        (lambda m: replace(m, rows=cell(m.rows, 0, 0, b"\x00")), "bad-cells"),
        (lambda m: replace(m, rows=cell(m.rows, 0, 1, b"\x01")), "bad-cells"),
        (lambda m: replace(m, ctx=bytes(64)), "wrong-reference"),
    ],
)
def test_cells_that_are_not_proved_or_not_allowed(change: Callable[[Any], Any], code: str) -> None:
    simulation = total(responder=lambda base: saying(base, CELLS, change))
    assert simulation.errors() == (code, "aborted-by-partner")


def test_a_total_that_cannot_be_opened_is_not_told_to_the_responder() -> None:
    """A total outside the range: only the requester's operator hears of it, after the receipt."""

    def beyond(job: jobs.Encrypt, _: bytes) -> bytes:
        zeros, noise = job.values[:2], (2**40, 2**40)
        return replace(job, values=(*zeros, *noise, *job.values[4:])).run()

    simulation = total(responder=lambda base: computing(base, jobs.Encrypt, beyond))
    assert simulation.errors()[0] not in (None, "silent")
    assert simulation.errors()[1] is None
    assert PacketType.ABORT not in simulation.requester.sent


def test_a_list_that_singles_somebody_out_is_outside_and_noise_limits_it() -> None:
    """Known shared persons plus one more: without noise the difference of two answers is that one's value. With noise
    it is not; and each answer has its price.
    """
    known = {"imo": [bytes([i]) * 5 for i in range(5, 9)]}
    exact = [figures(played(Query.SUM, ASKED, mine, THEIRS)).figures[0].total for mine in (MINE, known)]
    assert exact[0] is not None and exact[1] is not None
    assert exact[0] - exact[1] == THEIRS["imo"][PERSON].amounts[0]
    noisy = [played(Query.SUM, ASKED, mine, THEIRS, terms=Terms(2, 100, 0), number=2) for mine in (MINE, known)]
    assert all(run.responder.acts[-1].endswith("epsilon 400 exact 0") for run in noisy)
    told = [figures(run).figures[0].total for run in noisy]
    assert None in told or told[0] - told[1] != THEIRS["imo"][PERSON].amounts[0]  # type: ignore[operator]
