"""`accord bench`: hands over to the benchmarks of the checkout, or says where they are."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from nodes.cli.bench import BENCHMARKS
from tests.cli.command import accord, accord_process


@pytest.mark.parametrize("name", BENCHMARKS)
def test_each_benchmark_exists_and_shows_its_own_help(tmp_path: Path, name: str) -> None:
    outcome = accord_process("--home", tmp_path / "none", "bench", name, "--help")
    assert outcome.code == 0, outcome.err
    assert "--run" in outcome.out
    assert "--results" in outcome.out


def test_help_names_every_benchmark(tmp_path: Path) -> None:
    outcome = accord(tmp_path, "bench", "--help")
    assert outcome.code == 0
    assert all(name in outcome.out and purpose[:20] in outcome.out for name, purpose in BENCHMARKS.items())


def test_arguments_and_exit_code_pass_through(tmp_path: Path) -> None:
    outcome = accord_process("--home", tmp_path, "bench", "plot", "--results", tmp_path, "--run", "nothing")
    assert outcome.code == 1
    assert "nothing: expected results" in outcome.err


def test_a_wrong_argument_is_the_benchmarks_own_error(tmp_path: Path) -> None:
    assert accord_process("--home", tmp_path, "bench", "core", "--items", "32769").code == 2


@pytest.mark.parametrize("found", [None, "elsewhere"])
def test_without_a_checkout_it_says_where_benchmarks_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: str | None
) -> None:
    elsewhere = importlib.machinery.ModuleSpec("benchmarks", None, origin=str(tmp_path / "benchmarks/__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: elsewhere if found else None)
    outcome = accord(tmp_path, "bench", "core")
    assert outcome.code == 2
    assert "source checkout" in outcome.err


def test_the_core_is_measured_and_every_row_is_checked(tmp_path: Path) -> None:
    small = ("--items", "17", "--library-items", "3", "--repetitions", "1", "--seed", "5")
    outcome = accord_process("--home", tmp_path, "bench", "core", *small, "--results", tmp_path, "--run", "r")
    assert outcome.code == 0, outcome.err
    document = json.loads((tmp_path / "r" / "core.json").read_text())
    assert (tmp_path / "r" / "core.md").read_text() in outcome.out
    assert document["arguments"]["seed"] == 5
    assert document["environment"]["backends"][-1] == "portable"
    (size,) = document["sizes"]
    assert size["items"] == 17
    backends = document["environment"]["backends"]
    for name, checked in size["checked"].items():
        assert checked["same_on"] == backends
        assert checked["rows_against_libsodium"] == (0 if name == "verify" else 17)
    measured = {(row["operation"], row["subject"]) for row in size["rows"]}
    assert {(name, backend) for name in size["checked"] for backend in backends} <= measured
    assert {"libsodium scalarmult", "OpenSSL X25519"} <= {operation for operation, _ in measured}
    assert {row["against"] for row in size["ratios"]} >= {"libsodium scalarmult", "OpenSSL X25519"}


def test_a_finished_measurement_is_not_repeated(tmp_path: Path) -> None:
    run = [sys.executable, "-m", "benchmarks.core", "--items", "1", "--library-items", "1", "--repetitions", "1"]
    run += ["--results", str(tmp_path), "--run", "r"]
    first = subprocess.run(run, capture_output=True, text=True, check=True)
    before = (tmp_path / "r" / "core.json").stat().st_mtime_ns
    second = subprocess.run(run, capture_output=True, text=True, check=True)
    assert second.stdout == first.stdout
    assert (tmp_path / "r" / "core.json").stat().st_mtime_ns == before
