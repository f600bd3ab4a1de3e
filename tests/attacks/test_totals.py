"""Participants and coordinators of a total that break its rules, sign what they say, and are caught and named.

Each attacker is the product's own role with one step replaced. In every case nobody opens a value, and whoever is named
is who did it. Who withholds a message cannot be told from who is not let through: that is reported as "not heard by".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from protocol import codec, dsse
from protocol import effects as fx
from protocol.errors import AbortedError, EnvelopeError, ParticipantError, RangeError, Reason, TimedOutError
from protocol.events import Ended, Received
from protocol.host_answers import OwnCells
from protocol.messages import (
    Abort,
    Accept,
    Contribution,
    Envelope,
    Filter,
    Key,
    Message,
    Open,
    Opening,
    Packet,
    PacketType,
    Participant,
    Pledge,
    Shares,
    Terms,
    View,
)
from protocol.session import NO_REFERENCE
from protocol.totals import TotalsContributor, TotalsRequester, jobs
from protocol.totals.overlap import conflicts
from protocol.totals.plan import Stage
from protocol.vocabulary import Reveals
from psi import group
from psi.proofs import Bounds
from tests.sim.circle import NAMES, Ring, Tamper, counting, honest, summing
from tests.sim.host import SimSigner, question

CELLS = OwnCells((4, 6), (3, -2), (False, False))
CATEGORIES = ("a", "b")


def ring(parties: int = 4, **changes: Any) -> Ring:
    return Ring.of([CELLS] * parties, summing(CATEGORIES), **changes)


def no_values(played: Ring) -> bool:
    """Nobody learns a value, and no share of one is out."""
    return all(member.done is None or member.done.result is None for member in played.members.values())


def opened_nothing(played: Ring) -> bool:
    return no_values(played) and not any(PacketType.SHARES in member.sent for member in honest_members(played))


def honest_members(played: Ring) -> list[Any]:
    return [member for member in played.members.values() if member.agency != "south"]


def error_of(played: Ring, agency: str) -> BaseException:
    done = played.members[agency].done
    assert done is not None
    assert done.error is not None
    return done.error


def blamed(played: Ring) -> set[str]:
    """Whom the honest participants name: who finds it, and by the signed abort whoever hears of it."""
    errors = [error_of(played, member.agency) for member in honest_members(played)]
    assert any(isinstance(error, ParticipantError) for error in errors), "somebody has found it"
    for error in errors:
        assert isinstance(error, ParticipantError | AbortedError)
        assert error.names
    return {name for error in errors for name in error.names}  # type: ignore[attr-defined]


def found(played: Ring, agency: str) -> tuple[str, str, str]:
    """What this participant has found: who failed, in which message, and the code of what was wrong."""
    error = error_of(played, agency)
    assert isinstance(error, ParticipantError)
    [name] = error.names
    said, _, _ = str(error).partition(": ")
    assert said.startswith(f"{name}, ")
    return name, said.removeprefix(f"{name}, "), getattr(error.__cause__, "code", "")


def saying(kind: PacketType, change: Callable[[Any], Message]) -> type[TotalsContributor]:
    """A contributor that says something else in one round."""

    class Attacker(TotalsContributor):
        def _say(self, sent: PacketType, message: Message, *, to_none: bool = False) -> Packet:
            return super()._say(sent, change(message) if sent is kind else message, to_none=to_none)

    return Attacker


def flipped(flat: bytes, position: int = 0) -> bytes:
    """Another canonical element in this place."""
    start = position * 32
    return flat[:start] + group.add(flat[start : start + 32], group.GENERATOR) + flat[start + 32 :]


# --- a participant: the joint key


@pytest.mark.parametrize("agency", NAMES[2:4])
def test_rogue_share(agency: str) -> None:
    """A share that cancels another's would leave the attacker with the joint key alone; it cannot prove to hold it."""

    class Attacker(TotalsContributor):
        def _own_share(self, salt: bytes) -> tuple[bytes, bytes]:
            share, proof = super()._own_share(salt)
            [(_, opened)] = self._in_order(PacketType.OPEN)
            return group.subtract(share, opened.message.public_keys[0]), proof

    played = ring(contributor=Attacker).run()
    assert opened_nothing(played)
    assert blamed(played) == {"south"}
    assert found(played, agency) == ("south", "share of the joint key in its key", "bad-proof")


