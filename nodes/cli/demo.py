"""`accord demo`: nodes on this machine answer real questions, and each answer is compared with the truth.

Nothing is mocked: every step is a command that an operator would type, in a process of its own; the nodes meet over
mutual TLS on loopback.
"""

from __future__ import annotations

import csv
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import click

from nodes.cli.demo_total import Circle, totals_rules
from nodes.cli.errors import DemoError
from nodes.cli.figures import table
from nodes.cli.output import print_facts, print_table
from nodes.error_table import ExitCode
from nodes.exercise_accounts import CORRIDORS
from nodes.exercise_node import MANDATE, ExerciseNode, free_port, introduce
from nodes.home import write_private

NORTH: Final = "fiu-north"
SOUTH: Final = "customs-south"
THIRD: Final = "police-east"
DATA_SET: Final = "persons"
PEOPLE: Final = "people"
PEOPLE_SIZE: Final = 300  # persons per agency whose names the second one writes in three scripts
NAME_KIND: Final = "name-dob"
ACCOUNTS: Final = "accounts"
ACCOUNTS_SIZE: Final = 2_000  # per agency
CURRENCY: Final = "EUR"
RANGE: Final = "1000000"  # of what moved over one account, either way
EXACT_ANSWERS: Final = 2  # that the second agency gives

_RULES: Final = """
[[rules]]
id = "demonstration"
effect = "allow"
direction = "{direction}"
partners = ["{partner}"]
queries = ["intersect", "count", "sum"]
reveals = ["shared-identifiers", "shared-identifiers-with-notes", "count", "sums"]
data_sets = ["persons", "people", "accounts"]
kinds = ["*"]
purposes = ["exercise"]
instruments = ["Exercise order"]
max_elements_per_list = 1_000_000_000
max_elements_per_day = 1_000_000_000_000
max_duration_seconds = 86_400

[rules.aggregates]
minimum = 10
epsilon_millis = 0
rounding = 0
max_per_person = 2
max_exact_answers = {answers}
max_epsilon_millis = 0
period_days = 30
max_share_percent = 100
"""


@click.command(short_help="Nodes on this machine answer real questions.")
@click.option("--size", type=click.IntRange(1), default=20_000, show_default=True, help="Persons per agency.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same persons.")
@click.option("--keep", is_flag=True, help="Keep the folder with all nodes.")
def command(size: int, seed: int, keep: bool) -> None:
    """Make synthetic agencies, let their nodes meet, ask, and compare the answers with the truth."""
    began = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # the nodes end with this process
    with ExitStack() as stack:
        if keep:
            folder = Path(tempfile.mkdtemp(prefix="accord-demo-"))
        else:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="accord-demo-")))
        _demonstrate(folder, size, seed, stack)
    click.echo(
        f"\nDone in {time.monotonic() - began:.1f} s. " + (f"Kept: {folder}" if keep else "All of it is removed.")
    )


