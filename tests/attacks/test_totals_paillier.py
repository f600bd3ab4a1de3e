"""Participants and coordinators that break the rules of a total under Paillier.

What is signed, pledged or shown is checked as under ElGamal, and whoever did it is named. What a contribution holds is
not: the last tests show what that costs, which is why this scheme is for participants that keep to the protocol
(docs/threat-model.md, "Totals").
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("gmpy2", reason="the extra `paillier` is not installed")
pytest.importorskip("phe", reason="the extra `paillier` is not installed")

from protocol import codec, dsse
from protocol import effects as fx
from protocol.errors import ParticipantError
from protocol.host_answers import OwnCells
from protocol.messages import Contribution, Decryption, Key, Message, Open, Packet, PacketType, Shares
from protocol.totals import PaillierContributor, PaillierRequester, TotalsContributor
from protocol.totals import paillier_jobs as jobs
from protocol.totals.plan import Stage
from psi import paillier
from tests.attacks.test_totals import CATEGORIES, CELLS, blamed, error_of, found, no_values, opened_nothing, silent_from
from tests.sim.circle import Ring, Tamper, summing
from tests.sim.small_modulus import small_modulus  # noqa: F401, a fixture

WIDTH = paillier.CIPHERTEXT_BYTES


def ring(parties: int = 4, **changes: Any) -> Ring:
    changes.setdefault("requester", PaillierRequester)
    return Ring.of([CELLS] * parties, summing(CATEGORIES), **changes)


def saying(kind: PacketType, change: Callable[[Any], Message]) -> type[PaillierContributor]:
    """A contributor that says something else in one round."""

    class Attacker(PaillierContributor):
        def _say(self, sent: PacketType, message: Message, *, to_none: bool = False) -> Packet:
            return super()._say(sent, change(message) if sent is kind else message, to_none=to_none)

    return Attacker


def asking(kind: PacketType, change: Callable[[Any], Message]) -> type[PaillierRequester]:
    """A requester that says something else in one round."""

    class Attacker(PaillierRequester):
        def _say(self, sent: PacketType, message: Message, *, to_none: bool = False) -> Packet:
            return super()._say(sent, change(message) if sent is kind else message, to_none=to_none)

    return Attacker


def named_by_contributors(played: Ring) -> set[str]:
    """Whom honest contributors name, where the requester is the attacker."""
    errors = [error_of(played, name) for name in list(played.members)[1:]]
    assert any(isinstance(error, ParticipantError) for error in errors), "somebody has found it"
    return {name for error in errors for name in error.names}  # type: ignore[attr-defined]


# --- keys


@pytest.mark.parametrize(
    "change",
    [
        lambda key: replace(key, public_keys=()),
        lambda key: replace(key, public_keys=key.public_keys * 2),
        lambda key: replace(key, public_keys=(bytes(32),)),
        lambda key: replace(key, public_keys=((1).to_bytes(32, "little"),)),
        lambda key: replace(key, proofs=(bytes(64),)),
    ],
)
def test_a_mask_key_that_is_none(change: Callable[[Key], Key]) -> None:
    played = ring(contributor=saying(PacketType.KEY, change)).run()
    assert opened_nothing(played)
    assert blamed(played) == {"south"}


def test_anothers_mask_key_lets_nobody_unmask() -> None:
    """Who says another's key for its own does not know what masks the others; its own part then spoils the sum."""

    class Attacker(PaillierContributor):
        def _draw_keys(self, then: Callable[[Any], None]) -> None:
            [(_, opened)] = self._in_order(PacketType.OPEN)
            super()._draw_keys(lambda own: then(replace(own, public_keys=opened.message.public_keys)))

    played = ring(contributor=Attacker).run()
    assert no_values(played)
    assert played.requester.error == "bad-cells"


MODULI = {
    "none": lambda n: b"",
    "short": lambda n: (n >> 2).to_bytes(384, "big"),
    "long": lambda n: (n << 2 | 1).to_bytes(384, "big"),
    "even": lambda n: (n - 1).to_bytes(384, "big"),
    "a prime": lambda n: (2**512 - 569).to_bytes(384, "big"),
    "one": lambda n: (1).to_bytes(384, "big"),
}


@pytest.mark.parametrize("kind", MODULI)
def test_a_modulus_that_is_none(kind: str) -> None:
    def change(said: Open) -> Open:
        return replace(said, modulus=MODULI[kind](int.from_bytes(said.modulus, "big")))

    played = ring(requester=asking(PacketType.OPEN, change)).run()
    assert all(PacketType.PLEDGE not in played.members[name].sent for name in ("south", "east", "west"))
    assert named_by_contributors(played) == {"north"}