@pytest.mark.parametrize(
    "change",
    [
        lambda key: replace(key, public_keys=()),
        lambda key: replace(key, public_keys=key.public_keys * 2),
        lambda key: replace(key, proofs=()),
        lambda key: replace(key, public_keys=(bytes(32),)),
        lambda key: replace(key, public_keys=(b"\xff" * 32,)),
        lambda key: replace(key, public_keys=(group.GENERATOR,)),
    ],
)
def test_a_share_that_is_none(change: Callable[[Key], Key]) -> None:
    played = ring(contributor=saying(PacketType.KEY, change)).run()
    assert opened_nothing(played)
    assert blamed(played) == {"south"}


def test_anothers_share_and_proof_are_nobody_elses() -> None:
    class Attacker(TotalsContributor):
        def _own_share(self, salt: bytes) -> tuple[bytes, bytes]:
            super()._own_share(salt)
            [(_, opened)] = self._in_order(PacketType.OPEN)
            return opened.message.public_keys[0], opened.message.proofs[0]

    played = ring(contributor=Attacker).run()
    assert opened_nothing(played)
    assert blamed(played) == {"south"}


# --- a participant: its contribution


def test_contribution_built_on_anothers_is_fixed_before_the_other_is_seen() -> None:
    """Nobody shows its contribution before all have pledged; one that was changed afterwards is not the pledged one."""

    class Attacker(TotalsContributor):
        def _on_pledges(self, own: Contribution) -> None:
            self._own = own
            self._gather(PacketType.CONTRIBUTION, 0, self._others(), self._copy)

        def _copy(self) -> None:
            theirs = dict(self._in_order(PacketType.CONTRIBUTION))["east"].message
            self._say(PacketType.CONTRIBUTION, replace(theirs, pledge_salt=self._own.pledge_salt))

    played = ring(contributor=Attacker).run()
    assert opened_nothing(played)
    assert blamed(played) == {"south"}
    assert found(played, "west") == ("south", "contribution", "")


def test_contribution_built_on_anothers_cannot_be_proved() -> None:
    """Even who has seen another's contribution in time, by collusion, cannot prove to know what is in it."""
    leaked: dict[str, Contribution] = {}

    class Attacker(TotalsContributor):
        def _on_contribution(self, made: tuple[bytes, bytes, bytes]) -> None:
            theirs = leaked["east"]
            super()._on_contribution((theirs.ciphertexts, theirs.knowledge, theirs.ranges))

    first = ring().run()
    for entry in first.requester.evidence:
        if entry.type is PacketType.CONTRIBUTION and entry.sender == "east":
            packet = Packet(entry.type, entry.payload, entry.signature)
            leaked["east"] = codec.decode_message(packet, Contribution)
    played = ring(contributor=Attacker).run()
    assert opened_nothing(played)
    assert blamed(played) == {"south"}
    assert found(played, "west") == ("south", "contribution, proof of knowledge", "bad-proof")


@pytest.mark.parametrize("place", range(6))
@pytest.mark.parametrize("beyond", [1, 1000, 2**40])
def test_contribution_out_of_range(monkeypatch: pytest.MonkeyPatch, place: int, beyond: int) -> None:
    """Proved by a prover that widens its own bounds: everybody else has the agreed ones."""
    import struct

    class Attacker(TotalsContributor):
        def do(self, make: Callable[[int], fx.Effect], then: Callable[[Any], None]) -> None:
            effect = make(0)
            if isinstance(effect, fx.Compute) and isinstance(effect.job, jobs.Contribute):
                job = effect.job
                values = list(struct.unpack("<6q", job.values))
                values[place] = job.bounds[place].high + beyond
                bounds = [*job.bounds]
                bounds[place] = Bounds(bounds[place].low, values[place])
                lie = replace(job, values=struct.pack("<6q", *values), bounds=tuple(bounds))
                super().do(lambda token: fx.Compute(token, lie), then)
            else:
                super().do(make, then)

    played = ring(contributor=Attacker).run()
    assert opened_nothing(played)
    assert blamed(played) == {"south"}
    assert found(played, "west") == ("south", "contribution, proof of range", "")


