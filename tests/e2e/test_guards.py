"""What two served nodes refuse, and what they never write down."""

from __future__ import annotations

import asyncio
import base64
import sqlite3
import stat
import time
from pathlib import Path

import pytest

from nodes.client import open_session
from nodes.home import Home
from nodes.partners import PartnerBook
from protocol import codec, dsse
from protocol.errors import Reason
from protocol.identifiers import KINDS
from protocol.messages import Packet, PacketType, Refusal
from tests.agency import load_agency
from tests.e2e.conftest import Pair
from tests.e2e.harness import NodeUnderTest, number, outcome_of, rules
from tests.e2e.proxy import TO_CLIENT
from tests.patience import PATIENCE_SECONDS

OWN, THEIRS = range(300), range(200, 500)
NORTH_ONLY, SHARED, SOUTH_ONLY = 77, 250, 444


@pytest.fixture(scope="module", autouse=True)
def lists(served: Pair) -> None:
    served.north.hold(OWN)
    served.south.hold(THEIRS)


def signed_messages(node: NodeUnderTest, kind: PacketType) -> list[Packet]:
    """What the ledger keeps of signed messages, oldest first."""
    connection = sqlite3.connect(f"file:{node.home}/ledger.db?mode=ro", uri=True)
    query = "SELECT payload, signature FROM evidence WHERE type = ? ORDER BY sequence, position"
    packets = [Packet(kind, payload, signature) for payload, signature in connection.execute(query, (int(kind),))]
    connection.close()
    return packets