def _demonstrate(folder: Path, size: int, seed: int, stack: ExitStack) -> None:
    north, south, third = (ExerciseNode(folder / agency, agency, free_port()) for agency in (NORTH, SOUTH, THIRD))
    agencies = ((north, "Financial Intelligence Unit North"), (south, "Customs South"), (third, "Police East"))
    _step(f"Two agencies that do not exist hold {size:,} persons each; a tenth of them are the same (seed {seed}).")
    exercise = north.told("exercise", "generate", folder / "exercise", "--size", size, "--seed", seed)
    people = north.told("exercise", "people", folder / "exercise", "--size", PEOPLE_SIZE, "--seed", seed)
    of_accounts = ("--size", ACCOUNTS_SIZE, "--seed", seed, "--agencies", len(agencies))
    accounts = north.told("exercise", "accounts", folder / "exercise", *of_accounts)

    _step("Each agency makes its node, and so does a third one: keys, certificate, configuration, ledger.")
    for node, name in agencies:
        node.make(name=name)

    _step("They exchange partner files, and confirm the fingerprints as people would over the telephone.")
    for agency, fingerprint in introduce(north, south, third).items():
        click.echo(f"   {agency}: {fingerprint}")

    _step("Each imports its own records; from here on they are encrypted on its disk.")
    for data_set, made in ((DATA_SET, exercise), (PEOPLE, people), (ACCOUNTS, accounts)):
        for (node, _), files in zip(agencies, made["agencies"], strict=False):  # the third holds accounts alone
            report = node.told("registry", "import", data_set, files["records"], "--mapping", files["mapping"])
            click.echo(f"   {node.agency}: {report['records']:,} records of {data_set}")

    _step(f"{SOUTH} writes a rule that lets {NORTH} ask, {NORTH} one that lets its operators ask, under a mandate.")
    for node, direction, partner, answers in (
        (north, "outgoing", SOUTH, 100),
        (south, "incoming", NORTH, EXACT_ANSWERS),
    ):
        node.write_rules(_RULES.format(direction=direction, partner=partner, answers=answers), *totals_rules())
    third.write_rules(*totals_rules())
    mandate = folder / "mandate.toml"
    write_private(mandate, MANDATE.encode())

    _step("Two nodes start, each in its own process.")
    for node in (north, south):
        stack.enter_context(node.served())

    _step(f"{NORTH} asks: which of our identifiers do you hold too?")
    question = ("--partner", SOUTH, "--data-set", DATA_SET, "--ask", DATA_SET, "--mandate", mandate)
    result = north.told("query", "intersect", *question, "--yes")
    rows = [(e["kind"], e["strength"], e["own"], e["partner"], e["shared"]) for e in result["lists"]]
    print_table(("kind", "strength", "north holds", "south holds", "shared"), rows)
    click.echo("   Leads, not identities: a hit says only that both lists hold the same identifier.")

    _step("The answer is compared with the truth, which neither node has seen.")
    shared = _compare(result["hits"], Path(exercise["truth"]))
    click.echo(f"   {shared:,} shared identifiers: all found, and nothing else.")

    _step(f"{NORTH} asks again: whom of our people do you know by name and date of birth, and under which reference?")
    by_name = ("--partner", SOUTH, "--data-set", PEOPLE, "--ask", PEOPLE, "--kind", NAME_KIND, "--mandate", mandate)
    named = north.told("query", "intersect", *by_name, "--reveals", "shared-identifiers-with-notes", "--yes")
    _show_names(named["hits"], people)

    _ask_for_figures(north, mandate, Path(accounts["truth"]))

    _step(f"{NORTH} asks {SOUTH} and {THIRD}: how much {CURRENCY} did all three of us see, by offence?")
    records = tuple(Path(files["records"]) for files in accounts["agencies"])
    Circle(north, south, third, mandate, records).show()

    _step("The ledgers are verified: who asked whom what, when and why, and what left.")
    for node, _ in agencies:
        head = node.told("ledger", "verify")
        click.echo(f"   {node.agency}: {head['rows']} rows, head {head['head'][:16]}")

    click.echo()
    print_facts(
        {
            "query": f"{result['seconds']:.1f} s",
            "bytes": f"{result['sent_bytes'] + result['received_bytes']:,} between the nodes",
            "backend": result["backend"],
        }
    )


def _ask_for_figures(north: ExerciseNode, mandate: Path, truth: Path) -> None:
    """Count and sum, compare what is told with the truth, and see that a question too many is refused."""
    _step(f"{NORTH} asks for numbers alone: how many of our accounts do you hold, and how much {CURRENCY} moved there?")
    between = ("--partner", SOUTH, "--data-set", ACCOUNTS, "--ask", ACCOUNTS, "--mandate", mandate)
    asked = (*between, "--per-person", 2, "--yes")
    counted = north.told("query", "count", *asked)
    corridors = [word for corridor in CORRIDORS for word in ("--category", f"{corridor[0]}-{corridor[2]}")]
    limits = ("--currency", CURRENCY, "--low", f"-{RANGE}", "--high", RANGE)
    summed = north.told("query", "sum", *asked, *limits, "--by", "corridor", *corridors)
    print_table(*table(counted))
    print_table(*table(summed))
    told = _compare_figures(counted["figures"], summed["figures"], truth)
    click.echo(
        f"   {told} of {len(summed['figures'])} corridors are told, each as it is in truth. {SOUTH} suppresses one with"
    )
    click.echo("   too few accounts, and another that would give it away. Which accounts they share, neither learns.")
    exit_code, error = north.fails("query", "count", *asked)
    if exit_code != ExitCode.REFUSED_BY_PARTNER:
        raise DemoError(f"expected {SOUTH} to refuse another count, got exit code {exit_code}")
    told_so = f"{SOUTH} refuses ({error['code']}): its rule allows {EXACT_ANSWERS} exact answers in 30 days."
    click.echo(f"   Asked once more, {told_so}")


