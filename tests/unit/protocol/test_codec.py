"""The codec takes the canonical bytes of a packet and nothing else."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import codec, messages
from protocol.errors import MalformedPacketError, NonCanonicalEncodingError
from protocol.messages import Packet, PacketType, Shares
from tests.sim.host import Simulation

SIGNATURE, CHAIN = b"\x07" * 64, b"\x08" * 64
ACCEPT = messages.Accept(b"\x01" * 64, "south", (0, 7, 1 << 40), b"\x02" * 64, b"\x03" * 64, b"\x04" * 64)


def signed(message: messages.Message, kind: PacketType = PacketType.ACCEPT) -> Packet:
    return Packet(kind, codec.encode_message(message), SIGNATURE)


def test_a_packet_comes_back_as_it_went() -> None:
    for packet in (
        signed(ACCEPT),
        Packet(PacketType.BLINDED, b"\x09" * 64, sequence=0, chain=CHAIN),
        Packet(PacketType.CHECKPOINT, b"\x01", SIGNATURE, sequence=7, chain=CHAIN),
        Packet(PacketType.PLEDGE, b"\x01", SIGNATURE, sender="east"),
    ):
        assert codec.decode_packet(codec.encode_packet(packet)) == packet


def test_a_message_comes_back_as_it_went() -> None:
    assert codec.decode_message(signed(ACCEPT), messages.Accept) == ACCEPT


def test_schema_and_values_name_the_same_fields() -> None:
    from protocol import accord_pb2

    for name, descriptor in accord_pb2.DESCRIPTOR.message_types_by_name.items():
        assert [f.name for f in descriptor.fields] == [f.name for f in fields(getattr(messages, name))], name


def test_a_full_frame_fits_and_one_byte_more_does_not() -> None:
    full = Packet(PacketType.TAGS, bytes(codec.FRAME_PAYLOAD_BYTES), sequence=1 << 63, chain=CHAIN)
    assert codec.decode_packet(codec.encode_packet(full)) == full
    with pytest.raises(MalformedPacketError, match="payload"):
        codec.decode_packet(codec.encode_packet(replace(full, payload=full.payload + b"\x00")))


def test_shares_of_all_cells_under_paillier_fit() -> None:
    ciphertexts = bytes(768) * codec.MAX_CATEGORIES
    said = Shares(bytes(64), 2, ciphertexts, b"", bytes(64))
    packet = Packet(PacketType.SHARES, codec.encode_message(said), SIGNATURE, sender="e" * 256)
    decoded = codec.decode_packet(codec.encode_packet(packet))
    assert codec.decode_message(decoded, Shares) == said


@pytest.mark.parametrize(
    "packet",
    [
        Packet(PacketType.BLINDED, b"x", SIGNATURE),
        Packet(PacketType.ACCEPT, b"x"),
        Packet(PacketType.ACCEPT, b"x", SIGNATURE[:-1]),
        Packet(PacketType.BLINDED, b"x", sequence=3),
        Packet(PacketType.BLINDED, b"x", sequence=3, chain=CHAIN[:-1]),
        Packet(PacketType.ACCEPT, bytes(codec.SIGNED_PAYLOAD_BYTES + 1), SIGNATURE),
        Packet(PacketType.SHARES, bytes(codec.SHARES_PAYLOAD_BYTES + 1), SIGNATURE),
        Packet(PacketType.BLINDED, b"x", sequence=3, chain=CHAIN, sender="east"),
        Packet(PacketType.ACCEPT, b"x", SIGNATURE, sender="e" * 257),
        Packet(PacketType.ACCEPT, b"x", SIGNATURE, sender="ea\nst"),
    ],
)
def test_shapes_that_a_type_does_not_allow(packet: Packet) -> None:
    with pytest.raises(MalformedPacketError):
        codec.decode_packet(codec.encode_packet(packet))


@pytest.mark.parametrize(
    ("suffix", "why"),
    [(b"\x30\x01", "unknown field"), (b"\x08\x02", "scalar twice"), (b"\x20\x00", "default written out")],
)
def test_other_encodings_of_the_same_packet(suffix: bytes, why: str) -> None:
    with pytest.raises(NonCanonicalEncodingError):
        codec.decode_packet(codec.encode_packet(signed(ACCEPT)) + suffix)


def test_unknown_fields_inside_a_nested_message_are_refused() -> None:
    from protocol import accord_pb2

    entry = accord_pb2.List(kind="imo", size=1).SerializeToString() + b"\x18\x01"
    raw = accord_pb2.Envelope(version=1).SerializeToString() + b"\x52" + bytes([len(entry)]) + entry
    with pytest.raises(NonCanonicalEncodingError):
        codec.decode_message(Packet(PacketType.ENVELOPE, raw, SIGNATURE), messages.Envelope)


@pytest.mark.parametrize(
    "change",
    [
        {"seed_commitment": b"\x03" * 63},
        {"agency": "x" * 257},
        {"agency": "line\nbreak"},
        {"sizes": (1,) * 65},
    ],
)
def test_fields_out_of_bounds(change: dict[str, object]) -> None:
    with pytest.raises(MalformedPacketError):
        codec.decode_message(signed(replace(ACCEPT, **change)), messages.Accept)  # type: ignore[arg-type]


@pytest.mark.parametrize("raw", [b"", b"\x08", b"\x08\x63", b"\xff" * 20, b"\x0a\xff\xff\xff\xff\x0f"])
def test_bytes_that_are_no_packet(raw: bytes) -> None:
    with pytest.raises(MalformedPacketError):
        codec.decode_packet(raw)


@given(st.binary(max_size=300))
def test_whatever_decodes_encodes_to_the_same_bytes(raw: bytes) -> None:
    try:
        packet = codec.decode_packet(raw)
    except (MalformedPacketError, NonCanonicalEncodingError):
        return
    assert codec.encode_packet(packet) == raw


AGGREGATE = messages.Aggregate(
    "amount", "EUR", "corridor", ("LB-DE", "TR-DE"), (messages.Filter("date", "from", ("2026-01-01",)),),
    100, -(2**47) + 1, 2**47 - 1, 2, 10, 500,
)  # fmt: skip


@pytest.mark.parametrize("terms", [None, messages.Terms(0, 0, 0), messages.Terms(10, 500, 5)])
def test_a_message_that_may_lack_a_part_comes_back_with_it_or_without(terms: messages.Terms | None) -> None:
    accept = replace(ACCEPT, terms=terms)
    assert codec.decode_message(signed(accept), messages.Accept) == accept


def test_an_aggregate_comes_back_as_it_went_and_has_at_most_200_categories() -> None:
    asked = messages.Envelope(
        1, "s", "sum", "fresh-keys", "sums", "exercise", (), ("north",), "op", (messages.List("imo", 3),), bytes(64),
        messages.LegalBasis(*["x"] * 8), 0, 1, bytes(32), bytes(64), bytes(64), bytes(64), aggregate=AGGREGATE,
    )  # fmt: skip
    assert codec.decode_message(signed(asked), messages.Envelope) == asked
    many = replace(asked, aggregate=replace(AGGREGATE, categories=tuple(str(i) for i in range(200))))
    assert codec.decode_message(signed(many), messages.Envelope) == many
    more = replace(asked, aggregate=replace(AGGREGATE, categories=tuple(str(i) for i in range(201))))
    with pytest.raises(MalformedPacketError, match="categories"):
        codec.decode_message(signed(more), messages.Envelope)


@pytest.mark.parametrize(("proof", "fits"), [(b"", True), (b"\x01" * 64, True), (b"\x01" * 63, False)])
def test_cells_have_rows_of_any_length_and_a_whole_proof_or_none(proof: bytes, fits: bool) -> None:
    cells = messages.Cells(bytes(64), b"\x01" * 9, proof)
    if fits:
        assert codec.decode_message(signed(cells, PacketType.CELLS), messages.Cells) == cells
    else:
        with pytest.raises(MalformedPacketError, match="proof"):
            codec.decode_message(signed(cells, PacketType.CELLS), messages.Cells)


def test_a_message_within_a_message_is_not_left_out() -> None:
    """Left out it would read as empty, and two encodings would mean the same."""
    written = Simulation.of({"imo": [b"x"]}, {"imo": [b"x"]}).requester.session.envelope  # type: ignore[attr-defined]
    without = replace(written, legal_basis=None)
    with pytest.raises(MalformedPacketError, match="legal_basis"):
        codec.decode_message(signed(without, PacketType.ENVELOPE), messages.Envelope)


@pytest.mark.parametrize(
    "message",
    [
        messages.Pledge(b"\x01" * 64, b"\x02" * 64),
        messages.Contribution(b"\x01" * 64, b"\x02" * 32, b"\x03" * 128, b"\x04" * 128, b"\x05" * 480),
        messages.View(b"\x01" * 64, 1, b"\x02" * 64),
        messages.Opening(b"\x01" * 64, 2, b"\x01\x00"),
        messages.Shares(b"\x01" * 64, 2, b"\x02" * 64, b"\x03" * 64, b"\x04" * 64),
    ],
)
def test_messages_of_totals_come_back_as_they_went(message: messages.Message) -> None:
    assert codec.decode_message(signed(message), type(message)) == message
