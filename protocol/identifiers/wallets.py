"""Wallet addresses: what an address *is*, not how it is written and under which ticker it is listed.

Two agencies miss each other when one lists an address under USDT and the other under TRX, one with checksum
capitals and the other without, one in upper-case Bech32, one as a Cash Address and one in the older form. So an
address is decoded, its checksum verified, and the canonical form is its family and the decoded bytes:

| family | bytes | also covers |
| --- | --- | --- |
| base58check | version, 20-byte hash | BTC, BCH, BSV, USDT on Omni; Cash Addresses; TRON and its hex form |
| segwit | prefix, witness version and program | upper and lower case |
| evm | 20 bytes | ETH, ETC, BSC, ARB and every token on them; with or without checksum capitals and 0x |
| monero | network byte, two public keys | an integrated address is its wallet's standard address |
| ripple | account | |
| sapling | shielded ZEC address | upper and lower case |

Deliberately not merged: different scripts of one key (1... and bc1q...), and one key on chains with different
version bytes. They are different addresses, and saying "same key" is a conclusion for an investigator.
"""

from __future__ import annotations

import re
from typing import Final

from protocol.identifiers import base_encodings as encodings
from protocol.identifiers.errors import CheckDigitError, WrongFormatError
from protocol.identifiers.folding import drop_spacing

# Base58check version bytes (hexadecimal) and whose addresses they are; from each project's chain parameters.
VERSIONS: Final = {
    "00": "P2PKH: BTC, BCH, BSV, USDT on Omni",
    "05": "P2SH: BTC, BCH, and LTC before 2016",
    "30": "P2PKH: LTC",
    "32": "P2SH: LTC",
    "1e": "P2PKH: DOGE, XVG",
    "16": "P2SH: DOGE",
    "21": "P2SH: XVG",
    "4c": "P2PKH: DASH",
    "10": "P2SH: DASH",
    "26": "P2PKH: BTG",
    "17": "P2SH: BTG",
    "1cb8": "transparent P2PKH: ZEC",
    "1cbd": "transparent P2SH: ZEC",
    "41": "TRON: TRX, USDT, USDC",
}
# The same script written with another version: LTC moved its P2SH addresses from 05 to 32.
SAME_VERSION: Final = {"32": "05"}
HASH_BYTES: Final = 20
SEGWIT_PREFIXES: Final = ("bc", "ltc", "btg")
SAPLING_PREFIX: Final = "zs"
SAPLING_BYTES: Final = 43  # diversifier and transmission key (Zcash protocol specification, 5.6.3.1)
CASH_PREFIX: Final = "bitcoincash"
CASH_TYPES: Final = {0: "00", 8: "05"}  # Cash Address version byte, 160-bit hash -> base58check version
MONERO_NETWORKS: Final = {18: 18, 19: 18, 42: 42}  # standard; integrated, the same wallet; subaddress
MONERO_KEYS_BYTES: Final = 64
MONERO_LENGTHS: Final = {95: 0, 106: 8}  # characters -> bytes of payment id behind the keys
RIPPLE_VERSION: Final = b"\x00"
URI_SCHEMES: Final = (CASH_PREFIX, "bitcoin", "ethereum", "litecoin", "tron", "monero")  # written in front, with ":"

_HEX_40: Final = re.compile(r"(?:0[xX])?([0-9a-fA-F]{40})")
_TRON_HEX: Final = re.compile(r"(?:0[xX])?41([0-9a-fA-F]{40})")
_BECH32: Final = re.compile(rf"({'|'.join((*SEGWIT_PREFIXES, SAPLING_PREFIX))})1([a-z0-9]{{6,}})")
_CASH: Final = re.compile(rf"(?:{CASH_PREFIX}:)?([qp][a-z0-9]{{41}})")