@pytest.mark.parametrize(
    "change",
    [
        lambda said: replace(said, ciphertexts=flipped(said.ciphertexts)),
        lambda said: replace(said, ciphertexts=flipped(said.ciphertexts, 3)),
        lambda said: replace(said, ciphertexts=bytes(32) + said.ciphertexts[32:]),
        lambda said: replace(said, ciphertexts=b"\xff" * 32 + said.ciphertexts[32:]),
        lambda said: replace(
            said, ciphertexts=said.ciphertexts[64:128] + said.ciphertexts[:64] + said.ciphertexts[128:]
        ),
        lambda said: replace(said, ciphertexts=said.ciphertexts[64:]),
        lambda said: replace(said, ciphertexts=said.ciphertexts + said.ciphertexts[:64]),
        lambda said: replace(said, ciphertexts=b""),
        lambda said: replace(said, knowledge=bytes(128)),
        lambda said: replace(said, ranges=b""),
        lambda said: replace(said, ranges=said.ranges[:-32]),
    ],
)
def test_ciphertexts_swapped_zeroed_or_cut(change: Callable[[Contribution], Contribution]) -> None:
    """Pledged as they are shown, so that the proofs alone find it."""

    class Attacker(TotalsContributor):
        def _on_contribution(self, made: tuple[bytes, bytes, bytes]) -> None:
            said = change(Contribution(b"", b"", *made))
            super()._on_contribution((said.ciphertexts, said.knowledge, said.ranges))

    played = ring(contributor=Attacker).run()
    assert opened_nothing(played)
    assert blamed(played) == {"south"}


# --- a participant: opening


@pytest.mark.parametrize("stage", list(Stage))
@pytest.mark.parametrize(
    "change",
    [
        lambda said: replace(said, partials=flipped(said.partials)),
        lambda said: replace(said, partials=flipped(said.partials, 1)),
        lambda said: replace(said, partials=bytes(32) + said.partials[32:]),
        lambda said: replace(said, partials=said.partials[32:] + said.partials[:32]),
        lambda said: replace(said, partials=said.partials[32:]),
        lambda said: replace(said, partials=said.partials * 2),
        lambda said: replace(said, proof=bytes(64)),
        lambda said: replace(said, proof=b""),
    ],
)
def test_forged_partial(stage: Stage, change: Callable[[Shares], Shares]) -> None:
    def forge(said: Shares) -> Shares:
        return change(said) if said.stage == stage else said

    played = ring(contributor=saying(PacketType.SHARES, forge)).run()
    assert no_values(played)
    assert blamed(played) == {"south"}
    who, what, _ = found(played, "north")
    assert (who, what.removesuffix(", proof")) == ("south", f"shares of {stage.name.lower()}")
    if stage is not Stage.VALUES:
        assert found(played, "west") == found(played, "north")


def test_a_partial_proved_with_another_key() -> None:
    class Attacker(TotalsContributor):
        def _key(self, purpose: str, list_number: int = 0) -> bytes:
            other = purpose == "share" and self._listening >= {PacketType.SHARES}
            return super()._key("another share" if other else purpose, list_number)

    played = ring(contributor=Attacker).run()
    assert no_values(played)
    assert blamed(played) == {"south"}


@pytest.mark.parametrize("cells", [b"", b"\1", b"\1\1\1", b"\2\1", b"\1\xff"])
def test_a_list_of_cells_that_is_none(cells: bytes) -> None:
    played = ring(contributor=saying(PacketType.OPENING, lambda said: replace(said, cells=cells))).run()
    assert opened_nothing(played)
    assert blamed(played) == {"south"}


@pytest.mark.parametrize("stage", list(Stage))
def test_who_will_not_open_a_cell_keeps_it_closed_for_all(stage: Stage) -> None:
    """Not an attack: each participant's own rules count."""

    def unwilling(said: Opening) -> Opening:
        return replace(said, cells=b"\0" + said.cells[1:]) if said.stage == stage else said

    played = ring(contributor=saying(PacketType.OPENING, unwilling)).run()
    assert played.errors() == [None] * 4
    first, second = played.requester.totals
    assert first == tuple(figure if number < stage else None for number, figure in enumerate((4, 16, 12)))
    assert second == (4, 24, -8)


def test_who_would_open_what_others_do_not_opens_nothing() -> None:
    """A cell of two contributors: the attacker lists it all the same."""
    cells = [CELLS, CELLS, replace(CELLS, records=(0, 6)), replace(CELLS, records=(0, 6))]
    attacker = saying(PacketType.OPENING, lambda said: replace(said, cells=b"\1\1"))
    played = Ring.of(cells, summing(CATEGORIES), contributor=attacker).run()
    assert played.requester.totals == [(2, None, None), (4, 24, -8)]


def test_a_view_of_its_own() -> None:
    attacker = saying(PacketType.VIEW, lambda said: replace(said, digest=bytes(64)))
    played = ring(contributor=attacker).run()
    assert opened_nothing(played)
    assert {played.members[name].error for name in ("north", "east", "west")} == {"views-differ"}


