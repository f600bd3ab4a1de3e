"""Virtual environments of peers, outside the repository: made on demand from a lock with hashes."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Final

from benchmarks.results import BenchmarkError

_LOCKS: Final = Path(__file__).parent
_INSTALL_SECONDS: Final = 1_200


def python_of(name: str) -> Path:
    """Return the interpreter of a peer's environment; it is made if its lock has none yet.

    Raises:
        BenchmarkError: it cannot be installed here; says what pip said.
    """
    lock = _LOCKS / f"{name}.lock"
    digest = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = _cache() / f"{name}-{digest}"
    python, complete = folder / "bin" / "python", folder / "complete"
    if not complete.exists():
        print(f"installing {name} (once)", file=sys.stderr)
        venv.create(folder, clear=True, with_pip=True)
        command = (str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        try:
            subprocess.run(
                (*command, "--require-hashes", "--only-binary", ":all:", "-r", str(lock)),
                check=True,
                capture_output=True,
                text=True,
                timeout=_INSTALL_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise BenchmarkError(f"{name}: expected to be installed in {_INSTALL_SECONDS} s") from None
        except subprocess.CalledProcessError as error:
            said = [line for line in error.stderr.splitlines() if line.startswith("ERROR")] or ["nothing"]
            raise BenchmarkError(f"{name}: cannot be installed here; pip said: {said[0]}") from None
        complete.touch()
    return python


def locked_version(name: str, package: str) -> str:
    """Return the version of a package in a peer's lock."""
    for line in (_LOCKS / f"{name}.lock").read_text(encoding="utf-8").splitlines():
        found, _, version = line.removesuffix(" \\").partition("==")
        if found == package:
            return version
    raise BenchmarkError(f"{name}: expected {package} in the lock")


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "accord-bench"
