"""Every vector file, on every backend: what must work gives these bytes, what must fail fails with this code."""

from __future__ import annotations

from types import ModuleType

import pytest

from psi import PsiError
from tests.vectors import derive, derive_elgamal, derive_shuffle, loader, operations
from tests.vectors.loader import Case, Failure

FILES = {name: loader.load(name) for name in loader.names()}
CASES = [pytest.param(case, id=f"{name}:{case.name}") for name, file in FILES.items() for case in file.cases]


@pytest.mark.parametrize("case", CASES)
def test_case(case: Case, backend: str) -> None:
    given = dict(case.given)
    if isinstance(case.outcome, Failure):
        with pytest.raises(PsiError) as raised:
            operations.run(case.operation, given)
        assert (raised.value.code, getattr(raised.value, "index", None)) == (case.outcome.code, case.outcome.index)
    else:
        assert operations.run(case.operation, given) == case.outcome


def test_every_operation_has_a_case() -> None:
    named = {case.operation for file in FILES.values() for case in file.cases}
    assert named == set(operations.OPERATIONS)


def test_every_source_has_cases_that_must_fail() -> None:
    for name, file in FILES.items():
        assert any(isinstance(case.outcome, Failure) for case in file.cases), name


@pytest.mark.parametrize("own", [derive, derive_elgamal, derive_shuffle], ids=lambda own: own.NAME)
def test_own_vectors_follow_from_the_specification_alone(own: ModuleType) -> None:
    """The reference on Python integers, which shares no code with psi, derives the committed file."""
    assert loader.text_of(own.SOURCE, own.cases()) == (loader.DATA / f"{own.NAME}.json").read_text()