def _compare_figures(counted: list[dict[str, Any]], summed: list[dict[str, Any]], truth: Path) -> int:
    """Compare with what the exercise wrote of the second agency's records. Returns: how many corridors were told.

    Raises:
        DemoError: a figure that is not true, or none that is suppressed.
    """
    with truth.open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["agency"] == "2"]
    of_all = next(int(row["accounts"]) for row in rows if not row["currency"])
    of_corridors = {
        row["value"]: (int(row["accounts"]), int(row["minor_units"]))
        for row in rows
        if (row["currency"], row["category"]) == (CURRENCY, "corridor")
    }
    told = {f["category"]: (f["count"], f["total"]) for f in summed if f["count"] is not None}
    wrong = [name for name, figure in told.items() if of_corridors.get(name) != figure]
    if [f["count"] for f in counted] != [of_all] or wrong or not 0 < len(told) < len(summed):
        raise DemoError(
            f"expected {of_all} shared accounts and true sums, some suppressed, got {len(wrong)} wrong sums"
        )
    return len(told)


def _show_names(hits: list[dict[str, Any]], people: dict[str, Any]) -> None:
    """Show one labelled hit for each script, and count what was found of what is shared.

    Raises:
        DemoError: a script in which nobody was found.
    """
    ours, theirs = (_by_reference(Path(files["records"])) for files in people["agencies"])
    with Path(people["truth"]).open(encoding="utf-8", newline="") as lines:
        truth = {(row["agency_1"], row["agency_2"]): row["script"] for row in csv.DictReader(lines)}
    notes = {(hit["records"][0]["reference"], hit["note"]) for hit in hits}  # a person may be hit by several keys
    found = {(own, note.rpartition(": ")[2]): note for own, note in sorted(notes)}
    examples = {truth[pair]: (pair, note) for pair, note in found.items() if pair in truth}
    if examples.keys() != set(truth.values()):
        raise DemoError(f"expected shared persons in every script, got some in {len(examples)}")
    shown = [
        (script, ours[own]["name"], theirs[reference]["name"], note)
        for script, ((own, reference), note) in sorted(examples.items())
    ]
    print_table(("script", "north's record", "south's record, which north does not see", "the note north gets"), shown)
    strangers = len(found.keys() - truth.keys())
    click.echo(f"   {len(found) - strangers} of {len(truth)} shared persons found, and {strangers} strangers.")
    click.echo("   The note says whom to call. The officer confirms or discards each hit before anything follows.")


def _by_reference(records: Path) -> dict[str, dict[str, str]]:
    with records.open(encoding="utf-8", newline="") as lines:
        return {row["reference"]: row for row in csv.DictReader(lines)}


def _step(text: str) -> None:
    click.echo(f"* {text}")


def _compare(hits: list[dict[str, Any]], truth: Path) -> int:
    """Compare kinds and own references, which the exercise wrote, so that no code of the nodes judges itself.

    Raises:
        DemoError: a shared identifier was not found, or one was found that is not shared.
    """
    found = Counter((hit["kind"], record["reference"]) for hit in hits for record in hit["records"])
    with truth.open(encoding="utf-8", newline="") as lines:
        expected = Counter((row["kind"], row["agency_1"]) for row in csv.DictReader(lines))
    missing, surplus = expected - found, found - expected
    if missing or surplus:
        raise DemoError(
            f"expected {expected.total()} shared identifiers, got {found.total()}: "
            f"{missing.total()} missing, {surplus.total()} that are not shared"
        )
    return expected.total()
