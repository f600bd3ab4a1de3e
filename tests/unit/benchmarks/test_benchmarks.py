"""What makes a published figure worth its paper: wrong answers stop it, failures are shown, fits are right."""

from __future__ import annotations

import argparse
import dataclasses
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks import comparison, elgamal, figures, plot, results
from benchmarks.comparison import Party, Run, Side
from benchmarks.lists import Lists, Size, make_lists, read_ids
from benchmarks.operations import OPERATIONS, Batch, Operation, check
from benchmarks.relay import relay
from benchmarks.results import BenchmarkError
from nodes.exercise_node import LOOPBACK, free_port
from psi import native


@pytest.mark.parametrize("count", [1, 7, 8, 9, 65])
def test_every_operation_passes_its_check_at_odd_sizes(count: int) -> None:
    for operation in OPERATIONS:
        digest, rows = check(operation, Batch(count, 3), "portable")
        assert len(digest) == 64
        assert rows == (0 if operation.expected is None else min(rows, count))


@pytest.mark.parametrize("operation", [o for o in OPERATIONS if o.expected], ids=lambda operation: operation.name)
def test_a_wrong_row_is_not_published(operation: Operation) -> None:
    def wrong(batch: Batch, backend: str) -> bytes:
        data = bytearray(operation.run(batch, backend))
        data[-operation.width_bytes if operation.name != "evaluate and prove" else 0] ^= 1
        return bytes(data)

    with pytest.raises(BenchmarkError, match="is wrong"):
        check(dataclasses.replace(operation, run=wrong), Batch(9, 3), "portable")


@pytest.mark.parametrize("count", [1, 7, 8, 9])
def test_ciphertexts_pass_their_check_at_odd_sizes(count: int) -> None:
    for backend in native.available_backends():
        elgamal.check(count, 3, backend)


@pytest.mark.parametrize("operation", ["encrypt", "rerandomize", "add", "sum"])
def test_a_wrong_ciphertext_is_not_published(monkeypatch: pytest.MonkeyPatch, operation: str) -> None:
    honest = elgamal.Batch.run

    def wrong(self: elgamal.Batch, asked: str, backend: str) -> bytes:
        rows = honest(self, asked, backend)
        return rows[:-64] + self.ciphertexts[:64] if asked == operation else rows

    monkeypatch.setattr(elgamal.Batch, "run", wrong)
    with pytest.raises(BenchmarkError, match=f"{operation} on portable is wrong"):
        elgamal.check(9, 3, "portable")


def test_sizes() -> None:
    assert Size.parse("20000") == Size(20_000, 20_000)
    assert Size.parse("1000x1000000") == Size(1_000, 1_000_000)
    assert str(Size(3, 5)) == "3x5"
    for bad in ("", "0", "x5", "5x", "-1", "1e6", "5x0", "123456789"):
        with pytest.raises(ValueError, match="expected a size"):
            Size.parse(bad)


@pytest.mark.parametrize("size", [Size(1, 1), Size(7, 9), Size(1_000, 8), Size(3, 1_000)])
def test_lists_have_the_sizes_and_the_overlap_that_they_claim(tmp_path: Path, size: Size) -> None:
    lists = make_lists(size, 11, tmp_path)
    requester, responder = read_ids(lists.requester), read_ids(lists.responder)
    assert (len(requester), len(responder)) == (size.requester, size.responder)
    assert lists.truth() == requester & responder
    assert len(lists.truth()) == size.shared == min(size.requester, size.responder) // 2
    before = lists.requester.read_bytes(), lists.responder.read_bytes()
    make_lists(size, 11, tmp_path)
    assert (lists.requester.read_bytes(), lists.responder.read_bytes()) == before
    make_lists(size, 12, tmp_path)
    assert size.total < 10 or lists.requester.read_bytes() != before[0]


class _System:
    """Finds what it is told to find, in a second, or fails."""

    def __init__(self, name: str, *, misses: int = 0, error: str = "") -> None:
        self.name, self.facts = name, {"package": name}
        self._misses, self._error = misses, error

    @contextmanager
    def open(self, lists: Lists, folder: Path) -> Iterator[Party]:
        self._found = set(sorted(lists.truth())[self._misses :])
        self._folder = folder
        yield self

    def run(self, counted: bool) -> Run:
        if self._error:
            raise BenchmarkError(self._error.format(self._folder))
        side = Side(2 << 20, 1 << 20, 0.5)
        return Run(1.0, side, side, self._found, (10, 20) if counted else None, {})


def test_a_wrong_answer_or_a_failure_is_shown_and_stops_nobody_else() -> None:
    systems = [_System("a"), _System("short", misses=1), _System("broken", error="lost {}/x"), _System("b")]
    measured = comparison.measure(Size(10, 10), systems, 3, 1)
    outcome = {name: summary["failed"] for name, summary in measured["systems"].items()}
    assert outcome["a"] is outcome["b"] is None
    assert outcome["short"] == "wrong answer: 1 of 5 shared missing, 0 not shared"
    assert outcome["broken"] == "lost /broken/x"  # and not where on this machine
    assert measured["ratios"] == {"b": 1.0}
    assert measured["systems"]["b"]["wire_bytes"] == {"to_responder": 10, "to_requester": 20}
    assert "runs" not in measured["systems"]["short"]


