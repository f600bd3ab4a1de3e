"""A partner that breaks an epoch's rules in one place, signs what it says, and is caught there."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from protocol import dsse
from protocol.epoch import EpochRequester, EpochResponder, SyncRequester, SyncResponder
from protocol.epoch.statements import epoch_keys, read_epoch, read_release, sign
from protocol.host_answers import Admission, Signed
from protocol.messages import Envelope, Key, List, ListChange, Packet, PacketType
from protocol.session import Session
from protocol.vocabulary import Reveals
from psi import TAG_BYTES, group, public_key
from tests.attacks.test_intersect_partner import (
    IDENTITY,
    assert_nothing_unblinded,
    element,
    message_changed,
    rows_changed,
    with_row,
)
from tests.sim.epochs import North, South, ask_within, sync
from tests.sim.host import NOW_MS, SimSigner, Simulation, derive

MINE = [bytes([i]) * 5 for i in range(9)]
THEIRS = [bytes([i]) * 5 for i in range(4, 12)]


def south(**changes: object) -> South:
    made = South(("imo",), changes=changes)
    made.release({"imo": THEIRS})
    return made


def synchronised(giver: South) -> North:
    north = North()
    assert sync(north, giver).run().errors() == (None, None)
    return north


def as_attacker(simulation: Simulation, role: str, attacker: type[Session]) -> Simulation:
    """Replace one side's session."""
    host = simulation.requester if role == "requester" else simulation.responder
    host.session.__class__ = attacker
    return simulation


def refused(simulation: Simulation, code: str, north: North, before: int) -> None:
    """The synchronisation ended with this code at north, and north's index stayed as it was."""
    simulation.run()
    assert simulation.errors() == (code, "aborted-by-partner")
    held = north.held
    assert (held.release if held else 0) == before
    assert not any(act.startswith("adopt") for act in simulation.requester.acts)


# --- a lying giver: the statement


@pytest.mark.parametrize("change", ["public_keys", "max_elements", "not_after_ms", "data_set"])
def test_another_statement_for_the_same_id(change: str) -> None:
    """Pinned is pinned: another key would split those who ask into groups, other caps would be other terms."""
    giver = south()
    north = synchronised(giver)
    other: Any = {
        "public_keys": (public_key(derive(9, "other key")),),
        "max_elements": 2_000,
        "not_after_ms": NOW_MS + 1_000_000,
        "data_set": "others",
    }[change]
    giver.statement = sign(giver.signer, PacketType.EPOCH, replace(giver.epoch, **{change: other}))
    if change == "data_set":
        simulation = sync(north, giver, number=2, data_set="others")
    else:
        simulation = sync(north, giver, number=2)
    if change == "public_keys":
        simulation.run()
        assert simulation.errors() == ("epoch-mismatch", "aborted-by-partner")
        assert north.held is not None
        assert north.held.epoch.public_keys != giver.epoch.public_keys
    else:
        refused(simulation, "epoch-mismatch", north, 1)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"version": 2}, "epoch-mismatch"),
        ({"suite": "P256-SHA256"}, "epoch-mismatch"),
        ({"id": "../etc"}, "epoch-mismatch"),
        ({"id": "AB" * 16}, "epoch-mismatch"),
        ({"realm": "production"}, "epoch-mismatch"),
        ({"profile_hash": bytes(64)}, "epoch-mismatch"),
        ({"kinds": ("iban",)}, "epoch-mismatch"),
        ({"kinds": ("imo", "iban")}, "epoch-mismatch"),
        ({"reveals": "shared-identifiers-with-notes"}, "epoch-mismatch"),
        ({"public_keys": (IDENTITY,)}, "bad-public-key"),
        ({"public_keys": (b"\xff" * 32,)}, "bad-public-key"),
        ({"public_keys": ()}, "wrong-size"),
        ({"public_keys": (group.GENERATOR,) * 2}, "wrong-size"),
        ({"not_after_ms": NOW_MS - 61_000}, "epoch-mismatch"),
        ({"not_before_ms": NOW_MS + 61_000}, "epoch-mismatch"),
        ({"max_elements_per_query": 0}, "epoch-mismatch"),
        ({"max_elements_per_query": 1_001}, "epoch-mismatch"),
    ],
)
def test_a_statement_that_is_not_what_was_asked_for(change: dict[str, object], code: str) -> None:
    giver = south(**change)
    north = North()
    refused(sync(north, giver), code, north, 0)  # about the kind that the giver's keys are for, whatever it signed


