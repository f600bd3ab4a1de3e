"""`accord bench elgamal`: encrypting, adding up and opening totals, against Paillier of phe in the same run.

Everything but the discrete logarithm is measured as CPU time of a process whose core has one thread, as phe has; the
discrete logarithm on all cores, by the wall clock, as an operator waits for it, and as CPU time of all cores together.
Each repetition measures everything in turn; ratios are taken within a repetition, and their median is published.
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import multiprocessing
import os
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np

from benchmarks import results
from benchmarks.environment import cores
from benchmarks.libraries import timed
from benchmarks.operations import ORDER, derive
from benchmarks.results import BenchmarkError
from psi import elgamal, native
from psi.discrete_log import TABLE_BYTES, Table
from psi.elgamal import MAX_TOTAL

PAILLIER_BITS: Final = 3_072  # docs/protocol.md, totals
OPERATIONS: Final = ("encrypt", "rerandomize", "add", "sum", "partial decryption", "open")
AGAINST: Final = ("encrypt", "add", "sum")  # what phe does too; its sum is a chain of additions
TOTALS: Final = {"0": 0, "10^6": 10**6, "10^9": 10**9, "-2^40": -(2**40), "2^47 - 1": MAX_TOTAL}


@dataclass(frozen=True)
class Batch:
    """Values of one size and what becomes of them, all from the seed, under the joint key of two."""

    count: int
    seed: int

    @cached_property
    def values(self) -> Any:
        generator = np.random.default_rng(self.seed)
        return generator.integers(-(10**9), 10**9, self.count, dtype="<i8")

    def key(self, purpose: str) -> bytes:
        return derive(self.seed, purpose, 32)

    @cached_property
    def joint_key(self) -> bytes:
        shares = (native.public_key(self.key(f"share {i}")) for i in range(2))
        return elgamal.joint_key(b"".join(shares))

    @cached_property
    def ciphertexts(self) -> bytes:
        return elgamal.encrypt(self.values.tobytes(), self.joint_key, self.key("randomness"), 0)

    @cached_property
    def partials(self) -> list[bytes]:
        return [elgamal.partial_decryptions(self.ciphertexts, self.key(f"share {i}")) for i in range(2)]

    def run(self, operation: str, backend: str) -> bytes:
        """Do one operation on the batch."""
        randomness, fresh = self.key("randomness"), self.key("fresh")
        match operation:
            case "encrypt":
                return native.encrypt(self.values, self.joint_key, randomness, 0, backend=backend)
            case "rerandomize":
                return native.rerandomize(self.ciphertexts, self.joint_key, fresh, 0, backend=backend)
            case "add":
                return native.add_ciphertexts(self.ciphertexts, self.ciphertexts, backend=backend)
            case "sum":
                return native.sum_columns(self.ciphertexts, 1, None, backend=backend)
            case "partial decryption":
                return native.partial_decryptions(self.ciphertexts, self.key("share 0"), backend=backend)
            case _:
                return elgamal.open_shares(self.ciphertexts, self.partials)


@functools.cache
def batch(count: int, seed: int) -> Batch:
    return Batch(count, seed)


def measure(operation: str, count: int, seed: int, backend: str) -> tuple[float, float]:
    """Seconds by the wall clock and of CPU; runs in a process of its own."""
    inputs = batch(count, seed)
    if operation != "encrypt":
        _ = inputs.ciphertexts
    if operation == "open":
        _ = inputs.partials
    return timed(lambda: inputs.run(operation, backend))


def check(count: int, seed: int, backend: str) -> None:
    """Compare what ciphertexts open to with the values' multiples of the generator. Raises BenchmarkError."""
    inputs = batch(count, seed)

    def opened(ciphertexts: bytes) -> bytes:
        shares = [elgamal.partial_decryptions(ciphertexts, inputs.key(f"share {i}")) for i in range(2)]
        return elgamal.open_shares(ciphertexts, shares)

    values = [int(value) for value in inputs.values]
    expected = {
        "encrypt": values,
        "rerandomize": values,
        "add": [2 * value for value in values],
        "sum": [sum(values)],
    }
    for operation, plain in expected.items():
        scalars = b"".join((value % ORDER).to_bytes(32, "little") for value in plain)
        if opened(inputs.run(operation, backend)) != native.multiply_base(scalars, backend="portable"):
            raise BenchmarkError(f"{operation} on {backend} is wrong")


