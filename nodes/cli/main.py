"""The command `accord`: one group whose subcommands are loaded only when they are used."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, Final

import click

from nodes.cli import output
from nodes.error_table import EXIT_MEANINGS, ExitCode
from nodes.home import Home

# Subcommand -> what it is for. Each is the attribute `command` of the module nodes.cli.<name>.
COMMANDS: Final = {
    "init": "Make this agency's node: keys, certificate, configuration.",
    "partner": "Exchange partner files; see, suspend and remove partners.",
    "certificate": "Renew the TLS key and certificate.",
    "registry": "Import own records and see what is held.",
    "exercise": "Make synthetic agencies with a known overlap.",
    "serve": "Run the node.",
    "query": "Ask a partner a question.",
    "results": "See the answers on this node.",
    "hits": "Confirm or discard hits, and follow them up.",
    "epoch": "Keep keys and indexes between questions.",
    "ledger": "Verify, show and export what this node did.",
    "backup": "Copy this node into one encrypted file, or back from it.",
    "doctor": "Check this node and say what to repair.",
    "completion": "Print a shell's completion script.",
    "demo": "Nodes on this machine answer real questions.",
    "bench": "Measure this machine (source checkout only).",
}


class LazyGroup(click.Group):
    """A group that imports a subcommand when it is called, and reports every error in one place."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002, signature is click's
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002, signature is click's
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"nodes.cli.{cmd_name}").command
        if not isinstance(command, click.Command):
            raise TypeError(f"nodes.cli.{cmd_name}.command: expected a click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002, signature is click's
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, BrokenPipeError):
            raise  # click ends these as it should: usage, a normal end, a reader that went away
        except (Exception, KeyboardInterrupt) as error:
            ctx.exit(output.report(error, ctx))


_EXIT_CODES: Final = "\b\nExit codes:\n" + "\n".join(f"  {int(code):2}  {EXIT_MEANINGS[code]}" for code in ExitCode)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=_EXIT_CODES,
)
@click.option(
    "--home",
    "path",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="ACCORD_HOME",
    default=lambda: Path.home() / ".accord",
    show_default="~/.accord",
    show_envvar=True,
    help="Folder of this node.",
)
@click.version_option(package_name="accord")
@click.pass_context
def root(context: click.Context, path: Path) -> None:
    """Find what agencies share without pooling their data."""
    context.obj = Home(path.expanduser().absolute())


def main() -> None:
    """Entry point of the command `accord`."""
    root(prog_name="accord")
