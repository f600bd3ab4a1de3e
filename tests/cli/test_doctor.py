"""`accord doctor`: each thing that can be wrong is found under its name, and the rest is still examined."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from nodes.exercise_node import introduce
from tests.e2e.harness import NodeUnderTest, make_node, rules


@pytest.fixture
def node(tmp_path: Path) -> NodeUnderTest:
    north, south = make_node(tmp_path, "north"), make_node(tmp_path, "south")
    introduce(north, south)
    north.write_rules(rules("south", "outgoing"))
    north.hold(range(9))
    return north


def findings(node: NodeUnderTest) -> tuple[int, dict[str, dict[str, str]]]:
    outcome = node.accord("doctor", "--json")
    return outcome.code, {finding["check"]: finding for finding in outcome.json}


def marks(found: dict[str, dict[str, str]], mark: str) -> set[str]:
    return {name for name, finding in found.items() if finding["mark"] == mark}


def test_a_healthy_node_that_does_not_run(node: NodeUnderTest) -> None:
    code, found = findings(node)
    assert code == 0
    assert marks(found, "fail") == set()
    assert marks(found, "warn") - {"disk"} == {"node"}
    assert {"backend", "home", "keys", "certificate", "rules", "ledger", "clock", "data set suspects"} <= set(found)
    assert found["node"]["advice"] == "Start it with `accord serve`."


def test_a_running_node_tries_its_partners(node: NodeUnderTest) -> None:
    south = NodeUnderTest(node.home.with_name("south"), "south", 0)
    try:
        node.serve()
        code, found = findings(node)
        assert code == 0
        assert found["node"]["mark"] == "ok"
        assert (found["partner south"]["mark"], bool(found["partner south"]["advice"])) == ("warn", True)
        south.serve()
        assert findings(node)[1]["partner south"]["mark"] == "ok"
    finally:
        node.kill()
        south.kill()


def open_home(node: NodeUnderTest) -> None:
    node.home.chmod(0o755)


def open_key(node: NodeUnderTest) -> None:
    (node.home / "keys" / "signing.key").chmod(0o644)


def break_rules(node: NodeUnderTest) -> None:
    node.write_rules("[[rules]]")


def break_configuration(node: NodeUnderTest) -> None:
    with (node.home / "accord.toml").open("a") as file:
        file.write("surplus = 1\n")


def change_ledger(node: NodeUnderTest) -> None:
    connection = sqlite3.connect(node.home / "ledger.db")
    connection.execute("DROP TRIGGER rows_stay")
    connection.execute("UPDATE rows SET content = CAST(content || x'20' AS BLOB) WHERE sequence = 2")
    connection.commit()
    connection.close()


def change_snapshot(node: NodeUnderTest) -> None:
    (file,) = (node.home / "registry" / "suspects").glob("*.snapshot")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def change_book(node: NodeUnderTest) -> None:
    (node.home / "partners.json").write_text("{}")


def set_clock_ahead(node: NodeUnderTest) -> None:
    """The node has seen a time that this machine's clock has not reached."""
    connection = sqlite3.connect(node.home / "state.db")
    connection.execute("CREATE TABLE clock (id INTEGER PRIMARY KEY CHECK (id = 1), newest_ms INTEGER NOT NULL) STRICT")
    connection.execute("INSERT INTO clock VALUES (1, 4000000000000)")
    connection.commit()
    connection.close()
    (node.home / "state.db").chmod(0o600)


@pytest.mark.parametrize(
    ("harm", "checks"),
    [
        (open_home, {"home", "configuration"}),
        (open_key, {"keys"}),
        (break_rules, {"rules"}),
        (break_configuration, {"configuration"}),
        (change_ledger, {"ledger"}),
        (change_snapshot, {"data set suspects"}),
        (change_book, {"partners"}),
        (set_clock_ahead, {"clock"}),
    ],
)
def test_what_is_wrong_is_found(node: NodeUnderTest, harm: Callable[[NodeUnderTest], None], checks: set[str]) -> None:
    harm(node)
    code, found = findings(node)
    assert code == 3
    assert checks <= marks(found, "fail")
    for name in checks:
        assert found[name]["advice"], found[name]
    if "configuration" not in checks:
        assert marks(found, "fail") == checks


def test_a_young_node_is_told_what_is_left_to_do(tmp_path: Path) -> None:
    node = make_node(tmp_path, "north")
    code, found = findings(node)
    assert code == 0
    assert marks(found, "warn") - {"disk"} == {"rules", "partners", "registry", "node"}
    assert all(found[name]["advice"] for name in marks(found, "warn"))


def test_no_node_at_all(tmp_path: Path) -> None:
    code, found = findings(NodeUnderTest(tmp_path / "nothing", "nothing", 0))
    assert code == 3
    assert marks(found, "fail") == {"home", "configuration"}


def test_the_table_names_what_to_do(node: NodeUnderTest) -> None:
    break_rules(node)
    outcome = node.accord("doctor")
    assert "fail\trules\t" in outcome.out
    assert "expected a healthy node, got 1 failed checks" in outcome.err