@pytest.mark.parametrize("name", ["responder", "requester"])
def test_a_statement_between_others(name: str) -> None:
    giver = south()

    class Liar(SyncResponder):
        def _send_epoch(self, _: None) -> None:
            other = replace(giver.epoch, **{name: "west"})
            self._granted = replace(self._granted, statement=sign(giver.signer, PacketType.EPOCH, other))
            super()._send_epoch(_)

    north = North()
    refused(as_attacker(sync(north, giver), "responder", Liar), "epoch-mismatch", north, 0)


def test_a_new_epoch_with_the_id_of_one_that_is_held() -> None:
    giver = south()
    north = North()
    simulation = sync(north, giver)
    simulation.requester.session._known = frozenset({giver.epoch.id})  # type: ignore[attr-defined]
    refused(simulation, "epoch-mismatch", north, 0)


def test_a_statement_that_somebody_else_signed() -> None:
    giver = south()
    giver.statement = sign(SimSigner(1, "west"), PacketType.EPOCH, giver.epoch)
    north = North()
    refused(sync(north, giver), "bad-signature", north, 0)


def test_a_release_is_not_taken_for_a_statement() -> None:
    giver = south()
    release, _ = giver.releases[0]

    class Liar(SyncResponder):
        def _send_epoch(self, _: None) -> None:
            self._send_payload(PacketType.EPOCH, release.payload, release.signature)

    north = North()
    refused(as_attacker(sync(north, giver), "responder", Liar), "bad-signature", north, 0)


# --- a lying giver: the releases


def changed_release(giver: South, which: int, **changes: object) -> None:
    signed, rows = giver.releases[which - 1]
    other = replace(read_release(signed), **changes)
    giver.releases[which - 1] = (sign(giver.signer, PacketType.RELEASE, other), rows)


def change_of(giver: South, number: int) -> ListChange:
    return read_release(giver.releases[number - 1][0]).changes[0]


@pytest.mark.parametrize(
    "changes", [{"epoch": "0" * 32}, {"number": 1}, {"number": 3}, {"previous": bytes(64)}, {"changes": ()}]
)
def test_a_release_that_does_not_follow(changes: dict[str, object]) -> None:
    giver = south()
    north = synchronised(giver)
    giver.release({"imo": MINE})
    changed_release(giver, 2, **changes)
    refused(sync(north, giver, number=2), "bad-release", north, 1)


def test_a_release_left_out() -> None:
    giver = south()
    north = synchronised(giver)
    giver.release({"imo": MINE})
    giver.release({"imo": THEIRS})
    simulation = sync(north, giver, number=2)
    simulation.responder.decide = lambda _: Admission((len(THEIRS),), bytes(64), giver.grant(2))
    refused(simulation, "bad-release", north, 1)


def test_a_release_sent_again() -> None:
    giver = south()
    north = synchronised(giver)
    simulation = sync(north, giver, number=2)
    simulation.responder.decide = lambda _: Admission((len(THEIRS),), bytes(64), giver.grant(0))
    refused(simulation, "bad-release", north, 1)


def test_a_release_of_another_history() -> None:
    """A giver that forked: its second release is rightly chained, but to another first one."""
    giver, fork = south(), South(("imo",))
    north = synchronised(giver)
    fork.release({"imo": MINE})
    fork.release({"imo": THEIRS})
    giver.releases, giver.index = fork.releases, fork.index
    refused(sync(north, giver, number=2), "bad-release", north, 1)


@pytest.mark.parametrize("field", ["additions", "removals", "size"])
@pytest.mark.parametrize("by", [-1, 1])
def test_sizes_that_do_not_add_up(field: str, by: int) -> None:
    giver = south()
    north = synchronised(giver)
    giver.release({"imo": MINE})
    change = change_of(giver, 2)
    changed_release(giver, 2, changes=(replace(change, **{field: getattr(change, field) + by}),))
    refused(sync(north, giver, number=2), "bad-release", north, 1)