def canonical_address(raw: str) -> tuple[bytes, ...]:
    """Return the family and the decoded bytes of a wallet address.

    Raises:
        WrongFormatError: no known format. CheckDigitError: a known format whose checksum does not fit.
    """
    text = drop_spacing(raw)
    scheme, colon, rest = text.partition(":")
    if colon and scheme.lower() in URI_SCHEMES:
        text = rest
    if match := _HEX_40.fullmatch(text):
        return _evm(match[1])
    if match := _TRON_HEX.fullmatch(text):
        return b"base58check", b"\x41" + bytes.fromhex(match[1])
    lower = text.lower()
    if text in (lower, text.upper()):  # BIP 173 refuses mixed case
        if match := _BECH32.fullmatch(lower):
            return _bech32(match[1], match[2])
        if match := _CASH.fullmatch(lower):
            return _cash_address(match[1])
    if len(text) in MONERO_LENGTHS:
        return _monero(text)
    if text.startswith("r"):
        payload = encodings.base58check(text, encodings.RIPPLE_ALPHABET)
        if len(payload) != 1 + HASH_BYTES or payload[:1] != RIPPLE_VERSION:
            raise WrongFormatError("expected a Ripple account, got another payload")
        return b"ripple", payload[1:]
    return _base58check(text)


def _base58check(text: str) -> tuple[bytes, ...]:
    payload = encodings.base58check(text, encodings.BITCOIN_ALPHABET)
    version, digest = payload[:-HASH_BYTES].hex(), payload[-HASH_BYTES:]
    if version not in VERSIONS:
        raise WrongFormatError("expected an address version of a known main network, got another")
    return b"base58check", bytes.fromhex(SAME_VERSION.get(version, version)) + digest


def _evm(digits: str) -> tuple[bytes, ...]:
    lower = digits.lower()
    if digits not in (lower, digits.upper()):
        nibbles = encodings.keccak_256(lower.encode()).hex()  # EIP-55
        if any(c.isalpha() and c.isupper() != (n >= "8") for c, n in zip(digits, nibbles, strict=False)):
            raise CheckDigitError("expected the capitals of EIP-55 or none, got others")
    return b"evm", bytes.fromhex(lower)


def _bech32(prefix: str, text: str) -> tuple[bytes, ...]:
    values = encodings.five_bit_values(text)
    constant = encodings.bech32_constant(prefix, values)
    if constant not in (encodings.BECH32_CONSTANT, encodings.BECH32M_CONSTANT):
        raise CheckDigitError("expected the Bech32 checksum of the address, got another")
    data = values[:-6]
    if prefix == SAPLING_PREFIX:
        address = encodings.eight_bit_bytes(data)
        if constant != encodings.BECH32_CONSTANT or len(address) != SAPLING_BYTES:
            raise WrongFormatError(f"expected {SAPLING_BYTES} bytes in Bech32, got another payload")
        return b"sapling", address
    if not data:
        raise WrongFormatError("expected a witness version, got nothing")
    version, program = data[0], encodings.eight_bit_bytes(data[1:])
    wanted = encodings.BECH32M_CONSTANT if version else encodings.BECH32_CONSTANT  # BIP 350
    if (
        version > 16
        or constant != wanted
        or not (len(program) in (20, 32) if version == 0 else 2 <= len(program) <= 40)
    ):
        raise WrongFormatError("expected a witness program (BIP 141, BIP 350), got another payload")
    return b"segwit", prefix.encode(), bytes([version]) + program


def _cash_address(text: str) -> tuple[bytes, ...]:
    values = encodings.five_bit_values(text)
    if not encodings.cash_address_checks(CASH_PREFIX, values):
        raise CheckDigitError("expected the checksum of a Cash Address, got another")
    payload = encodings.eight_bit_bytes(values[:-8])
    if payload[0] not in CASH_TYPES or len(payload) != 1 + HASH_BYTES:
        raise WrongFormatError("expected a 160-bit P2PKH or P2SH Cash Address, got another payload")
    return b"base58check", bytes.fromhex(CASH_TYPES[payload[0]]) + payload[1:]


def _monero(text: str) -> tuple[bytes, ...]:
    payload = encodings.monero_base58(text)
    network = MONERO_NETWORKS.get(payload[0])
    payment_id_bytes = MONERO_LENGTHS[len(text)]
    if network is None or (payload[0] == 19) != (payment_id_bytes > 0):
        raise WrongFormatError("expected a Monero address of the main network, got another payload")
    return b"monero", bytes([network]) + payload[1 : 1 + MONERO_KEYS_BYTES]
