"""The systemd unit restricts the node as the runbook says; the container file installs what the locks say."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
UNIT: Final = ROOT / "packaging" / "accord.service"
# systemd.exec(5), systemd.resource-control(5). Held one by one: the score of systemd-analyze differs between releases.
RESTRICTIONS: Final = {
    "User": ["accord"],
    "Group": ["accord"],
    "StateDirectory": ["accord"],
    "StateDirectoryMode": ["0700"],
    "UMask": ["0077"],
    "LimitCORE": ["0"],  # no memory image of a process that holds keys
    "MemorySwapMax": ["0"],
    "NoNewPrivileges": ["yes"],
    "CapabilityBoundingSet": [""],
    "AmbientCapabilities": [""],
    "ProtectSystem": ["strict"],
    "ProtectHome": ["yes"],
    "PrivateTmp": ["yes"],
    "PrivateDevices": ["yes"],
    "PrivateUsers": ["yes"],
    "PrivateIPC": ["yes"],
    "PrivateMounts": ["yes"],
    "ProtectClock": ["yes"],
    "ProtectHostname": ["yes"],
    "ProtectKernelLogs": ["yes"],
    "ProtectKernelModules": ["yes"],
    "ProtectKernelTunables": ["yes"],
    "ProtectControlGroups": ["yes"],
    "ProtectProc": ["invisible"],
    "ProcSubset": ["pid"],
    "RestrictAddressFamilies": ["AF_INET AF_INET6 AF_UNIX"],
    "RestrictNamespaces": ["yes"],
    "RestrictRealtime": ["yes"],
    "RestrictSUIDSGID": ["yes"],
    "LockPersonality": ["yes"],
    "MemoryDenyWriteExecute": ["yes"],
    "RemoveIPC": ["yes"],
    "KeyringMode": ["private"],
    "DevicePolicy": ["closed"],
    "SystemCallArchitectures": ["native"],
    "SystemCallFilter": ["@system-service", "~@privileged @resources"],
}


@pytest.fixture(scope="module")
def service() -> dict[str, list[str]]:
    """Each directive of [Service] with its values in order: systemd adds up what is written several times."""
    directives: dict[str, list[str]] = defaultdict(list)
    section = ""
    for line in UNIT.read_text().splitlines():
        if line.startswith("["):
            section = line
        elif section == "[Service]" and line and not line.startswith("#"):
            name, found, value = line.partition("=")
            assert found, "expected name=value, got another line"
            directives[name].append(value)
    return dict(directives)


@pytest.mark.parametrize("name", RESTRICTIONS)
def test_the_unit_stays_restricted(service: dict[str, list[str]], name: str) -> None:
    assert service.get(name) == RESTRICTIONS[name]


def test_the_unit_opens_nothing_again(service: dict[str, list[str]]) -> None:
    assert not service.keys() & {
        "ReadWritePaths",
        "BindPaths",
        "PermissionsStartOnly",
        "SupplementaryGroups",
        "DeviceAllow",
    }
    assert not any(command.startswith(("+", "!")) for command in service["ExecStart"])  # these run with privileges


def test_the_unit_bounds_what_a_node_takes(service: dict[str, list[str]]) -> None:
    assert re.fullmatch(r"[0-9]+G", service["MemoryMax"][0])
    assert int(service["TasksMax"][0]) <= 512
    assert int(service["LimitNOFILE"][0]) <= 8192


def test_the_unit_gives_sessions_their_grace(service: dict[str, list[str]]) -> None:
    grace = re.search(r"--grace ([0-9]+)", service["ExecStart"][0])
    assert grace
    assert int(service["TimeoutStopSec"][0]) > int(grace[1]) + 10


def test_systemd_reads_the_unit(tmp_path: Path) -> None:
    """Syntax alone: an older systemd does not know every directive, and says so of each."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not on this machine")
    unit = tmp_path / "accord.service"  # the program need not be installed where tests run
    unit.write_text(UNIT.read_text().replace("/usr/local/bin/accord", shutil.which("true") or "/bin/true"))
    done = subprocess.run([program, "verify", unit], capture_output=True, text=True, check=False)
    if "Failed to initialize manager" in done.stderr or "Failed to setup" in done.stderr:
        pytest.skip("systemd-analyze cannot work on this machine")
    faults = [
        line
        for line in done.stderr.splitlines()
        if "accord.service" in line and not re.search("Unknown (key|lvalue)", line)
    ]
    assert faults == []


def test_the_container_installs_by_hash_and_runs_as_nobody_else() -> None:
    text = (ROOT / "packaging" / "Containerfile").read_text()
    for source in re.findall(r"^COPY (?!--from)(\S+)", text, re.MULTILINE):
        assert source.startswith("dist/") or (ROOT / source).is_file(), source
    assert text.count("--require-hashes") == 1
    assert re.findall(r"^USER (.+)$", text, re.MULTILINE) == ["10001:10001"]