def test_more_rows_than_anybody_holds() -> None:
    giver = south()
    north = North()
    changed_release(giver, 1, changes=(ListChange(10**9, 0, 10**9, bytes(64)),))
    refused(sync(north, giver), "wrong-size", north, 0)


def test_another_digest_of_the_rows() -> None:
    giver = south()
    north = North()
    changed_release(giver, 1, changes=(replace(change_of(giver, 1), rows_digest=bytes(64)),))
    refused(sync(north, giver), "bad-release", north, 0)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda rows: rows[TAG_BYTES:] + rows[:TAG_BYTES], "not-ascending"),
        (lambda rows: rows[:TAG_BYTES] + rows[:-TAG_BYTES], "not-ascending"),
        (lambda rows: rows[:-TAG_BYTES], "wrong-size"),
        (lambda rows: rows + b"\xff" * TAG_BYTES, "wrong-size"),
        (lambda rows: rows[:-1], "wrong-size"),
        (lambda rows: rows[:-1] + bytes([rows[-1] ^ 1]), "bad-release"),
    ],
    ids=["rotated", "repeated", "one-less", "one-more", "cut", "another"],
)
def test_rows_that_are_not_as_released(change: Callable[[bytes], bytes], code: str) -> None:
    giver, north = south(), North()
    attacker = rows_changed(PacketType.TAGS, change, SyncResponder)
    refused(as_attacker(sync(north, giver), "responder", attacker), code, north, 0)


def test_a_removal_of_a_row_that_is_not_there() -> None:
    giver = south()
    north = synchronised(giver)
    giver.release({"imo": THEIRS[1:]})
    giver.releases[1][1][1] = b"\x07" * TAG_BYTES  # in place of the row that leaves
    refused(sync(north, giver, number=2), "bad-release", north, 1)


def test_an_addition_that_is_there_already() -> None:
    giver = south()
    north = synchronised(giver)
    giver.release({"imo": [*THEIRS, b"new"]})
    giver.releases[1][1][0] = min(north.index[0])
    change = replace(change_of(giver, 2), rows_digest=hashlib.sha512(b"".join(sorted(north.index[0]))).digest())
    changed_release(giver, 2, changes=(change,))
    refused(sync(north, giver, number=2), "bad-release", north, 1)


def test_no_release_at_all() -> None:
    giver, north = south(), North()
    simulation = sync(north, giver)
    simulation.responder.decide = lambda _: Admission((len(THEIRS),), bytes(64), giver.grant(1))
    refused(simulation, "bad-release", north, 0)


def test_sizes_other_than_accepted() -> None:
    giver, north = south(), North()
    simulation = sync(north, giver)
    simulation.responder.decide = lambda _: Admission((len(THEIRS) + 1,), bytes(64), giver.grant(0))
    simulation.run()
    assert simulation.errors() == ("bad-release", "aborted-by-partner")


def test_another_key_in_the_handshake_of_a_synchronisation() -> None:
    def other_key(message: object) -> object:
        assert isinstance(message, Key)
        return replace(message, public_keys=(group.GENERATOR,))

    giver, north = south(), North()
    attacker = message_changed(PacketType.KEY, other_key, SyncResponder)  # type: ignore[arg-type]
    refused(as_attacker(sync(north, giver), "responder", attacker), "epoch-mismatch", north, 0)


# --- a lying giver: questions


def asked(
    *, requester: type[Session] | None = None, responder: type[Session] | None = None, mine: list[bytes] | None = None
) -> Simulation:
    giver = south()
    simulation = ask_within(synchronised(giver), giver, {"imo": MINE if mine is None else mine}, number=2)
    if requester is not None:
        as_attacker(simulation, "requester", requester)
    if responder is not None:
        as_attacker(simulation, "responder", responder)
    return simulation.run()


