"""accord.toml: what this node is called, where it listens, how much partners may ask of it, who operates it.

Unknown keys are refused: a limit that is misspelt must not silently be the default.
docs/samples/accord.toml explains each key, and a test compares it with what is read here.
"""

from __future__ import annotations

import json
import pwd
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

from nodes.errors import ConfigError, OperatorUnknownError
from nodes.fields import NAME, Fields, parse_toml
from nodes.home import Home, read_private
from protocol.notes import MAX_CONTACT_BYTES

REALMS: Final = ("exercise", "production")
# One DNS label (RFC 1035, section 2.3.1), because the id is part of the name in the TLS certificate.
AGENCY_ID: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
AGENCY_ID_HINT: Final = "1 to 63 of a-z, 0-9 and '-', not at either end"
ADDRESS: Final = re.compile(r"(?:\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?):([0-9]{1,5})")
ADDRESS_HINT: Final = "host:port, an IPv6 host in brackets, a port from 1 to 65535"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much this node does for its partners at once. Units are in the names."""

    sessions: int = 8
    sessions_per_partner: int = 2
    elements_per_list: int = 5_000_000
    idle_seconds: int = 120
    resume_seconds: int = 60
    deadline_base_seconds: int = 120
    deadline_per_element_us: int = 500
    deadline_ceiling_seconds: int = 14_400
    clock_skew_seconds: int = 120

    def deadline_ms(self, elements: int) -> int:
        """Return how long a session over so many declared elements, both sides together, may take."""
        grown_ms = self.deadline_base_seconds * 1000 + elements * self.deadline_per_element_us // 1000
        return min(grown_ms, self.deadline_ceiling_seconds * 1000)


# Lowest and highest value of each limit: what 32-bit indices, one machine and one week can bear.
LIMIT_RANGES: Final[Mapping[str, tuple[int, int]]] = {
    "sessions": (1, 1024),
    "sessions_per_partner": (1, 1024),
    "elements_per_list": (1, 1_000_000_000),
    "idle_seconds": (1, 3_600),
    "resume_seconds": (0, 3_600),
    "deadline_base_seconds": (1, 86_400),
    "deadline_per_element_us": (0, 1_000_000),
    "deadline_ceiling_seconds": (1, 604_800),
    "clock_skew_seconds": (0, 3_600),
}


@dataclass(frozen=True, slots=True)
class Operator:
    """A person who may use the control API: the id in envelopes and ledgers, and the Unix user."""

    id: str
    uid: int


@dataclass(frozen=True, slots=True)
class Paths:
    """Folders that may lie on another disk than the home."""

    registry: Path
    spool: Path
    results: Path


@dataclass(frozen=True, slots=True)
class Config:
    """The checked content of accord.toml."""

    agency_id: str
    agency_name: str
    contact: str
    realm: str
    listen: str
    address: str
    limits: Limits
    operators: tuple[Operator, ...]
    paths: Paths

    def operator(self, uid: int) -> Operator:
        """Return the operator with this Unix user id.

        Raises:
            OperatorUnknownError: nobody in accord.toml has it.
        """
        for operator in self.operators:
            if operator.uid == uid:
                return operator
        raise OperatorUnknownError(f"expected a Unix user named under operators in accord.toml, got uid {uid}")


def load_config(home: Home) -> Config:
    """Read and check accord.toml of a node.

    Raises:
        HomeMissingError, PermissionsError, StorageError: see `Home.check` and `read_private`.
        ConfigError: names the key, what was expected and what was found.
    """
    home.check()
    return parse_config(read_private(home.config_file), home.path)


def parse_config(data: bytes, home: Path) -> Config:
    """Parse accord.toml; relative paths are relative to the home folder."""
    with parse_toml(data, ConfigError, "accord.toml") as root:
        with root.table("agency") as agency:
            agency_id = agency.text("id", pattern=AGENCY_ID, hint=AGENCY_ID_HINT)
            agency_name = agency.text("name")
            contact = agency.text("contact", max_bytes=MAX_CONTACT_BYTES) if "contact" in agency else agency_name
            realm = agency.choice("realm", REALMS)
        with root.table("network") as network:
            address = read_address(network, "address")
            listen = read_address(network, "listen")
        limits = Limits()
        if "limits" in root:
            with root.table("limits") as table:
                limits = _limits(table)
        operators = tuple(_operator(table) for table in root.tables("operators"))
        for what, values in (("id", {o.id for o in operators}), ("Unix user", {o.uid for o in operators})):
            if len(values) != len(operators):
                raise root.fail("operators", f"each {what} once", f"a repeated {what}")
        paths = Paths(home / "registry", home / "spool", home / "results")
        if "paths" in root:
            with root.table("paths") as table:
                paths = Paths(**{f.name: _path(table, f.name, home) for f in fields(Paths)})
    return Config(agency_id, agency_name, contact, realm, listen, address, limits, operators, paths)


def read_address(table: Fields, key: str) -> str:
    """Take a host:port."""
    value = table.text(key, pattern=ADDRESS, hint=ADDRESS_HINT)
    if not 1 <= int(value.rpartition(":")[2]) <= 65_535:
        raise table.fail(key, ADDRESS_HINT, "a port out of range")
    return value


def _limits(table: Fields) -> Limits:
    given = {name: table.integer(name, *bounds) for name, bounds in LIMIT_RANGES.items() if name in table}
    limits = Limits(**given)
    if limits.sessions_per_partner > limits.sessions:
        raise table.fail("sessions_per_partner", f"at most sessions ({limits.sessions})", "more")
    if limits.deadline_ceiling_seconds < limits.deadline_base_seconds:
        raise table.fail("deadline_ceiling_seconds", "at least deadline_base_seconds", "less")
    return limits


def _operator(table: Fields) -> Operator:
    with table:
        operator_id = table.text(
            "id", pattern=NAME, max_bytes=64, hint="1 to 64 of letters, digits, '.', '_', '/', '-'"
        )
        if "uid" in table and "unix_user" in table:
            raise table.fail("uid", "either uid or unix_user", "both")
        if "uid" in table:
            return Operator(operator_id, table.integer("uid", 0, 2**32 - 2))
        user = table.text("unix_user", max_bytes=64)
        try:
            return Operator(operator_id, pwd.getpwnam(user).pw_uid)
        except KeyError:
            raise table.fail("unix_user", "a user of this machine", "an unknown name") from None


def _path(table: Fields, name: str, home: Path) -> Path:
    return home / Path(table.text(name, max_bytes=4096)) if name in table else home / name


def render_config(
    agency_id: str, agency_name: str, realm: str, address: str, operator: Operator, *, listen: str = ""
) -> bytes:
    """Return an accord.toml for a new node, which listens at `listen`, or at its address; the rest has its default."""
    text = f"""\
# Configuration of one accord node. docs/samples/accord.toml explains every key, also those that are not here.

[agency]
id = {_quoted(agency_id)}
name = {_quoted(agency_name)}
realm = {_quoted(realm)}

[network]
listen = {_quoted(listen or address)}
address = {_quoted(address)}

[[operators]]
id = {_quoted(operator.id)}
uid = {operator.uid}
"""
    return text.encode("utf-8", "surrogatepass")  # what is no text is refused when it is read


def _quoted(text: str) -> str:
    """Return a TOML basic string (toml.io/en/v1.0.0#string): JSON's escapes, and one for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
