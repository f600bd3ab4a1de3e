"""Derives the vectors of additive ElGamal and of discrete logarithms from the reference; psi has no part in it.

`python -m tests.vectors.derive_elgamal` writes data/accord_elgamal.json. Run it when docs/protocol.md changes, never to
make a test pass.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from tests.vectors import reference as ref
from tests.vectors.derive import Given, bad, good, label
from tests.vectors.loader import write

NAME = "accord_elgamal"
SOURCE = "docs/protocol.md (additive ElGamal, randomness), derived by tests/vectors/derive_elgamal.py"

SECRETS = [label("first share"), label("second share")]
PUBLIC_KEYS = [ref.encode(ref.multiply(ref.scalar(secret, 0), ref.G)) for secret in SECRETS]
JOINT = ref.add(*map(ref.decode, PUBLIC_KEYS))
JOINT_KEY = ref.encode(JOINT)
RANDOMNESS_KEY, FRESH_KEY = label("randomness"), label("fresh randomness")
FIRST = 5
LARGEST = 2**47 - 1
VALUES = [0, 1, -1, LARGEST, -LARGEST, 63, -64, 2**46, 1_234_567_890]
COLUMNS = 3
DST = b"accord/v1/test-vector"

Pair = tuple[ref.Point, ref.Point]


def encrypted(value: int, key: bytes, index: int) -> Pair:
    """(rho*G, v*G + rho*pk)"""
    rho = ref.scalar(key, index)
    return ref.multiply(rho, ref.G), ref.add(ref.multiply(value % ref.ORDER, ref.G), ref.multiply(rho, JOINT))


def added(a: Pair, b: Pair) -> Pair:
    return ref.add(a[0], b[0]), ref.add(a[1], b[1])


def row(pair: Pair) -> bytes:
    return ref.encode(pair[0]) + ref.encode(pair[1])


def partials(pairs: Sequence[Pair], secret: bytes) -> list[bytes]:
    return [ref.encode(ref.multiply(ref.scalar(secret, 0), pair[0])) for pair in pairs]


def value_rows(values: Sequence[int]) -> list[bytes]:
    return [value.to_bytes(8, "little", signed=True) for value in values]


def element(value: int) -> bytes:
    return ref.encode(ref.multiply(value % ref.ORDER, ref.G))


CIPHERTEXTS = [encrypted(value, RANDOMNESS_KEY, FIRST + i) for i, value in enumerate(VALUES)]
ROWS = [row(pair) for pair in CIPHERTEXTS]
FRESH = [added(pair, encrypted(0, FRESH_KEY, FIRST + i)) for i, pair in enumerate(CIPHERTEXTS)]
SUMS = [
    added(added(CIPHERTEXTS[column], CIPHERTEXTS[COLUMNS + column]), CIPHERTEXTS[2 * COLUMNS + column])
    for column in range(COLUMNS)
]
LAST_AND_FIRST = [added(CIPHERTEXTS[2 * COLUMNS + column], CIPHERTEXTS[column]) for column in range(COLUMNS)]
NOTHING = bytes(64)


def flows() -> list[Given]:
    fresh = {"public_key": JOINT_KEY, "randomness_key": FRESH_KEY, "first": FIRST}
    encrypt = {"values": value_rows(VALUES), "public_key": JOINT_KEY, "randomness_key": RANDOMNESS_KEY, "first": FIRST}
    noisy = [
        (pair[0], ref.add(pair[1], ref.multiply(value % ref.ORDER, ref.G)))
        for pair, value in zip(SUMS, VALUES[2 : 2 + COLUMNS], strict=True)
    ]
    matrix = {"ciphertexts": ROWS, "columns": COLUMNS}
    opened = {"ciphertexts": ROWS, "first_partials": partials(CIPHERTEXTS, SECRETS[0])}
    return [
        good("joint key", "elgamal-joint-key", {"public_keys": PUBLIC_KEYS}, {"public_key": JOINT_KEY}),
        good("encrypt", "elgamal-encrypt", encrypt, {"ciphertexts": ROWS}),
        good(
            "encrypt one at the stream's end",
            "elgamal-encrypt",
            {**encrypt, "values": value_rows([-7]), "first": 2**32 - 1},
            {"ciphertexts": [row(encrypted(-7, RANDOMNESS_KEY, 2**32 - 1))]},
        ),
        good("rerandomize", "elgamal-rerandomize", {"ciphertexts": ROWS, **fresh}, {"ciphertexts": [*map(row, FRESH)]}),
        good(
            "add, also the same, the opposite and nothing",
            "elgamal-add",
            {"a": [*ROWS[:2], ROWS[2], NOTHING, NOTHING], "b": [ROWS[3], ROWS[1], negated(ROWS[2]), ROWS[4], NOTHING]},
            {
                "ciphertexts": [
                    row(added(CIPHERTEXTS[0], CIPHERTEXTS[3])),
                    row(added(CIPHERTEXTS[1], CIPHERTEXTS[1])),
                    NOTHING,
                    ROWS[4],
                    NOTHING,
                ]
            },
        ),
        good(
            "add values",
            "elgamal-add-values",
            {"ciphertexts": [*map(row, SUMS)], "values": value_rows(VALUES[2 : 2 + COLUMNS])},
            {"ciphertexts": [*map(row, noisy)]},
        ),
        good("sum all rows", "elgamal-sum-columns", matrix, {"ciphertexts": [*map(row, SUMS)]}),
        good(
            "sum the last row and the first",
            "elgamal-sum-columns",
            {**matrix, "rows": struct.pack("<2I", 2, 0)},
            {"ciphertexts": [*map(row, LAST_AND_FIRST)]},
        ),
        good("sum no row", "elgamal-sum-columns", {**matrix, "rows": b""}, {"ciphertexts": [NOTHING] * COLUMNS}),
        good("check", "elgamal-check", {"ciphertexts": ROWS}, {}),
        good(
            "partial decryptions",
            "elgamal-partial-decryptions",
            {"ciphertexts": ROWS, "secret_key": SECRETS[0]},
            {"partials": partials(CIPHERTEXTS, SECRETS[0])},
        ),
        good(
            "open",
            "elgamal-open-shares",
            {**opened, "second_partials": partials(CIPHERTEXTS, SECRETS[1])},
            {"elements": [element(value) for value in VALUES]},
        ),
    ]


def multiples() -> list[Given]:
    items = [b"", b"P<UTO:L898902C3", b"a" * 300]
    k = ref.scalar(SECRETS[0], 0)
    hashed = [ref.map_to_group(ref.expand_message(item, DST)) for item in items]
    products = [ref.encode(ref.multiply(k, point)) for point in hashed]
    elements = [ref.encode(point) for point in hashed]
    shared = {"key": SECRETS[0]}
    return [
        good("multiples of hashes", "hashed-multiples", {"items": items, "dst": DST, **shared}, {"elements": products}),
        good("multiples of elements", "shared-multiples", {"elements": elements, **shared}, {"elements": products}),
        bad("multiples of no hashes", "hashed-multiples", {"items": items, "dst": b"", **shared}, "bad-dst"),
        bad(
            "multiples with the identity",
            "shared-multiples",
            {"elements": [*elements, bytes(32)], **shared},
            "bad-element",
            3,
        ),
    ]


def negated(ciphertext: bytes) -> bytes:
    first, second = (ref.negate(ref.decode(half)) for half in (ciphertext[:32], ciphertext[32:]))
    return row((first, second))


def refused() -> list[Given]:
    identity, negative = bytes(32), (ref.P - int.from_bytes(ROWS[0][:32], "little")).to_bytes(32, "little")
    noncanonical = ((int.from_bytes(ROWS[0][32:], "little") + ref.P) % 2**256).to_bytes(32, "little")
    broken = {
        "first component the identity": identity + ROWS[4][32:],
        "second component the identity": ROWS[4][:32] + identity,
        "first component negative": negative + ROWS[4][32:],
        "second component not reduced": ROWS[4][:32] + noncanonical,
        "second component off the curve": ROWS[4][:32] + off_curve(),
    }
    fresh = {"public_key": JOINT_KEY, "randomness_key": FRESH_KEY, "first": 0}
    cases = []
    for name, ciphertext in broken.items():
        ciphertexts = [*ROWS[:4], ciphertext, *ROWS[5:]]
        cases += [
            bad(f"check: {name}", "elgamal-check", {"ciphertexts": ciphertexts}, "bad-element", 4),
            bad(f"rerandomize: {name}", "elgamal-rerandomize", {"ciphertexts": ciphertexts, **fresh}, "bad-element", 4),
            bad(f"sum: {name}", "elgamal-sum-columns", {"ciphertexts": ciphertexts, "columns": 1}, "bad-element", 4),
        ]
        if identity not in (ciphertext[:32], ciphertext[32:]):
            given = {"a": ROWS, "b": ciphertexts}
            cases.append(bad(f"add: {name}", "elgamal-add", given, "bad-element", 4))
    encrypt = {"public_key": JOINT_KEY, "randomness_key": RANDOMNESS_KEY, "first": 0}
    for value in (LARGEST + 1, -LARGEST - 1, -(2**63)):
        values = value_rows([*VALUES[:3], value])
        cases.append(bad(f"encrypt {value}", "elgamal-encrypt", {**encrypt, "values": values}, "value-out-of-range", 3))
    opposite = ref.encode(ref.negate(ref.decode(PUBLIC_KEYS[0])))
    return [
        *cases,
        bad(
            "encrypt past the stream",
            "elgamal-encrypt",
            {**encrypt, "values": value_rows(VALUES), "first": 2**32 - 8},
            "keystream-exhausted",
        ),
        bad(
            "encrypt under the identity",
            "elgamal-encrypt",
            {**encrypt, "values": value_rows(VALUES), "public_key": identity},
            "bad-public-key",
        ),
        bad("joint key of none", "elgamal-joint-key", {"public_keys": []}, "bad-length"),
        bad(
            "joint key of opposites", "elgamal-joint-key", {"public_keys": [PUBLIC_KEYS[0], opposite]}, "bad-public-key"
        ),
        bad(
            "joint key with the identity",
            "elgamal-joint-key",
            {"public_keys": [*PUBLIC_KEYS, identity]},
            "bad-element",
            2,
        ),
        bad("sum a ragged matrix", "elgamal-sum-columns", {"ciphertexts": ROWS, "columns": 2}, "bad-length"),
        bad(
            "sum a row that is not there",
            "elgamal-sum-columns",
            {"ciphertexts": ROWS, "columns": COLUMNS, "rows": struct.pack("<I", 3)},
            "bad-length",
        ),
        bad(
            "open with a partial that is the identity",
            "elgamal-open-shares",
            {
                "ciphertexts": ROWS[:1],
                "first_partials": partials(CIPHERTEXTS[:1], SECRETS[0]),
                "second_partials": [identity],
            },
            "bad-element",
            0,
        ),
    ]


def off_curve() -> bytes:
    """The smallest even s that is no element's."""
    for s in range(2, 100, 2):
        encoded = s.to_bytes(32, "little")
        try:
            ref.decode(encoded)
        except ValueError:
            return encoded
    raise AssertionError("about half of all s are no element's")


def logarithms() -> list[Given]:
    """Totals and what they must be found from, and entries of the table: j at the key of y(4 j G)."""
    values = [0, 1, -1, 2**24 - 1, -(2**24), 2**25 - 1, -(2**40), 987_654_321_012]
    entries = [0, 1, 2, 12_345, 2**24 - 1]
    return [
        good(
            "logarithms",
            "discrete-logarithms",
            {"elements": [element(value) for value in values], "bound": 2**40},
            {"values": value_rows(values)},
        ),
        bad(
            "a logarithm beyond the bound",
            "discrete-logarithms",
            {"elements": [element(1000), element(-1001)], "bound": 1000},
            "total-out-of-range",
            1,
        ),
        *(
            good(
                f"entry {j} of the table",
                "logarithm-entry",
                {"y": ref.multiply(4 * j, ref.G)[1].to_bytes(32, "little")},
                {"index": j},
            )
            for j in entries
        ),
    ]


def cases() -> list[Given]:
    return flows() + multiples() + refused() + logarithms()


if __name__ == "__main__":
    write(NAME, SOURCE, cases())