def send_again(north: NodeUnderTest, packet: Packet) -> Packet:
    """Send a packet as north's node would, and return the answer."""

    async def send() -> bytes | None:
        agency = load_agency(Home(north.home), time.time_ns() // 1_000_000)
        book = PartnerBook(agency.home, agency.config)
        async with open_session(agency.identity, book, book.by_agency("south")) as channel:
            await channel.write(codec.encode_packet(packet))
            return await channel.read()

    answer = asyncio.run(send())
    assert answer is not None
    return codec.decode_packet(answer)


def test_a_replayed_envelope_is_refused_across_a_restart(pair: Pair) -> None:
    assert pair.north.ask_here("south").code == 0
    envelope = signed_messages(pair.north, PacketType.ENVELOPE)[-1]
    for _ in range(2):
        refusal = send_again(pair.north, envelope)
        assert codec.decode_message(refusal, Refusal).reason == Reason.REPLAYED
        dsse.verify(signing_key(pair.south), refusal.type, refusal.payload, refusal.signature)
        pair.south.kill()
        pair.healthy()
    rows = pair.south.ledger()
    assert [row["reason"] for row in rows if row.get("decision") == "refused"][-2:] == ["replayed-envelope"] * 2
    assert pair.north.ask_here("south").code == 0


def signing_key(node: NodeUnderTest) -> bytes:
    return load_agency(Home(node.home), time.time_ns() // 1_000_000).identity.signer.public_key


@pytest.mark.parametrize(
    ("south_rules", "asked", "truth"),
    [
        ([rules("north", "incoming", allow=False)], "suspects", "refused-by-rule"),
        ([], "suspects", "no-rule"),
        (["[[rules]]"], "suspects", "bad-rules"),
        ([rules("east", "incoming")], "suspects", "no-rule"),
        ([rules("north", "incoming").replace("= 1000000\n", "= 299\n")], "suspects", "too-many-elements"),
        ([rules("north", "incoming").replace("= 100000000\n", "= 299\n")], "suspects", "budget-exceeded"),
        ([rules("north", "incoming")], "others", "unknown-data-set"),
    ],
    ids=["rule", "none", "broken", "other-partner", "too-many", "budget", "no-data-set"],
)
def test_every_ground_that_depends_on_the_responder_looks_the_same(
    pair: Pair, south_rules: list[str], asked: str, truth: str
) -> None:
    known = len(pair.south.ledger())
    pair.south.write_rules(*south_rules)
    try:
        outcome = pair.north.ask_here("south", "--ask", asked, "--json")
    finally:
        pair.south.write_rules(rules("north", "incoming"))
    assert outcome.code == 4
    assert (outcome.error["code"], outcome.error["message"]) == ("refused", "the partner refused the question: policy")
    refusal = signed_messages(pair.north, PacketType.REFUSAL)[-1]
    dsse.verify(signing_key(pair.south), refusal.type, refusal.payload, refusal.signature)
    rows = pair.south.ledger()[known:]
    assert [row["event"] for row in rows] == ["request-received", "decision", "refusal"]
    assert rows[1]["reason"] == truth
    assert not any("sizes" in row for row in rows)
    assert pair.north.ask_here("south").code == 0


def test_own_rules_come_first(pair: Pair) -> None:
    known = len(pair.south.ledger())
    pair.north.write_rules(rules("south", "outgoing", allow=False))
    try:
        outcome = pair.north.ask_here("south", "--json")
    finally:
        pair.north.write_rules(rules("south", "outgoing"))
    assert (outcome.code, outcome.error["code"]) == (5, "refused-by-own-rules")
    assert pair.north.ledger()[-1]["reason"] == "refused-by-rule"
    assert len(pair.south.ledger()) == known


def forms_of(value: int) -> dict[str, bytes]:
    """How an identifier could lie about: as text, as the nodes' canonical bytes, and in the usual wrappings."""
    text, canonical = number(value).encode(), KINDS["passport-number"].canonicalize(number(value))
    forms = {"text": text, "lower": text.lower(), "canonical": canonical, "utf-16": number(value).encode("utf-16-le")}
    for name in ("text", "canonical"):
        forms[f"{name}, hex"] = forms[name].hex().encode()
        forms[f"{name}, base64"] = base64.b64encode(forms[name]).rstrip(b"=")[:-1]
    return forms


def places_of(value: int, *folders: Path) -> set[str]:
    """Files below these folders that hold an identifier in any form."""
    return {
        f"{file.relative_to(folder)} ({form})"
        for folder in folders
        for file in folder.rglob("*")
        if file.is_file()
        for form, data in forms_of(value).items()
        if data in file.read_bytes()
    }


def test_no_identifier_is_written_down_but_in_the_result(pair: Pair, tmp_path: Path) -> None:
    for node in (pair.north, pair.south):
        node.stop()
        node.environment["TMPDIR"] = str(tmp_path)
    pair.healthy()
    for result in (pair.north.home / "results").iterdir():
        result.unlink()
    folders = (pair.north.home, pair.south.home, tmp_path)
    logs = (pair.north.log, pair.south.log)

    pair.proxy.hold_at(TO_CLIENT, 14_000)  # evaluations have come, tags have not all
    asking = pair.north.ask_meanwhile("south")
    assert pair.proxy.reached.wait(PATIENCE_SECONDS)
    for value in (NORTH_ONLY, SHARED, SOUTH_ONLY):
        assert places_of(value, *folders) == set()
    pair.proxy.go_on()
    outcome = outcome_of(asking)
    assert outcome.code == 0, outcome.err

    failing = pair.north.ask_here("south", "--ask", "others")
    pair.proxy.cut_at(TO_CLIENT, 14_000)
    broken = pair.north.ask_here("south")
    assert (failing.code, broken.code) == (4, 6)
    said = failing.out + failing.err + broken.out + broken.err + outcome.err
    said += "".join(log.read_text() for log in logs)
    for value in (NORTH_ONLY, SHARED, SOUTH_ONLY):
        assert not any(form in said.encode() for form in forms_of(value).values())
        found = places_of(value, *folders)
        expected = {f"results/{outcome.json['session']}.json (text)"} if value == SHARED else set()
        assert found == expected
    (result,) = (pair.north.home / "results").iterdir()
    assert stat.S_IMODE(result.stat().st_mode) == 0o600


def test_the_search_finds_what_it_looks_for(tmp_path: Path) -> None:
    for name, data in forms_of(SHARED).items():
        file = tmp_path / "file"
        file.write_bytes(b"before" + data + b"after")
        assert any(name in place for place in places_of(SHARED, tmp_path)), name
    assert places_of(NORTH_ONLY, tmp_path) == set()


def test_what_lies_in_a_home_is_private(pair: Pair) -> None:
    for node in (pair.north, pair.south):
        for path in (node.home, *node.home.rglob("*")):
            assert stat.S_IMODE(path.lstat().st_mode) & 0o077 == 0, path
