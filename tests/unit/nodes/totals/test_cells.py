"""How long a participant's figures are waited for."""

from __future__ import annotations

from dataclasses import replace

import pytest

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
