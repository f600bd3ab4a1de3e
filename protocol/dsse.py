"""Signatures: Ed25519 (RFC 8032) over DSSE's pre-authentication encoding of the exact bytes sent.

One payload type per packet type, so that a checkpoint can never be read as a receipt.
"""

from __future__ import annotations

from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from protocol.errors import SignatureError, SigningKeyError
from protocol.messages import PacketType

PUBLIC_KEY_BYTES: Final = 32  # RFC 8032, section 5.1.5
FIELD_PRIME: Final = 2**255 - 19  # RFC 8032, section 5.1

# The y coordinates of the eight points of small order on edwards25519 (tests recompute them from the curve equation).
SMALL_ORDER_Y: Final = frozenset(
    {
        0,
        1,
        FIELD_PRIME - 1,
        0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
        0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
    }
)


class Signer(Protocol):
    """Holds a node's signing key; the key itself stays with the node."""

    @property
    def public_key(self) -> bytes:
        """Ed25519, 32 bytes."""

    def sign(self, message: bytes) -> bytes:
        """64 bytes, RFC 8032, section 5.1.6."""


def payload_type(kind: PacketType) -> str:
    """The DSSE payload type of a signed packet."""
    return f"application/vnd.accord.v1.{kind.name.lower()}+protobuf"


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """DSSE v1, section "Protocol": what is signed."""
    name = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(name), name, len(payload), payload)


def check_public_key(public_key: bytes) -> None:
    """Refuse an Ed25519 key that is not canonical or has small order: it would verify what nobody signed.

    Raises:
        SigningKeyError: wrong length, y not below p, or small order. A key that is no point fails in `verify`.
    """
    if len(public_key) != PUBLIC_KEY_BYTES:
        raise SigningKeyError(f"expected a signing key of {PUBLIC_KEY_BYTES} bytes, got {len(public_key)}")
    y = int.from_bytes(public_key, "little") & ((1 << 255) - 1)
    if y >= FIELD_PRIME:
        raise SigningKeyError("expected a signing key in canonical encoding")
    if y in SMALL_ORDER_Y:
        raise SigningKeyError("expected a signing key of large order")


def sign(signer: Signer, kind: PacketType, payload: bytes) -> bytes:
    """Sign a packet's payload. Returns 64 bytes."""
    return signer.sign(pre_authentication_encoding(payload_type(kind), payload))


def verify(public_key: bytes, kind: PacketType, payload: bytes, signature: bytes) -> None:
    """Verify a packet's signature: S below the group order, the cofactorless equation, compared on encodings.

    Raises:
        SigningKeyError: see `check_public_key`.
        SignatureError: the signature is not this key's over this payload and type.
    """
    check_public_key(public_key)
    message = pre_authentication_encoding(payload_type(kind), payload)
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise SignatureError(f"expected a signature of the partner over {kind.name.lower()}") from None
