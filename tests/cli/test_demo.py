"""The demonstration: it runs, it cleans up, and it would notice a wrong answer."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from nodes.cli import demo
from nodes.cli.errors import DemoError
from nodes.exercise_node import ACCORD
from tests.cli.command import accord_process
from tests.patience import PATIENCE_SECONDS


def nodes_in(folder: Path) -> list[psutil.Process]:
    """Processes that serve a home in this folder."""
    return [p for p in psutil.process_iter(["cmdline"]) if any(str(folder) in a for a in p.info["cmdline"] or ())]


def test_it_answers_and_leaves_nothing(tmp_path: Path) -> None:
    done = accord_process("demo", "--size", 301, "--seed", 7, TMPDIR=str(tmp_path))
    assert done.code == 0, done.err
    assert "all found, and nothing else" in done.out
    assert {line.split("\t")[0] for line in done.out.splitlines() if "Customs South: PX2-" in line} == {
        "arabic",
        "cyrillic",
        "latin",
    }
    assert "3 of 5 corridors are told, each as it is in truth" in done.out
    assert "FRA-MMR\tbelow threshold" in done.out
    assert "customs-south refuses (refused)" in done.out
    assert "Each is the sum over all three agencies' records." in done.out
    assert "police-east is killed, and the question is asked again. No total: police-east: expected" in done.out
    assert "backend" in done.out
    assert list(tmp_path.iterdir()) == []
    assert nodes_in(tmp_path) == []


def test_whoever_stops_it_stops_the_nodes(tmp_path: Path) -> None:
    demonstration = subprocess.Popen(
        [*ACCORD, "demo", "--size", "301"],
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        text=True,
    )
    assert demonstration.stdout is not None
    for line in demonstration.stdout:
        if "asks: which" in line:
            break
    demonstration.send_signal(signal.SIGTERM)
    assert demonstration.wait(PATIENCE_SECONDS) == 128 + signal.SIGTERM
    deadline = time.monotonic() + PATIENCE_SECONDS
    while nodes_in(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert nodes_in(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ([("imo", "EX1-1"), ("iban", "EX1-2")], None),
        ([("imo", "EX1-1")], "1 missing, 0"),
        ([("imo", "EX1-1"), ("iban", "EX1-2"), ("iban", "EX1-3")], "0 missing, 1"),
        ([("iban", "EX1-1"), ("iban", "EX1-2")], "1 missing, 1"),
        ([("imo", "EX1-1"), ("iban", "EX1-2"), ("iban", "EX1-2")], "0 missing, 1"),
    ],
)
def test_any_difference_from_the_truth_is_noticed(
    tmp_path: Path, found: list[tuple[str, str]], told: str | None
) -> None:
    truth = tmp_path / "truth.csv"
    with truth.open("w", newline="") as file:
        csv.writer(file).writerows([("kind", "agency_1"), ("imo", "EX1-1"), ("iban", "EX1-2")])
    hits = [{"kind": kind, "records": [{"reference": reference}]} for kind, reference in found]
    if told is None:
        assert demo._compare(hits, truth) == 2
    else:
        with pytest.raises(DemoError, match=told):
            demo._compare(hits, truth)


TOLD = [
    {"category": "DEU-TUR", "count": 12, "total": -5},
    {"category": "FRA-MMR", "count": None, "total": None},
]


@pytest.mark.parametrize(
    ("counted", "summed", "right"),
    [
        (30, TOLD, True),
        (29, TOLD, False),
        (30, [{**TOLD[0], "count": 11}, TOLD[1]], False),
        (30, [{**TOLD[0], "total": -4}, TOLD[1]], False),
        (30, [TOLD[0], {"category": "FRA-MMR", "count": 2, "total": 7}], False),  # nothing is suppressed
        (30, [TOLD[1], TOLD[1]], False),  # everything is
    ],
)
def test_any_figure_that_is_not_true_is_noticed(
    tmp_path: Path, counted: int, summed: list[dict[str, object]], right: bool
) -> None:
    truth = tmp_path / "truth.csv"
    rows = ["agency,currency,category,value,accounts,minor_units", "1,,,,31,", "2,,,,30,", "2,EUR,,,20,1",
            "2,EUR,corridor,DEU-TUR,12,-5", "2,EUR,corridor,FRA-MMR,2,7", "2,EUR,offence,DEU-TUR,1,1"]  # fmt: skip
    truth.write_text("\n".join(rows) + "\n")
    if right:
        assert demo._compare_figures([{"count": counted}], summed, truth) == 1
    else:
        with pytest.raises(DemoError):
            demo._compare_figures([{"count": counted}], summed, truth)
