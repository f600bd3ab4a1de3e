"""ristretto255 and this project's batch proof on Python integers, written from the specifications alone.

Slow, variable time, and without a line in common with psi: it derives the vectors that have no published source
(derive.py) and nothing else. RFC numbers point to the steps.
"""

from __future__ import annotations

from hashlib import sha512

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P

Point = tuple[int, int]  # affine coordinates on -x^2 + y^2 = 1 + d x^2 y^2

IDENTITY: Point = (0, 1)


def is_negative(x: int) -> bool:
    return x % P % 2 == 1


def absolute(x: int) -> int:
    return -x % P if is_negative(x) else x % P


def sqrt(x: int) -> int | None:
    """The nonnegative square root, for p = 5 mod 8."""
    root = pow(x, (P + 3) // 8, P)
    if (root * root - x) % P:
        root = root * pow(2, (P - 1) // 4, P) % P
    return None if (root * root - x) % P else absolute(root)


SQRT_M1 = sqrt(P - 1) or 0


def sqrt_ratio(u: int, v: int) -> tuple[bool, int]:
    """RFC 9496, section 4.2."""
    ratio = u * pow(v, -1, P) % P if v % P else 0
    root = sqrt(ratio)
    if root is not None:
        return (u % P == 0 or v % P != 0), root
    return False, sqrt(ratio * SQRT_M1 % P) or 0


def add(a: Point, b: Point) -> Point:
    (x1, y1), (x2, y2) = a, b
    product = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, P) % P
    y = (y1 * y2 + x1 * x2) * pow(1 - product, -1, P) % P
    return x, y


def negate(a: Point) -> Point:
    return -a[0] % P, a[1]


def multiply(scalar: int, point: Point) -> Point:
    total = IDENTITY
    for bit in bin(scalar % ORDER)[2:]:
        total = add(total, total)
        if bit == "1":
            total = add(total, point)
    return total


def decode(encoded: bytes) -> Point:
    """RFC 9496, section 4.3.1."""
    s = int.from_bytes(encoded, "little")
    if s >= P or is_negative(s):
        raise ValueError("s is not canonical, or negative")
    u1, u2 = 1 - s * s, 1 + s * s
    v = (-D * u1 * u1 - u2 * u2) % P
    was_square, invsqrt = sqrt_ratio(1, v * u2 * u2)
    den_x = invsqrt * u2
    x = absolute(2 * s * den_x)
    y = u1 * invsqrt * den_x * v % P
    if not was_square or is_negative(x * y) or y == 0:
        raise ValueError("not on the curve")
    return x, y


def encode(point: Point) -> bytes:
    """RFC 9496, section 4.3.2, with Z = 1."""
    x, y = point
    u1, u2 = (1 + y) * (1 - y), x * y
    invsqrt = sqrt_ratio(1, u1 * u2 * u2)[1]
    den1, den2 = invsqrt * u1, invsqrt * u2
    z_inv = den1 * den2 * x * y
    if is_negative(x * y * z_inv):
        invsqrt_a_minus_d = sqrt_ratio(1, -1 - D)[1]
        x, y, den = y * SQRT_M1, x * SQRT_M1, den1 * invsqrt_a_minus_d
    else:
        den = den2
    if is_negative(x * z_inv):
        y = -y
    return absolute(den * (1 - y)).to_bytes(32, "little")


def map_to_curve(t: int) -> Point:
    """MAP of RFC 9496, section 4.3.4."""
    one_minus_d_sq, d_minus_one_sq = 1 - D * D, (D - 1) ** 2
    sqrt_ad_minus_one = sqrt((-D - 1) % P) or 0
    # The RFC fixes the root that is odd.
    sqrt_ad_minus_one = -sqrt_ad_minus_one % P
    r = SQRT_M1 * t * t
    u, c = (r + 1) * one_minus_d_sq, -1
    v = (c - r * D) * (r + D)
    was_square, s = sqrt_ratio(u, v)
    if not was_square:
        s, c = -absolute(s * t), r
    n = c * (r - 1) * d_minus_one_sq - v
    w0, w1, w2, w3 = 2 * s * v, n * sqrt_ad_minus_one, 1 - s * s, 1 + s * s
    return w0 * pow(w1, -1, P) % P, w2 * pow(w3, -1, P) % P


def map_to_group(uniform: bytes) -> Point:
    halves = (int.from_bytes(half, "little") % 2**255 for half in (uniform[:32], uniform[32:]))
    first, second = map(map_to_curve, halves)
    return add(first, second)


G = decode(bytes.fromhex("e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76"))


def expand_message(message: bytes, dst: bytes) -> bytes:
    """expand_message_xmd of RFC 9380, section 5.3.1, to 64 bytes with SHA-512."""
    dst_prime = dst + bytes([len(dst)])
    b_0 = sha512(bytes(128) + message + (64).to_bytes(2, "big") + b"\0" + dst_prime).digest()
    return sha512(b_0 + b"\1" + dst_prime).digest()


def hash_to_group(message: bytes) -> Point:
    """HashToGroup of RFC 9497, section 4.1, in VOPRF mode."""
    return map_to_group(expand_message(message, b"HashToGroup-OPRFV1-\x01-ristretto255-SHA512"))


def output(message: bytes, element: Point) -> bytes:
    """Finalize of RFC 9497, section 3.3.1."""
    framed = (len(message).to_bytes(2, "big"), message, (32).to_bytes(2, "big"), encode(element))
    return sha512(b"".join(framed) + b"Finalize").digest()


def keystream(key: bytes, first: int, blocks: int) -> bytes:
    """ChaCha20 (RFC 8439) with nonce 0."""
    encryptor = Cipher(ChaCha20(key, first.to_bytes(4, "little") + bytes(12)), mode=None).encryptor()
    return encryptor.update(bytes(64 * blocks))


def scalar(key: bytes, index: int) -> int:
    return int.from_bytes(keystream(key, index, 1), "little") % ORDER


def lp(*parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(8, "big") + part for part in parts)


def number(value: int) -> bytes:
    return value.to_bytes(8, "big")


def digest_scalar(*parts: bytes) -> int:
    return int.from_bytes(sha512(lp(*parts)).digest(), "little") % ORDER


def prove(
    k: int, proof_key: bytes, place: tuple[bytes, int, int, int], c_rows: list[bytes], d_rows: list[bytes]
) -> bytes:
    """The batch proof of docs/protocol.md for any evaluations, right or wrong."""
    ctx, leg, list_number, chunk = place
    w = sha512(
        lp(
            b"accord/v1/batch-proof-statement",
            ctx,
            number(leg),
            number(list_number),
            number(chunk),
            number(len(c_rows)),
            encode(multiply(k, G)),
            sha512(b"".join(c_rows)).digest(),
            sha512(b"".join(d_rows)).digest(),
        )
    ).digest()
    words = keystream(w[:32], 0, len(c_rows))
    m = IDENTITY
    for index, row in enumerate(c_rows):
        m = add(m, multiply(int.from_bytes(words[16 * index : 16 * index + 16], "little"), decode(row)))
    z = multiply(k, m)
    t = digest_scalar(b"accord/v1/batch-proof-nonce", proof_key, w, encode(m), encode(z))
    commitments = (encode(multiply(t, G)), encode(multiply(t, m)))
    c = digest_scalar(b"accord/v1/batch-proof-challenge", w, encode(m), encode(z), *commitments)
    return c.to_bytes(32, "little") + ((t - c * k) % ORDER).to_bytes(32, "little")
