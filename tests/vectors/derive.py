"""Derives the vectors of this project's own batch VOPRF from the reference; psi has no part in it.

`python -m tests.vectors.derive` writes data/accord_batch_voprf.json. Run it when docs/protocol.md changes, never to
make a test pass.
"""

from __future__ import annotations

import hmac
from hashlib import sha512
from typing import Any

from tests.vectors import reference as ref
from tests.vectors.loader import write

NAME = "accord_batch_voprf"
SOURCE = "docs/protocol.md (intersect, batch proof, randomness), derived by tests/vectors/derive.py"

Given = dict[str, Any]


def label(text: str, count: int = 32) -> bytes:
    return sha512(b"accord test vector: " + text.encode()).digest()[:count]


OPRF_KEY, BLIND_KEY, PROOF_KEY, CTX = label("oprf"), label("blind"), label("proof"), label("ctx", 64)
K = ref.scalar(OPRF_KEY, 0)
PUBLIC_KEY = ref.encode(ref.multiply(K, ref.G))
PLACE = {"ctx": CTX, "leg": 1, "list_number": 2, "chunk": 3}
LAST_INDEX = 2**32 - 1

# One field for every length at which SHA-512's padding changes shape, and text that is not ASCII.
ITEMS = [b"", b"\0", b"P<UTO:L898902C3", "Zürich".encode(), b"a" * 47, b"b" * 48, b"c" * 111, b"d" * 112, b"e" * 300]


def blinded_rows(items: list[bytes], first: int) -> list[bytes]:
    blinds = (ref.multiply(ref.scalar(BLIND_KEY, first + i), ref.G) for i in range(len(items)))
    return [ref.encode(ref.add(ref.hash_to_group(item), blind)) for item, blind in zip(items, blinds, strict=True)]


def evaluated_rows(blinded: list[bytes], k: int = K) -> list[bytes]:
    return [ref.encode(ref.multiply(k, ref.decode(row))) for row in blinded]


def outputs(items: list[bytes]) -> list[bytes]:
    return [ref.output(item, ref.multiply(K, ref.hash_to_group(item))) for item in items]


def proof(blinded: list[bytes], evaluated: list[bytes], k: int = K) -> bytes:
    return ref.prove(k, PROOF_KEY, tuple(PLACE.values()), blinded, evaluated)


def shifted(row: bytes, by: ref.Point) -> bytes:
    return ref.encode(ref.add(ref.decode(row), by))


def chunk(items: list[bytes], first: int) -> Given:
    """What a requester holds when an honest answer has come."""
    blinded = blinded_rows(items, first)
    evaluated = evaluated_rows(blinded)
    return {
        "items": items,
        "blind_key": BLIND_KEY,
        "first": first,
        **PLACE,
        "public_key": PUBLIC_KEY,
        "blinded": blinded,
        "evaluated": evaluated,
        "proof": proof(blinded, evaluated),
    }


def good(name: str, operation: str, given: Given, expect: Given) -> Given:
    return {"name": name, "operation": operation, "given": given, "expect": expect}


def bad(name: str, operation: str, given: Given, code: str, index: int | None = None) -> Given:
    fails = {"code": code} if index is None else {"code": code, "index": index}
    return {"name": name, "operation": operation, "given": given, "fails": fails}


def flows() -> list[Given]:
    cases = [good("public key", "public-key", {"oprf_key": OPRF_KEY}, {"public_key": PUBLIC_KEY})]
    sizes = {"one item": ITEMS[2:3], "nine items": ITEMS}
    for size, items in sizes.items():
        first = LAST_INDEX + 1 - len(items) if size == "nine items" else 7
        held = chunk(items, first)
        answer = {name: held[name] for name in ("evaluated", "proof")}
        asked = {name: held[name] for name in ("public_key", "blinded")}
        keys = {"oprf_key": OPRF_KEY, "proof_key": PROOF_KEY}
        blind = {"items": items, "blind_key": BLIND_KEY, "first": first}
        cases += [
            good(f"blind {size}", "blind", blind, {"blinded": held["blinded"]}),
            good(f"evaluate {size}", "evaluate", {**keys, **PLACE, **asked}, answer),
            good(f"finalize {size}", "verify-and-finalize", held, {"outputs": outputs(items)}),
            good(
                f"tags of {size}",
                "tags",
                {"items": items, "oprf_key": OPRF_KEY},
                {"tags": [row[:16] for row in outputs(items)]},
            ),
        ]
    return cases


