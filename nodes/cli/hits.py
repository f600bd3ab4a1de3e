"""`accord hits`: decide about each hit of a result, and ask the partner about those that were confirmed.

Works beside a running node. Decisions are ledger rows without identifiers; an identifier leaves this machine only in a
follow-up request.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import click

from nodes.cli.completion import complete_partners
from nodes.cli.local import LocalNode, now_ms
from nodes.cli.options import FILE, example
from nodes.cli.output import json_option, moment, print_facts, print_json, print_table
from nodes.errors import FollowUpError, HitNoteError, OutputExistsError
from nodes.fields import MAX_FILE_BYTES, read_bounded
from nodes.followup import FollowUp, as_json_fields, make_follow_up, read_follow_up, write_follow_up
from nodes.hits import Hit, all_results, find_result
from nodes.home import Home, write_private
from nodes.ledger import Event, LedgerFile
from nodes.partners import PartnerBook
from nodes.verdicts import (
    REASONS,
    Decision,
    Verdict,
    check_confirmed,
    decide,
    decisions,
    envelope_digest,
    row_about,
    standing,
    tallies,
)

OPEN = "open"

F = TypeVar("F", bound=Callable[..., Any])


@click.group(short_help="Confirm or discard hits, and follow them up.")
def command() -> None:
    """Confirm or discard the hits of a result, and ask the partner about confirmed ones.

    A hit is a lead: both lists hold the same identifier. Somebody has to check whether it means the same person or
    thing before the partner is asked. SESSION is the beginning of a session that `accord results list` shows.
    """


_SESSION = click.argument("session")
_NUMBERS = click.argument("numbers", metavar="NUMBER...", nargs=-1, required=True, type=click.IntRange(min=1))


def _deciding(verdict: Verdict) -> Callable[[F], F]:
    codes = REASONS[verdict]
    meanings = "; ".join(f"{code}: {meaning}" for code, meaning in codes.items())

    def decorate(function: F) -> F:
        for option in (
            json_option,
            click.option(
                "--note",
                type=click.File("rb"),
                metavar="FILE",
                help="File with a line in your own words, or - for stdin; a follow-up request will carry it.",
            ),
            click.option("--reason", required=True, type=click.Choice(list(codes)), help=f"Why. {meanings}."),
            _NUMBERS,
            _SESSION,
        ):
            function = option(function)
        return function

    return decorate


@command.command("list")
@_SESSION
@click.option(
    "--state", type=click.Choice([OPEN, *(verdict.value for verdict in Verdict)]), help="Only hits in this state."
)
@json_option
@click.pass_obj
def list_hits(home: Home, session: str, state: str | None, as_json: bool) -> None:
    """List hits and what was decided about each. With --json one hit a line."""
    node = LocalNode.load(home)
    result = find_result(node.config.paths.results, session)
    decided = standing(decisions(result))
    chosen = (
        (hit, decided.get(hit.number)) for hit in result.hits() if state in (None, _state(decided.get(hit.number)))
    )
    if as_json:
        for hit, decision in chosen:
            print_json(_hit_json(hit, decision))
        return
    columns = ("hit", "kind", "strength", "identifier", "own records", "partner's note", "state", "reason", "by")
    print_table(columns, _hit_rows(chosen), title=f"{result.count} hits of {result.session}, with {result.partner}")


@command.command()
@_SESSION
@click.argument("number", type=click.IntRange(min=1))
@json_option
@click.pass_obj
def show(home: Home, session: str, number: int, as_json: bool) -> None:
    """Show one hit and all decisions about it. Also the own records behind it, and the partner's note."""
    node = LocalNode.load(home)
    result = find_result(node.config.paths.results, session)
    (hit,) = result.choose(frozenset([number]))
    history = [decision for decision in decisions(result) if decision.hit == number]
    if as_json:
        print_json({**_hit_json(hit, history[-1] if history else None), "decisions": [asdict(d) for d in history]})
        return
    print_facts(
        {
            "hit": f"{number} of {result.count}, session {result.session}",
            "partner": f"{result.partner}, asked by {result.asked_by}: {result.asked}",
            "case": result.legal_basis.case_reference,
            "identifier": f"{hit.identifier} ({hit.kind}, {hit.strength})",
            "partner's note": hit.shown_note or "none",
            "state": _state(history[-1] if history else None),
        }
    )
    print_table(
        ("own record", "what it shows"),
        [(ref, ", ".join(f"{k}: {v}" for k, v in shown.items())) for ref, shown in hit.records],
    )
    if history:
        rows = [(moment(d.decided_ms), d.verdict, d.reason, d.operator, d.note, d.ledger_row) for d in history]
        print_table(("when", "decision", "reason", "by", "note", "ledger row"), rows)


