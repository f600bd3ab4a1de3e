"""`accord serve`: run the node."""

from __future__ import annotations

import asyncio
import ctypes
import os
from contextlib import suppress
from typing import Final

import click

from nodes.home import Home

# mallopt(3), glibc
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
_LARGE_BYTES: Final = 1 << 18  # chunks and frames are larger, what a session keeps is smaller


@click.command(short_help="Run the node.")
@click.option(
    "--grace",
    "grace_seconds",
    type=click.FloatRange(0, 3_600),
    metavar="SECONDS",
    default=30.0,
    show_default=True,
    help="How long sessions under way may go on when the node is stopped.",
)
@click.pass_obj
def command(home: Home, grace_seconds: float) -> None:
    """Serve partners and this node's operators until SIGTERM or SIGINT. The log goes to stderr."""
    _give_memory_back()
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its lines have another form; what matters, we log ourselves
    from nodes import logs, serving  # loads gRPC, which reads its environment when loaded

    logs.configure()
    asyncio.run(serving.serve(home, grace_seconds))


def _give_memory_back() -> None:
    """Have the C library return large buffers to the system when they are freed, as it does not by itself.

    Keeps a node's memory flat over sizes and sessions (a quarter less at 100,000 elements); other libraries lack it.
    """
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
        library.mallopt(_M_ARENA_MAX, 2)
