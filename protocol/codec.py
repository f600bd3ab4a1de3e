"""Packets and messages to bytes and back. The only module that imports the generated code.

Decoding is strict: a field that the schema does not know, a scalar given twice, a default written out, fields out of
order, a wrong length or a text too long are errors, each found before anything is allocated beyond the input's size.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, TypeVar

from google.protobuf.message import DecodeError
from google.protobuf.message import Message as ProtobufMessage

from protocol import accord_pb2, messages
from protocol.errors import MalformedPacketError, NonCanonicalEncodingError
from protocol.messages import Packet, PacketType

FRAME_PAYLOAD_BYTES: Final = 1 << 20  # docs/protocol.md, "Frames"
SIGNED_PAYLOAD_BYTES: Final = 1 << 16
SHARES_PAYLOAD_BYTES: Final = 1 << 18  # 200 ciphertexts of Paillier, 768 bytes each
PACKET_BYTES: Final = FRAME_PAYLOAD_BYTES + 256
SIGNATURE_BYTES: Final = 64  # RFC 8032, section 5.1.6
DIGEST_BYTES: Final = 64  # SHA-512
TEXT_BYTES: Final = 256
REPEATED: Final = 64
MAX_CATEGORIES: Final = 200
_REPEATED: Final = {"categories": MAX_CATEGORIES, "values": MAX_CATEGORIES}

MESSAGES: Final[Mapping[PacketType, type[messages.Message]]] = MappingProxyType(
    {
        PacketType.ENVELOPE: messages.Envelope,
        PacketType.ACCEPT: messages.Accept,
        PacketType.REFUSAL: messages.Refusal,
        PacketType.OPEN: messages.Open,
        PacketType.KEY: messages.Key,
        PacketType.CHECKPOINT: messages.Statement,
        PacketType.RECEIPT: messages.Statement,
        PacketType.ABORT: messages.Abort,
        PacketType.RESUME: messages.Statement,
        PacketType.EPOCH: messages.Epoch,
        PacketType.RELEASE: messages.Release,
        PacketType.CELLS: messages.Cells,
        PacketType.PLEDGE: messages.Pledge,
        PacketType.CONTRIBUTION: messages.Contribution,
        PacketType.VIEW: messages.View,
        PacketType.OPENING: messages.Opening,
        PacketType.SHARES: messages.Shares,
        PacketType.DECRYPTION: messages.Decryption,
    }
)
SIGNED: Final = frozenset(MESSAGES)

_LENGTHS: Final[dict[str, int]] = {
    "signing_key": 32,
    "public_keys": 32,
    "nonce": 32,
    "coin": 32,
    "profile_hash": DIGEST_BYTES,
    "seed_commitment": DIGEST_BYTES,
    "coin_commitment": DIGEST_BYTES,
    "snapshot_commitment": DIGEST_BYTES,
    "envelope_digest": DIGEST_BYTES,
    "open_digest": DIGEST_BYTES,
    "salt": DIGEST_BYTES,
    "reference": DIGEST_BYTES,
    "ctx": DIGEST_BYTES,
    "requester_chain": DIGEST_BYTES,
    "responder_chain": DIGEST_BYTES,
    "tags_commitment": DIGEST_BYTES,
    "previous": DIGEST_BYTES,
    "rows_digest": DIGEST_BYTES,
    "proofs": 64,
    "proof": 64,
    "commitment": DIGEST_BYTES,
    "pledge_salt": 32,
    "knowledge": 128,
    "digest": DIGEST_BYTES,
    "modulus": 384,
    "root": 384,
}
_MAY_BE_EMPTY: Final = frozenset({"tags_commitment", "proof", "knowledge", "modulus"})
_ANY_LENGTH: Final = frozenset(
    {"rows", "ciphertexts", "ranges", "cells", "partials", "figures"}
)  # within the packet's own bound; whoever reads them knows how many
_MAY_BE_ABSENT: Final = frozenset({"aggregate", "terms"})

PB = TypeVar("PB", bound=ProtobufMessage)
M = TypeVar("M", bound=messages.Message)


def encode_packet(packet: Packet) -> bytes:
    """The exact bytes of one gRPC message."""
    wire = accord_pb2.Packet(
        type=packet.type,
        payload=packet.payload,
        signature=packet.signature,
        sequence=packet.sequence or 0,
        chain=packet.chain,
        sender=packet.sender,
    )
    return bytes(wire.SerializeToString(deterministic=True))


def decode_packet(raw: bytes) -> Packet:
    """Parse one gRPC message and check its shape (not its signature, place or contents).

    Raises:
        MalformedPacketError: not a packet, an unknown type, or fields that the type does not allow.
        NonCanonicalEncodingError: anything but the canonical encoding.
    """
    if len(raw) > PACKET_BYTES:
        raise MalformedPacketError(f"expected at most {PACKET_BYTES} bytes in a packet, got {len(raw)}")
    wire = _parse(accord_pb2.Packet, raw)
    try:
        kind = PacketType(wire.type)
    except ValueError:
        raise MalformedPacketError("expected a known packet type") from None
    signed = kind in SIGNED
    _check_length("signature", len(wire.signature), SIGNATURE_BYTES if signed else 0)
    if wire.chain:
        _check_length("chain", len(wire.chain), DIGEST_BYTES)
    elif wire.sequence:
        raise MalformedPacketError("expected a chain beside the sequence number")
    if wire.sender and not signed:
        raise MalformedPacketError("expected no sender on a packet that nobody signed")
    _check_text("sender", wire.sender)
    limit = SIGNED_PAYLOAD_BYTES if signed else FRAME_PAYLOAD_BYTES
    if kind is PacketType.SHARES:
        limit = SHARES_PAYLOAD_BYTES
    if len(wire.payload) > limit:
        raise MalformedPacketError(f"expected at most {limit} bytes of payload, got {len(wire.payload)}")
    return Packet(
        type=kind,
        payload=wire.payload,
        signature=wire.signature,
        sequence=wire.sequence if wire.chain else None,
        chain=wire.chain,
        sender=wire.sender,
    )


def encode_message(message: messages.Message) -> bytes:
    """The payload of a signed packet."""
    return bytes(_to_wire(message).SerializeToString(deterministic=True))


def decode_message(packet: Packet, cls: type[M]) -> M:
    """The message of class `cls` in a signed packet.

    Raises:
        MalformedPacketError: not that message, a wrong length, or a text or sequence that is too long.
        NonCanonicalEncodingError: anything but the canonical encoding.
    """
    wire = _parse(getattr(accord_pb2, cls.__name__), packet.payload)
    message: M = _from_wire(cls, wire)
    return message


def _parse(cls: type[PB], raw: bytes) -> PB:
    wire = cls()
    try:
        wire.ParseFromString(raw)
    except (DecodeError, ValueError):
        raise MalformedPacketError(f"expected an accord.v1.{cls.DESCRIPTOR.name}") from None
    wire.DiscardUnknownFields()
    if wire.SerializeToString(deterministic=True) != raw:
        raise NonCanonicalEncodingError(f"expected the canonical encoding of accord.v1.{cls.DESCRIPTOR.name}")
    return wire


def _to_wire(value: Any) -> ProtobufMessage:
    wire: ProtobufMessage = getattr(accord_pb2, type(value).__name__)()
    for field in wire.DESCRIPTOR.fields:
        part = getattr(value, field.name)
        if field.is_repeated:
            items = [_to_wire(item) if field.message_type else item for item in part]
            getattr(wire, field.name).extend(items)
        elif field.message_type:
            if part is not None:
                getattr(wire, field.name).CopyFrom(_to_wire(part))
        else:
            setattr(wire, field.name, part)
    return wire


def _from_wire(cls: type[Any], wire: ProtobufMessage) -> Any:
    values: dict[str, Any] = {}
    for field in wire.DESCRIPTOR.fields:
        part = getattr(wire, field.name)
        if field.is_repeated:
            most = _REPEATED.get(field.name, REPEATED)
            if len(part) > most:
                raise MalformedPacketError(f"expected at most {most} values of {field.name}, got {len(part)}")
            values[field.name] = tuple(_scalar_or_message(field, item) for item in part)
        elif field.message_type and not wire.HasField(field.name):
            if field.name not in _MAY_BE_ABSENT:
                raise MalformedPacketError(f"expected a {field.name}, got none")
            values[field.name] = None
        else:
            values[field.name] = _scalar_or_message(field, part)
    return cls(**values)


def _scalar_or_message(field: Any, part: Any) -> Any:
    if field.message_type:
        return _from_wire(getattr(messages, field.message_type.name), part)
    if isinstance(part, bytes):
        if field.name not in _ANY_LENGTH and (part or field.name not in _MAY_BE_EMPTY):
            _check_length(field.name, len(part), _LENGTHS[field.name])
    elif isinstance(part, str):
        _check_text(field.name, part)
    return part


def _check_text(name: str, text: str) -> None:
    if len(text.encode()) > TEXT_BYTES or not text.isprintable():
        raise MalformedPacketError(f"expected at most {TEXT_BYTES} bytes of printable text in {name}")


def _check_length(name: str, got: int, expected: int) -> None:
    if got != expected:
        raise MalformedPacketError(f"expected {expected} bytes of {name}, got {got}")
