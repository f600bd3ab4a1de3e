"""A partner that follows the protocol except in one place, signs what it says, and is caught there.

Each attacker is the product's own session with one step replaced, so that all its hashes and signatures are right.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from protocol.chunks import MAX_UNANSWERED
from protocol.dsse import verify
from protocol.effects import Compute
from protocol.errors import Reason, SignatureError
from protocol.intersect import IntersectRequester, IntersectResponder
from protocol.intersect.asking import Asking
from protocol.messages import Abort, Key, Message, Open, Packet, PacketType
from protocol.session import NO_REFERENCE, Session
from protocol.vocabulary import Reveals
from psi import ELEMENT_BYTES, TAG_BYTES, group
from tests.sim.host import Host, Simulation, derive, question

IDENTITY = bytes(ELEMENT_BYTES)
MINE = [bytes([i]) * 5 for i in range(9)]
THEIRS = [bytes([i]) * 5 for i in range(4, 12)]


def played(
    *, requester: type[Session] | None = None, responder: type[Session] | None = None, mine: list[bytes] | None = None
) -> Simulation:
    """Run with one side replaced by an attacker."""
    simulation = Simulation.of({"imo": MINE if mine is None else mine}, {"imo": THEIRS})
    if requester is not None:
        simulation.requester.session.__class__ = requester
    if responder is not None:
        simulation.responder.session.__class__ = responder
    return simulation.run()


def assert_nothing_unblinded(host: Host) -> None:
    assert not host.spools.get(("outputs", 0)), "the requester must not finalize before it has verified"


def rows_changed(kind: PacketType, change: Callable[[bytes], bytes], base: type[Session]) -> type[Session]:
    class Attacker(base):  # type: ignore[misc, valid-type]
        def send_rows(self, sent: PacketType, rows: bytes) -> None:
            super().send_rows(sent, change(rows) if sent is kind else rows)

    return Attacker


def message_changed(kind: PacketType, change: Callable[[Message], Message], base: type[Session]) -> type[Session]:
    class Attacker(base):  # type: ignore[misc, valid-type]
        def _send_signed(self, sent: PacketType, message: Message) -> Packet:
            return super()._send_signed(sent, change(message) if sent is kind else message)

    return Attacker


def with_row(rows: bytes, position: int, row: bytes) -> bytes:
    return rows[: position * len(row)] + row + rows[(position + 1) * len(row) :]


def element(rows: bytes, position: int) -> bytes:
    return rows[position * ELEMENT_BYTES : (position + 1) * ELEMENT_BYTES]


# --- a lying responder


@pytest.mark.parametrize("position", range(len(MINE)))
def test_wrong_key_on_one_element(position: int) -> None:
    def lie(rows: bytes) -> bytes:
        wrong = group.add(element(rows, position), group.GENERATOR)
        return with_row(rows, position, wrong)

    simulation = played(responder=rows_changed(PacketType.EVALUATED, lie, IntersectResponder))
    assert simulation.errors() == ("bad-proof", "aborted-by-partner")
    assert_nothing_unblinded(simulation.requester)


def test_errors_that_cancel_under_equal_weights() -> None:
    def lie(rows: bytes) -> bytes:
        up = group.add(element(rows, 2), group.GENERATOR)
        down = group.subtract(element(rows, 5), group.GENERATOR)
        return with_row(with_row(rows, 2, up), 5, down)

    simulation = played(responder=rows_changed(PacketType.EVALUATED, lie, IntersectResponder))
    assert simulation.errors() == ("bad-proof", "aborted-by-partner")
    assert_nothing_unblinded(simulation.requester)


def test_two_evaluations_swapped() -> None:
    def lie(rows: bytes) -> bytes:
        return with_row(with_row(rows, 0, element(rows, 1)), 1, element(rows, 0))

    simulation = played(responder=rows_changed(PacketType.EVALUATED, lie, IntersectResponder))
    assert simulation.errors() == ("bad-proof", "aborted-by-partner")


def test_a_swapped_key() -> None:
    def other_key(message: Message) -> Message:
        assert isinstance(message, Key)
        return replace(message, public_keys=(group.GENERATOR,))

    simulation = played(responder=message_changed(PacketType.KEY, other_key, IntersectResponder))
    assert simulation.errors() == ("bad-proof", "aborted-by-partner")
    assert_nothing_unblinded(simulation.requester)


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ((IDENTITY,), "bad-public-key"),
        ((b"\xff" * 32,), "bad-public-key"),
        ((), "wrong-size"),
        ((group.GENERATOR,) * 2, "wrong-size"),
    ],
)
def test_a_public_key_that_is_none(keys: tuple[bytes, ...], code: str) -> None:
    def other_keys(message: Message) -> Message:
        assert isinstance(message, Key)
        return replace(message, public_keys=keys)

    simulation = played(responder=message_changed(PacketType.KEY, other_keys, IntersectResponder))
    assert simulation.errors() == (code, "aborted-by-partner")


@pytest.mark.parametrize("bad", [IDENTITY, b"\x01" + bytes(31), b"\xff" * 32], ids=["identity", "negative", "beyond-p"])
@pytest.mark.parametrize("position", [0, 4, 8])
def test_bad_evaluated_element(bad: bytes, position: int) -> None:
    attacker = rows_changed(PacketType.EVALUATED, lambda rows: with_row(rows, position, bad), IntersectResponder)
    simulation = played(responder=attacker)
    assert simulation.errors() == ("bad-element", "aborted-by-partner")
    assert_nothing_unblinded(simulation.requester)


@pytest.mark.parametrize("proof", [bytes(64), b"\xff" * 64], ids=["zero", "not-canonical"])
def test_forged_proof(proof: bytes) -> None:
    simulation = played(responder=rows_changed(PacketType.PROOF, lambda _: proof, IntersectResponder))
    assert simulation.errors() == ("bad-proof", "aborted-by-partner")
    assert_nothing_unblinded(simulation.requester)


def test_a_proof_from_another_list() -> None:
    class Swapper(IntersectResponder):
        def send_rows(self, kind: PacketType, rows: bytes) -> None:
            kept = self.__dict__.setdefault("kept", [])
            if kind is PacketType.PROOF:
                kept.append(rows)
                rows = kept[0]
            super().send_rows(kind, rows)

    simulation = Simulation.of({"imo": MINE, "iban": MINE}, {"imo": THEIRS})
    simulation.responder.session.__class__ = Swapper
    assert simulation.run().errors() == ("bad-proof", "aborted-by-partner")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda rows: rows[TAG_BYTES:] + rows[:TAG_BYTES], "not-ascending"),
        (lambda rows: rows[:TAG_BYTES] + rows[:-TAG_BYTES], "not-ascending"),
        (lambda rows: rows[:-TAG_BYTES], "wrong-size"),
        (lambda rows: rows + b"\xff" * TAG_BYTES, "wrong-size"),
        (lambda rows: rows[:-1], "wrong-size"),
        (lambda rows: b"", "wrong-size"),
    ],
    ids=["rotated", "repeated", "one-less", "one-more", "cut", "none"],
)
def test_tags_that_are_not_as_declared(change: Callable[[bytes], bytes], code: str) -> None:
    simulation = played(responder=rows_changed(PacketType.TAGS, change, IntersectResponder))
    assert simulation.errors() == (code, "aborted-by-partner")


@pytest.mark.parametrize("part", ["ctx", "requester_chain", "responder_chain"])
def test_a_receipt_over_something_else(part: str) -> None:
    attacker = message_changed(
        PacketType.RECEIPT, lambda message: replace(message, **{part: bytes(64)}), IntersectResponder
    )
    assert played(responder=attacker).errors() == ("wrong-statement", "aborted-by-partner")


def test_no_receipt_no_answer() -> None:
    def keep_receipt(role: str, index: int, packet: bytes) -> tuple[bytes, ...]:
        return () if role == "responder" and index == 5 else (packet,)

    simulation = Simulation.of({"imo": MINE}, {"imo": THEIRS}).run(keep_receipt)
    assert simulation.errors() == ("silent", "silent")


# --- a lying requester


@pytest.mark.parametrize("bad", [IDENTITY, b"\x01" + bytes(31), b"\xff" * 32], ids=["identity", "negative", "beyond-p"])
@pytest.mark.parametrize("position", range(len(MINE)))
def test_bad_blinded_element(bad: bytes, position: int) -> None:
    attacker = rows_changed(PacketType.BLINDED, lambda rows: with_row(rows, position, bad), IntersectRequester)
    simulation = played(requester=attacker)
    assert simulation.errors() == ("aborted-by-partner", "bad-element")
    assert simulation.responder.acts == ["admit", "consume-seed"]
    assert simulation.responder.done is not None
    assert f"{position}" in str(simulation.responder.done.error)


@pytest.mark.parametrize("size", [0, 8, 10, 32_768])
def test_a_chunk_of_another_size(size: int) -> None:
    attacker = rows_changed(PacketType.BLINDED, lambda rows: rows[:ELEMENT_BYTES] * size, IntersectRequester)
    assert played(requester=attacker).errors() == ("aborted-by-partner", "wrong-size")


@pytest.mark.parametrize("part", ["ctx", "requester_chain", "responder_chain"])
def test_a_checkpoint_over_something_else_is_not_charged_and_gets_no_tags(part: str) -> None:
    attacker = message_changed(
        PacketType.CHECKPOINT, lambda message: replace(message, **{part: bytes(64)}), IntersectRequester
    )
    simulation = played(requester=attacker)
    assert simulation.errors() == ("aborted-by-partner", "wrong-statement")
    assert simulation.responder.acts == ["admit", "consume-seed"]
    assert PacketType.TAGS not in simulation.responder.sent


def test_a_checkpoint_before_the_last_evaluation() -> None:
    class Hasty(IntersectRequester):
        def send_rows(self, kind: PacketType, rows: bytes) -> None:
            super().send_rows(kind, rows)
            self._send_statement(PacketType.CHECKPOINT)

    class SlowHost(Host):
        """Computes only when nothing else is left, as a busy executor does."""

        def _carry_out(self, effect: object) -> object:  # type: ignore[override]
            return None if isinstance(effect, Compute) and self.sent else super()._carry_out(effect)  # type: ignore[arg-type]

    simulation = Simulation.of({"imo": MINE}, {"imo": THEIRS})
    simulation.requester.session.__class__ = Hasty
    simulation.responder.__class__ = SlowHost
    simulation.run()
    assert simulation.errors() == ("aborted-by-partner", "unexpected-packet")


def test_a_coin_that_was_not_committed() -> None:
    def other_coin(message: Message) -> Message:
        assert isinstance(message, Open)
        return replace(message, coin=derive(9, "ground"))

    attacker = message_changed(PacketType.OPEN, other_coin, IntersectRequester)
    assert played(requester=attacker).errors() == ("aborted-by-partner", "bad-commitment")


def test_a_salt_of_another_session() -> None:
    attacker = message_changed(PacketType.OPEN, lambda message: replace(message, salt=bytes(64)), IntersectRequester)
    assert played(requester=attacker).errors() == ("aborted-by-partner", "wrong-reference")


def test_more_chunks_than_may_be_unanswered(monkeypatch: pytest.MonkeyPatch) -> None:
    class Flooder(Asking):
        def _blind_next(self) -> None:
            self._unanswered, kept = type(self._unanswered)(), self._unanswered
            super()._blind_next()
            self._unanswered = kept + self._unanswered

    monkeypatch.setattr("protocol.intersect.requester.Asking", Flooder)

    class StalledHost(Host):
        def _carry_out(self, effect: object) -> object:  # type: ignore[override]
            return None if isinstance(effect, Compute) else super()._carry_out(effect)  # type: ignore[arg-type]

    many = {f"kind-{i}": [b"x"] for i in range(MAX_UNANSWERED + 2)}
    simulation = Simulation.of(many, {})
    simulation.responder.__class__ = StalledHost
    simulation.run()
    assert simulation.errors() == ("aborted-by-partner", "window-exceeded")


# --- either of them


def test_an_abort_of_another_session_is_not_believed() -> None:
    attacker = message_changed(PacketType.KEY, lambda message: message, IntersectResponder)

    class Aborter(attacker):  # type: ignore[misc, valid-type]
        def _accept(self, *_: object) -> None:
            self._send_signed(PacketType.ABORT, Abort(derive(1, "another", 64), Reason.CANCELLED.value))

    simulation = played(responder=Aborter)
    assert simulation.errors()[0] == "wrong-reference"


def test_handshake_messages_left_out_or_twice() -> None:
    for role, index in (("requester", 0), ("requester", 1), ("responder", 0), ("responder", 1)):

        def twice(sender: str, n: int, packet: bytes, at: tuple[str, int] = (role, index)) -> tuple[bytes, ...]:
            return (packet, packet) if (sender, n) == at else (packet,)

        simulation = Simulation.of({"imo": MINE}, {"imo": THEIRS}).run(twice)
        assert "unexpected-packet" in simulation.errors(), (role, index)


def test_recipients_whom_the_answer_does_not_reach() -> None:
    attacker = message_changed(
        PacketType.ENVELOPE, lambda message: replace(message, recipients=("north", "west")), IntersectRequester
    )
    assert played(requester=attacker).errors() == ("refused", "bad-envelope")


TO_BOTH = Reveals.SHARED_IDENTIFIERS_TO_BOTH


def played_to_both(*, requester: type[Session] | None = None, responder: type[Session] | None = None) -> Simulation:
    ask = question({"imo": len(MINE)}, reveals=TO_BOTH)
    simulation = Simulation.of({"imo": MINE}, {"imo": THEIRS}, ask=ask)
    simulation.requester.session.__class__ = requester or IntersectRequester
    simulation.responder.session.__class__ = responder or IntersectResponder
    return simulation.run()


@pytest.mark.parametrize("base", [IntersectRequester, IntersectResponder])
def test_tags_changed_after_the_commitment(base: type[Session]) -> None:
    """Neither side can fit its tags to what the other sent: they were fixed at its checkpoint."""
    attacker = rows_changed(PacketType.TAGS, lambda rows: rows[:-1] + bytes([rows[-1] ^ 1]), base)
    if base is IntersectRequester:
        simulation = played_to_both(requester=attacker)
        assert simulation.errors() == ("aborted-by-partner", "bad-commitment")
        assert PacketType.TAGS not in simulation.responder.sent, "the responder's tags stay where they are"
        assert simulation.responder.acts == ["admit", "consume-seed"]
    else:
        # The attacker has what an honest requester's tags tell it: it goes second, and gains nothing by its lie.
        assert played_to_both(responder=attacker).errors() == ("bad-commitment", None)


@pytest.mark.parametrize("base", [IntersectRequester, IntersectResponder])
def test_another_salt_for_the_commitment(base: type[Session]) -> None:
    attacker = rows_changed(PacketType.TAGS_SALT, lambda rows: bytes(32), base)
    sides = {"requester": attacker} if base is IntersectRequester else {"responder": attacker}
    assert "bad-commitment" in played_to_both(**sides).errors()


@pytest.mark.parametrize("base", [IntersectRequester, IntersectResponder])
def test_a_lie_in_either_leg_is_caught_before_unblinding(base: type[Session]) -> None:
    def lie(rows: bytes) -> bytes:
        return with_row(rows, 3, group.add(element(rows, 3), group.GENERATOR))

    attacker = rows_changed(PacketType.EVALUATED, lie, base)
    sides = {"requester": attacker} if base is IntersectRequester else {"responder": attacker}
    simulation = played_to_both(**sides)
    victim = simulation.responder if base is IntersectRequester else simulation.requester
    assert "bad-proof" in simulation.errors()
    assert_nothing_unblinded(victim)
    assert not any(act.startswith("charge") for act in simulation.requester.acts + simulation.responder.acts)


@pytest.mark.parametrize("kind", [PacketType.CHECKPOINT, PacketType.RECEIPT])
def test_bytes_smuggled_into_a_statement_that_commits_to_nothing(kind: PacketType) -> None:
    """Nobody countersigns 64 bytes of the partner's choice."""
    attacker = message_changed(kind, lambda message: replace(message, tags_commitment=b"\x01" * 64), IntersectRequester)
    assert played(requester=attacker).errors()[1] == "wrong-statement"


