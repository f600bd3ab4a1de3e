"""Every package and crate that accord uses is named with its licence, as the package itself states it."""

from __future__ import annotations

import functools
import importlib.metadata
import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).parents[2]
LISTED: Final = (ROOT / "THIRD-PARTY-LICENSES.md").read_text()
LOCKED_PACKAGES: Final = re.findall(
    r"^([a-z0-9-]+)==", (ROOT / "requirements" / "runtime.lock").read_text(), re.MULTILINE
)


def rows(heading: str) -> dict[str, str]:
    section = LISTED.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    found = dict(re.findall(r"^\| ([a-z0-9_-]+) \| (.+) \|$", section, re.MULTILINE))
    return {name: licence for name, licence in found.items() if name not in ("crate", "package", "---")}


def cargo(*arguments: str) -> str:
    if shutil.which("cargo") is None:
        pytest.skip("cargo is not on this machine")
    command = ["cargo", *arguments, "--offline", "--locked", "--features", "pyo3/extension-module"]
    return subprocess.run(command, cwd=ROOT / "native", capture_output=True, text=True, check=True).stdout


@functools.cache
def crates() -> list[dict[str, Any]]:
    known = json.loads(cargo("metadata", "--format-version", "1"))["packages"]
    return [crate for crate in known if crate["source"] is not None]


def test_every_locked_package_is_listed_and_no_other() -> None:
    assert len(LOCKED_PACKAGES) > 10
    assert sorted(rows("Installed beside it")) == sorted(LOCKED_PACKAGES)


def test_every_locked_crate_is_listed_and_no_other() -> None:
    lock = tomllib.loads((ROOT / "native" / "Cargo.lock").read_text())
    locked = {crate["name"] for crate in lock["package"] if "source" in crate}
    linked, building = rows("In the wheel"), rows("Used to build it")
    assert linked.keys() | building.keys() == locked
    assert not linked.keys() & building.keys()


@pytest.mark.parametrize("name", LOCKED_PACKAGES)
def test_a_package_has_the_licence_that_it_states(name: str) -> None:
    stated, listed = importlib.metadata.metadata(name), rows("Installed beside it")[name]
    if (expression := stated.get("License-Expression")) is not None:
        assert listed == expression
    else:  # older metadata: a free text, or a classifier
        words = [stated.get("License", ""), *stated.get_all("Classifier", [])]
        assert any(listed.split("-")[0] in text for text in words)


def test_a_crate_has_the_licence_that_it_states() -> None:
    listed = rows("In the wheel") | rows("Used to build it")
    stated = {crate["name"]: crate["license"].replace("MIT/Apache", "MIT OR Apache") for crate in crates()}
    assert listed == stated


def test_what_is_linked_is_listed_as_part_of_the_wheel() -> None:
    edges = ("--edges", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}")
    tree = cargo("tree", *edges, "--target", "x86_64-unknown-linux-gnu")
    assert {line.split()[0] for line in tree.splitlines()} - {"accord-native"} == rows("In the wheel").keys()


def test_licences_without_a_choice_are_passed_on_with_their_text() -> None:
    """Apache-2.0, chosen where there is a choice, asks for its own text and for NOTICE files: no crate has one."""
    for crate in crates():
        folder = Path(crate["manifest_path"]).parent
        assert not list(folder.glob("NOTICE*")), crate["name"]
        if crate["name"] in rows("In the wheel") and "Apache-2.0" not in crate["license"]:
            assert (folder / "LICENSE").read_text().strip() in LISTED, crate["name"]
