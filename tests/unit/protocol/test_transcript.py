"""The transcript against its definition, written out by hand."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from protocol.errors import ChainError, SequenceError
from protocol.messages import Packet, PacketType, Statement
from protocol.transcript import Transcript, digest, message_bytes
from protocol.vocabulary import Role

CTX = b"\x05" * 64


def prefixed(*parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(8, "big") + part for part in parts)


def sha(data: bytes) -> bytes:
    return hashlib.sha512(data).digest()


def number(value: int) -> bytes:
    return value.to_bytes(8, "big")


def test_chain_by_its_definition() -> None:
    transcript = Transcript(Role.REQUESTER, CTX)
    h0 = sha(prefixed(b"accord/v1/transcript", b"requester", CTX))
    h1 = sha(prefixed(h0, number(0), number(10), sha(b"rows")))
    h2 = sha(prefixed(h1, number(1), number(20), sha(prefixed(b"statement", b"s" * 64))))
    assert transcript.stamp(PacketType.BLINDED, b"rows").chain == h0
    assert transcript.stamp(PacketType.CHECKPOINT, b"statement", b"s" * 64) == Packet(
        PacketType.CHECKPOINT, b"statement", b"s" * 64, 1, h1
    )
    responder = sha(prefixed(b"accord/v1/transcript", b"responder", CTX))
    assert transcript.statement() == Statement(CTX, 2, h2, 0, responder)


def test_both_sides_see_the_same() -> None:
    north, south = Transcript(Role.REQUESTER, CTX), Transcript(Role.RESPONDER, CTX)
    for i in range(3):
        south.accept(north.stamp(PacketType.BLINDED, bytes([i])))
        north.accept(south.stamp(PacketType.EVALUATED, bytes([i, i])))
    assert north.statement() == south.statement()


def test_a_frame_out_of_place_is_refused() -> None:
    north = Transcript(Role.REQUESTER, CTX)
    first, second = north.stamp(PacketType.BLINDED, b"a"), north.stamp(PacketType.BLINDED, b"b")
    south = Transcript(Role.RESPONDER, CTX)
    for wrong in (second, replace(first, sequence=None)):
        with pytest.raises(SequenceError):
            south.accept(wrong)
    with pytest.raises(ChainError):
        south.accept(replace(first, chain=bytes(64)))
    south.accept(first)
    with pytest.raises(SequenceError):
        south.accept(first)
    south.accept(second)


def test_an_altered_payload_breaks_the_next_frame() -> None:
    north, south = Transcript(Role.REQUESTER, CTX), Transcript(Role.RESPONDER, CTX)
    south.accept(replace(north.stamp(PacketType.BLINDED, b"a"), payload=b"A"))
    with pytest.raises(ChainError):
        south.accept(north.stamp(PacketType.BLINDED, b"b"))


def test_a_message_in_a_digest_is_type_payload_and_signature() -> None:
    packet = Packet(PacketType.OPEN, b"payload", b"s" * 64)
    assert message_bytes(packet) == prefixed(number(4), b"payload", b"s" * 64)
    assert digest(packet) == sha(message_bytes(packet))
