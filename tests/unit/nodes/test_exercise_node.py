"""Nodes of this machine: what they need of it. The nodes themselves run in tests/e2e."""

from __future__ import annotations

import itertools
import socket
import subprocess
import sys

import pytest

from nodes import exercise_node
from nodes.exercise_node import LOOPBACK, free_port


def test_a_port_is_given_once_and_never_one_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    given = [free_port() for _ in range(70)]
    assert len(set(given)) == 70
    monkeypatch.setattr(exercise_node, "_TURNS", itertools.count(exercise_node.PORTS.index(given[0])))
    with socket.create_server((LOOPBACK, given[0])):
        assert free_port() > given[0]


def test_two_processes_are_not_given_the_same_port() -> None:
    program = "from nodes.exercise_node import free_port; print(*(free_port() for _ in range(50)), flush=True); input()"
    running = [
        subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    given = [set(process.communicate("\n")[0].split()) for process in running]
    assert [len(ports) for ports in given] == [50, 50]
    assert not given[0] & given[1]


def test_no_port_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(exercise_node, "PORTS", range(port, port + 1))
        with pytest.raises(exercise_node.ExerciseNodeError, match="expected a free port"):
            free_port()
