"""`accord demo`: two nodes on this machine answer a real question, and the answer is compared with the truth.

Nothing is mocked: every step is a command that an operator would type, in a process of its own; the nodes meet over
mutual TLS on loopback.
"""

from __future__ import annotations

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from nodes.cli.output import print_facts, print_table
from nodes.errors import DemoError
from nodes.home import Home, write_private

ACCORD: Final = (sys.executable, "-c", "from nodes.cli.main import main; main()")
NORTH: Final = "fiu-north"
SOUTH: Final = "customs-south"
DATA_SET: Final = "persons"
READY_SECONDS: Final = 60.0
STOP_SECONDS: Final = 20.0
LOG_CHARACTERS: Final = 4_000

_RULES: Final = """
[[rules]]
id = "demonstration"
effect = "allow"
direction = "{direction}"
partners = ["{partner}"]
queries = ["intersect"]
reveals = ["shared-identifiers"]
data_sets = ["persons"]
kinds = ["*"]
purposes = ["demonstration"]
instruments = ["Exercise order 1"]
max_elements_per_list = 1_000_000_000
max_elements_per_day = 1_000_000_000_000
max_duration_seconds = 86_400
"""

_MANDATE: Final = """
[mandate]
purpose = "demonstration"
instrument = "Exercise order 1"
reference = "EX-1"
case_reference = "DEMO-1"
officer = "Exercise control"
offence_category = "exercise"
handling_code = "H0"
urgency = "routine"
not_before = 2020-01-01T00:00:00Z
not_after = 2099-12-31T00:00:00Z
"""


@dataclass(frozen=True, slots=True)
class Demonstrated:
    """One of the two agencies."""

    agency: str
    home: Path
    port: int

    @property
    def log(self) -> Path:
        return self.home.with_name(f"{self.agency}.log")

    def accord(self, *arguments: object) -> Any:
        """Run a command of this agency's operator; return what it says with --json."""
        command = [*ACCORD, "--home", str(self.home), *map(str, arguments), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603, our own command
        if done.returncode != 0:
            said = done.stderr.strip()[-LOG_CHARACTERS:]
            raise DemoError(f"expected `accord {arguments[0]}` of {self.agency} to succeed, got:\n{said}")
        return json.loads(done.stdout)


@click.command(short_help="Two nodes on this machine answer a real question.")
@click.option("--size", type=click.IntRange(1), default=20_000, show_default=True, help="Persons per agency.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same persons.")
@click.option("--keep", is_flag=True, help="Keep the folder with both nodes.")
def command(size: int, seed: int, keep: bool) -> None:
    """Make two synthetic agencies, let their nodes meet, ask, and compare the answer with the truth."""
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
    north, south = (Demonstrated(agency, folder / agency, _free_port()) for agency in (NORTH, SOUTH))
    _step(f"Two agencies that do not exist hold {size:,} persons each; a tenth of them are the same (seed {seed}).")
    exercise = north.accord("exercise", "generate", folder / "exercise", "--size", size, "--seed", seed)

    _step("Each agency makes its node: keys, certificate, configuration, ledger.")
    for node, name in ((north, "Financial Intelligence Unit North"), (south, "Customs South")):
        address = f"127.0.0.1:{node.port}"
        node.accord("init", "--agency-id", node.agency, "--name", name, "--realm", "exercise", "--address", address)

    _step("They exchange partner files, and confirm the fingerprints as people would over the telephone.")
    for node, other in ((north, south), (south, north)):
        file = folder / f"{node.agency}.partner"
        fingerprint = node.accord("partner", "export", file)["fingerprint"]
        other.accord("partner", "add", file, "--fingerprint", fingerprint)
        click.echo(f"   {node.agency}: {fingerprint}")

    _step("Each imports its own records; from here on they are encrypted on its disk.")
    for node, files in zip((north, south), exercise["agencies"], strict=True):
        report = node.accord("registry", "import", DATA_SET, files["records"], "--mapping", files["mapping"])
        click.echo(f"   {node.agency}: {report['records']:,} records")

    _step(f"{SOUTH} writes a rule that lets {NORTH} ask, {NORTH} one that lets its operators ask, under a mandate.")
    write_private(Home(north.home).rules_file, _RULES.format(direction="outgoing", partner=SOUTH).encode())
    write_private(Home(south.home).rules_file, _RULES.format(direction="incoming", partner=NORTH).encode())
    mandate = folder / "mandate.toml"
    write_private(mandate, _MANDATE.encode())

    _step("Two nodes start, each in its own process.")
    for node in (north, south):
        stack.enter_context(_served(node))

    _step(f"{NORTH} asks: which of our identifiers do you hold too?")
    question = ("--partner", SOUTH, "--data-set", DATA_SET, "--ask", DATA_SET, "--mandate", mandate)
    result = north.accord("query", "intersect", *question, "--yes")
    rows = [(e["kind"], e["strength"], e["own"], e["partner"], e["shared"]) for e in result["lists"]]
    print_table(("kind", "strength", "north holds", "south holds", "shared"), rows)
    click.echo("   Leads, not identities: a hit says only that both lists hold the same identifier.")

    _step("The answer is compared with the truth, which neither node has seen.")
    shared = _compare(result["hits"], Path(exercise["truth"]))
    click.echo(f"   {shared:,} shared identifiers: all found, and nothing else.")

    _step("Both ledgers are verified: who asked whom what, when and why, and what left.")
    for node in (north, south):
        head = node.accord("ledger", "verify")
        click.echo(f"   {node.agency}: {head['rows']} rows, head {head['head'][:16]}")

    click.echo()
    print_facts(
        {
            "query": f"{result['seconds']:.1f} s",
            "bytes": f"{result['sent_bytes'] + result['received_bytes']:,} between the nodes",
            "backend": result["backend"],
        }
    )


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


@contextmanager
def _served(node: Demonstrated) -> Iterator[None]:
    """Run a node in a process of its own; it ends with this block, whatever happens in it."""
    with node.log.open("wb") as log:
        process = subprocess.Popen(  # noqa: S603, our own command
            [*ACCORD, "--home", str(node.home), "serve", "--grace", "1"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=dict(os.environ),
            start_new_session=True,  # Ctrl-C ends the demonstration, and that ends the nodes
        )
    try:
        _wait_until_ready(node, process)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(node: Demonstrated, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while "event=ready" not in node.log.read_text(encoding="utf-8", errors="replace"):
        if process.poll() is not None or time.monotonic() > deadline:
            said = node.log.read_text(encoding="utf-8", errors="replace")[-LOG_CHARACTERS:]
            raise DemoError(f"expected the node of {node.agency} to start, got:\n{said}")
        time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
