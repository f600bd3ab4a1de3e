from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import psi
from psi import BackendError, ElementError, ScalarError, ZeroScalarError, dst, errors, group, native
from psi.native import core
from tests.unit.psi.chunks import OPRF_KEY, inputs

REPOSITORY = Path(__file__).parents[3]


def test_the_fastest_backend_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(native.BACKEND_VARIABLE, raising=False)
    assert psi.backend() == psi.available_backends()[0]


def test_the_reference_is_always_there() -> None:
    assert psi.available_backends()[-1] == "portable"
    assert set(psi.available_backends()) <= set(native.known_backends())


def test_the_environment_forces_a_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in psi.available_backends():
        monkeypatch.setenv(native.BACKEND_VARIABLE, name)
        assert psi.backend() == name


@pytest.mark.parametrize("name", ["", "abacus", "portable "])
def test_an_unknown_backend_is_an_error_that_lists_the_choices(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(native.BACKEND_VARIABLE, name)
    for call in (psi.backend, lambda: native.multiply_base(bytes(32))):
        with pytest.raises(BackendError) as raised:
            call()
        assert str(raised.value) == (
            f"ACCORD_BACKEND: expected one of {', '.join(psi.available_backends())} on this machine, got {name!r}"
        )


def test_a_caller_can_name_a_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(native.BACKEND_VARIABLE, "abacus")
    for name in psi.available_backends():
        assert native.multiply_base((1).to_bytes(32, "little"), backend=name) == group.GENERATOR
    with pytest.raises(BackendError, match='got "slide-rule"'):
        native.multiply_base(bytes(32), backend="slide-rule")


def test_native_code_and_psi_list_the_same_tags() -> None:
    ours = (dst.BATCH_PROOF_STATEMENT, dst.BATCH_PROOF_NONCE, dst.BATCH_PROOF_CHALLENGE)
    assert ours == native.BATCH_PROOF_DSTS
    assert native.PROOF_DSTS == (
        dst.POSSESSION_NONCE,
        dst.POSSESSION_CHALLENGE,
        dst.KNOWLEDGE_STATEMENT,
        dst.KNOWLEDGE_NONCE,
        dst.KNOWLEDGE_CHALLENGE,
        dst.RANGE_STATEMENT,
        dst.RANGE_NONCE,
        dst.RANGE_CHALLENGE,
        dst.RANGE_TOGETHER,
        dst.RANGE_GENERATORS,
    )


def test_every_native_code_has_its_error() -> None:
    classes = {error.code: error for error in _subclasses(errors.PsiError)}
    assert len(classes) == len(list(_subclasses(errors.PsiError)))
    assert core.PLAIN.keys() | core.INDEXED.keys() <= classes.keys()


def _subclasses(of: type[errors.PsiError]) -> list[type[errors.PsiError]]:
    named = [error for error in of.__subclasses__() if "code" in vars(error)]
    return named + [deeper for error in of.__subclasses__() for deeper in _subclasses(error)]


@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 17, 600])
def test_inverses_in_batch(backend: str, count: int) -> None:
    scalars = psi.keystream_scalars(bytes(32), 0, count)
    inverses = native.invert_scalars(scalars)
    for start in range(0, len(scalars), 32):
        scalar = int.from_bytes(scalars[start : start + 32], "little")
        inverse = int.from_bytes(inverses[start : start + 32], "little")
        assert scalar * inverse % group.ORDER == 1
        assert inverse < group.ORDER


def test_the_inverse_of_nothing_is_nothing(backend: str) -> None:
    assert native.invert_scalars(b"") == b""


@pytest.mark.parametrize("position", [0, 1, 599, 600])
def test_zero_has_no_inverse(backend: str, position: int) -> None:
    scalars = bytearray(psi.keystream_scalars(bytes(32), 0, 601))
    scalars[32 * position : 32 * position + 32] = bytes(32)
    with pytest.raises(ZeroScalarError, match=f"entry {position}") as raised:
        native.invert_scalars(scalars)
    assert raised.value.index == position


