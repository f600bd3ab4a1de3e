"""`python -m tests.fuzz [TARGET ...] [--seconds N]`: coverage-guided fuzzing, from what is kept of each target.

Needs atheris (`pip install atheris`), which is not among the locked dependencies: nothing else does. What covers more
is merged into tests/corpus afterwards, the smallest inputs first; a finding stops the run, and the input that showed it
is in the working directory. Each target runs in a process of its own, because libFuzzer ends with it.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.fuzz import corpus
from tests.fuzz.targets import TARGETS

MAX_BYTES: Final = 16_384
MAX_INPUTS: Final = 60  # kept of each target
TIMEOUT_SECONDS: Final = 10  # of one input
LIMITS: Final = (f"-max_len={MAX_BYTES}", f"-timeout={TIMEOUT_SECONDS}", "-rss_limit_mb=2048")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", default=list(TARGETS), help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=int, default=60, help="of each target (default: 60)")
    asked = parser.parse_args()
    for target in asked.targets:
        with tempfile.TemporaryDirectory(prefix="accord-fuzz-") as folder:
            fuzz(target, asked.seconds, Path(folder))


def fuzz(target: str, seconds: int, folder: Path) -> None:
    grown, merged = folder / "grown", folder / "merged"
    grown.mkdir()
    merged.mkdir()
    for number, data in enumerate([*TARGETS[target].seeds(), *corpus.kept(target)]):
        (grown / f"{number:04}").write_bytes(data[:MAX_BYTES])
    program = command(target, folder / "program")
    subprocess.run([program, grown, f"-max_total_time={seconds}", "-print_final_stats=1", *LIMITS], check=True)
    subprocess.run([program, merged, grown, "-merge=1", *LIMITS], check=True)
    found = sorted((path.read_bytes() for path in merged.iterdir()), key=len)
    corpus.keep(target, found[:MAX_INPUTS])
    print(f"{target}: {len(found)} inputs cover all that was reached, {min(len(found), MAX_INPUTS)} kept", flush=True)


def command(target: str, path: Path) -> Path:
    """A program that fuzzes this target: libFuzzer starts itself again when it merges."""
    path.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m tests.fuzz.guided {target} "$0" "$@"\n')
    path.chmod(0o700)
    return path


main()
