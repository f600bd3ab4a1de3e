"""The table behind totals: made once, kept, and made again where the file is not what it must be."""

from __future__ import annotations

from pathlib import Path

import pytest

import nodes.aggregates.solving as solving
from nodes.aggregates.solving import Logarithms
from nodes.home import write_private
from protocol.effects import Solve
from psi.discrete_log import TABLE_BYTES, Table
from psi.errors import TotalRangeError
from psi.group import multiply_base
from psi.small_log import MAX_SMALL

ORDER = 2**252 + 27742317777372353535851937790883648493  # RFC 9496, section 4


def elements(*values: int) -> bytes:
    return b"".join(multiply_base((value % ORDER).to_bytes(32, "little")) for value in values)


def test_totals_are_found_and_the_table_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, made = tmp_path / "table", []
    build = Table.build

    def counting() -> Table:
        made.append(1)
        return build()

    monkeypatch.setattr(solving.Table, "build", counting)
    logarithms = Logarithms(file)
    assert logarithms.solver(Solve(0, elements(5, -7), MAX_SMALL)).run().tolist() == [5, -7]
    with pytest.raises(TotalRangeError):
        logarithms.solver(Solve(0, elements(13), 12)).run()
    job = logarithms.solver(Solve(0, elements(5, -7, 10**9), 2**40))
    assert not made and not file.exists(), "only for totals, and only when one is to be found"
    assert job.run().tolist() == [5, -7, 10**9]
    assert file.stat().st_size == TABLE_BYTES and file.stat().st_mode & 0o777 == 0o600
    assert logarithms.solver(Solve(0, elements(0), MAX_SMALL + 1)).run().tolist() == [0]
    assert Logarithms(file).solver(Solve(0, elements(12), 2**21)).run().tolist() == [12]
    assert len(made) == 1
    with pytest.raises(TotalRangeError):
        logarithms.solver(Solve(0, elements(2**21 + 1), 2**21)).run()
    write_private(file, b"cut off")
    assert Logarithms(file).solver(Solve(0, elements(3), 2**21)).run().tolist() == [3]
    assert len(made) == 2 and file.stat().st_size == TABLE_BYTES


def test_a_disk_that_keeps_nothing_costs_time_alone(tmp_path: Path) -> None:
    logarithms = Logarithms(tmp_path / "no folder" / "table")
    assert logarithms.solver(Solve(0, elements(4), 2**21)).run().tolist() == [4]
