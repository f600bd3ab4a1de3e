"""What holds for all tests."""

from __future__ import annotations

import os

import pytest

# Tests start hundreds of processes. Where Python is told to keep nothing compiled, each would compile all of accord.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with real nodes come first: they take longest, and processes that share the tests then end together."""
    items.sort(key=lambda item: "e2e" not in item.path.parts)
