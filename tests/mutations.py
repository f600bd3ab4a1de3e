"""Ways to spoil a packet, at the level of bytes and of fields. Seeded; shared by the in-memory and the live runs."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from protocol.codec import decode_packet, encode_packet
from protocol.messages import Packet, PacketType

Mutation = Callable[[random.Random, bytes, list[bytes]], bytes]


def flip_bit(rng: random.Random, raw: bytes, _: list[bytes]) -> bytes:
    at = rng.randrange(len(raw))
    return raw[:at] + bytes([raw[at] ^ (1 << rng.randrange(8))]) + raw[at + 1 :]


def truncate(rng: random.Random, raw: bytes, _: list[bytes]) -> bytes:
    return raw[: rng.randrange(len(raw))]


def extend(rng: random.Random, raw: bytes, _: list[bytes]) -> bytes:
    return raw + rng.randbytes(rng.randrange(1, 40))


def repeat_slice(rng: random.Random, raw: bytes, _: list[bytes]) -> bytes:
    start = rng.randrange(len(raw))
    stop = rng.randrange(start, len(raw)) + 1
    return raw[:stop] + raw[start:]


def noise(rng: random.Random, raw: bytes, _: list[bytes]) -> bytes:
    return rng.randbytes(rng.randrange(1, 2 * len(raw)))


def unknown_field(rng: random.Random, raw: bytes, _: list[bytes]) -> bytes:
    return raw + bytes([(rng.randrange(6, 15) << 3) | 0, rng.randrange(1, 128)])


def field_twice(_rng: random.Random, raw: bytes, _: list[bytes]) -> bytes:
    return raw + raw[:2]


def overlong_varint(_rng: random.Random, raw: bytes, _: list[bytes]) -> bytes:
    return raw[:1] + bytes([raw[1] | 0x80, 0]) + raw[2:]


def other_packet(rng: random.Random, _raw: bytes, others: list[bytes]) -> bytes:
    return rng.choice(others)


def other_type(rng: random.Random, raw: bytes, _: list[bytes]) -> bytes:
    return _changed(raw, type=rng.choice(list(PacketType)))


def other_sequence(rng: random.Random, raw: bytes, _: list[bytes]) -> bytes:
    packet = decode_packet(raw)
    return encode_packet(replace(packet, sequence=(packet.sequence or 0) + rng.randrange(1, 1 << 40)))


def other_chain(rng: random.Random, raw: bytes, _: list[bytes]) -> bytes:
    return _changed(raw, chain=rng.randbytes(64))


def other_signature(rng: random.Random, raw: bytes, _: list[bytes]) -> bytes:
    return _changed(raw, signature=rng.randbytes(64))


def shorter_payload(rng: random.Random, raw: bytes, _: list[bytes]) -> bytes:
    payload = decode_packet(raw).payload
    return _changed(raw, payload=payload[: rng.randrange(len(payload))])


def noisy_row(rng: random.Random, raw: bytes, _: list[bytes]) -> bytes:
    payload = decode_packet(raw).payload
    at = rng.randrange(0, len(payload), 16)
    return _changed(raw, payload=payload[:at] + rng.randbytes(len(payload[at : at + 16])) + payload[at + 16 :])


def _changed(raw: bytes, **fields: object) -> bytes:
    packet: Packet = replace(decode_packet(raw), **fields)  # type: ignore[arg-type]
    return encode_packet(packet)


MUTATIONS: Final[tuple[Mutation, ...]] = (
    flip_bit,
    truncate,
    extend,
    repeat_slice,
    noise,
    unknown_field,
    field_twice,
    overlong_varint,
    other_packet,
    other_type,
    other_sequence,
    other_chain,
    other_signature,
    shorter_payload,
    noisy_row,
)

EXPECTED_CODES: Final = frozenset(
    {
        "malformed-packet",
        "non-canonical-encoding",
        "unexpected-packet",
        "bad-signature",
        "bad-sequence",
        "bad-chain",
        "wrong-size",
        "bad-element",
        "bad-proof",
        "not-ascending",
    }
)
"""What a spoiled packet may end in at its receiver. Each is one class; "something went wrong" is none of them."""