@pytest.mark.parametrize(
    "kind", [PacketType.PLEDGE, PacketType.CONTRIBUTION, PacketType.VIEW, PacketType.OPENING, PacketType.SHARES]
)
def test_a_message_of_another_session_or_stage(kind: PacketType) -> None:
    played = ring(contributor=saying(kind, lambda said: replace(said, ctx=bytes(64)))).run()
    assert no_values(played)
    assert blamed(played) == {"south"}
    who, what, code = found(played, "north")
    assert (who, what.split()[0], code) == ("south", kind.name.lower(), "wrong-reference")
    if kind not in (PacketType.PLEDGE, PacketType.CONTRIBUTION):
        played = ring(contributor=saying(kind, lambda said: replace(said, stage=7))).run()
        assert no_values(played)
        assert blamed(played) == {"south"}
        assert found(played, "north") == ("south", kind.name.lower(), "unexpected-packet")


@pytest.mark.parametrize("kind", [PacketType.PLEDGE, PacketType.OPENING, PacketType.VIEW])
def test_two_messages_in_one_round(kind: PacketType) -> None:
    class Attacker(TotalsContributor):
        def _say(self, sent: PacketType, message: Message, *, to_none: bool = False) -> Packet:
            packet = super()._say(sent, message, to_none=to_none)
            if sent is kind:
                self._broadcast(packet)
            return packet

    played = ring(contributor=Attacker).run()
    assert no_values(played)
    assert blamed(played) == {"south"}
    who, what, code = found(played, "north")
    assert (who, what.split()[0], code) == ("south", kind.name.lower(), "unexpected-packet")


def test_only_the_requester_says_when_it_is_over() -> None:
    class Attacker(TotalsContributor):
        def _on_views(self, digest: bytes) -> None:
            self._say(PacketType.VIEW, View(self._said_ctx(), 1, digest))

    played = ring(contributor=Attacker).run()
    assert blamed(played) == {"south"}
    assert found(played, "north") == ("south", "view of counts", "unexpected-packet")


def test_terms_looser_than_those_asked_for() -> None:
    terms = [Terms(5, 500, 0), Terms(4, 500, 0), Terms(5, 500, 0)]
    aggregate = summing(CATEGORIES, minimum=5, epsilon_millis=500)
    played = Ring.of([CELLS] * 3, aggregate, terms=terms).run()
    assert played.members["south"].error == "rejected"
    assert opened_nothing(played)

    class Attacker(TotalsContributor):
        def _say(self, sent: PacketType, message: Message, *, to_none: bool = False) -> Packet:
            if isinstance(message, Accept):
                message = replace(message, terms=Terms(4, 500, 0))
            return super()._say(sent, message, to_none=to_none)

    played = Ring.of([CELLS] * 3, aggregate, contributor=Attacker).run()
    assert found(played, "north") == ("south", "accept", "bad-terms")
    assert opened_nothing(played)


@pytest.mark.parametrize(
    "change",
    [
        lambda said: replace(said, terms=None),
        lambda said: replace(said, terms=Terms(4, 500, 0)),
        lambda said: replace(said, terms=Terms(5, 501, 0)),
        lambda said: replace(said, terms=Terms(5, 500, 10**10)),
    ],
)
def test_a_requester_with_no_terms_or_looser_ones(change: Callable[[Open], Open]) -> None:
    class Attacker(TotalsRequester):
        def _say(self, kind: PacketType, message: Message, *, to_none: bool = False) -> Packet:
            return super()._say(kind, change(message) if isinstance(message, Open) else message, to_none=to_none)

    aggregate = summing(CATEGORIES, minimum=5, epsilon_millis=500)
    played = Ring.of([CELLS] * 3, aggregate, requester=Attacker).run()
    assert opened_nothing(played)
    assert found(played, "east") == ("north", "open", "bad-terms")


# --- drop-outs


def silent_from(agency: str, kind: PacketType) -> Tamper:
    """Nothing of this participant's comes through from its first message of that kind on."""
    heard = True

    def withhold(sender: str, _receiver: str, packet: bytes) -> Iterable[bytes]:
        nonlocal heard
        if sender == agency and codec.decode_packet(packet).type is kind:
            heard = False
        return () if sender == agency and not heard else (packet,)

    return withhold


LATER = [
    PacketType.ACCEPT,
    PacketType.KEY,
    PacketType.PLEDGE,
    PacketType.CONTRIBUTION,
    PacketType.VIEW,
    PacketType.OPENING,
    PacketType.SHARES,
]