def test_a_modulus_where_no_protocol_has_one() -> None:
    """Under ElGamal nobody has a modulus."""
    from protocol.totals import TotalsRequester

    class Attacker(TotalsRequester):
        def _say(self, kind: PacketType, message: Message, *, to_none: bool = False) -> Packet:
            if isinstance(message, Open):
                message = replace(message, modulus=b"\1" * 384)
            return super()._say(kind, message, to_none=to_none)

    played = Ring.of([CELLS] * 3, summing(CATEGORIES), requester=Attacker).run()
    assert opened_nothing(played)
    assert named_by_contributors(played) == {"north"}


def swapped(kind: PacketType, change: Callable[[Any], Message], cls: type[Any]) -> Tamper:
    """A coordinator that changes what one participant signed on its way to another."""

    def swap(_sender: str, receiver: str, packet: bytes) -> Iterable[bytes]:
        said = codec.decode_packet(packet)
        if receiver != "west" or said.sender != "east" or said.type is not kind:
            return (packet,)
        payload = codec.encode_message(change(codec.decode_message(said, cls)))
        return (codec.encode_packet(replace(said, payload=payload)),)

    return swap


def test_a_mask_key_swapped_by_the_coordinator() -> None:
    """With keys of its own towards each, it would know all masks."""
    swap = swapped(PacketType.KEY, lambda key: replace(key, public_keys=(b"\x09" + bytes(31),)), Key)
    played = ring().run(swap)
    assert opened_nothing(played)
    assert found(played, "west") == ("north", "key of east, passed on", "bad-signature")


def test_a_coordinator_with_two_keys_of_its_own() -> None:
    """Signed by itself, so that both verify; the two handshakes differ, and so does what is bound to them."""

    class Attacker(PaillierRequester):
        def _broadcast(self, packet: Packet) -> None:
            if packet.type is not PacketType.OPEN:
                super()._broadcast(packet)
                return
            links, self._links = self._links, [agency for agency in self._links if agency != "west"]
            super()._broadcast(packet)
            self._links = ["west"]
            said = replace(codec.decode_message(packet, Open), public_keys=(b"\x09" + bytes(31),))
            payload = codec.encode_message(said)
            super()._broadcast(Packet(packet.type, payload, dsse.sign(self._signer, packet.type, payload)))
            self._links = links

    played = ring(requester=Attacker).run()
    assert opened_nothing(played)
    assert all(member.error is not None for member in played.members.values())


# --- contributions


def test_contribution_other_than_pledged() -> None:
    def change(said: Contribution) -> Contribution:
        return replace(said, ciphertexts=said.ciphertexts[64:] + said.ciphertexts[:64])

    played = ring(contributor=saying(PacketType.CONTRIBUTION, change)).run()
    assert opened_nothing(played)
    assert blamed(played) == {"south"}
    assert found(played, "west") == ("south", "contribution", "")


@pytest.mark.parametrize(
    "change",
    [
        lambda made: (made[0][64:], b"", b""),
        lambda made: (made[0] * 2, b"", b""),
        lambda made: (b"", b"", b""),
        lambda made: (made[0], bytes(128), b""),
        lambda made: (made[0], b"", b"\0"),
    ],
)
def test_contribution_of_another_form(change: Callable[[Any], Any]) -> None:
    class Attacker(PaillierContributor):
        def _on_contribution(self, made: tuple[bytes, bytes, bytes]) -> None:
            super()._on_contribution(change(made))

    played = ring(contributor=Attacker).run()
    assert opened_nothing(played)
    assert blamed(played) == {"south"}


def test_anothers_contribution_is_nobody_elses() -> None:
    """The digests of another's ciphertexts, taken as one's own: they are bound to who contributes them."""
    leaked: list[tuple[bytes, bytes]] = []

    class Attacker(PaillierContributor):
        def _on_sealed(self, made: tuple[bytes, bytes]) -> None:
            super()._on_sealed(leaked[0])

    class Leaking(PaillierRequester):
        def _on_sealed(self, made: tuple[bytes, bytes]) -> None:
            leaked.append(made)
            super()._on_sealed(made)

    ring(requester=Leaking).run()
    played = ring(contributor=Attacker).run()
    assert no_values(played)
    assert blamed(played) == {"south"}
    assert found(played, "west") == ("south", "shares of contributors, ciphertexts", "bad-proof")


