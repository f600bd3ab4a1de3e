"""accord.toml: the sample is read and complete, and what is not understood is refused by name."""

from __future__ import annotations

import os
import pwd
import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import nodes
from nodes.config import LIMIT_RANGES, Config, Limits, Operator, load_config, parse_config, render_config
from nodes.errors import ConfigError, OperatorUnknownError, PermissionsError
from nodes.fields import MAX_FILE_BYTES
from tests.agency import make_agency

SAMPLE = Path(nodes.__file__).parents[1] / "docs" / "samples" / "accord.toml"
HOME = Path("/srv/accord")


def parse(text: str) -> Config:
    return parse_config(text.encode(), HOME)


def test_the_sample_is_read() -> None:
    config = parse(SAMPLE.read_text(encoding="utf-8"))
    assert (config.agency_id, config.realm) == ("fiu-north", "exercise")
    assert config.contact == "Desk 4, desk4@fiu-north.example"
    assert config.limits == Limits(), "the sample shows the defaults"
    assert config.operators == (Operator("op-0117", 1000),)
    assert config.paths.spool == HOME / "spool"


def test_the_sample_explains_every_key() -> None:
    lines = SAMPLE.read_text(encoding="utf-8").splitlines()
    keys = {match[1] for line in lines if (match := re.match(r"(\w+) = ", line))}
    agency = {"id", "name", "contact", "realm"}
    expected = agency | {"listen", "address", "uid"} | LIMIT_RANGES.keys() | {"registry", "spool", "results"}
    assert keys == expected
    assert {f.name for f in fields(Limits)} == LIMIT_RANGES.keys()
    for number, line in enumerate(lines):
        if re.match(r"\w+ = ", line):
            assert lines[number - 1].startswith(("#", "deadline_")), f"a comment above {line!r}"


def test_what_init_writes_has_the_shape_of_the_sample() -> None:
    awkward = 'Office "Nord\\Süd" №1'
    data = render_config("fiu-1", awkward, "production", "[::1]:7443", Operator("a.b", 7))
    config = parse_config(data, HOME)
    assert (config.agency_name, config.realm, config.address) == (awkward, "production", "[::1]:7443")
    assert config.listen == config.address
    assert config.contact == awkward, "whom to ask is the agency, unless accord.toml says better"
    assert config.limits == Limits()
    sample: dict[str, Any] = tomllib.loads(SAMPLE.read_text(encoding="utf-8"))
    for name, table in tomllib.loads(data.decode()).items():
        inner = table[0] if name == "operators" else table
        shown = sample[name][0] if name == "operators" else sample[name]
        assert inner.keys() <= shown.keys()


