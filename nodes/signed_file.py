"""A signed file that people send each other: a DSSE envelope in JSON around canonical JSON.

Its reader learns the signer from the payload, so parsing and verifying are two steps: whoever uses what is inside calls
`nodes.identity.verify_signature` with a key that it trusts.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass

from nodes.errors import NodeError
from nodes.fields import parse_json
from protocol.dsse import Signer, pre_authentication_encoding


@dataclass(frozen=True, slots=True)
class SignedFile:
    """What a file holds, unverified: `signature` should be the signer's over payload type and payload."""

    payload: bytes
    signature: bytes


def canonical_json(value: object) -> bytes:
    """Return the one encoding of a value: keys in order, no blanks, UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode("utf-8")


def write_signed(payload_type: str, payload: bytes, signer: Signer) -> bytes:
    """Sign a payload and return the file's bytes."""
    signature = signer.sign(pre_authentication_encoding(payload_type, payload))
    return canonical_json(
        {
            "payload": base64.b64encode(payload).decode("ascii"),
            "payloadType": payload_type,
            "signatures": [{"sig": base64.b64encode(signature).decode("ascii")}],
        }
    )


def read_signed(content: bytes, payload_type: str, max_bytes: int, error: type[NodeError], what: str) -> SignedFile:
    """Parse a file of at most max_bytes with exactly one signature. Raises error."""
    if len(content) > max_bytes:
        raise error(f"{what}: expected at most {max_bytes} bytes, got {len(content)}")
    with parse_json(content, error, what) as envelope:
        envelope.choice("payloadType", [payload_type])
        payload = from_base64(envelope.text("payload", max_bytes=max_bytes), error, what)
        signatures = envelope.tables("signatures")
        if len(signatures) != 1:
            raise envelope.fail("signatures", "exactly one", str(len(signatures)))
        with signatures[0] as entry:
            signature = from_base64(entry.text("sig"), error, what)
    return SignedFile(payload, signature)


def from_base64(text: str, error: type[NodeError], what: str) -> bytes:
    """Return the bytes of strict base64. Raises error."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise error(f"{what}: expected base64, got something else") from None
