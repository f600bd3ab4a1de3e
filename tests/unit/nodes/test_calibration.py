"""Measured once per machine and kind of answer; estimates that follow what sessions really send."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nodes import calibration as module
from nodes.aggregates.solving import Logarithms
from nodes.calibration import SIZES, Calibration, Machine, Run, calibration, measure
from nodes.errors import StorageError
from nodes.home import Home, write_private
from protocol.vocabulary import REVEALED, Query, Reveals
from psi import backend

NOW_MS = 1_800_000_000_000
HERE = Machine.here()
RUNS = (
    Run(1, 1, 20_000, 2_000, 1_000),
    Run(8_192, 1, 184_000, 526_256, 500_000),
    Run(1, 8_192, 100_000, 2_000, 263_128),
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[Reveals]:
    """Measure nothing, and say what would have been measured."""
    asked: list[Reveals] = []

    def pretend(_spool: Path, reveals: Reveals, _now_ms: int, _: Logarithms) -> tuple[Run, Run, Run]:
        asked.append(reveals)
        return RUNS

    monkeypatch.setattr(module, "measure", pretend)
    return asked


def of(home: Home, reveals: Reveals = Reveals.SHARED_IDENTIFIERS) -> Calibration:
    return calibration(home, home.path / "spool", reveals, NOW_MS)


@pytest.fixture(scope="module")
def logarithms(tmp_path_factory: pytest.TempPathFactory) -> Logarithms:
    return Logarithms(tmp_path_factory.mktemp("table") / "table")


@pytest.mark.parametrize("reveals", [*REVEALED[Query.INTERSECT], Reveals.COUNT, Reveals.SUMS])
def test_real_sessions_are_measured_and_leave_nothing(tmp_path: Path, reveals: Reveals, logarithms: Logarithms) -> None:
    runs = measure(tmp_path / "spool", reveals, NOW_MS, logarithms)
    assert [(run.own, run.partner) for run in runs] == list(SIZES)
    assert all(run.elapsed_us > 0 for run in runs)
    assert not list((tmp_path / "spool").iterdir())

    # Bytes do not depend on the machine: another session's are foreseen, framing included.
    own, partner = 3_001, 5_003
    real = module._session(tmp_path / "spool", reveals, own, partner, NOW_MS, logarithms)
    foreseen = Calibration(reveals, HERE, NOW_MS, runs).estimate(own, partner)
    assert foreseen.sent_bytes == pytest.approx(real.sent_bytes, rel=0.01)
    assert foreseen.received_bytes == pytest.approx(real.received_bytes, rel=0.01)
    assert real.sent_bytes > 32 * own + (32 * partner if reveals.to_both else 0)


def test_no_room_for_spools_is_a_storage_error(tmp_path: Path, logarithms: Logarithms) -> None:
    (tmp_path / "spool").write_text("a file where a folder should be")
    with pytest.raises(StorageError):
        measure(tmp_path / "spool", Reveals.SHARED_IDENTIFIERS, NOW_MS, logarithms)


def test_a_line_through_three_sessions() -> None:
    known = Calibration(Reveals.SHARED_IDENTIFIERS, HERE, NOW_MS, RUNS)
    assert known.estimate(1, 1).sent_bytes == 2_000
    assert known.estimate(8_192, 1).seconds == 0.184
    assert known.estimate(1, 8_192).received_bytes == 263_128
    both = known.estimate(1 + 8_191 * 10, 1 + 8_191 * 10)
    assert both.seconds == pytest.approx(0.02 + 10 * 0.164 + 10 * 0.08)
    assert both.received_bytes == pytest.approx(1_000 + 10 * 499_000 + 10 * 262_128)
    nothing = known.estimate(0, 0)
    assert 0 <= nothing.seconds <= 0.02
    slower_when_small = Calibration(
        Reveals.SHARED_IDENTIFIERS, HERE, NOW_MS, (replace(RUNS[0], elapsed_us=10**9), *RUNS[1:])
    )
    assert slower_when_small.estimate(10**6, 10**6).seconds == 1000, "never less than nothing for more elements"


def test_measured_once_per_kind_of_answer(home: Home, measured: list[Reveals]) -> None:
    first = of(home)
    assert of(home) == first == Calibration(Reveals.SHARED_IDENTIFIERS, HERE, NOW_MS, RUNS)
    assert of(home, Reveals.SHARED_IDENTIFIERS_TO_BOTH).reveals is Reveals.SHARED_IDENTIFIERS_TO_BOTH
    assert of(home) == first
    assert measured == [Reveals.SHARED_IDENTIFIERS, Reveals.SHARED_IDENTIFIERS_TO_BOTH]
    assert home.calibration_file.stat().st_mode & 0o077 == 0
    assert first.machine.backend == backend()


@pytest.mark.parametrize("change", [{"backend": "abacus"}, {"cpu": "other"}, {"processors": 4096}, {"version": "9.9"}])
def test_another_machine_or_program_is_measured_again(
    home: Home, measured: list[Reveals], monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    of(home)
    of(home, Reveals.SHARED_IDENTIFIERS_TO_BOTH)
    monkeypatch.setattr(Machine, "here", classmethod(lambda _cls: replace(HERE, **change)))
    assert of(home).machine == replace(HERE, **change)
    assert len(measured) == 3
    kept = json.loads(home.calibration_file.read_bytes())["calibrations"]
    assert len(kept) == 1, "what the old machine did is forgotten"


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"[]",
        b'{"calibrations":[{}]}',
        b'{"calibrations":{"a":1}}',
        lambda text: text.replace(b'"own": 8192', b'"own": 5'),
        lambda text: text.replace(b'"elapsed_us": 20000', b'"elapsed_us": -1'),
        lambda text: text.replace(b'"elapsed_us": 20000', b'"elapsed_us": 1.5'),
        lambda text: text.replace(b"shared-identifiers", b"everything"),
        lambda text: text.replace(b'"machine"', b'"engine"'),
    ],
)
def test_a_damaged_file_is_measured_again(home: Home, measured: list[Reveals], damage: Any) -> None:
    of(home)
    good = home.calibration_file.read_bytes()
    bad = damage(good) if callable(damage) else damage
    assert bad != good
    write_private(home.calibration_file, bad)
    assert of(home).runs == RUNS
    assert len(measured) == 2
    assert home.calibration_file.read_bytes() == good
