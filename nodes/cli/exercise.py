"""`accord exercise`: synthetic agencies to practise with."""

from __future__ import annotations

from pathlib import Path

import click

from nodes.cli.output import json_option, print_facts, print_json
from nodes.exercise import MAX_AGENCIES, generate
from nodes.exercise_accounts import MAX_ACCOUNTS, generate_accounts
from nodes.exercise_people import MAX_PEOPLE, generate_people


@click.group(short_help="Make synthetic agencies with a known overlap.")
def command() -> None:
    """Make synthetic agencies with a known overlap. Only nodes of the realm `exercise` import them."""


@command.command("generate")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--size", type=click.IntRange(min=1), default=20_000, show_default=True, help="Persons per agency.")
@click.option("--overlap", type=click.IntRange(min=0), help="Persons that every agency has.  [default: a tenth]")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same files.")
@click.option(
    "--agencies", type=click.IntRange(2, MAX_AGENCIES), default=2, show_default=True, help="How many agencies."
)
@json_option
def generate_command(folder: Path, size: int, overlap: int | None, seed: int, agencies: int, as_json: bool) -> None:
    """Write records and mapping of each agency, and the truth, into FOLDER."""
    made = generate(folder, seed, size, size // 10 if overlap is None else overlap, agencies)
    files = [{"records": str(a.records), "mapping": str(a.mapping)} for a in made.agencies]
    if as_json:
        print_json({"seed": made.seed, "size": made.size, "overlap": made.overlap, "shared": made.shared,
                    "agencies": files, "truth": str(made.truth)})  # fmt: skip
        return
    for number, paths in enumerate(files, 1):
        click.echo(f"agency {number}: accord registry import persons {paths['records']} --mapping {paths['mapping']}")
    print_facts({**{f"shared, {kind}": count for kind, count in made.shared.items()}, "truth": made.truth})


@command.command("people")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--size", type=click.IntRange(1, MAX_PEOPLE), default=2_000, show_default=True, help="Persons per agency."
)
@click.option("--overlap", type=click.IntRange(min=0), help="Persons that both agencies have.  [default: a tenth]")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same files.")
@json_option
def people_command(folder: Path, size: int, overlap: int | None, seed: int, as_json: bool) -> None:
    """Write people of two agencies, with names in several scripts, and the truth, into FOLDER."""
    made = generate_people(folder, seed, size, size // 10 if overlap is None else overlap)
    files = [{"records": str(a.records), "mapping": str(a.mapping)} for a in made.agencies]
    if as_json:
        print_json({"seed": seed, "size": size, "agencies": files, "truth": str(made.truth)})
        return
    for number, paths in enumerate(files, 1):
        click.echo(f"agency {number}: accord registry import people {paths['records']} --mapping {paths['mapping']}")
    print_facts({"truth": made.truth})


@command.command("accounts")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--size", type=click.IntRange(1, MAX_ACCOUNTS), default=2_000, show_default=True, help="Accounts per agency."
)
@click.option("--overlap", type=click.IntRange(min=0), help="Accounts that every agency has.  [default: a tenth]")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same files.")
@click.option(
    "--agencies", type=click.IntRange(2, MAX_AGENCIES), default=2, show_default=True, help="How many agencies."
)
@json_option
def accounts_command(folder: Path, size: int, overlap: int | None, seed: int, agencies: int, as_json: bool) -> None:
    """Write accounts of each agency with their transactions, and the totals over shared ones, into FOLDER."""
    made = generate_accounts(folder, seed, size, size // 10 if overlap is None else overlap, agencies)
    files = [{"records": str(a.records), "mapping": str(a.mapping)} for a in made.agencies]
    if as_json:
        print_json({"seed": seed, "size": size, "agencies": files, "truth": str(made.truth)})
        return
    for number, paths in enumerate(files, 1):
        click.echo(f"agency {number}: accord registry import accounts {paths['records']} --mapping {paths['mapping']}")
    print_facts({"truth": made.truth})