@command.command(epilog=example("accord hits confirm 3f9a 1 4 --reason documents-agree"))
@_deciding(Verdict.CONFIRMED)
@click.pass_obj
def confirm(
    home: Home, session: str, numbers: tuple[int, ...], reason: str, note: BinaryIO | None, as_json: bool
) -> None:
    """Confirm hits. Somebody checked that the identifier belongs to the own record, and the case needs it."""
    _decide(home, session, numbers, reason, note, as_json)


@command.command(epilog=example("accord hits discard 3f9a 2 --reason other-subject"))
@_deciding(Verdict.DISCARDED)
@click.pass_obj
def discard(
    home: Home, session: str, numbers: tuple[int, ...], reason: str, note: BinaryIO | None, as_json: bool
) -> None:
    """Discard hits. Nothing follows from them. The last decision about a hit stands."""
    _decide(home, session, numbers, reason, note, as_json)


@command.command(epilog=example("accord hits export 3f9a 1 4 --output request.json"))
@_SESSION
@_NUMBERS
@click.option("--output", required=True, type=FILE, help="New file for the request.")
@json_option
@click.pass_obj
def export(home: Home, session: str, numbers: tuple[int, ...], output: Path, as_json: bool) -> None:
    """Write a signed follow-up request. It is about confirmed hits, for the partner, through the legal channel."""
    if output.exists():
        raise OutputExistsError(f"expected a new file for the request, got {output}, which is there")
    node, at_ms = LocalNode.load(home), now_ms()
    result = find_result(node.config.paths.results, session)
    ledger_file = LedgerFile(home.ledger_file)
    digest = envelope_digest(ledger_file.entries(), result.session)
    hits, decided = result.choose(frozenset(numbers)), standing(decisions(result))
    check_confirmed(decided, numbers, ledger_file.entries(), digest)
    request = make_follow_up(node.config, result, digest, hits, decided, node.operator.id, at_ms)
    content, fingerprint = write_follow_up(request, node.identity.signer)
    with node.ledger() as ledger:
        row = replace(
            row_about(result, digest, Event.FOLLOW_UP, node.operator.id),
            kinds=tuple(sorted({hit.kind for hit in hits})),
            hits=tuple(hit.number for hit in hits),
            note=f"fingerprint {fingerprint}",
        )
        ledger.append(row, at_ms)  # before there is anything that could leave
    write_private(output, content, replace=False)
    _show_request(request, {"file": str(output), "fingerprint": fingerprint}, as_json)


@command.command()
@click.argument("file", type=FILE)
@json_option
@click.pass_obj
def verify(home: Home, file: Path, as_json: bool) -> None:
    """Verify a follow-up request. Signed by a partner or this agency, about a session that this node knows."""
    node = LocalNode.load(home)
    signed = read_follow_up(read_bounded(file, FollowUpError, "follow-up"))
    request, own = signed.request, node.config.agency_id
    if own not in (request.sender, request.recipient) or request.realm != node.config.realm:
        raise FollowUpError(f"follow-up: expected one from or to {own}, realm {node.config.realm}, got another")
    other = request.recipient if request.sender == own else request.sender
    keys = {partner.file.agency_id: partner.file.signing_key for partner in PartnerBook(home, node.config).all()}
    keys[own] = node.identity.signer.public_key
    if request.sender not in keys:
        raise FollowUpError("follow-up: expected one of a partner in the book, got another agency's")
    signed.verify(keys[request.sender])
    rows = LedgerFile(home.ledger_file).entries()
    if not any((row.get("session"), row.get("partner")) == (request.envelope_digest, other) for row in rows):
        raise FollowUpError(f"follow-up: expected a session of this node with {other}, got one that it does not know")
    _show_request(request, {"file": str(file), "fingerprint": signed.fingerprint}, as_json)
    if not as_json:
        key = "with this node's own key" if request.sender == own else "with the key in the partner book"
        click.echo(
            f"\nVerified: signed by {request.sender} {key}, about a session with {other} that is in "
            "this node's ledger. Not checked: whether the hits are true."
        )


