"""docs/operations.md, followed step by step: every marked block, as written, on empty folders."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

import nodes
from nodes.exercise_node import free_port
from tests.patience import PATIENCE_SECONDS

RUNBOOK: Final = Path(nodes.__file__).parents[1] / "docs" / "operations.md"
BLOCK: Final = re.compile(r"^```sh (north|south|auditor)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FINGERPRINT: Final = re.compile(r"^fingerprint +(.+)$", re.MULTILINE)
SHARED: Final = re.compile(r"^shared, [a-z-]+ +([0-9]+)$", re.MULTILINE)


class Follower:
    """Does what the runbook says, at each agency's machine; hears fingerprints as people do, on the telephone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._heard: dict[str, str] = {}
        self._ports = {"north": free_port(), "south": free_port()}
        programs = folder / "bin"
        for path in (programs, folder / "exchange", *(folder / name for name in ("north", "south", "auditor"))):
            path.mkdir()
        accord = programs / "accord"
        accord.write_text(f'#!/bin/sh\nexec {sys.executable} -c "from nodes.cli.main import main; main()" "$@"\n')
        accord.chmod(0o755)

    def run(self, agency: str, block: str) -> str:
        """Run one block in a shell of its own, which ends at the first command that fails."""
        for name, port in self._ports.items():
            block = block.replace(f"accord.fiu-{name}.example:7443", f"127.0.0.1:{port}")
        if agency in self._ports:
            block = block.replace("0.0.0.0:7443", f"127.0.0.1:{self._ports[agency]}")
        environment = {
            **os.environ,
            "PATH": f"{self._folder / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(RUNBOOK.parents[1]),
            "ACCORD_HOME": str(self._folder / f"{agency}-home"),
            "HOME": str(self._folder / agency),
            "EXCHANGE": str(self._folder / "exchange"),
        }
        other = {"north": "south", "south": "north"}.get(agency, "")
        done = subprocess.run(
            ["/bin/bash", "-euo", "pipefail", "-c", block],
            cwd=self._folder / agency,
            env=environment,
            input=self._heard.get(other, "") + "\n",
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            umask=0o077,  # as the first block sets it for the operator's shell
            check=False,
        )
        log = self._folder / agency / "serve.log"
        assert done.returncode == 0, (
            f"{agency}: {block}\n{done.stdout}\n{done.stderr}\n{log.exists() and log.read_text()}"
        )
        if "accord partner export" in block and (shown := FINGERPRINT.search(done.stdout)):
            self._heard[agency] = shown[1]
        return done.stdout

    def stop(self) -> None:
        """End what a failed step left running."""
        for file in self._folder.glob("*/serve.pid"):
            with suppress(ProcessLookupError):
                os.kill(int(file.read_text()), signal.SIGKILL)


def test_the_runbook_works_as_written(tmp_path: Path) -> None:
    blocks = BLOCK.findall(RUNBOOK.read_text(encoding="utf-8"))
    assert len(blocks) > 25
    follower = Follower(tmp_path)
    said: dict[str, list[str]] = {}
    try:
        for agency, block in blocks:
            said.setdefault(agency, []).append(follower.run(agency, block))
    finally:
        follower.stop()
    north = "".join(said["north"])
    shared = sum(int(count) for count in SHARED.findall(north))
    results = [json.loads(file.read_bytes()) for file in (tmp_path / "north-home" / "results").glob("*.json")]
    hits = [len(result["hits"]) for result in results if result["reveals"] == "shared-identifiers"]
    assert hits == [shared, shared]  # asked three times, once while suspended
    figures = [result["figures"] for result in results if "figures" in result]
    assert len(figures) == 3 and any(figure["count"] for told in figures for figure in told)
    assert shared > 20
    assert "fiu-south" in "".join(said["auditor"])
    for home in (tmp_path / "north-home", tmp_path / "south-home"):
        assert not any((home / "spool").iterdir())
