"""The text encodings of wallet addresses: base58 with two alphabets, Bech32 and its variants. Accept or reject.

Small because each is: a positional number, or a 5-bit alphabet with a BCH checksum. Checked against the published
vectors of BIP 173, BIP 350 and the Cash Address specification.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from Crypto.Hash import keccak

from protocol.identifiers.errors import CheckDigitError, WrongFormatError

BITCOIN_ALPHABET: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
RIPPLE_ALPHABET: Final = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
BECH32_ALPHABET: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"  # BIP 173
BECH32_CONSTANT: Final = 1  # BIP 173
BECH32M_CONSTANT: Final = 0x2BC830A3  # BIP 350
CHECKSUM_BYTES: Final = 4
# Base58 characters that encode 0 to 8 bytes, as Monero encodes each block of 8 bytes.
MONERO_BLOCK_CHARACTERS: Final = (0, 2, 3, 5, 6, 7, 9, 10, 11)


def _number(text: str, alphabet: str) -> int:
    number = 0
    for character in text:
        digit = alphabet.find(character)
        if digit < 0:
            raise WrongFormatError("expected base58 characters, got another")
        number = number * 58 + digit
    return number


def base58check(text: str, alphabet: str) -> bytes:
    """Return version and payload of a base58check string of at most 128 characters.

    Raises:
        WrongFormatError, CheckDigitError.
    """
    if not 8 <= len(text) <= 128:
        raise WrongFormatError("expected 8 to 128 base58 characters, got another length")
    number = _number(text, alphabet)
    zeros = len(text) - len(text.lstrip(alphabet[0]))
    data = bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")
    payload, checksum = data[:-CHECKSUM_BYTES], data[-CHECKSUM_BYTES:]
    if sha256(sha256(payload).digest()).digest()[:CHECKSUM_BYTES] != checksum:
        raise CheckDigitError("expected the checksum of the address, got another")
    return payload


def monero_base58(text: str) -> bytes:
    """Return network byte and payload of a Monero address: blocks of 11 characters, a Keccak-256 checksum.

    Raises:
        WrongFormatError, CheckDigitError.
    """
    data = b""
    for start in range(0, len(text), MONERO_BLOCK_CHARACTERS[-1]):
        block = text[start : start + MONERO_BLOCK_CHARACTERS[-1]]
        if len(block) not in MONERO_BLOCK_CHARACTERS:
            raise WrongFormatError("expected whole base58 blocks, got a part of one")
        size_bytes = MONERO_BLOCK_CHARACTERS.index(len(block))
        number = _number(block, BITCOIN_ALPHABET)
        if number >= 1 << 8 * size_bytes:
            raise WrongFormatError(f"expected a block of {size_bytes} bytes, got a larger number")
        data += number.to_bytes(size_bytes, "big")
    payload, checksum = data[:-CHECKSUM_BYTES], data[-CHECKSUM_BYTES:]
    if keccak_256(payload)[:CHECKSUM_BYTES] != checksum:
        raise CheckDigitError("expected the checksum of the address, got another")
    return payload


def keccak_256(data: bytes) -> bytes:
    """Keccak-256 with the padding from before FIPS 202, as Ethereum and Monero use it."""
    return keccak.new(digest_bits=256, data=data).digest()


def five_bit_values(text: str) -> list[int]:
    """Return the values of lower-case Bech32 characters. Raises WrongFormatError."""
    values = [BECH32_ALPHABET.find(character) for character in text]
    if -1 in values:
        raise WrongFormatError("expected Bech32 characters, got another")
    return values


def bech32_constant(prefix: str, values: Sequence[int]) -> int:
    """Return the checksum's constant for a human-readable part and all values: BIP 173's or BIP 350's."""
    generator = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
    spread = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    checksum = 1
    for value in (*spread, *values):
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for bit, term in enumerate(generator):
            checksum ^= term if top >> bit & 1 else 0
    return checksum


def cash_address_checks(prefix: str, values: Sequence[int]) -> bool:
    """Whether the 40-bit checksum of a Cash Address fits (spec: cashaddr.md of Bitcoin Cash)."""
    generator = (0x98F2BC8E61, 0x79B76D99E2, 0xF33E5FB3C4, 0xAE2EABE2A8, 0x1E4F43E470)
    checksum = 1
    for value in (*(ord(c) & 31 for c in prefix), 0, *values):
        top = checksum >> 35
        checksum = (checksum & 0x07FFFFFFFF) << 5 ^ value
        for bit, term in enumerate(generator):
            checksum ^= term if top >> bit & 1 else 0
    return checksum == 1


def eight_bit_bytes(values: Sequence[int]) -> bytes:
    """Regroup 5-bit values into bytes; padding must be short and zero (BIP 173)."""
    number = 0
    for value in values:
        number = number << 5 | value
    padding_bits = len(values) * 5 % 8
    if padding_bits > 4 or number & ((1 << padding_bits) - 1):
        raise WrongFormatError("expected zero padding of less than five bits, got another")
    return (number >> padding_bits).to_bytes(len(values) * 5 // 8, "big")
