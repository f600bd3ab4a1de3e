"""`accord serve`: run the node."""

from __future__ import annotations

import asyncio
import os

import click

from nodes.home import Home


@click.command(short_help="Run the node.")
@click.option(
    "--grace",
    "grace_seconds",
    type=click.FloatRange(0, 3_600),
    default=30.0,
    show_default=True,
    help="Seconds that sessions under way get to finish when the node is stopped.",
)
@click.pass_obj
def command(home: Home, grace_seconds: float) -> None:
    """Serve partners and this node's operators until SIGTERM or SIGINT. The log goes to stderr."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its lines have another form; what matters, we log ourselves
    from nodes import logs, serving  # loads gRPC, which reads its environment when loaded

    logs.configure()
    asyncio.run(serving.serve(home, grace_seconds))