@pytest.mark.parametrize("kind", LATER)
def test_a_participant_that_withholds_its_messages_is_not_heard_and_ends_it(kind: PacketType) -> None:
    played = ring().run(silent_from("east", kind))
    assert played.errors() == ["silent"] * 4
    assert played.requester.session.unheard == ("east",)  # type: ignore[attr-defined]
    played.requester.feed(Ended(TimedOutError("expected the participants in time")))
    round_ = {PacketType.VIEW: " of contributions"}.get(kind, " of contributors" if kind in LATER[5:] else "")
    assert str(error_of(played, "north")) == f"not heard by north: east ({kind.name.lower()}{round_})"
    assert played.requester.done is not None
    assert played.requester.done.result is None


@pytest.mark.parametrize("kind", LATER)
def test_a_connection_that_ends_ends_the_run_for_all(kind: PacketType) -> None:
    played = ring().run(silent_from("east", kind)).lose("east")
    assert played.requester.error == "not-heard"
    assert str(error_of(played, "north")).endswith("; connection-lost)")
    assert no_values(played)
    lost = "not heard by east through north: north (connection-lost)"
    assert str(error_of(played, "east")).startswith(lost)
    told = {str(error_of(played, name)) for name in ("south", "west")}
    assert told <= {f"{who} aborted the session: not-heard, naming east" for who in ("north", "the partner")}
    charged = {name for name in ("north", "south", "west") if any("charge" in act for act in played.members[name].acts)}
    expected = {"north", "south", "west"} if kind is PacketType.SHARES else set()
    assert charged == expected, "answered when the first share leaves, and not before"


def test_a_participant_that_stops_when_it_has_seen_the_counts_is_charged_and_so_is_everybody() -> None:
    class Attacker(TotalsContributor):
        def _offer(self, stage: Stage, cells: bytes) -> None:
            if stage is Stage.RECORDS:
                raise TimedOutError("it knows enough")
            super()._offer(stage, cells)

    played = ring(contributor=Attacker).run()
    assert no_values(played)
    assert all(member.acts[-1] == "charge 2 0 1" for member in played.members.values())


@pytest.mark.parametrize("names", [("nobody",), ("south",), ("east", "east"), ("east", "")])
def test_an_abort_that_names_others_than_participants(names: tuple[str, ...]) -> None:
    class Attacker(TotalsContributor):
        def _on_views(self, digest: bytes) -> None:
            error = TimedOutError("it has had enough")
            error.names = names
            raise error

    played = ring(contributor=Attacker).run()
    assert opened_nothing(played)
    assert found(played, "north") == ("south", "abort", "malformed-packet")


def unread(*names: str) -> type[TotalsContributor]:
    """A contributor that says it could not read the envelope."""

    class Attacker(TotalsContributor):
        def _receive(self, event: Received) -> None:
            self._send_signed(PacketType.ABORT, Abort(NO_REFERENCE, Reason.CANCELLED.value, names))

    return Attacker


def test_who_could_not_read_the_envelope_names_nobody() -> None:
    """The coordinator passes no such abort on, and would accuse in its own whom it has not seen fail."""
    played = ring(contributor=unread("east")).run()
    assert found(played, "north") == ("south", "abort", "malformed-packet")
    assert blamed(played) == {"south"}


def test_who_could_not_read_the_envelope_is_named_itself() -> None:
    played = ring(contributor=unread()).run()
    assert str(error_of(played, "north")) == "south aborted the session: cancelled"
    assert str(error_of(played, "west")).endswith("aborted the session: cancelled, naming south")


def test_an_abort_before_all_have_accepted_is_told_as_the_coordinators_own() -> None:
    """Who is still asked whether it takes part refuses a packet with a sender, and would blame who passed it on."""

    class Attacker(TotalsContributor):
        def _accept(self, envelope: Envelope, packet: Packet, accept: Accept) -> None:
            raise TimedOutError("it is being stopped")

    passed_on: list[PacketType] = []

    def listen(_sender: str, _receiver: str, raw: bytes) -> Iterable[bytes]:
        packet = codec.decode_packet(raw)
        if packet.sender:
            passed_on.append(packet.type)
        return (raw,)

    played = ring(contributor=Attacker).run(listen)
    assert opened_nothing(played)
    assert not passed_on
    assert str(error_of(played, "north")) == "south aborted the session: timed-out"
    assert str(error_of(played, "west")).endswith("aborted the session: timed-out, naming south")