def test_each_size_has_its_result_and_a_finished_one_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = argparse.Namespace(
        results=tmp_path, run="r", sizes=[Size(4, 4), Size(2, 6)], repetitions=1, seed=1, smoke=False
    )
    assert comparison.run_sizes("query", arguments, [_System("a")])
    assert {path.name for path in (tmp_path / "r").iterdir()} == {
        f"query-{size}.{kind}" for size in ("4x4", "2x6") for kind in ("json", "md")
    }
    first = capsys.readouterr().out
    assert comparison.run_sizes("query", arguments, [_System("a", error="would fail now")])
    assert capsys.readouterr().out == first
    arguments.sizes = [Size(6, 6)]
    assert not comparison.run_sizes("query", arguments, [_System("a", error="fails")])


def test_a_result_names_no_place_or_person_of_this_machine() -> None:
    arguments = argparse.Namespace(results=Path("/somewhere"), run="r", seed=1)
    text = repr(results.describe("core", arguments))
    assert str(Path(__file__).parents[3]) not in text
    assert socket.gethostname() not in text
    assert "/somewhere" not in text


def _line(fixed: float, each: float) -> plot.Series:
    return plot.Series("x", {items: [fixed + each * items] * 3 for items in (1_000, 20_000, 1_000_000)})


def test_the_fit_finds_the_line_behind_the_points_and_is_never_negative() -> None:
    fixed, each = _line(0.5, 2e-6).fit or (0.0, 0.0)
    assert (fixed, each) == pytest.approx((0.5, 2e-6))
    assert plot.Series("x", {1_000: [1.0]}).fit is None
    bent = plot.Series("x", {1_000: [0.1], 10_000: [10.0]}).fit
    assert bent is not None
    assert bent[0] == 0
    assert bent[1] > 0
    falling = plot.Series("x", {1_000: [1.0], 10_000: [0.5]}).fit
    assert falling is not None
    assert falling[1] == 0


def test_a_run_becomes_a_plot_and_a_table(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    document: dict[str, Any] = results.describe("peers", argparse.Namespace(seed=1))
    for size in (Size(1_000, 1_000), Size(10_000, 10_000), Size(10, 1_000)):
        runs = [{"seconds": 0.1 + size.requester * 1e-5}]
        document |= {"size": {"requester": size.requester, "responder": size.responder}}
        document |= {"systems": {"accord": {"runs": runs}, "lost": {"failed": "x"}}}
        results.write(tmp_path / f"peers-{size}.json", document, "")
    head, series = plot.load(tmp_path)
    assert [(one.system, sorted(one.runs)) for one in series] == [("accord", [1_000, 10_000])]
    assert "10.00" in plot.table(head, series)
    assert all(file.stat().st_size > 1_000 for file in plot.draw(head, series, tmp_path))


def test_a_result_of_another_schema_is_refused(tmp_path: Path) -> None:
    (tmp_path / "core.json").write_text('{"schema": 0}')
    with pytest.raises(BenchmarkError, match="expected schema"):
        results.read(tmp_path / "core.json")


def test_the_relay_counts_what_passes_each_way() -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        port = free_port()
        with relay(port, server.getsockname()[1]) as counted, socket.create_connection((LOOPBACK, port)) as near:
            far, _ = server.accept()
            with far:
                near.sendall(b"question")
                assert far.recv(100) == b"question"
                far.sendall(b"a longer answer")
                assert near.recv(100) == b"a longer answer"
    assert (counted.sent_bytes, counted.received_bytes) == (8, 15)


def test_figures_are_measured_once_for_each_size_and_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, Size]] = []

    def measured(question: str, size: Size, seed: int) -> figures.Cost:
        asked.append((question, size))
        return figures.Cost(question, size.responder, 1.25, 1_000, 2_000, (0.3, 0.5), (2**20, 3 * 2**20), 40.0)

    monkeypatch.setattr(figures, "measured", measured)
    given = argparse.Namespace(seed=1, smoke=False, results=tmp_path, run="r", counts=["9", "8x10000"], sums=[])
    figures.run(given)
    first = {path: path.read_bytes() for path in (tmp_path / "r").iterdir()}
    assert {path.name for path in first} == {
        f"figures-count-{size}.{kind}" for size in ("9x9", "8x10000") for kind in ("json", "md")
    }
    tables = figures.run(argparse.Namespace(**vars(given) | {"counts": ["8x10000", "7"], "sums": ["8x10000"]}))
    assert asked == [
        ("count", Size(9, 9)), ("count", Size(8, 10_000)), ("sum", Size(8, 10_000)), ("count", Size(7, 7))
    ]  # fmt: skip
    assert all(path.read_bytes() == before for path, before in first.items())
    assert tables.count("count, 10,000") == tables.count("sum, 10,000") == tables.count("count, 7") == 1
    assert "count, 9" not in tables
    cost = results.read(tmp_path / "r" / "figures-count-8x10000.json")["cost"]
    assert (cost["us_per_row"], cost["proof_share"]) == (pytest.approx(80), pytest.approx(0.5))
    row = next(
        line for line in (tmp_path / "r" / "figures-count-8x10000.md").read_text().splitlines() if "count," in line
    )
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells == ["count, 10,000", "1.25", "1,000", "2,000", "0.3", "0.5", "1", "3", "80.0", "50%"]
    assert len(cells) == len(figures.COLUMNS)
