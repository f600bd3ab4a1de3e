"""Memory that was freed is used again without a word to the kernel, which counts the pages that it hands out."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

from nodes.allocator import keep_freed_memory

PROGRAM = """
import resource
{setting}
for _ in range(30):
    some = [bytearray(1 << 20) for _ in range(20)]
    del some
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""
SETTING = "from nodes.allocator import keep_freed_memory; keep_freed_memory()"


def faults(setting: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(setting=setting)], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="another C library than glibc")
def test_pages_are_kept() -> None:
    assert faults(SETTING) < faults("") / 4


def test_another_c_library_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    keep_freed_memory()
