"""How `accord query` shows what a question would tell and cost, and has the operator confirm it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Final

import click

from nodes.aggregates.terms import described
from nodes.asking import Request
from nodes.cli.local import LocalNode, now_ms
from nodes.cli.output import moment, print_facts, print_json, print_table
from nodes.control.wire import QueryOrder
from nodes.epochs.held import HeldEpochs
from nodes.errors import QuestionError
from nodes.explain import Explanation, FigureUse, KnownSize, explain
from nodes.home import Home
from nodes.mandate import Mandate
from nodes.totals.explain import TotalsExplanation
from protocol.disclosure import Disclosure, Learner
from protocol.identifiers import KINDS
from protocol.vocabulary import Query


def explained(home: Home, order: QueryOrder, mandate: Mandate) -> Explanation:
    """Find out what an order would tell and cost. Raises as `nodes.explain.explain`."""
    node = LocalNode.load(home)
    kinds = order.kinds
    if order.epoch and not kinds:
        kinds = HeldEpochs(node.config, node.identity).by_id(order.epoch).epoch.kinds
    request = Request(
        order.partner,
        order.data_set,
        order.asked,
        kinds,
        mandate,
        node.operator.id,
        order.reveals,
        order.epoch,
        order.aggregate,
    )
    if not home.calibration_file.exists():
        click.echo("measuring this machine, once", err=True)
    return explain(home, node.config, node.identity, request, now_ms())


def show(explanation: Explanation, *, as_json: bool) -> None:
    """Print all of it."""
    if as_json:
        print_json(explanation.as_json())
        return
    print_facts({**_facts(explanation), **_figures(explanation)})
    click.echo()
    print_table(
        ("kind", "strength", "own", "partner's"),
        [(e.kind, KINDS[e.kind].strength.value, e.own, _told(e.partner)) for e in explanation.lists],
        title="Sizes, which both sides will know",
    )
    click.echo()
    show_disclosure(explanation.disclosure, _who(explanation))


def show_disclosure(disclosure: Disclosure, who: Mapping[Learner, str]) -> None:
    """Print what each side will learn, and what no protocol prevents."""
    print_table(
        ("who", "learns at most", "even if", "rests on"),
        [(who[s.learner], s.learns, s.adversary, s.assumption) for s in disclosure.statements],
        title="What each side will learn",
    )
    click.echo("\nWhat no protocol prevents:")
    for caveat in disclosure.caveats:
        click.echo(f"- {caveat}")


TOTALS_WHO: Final = {
    Learner.REQUESTER: "this node, the requester",
    Learner.CONTRIBUTOR: "each other agency",
    Learner.NETWORK: "the network in between",
}


def totals_facts(explanation: TotalsExplanation) -> dict[str, object]:
    """What a question for a total is, under which rules, and what it costs."""
    request, terms = explanation.request, explanation.terms
    basis = request.mandate.legal_basis
    facts: dict[str, object] = {
        "agencies": ", ".join(f"{agency} ({data_set})" for agency, data_set in request.invited),
        "legal basis": f"{basis.instrument}, {basis.reference}; case {basis.case_reference}, purpose {basis.purpose}",
        "figures": f"{described(request.aggregate, Query.TOTALS)}; at most {request.most:,} identifiers of a kind each",
        "scheme": request.scheme.value,
        "sums are told to": "all agencies" if request.to_all else "this node alone",
        "own rules": "; ".join(
            f"{agency}: {'allowed by ' + d.rule_id if d.allowed else f'refused: {d}'}"
            for agency, d in explanation.decisions.items()
        ),
    }
    if terms is not None:
        noise = f"epsilon {terms.epsilon_millis / 1000:g} for each figure" if terms.epsilon_millis else "none"
        rounding = f"to multiples of {terms.rounding}" if terms.rounding else "none"
        facts["own part"] = (
            f"from {terms.minimum * request.aggregate.per_person} identifiers on, else nothing; rounding: {rounding}; "
            f"noise: {noise}; all are told these terms, and none may contribute on looser ones than minimum and noise"
        )
        facts["opened"] = "counts where three agencies or more contribute" + (
            "; sums where these counts reach the largest minimum of all agencies" if request.aggregate.value else ""
        )
        facts["own figures"] = "; ".join(f"{agency}: {_use(use)}" for agency, use in explanation.figures.items())
        facts["enforced"] = "by each agency for its own records; nobody sees how another enforces its terms"
    return facts


def require_terminal() -> None:
    """Raises QuestionError where nobody can be asked to confirm."""
    if not sys.stdin.isatty():
        raise QuestionError("expected --yes where no terminal can confirm the question, got neither")


def confirm(explanation: Explanation) -> None:
    """Show the short form and ask. Raises click.Abort where the operator says no."""
    sizes = ", ".join(f"{entry.own:,} of kind {entry.kind}" for entry in explanation.lists)
    print_facts({**_facts(explanation), **_figures(explanation), "asks about": sizes}, err=True)
    _ask(explanation.disclosure, _who(explanation))


def confirm_totals(explanation: TotalsExplanation) -> None:
    """The same of a question for a total. Raises click.Abort; RefusedByRulesError, BudgetError: not to be asked."""
    explanation.enforce()
    print_facts(totals_facts(explanation), err=True)
    _ask(explanation.disclosure, TOTALS_WHO)


def _ask(disclosure: Disclosure, who: Mapping[Learner, str]) -> None:
    told = {learner: [s.learns for s in disclosure.statements if s.learner is learner] for learner in who}
    print_facts(
        {f"{who[learner]}, learns": "; ".join(told[learner]) for learner in told if learner is not Learner.NETWORK},
        err=True,
    )
    click.confirm("\nSend this question?", abort=True, err=True)


def _facts(explanation: Explanation) -> Mapping[str, object]:
    request, budget, decision = explanation.request, explanation.budget, explanation.decision
    basis, estimate, more = request.mandate.legal_basis, explanation.estimate, explanation.million
    machine = explanation.calibration.machine
    per_million = "" if explanation.partner_known else f" per million that {request.partner} holds"
    more_seconds = per_million and f", plus {_seconds(more.seconds)}{per_million}"
    more_bytes = per_million and f", plus {more.sent_bytes:,} and {more.received_bytes:,}{per_million}"
    return {
        "partner": f"{request.partner}, data set {request.asked}",
        "legal basis": f"{basis.instrument}, {basis.reference}; case {basis.case_reference}, purpose {basis.purpose}",
        "answer": request.reveals.value,
        "own rules": (
            f"allowed by {decision.rule_id}; {request.partner} decides by its own"
            if decision.allowed
            else f"refused: {decision}"
        ),
        "own budget": (
            f"{budget.charged:,} elements; then {budget.left:,} of {budget.limit:,} are left today (UTC)"
            if budget
            else "not known: no rule allows the question"
        ),
        "time": f"about {_seconds(estimate.seconds)}{more_seconds}; the line is not counted",
        "bytes": f"about {estimate.sent_bytes:,} sent and {estimate.received_bytes:,} received{more_bytes}",
        "measured": f"{moment(explanation.calibration.measured_ms)}, both sides here: {machine.backend}, {machine.cpu}",
    }


def _figures(explanation: Explanation) -> dict[str, object]:
    """On which terms a count or a sum is asked, what it costs, and where this side cannot enforce its own."""
    request, use = explanation.request, explanation.figures
    aggregate = request.aggregate
    if aggregate is None:
        return {}
    noise = f"epsilon {aggregate.epsilon_millis / 1000:g} for each figure" if aggregate.epsilon_millis else "none"
    facts: dict[str, object] = {
        "figures": described(aggregate, request.query),
        "asked": f"told from {aggregate.minimum * aggregate.per_person} identifiers on; noise: {noise}",
        "enforced": f"minimum, noise and identifiers per person by {request.partner}, which counts; this node refuses "
        "looser terms than it asked for, and cannot see whether what it is told was counted by them",
    }
    if use is not None:
        facts["own figures"] = f"{_use(use)} of this node's own in {use.budget.period_days} days"
    return facts


def _use(use: FigureUse) -> str:
    if use.cost.exact:
        left = use.budget.exact - use.used.exact - use.cost.exact
        return f"1 exact answer; then {left:,} of {use.budget.exact:,} are left"
    left = use.budget.epsilon_millis - use.used.epsilon_millis - use.cost.epsilon_millis
    cost, rest, limit = (millis / 1000 for millis in (use.cost.epsilon_millis, left, use.budget.epsilon_millis))
    return f"epsilon {cost:g} in all; then {rest:g} of {limit:g} are left"


def _who(explanation: Explanation) -> dict[Learner, str]:
    return {
        Learner.REQUESTER: "this node, the requester",
        Learner.RESPONDER: f"{explanation.request.partner}, the responder",
        Learner.NETWORK: "the network in between",
    }


def _seconds(seconds: float) -> str:
    return f"{seconds:,.1f} s" if seconds >= 0.1 else "0.1 s"


def _told(size: KnownSize | None) -> str:
    return "unknown" if size is None else f"{size.elements} ({moment(size.told_ms)})"
