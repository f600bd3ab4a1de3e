"""What somebody finds who has nothing but the signed messages of a session: all of it, and every change to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from protocol import codec, dsse
from protocol.account import account_of
from protocol.effects import Evidence
from protocol.errors import Reason
from protocol.evidence import KeyOf, Known, Said, cells_named, told_counts
from protocol.examination import Examination
from protocol.host_answers import Rejection
from protocol.messages import Accept, Cells, Envelope, Opening, Packet, PacketType, Statement
from protocol.totals import PaillierRequester
from protocol.transcript import digest
from protocol.vocabulary import Query, Reveals
from psi import paillier
from tests.sim.aggregates import COUNT, SUM, Record, aggregate_simulation, categorised
from tests.sim.circle import NAMES, Ring, summing
from tests.sim.epochs import North, South, ask_within, sync
from tests.sim.host import SimSigner, Simulation, question, refuse
from tests.sim.small_modulus import small_modulus  # noqa: F401, a fixture
from tests.sim.test_totals import cells

ITEMS = [bytes([1, number]) for number in range(9)]
MINE, THEIRS = {"imo": ITEMS[:7]}, {"imo": ITEMS[3:]}
CATEGORIES = ("DEU-TUR", "TUR-DEU")


def known(*agencies: str, number: int = 1) -> Known:
    return {agency: (SimSigner(number, agency).public_key,) for agency in agencies or NAMES}


def said(evidence: Sequence[Evidence]) -> list[Said]:
    return [Said(one.sender, Packet(one.type, one.payload, one.signature)) for one in evidence]


def session_of(kept: Sequence[Said]) -> str:
    return next(digest(one.packet).hex() for one in kept if one.packet.type is PacketType.ENVELOPE)


def examine(kept: Sequence[Said], keys: Known | None = None, session: str = "") -> Examination:
    return Examination(session or session_of(kept), kept, known() if keys is None else keys)


def intersect(reveals: Reveals = Reveals.SHARED_IDENTIFIERS, number: int = 1) -> Simulation:
    ask = question({"imo": len(MINE["imo"])}, number, reveals=reveals)
    return Simulation.of(MINE, THEIRS, number=number, ask=ask).run()


def figures(query: Query) -> Simulation:
    record = Record((1, 1), (5, 0)) if query is Query.SUM else Record()
    theirs = {"imo": dict.fromkeys(THEIRS["imo"], record)}
    aggregate = categorised(SUM, *CATEGORIES, minimum=2) if query is Query.SUM else COUNT
    return aggregate_simulation(query, aggregate, MINE, theirs).run()


def sides(simulation: Simulation) -> list[list[Said]]:
    assert simulation.errors() == (None, None)
    return [said(host.evidence) for host in (simulation.requester, simulation.responder)]


def in_epoch(question_too: bool) -> list[list[Said]]:
    south, north = South(("imo",)), North()
    south.release({"imo": THEIRS["imo"]})
    synchronised = sync(north, south).run()
    return sides(ask_within(north, south, MINE, number=2).run() if question_too else synchronised)


def total(**more: object) -> list[list[Said]]:
    ring = Ring.of([cells([5, 3], [4, 5])] * 3, summing(CATEGORIES), **more).run()  # type: ignore[arg-type]
    assert ring.errors() == [None] * 3
    return [said(member.evidence) for member in ring.members.values()]


def paillier_total() -> list[list[Said]]:
    if not paillier.available():
        pytest.skip("the extra `paillier` is not installed")
    return total(requester=PaillierRequester)


SESSIONS: dict[str, Callable[[], list[list[Said]]]] = {
    **{reveals.value: lambda reveals=reveals: sides(intersect(reveals)) for reveals in list(Reveals)[:4]},
    "count": lambda: sides(figures(Query.COUNT)),
    "sum": lambda: sides(figures(Query.SUM)),
    "sync": lambda: in_epoch(False),
    "within an epoch": lambda: in_epoch(True),
    "total": total,
    "total to all": lambda: total(to_all=True),
    "total under Paillier": paillier_total,
}


@pytest.mark.parametrize("name", SESSIONS)
def test_everything_stands_and_nothing_is_missing_at_every_participant(name: str) -> None:
    for kept in SESSIONS[name]():
        examined = examine(kept)
        assert [(one.name, one.lacks, one.error) for one in examined.messages if not one.stands] == []
        assert {one.key for one in examined.messages} == {KeyOf.PARTNER_FILE}
        assert examined.ctx is not None
        account = account_of(examined)
        assert (account.ended, account.missing) == ((), ())
        assert len(account.shown) == len(examined.messages) == len(kept)


@pytest.mark.parametrize("name", SESSIONS)
def test_every_message_that_is_changed_is_found(name: str) -> None:
    kept = SESSIONS[name]()[0]
    session = session_of(kept)
    for place, one in enumerate(kept):
        for packet in (
            replace(one.packet, payload=one.packet.payload[:-1] + bytes([one.packet.payload[-1] ^ 1])),
            replace(one.packet, signature=bytes([one.packet.signature[0] ^ 1]) + one.packet.signature[1:]),
        ):
            changed = [*kept[:place], Said(one.sender, packet), *kept[place + 1 :]]
            assert examine(changed, session=session).messages[place].error is not None


@pytest.mark.parametrize("name", SESSIONS)
def test_every_message_that_is_left_out_is_missed(name: str) -> None:
    kept = SESSIONS[name]()[0]
    session = session_of(kept)
    for place, one in enumerate(kept):
        examined = examine([*kept[:place], *kept[place + 1 :]], session=session)
        assert not [other for other in examined.messages if other.error is not None]
        account = account_of(examined)
        if one.packet.type is PacketType.ENVELOPE:
            assert account.missing[0].startswith("envelope")
            assert {other.key for other in examined.messages} == {KeyOf.PARTNER_FILE}
        elif one.packet.type not in {PacketType.SHARES, PacketType.DECRYPTION, PacketType.RELEASE}:
            assert any(one.sender in line for line in account.missing)


def test_whose_key_it_is_only_a_partner_file_says() -> None:
    kept = sides(intersect())[0]
    examined = examine(kept, known("north"))
    assert {(one.said.sender, one.key) for one in examined.messages} == {
        ("north", KeyOf.PARTNER_FILE), ("south", KeyOf.ENVELOPE)
    }  # fmt: skip
    assert any("by the envelope alone" in line for line in account_of(examined).shown)
    foreign = examine(kept, known("north") | known("south", number=2))
    assert {one.said.sender for one in foreign.messages if one.error is not None} == {"south"}
    assert all(one.error.code == "bad-signature" for one in foreign.messages if one.error is not None)


def test_a_stranger_signs_nothing_of_a_session() -> None:
    kept = sides(intersect())[0]
    receipt = next(one for one in kept if one.packet.type is PacketType.RECEIPT)
    signature = dsse.sign(SimSigner(1, "east"), PacketType.RECEIPT, receipt.packet.payload)
    strange = Said("east", replace(receipt.packet, signature=signature))
    *_, last = examine([*kept, strange]).messages
    assert last.error is not None and last.error.code == "wrong-reference"


def test_messages_of_another_session_do_not_fit() -> None:
    """Signed by the same agencies, so that nothing but what they refer to tells them apart."""
    first = sides(intersect())[0]
    ask = question({"imo": 7}, 1, nonce=bytes(32))
    second = sides(Simulation.of(MINE, THEIRS, ask=ask).run())[0]
    for place, other in enumerate(second):
        mixed = [*first[:place], other, *first[place + 1 :]]
        assert examine(mixed, session=session_of(first)).messages[place].error is not None


def test_two_different_messages_in_one_place_are_a_contradiction() -> None:
    kept = sides(intersect())[0]
    place, receipt = next((n, one) for n, one in enumerate(kept) if one.packet.type is PacketType.RECEIPT)
    statement = codec.decode_message(receipt.packet, Statement)
    for changed, expected in (
        (replace(statement, requester_chain=bytes(64)), "unexpected-packet"),
        (replace(statement, responder_count=statement.responder_count + 1), "wrong-statement"),
    ):
        payload = codec.encode_message(changed)
        forged = Packet(PacketType.RECEIPT, payload, dsse.sign(SimSigner(1, "south"), PacketType.RECEIPT, payload))
        messages = examine([*kept, Said("south", forged)]).messages
        assert [one.error for one in messages[: place + 1]] == [None] * (place + 1)
        last = messages[-1].error
        assert last is not None and last.code == expected


def test_a_refusal_and_an_abort_say_why_and_by_whom() -> None:
    refused = Simulation.of(MINE, THEIRS, decide=refuse).run()
    for host in (refused.requester, refused.responder):
        account = account_of(examine(said(host.evidence)))
        assert (account.ended, account.missing) == (("south refused: policy",), ())
    ring = Ring.of([cells([5])] * 3, summing())
    ring.members["south"].refusal = Rejection(Reason.POLICY)
    ring.run()
    for name in ("north", "east"):
        account = account_of(examine(said(ring.members[name].evidence)))
        assert any("naming south" in line for line in account.ended)


def test_what_is_told_in_the_clear_is_read() -> None:
    kept = sides(figures(Query.SUM))[1]
    of = {one.packet.type: codec.decode_message(one.packet, codec.MESSAGES[one.packet.type]) for one in kept}
    envelope, accept, told = (of[kind] for kind in (PacketType.ENVELOPE, PacketType.ACCEPT, PacketType.CELLS))
    assert isinstance(envelope, Envelope) and isinstance(accept, Accept) and isinstance(told, Cells)
    assert told_counts(envelope, accept, told) == {"DEU-TUR": 4, "TUR-DEU": 4}
    kept = total()[1]
    envelope = codec.decode_message(kept[0].packet, Envelope)
    openings = [codec.decode_message(one.packet, Opening) for one in kept if one.packet.type is PacketType.OPENING]
    assert {cells_named(envelope, one) for one in openings} == {CATEGORIES}
