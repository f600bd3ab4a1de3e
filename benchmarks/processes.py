"""What a process used, as the kernel counts it."""

from __future__ import annotations

import os
import re
from pathlib import Path


def peak_rss_bytes(process: int) -> int:
    """The most memory that a process has had in use (VmHWM of proc(5))."""
    return _status_bytes(process, "VmHWM")


def rss_bytes(process: int) -> int:
    """The memory that a process has in use now (VmRSS of proc(5))."""
    return _status_bytes(process, "VmRSS")


def cpu_seconds(process: int) -> float:
    """User and system time of a process, all threads (proc(5), stat, fields 14 and 15)."""
    stat = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace")
    fields = stat.rpartition(")")[2].split()  # from field 3 on; the name before it may hold anything
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _status_bytes(process: int, name: str) -> int:
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii", errors="replace")
    match = re.search(rf"^{name}:\s*(\d+) kB$", status, re.MULTILINE)
    if match is None:
        raise OSError(f"expected {name} of a process")
    return int(match[1]) * 1024
