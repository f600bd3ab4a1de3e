"""`python -m tests.fuzz.guided TARGET PROGRAM ...`: libFuzzer's loop over one target; `tests.fuzz` starts it."""

from __future__ import annotations

import random
import sys
from typing import Final

import atheris

with atheris.instrument_imports(include=["protocol", "nodes"]):  # before anything else imports them
    from tests import forgeries
    from tests.fuzz.targets import TARGETS

BINARY: Final = frozenset({"packet", "message"})
PIECES: Final = (*(bytes([byte]) for byte in b'"\n\0\t<\xff[]{},;='), b"&lol;", b"[[", b"'''", b"9" * 40)


def structural(data: bytes, rng: random.Random, target: str) -> bytes:
    """Damage that keeps a structure: fields of messages; pieces, lines and numbers of texts."""
    if target in BINARY:
        head, payload = (data[:1], data[1:]) if target == "message" else (b"", data)
        return head + rng.choice(forgeries.CHANGES)(rng, payload)
    at, length = rng.randrange(len(data) + 1), rng.randrange(1, 60)
    piece = data[at : at + length]
    match rng.randrange(5):
        case 0:
            return data[:at] + rng.choice(PIECES) + data[at:]
        case 1:
            return data[:at] + data[at + length :]
        case 2:
            return data[:at] + piece * rng.randrange(2, 30) + data[at:]
        case 3:
            lines = data.splitlines(keepends=True)
            rng.shuffle(lines)
            return b"".join(lines)
        case _:
            other = rng.randrange(len(data) + 1)
            return data[:other] + piece + data[other:]


def main(target: str, *arguments: str) -> None:
    """Does not return."""

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        rng = random.Random(seed)
        if rng.random() < 0.5:
            return bytes(atheris.Mutate(data, max_size))
        return structural(data, rng, target)[:max_size]

    atheris.Setup(list(arguments), TARGETS[target].run, custom_mutator=mutate)
    atheris.Fuzz()


main(*sys.argv[1:])
