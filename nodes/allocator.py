"""Makes the C library keep memory that was freed, for a process that fills and frees megabytes all the time.

glibc gives large blocks back to the kernel as soon as they are free. The kernel then hands out the same pages again,
each emptied first and at the price of a fault: a node spent a tenth of its processor time so, a million pages a query.
"""

from __future__ import annotations

import ctypes
from typing import Final

# mallopt(3)
_TRIM_THRESHOLD: Final = -1
_TOP_PAD: Final = -2
_MMAP_THRESHOLD: Final = -3
_ARENA_MAX: Final = -8

KEPT_BYTES: Final = 1 << 27  # free at the end of the heap; more goes back
STEP_BYTES: Final = 1 << 25  # by which the heap grows
LARGEST_BYTES: Final = 1 << 25  # from the heap; what is larger goes back at once. glibc allows no more


def keep_freed_memory() -> None:
    """Set this process's allocator, once, early. Another C library than glibc stays as it is."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    for option, value in (
        (_ARENA_MAX, 1),  # other heaps than the first end, and go back, whatever is set here
        (_MMAP_THRESHOLD, LARGEST_BYTES),
        (_TRIM_THRESHOLD, KEPT_BYTES),
        (_TOP_PAD, STEP_BYTES),
    ):
        mallopt(option, value)
