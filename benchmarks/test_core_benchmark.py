"""The core's operations under pytest-benchmark, to compare one commit with another.

`pytest benchmarks -m benchmark --benchmark-autosave`, then the same with `--benchmark-compare` after a change. Each
result is checked before it is timed. No speed is asserted: machines differ.
"""

from __future__ import annotations

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.operations import OPERATIONS, Batch, Operation, check
from benchmarks.results import SEED
from psi import native

ITEMS = 4096

pytestmark = pytest.mark.benchmark


@pytest.fixture(scope="module")
def batch() -> Batch:
    return Batch(ITEMS, SEED)


@pytest.mark.parametrize("backend", native.available_backends())
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_operation(benchmark: BenchmarkFixture, batch: Batch, operation: Operation, backend: str) -> None:
    digest, rows = check(operation, batch, backend)
    if digest != check(operation, batch, "portable")[0]:
        pytest.fail(f"{operation.name}: expected what portable gives, got something else")
    benchmark.group = operation.name
    benchmark.extra_info |= {"items": ITEMS, "rows_checked": rows}
    benchmark.pedantic(operation.run, (batch, backend), rounds=5, warmup_rounds=1)  # type: ignore[no-untyped-call]
