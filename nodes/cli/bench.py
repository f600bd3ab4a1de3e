"""`accord bench`: run the benchmarks of a source checkout. They are no part of the installed package."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Final

import click

import nodes

# Name -> what it does. Each is `python -m benchmarks.<name>`, which has its own help.
BENCHMARKS: Final = {
    "core": "The core's operations on every backend, against libsodium and OpenSSL.",
    "elgamal": "Encrypting, adding up and opening totals, against Paillier.",
    "totals": "A total over several agencies, what it costs each of them.",
    "query": "Whole queries between two nodes on this machine.",
    "figures": "A count and a sum by category between two nodes, with the proof of a shuffle.",
    "epoch": "A small question against a large index, with fresh keys and in an epoch.",
    "peers": "The same lists through other systems, installed on demand.",
    "plot": "Draw time against size from a run's results.",
}


@click.group(short_help="Measure this machine (source checkout only).")
def command() -> None:
    """Measure this machine, with fixed seeds, correct answers and ratios against others in the same run.

    docs/benchmarks.md says what each figure means. Results are written to benchmarks/results.
    """


def _add(name: str, purpose: str) -> None:
    @command.command(
        name,
        short_help=purpose,
        add_help_option=False,
        context_settings={"ignore_unknown_options": True},
    )
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    @click.pass_context
    def run(context: click.Context, arguments: tuple[str, ...]) -> None:
        _check_checkout()
        done = subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *arguments], check=False)  # noqa: S603
        context.exit(done.returncode)


for _name, _purpose in BENCHMARKS.items():
    _add(_name, _purpose)


def _check_checkout() -> None:
    """Raise UsageError where this command does not run from a source checkout."""
    root = Path(nodes.__file__).resolve().parents[1]
    found = importlib.util.find_spec("benchmarks")
    if found is None or Path(found.origin or "").resolve() != root / "benchmarks" / "__init__.py":
        raise click.UsageError(
            "the benchmarks are part of the source checkout, not of the installed package: "
            "clone the repository, run `make dev`, and use its .venv/bin/accord"
        )
