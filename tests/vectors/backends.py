"""Runs tests once on every backend of this build; one that this machine lacks is skipped with that reason."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from psi import native


@pytest.fixture(scope="module", params=native.known_backends())
def backend(request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of a backend, which all of psi uses while the fixture is alive."""
    name: str = request.param
    if name not in native.available_backends():
        pytest.skip(f"backend {name!r} does not run on this machine's CPU")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(native.BACKEND_VARIABLE, name)
        assert native.backend() == name
        yield name
