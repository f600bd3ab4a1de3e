"""The wheel that an agency installs: what is in it, and nothing else. Built by `make wheel`; run with `-m wheel`."""

from __future__ import annotations

import configparser
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from zipfile import ZipFile

import pytest

pytestmark = pytest.mark.wheel

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final = ("psi", "protocol", "nodes")
LICENCES: Final = ("LICENSE", "NOTICE", "THIRD-PARTY-LICENSES.md")


@pytest.fixture(scope="module")
def wheel() -> Iterator[ZipFile]:
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    found = list((ROOT / "dist").glob(f"accord-{version[1]}-*.whl"))
    assert len(found) == 1, f"expected one wheel of this version in dist/ (`make wheel`), got {len(found)}"
    with ZipFile(found[0]) as opened:
        yield opened


@pytest.fixture
def information(wheel: ZipFile) -> str:
    return next(name.split("/")[0] for name in wheel.namelist() if ".dist-info/" in name)


def test_it_installs_the_three_packages_and_nothing_else(wheel: ZipFile, information: str) -> None:
    assert {name.split("/")[0] for name in wheel.namelist()} == {*PACKAGES, information}


def test_it_holds_every_module_and_the_extension(wheel: ZipFile) -> None:
    modules = {str(path.relative_to(ROOT)) for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    inside = set(wheel.namelist())
    assert modules - inside == set()
    assert {name for name in inside if name.endswith(".py")} == modules
    assert [name for name in inside if name.endswith(".so")] == ["psi/_native.abi3.so"]
    assert not [name for name in inside if name.endswith((".pyc", ".rs"))]


def test_the_extension_holds_no_path_of_the_machine_that_built_it(wheel: ZipFile) -> None:
    extension = wheel.read("psi/_native.abi3.so")
    cargo_home = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))
    assert b"cargo/registry/src/" in extension
    for folder in (ROOT, cargo_home):
        assert bytes(folder) not in extension


@pytest.mark.parametrize("name", LICENCES)
def test_it_carries_the_licences_as_they_are_here(wheel: ZipFile, information: str, name: str) -> None:
    assert wheel.read(f"{information}/licenses/{name}") == (ROOT / name).read_bytes()


def test_it_starts_as_accord(wheel: ZipFile, information: str) -> None:
    points = configparser.ConfigParser()
    points.read_string(wheel.read(f"{information}/entry_points.txt").decode())
    assert {name: dict(points[name]) for name in points.sections()} == {
        "console_scripts": {"accord": "nodes.cli.main:main"}
    }
