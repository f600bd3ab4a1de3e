"""Signatures verify for one key, one type and one payload; weak keys are refused before they verify anything."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol import dsse
from protocol.errors import SignatureError, SigningKeyError
from protocol.messages import PacketType
from tests.sim.host import SimSigner

P = 2**255 - 19
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493  # RFC 8032, section 5.1


def test_pre_authentication_encoding_of_the_specification() -> None:
    """The example of the DSSE protocol document."""
    encoded = dsse.pre_authentication_encoding("http://example.com/HelloWorld", b"hello world")
    assert encoded == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_a_signature_binds_key_type_and_payload() -> None:
    signer, other = SimSigner(1, "a"), SimSigner(1, "b")
    signature = dsse.sign(signer, PacketType.CHECKPOINT, b"payload")
    dsse.verify(signer.public_key, PacketType.CHECKPOINT, b"payload", signature)
    for key, kind, payload in (
        (other.public_key, PacketType.CHECKPOINT, b"payload"),
        (signer.public_key, PacketType.RECEIPT, b"payload"),
        (signer.public_key, PacketType.CHECKPOINT, b"Payload"),
    ):
        with pytest.raises(SignatureError):
            dsse.verify(key, kind, payload, signature)


def test_s_plus_the_group_order_is_refused() -> None:
    signer = SimSigner(1, "a")
    signature = dsse.sign(signer, PacketType.OPEN, b"x")
    s = int.from_bytes(signature[32:], "little") + GROUP_ORDER
    with pytest.raises(SignatureError):
        dsse.verify(signer.public_key, PacketType.OPEN, b"x", signature[:32] + s.to_bytes(32, "little"))


def small_order_points() -> set[int]:
    """y of every point of order dividing 8, computed from the curve equation -x^2 + y^2 = 1 + d x^2 y^2."""
    d = -121665 * pow(121666, -1, P) % P

    def double(x: int, y: int) -> tuple[int, int]:
        k = d * x * x * y * y % P
        return 2 * x * y * pow(1 + k, -1, P) % P, (y * y + x * x) * pow(1 - k, -1, P) % P

    def xs(y: int) -> list[int]:
        square = (y * y - 1) * pow(d * y * y + 1, -1, P) % P
        root = pow(square, (P + 3) // 8, P)
        if root * root % P != square:
            root = root * pow(2, (P - 1) // 4, P) % P
        return [root, -root % P] if root * root % P == square else []

    found: set[int] = set()
    y = 2
    while len(found) < 5:
        y += 1
        for x in xs(y):
            point = (x, y)
            bits = bin(GROUP_ORDER)[3:]
            result = point
            for bit in bits:
                result = double(*result)
                if bit == "1":
                    k = d * result[0] * x * result[1] * y % P
                    result = (
                        (result[0] * y + x * result[1]) * pow(1 + k, -1, P) % P,
                        (result[1] * y + result[0] * x) * pow(1 - k, -1, P) % P,
                    )
            found.add(result[1])
    return found


def test_the_table_of_small_order_points_is_the_curve_s() -> None:
    assert small_order_points() == dsse.SMALL_ORDER_Y


@pytest.mark.parametrize("sign", [0, 1])
@pytest.mark.parametrize("y", [*sorted(dsse.SMALL_ORDER_Y), P, P + 1, 2**255 - 1])
def test_weak_keys_are_refused(y: int, sign: int) -> None:
    with pytest.raises(SigningKeyError):
        dsse.check_public_key((y | sign << 255).to_bytes(32, "little"))


@pytest.mark.parametrize("length", [0, 31, 33])
def test_keys_of_another_length(length: int) -> None:
    with pytest.raises(SigningKeyError):
        dsse.check_public_key(bytes(length))


def test_a_key_that_is_no_point_verifies_nothing() -> None:
    with pytest.raises((SigningKeyError, SignatureError)):
        dsse.verify((2).to_bytes(32, "little"), PacketType.OPEN, b"", bytes(64))


def test_an_ordinary_key_passes() -> None:
    dsse.check_public_key(Ed25519PrivateKey.generate().public_key().public_bytes_raw())
