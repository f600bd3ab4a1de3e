"""ristretto255 (RFC 9496): single elements and scalars for proofs, keys and the reference of RFC 9497, and batches that
are multiplied by one secret scalar, for count and sum.

Elements and scalars are their canonical encodings, 32 bytes each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from psi import native
from psi.items import Items

if TYPE_CHECKING:
    from typing_extensions import Buffer

ELEMENT_BYTES: Final = 32  # Ne of RFC 9497, section 4.1
SCALAR_BYTES: Final = 32  # Ns of RFC 9497, section 4.1
ORDER: Final = 2**252 + 27742317777372353535851937790883648493  # RFC 9496, section 4
IDENTITY: Final = bytes(ELEMENT_BYTES)  # RFC 9496, appendix A.1
GENERATOR: Final = bytes.fromhex(  # RFC 9496, appendix A.1
    "e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76"
)
_UNIFORM_BYTES: Final = 64  # RFC 9497, section 4.1: both hashes expand to 64 bytes

# RFC 9497, section 2.1: DeserializeElement refuses what is not canonical, and the identity. Raises ElementError.
check = native.check_elements
# Either operand may be the identity. Raise ElementError, LengthError.
add = native.add_elements
subtract = native.subtract_elements
# Raise ScalarError, LengthError.
add_scalars = native.add_scalars
subtract_scalars = native.subtract_scalars
multiply_scalars = native.multiply_scalars
# s^-1; also raises ZeroScalarError.
invert_scalar = native.invert_scalars


def multiply(scalar: bytes, element: bytes) -> bytes:
    """s * P of 32 bytes, in constant time. Raises ElementError (also for the identity), ScalarError, LengthError."""
    return native.multiply(scalar, element)


def multiply_base(scalar: bytes) -> bytes:
    """s * G of 32 bytes, in constant time. Raises ScalarError, LengthError."""
    return native.multiply_base(scalar)


def hash_to_group(message: bytes, dst: bytes) -> bytes:
    """HashToGroup of RFC 9497, section 4.1: 32 bytes. Raises InvalidInputError, ItemsError, DstError."""
    return native.hash_to_group(Items.from_sequence([message]), dst)


def hash_to_scalar(message: bytes, dst: bytes) -> bytes:
    """HashToScalar of RFC 9497, section 4.1: 32 bytes. Raises DstError."""
    return native.reduce_scalars(native.expand_message_xmd(message, dst, _UNIFORM_BYTES))


def multiples(items: Items, dst: bytes, key: bytes) -> bytes:
    """k * H(x_i), where k is scalar 0 of a stream key and H is HashToGroup under a tag of its own.

    Args:
        items: n inputs of up to 65,535 bytes each.
        dst: the protocol's domain separation tag, 1 to 255 bytes; the VOPRF's would make its evaluations usable here.
        key: 32 secret bytes from ``stream_key``; ``psi.public_key`` gives k*G.

    Returns:
        n x 32 bytes, in the order of the items: sort them before they are sent, or positions leak.

    Raises:
        InvalidInputError, ItemsError, DstError, LengthError, ZeroScalarError.

    Security: constant time in inputs and key.
    """
    return native.hashed_multiples(items, dst, key)


def multiply_shared(elements: Buffer, key: bytes) -> bytes:
    """k * P_i, where k is scalar 0 of a stream key.

    Args:
        elements: n x 32 bytes, as they came from the partner.
        key: 32 secret bytes from ``stream_key``.

    Returns:
        n x 32 bytes, in the same order.

    Raises:
        ElementError: an element that is not canonical, or the identity; ``index`` says which. LengthError,
            ZeroScalarError.

    Security: constant time in the key.
    """
    return native.shared_multiples(elements, key)