def test_a_false_accusation_is_signed() -> None:
    class Attacker(TotalsContributor):
        def _on_views(self, digest: bytes) -> None:
            raise ParticipantError("east", "pledge", "expected nothing of the kind")

    played = ring(contributor=Attacker).run()
    assert opened_nothing(played)
    for name in ("north", "east", "west"):
        assert str(error_of(played, name)) == "south aborted the session: protocol-violation, naming east"
        assert (name, "south") in {
            (member.agency, kept.sender)
            for member in played.members.values()
            for kept in member.evidence
            if kept.type is PacketType.ABORT
        }


# --- the coordinator


def test_a_coordinator_that_drops_a_participants_messages_is_reported_by_who_waits() -> None:
    def drop(_sender: str, receiver: str, packet: bytes) -> Iterable[bytes]:
        said = codec.decode_packet(packet)
        hidden = receiver == "west" and said.sender == "east" and said.type is PacketType.CONTRIBUTION
        return () if hidden else (packet,)

    played = ring().run(drop)
    assert played.errors() == ["silent"] * 4
    assert played.members["west"].session.unheard == ("east",)
    played.members["west"].feed(Ended(TimedOutError("expected the participants in time")))
    assert str(error_of(played, "west")) == "not heard by west through north: east (contribution)"
    assert opened_nothing(played)


def relayed_as(other: str) -> Tamper:
    def swap(_sender: str, receiver: str, packet: bytes) -> Iterable[bytes]:
        said = codec.decode_packet(packet)
        if receiver != "west" or said.sender != "east" or said.type is not PacketType.PLEDGE:
            return (packet,)
        return (codec.encode_packet(replace(said, sender=other)),)

    return swap


@pytest.mark.parametrize(
    ("other", "code"),
    [("south", "bad-signature"), ("", "bad-signature"), ("nobody", "wrong-reference"), ("west", "wrong-reference")],
)
def test_a_coordinator_that_swaps_or_adds_participants_messages(other: str, code: str) -> None:
    played = ring().run(relayed_as(other))
    assert found(played, "west") == ("north", "pledge" + (f" of {other}, passed on" if other else ""), code)
    assert opened_nothing(played)


def test_a_coordinator_that_repeats_a_participants_message() -> None:
    def repeat(_sender: str, receiver: str, packet: bytes) -> Iterable[bytes]:
        said = codec.decode_packet(packet)
        return (packet, packet) if receiver == "west" and said.type is PacketType.VIEW else (packet,)

    played = ring().run(repeat)
    who, what, code = found(played, "west")
    assert (who, code) == ("north", "unexpected-packet")
    assert what.startswith("view of contributions")
    assert opened_nothing(played)


class TwoFaced(TotalsRequester):
    """Shows `west` another signed message of its own than the others."""

    kind = PacketType.PLEDGE

    def _broadcast(self, packet: Packet) -> None:
        if packet.type is not self.kind:
            super()._broadcast(packet)
            return
        links = self._links
        self._links = [agency for agency in links if agency != "west"]
        super()._broadcast(packet)
        self._links = ["west"]
        super()._broadcast(self.other(packet))
        self._links = links

    def other(self, packet: Packet) -> Packet:
        message = self.changed(packet)
        payload = codec.encode_message(message)
        return Packet(packet.type, payload, dsse.sign(self._signer, packet.type, payload))

    def changed(self, packet: Packet) -> Message:
        raise NotImplementedError


def test_a_coordinator_that_shows_different_envelopes() -> None:
    class Attacker(TwoFaced):
        kind = PacketType.ENVELOPE

        def changed(self, packet: Packet) -> Message:
            return replace(codec.decode_message(packet, Envelope), operator="another")

    played = ring(requester=Attacker).run()
    assert opened_nothing(played)
    assert found(played, "north") == ("west", "accept", "wrong-reference"), "who plays north has changed it itself"


def test_a_coordinator_that_shows_different_contributions() -> None:
    """It pledged one thing to some and another to others: every view differs, whoever compares."""

    class Attacker(TwoFaced):
        def _on_contribution(self, made: tuple[bytes, bytes, bytes]) -> None:
            self._twin = made  # the same proofs under another salt are as good
            super()._on_contribution(made)

        def changed(self, packet: Packet) -> Message:
            twin = Contribution(self._said_ctx(), bytes(32), *self._twin)
            if packet.type is PacketType.CONTRIBUTION:
                return twin
            return replace(codec.decode_message(packet, Pledge), commitment=self.plan.pledge("north", twin))

        def _broadcast(self, packet: Packet) -> None:
            self.kind = PacketType.CONTRIBUTION if packet.type is PacketType.CONTRIBUTION else PacketType.PLEDGE
            super()._broadcast(packet)

    played = ring(requester=Attacker).run()
    assert opened_nothing_but("north", played)
    assert {played.members[name].error for name in ("south", "east", "west")} == {"views-differ"}


