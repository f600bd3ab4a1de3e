"""Packets of a partner that is compromised: well-formed, with its valid signature, and wrong in a field or in a row.

Beside `tests.mutations`, which spoil what an outsider could spoil. A field is changed on the wire's level: its number,
its value, its place, wherever it is nested; then the message is encoded and signed again. Rows carry no signature.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from protocol import dsse
from protocol.codec import SIGNED, decode_packet, encode_packet
from protocol.messages import Packet, PacketType
from tests.mutations import Mutation

VARINT, LENGTH = 0, 2
NUMBERS: Final = (0, 1, 2, 1 << 31, (1 << 32) - 1, 1 << 63, (1 << 64) - 1)
TEXTS: Final = (b"\0", b"\xff\xfe", b"\n", b"x" * 257, "\u202e".encode(), b"unheard-of")
LINE = 2**255 - 19  # RFC 9496, section 4.1
# The identity, twice p, p + 1, a negative one, and one that is on no curve.
ROWS: Final = tuple(value.to_bytes(32, "little") for value in (0, LINE, LINE + 1, LINE - 2, 3, 2**256 - 1))

# What only one who signs can bring about: a message that says something else than it must.
FORGED_CODES: Final = frozenset(
    {
        "wrong-reference",
        "wrong-statement",
        "bad-commitment",
        "bad-envelope",
        "expired-envelope",
        "unsupported",
        "realm-mismatch",
        "profile-mismatch",
        "bad-public-key",
        "epoch-mismatch",
        "bad-release",
        "bad-terms",
        "bad-cells",
        "bad-scalar",
    }
)

Field = tuple[int, int | bytes]
Change = Callable[[random.Random, bytes], bytes]


def forgeries(signer: dsse.Signer) -> tuple[Mutation, ...]:
    """What a partner with this signer can do to a packet of its own."""

    def forgery(change: Change) -> Mutation:
        def forged(rng: random.Random, raw: bytes, _: list[bytes]) -> bytes:
            packet = decode_packet(raw)
            payload = change(rng, packet.payload)
            signed = packet.type in SIGNED
            signature = dsse.sign(signer, packet.type, payload) if signed and payload != packet.payload else b""
            return encode_packet(replace(packet, payload=payload, signature=signature or packet.signature))

        forged.__name__ = f"signed {change.__name__}"
        return forged

    def abort(rng: random.Random, raw: bytes, _: list[bytes]) -> bytes:
        reference = rng.choice([bytes(64), rng.randbytes(64), decode_packet(raw).chain or bytes(64)])
        payload = encode_fields([(1, reference), (2, rng.choice([b"cancelled", b"unheard-of"]))])
        return encode_packet(Packet(PacketType.ABORT, payload, dsse.sign(signer, PacketType.ABORT, payload)))

    abort.__name__ = "signed abort"
    return (*map(forgery, CHANGES), abort)


def number(rng: random.Random, payload: bytes) -> bytes:
    """Another number in a field that holds one."""

    def change(value: int | bytes) -> int:
        assert isinstance(value, int)
        return rng.choice([*NUMBERS, value + 1, max(value - 1, 0)]) % (1 << 64)

    return _changed(rng, payload, lambda value: isinstance(value, int), change)


def text(rng: random.Random, payload: bytes) -> bytes:
    """Other bytes in a field: longer, shorter, not text, or the same with a bit flipped."""

    def change(value: int | bytes) -> bytes:
        assert isinstance(value, bytes)
        flipped = bytearray(value)
        if value:
            flipped[rng.randrange(len(value))] ^= 1 << rng.randrange(7)
        return rng.choice([*TEXTS, bytes(flipped), value[:-1], value + value, rng.randbytes(len(value)), b""])

    return _changed(rng, payload, lambda value: isinstance(value, bytes), change)


def field_left_out(rng: random.Random, payload: bytes) -> bytes:
    fields = decode_fields(payload)
    if fields:
        del fields[rng.randrange(len(fields))]
    return encode_fields(fields) if fields is not None else payload


def field_again(rng: random.Random, payload: bytes) -> bytes:
    fields = decode_fields(payload)
    if not fields:
        return payload + payload
    at = rng.randrange(len(fields))
    return encode_fields([*fields[:at], *[fields[at]] * rng.choice([2, 65]), *fields[at + 1 :]])


def fields_exchanged(rng: random.Random, payload: bytes) -> bytes:
    """Two fields exchange what they hold."""
    fields = decode_fields(payload)
    if not fields or len(fields) < 2:
        return payload
    here, there = rng.sample(range(len(fields)), 2)
    (one, first), (other, second) = fields[here], fields[there]
    fields[here], fields[there] = (one, second), (other, first)
    return encode_fields(fields)


def row(rng: random.Random, payload: bytes) -> bytes:
    """A row that is no element, in the place of one; or bytes in the place of a message's."""
    at = rng.randrange(max(len(payload) // 32, 1)) * 32
    return payload[:at] + rng.choice(ROWS) + payload[at + 32 :]


def rows_exchanged(rng: random.Random, payload: bytes) -> bytes:
    width = rng.choice([16, 32])
    rows = [payload[at : at + width] for at in range(0, len(payload), width)]
    rng.shuffle(rows)
    return b"".join(rows)


def row_again(rng: random.Random, payload: bytes) -> bytes:
    width = rng.choice([16, 32])
    at = rng.randrange(max(len(payload) // width, 1)) * width
    return payload[: at + width] + payload[at:]


def everything(rng: random.Random, payload: bytes) -> bytes:
    return rng.randbytes(rng.choice([0, 1, len(payload), 2 * len(payload) + 1]))


CHANGES: Final[tuple[Change, ...]] = (
    number,
    text,
    field_left_out,
    field_again,
    fields_exchanged,
    row,
    rows_exchanged,
    row_again,
    everything,
)


# --- the wire's fields (protobuf.dev, "Encoding")


def decode_fields(raw: bytes) -> list[Field] | None:
    """The fields of a message, or None where the bytes are none."""
    fields: list[Field] = []
    at = 0
    while at < len(raw):
        try:
            key, at = _varint(raw, at)
            value, at = _varint(raw, at)
        except IndexError:
            return None
        if key & 7 == LENGTH:
            if at + value > len(raw):
                return None
            fields.append((key >> 3, raw[at : at + value]))
            at += value
        elif key & 7 == VARINT:
            fields.append((key >> 3, value))
        else:
            return None
    return fields


def encode_fields(fields: list[Field]) -> bytes:
    out = bytearray()
    for number, value in fields:
        if isinstance(value, int):
            out += _encoded(number << 3 | VARINT) + _encoded(value)
        else:
            out += _encoded(number << 3 | LENGTH) + _encoded(len(value)) + value
    return bytes(out)


def _changed(
    rng: random.Random,
    payload: bytes,
    fits: Callable[[int | bytes], bool],
    change: Callable[[int | bytes], int | bytes],
) -> bytes:
    """Change one of the fields that fit, in this message or in one that it holds."""
    fields = decode_fields(payload)
    if not fields:
        return payload
    at = rng.randrange(len(fields))
    number, value = fields[at]
    if isinstance(value, bytes) and decode_fields(value) and rng.random() < 0.7:
        fields[at] = (number, _changed(rng, value, fits, change))
    elif fits(value):
        fields[at] = (number, change(value))
    return encode_fields(fields)


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = raw[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at
        if shift > 63:
            raise IndexError


def _encoded(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
