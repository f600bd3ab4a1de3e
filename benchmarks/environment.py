"""What a figure depends on besides the code: machine, versions, commit. Recorded in every result."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import tomllib
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from psi import native

SOURCE: Final = Path(__file__).resolve().parents[1]
# The instruction sets that a backend or a peer may choose by.
_FLAGS: Final = ("avx2", "avx512f", "avx512ifma", "avx512vbmi", "bmi2", "adx", "sha_ni", "asimd", "sha512")
_PYTHON_PARTS: Final = ("accord", "cryptography", "gmpy2", "grpcio", "numpy", "phe", "protobuf", "rbcl")
_RUST_PARTS: Final = ("curve25519-dalek", "fiat-crypto", "sha2", "chacha20", "rayon", "pyo3")


def environment() -> dict[str, Any]:
    """Describe machine and versions. Host and user names are left out: results are published."""
    cpu = _cpu()
    return {
        "cpu": cpu,
        "cores": cores(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "kernel": platform.release(),
        "load_average": os.getloadavg(),
        "backends": list(native.available_backends()),
        "backend": native.backend(),
        "versions": _versions(),
    }


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0))


def commit() -> tuple[str, bool]:
    """The commit that is checked out, and whether measured code differs from it; ("unknown", True) without git."""
    revision = _git("rev-parse", "HEAD")
    changed = _git("status", "--porcelain", "--", "psi", "native", "protocol", "nodes", "benchmarks/*.py")
    return (revision or "unknown", changed is None or bool(changed) or revision is None)


def now() -> str:
    """The time, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _cpu() -> dict[str, Any]:
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    fields = dict(re.findall(r"^([\w ]+?)\s*:\s*(.*)$", info.partition("\n\n")[0], re.MULTILINE))
    present = set((fields.get("flags") or fields.get("Features") or "").split())
    return {
        "architecture": platform.machine(),
        "model": fields.get("model name", "unknown"),
        "family_model_stepping": [fields.get(name, "") for name in ("cpu family", "model", "stepping")],
        "flags": [flag for flag in _FLAGS if flag in present],
    }


def _versions() -> dict[str, str]:
    from cryptography.hazmat.backends.openssl import backend as openssl

    versions = {"python": platform.python_version(), "openssl": openssl.openssl_version_text()}
    for part in _PYTHON_PARTS:
        try:
            versions[part] = metadata.version(part)
        except metadata.PackageNotFoundError:
            versions[part] = "absent"
    locked = tomllib.loads((SOURCE / "native" / "Cargo.lock").read_text(encoding="utf-8"))
    versions |= {package["name"]: package["version"] for package in locked["package"] if package["name"] in _RUST_PARTS}
    return versions


def _git(*arguments: str) -> str | None:
    command = ("git", "-C", str(SOURCE), *arguments)
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