def test_contribution_of_another_session() -> None:
    played = ring(contributor=saying(PacketType.CONTRIBUTION, lambda said: replace(said, ctx=bytes(64)))).run()
    assert opened_nothing(played)
    assert found(played, "north") == ("south", "contribution", "wrong-reference")


BAD = {
    "another": lambda row, n: row * row % (n * n),
    "the same number again": lambda row, n: row + n * n,
    "zero": lambda row, n: 0,
    "the square": lambda row, n: n * n,
    "a multiple of the modulus": lambda row, n: n,
}


@pytest.mark.parametrize("stage", list(Stage))
@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("pledged", [False, True])
def test_bad_ciphertexts(stage: Stage, kind: str, pledged: bool) -> None:
    """Whether it shows what it has pledged or not: what is no ciphertext is refused, what was not pledged too."""

    class Attacker(PaillierContributor):
        def _on_sealed(self, made: tuple[bytes, bytes]) -> None:
            ciphertexts = bytearray(made[0])
            place = 2 * int(stage) + 1
            row = int.from_bytes(ciphertexts[place * WIDTH : (place + 1) * WIDTH], "big")
            bad = BAD[kind](row, int.from_bytes(self._modulus, "big"))
            ciphertexts[place * WIDTH : (place + 1) * WIDTH] = bad.to_bytes(WIDTH, "big")
            context = self.plan.contribution_context(self._said_ctx(), self.local.agency)
            told = jobs.digests(context, range(6), bytes(ciphertexts)) if pledged else made[1]
            super()._on_sealed((bytes(ciphertexts), told))

    played = ring(contributor=Attacker, to_all=True).run()
    assert no_values(played)
    if pledged and kind == "another":
        assert played.requester.error == "bad-cells", "it is a ciphertext, of a number that spoils the sum"
    else:
        assert blamed(played) == {"south"}


@pytest.mark.parametrize("stage", list(Stage))
@pytest.mark.parametrize(
    "change",
    [
        lambda said: replace(said, partials=said.partials[WIDTH:] + said.partials[:WIDTH]),
        lambda said: replace(said, partials=said.partials[WIDTH:]),
        lambda said: replace(said, partials=said.partials * 2),
        lambda said: replace(said, partials=b""),
        lambda said: replace(said, proof=bytes(64)),
    ],
)
def test_ciphertexts_of_other_cells(stage: Stage, change: Callable[[Shares], Shares]) -> None:
    def forge(said: Shares) -> Shares:
        return change(said) if said.stage == stage else said

    played = ring(contributor=saying(PacketType.SHARES, forge)).run()
    assert no_values(played)
    assert blamed(played) == {"south"}


# --- drop-outs, views


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
def test_a_connection_that_ends_ends_the_run_for_all(kind: PacketType) -> None:
    played = ring().run(silent_from("east", kind)).lose("east")
    assert played.requester.error == "not-heard"
    assert no_values(played)
    charged = {name for name in ("north", "south", "west") if any("charge" in act for act in played.members[name].acts)}
    assert charged == ({"north", "south", "west"} if kind is PacketType.SHARES else set())


def test_a_requester_that_keeps_what_it_has_decrypted_is_not_heard() -> None:
    played = ring().run(silent_from("north", PacketType.DECRYPTION))
    assert played.members["west"].session.unheard == ("north",)


def test_a_coordinator_that_shows_different_contributions() -> None:
    class Attacker(PaillierRequester):
        def _say(self, kind: PacketType, message: Message, *, to_none: bool = False) -> Packet:
            packet = super()._say(kind, message, to_none=True)
            for agency in self._links if not to_none else ():
                shown = packet
                if agency == "west" and kind in (PacketType.PLEDGE, PacketType.CONTRIBUTION):
                    own = self._twin(message)
                    payload = codec.encode_message(own)
                    shown = Packet(kind, payload, dsse.sign(self._signer, kind, payload))
                self.emit(fx.SendTo(agency, codec.encode_packet(shown), kind))
            return packet

        def _twin(self, message: Any) -> Message:
            digests = jobs.digests(b"another", range(6), self._sealed)
            twin = Contribution(self._said_ctx(), bytes(32), digests, b"", b"")
            return (
                twin
                if isinstance(message, Contribution)
                else replace(message, commitment=self.plan.pledge("north", twin))
            )

    played = ring(requester=Attacker).run()
    assert all(PacketType.SHARES not in played.members[name].sent for name in ("south", "east", "west"))
    assert {played.members[name].error for name in ("south", "east", "west")} == {"views-differ"}


