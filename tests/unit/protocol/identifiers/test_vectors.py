"""The committed vectors: what each raw value must become, or why it must be refused.

The expectations were composed from the published specifications and by separate encoders, never by the code under
test; this test only compares. Whoever changes a rule changes vectors.json by hand and raises PROFILE_VERSION.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from protocol.identifiers import KINDS, PROFILE_VERSION, IdentifierError, profile_hash

VECTORS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "vectors.json").read_text("ascii"))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"{v['kind']}: {v['why']}")
def test_vector(vector: dict[str, Any]) -> None:
    kind = KINDS[vector["kind"]]
    if expected := vector.get("keys", [vector.get("canonical")] if "canonical" in vector else None):
        assert [key.hex() for key in kind.keys(*vector["fields"])] == expected
        assert kind.max_keys > 1 or kind.canonicalize(*vector["fields"]).hex() == vector["canonical"]
        return
    with pytest.raises(IdentifierError) as caught:
        kind.keys(*vector["fields"])
    assert caught.value.code == vector["rejected"]
    number = vector["fields"][-1].strip()
    if len(number) >= 4:
        assert number not in str(caught.value), "a rejection must not hold the value"


def test_the_vectors_cover_every_kind_and_every_reason() -> None:
    assert {v["kind"] for v in VECTORS} == set(KINDS)
    assert {v["kind"] for v in VECTORS if "rejected" not in v} == set(KINDS)
    reasons = {cls.code for cls in IdentifierError.__subclasses__()}
    assert {v["rejected"] for v in VECTORS if "rejected" in v} == reasons


def test_the_profile_hash_is_pinned() -> None:
    assert PROFILE_VERSION == 2
    assert profile_hash().hex() == (
        "2456cf348995b2d49b9d9a1aae3705350810047d35e46cd793c5228f9d8fae0a"
        "af18cbd015addd83e3f914f10491f5067fb4524ff5b14e1e796ad6e45c491bd0"
    ), "a rule or table changed: nodes with the old profile refuse this one; raise PROFILE_VERSION and say why"