def opened_nothing_but(agency: str, played: Ring) -> bool:
    others = [member for member in played.members.values() if member.agency != agency]
    return not any(PacketType.SHARES in member.sent for member in others)


def test_a_coordinator_that_shows_different_lists_of_cells() -> None:
    """Who shares under one list cannot be joined with who shares under another: both say that their views differ."""

    class Attacker(TwoFaced):
        kind = PacketType.OPENING

        def changed(self, packet: Packet) -> Message:
            said = codec.decode_message(packet, Opening)
            return replace(said, cells=b"\1\0") if said.stage == 0 else said

    played = ring(requester=Attacker).run()
    assert no_values(played)
    assert "views-differ" in {played.members[name].error for name in ("south", "east", "west")}
    errors = [error_of(played, name) for name in ("south", "east", "west")]
    assert not any(isinstance(error, ParticipantError) for error in errors), "no honest participant is blamed"
    told = [error.abort for error in errors if isinstance(error, AbortedError)]
    assert set(told) <= {Reason.VIEWS_DIFFER}


def test_a_coordinator_that_lies_about_what_it_heard_at_the_end() -> None:
    class Attacker(TotalsRequester):
        def _say(self, kind: PacketType, message: Message, *, to_none: bool = False) -> Packet:
            if isinstance(message, View) and message.stage == 1:
                message = replace(message, digest=bytes(64))
            return super()._say(kind, message, to_none=to_none)

    played = ring(requester=Attacker).run()
    assert {played.members[name].error for name in ("south", "east", "west")} == {"views-differ"}


# --- who is asked


def refused(played: Ring, code: str = "bad-envelope") -> bool:
    return played.members["south"].error == code and opened_nothing(played)


def test_invented_participants() -> None:
    """A coordinator that invents all others would learn what the only real one contributes."""
    known = {"north": SimSigner(1, "north").public_key, "south": SimSigner(1, "south").public_key}
    assert refused(ring(known=known).run())
    others = {name: SimSigner(1, name).public_key for name in NAMES}
    assert refused(ring(known=others | {"west": SimSigner(2, "west").public_key}).run())


def among(asked: Envelope, number: int, **changes: str) -> Envelope:
    """With this participant changed."""
    people = list(asked.participants)
    people[number] = replace(people[number], **changes)  # type: ignore[arg-type]
    return replace(asked, participants=tuple(people))


def crowd(count: int) -> tuple[Participant, ...]:
    first = Participant("agency 0", "requester", "", bytes(32))
    return (first, *(Participant(f"agency {number}", "contributor", "x", bytes(32)) for number in range(1, count)))


@pytest.mark.parametrize(
    "change",
    [
        lambda asked: replace(asked, participants=asked.participants[:2]),
        lambda asked: replace(asked, participants=(*asked.participants[:3], asked.participants[2])),
        lambda asked: replace(asked, participants=asked.participants[::-1]),
        lambda asked: replace(asked, participants=crowd(32)),
        lambda asked: among(asked, 3, role="requester"),
        lambda asked: among(asked, 0, role="contributor"),
        lambda asked: among(asked, 3, data_set=""),
        lambda asked: among(asked, 0, data_set="its own"),
        lambda asked: replace(asked, recipients=()),
        lambda asked: replace(asked, recipients=("south",)),
        lambda asked: replace(asked, recipients=("north", "south")),
        lambda asked: replace(asked, lists=(replace(asked.lists[0], size=0),)),
        lambda asked: replace(asked, aggregate=None),
    ],
)
def test_an_envelope_that_makes_no_circle(change: Callable[[Envelope], Envelope]) -> None:
    class Attacker(TotalsRequester):
        def _ask(self, _: None) -> None:
            self.envelope = change(self.envelope)
            super()._ask(None)

    assert refused(ring(requester=Attacker).run())


def test_a_requester_does_not_ask_what_others_refuse() -> None:
    with pytest.raises(EnvelopeError, match="3 to 32 different participants, got 2"):
        ring(2)
    wide = summing(CATEGORIES, low=-(2**45), high=2**45)
    with pytest.raises(RangeError):
        Ring.of([CELLS] * 3, wide, cap=2)
    ask = question({"imo": 2**40}, reveals=Reveals.TOTALS, aggregate=summing(CATEGORIES, low=-64, high=64))
    with pytest.raises(RangeError):
        Ring.of([CELLS] * 3, summing(CATEGORIES), ask=ask)