# --- the requester's decryption


def canceling(figures: bytes) -> bytes:
    """Errors that are none in the sum of both cells."""
    first, second = struct.unpack("<2q", figures)
    return struct.pack("<2q", first - 1, second + 1)


@pytest.mark.parametrize(
    "change",
    [
        lambda said: replace(said, figures=struct.pack("<q", 3) + said.figures[8:]),
        lambda said: replace(said, figures=canceling(said.figures)),
        lambda said: replace(said, figures=said.figures[8:]),
        lambda said: replace(said, figures=said.figures * 2),
        lambda said: replace(said, figures=b"\0"),
        lambda said: replace(said, figures=struct.pack("<2q", -1, 4)),
        lambda said: replace(said, root=bytes(384)),
        lambda said: replace(said, root=said.root[:-1] + bytes([said.root[-1] ^ 1])),
    ],
)
@pytest.mark.parametrize("stage", list(Stage))
def test_a_requester_that_tells_other_totals(stage: Stage, change: Callable[[Decryption], Decryption]) -> None:
    def forge(said: Decryption) -> Decryption:
        return change(said) if said.stage == stage else said

    played = ring(requester=asking(PacketType.DECRYPTION, forge), to_all=True).run()
    assert named_by_contributors(played) == {"north"}
    finders = [name for name in list(played.members)[1:] if isinstance(error_of(played, name), ParticipantError)]
    who, what, _ = found(played, finders[0])
    assert (who, what.removesuffix(", proof")) == ("north", f"decryption of {stage.name.lower()}")


def test_only_the_requester_decrypts() -> None:
    class Attacker(PaillierContributor):
        def _share(self, stage: Stage) -> None:
            self._say(PacketType.DECRYPTION, Decryption(self._said_ctx(), int(stage), bytes(16), bytes(384)))

    played = ring(contributor=Attacker).run()
    assert found(played, "north")[2] == "unexpected-packet"
    assert blamed(played) == {"south"}


def test_nobody_decrypts_for_others_under_elgamal() -> None:
    class Attacker(TotalsContributor):
        def _share(self, stage: Stage) -> None:
            self._say(PacketType.DECRYPTION, Decryption(self._said_ctx(), int(stage), bytes(16), bytes(384)))

    played = Ring.of([CELLS] * 4, summing(CATEGORIES), contributor=Attacker).run()
    assert found(played, "north")[2] == "unexpected-packet"
    assert blamed(played) == {"south"}


# --- what nothing here stops


def contributing(*figures: int) -> type[PaillierContributor]:
    class Attacker(PaillierContributor):
        def _encrypt(self, values: bytes) -> None:
            super()._encrypt(struct.pack("<6q", *figures))

    return Attacker


@pytest.mark.parametrize("beyond", [1000, 2**40, -(2**40)])
@pytest.mark.parametrize("place", range(6))
def test_a_total_beyond_what_all_can_contribute_ends_the_run_and_names_nobody(place: int, beyond: int) -> None:
    figures = [1, 1, 4, 6, 3, -2]
    figures[place] += beyond
    played = ring(contributor=contributing(*figures)).run()
    assert played.requester.error == "bad-cells"
    assert {member.error for member in list(played.members.values())[1:]} <= {None, "aborted-by-partner"}
    assert place > 3 or no_values(played), "of values for the requester the others learn nothing anyway"


def test_outside_a_figure_beyond_ones_own_bounds_shifts_the_total_unseen() -> None:
    """Under ElGamal a range proof finds it (tests.attacks.test_totals)."""
    played = ring(contributor=contributing(1, 1, 4, 6, 3 + 200, -2)).run()
    assert played.errors() == [None] * 4
    assert played.requester.totals == [(4, 16, 212), (4, 24, -8)]


def test_outside_contributors_that_are_none_open_a_cell_of_one() -> None:
    """One participant says that it is three, so that whoever subtracts what it added has what the only other holds."""
    none = OwnCells((0, 0), (0, 0), (False, False))
    played = Ring.of(
        [none, none, CELLS, none],
        summing(CATEGORIES),
        requester=PaillierRequester,
        contributor=contributing(3, 3, 0, 0, 0, 0),
    ).run()
    assert played.requester.totals == [(4, 4, 3), (4, 6, -2)]