def test_another_key_than_the_pinned_one_gets_no_element() -> None:
    """The key is another one throughout: its proofs would verify. What was pinned decides."""
    seed = derive(9, "another seed")

    class Liar(EpochResponder):
        def _own_public_keys(self, envelope: Envelope, salt: bytes) -> tuple[bytes, ...]:
            assert self._grant is not None
            epoch = read_epoch(self._grant.statement)
            keys = epoch_keys(seed, epoch.id, epoch.responder, epoch.requester, epoch.data_set, epoch.kinds)
            other = replace(epoch, public_keys=tuple(public_key(key) for key in keys))
            statement = Signed(sign(SimSigner(1, "south"), PacketType.EPOCH, other).payload, b"")
            self._grant = replace(self._grant, statement=statement, seed=seed)
            return super()._own_public_keys(envelope, salt)

    simulation = asked(responder=Liar)
    assert simulation.errors() == ("epoch-mismatch", "aborted-by-partner")
    assert PacketType.BLINDED not in simulation.requester.sent


@pytest.mark.parametrize("position", [0, 4, 8])
def test_a_wrong_key_on_one_element(position: int) -> None:
    def lie(rows: bytes) -> bytes:
        return with_row(rows, position, group.add(element(rows, position), group.GENERATOR))

    simulation = asked(responder=rows_changed(PacketType.EVALUATED, lie, EpochResponder))
    assert simulation.errors() == ("bad-proof", "aborted-by-partner")
    assert_nothing_unblinded(simulation.requester)


def test_a_proof_from_another_question_of_the_epoch() -> None:
    """The key is the same; ctx is not."""
    giver = south()
    north = synchronised(giver)
    proofs: list[bytes] = []

    def keep(rows: bytes) -> bytes:
        proofs.append(rows)
        return proofs[0]

    attacker = rows_changed(PacketType.PROOF, keep, EpochResponder)
    for number, code in ((2, None), (3, "bad-proof")):
        simulation = as_attacker(ask_within(north, giver, {"imo": MINE}, number=number), "responder", attacker).run()
        assert simulation.errors()[0] == code


def test_sizes_of_another_release() -> None:
    giver = south()
    north = synchronised(giver)
    giver.release({"imo": MINE[:3]})
    simulation = ask_within(north, giver, {"imo": MINE}, number=2).run()
    assert simulation.errors() == ("wrong-size", "aborted-by-partner")


@pytest.mark.parametrize("part", ["ctx", "requester_chain", "responder_chain"])
def test_a_receipt_over_something_else_is_no_answer(part: str) -> None:
    attacker = message_changed(
        PacketType.RECEIPT, lambda message: replace(message, **{part: bytes(64)}), EpochResponder
    )
    assert asked(responder=attacker).errors() == ("wrong-statement", "aborted-by-partner")


def test_a_node_with_another_seed_does_not_answer() -> None:
    giver = south()
    north = synchronised(giver)
    grant = replace(giver.grant(1), seed=derive(9, "restored from nowhere"))
    simulation = ask_within(north, giver, {"imo": MINE}, number=2, grant=grant).run()
    assert simulation.errors() == ("aborted-by-partner", "epoch-mismatch")
    assert PacketType.KEY not in simulation.responder.sent


# --- a lying holder


@pytest.mark.parametrize(
    "changes",
    [
        {"epoch": ""},
        {"release": 0},
        {"epoch": "x" * 32},
        {"epoch": "0" * 31},
        {"variant": "fresh-keys"},
    ],
)
def test_a_question_that_does_not_name_its_release(changes: dict[str, Any]) -> None:
    attacker = message_changed(PacketType.ENVELOPE, lambda message: replace(message, **changes), EpochRequester)
    assert asked(requester=attacker).errors() == ("refused", "bad-envelope")


@pytest.mark.parametrize("reveals", [reveals for reveals in Reveals if reveals is not Reveals.SHARED_IDENTIFIERS])
def test_an_epoch_answers_neither_with_notes_nor_to_both(reveals: Reveals) -> None:
    recipients = ("north", "south") if reveals.to_both else ("north",)
    attacker = message_changed(
        PacketType.ENVELOPE,
        lambda message: replace(message, reveals=reveals.value, recipients=recipients),
        EpochRequester,
    )
    assert asked(requester=attacker).errors() == ("refused", "unsupported")


