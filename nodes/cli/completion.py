"""`accord completion`: what makes a shell complete commands, options, and the words that a node knows."""

from __future__ import annotations

from typing import Final

import click
from click.shell_completion import CompletionItem, get_completion_class

from nodes.errors import NodeError
from nodes.home import Home

SHELLS: Final = ("bash", "zsh", "fish")
VARIABLE: Final = "_ACCORD_COMPLETE"  # by which click knows that a shell asks


@click.command(short_help="Print a shell's completion script.")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the script that makes SHELL complete `accord`.

    \b
    bash:  eval "$(accord completion bash)"        in ~/.bashrc
    zsh:   eval "$(accord completion zsh)"         in ~/.zshrc
    fish:  accord completion fish > ~/.config/fish/completions/accord.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None, "click knows these shells"  # noqa: S101, its own list
    click.echo(kind(context.find_root().command, {}, "accord", VARIABLE).source())


def complete_kinds(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Identifier kinds."""
    from protocol.identifiers import KINDS  # here and below: commands load this module, few complete anything

    return [CompletionItem(kind) for kind in KINDS if kind.startswith(begun)]


def complete_partners(context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Agencies in the partner book; none where this node cannot be read, because a shell is no place for errors."""
    from nodes.config import load_config
    from nodes.partners import PartnerBook

    home = Home(context.find_root().params["path"].expanduser().absolute())
    try:
        book = PartnerBook(home, load_config(home)).all()
    except (NodeError, OSError):
        return []
    return [
        CompletionItem(partner.file.agency_id, help=partner.file.agency_name)
        for partner in book
        if partner.file.agency_id.startswith(begun)
    ]
