"""Each input that fuzzing has kept, and each seed, once more: none may end in anything but its reader's own errors."""

from __future__ import annotations

import random
import tracemalloc

import pytest

from tests.fuzz import corpus
from tests.fuzz.targets import TARGETS

MEMORY_BYTES = 64 << 20  # of one input of at most 16 KiB


@pytest.mark.parametrize("target", TARGETS)
def test_the_corpus_again(target: str) -> None:
    inputs = [*TARGETS[target].seeds(), *corpus.kept(target)]
    assert len(inputs) >= 2
    for data in inputs:
        TARGETS[target].run(data)


@pytest.mark.parametrize("target", TARGETS)
def test_the_corpus_cut_off(target: str) -> None:
    """Half a file is the most common damage."""
    rng = random.Random(5)
    for data in [*TARGETS[target].seeds(), *corpus.kept(target)][:40]:
        TARGETS[target].run(data[: rng.randrange(len(data) + 1)])


def test_small_inputs_need_little_memory() -> None:
    tracemalloc.start()
    try:
        for target in TARGETS.values():
            for data in target.seeds():
                target.run(data)
        assert tracemalloc.get_traced_memory()[1] < MEMORY_BYTES
    finally:
        tracemalloc.stop()