class Paillier:
    """phe with gmpy2: values modulo N, so that nothing but the cipher is measured."""

    def __init__(self, count: int, seed: int) -> None:
        from phe import paillier, util

        if not util.HAVE_GMP:
            raise BenchmarkError("phe: expected gmpy2 to be installed, for its sake")
        self._public, self._private = paillier.generate_paillier_keypair(n_length=PAILLIER_BITS)
        generator = random.Random(seed)
        self._values = [generator.randrange(-(10**9), 10**9) for _ in range(count)]
        self._ciphertexts = self._encrypted()
        self._check()

    def _encrypted(self) -> list[int]:
        return [self._public.raw_encrypt(value % self._public.n) for value in self._values]

    def _check(self) -> None:
        total = self._private.raw_decrypt(self._sum())
        if total != sum(self._values) % self._public.n:
            raise BenchmarkError("phe's sum is wrong")

    def _sum(self) -> int:
        from phe.paillier import EncryptedNumber

        first, *others = (EncryptedNumber(self._public, ciphertext) for ciphertext in self._ciphertexts)
        total = first.ciphertext(be_secure=False)
        for other in others:
            total = first._raw_add(total, other.ciphertext(be_secure=False))
        return int(total)

    def seconds(self) -> dict[str, float]:
        """CPU seconds for one value."""
        encrypt = timed(self._encrypted)[1] / len(self._values)
        # An addition takes microseconds: so often that the clock's steps do not matter.
        rounds = 50
        addition = timed(lambda: [self._sum() for _ in range(rounds)])[1] / (rounds * (len(self._values) - 1))
        return {"encrypt": encrypt, "add": addition, "sum": addition}


@functools.cache
def paillier(count: int, seed: int) -> Paillier:
    return Paillier(count, seed)


def paillier_seconds(count: int, seed: int) -> dict[str, float]:
    return paillier(count, seed).seconds()


@functools.cache
def table() -> Table:
    return Table.build()


def logarithm_seconds(backend: str, seed: int) -> dict[str, tuple[float, float]]:
    """Seconds by the wall clock and of CPU; runs in a process with all cores."""
    os.environ[native.BACKEND_VARIABLE] = backend
    seconds = {"build the table": timed(Table.build)}
    any_total = random.Random(seed).randrange(-MAX_TOTAL, MAX_TOTAL)
    for name, total in {**TOTALS, "one at random": any_total}.items():
        element = native.multiply_base((total % ORDER).to_bytes(32, "little"))
        found: list[int] = []
        seconds[name] = timed(lambda: found.extend(table().solve(element).tolist()))  # noqa: B023, called at once
        if found != [total]:
            raise BenchmarkError(f"the logarithm of {name} is wrong")
    return seconds


@contextmanager
def process(threads: int) -> Iterator[Callable[..., Any]]:
    """A process whose core uses so many threads: call it with a function and its arguments."""
    context = multiprocessing.get_context("spawn")
    before = os.environ.get("RAYON_NUM_THREADS")
    os.environ["RAYON_NUM_THREADS"] = str(threads)
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        pool.submit(os.getpid).result()
        if before is None:
            del os.environ["RAYON_NUM_THREADS"]
        else:
            os.environ["RAYON_NUM_THREADS"] = before
        yield lambda *call: pool.submit(*call).result()


