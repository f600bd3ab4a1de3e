"""The order of all tests."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with real nodes come first: they take longest, and processes that share the tests then end together."""
    items.sort(key=lambda item: "e2e" not in item.path.parts)
