"""Derives the vectors of the proof of a shuffle from its specification on Python integers; psi has no part in it.

`python -m tests.vectors.derive_shuffle` writes data/accord_shuffle.json. Run it when docs/shuffle-proof.md changes,
never to make a test pass.
"""

from __future__ import annotations

from hashlib import sha512

from tests.vectors import reference as ref
from tests.vectors import shuffle
from tests.vectors.derive import Given, bad, good, label
from tests.vectors.loader import write
from tests.vectors.shuffle import INTEGERS, Statement, Witness, cut

NAME = "accord_shuffle"
SOURCE = "docs/shuffle-proof.md, derived by tests/vectors/derive_shuffle.py"

SECRET_KEY, PROOF_KEY, RANDOMNESS_KEY = label("shuffle secret"), label("shuffle proof"), label("shuffle randomness")
A = ref.scalar(SECRET_KEY, 0)
PUBLIC_KEY = ref.encode(ref.multiply(A, ref.G))
JOINT_POINT = ref.multiply(ref.scalar(label("shuffle joint"), 0), ref.G)


def encrypted(value: int, rho: int) -> tuple[ref.Point, ref.Point]:
    return ref.multiply(rho, ref.G), ref.add(ref.multiply(value, ref.G), ref.multiply(rho, JOINT_POINT))


def lists(count: int, columns: int) -> tuple[list[bytes], list[bytes], list[int]]:
    """Rows before, rows after sorted, and which row after was which before."""
    before, shuffled = [], []
    for row in range(count):
        z = ref.multiply(ref.scalar(label("shuffle z"), row), ref.G)
        row_before, row_after = [z], [ref.multiply(A, z)]
        for index in range(row * columns, (row + 1) * columns):
            ciphertext = encrypted(100 - index, ref.scalar(label("shuffle encrypted"), index))
            zero = encrypted(0, ref.scalar(RANDOMNESS_KEY, index))
            row_before += ciphertext
            row_after += map(ref.add, ciphertext, zero)
        before.append(b"".join(map(ref.encode, row_before)))
        shuffled.append(b"".join(map(ref.encode, row_after)))
    permutation = sorted(range(count), key=lambda row: shuffled[row])
    return before, [shuffled[row] for row in permutation], permutation


def proved(count: int, columns: int) -> tuple[Given, Given]:
    """The statement as an operation takes it, and the proof."""
    before, after, permutation = lists(count, columns)
    joint_key = ref.encode(JOINT_POINT) if columns else b""
    statement = Statement(label("ctx", 64), 1, 2, columns, PUBLIC_KEY, joint_key, before, after, label("bound", 64))
    randomness = [ref.scalar(RANDOMNESS_KEY, index) for index in range(count * columns)]
    opening, responses = shuffle.prove(INTEGERS, statement, Witness(A, permutation, randomness), PROOF_KEY)
    given = {
        "ctx": statement.ctx,
        "leg": 1,
        "list_number": 2,
        "columns": columns,
        "public_key": PUBLIC_KEY,
        "joint_key": joint_key,
        "before": before,
        "after": after,
        "bound": statement.bound,
    }
    witness = {
        "secret_key": SECRET_KEY,
        "proof_key": PROOF_KEY,
        "permutation": b"".join(row.to_bytes(4, "little") for row in permutation),
        "randomness_key": RANDOMNESS_KEY if columns else b"",
    }
    return given | witness, {"opening": opening, "responses": responses}


def cases() -> list[Given]:
    made = []
    for count, columns in ((1, 0), (2, 0), (3, 0), (2, 2)):
        name = f"{count} rows, {columns} ciphertexts each"
        held, proof = proved(count, columns)
        public = {
            key: value for key, value in held.items() if not key.endswith("_key") or key in {"public_key", "joint_key"}
        }
        del public["permutation"]
        made.append(good(f"prove: {name}", "prove-shuffle", held, proof))
        made.append(good(f"verify: {name}", "verify-shuffle", public | proof, {}))
    return made + refused(public | proof)


def refused(held: Given) -> list[Given]:
    """Each change to the last proof, and how it must fail."""
    before, after, opening, responses = held["before"], held["after"], cut(held["opening"]), held["responses"]
    order = ref.ORDER.to_bytes(32, "little")

    def opened(index: int, part: bytes) -> Given:
        return {"opening": b"".join([*opening[:index], part, *opening[index + 1 :]])}

    proofs: list[tuple[str, Given]] = [
        ("another context", {"ctx": label("other ctx", 64)}),
        ("another leg", {"leg": 0}),
        ("another list", {"list_number": 1}),
        ("other bound rows", {"bound": sha512(b"").digest()}),
        ("another key", {"public_key": ref.encode(JOINT_POINT)}),
        ("another joint key", {"joint_key": PUBLIC_KEY}),
        ("rows before exchanged", {"before": before[::-1]}),
        ("rows after exchanged", {"after": after[::-1]}),
        ("ciphertexts exchanged", {"after": [after[0][:32] + after[1][32:], after[1][:32] + after[0][32:]]}),
        ("columns exchanged", {"after": [after[0][:32] + after[0][96:] + after[0][32:96], after[1]]}),
        ("responses exchanged", {"responses": responses[::-1]}),
        ("an opening cut", {"opening": b"".join(opening[:-1])}),
        ("an opening with more", {"opening": b"".join([*opening, bytes(32)])}),
        ("a commitment that is no element", opened(3, b"\xff" * 32)),
        ("an answer of l", opened(9, order)),
        ("an answer of zero", opened(15, bytes(32))),
        ("a commitment that is the identity", opened(8, bytes(32))),
    ]
    made = [bad(f"verify: {name}", "verify-shuffle", held | change, "bad-proof") for name, change in proofs]
    others: list[tuple[str, Given, str, int | None]] = [
        ("a response of l", {"responses": [responses[0], order + responses[1][32:]]}, "bad-scalar", 1),
        ("a row that is the identity", {"after": [bytes(32) + after[0][32:], after[1]]}, "bad-element", 0),
        ("a component that is the identity", {"after": [after[0], after[1][:-32] + bytes(32)]}, "bad-element", 1),
        (
            "a component not canonical",
            {"before": [before[0], before[1][:64] + b"\xff" * 32 + before[1][96:]]},
            "bad-element",
            1,
        ),
        ("a key that is the identity", {"public_key": bytes(32)}, "bad-public-key", None),
        ("a joint key that is the identity", {"joint_key": bytes(32)}, "bad-public-key", None),
        ("no rows", {"before": [], "after": [], "responses": []}, "bad-length", None),
        ("a row missing", {"after": after[:1]}, "bad-length", None),
        ("a response missing", {"responses": responses[:1]}, "bad-length", None),
    ]
    return made + [
        bad(f"verify: {name}", "verify-shuffle", held | change, code, index) for name, change, code, index in others
    ]


if __name__ == "__main__":
    write(NAME, SOURCE, cases())