@command.command()
@click.option("--partner", metavar="ID", shell_complete=complete_partners, help="Only this agency.")
@json_option
@click.pass_obj
def stats(home: Home, partner: str | None, as_json: bool) -> None:
    """Count what became of hits. By partner and kind; no identifier, no case."""
    node = LocalNode.load(home)
    results = (r for r in all_results(node.config.paths.results) if partner in (None, r.partner))
    counted = tallies(results)
    if as_json:
        print_json([tally.as_json() for tally in counted])
        return
    columns = ("partner", "kind", "hits", "open", "confirmed", "discarded", "reasons")
    rows = [
        (
            t.partner,
            t.kind,
            t.hits,
            t.open,
            t.confirmed.total(),
            t.discarded.total(),
            _reasons(t.confirmed + t.discarded),
        )
        for t in counted
    ]
    print_table(columns, rows, title="Hits on this node")


def _decide(
    home: Home, session: str, numbers: tuple[int, ...], reason: str, note: BinaryIO | None, as_json: bool
) -> None:
    node = LocalNode.load(home)
    result = find_result(node.config.paths.results, session)
    digest = envelope_digest(LedgerFile(home.ledger_file).entries(), result.session)
    words = _words(note) if note is not None else ""
    with node.ledger() as ledger:
        made = decide(ledger, result, digest, frozenset(numbers), reason, words, node.operator.id, now_ms())
    if as_json:
        print_json([asdict(decision) for decision in made])
        return
    print_table(
        ("hit", "decision", "reason", "by", "ledger row"),
        [(d.hit, d.verdict, d.reason, d.operator, d.ledger_row) for d in made],
    )


def _words(file: BinaryIO) -> str:
    try:
        return file.read(MAX_FILE_BYTES).decode("utf-8").strip()
    except UnicodeDecodeError:
        raise HitNoteError("note: expected UTF-8 text, got something else") from None


def _hit_json(hit: Hit, decision: Decision | None) -> dict[str, Any]:
    records = [{"reference": reference, "display": shown} for reference, shown in hit.records]
    return {**asdict(hit), "records": records, "state": _state(decision), "decision": decision and asdict(decision)}


def _hit_rows(chosen: Iterable[tuple[Hit, Decision | None]]) -> Iterator[tuple[object, ...]]:
    for hit, decision in chosen:
        about = (hit.number, hit.kind, hit.strength, hit.identifier, "; ".join(ref for ref, _ in hit.records))
        why = (decision.reason, decision.operator) if decision else ("", "")
        yield (*about, hit.shown_note, _state(decision), *why)


def _show_request(request: FollowUp, facts: dict[str, str], as_json: bool) -> None:
    if as_json:
        print_json({**facts, **as_json_fields(request)})
        return
    basis = request.legal_basis
    print_facts(
        {
            **facts,
            "from": f"{request.sender}, {request.made_by}, {moment(request.made_ms)}, realm {request.realm}",
            "to": request.recipient,
            "session": f"{request.session}, asked by {request.asked_by}: {request.asked}",
            "legal basis": f"{basis.instrument}, {basis.reference}; case {basis.case_reference}",
        }
    )
    rows = [
        (
            h.number,
            h.kind,
            "; ".join(h.own_references),
            h.partner_note or h.identifier,
            h.confirmed_by,
            h.reason,
            h.note,
        )
        for h in request.hits
    ]
    columns = ("hit", "kind", "sender's records", "recipient's note or identifier", "confirmed by", "reason", "note")
    print_table(columns, rows)


def _state(decision: Decision | None) -> str:
    return decision.verdict.value if decision else OPEN


def _reasons(counted: Counter[str]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in sorted(counted.items()))