def measured(arguments: argparse.Namespace) -> dict[str, Any]:
    """Everything, as the result's file has it. Raises BenchmarkError if an answer was wrong."""
    backends = native.available_backends()
    us: dict[tuple[str, str], list[float]] = {}
    ratios: dict[tuple[str, str], list[float]] = {}
    walls: dict[tuple[str, str], list[float]] = {}
    cpus: dict[tuple[str, str], list[float]] = {}
    with process(1) as one, process(cores()) as several:
        for backend in backends:
            one(check, min(arguments.items, 1_025), arguments.seed, backend)
        several(table)
        for repetition in range(arguments.repetitions):
            if arguments.paillier_items:
                phe = one(paillier_seconds, arguments.paillier_items, arguments.seed)
                for name, each in phe.items():
                    us.setdefault((name, "phe"), []).append(each * 1e6)
            for backend in backends if repetition % 2 == 0 else backends[::-1]:
                for name in OPERATIONS:
                    count = arguments.additions if name == "sum" and backend != "portable" else arguments.items
                    own = one(measure, name, count, arguments.seed, backend)[1] * 1e6 / count
                    us.setdefault((name, backend), []).append(own)
                    if arguments.paillier_items and name in AGAINST:
                        ratios.setdefault((name, backend), []).append(phe[name] * 1e6 / own)
                for name, (wall, cpu) in several(logarithm_seconds, backend, arguments.seed + repetition).items():
                    walls.setdefault((name, backend), []).append(wall)
                    cpus.setdefault((name, backend), []).append(cpu)
    return {
        "us_per_item": _rows(us),
        "ratios_to_phe": _rows(ratios),
        "logarithm_wall_seconds": _rows(walls),
        "logarithm_cpu_seconds": _rows(cpus),
        "table_bytes": TABLE_BYTES,
        "paillier_bits": PAILLIER_BITS,
    }


def _rows(samples: dict[tuple[str, str], list[float]]) -> list[dict[str, Any]]:
    return [
        {"operation": operation, "on": subject, "median": median(values), "samples": values}
        for (operation, subject), values in samples.items()
    ]


def text(document: dict[str, Any]) -> str:
    """Return what a person reads of a result, as Markdown."""
    arguments = document["arguments"]
    faster = {(row["operation"], row["on"]): f"{row['median']:,.0f} x phe" for row in document["ratios_to_phe"]}
    costs = [
        (row["operation"], row["on"], f"{row['median']:,.3f}", faster.get((row["operation"], row["on"]), ""))
        for row in document["us_per_item"]
    ]
    waits = [
        (wall["operation"], wall["on"], f"{wall['median']:.3f}", f"{cpu['median']:.3f}")
        for wall, cpu in zip(document["logarithm_wall_seconds"], document["logarithm_cpu_seconds"], strict=True)
    ]
    return "\n".join(
        (
            "# Additive ElGamal\n",
            results.headline(document),
            f"Microseconds of CPU per ciphertext, one thread, medians of {arguments['repetitions']};"
            f" {arguments['items']:,} items a batch, {arguments['additions']:,} for sums off the portable backend;"
            f" phe at {document['paillier_bits']:,} bits with gmpy2, {arguments['paillier_items']} values\n",
            results.markdown({"operation": "<", "on": "<", "us": ">", "speed": ">"}, costs),
            f"Seconds until a total is known, all cores, table of {document['table_bytes'] / 2**20:.0f} MiB\n",
            results.markdown({"total": "<", "on": "<", "s": ">", "s of CPU": ">"}, waits),
        )
    )


def main() -> None:
    """Run from the command line."""
    parser = results.parser("Measure additive ElGamal against Paillier.")
    parser.add_argument("--items", type=int, default=32_768, help="ciphertexts a batch")
    parser.add_argument("--additions", type=int, default=1_000_000, help="ciphertexts of the sum")
    parser.add_argument(
        "--paillier-items", type=int, default=16, help="values for phe, at least 2; 0 without the extra"
    )
    parser.add_argument("--repetitions", type=int, default=7)
    arguments = parser.parse_args()
    if arguments.smoke:
        arguments = smoke(arguments)
    if arguments.paillier_items == 1:
        parser.error("--paillier-items: expected 0 or at least 2, which can be added")
    if arguments.paillier_items and importlib.util.find_spec("phe") is None:
        parser.error("phe is not installed: install the extra `paillier`, or give --paillier-items 0")
    with results.destination(arguments) as given:
        print(run(given))


def smoke(arguments: argparse.Namespace) -> argparse.Namespace:
    """Return the same arguments with the smallest sizes."""
    return argparse.Namespace(
        **vars(arguments) | {"items": 65, "additions": 257, "paillier_items": 0, "repetitions": 1}
    )


def run(arguments: argparse.Namespace) -> str:
    """Measure, write the result and return its table."""
    path: Path = arguments.results / arguments.run / "elgamal.json"
    if not path.exists():
        document = results.describe("elgamal", arguments)
        document |= measured(arguments)
        results.write(path, document, text(document))
    return text(results.read(path))


if __name__ == "__main__":
    main()