GOOD = render_config("fiu-1", "One", "exercise", "localhost:7443", Operator("op", 7)).decode()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('realm = "exercise"', 'realm = "test"', r"\[agency\] realm: expected one of exercise, production"),
        ('realm = "exercise"', "", r"\[agency\] realm: .*the key is required"),
        ('id = "fiu-1"', 'id = "FIU"', r"\[agency\] id: expected 1 to 63 of a-z"),
        ('id = "fiu-1"', f'id = "{"a" * 64}"', r"\[agency\] id"),
        ('id = "fiu-1"', 'id = "-a"', r"\[agency\] id"),
        ('name = "One"', 'name = ""', r"\[agency\] name: expected one line .* got 0 bytes"),
        ('name = "One"', f'name = "{"é" * 129}"', "got 258 bytes"),
        ('name = "One"', r'name = "a\u001b[2J"', "control characters"),
        ('name = "One"', r'name = "a\u202eb"', "control characters"),
        ('name = "One"', 'name = " a"', "blanks around"),
        ('name = "One"', f'name = "One"\ncontact = "{"a" * 61}"', "contact: expected one line of 1 to 60 bytes"),
        ('name = "One"', 'name = "One"\ncontact = ""', "contact: expected one line"),
        ('name = "One"', "name = 1", "got a whole number"),
        ('name = "One"', "name = 1979-05-27", "got a date or time"),
        ('name = "One"', 'name = "One"\nnmae = 1', r"\[agency\]: expected only known keys, got also: nmae"),
        ('name = "One"', 'name = "One"\n"\\u0007" = 1', "unprintable key"),
        ('listen = "localhost:7443"', 'listen = "localhost"', r"\[network\] listen: expected host:port"),
        ('listen = "localhost:7443"', 'listen = "localhost:0"', "a port out of range"),
        ('listen = "localhost:7443"', 'listen = "localhost:65536"', "a port out of range"),
        ('listen = "localhost:7443"', 'listen = "unix:/x"', r"\[network\] listen"),
        ("uid = 7", "uid = true", "uid: .*got true or false"),
        ("uid = 7", "uid = -1", "a number out of range"),
        ("uid = 7", 'uid = 7\nunix_user = "root"', "either uid or unix_user, got both"),
        ("uid = 7", 'unix_user = "no such user"', "a user of this machine"),
        ("uid = 7", 'uid = 7\n[[operators]]\nid = "op"\nuid = 8', "each id once"),
        ("uid = 7", 'uid = 7\n[[operators]]\nid = "po"\nuid = 7', "each Unix user once"),
        ("[[operators]]", "[operators]", "operators: expected a list"),
        ("[[operators]]", "[limits]\nsessions = 0\n[[operators]]", r"\[limits\] sessions: expected .* from 1 to 1024"),
        ("[[operators]]", "[limits]\nsessions = 1.5\n[[operators]]", "got a decimal number"),
        ("[[operators]]", "[limits]\nsesions = 1\n[[operators]]", "got also: sesions"),
        ("[[operators]]", "[limits]\nsessions = 1\n[[operators]]", "sessions_per_partner: expected at most sessions"),
        ("[[operators]]", "[limits]\ndeadline_ceiling_seconds = 1\n[[operators]]", "at least deadline_base_seconds"),
        ("[[operators]]", "[paths]\nspol = 'x'\n[[operators]]", r"\[paths\]: expected only known keys, got also: spol"),
        ("[agency]", "[agency", "expected valid TOML, got a mistake .at line 3"),
    ],
)
def test_each_mistake_is_named(old: str, new: str, message: str) -> None:
    parse(GOOD)
    assert old in GOOD
    with pytest.raises(ConfigError, match=message):
        parse(GOOD.replace(old, new))


@pytest.mark.parametrize(
    "data",
    [
        b"\xff",
        b"\x00",
        b"a = " + b"[" * 100_000,
        b"a = " + b"9" * 10_000,
        b"a.b = 1\na.b = 2",
        GOOD.encode("utf-16"),
        b"",
    ],
)
def test_hostile_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ConfigError):
        parse_config(data, HOME)


def test_messages_do_not_repeat_values() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(GOOD.replace('realm = "exercise"', 'realm = "P1234567"'))
    assert "P1234567" not in str(caught.value)


def test_operators() -> None:
    config = parse(GOOD)
    assert config.operator(7).id == "op"
    with pytest.raises(OperatorUnknownError, match="uid 8"):
        config.operator(8)
    me = pwd.getpwuid(os.getuid())
    by_name = parse(GOOD.replace("uid = 7", f'unix_user = "{me.pw_name}"'))
    assert by_name.operator(me.pw_uid).id == "op"


def test_deadlines_grow_up_to_a_ceiling() -> None:
    limits = Limits(deadline_base_seconds=10, deadline_per_element_us=500, deadline_ceiling_seconds=60)
    assert limits.deadline_ms(0) == 10_000
    assert limits.deadline_ms(1) == 10_000
    assert limits.deadline_ms(2) == 10_001
    assert limits.deadline_ms(100_000) == 60_000
    assert limits.deadline_ms(10**12) == 60_000


def test_paths_may_lie_elsewhere() -> None:
    config = parse(GOOD.replace("[[operators]]", '[paths]\nspool = "/fast/spool"\n[[operators]]'))
    assert (config.paths.spool, config.paths.registry) == (Path("/fast/spool"), HOME / "registry")


def test_loading_checks_permissions_and_size(tmp_path: Path) -> None:
    home = make_agency(tmp_path / "node").home
    home.config_file.chmod(0o644)
    with pytest.raises(PermissionsError):
        load_config(home)
    home.config_file.chmod(0o600)
    home.config_file.write_bytes(b"#" * (MAX_FILE_BYTES + 1))
    with pytest.raises(Exception, match="at most"):
        load_config(home)
