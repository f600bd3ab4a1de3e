"""Options that several commands have, so that they are called, explained and completed alike; and examples."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from nodes.cli.completion import complete_kinds, complete_partners

F = TypeVar("F", bound=Callable[..., Any])

FILE: Final = click.Path(dir_okay=False, path_type=Path)


def adding(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Return what adds these options to a command, in this order."""

    def add(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def partner_option(purpose: str) -> Callable[[F], F]:
    """Add `--partner`, which must be given; the command gets `partner`."""
    return click.option(
        "--partner",
        required=True,
        metavar="ID",
        shell_complete=complete_partners,
        help=f"{purpose}; see `accord partner list`.",
    )


def kinds_option(default: str) -> Callable[[F], F]:
    """Add `--kind`; without it, the default is as said here. The command gets `kinds`."""
    return click.option(
        "--kind",
        "kinds",
        multiple=True,
        metavar="KIND",
        shell_complete=complete_kinds,
        help=f"Identifier kind, again for more.  [{default}]",
    )


def mandate_option(command: F) -> F:
    """Add `--mandate`, which must be given; the command gets `mandate`."""
    return click.option(
        "--mandate",
        required=True,
        type=FILE,
        help="File with the legal basis; docs/samples/mandate.toml explains it.",
    )(command)


def example(*lines: str) -> str:
    """What a command's help ends with: how it is called. A test calls the commands of all examples so."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)
