"""`accord results`: the answers on this node, to its own questions and to those that it answered."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from nodes.cli.local import LocalNode
from nodes.cli.output import json_option, moment, print_json, print_table
from nodes.hits import Result, all_results
from nodes.home import Home
from nodes.verdicts import Verdict, decisions, standing


@click.group(short_help="See the answers on this node.")
def command() -> None:
    """See the answers on this node: to its own questions and, where they go to both sides, to its partners'."""


@command.command("list")
@json_option
@click.pass_obj
def list_results(home: Home, as_json: bool) -> None:
    """List all results, oldest first. Shows how many of their hits wait for a decision."""
    node = LocalNode.load(home)
    found = [_facts(result) for result in all_results(node.config.paths.results)]
    if as_json:
        print_json(found)
        return
    columns = ("session", "answered", "partner", "asked by", "asked", "case", "hits", "open", "confirmed", "discarded")
    rows = [
        (
            f["session"],
            moment(f["answered_ms"]),
            *(f[name] for name in ("partner", "asked_by", "asked")),
            f["legal_basis"]["case_reference"],
            *(f[name] for name in ("hits", "open", "confirmed", "discarded")),
        )
        for f in found
    ]
    print_table(columns, rows, title="Results on this node")


def _facts(result: Result) -> dict[str, Any]:
    verdicts = [decision.verdict for decision in standing(decisions(result)).values()]
    return {
        "session": result.session,
        "answered_ms": result.answered_ms,
        "partner": result.partner,
        "asked_by": result.asked_by,
        "operator": result.operator,
        "asked": result.asked,
        "data_set": result.data_set,
        "reveals": result.reveals,
        "legal_basis": asdict(result.legal_basis),
        "hits": result.count,
        "open": result.count - len(verdicts),
        **{verdict.value: verdicts.count(verdict) for verdict in Verdict},
        "file": str(result.path),
    }