def stream_keys() -> list[Given]:
    given = {
        "seed": label("seed"),
        "salt": label("salt", 64),
        "suite": b"ristretto255-SHA512",
        "protocol": b"intersect",
        "role": b"requester",
        "leg": 0,
        "list_number": 1,
        "purpose": b"blind",
    }
    names = [value if isinstance(value, bytes) else ref.number(value) for value in list(given.values())[2:]]
    info = ref.lp(b"accord/v1", *names)
    # HKDF (RFC 5869) to one block of output
    key = hmac.digest(hmac.digest(given["salt"], given["seed"], "sha512"), info + b"\1", "sha512")[:32]
    return [
        good("stream key", "stream-key", given, {"key": key}),
        bad("stream key from a short seed", "stream-key", {**given, "seed": label("seed", 31)}, "bad-length"),
        bad("stream key with a short salt", "stream-key", {**given, "salt": label("salt", 63)}, "bad-length"),
        bad("stream key for a huge leg", "stream-key", {**given, "leg": 2**64}, "bad-length"),
    ]


def refused_blinds() -> list[Given]:
    blind = {"items": ITEMS, "blind_key": BLIND_KEY}
    return [
        bad("blind past the stream", "blind", {**blind, "first": 2**32 - 8}, "keystream-exhausted"),
        bad("blind at no index", "blind", {**blind, "first": 2**64}, "bad-length"),
        bad("blind with a short key", "blind", {**blind, "blind_key": BLIND_KEY[1:], "first": 0}, "bad-length"),
    ]


def refused_requests() -> list[Given]:
    held = chunk(ITEMS[:3], 0)
    blinded = held["blinded"]
    given = {"oprf_key": OPRF_KEY, "proof_key": PROOF_KEY, **PLACE, "public_key": PUBLIC_KEY, "blinded": blinded}
    noncanonical = ((int.from_bytes(blinded[2], "little") + ref.P) % 2**256).to_bytes(32, "little")
    negative = (ref.P - int.from_bytes(blinded[0], "little")).to_bytes(32, "little")
    changes: list[tuple[str, Given, str, int | None]] = [
        ("nothing", {"blinded": []}, "bad-length", None),
        ("a cut element", {"blinded": [*blinded, blinded[0][:31]]}, "bad-length", None),
        ("the identity", {"blinded": [blinded[0], bytes(32), blinded[2]]}, "bad-element", 1),
        ("a field element not reduced", {"blinded": [*blinded[:2], noncanonical]}, "bad-element", 2),
        ("a negative field element", {"blinded": [negative, *blinded[1:]]}, "bad-element", 0),
        ("two bad elements", {"blinded": [blinded[0], bytes(32), bytes(32)]}, "bad-element", 1),
        ("under another's key", {"public_key": ref.encode(ref.multiply(K + 1, ref.G))}, "bad-public-key", None),
        ("under the identity", {"public_key": bytes(32)}, "bad-public-key", None),
    ]
    return [bad(f"evaluate {name}", "evaluate", {**given, **change}, *how) for name, change, *how in changes]


