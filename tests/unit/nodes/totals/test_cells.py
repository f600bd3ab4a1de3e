"""How long a participant's figures are waited for."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from nodes.casefile import CaseFile
from nodes.config import Limits
from nodes.totals.cells import sealing
from tests.unit.nodes.totals.test_memory import ASKED


@pytest.mark.parametrize(("value", "figures"), [("", 2), ("amount", 3)])
@pytest.mark.parametrize("categories", [0, 1, 7, 200])
def test_figures_under_paillier_are_waited_for_longer(value: str, figures: int, categories: int) -> None:
    assert ASKED.aggregate is not None
    aggregate = replace(ASKED.aggregate, value=value, categories=tuple(f"c{number}" for number in range(categories)))
    asked = replace(ASKED, aggregate=aggregate)
    assert sealing(asked) == 0
    allowed_ms = sealing(replace(asked, variant="paillier")) * Limits().deadline_per_element_us / 1000
    assert allowed_ms == 200 * figures * max(categories, 1), "five times what a figure takes on a core of its own"
    assert sealing(replace(asked, aggregate=None, variant="paillier")) == 0


def test_what_is_waited_for_is_declared_by_nobody() -> None:
    """Metrics count elements, and room on disk is kept for them."""
    limits = Limits()
    node: Any = SimpleNamespace(config=SimpleNamespace(limits=limits), spools=lambda: None)
    file = CaseFile(node, "south")
    file.elements = 10
    silence_ms, deadline_ms = file.silence_ms, file.deadline_ms
    file.sealing = 4_000
    longer_ms = 4_000 * limits.deadline_per_element_us // 1000
    assert (file.silence_ms, file.deadline_ms) == (silence_ms + longer_ms, deadline_ms + longer_ms)
    assert file.elements == 10