@pytest.mark.parametrize("excess", [0, 1, 2**256 - 1 - group.ORDER])
def test_scalars_are_canonical(backend: str, excess: int) -> None:
    scalars = bytes(32) + (group.ORDER + excess).to_bytes(32, "little")
    for call in (native.multiply_base, native.invert_scalars, lambda bad: native.multiply(bad, group.GENERATOR * 2)):
        with pytest.raises(ScalarError) as raised:
            call(scalars)
        assert raised.value.index == 1


def test_multiplying_by_the_edges_of_the_field(backend: str) -> None:
    edges = [0, 1, 2, group.ORDER - 1, group.ORDER - 2, (group.ORDER + 1) // 2]
    scalars = b"".join(edge.to_bytes(32, "little") for edge in edges)
    products = native.multiply(scalars, group.GENERATOR * len(edges))
    assert products == native.multiply_base(scalars)
    zero, one, two, minus_one, minus_two, half = (products[start : start + 32] for start in range(0, 192, 32))
    assert (zero, one) == (group.IDENTITY, group.GENERATOR)
    assert group.add(one, one) == two
    assert group.add(minus_one, one) == group.IDENTITY
    assert group.add(minus_two, one) == minus_one
    assert group.add(half, half) == one


def test_arithmetic_refuses_what_is_no_element() -> None:
    for operation in (group.add, group.subtract):
        with pytest.raises(ElementError):
            operation(group.GENERATOR, b"\xff" * 32)


@pytest.mark.parametrize("view", [lambda buffer: buffer, lambda buffer: memoryview(buffer).toreadonly()])
def test_writable_memory_is_copied(backend: str, view: Callable[[bytearray], bytearray | memoryview]) -> None:
    """A caller's buffer may change while the interpreter lock is released; one result must not mix two states of it."""
    count = 3000
    states = [group.GENERATOR * count, group.add(group.GENERATOR, group.GENERATOR) * count]
    ones = (1).to_bytes(32, "little") * count
    elements = bytearray(states[0])
    results: list[bytes] = []
    worker = threading.Thread(target=lambda: results.append(native.multiply(ones, view(elements))))
    worker.start()
    for state in itertools.cycle(states[::-1]):
        elements[:] = state
        if results:
            break
    worker.join()
    assert results[0] in states


def test_calls_release_the_interpreter_lock(backend: str) -> None:
    """Another thread gets on in the middle of a call, not only before and after it."""
    items = psi.Items.from_sequence(inputs(20_000))
    ticks: list[float] = []
    done = threading.Event()

    def tick() -> None:
        while not done.is_set():
            ticks.append(time.perf_counter())

    ticker = threading.Thread(target=tick)
    ticker.start()
    start = time.perf_counter()
    psi.tags(items, OPRF_KEY)
    end = time.perf_counter()
    done.set()
    ticker.join()
    quarter = (end - start) / 4
    assert any(start + quarter < moment < end - quarter for moment in ticks)


def run_python(code: str, **environment: str) -> str:
    finished = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        check=True,
        timeout=60,
    )
    return finished.stdout.strip()


DIGEST_OF_A_CHUNK = """
from hashlib import sha512
from tests.unit.psi.chunks import answered_chunk
chunk = answered_chunk(1037)
print(sha512(chunk.blinded + chunk.evaluated + chunk.proof + chunk.finalize()).hexdigest())
"""


def test_results_do_not_depend_on_threads() -> None:
    digests = {run_python(DIGEST_OF_A_CHUNK, RAYON_NUM_THREADS=threads) for threads in ("1", "2", "3", "7")}
    assert len(digests) == 1


def test_a_forked_child_has_its_own_threads() -> None:
    """Its parent's threads do not exist there; waiting for them would never end."""
    code = """
import os
from tests.unit.psi.chunks import answered_chunk
first = answered_chunk(700).finalize()
child = os.fork()
if child == 0:
    os._exit(0 if answered_chunk(700).finalize() == first else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert run_python(code) == "0"