def refused_answers() -> list[Given]:
    held = chunk(ITEMS[:5], 0)
    blinded, evaluated, honest = held["blinded"], held["evaluated"], held["proof"]
    other = K + 1
    off_by_g = [shifted(evaluated[0], ref.G), *evaluated[1:]]
    cancelling = [shifted(evaluated[0], ref.G), shifted(evaluated[1], ref.negate(ref.G)), *evaluated[2:]]
    swapped = [evaluated[1], evaluated[0], *evaluated[2:]]
    under_other = evaluated_rows(blinded, other)
    c, s = (int.from_bytes(half, "little") for half in (honest[:32], honest[32:]))
    above_order = [(c + ref.ORDER).to_bytes(32, "little"), (s + ref.ORDER).to_bytes(32, "little")]

    proofs: list[tuple[str, Given]] = [
        ("challenge altered", {"proof": bytes([honest[0] ^ 1]) + honest[1:]}),
        ("response altered", {"proof": honest[:32] + bytes([honest[32] ^ 1]) + honest[33:]}),
        ("challenge not canonical", {"proof": above_order[0] + honest[32:]}),
        ("response not canonical", {"proof": honest[:32] + above_order[1]}),
        ("challenge and response exchanged", {"proof": honest[32:] + honest[:32]}),
        ("proof of zeros", {"proof": bytes(64)}),
        ("proof cut", {"proof": honest[:63]}),
        ("proof with a byte left over", {"proof": honest + b"\0"}),
        ("no proof", {"proof": b""}),
        ("another context", {"ctx": label("another ctx", 64)}),
        ("another leg", {"leg": 0}),
        ("another list", {"list_number": 3}),
        ("another chunk", {"chunk": 4}),
        ("leg and list exchanged", {"leg": 2, "list_number": 1}),
        ("another key", {"public_key": ref.encode(ref.multiply(other, ref.G))}),
        ("one wrong evaluation", {"evaluated": off_by_g}),
        ("one wrong evaluation, proved", {"evaluated": off_by_g, "proof": proof(blinded, off_by_g)}),
        ("two errors that cancel", {"evaluated": cancelling}),
        ("two errors that cancel, proved", {"evaluated": cancelling, "proof": proof(blinded, cancelling)}),
        ("two evaluations exchanged", {"evaluated": swapped}),
        ("two evaluations exchanged, proved", {"evaluated": swapped, "proof": proof(blinded, swapped)}),
        ("one evaluation repeated", {"evaluated": [evaluated[0], *evaluated[:1], *evaluated[2:]]}),
        ("all under another key", {"evaluated": under_other}),
        ("all under another key, proved", {"evaluated": under_other, "proof": proof(blinded, under_other)}),
        (
            "all under another key, proved with it",
            {"evaluated": under_other, "proof": proof(blinded, under_other, other)},
        ),
        ("another request", {"blinded": blinded_rows(ITEMS[:5], 5)}),
        ("a shorter chunk", {name: held[name][:4] for name in ("items", "blinded", "evaluated")}),
    ]
    cases = [bad(f"finalize: {name}", "verify-and-finalize", held | change, "bad-proof") for name, change in proofs]

    noncanonical = ((int.from_bytes(evaluated[4], "little") + ref.P) % 2**256).to_bytes(32, "little")
    others: list[tuple[str, Given, str, int | None]] = [
        (
            "an evaluation that is the identity",
            {"evaluated": [*evaluated[:3], bytes(32), evaluated[4]]},
            "bad-element",
            3,
        ),
        ("an evaluation not reduced", {"evaluated": [*evaluated[:4], noncanonical]}, "bad-element", 4),
        ("only identities", {"evaluated": [bytes(32)] * 5}, "bad-element", 0),
        ("a request that is the identity", {"blinded": [*blinded[:2], bytes(32), *blinded[3:]]}, "bad-element", 2),
        ("key that is the identity", {"public_key": bytes(32)}, "bad-public-key", None),
        ("key not an element", {"public_key": b"\xff" * 32}, "bad-public-key", None),
        ("key cut", {"public_key": PUBLIC_KEY[:31]}, "bad-length", None),
        ("context cut", {"ctx": CTX[:63]}, "bad-length", None),
        ("empty chunk", {"items": [], "blinded": [], "evaluated": []}, "bad-length", None),
        ("an evaluation missing", {"evaluated": evaluated[:4]}, "bad-length", None),
        ("an evaluation too many", {"evaluated": [*evaluated, evaluated[0]]}, "bad-length", None),
        ("a request missing", {"blinded": blinded[:4]}, "bad-length", None),
        ("blinds past the stream", {"first": 2**32 - 4}, "keystream-exhausted", None),
    ]
    return cases + [
        bad(f"finalize: {name}", "verify-and-finalize", held | change, *how) for name, change, *how in others
    ]


def cases() -> list[Given]:
    return flows() + stream_keys() + refused_blinds() + refused_requests() + refused_answers()


if __name__ == "__main__":
    write(NAME, SOURCE, cases())