@pytest.mark.parametrize(
    "changes", [{"release": 1}, {"epoch": "1"}, {"lists": (List("imo", 1),)}, {"query": "epoch-synch"}]
)
def test_a_synchronisation_that_asks_for_something_else(changes: dict[str, Any]) -> None:
    attacker = message_changed(PacketType.ENVELOPE, lambda message: replace(message, **changes), SyncRequester)
    simulation = as_attacker(sync(North(), south()), "requester", attacker).run()
    assert simulation.errors() == ("refused", "unsupported" if "query" in changes else "bad-envelope")


def test_a_question_with_fresh_keys_names_no_epoch() -> None:
    simulation = Simulation.of({"imo": MINE}, {"imo": THEIRS})
    session = simulation.requester.session
    session.envelope = replace(session.envelope, epoch="0" * 32, release=1)  # type: ignore[attr-defined]
    assert simulation.run().errors() == ("refused", "bad-envelope")


def test_kinds_that_the_epoch_does_not_have() -> None:
    giver = south()
    simulation = ask_within(synchronised(giver), giver, {"imo": MINE}, number=2)
    simulation.requester.session.envelope = replace(  # type: ignore[attr-defined]
        simulation.requester.session.envelope,  # type: ignore[attr-defined]
        lists=(List("iban", len(MINE)),),
    )
    assert simulation.run().errors() == ("aborted-by-partner", "epoch-mismatch")
    assert simulation.responder.acts == ["admit", "consume-seed"]


@pytest.mark.parametrize("position", [0, 8])
@pytest.mark.parametrize("bad", [IDENTITY, b"\x01" + bytes(31), b"\xff" * 32], ids=["identity", "negative", "beyond-p"])
def test_a_bad_element_is_charged_all_the_same(bad: bytes, position: int) -> None:
    """The charge comes before the first evaluation, so before anybody knows whether it will be one."""
    attacker = rows_changed(PacketType.BLINDED, lambda rows: with_row(rows, position, bad), EpochRequester)
    simulation = asked(requester=attacker)
    assert simulation.errors() == ("aborted-by-partner", "bad-element")
    assert simulation.responder.acts == ["admit", "consume-seed", "charge 9"]


def test_a_checkpoint_before_the_last_evaluation() -> None:
    class Hasty(EpochRequester):
        def send_rows(self, kind: PacketType, rows: bytes) -> None:
            self._send_statement(PacketType.CHECKPOINT)

    simulation = asked(requester=Hasty)
    assert simulation.errors() == ("aborted-by-partner", "unexpected-packet")
    assert PacketType.RECEIPT not in simulation.responder.sent


def test_keys_of_a_holder_that_has_nothing_to_answer() -> None:
    def with_key(message: object) -> Any:
        return replace(message, public_keys=(group.GENERATOR,))  # type: ignore[type-var]

    attacker = message_changed(PacketType.OPEN, with_key, EpochRequester)
    assert asked(requester=attacker).errors() == ("aborted-by-partner", "wrong-size")
    syncing = message_changed(PacketType.OPEN, with_key, SyncRequester)
    simulation = as_attacker(sync(North(), south()), "requester", syncing).run()
    assert simulation.errors() == ("aborted-by-partner", "wrong-size")
    assert "charge 0" not in simulation.responder.acts


def test_a_checkpoint_for_a_release_that_was_not_seen_like_this() -> None:
    attacker = message_changed(
        PacketType.CHECKPOINT, lambda message: replace(message, responder_chain=bytes(64)), SyncRequester
    )
    giver = south()
    giver.release({"imo": MINE})
    simulation = as_attacker(sync(North(), giver), "requester", attacker).run()
    assert simulation.errors() == ("aborted-by-partner", "wrong-statement")
    assert simulation.responder.sent.count(PacketType.RELEASE) == 1, "the second one stays where it is"


def test_a_release_in_another_encoding() -> None:
    """Signed by the giver, but not the canonical bytes: two encodings of one release would have two digests."""
    giver, north = south(), North()

    class Liar(SyncResponder):
        def _send_payload(self, kind: PacketType, payload: bytes, signature: bytes) -> Packet:
            if kind is PacketType.RELEASE:
                payload += b"\x38\x01"
                signature = dsse.sign(giver.signer, kind, payload)
            return super()._send_payload(kind, payload, signature)

    refused(as_attacker(sync(north, giver), "responder", Liar), "non-canonical-encoding", north, 0)
