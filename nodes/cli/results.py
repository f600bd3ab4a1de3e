"""`accord results`: the answers on this node, to its own questions and to those that it answered."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

import click

from nodes.cli.local import LocalNode
from nodes.cli.output import json_option, moment, print_json, print_table
from nodes.hits import Result, all_results
from nodes.home import Home
from nodes.verdicts import Verdict, decisions, standing
from protocol.vocabulary import Query

_OF_HITS: Final = ("hits", "open", *(verdict.value for verdict in Verdict))  # figures have none


@click.group(short_help="See the answers on this node.")
def command() -> None:
    """See the answers on this node: to its own questions and, where they go to both sides, to its partners'."""


@command.command("list")
@json_option
@click.pass_obj
def list_results(home: Home, as_json: bool) -> None:
    """List all results, oldest first. Shows what each answers, and how many hits wait for a decision."""
    node = LocalNode.load(home)
    found = [_facts(result) for result in all_results(node.config.paths.results)]
    if as_json:
        print_json(found)
        return
    columns = ("session", "answered", "query", "partner", "asked by", "asked", "case", *_OF_HITS)
    rows = [
        (
            f["session"],
            moment(f["answered_ms"]),
            *(f[name] for name in ("query", "partner", "asked_by", "asked")),
            f["legal_basis"]["case_reference"],
            *("" if f[name] is None else f[name] for name in _OF_HITS),
        )
        for f in found
    ]
    print_table(columns, rows, title="Results on this node")


def _facts(result: Result) -> dict[str, Any]:
    verdicts = [decision.verdict for decision in standing(decisions(result)).values()]
    hits = [result.count, result.count - len(verdicts), *(verdicts.count(verdict) for verdict in Verdict)]
    query = result.query
    return {
        "session": result.session,
        "query": query.value,
        "answered_ms": result.answered_ms,
        "partner": result.partner,
        "asked_by": result.asked_by,
        "operator": result.operator,
        "asked": result.asked,
        "data_set": result.data_set,
        "reveals": result.reveals,
        "legal_basis": asdict(result.legal_basis),
        **dict(zip(_OF_HITS, hits if query is Query.INTERSECT else (None,) * len(hits), strict=True)),
        "file": str(result.path),
    }