def test_replay_of_a_whole_session() -> None:
    """Old packets say nothing in a new session: it has a new seed of every participant, hence another ctx."""
    old: dict[tuple[str, PacketType, int], bytes] = {}

    def record(sender: str, _receiver: str, packet: bytes) -> Iterable[bytes]:
        said = codec.decode_packet(packet)
        old.setdefault((sender, said.type, len([key for key in old if key[:2] == (sender, said.type)])), packet)
        return (packet,)

    ring().run(record)

    for kind, code in ((PacketType.ACCEPT, "bad-signature"), (PacketType.PLEDGE, "bad-signature")):

        def replay(sender: str, _receiver: str, packet: bytes, kind: PacketType = kind) -> Iterable[bytes]:
            return (
                (old[sender, kind, 0],) if codec.decode_packet(packet).type is kind and sender == "east" else (packet,)
            )

        played = ring(seed=2).run(replay)
        assert opened_nothing(played)
        assert found(played, "north") == ("east", kind.name.lower(), code)
    # The same nodes again, another nonce: signatures hold, references do not.

    def again(sender: str, _receiver: str, packet: bytes) -> Iterable[bytes]:
        said = codec.decode_packet(packet)
        return (old[sender, said.type, 0],) if said.type is PacketType.ACCEPT and sender == "east" else (packet,)

    ask = question({"imo": 20}, 7, reveals=Reveals.TOTALS, aggregate=summing(CATEGORIES))
    played = ring(ask=ask).run(again)
    assert opened_nothing(played)
    assert found(played, "north") == ("east", "accept", "wrong-reference")


# --- two questions


def envelope(parties: int = 4, aggregate: Any = None, **changes: Any) -> Envelope:
    played = Ring.of([CELLS] * parties, aggregate or summing(CATEGORIES), **changes)
    session = played.requester.session
    assert isinstance(session, TotalsRequester)
    return session.envelope


def test_drop_out_then_second_run() -> None:
    """The run with three after the run with four would show the fourth's contribution."""
    assert conflicts(envelope(3), envelope(4))
    assert conflicts(envelope(4), envelope(3))
    assert not conflicts(envelope(4), envelope(4))
    assert conflicts(envelope(4, to_all=True), envelope(4)), "other recipients are another question"


def filtered(*filters: Filter) -> Envelope:
    return envelope(4, summing(CATEGORIES, filters=filters))


def test_filters_that_differ_by_one_record() -> None:
    march = Filter("date", "until", ("2026-03-31",))
    assert conflicts(filtered(march), filtered(Filter("date", "until", ("2026-03-30",))))
    assert conflicts(filtered(march), filtered())
    assert conflicts(filtered(), filtered(Filter("offence", "one-of", ("fraud",))))
    assert conflicts(
        filtered(Filter("offence", "one-of", ("fraud", "theft"))), filtered(Filter("offence", "one-of", ("theft",)))
    )
    assert conflicts(filtered(Filter("amount", "from", ("100",))), filtered(Filter("amount", "until", ("100",))))
    assert conflicts(filtered(Filter("amount", "from", ("9",))), filtered(Filter("amount", "until", ("10",))))
    assert conflicts(envelope(4, counting()), envelope(4)), "a count and a sum of the same records"
    assert conflicts(envelope(4, summing(("a",))), envelope(4))


def test_questions_that_share_no_record_do_not_conflict() -> None:
    march, april = Filter("date", "until", ("2026-03-31",)), Filter("date", "from", ("2026-04-01",))
    assert not conflicts(filtered(march), filtered(april))
    assert not conflicts(filtered(april), filtered(march))
    fraud, theft = Filter("offence", "one-of", ("fraud",)), Filter("offence", "one-of", ("theft",))
    assert not conflicts(filtered(fraud), filtered(theft))
    assert conflicts(filtered(fraud), filtered(Filter("column", "one-of", ("theft",))))
    assert not conflicts(filtered(Filter("amount", "from", ("10",))), filtered(Filter("amount", "until", ("9",))))
    assert conflicts(filtered(Filter("date", "from", ("soon",))), filtered(Filter("date", "until", ("later",))))
    assert not conflicts(envelope(4, summing(("c", "d"))), envelope(4))


def test_honest_is_honest() -> None:
    """That the attacks fail is not because everything does."""
    assert ring().run(honest).requester.totals == [(4, 16, 12), (4, 24, -8)]
