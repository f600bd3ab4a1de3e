"""`accord epoch`: keys and indexes that outlive a session, so that a small question costs its own size."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import click

from nodes.cli.asking import advise, ask
from nodes.cli.local import LocalNode, now_ms
from nodes.cli.options import example, kinds_option, mandate_option, partner_option
from nodes.cli.output import json_option, moment, print_facts, print_json, print_table
from nodes.cli.progress import ProgressLine
from nodes.control.wire import SyncOrder
from nodes.epochs.errors import EpochUnknownError
from nodes.epochs.given import GivenEpoch, GivenEpochs, Terms
from nodes.epochs.held import HeldEpoch, HeldEpochs
from nodes.errors import QuestionError, StorageError
from nodes.home import Home, make_folder
from nodes.ledger import Entry, Event
from nodes.mandate import load_mandate
from nodes.node import spools_for
from nodes.partners import PartnerBook
from nodes.registry import Registry
from nodes.state import State
from protocol.errors import RefusedError
from protocol.identifiers import KINDS
from protocol.messages import Epoch


@click.group(short_help="Keep keys and indexes between questions.")
def command() -> None:
    """Keep keys and indexes between questions.

    In an epoch the side that answers uses the same keys until a date. It gives the tags of its data set away once, and
    later only what changed. The side that asks keeps them as an index, and its questions cost their own size. The
    price: whoever was asked about once is watched for as long as the epoch runs, so each release charges again.
    """


@command.command(
    "open",
    epilog=example(
        "accord epoch open --partner fiu-north --data-set persons --kind passport --kind iban --until 2027-03-31 \\\n"
        "    --max-elements 5000000 --max-per-query 10000"
    ),
)
@partner_option("Agency that may ask")
@click.option("--data-set", required=True, metavar="NAME", help="Own data set that it may ask about.")
@kinds_option("required")
@click.option(
    "--until",
    required=True,
    type=click.DateTime(["%Y-%m-%d"]),
    help="Last day (UTC). Then keys and indexes are deleted on both sides.",
)
@click.option("--max-elements", required=True, type=int, help="Evaluations in all, counted again at each release.")
@click.option("--max-per-query", required=True, type=int, help="Elements in one question.")
@json_option
@click.pass_obj
def open_(
    home: Home,
    partner: str,
    data_set: str,
    kinds: tuple[str, ...],
    until: datetime,
    max_elements: int,
    max_per_query: int,
    as_json: bool,
) -> None:
    """Open an epoch for a partner. Works beside a running node and without one.

    The terms are signed and cannot be changed: to change them, close the epoch and open another. What the partner may
    ask in it, rules.toml decides: it needs `epoch-sync` and `epoch-intersect` among the queries of a rule.
    """
    if not kinds or not set(kinds) <= set(KINDS):
        raise QuestionError(f"expected --kind with some of {', '.join(KINDS)}, got none or others")
    node = LocalNode.load(home)
    PartnerBook(home, node.config).by_agency(partner)
    last_moment = datetime.combine(until.date(), time.max, UTC)
    terms = Terms(
        partner=partner,
        data_set=data_set,
        kinds=tuple(kind for kind in KINDS if kind in kinds),
        not_after_ms=int(last_moment.timestamp() * 1000),
        max_elements=max_elements,
        max_elements_per_query=max_per_query,
    )

    def record(epoch: Epoch) -> None:
        caps = f"{epoch.max_elements} elements, {epoch.max_elements_per_query} a query"
        node.record(
            Entry(
                event=Event.EPOCH_OPENED,
                partner=partner,
                operator=node.operator.id,
                data_set=data_set,
                kinds=epoch.kinds,
                epoch=epoch.id,
                release=1,
                note=f"until {moment(epoch.not_after_ms)}, {caps}",
            )
        )

    facts = _given_facts(_given(node).open(terms, now_ms(), record), 0)
    if as_json:
        print_json(facts)
        return
    _show(facts)
    named = " ".join(f"--kind {kind}" for kind in terms.kinds)
    fetch = f"accord epoch sync --partner {node.config.agency_id} --ask {data_set} {named} --mandate FILE"
    click.echo(f"\nThe partner fetches it with:\n  {fetch}")


@command.command("list")
@json_option
@click.pass_obj
def list_epochs(home: Home, as_json: bool) -> None:
    """List the epochs that this node gives its partners, and those that it holds of theirs."""
    node = LocalNode.load(home)
    given, held = _given(node), HeldEpochs(node.config, node.identity)
    with closing(State(home)) as state:
        facts = [_given_facts(given.by_id(one), state.used_in_epoch(one)) for one in given.ids()]
    facts += [_held_facts(held.by_id(one)) for _, one in held.ids()]
    if as_json:
        print_json(facts)
        return
    columns = ("epoch", "partner", "role", "data set", "release", "made", "until", "elements", "charged")
    rows = [
        (
            f["epoch"],
            f["partner"],
            f["role"],
            f["data_set"],
            f["release"],
            moment(f["released_ms"]),
            moment(f["not_after_ms"]),
            sum(f["sizes"].values()),
            f"{f['charged']} of {f['max_elements']}" if "charged" in f else "",
        )
        for f in facts
    ]
    print_table(columns, rows)


@command.command()
@click.argument("epoch_id", metavar="EPOCH")
@json_option
@click.pass_obj
def close(home: Home, epoch_id: str, as_json: bool) -> None:
    """End EPOCH on this side: delete its index and, of an own epoch, its key.

    Of an own epoch nothing can be asked any more; the partner keeps tags that answer nothing without the key. A
    partner's epoch can be fetched again while the partner keeps it open.
    """
    node = LocalNode.load(home)
    given, held = _given(node), HeldEpochs(node.config, node.identity)

    def record() -> None:
        node.record(Entry(event=Event.EPOCH_ENDED, operator=node.operator.id, epoch=epoch_id, note="closed"))

    if epoch_id in given.ids():
        given.end(epoch_id, record)
        with closing(State(home)) as state:
            state.forget_epoch(epoch_id, now_ms())
        role = "given"
    elif epoch_id in {one for _, one in held.ids()}:
        held.end(epoch_id, record)
        role = "held"
    else:
        raise EpochUnknownError("expected the id of an epoch of this node, got another")
    facts = {"epoch": epoch_id, "role": role, "closed": True}
    if as_json:
        print_json(facts)
    else:
        print_facts(facts)


@command.command(
    epilog=example("accord epoch sync --partner customs-south --ask persons --kind passport --mandate mandate.toml")
)
@partner_option("Agency that opened it")
@click.option("--ask", "asked", required=True, metavar="NAME", help="The partner's data set.")
@kinds_option("required the first time")
@mandate_option
@json_option
@click.pass_obj
def sync(home: Home, partner: str, asked: str, kinds: tuple[str, ...], mandate: Path, as_json: bool) -> None:
    """Fetch a partner's epoch, or what changed in it since the last time. Needs the running node.

    The first time, name the kinds that the partner opened it for. The partner learns that you synchronise, and may
    charge again for what you asked before.
    """
    text, _ = load_mandate(mandate)  # a mistake shows before the node is asked
    order = SyncOrder(partner, asked, kinds, text)
    try:
        facts = ask(home, order, ProgressLine(quiet=as_json))
    except RefusedError as error:
        advise(error, home, partner)
        raise
    if as_json:
        print_json(facts)
        return
    sizes = {entry["kind"]: entry["partner"] for entry in facts.pop("lists")}
    _show({**facts, "sizes": sizes})
    click.echo(f"\nAsk in it with:\n  accord query intersect --epoch {facts['epoch']} ...")


def _given(node: LocalNode) -> GivenEpochs:
    registry = Registry(node.config.paths.registry, node.identity.storage_key, node.config.realm)
    try:
        make_folder(node.config.paths.spool)
    except OSError as cause:
        raise StorageError(f"expected to make {node.config.paths.spool}, got: {cause.strerror}") from None
    return GivenEpochs(node.config, node.identity, registry, lambda: spools_for(node.config))


def _given_facts(one: GivenEpoch, charged: int) -> dict[str, Any]:
    newest = one.newest()
    return {
        **_facts(one.epoch, newest.release.number, newest.release.made_ms, newest.sizes),
        "role": "given",
        "partner": one.epoch.requester,
        "charged": charged,
    }


def _held_facts(one: HeldEpoch) -> dict[str, Any]:
    facts = _facts(one.epoch, one.held.release, one.release.made_ms, one.held.sizes)
    return {**facts, "role": "held", "partner": one.partner}


def _facts(epoch: Epoch, release: int, released_ms: int, sizes: tuple[int, ...]) -> dict[str, Any]:
    return {
        "epoch": epoch.id,
        "data_set": epoch.data_set,
        "release": release,
        "released_ms": released_ms,
        "not_after_ms": epoch.not_after_ms,
        "max_elements": epoch.max_elements,
        "max_elements_per_query": epoch.max_elements_per_query,
        "sizes": dict(zip(epoch.kinds, sizes, strict=True)),
    }


def _show(facts: dict[str, Any]) -> None:
    """Print facts for people: times as dates, sizes by kind."""
    shown = {name.removesuffix("_ms").replace("_", " "): value for name, value in facts.items() if name != "sizes"}
    for name in ("released", "not after"):
        shown[name] = moment(shown[name])
    print_facts(shown)
    print_table(("kind", "identifiers"), list(facts["sizes"].items()))