def test_a_checkpoint_without_the_commitment_that_it_owes() -> None:
    attacker = message_changed(
        PacketType.CHECKPOINT, lambda message: replace(message, tags_commitment=b""), IntersectRequester
    )
    assert played_to_both(requester=attacker).errors() == ("aborted-by-partner", "wrong-statement")


def test_an_abort_that_refers_to_nothing_is_not_believed_once_there_is_an_envelope() -> None:
    class Aborter(IntersectRequester):
        def _on_key(self, *_: object) -> None:
            self._send_signed(PacketType.ABORT, Abort(NO_REFERENCE, Reason.CANCELLED.value))

    assert played(requester=Aborter).errors()[1] == "wrong-reference"


def test_keys_of_a_requester_that_has_nothing_to_answer() -> None:
    attacker = message_changed(
        PacketType.OPEN, lambda message: replace(message, public_keys=(group.GENERATOR,)), IntersectRequester
    )
    assert played(requester=attacker).errors() == ("aborted-by-partner", "wrong-size")


def test_no_keys_of_a_requester_that_must_answer() -> None:
    attacker = message_changed(PacketType.OPEN, lambda message: replace(message, public_keys=()), IntersectRequester)
    assert played_to_both(requester=attacker).errors() == ("aborted-by-partner", "wrong-size")


def test_a_statement_is_not_taken_for_another() -> None:
    """A checkpoint's signature does not verify as a receipt's: one payload type per packet type."""
    trace = Simulation.of({"imo": MINE}, {"imo": THEIRS}).run().requester.evidence
    checkpoint = next(item for item in trace if item.type is PacketType.CHECKPOINT)
    session = Simulation.of({"imo": MINE}, {"imo": THEIRS}).responder.session
    verify(session.peer.signing_key, PacketType.CHECKPOINT, checkpoint.payload, checkpoint.signature)
    with pytest.raises(SignatureError):
        verify(session.peer.signing_key, PacketType.RECEIPT, checkpoint.payload, checkpoint.signature)
