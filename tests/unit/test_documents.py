"""What the documents and samples enumerate is what the code has: kinds, answers, decisions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from nodes.policy import EPOCH_INTERSECT, TOTALS_PAILLIER, parse_rules
from nodes.registry.mapping import load_mapping
from protocol.identifiers import KINDS
from protocol.vocabulary import Query, Reveals

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"
RULES: Final = DOCS / "samples" / "rules.toml"
MAPPING: Final = DOCS / "samples" / "mapping.toml"
DECISIONS: Final = sorted(path.name for path in (DOCS / "adr").glob("[0-9]*.md"))


def words(path: Path) -> set[str]:
    """Whole words, so that passport-number does not stand for passport."""
    return set(re.findall(r"[a-z]+(?:-[a-z]+)*", path.read_text()))


@pytest.mark.parametrize(
    "path", [DOCS / "identifiers.md", DOCS / "limitations.md", RULES, MAPPING], ids=lambda p: p.name
)
def test_every_kind_is_named(path: Path) -> None:
    assert KINDS.keys() - words(path) == set()


@pytest.mark.parametrize("path", [DOCS / "limitations.md", DOCS / "threat-model.md", RULES], ids=lambda p: p.name)
def test_every_answer_is_named(path: Path) -> None:
    assert set(Reveals) - words(path) == set()


def test_the_rules_name_every_query() -> None:
    assert {*Query, EPOCH_INTERSECT, TOTALS_PAILLIER} - words(RULES) == set()


def test_the_table_of_kinds_says_what_the_kinds_are() -> None:
    table = (DOCS / "identifiers.md").read_text().split("\n## Kinds\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([a-z-]+)` \| ([a-z, ]+) \| (\w+) \|", table, re.MULTILINE)
    assert rows == [(kind.name, ", ".join(kind.fields), kind.strength.value) for kind in KINDS.values()]


def test_the_samples_are_read() -> None:
    assert parse_rules(RULES.read_bytes())
    mapped = {identifier.kind for identifier in load_mapping(MAPPING).identifiers}
    assert KINDS.keys() - mapped == {"passport-number"}  # every passport gives it


def test_every_decision_is_listed() -> None:
    listed = re.findall(r"\]\(([0-9][^)]*)\)", (DOCS / "adr" / "README.md").read_text())
    assert listed == DECISIONS


@pytest.mark.parametrize("name", DECISIONS)
def test_a_decision_is_listed_under_its_title(name: str) -> None:
    title = (DOCS / "adr" / name).read_text().splitlines()[0].split(". ", 1)[1]
    assert f"[{title}]({name})" in (DOCS / "adr" / "README.md").read_text()
