"""The file with totals: what was asked of whom on which terms, and what was opened of each category."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, Final

from nodes.aggregates.results import amount
from nodes.casefile import CaseFile
from nodes.errors import StorageError
from nodes.results import summary_of, write_file
from nodes.runner import Outcome
from protocol import codec
from protocol.aggregate.terms import asked_aggregate, sensitivities
from protocol.messages import Aggregate, Envelope, Packet, PacketType, Terms
from protocol.results import Total, Totals
from protocol.vocabulary import Scheme

NOTICE: Final = "Figures, not findings: what all participants contributed, each from its own records."
DEVIATIONS: Final = 1.96  # of a sum of noises, in which 95 of 100 lie; exact for many of them, near for few


def write_totals(host: CaseFile, answer: Totals, outcome: Outcome, session_id: str) -> dict[str, Any]:
    """Write totals to the node's results folder. Returns: what the file says; and its path.

    Raises:
        StorageError: not written, though all participants have answered and charged.
    """
    if not host.asked:
        raise StorageError("expected a session with a question, got none")
    envelope = codec.decode_message(Packet(PacketType.ENVELOPE, host.asked), Envelope)
    aggregate = asked_aggregate(envelope)
    summary = {
        **summary_of(host, outcome, session_id, NOTICE, []),
        "participants": [
            {"agency": agency, **asdict(terms), "data_set": envelope.data_set_of(agency)}
            for agency, terms in answer.terms
        ],
        "recipients": list(envelope.recipients),
        "scheme": Scheme.of(envelope.variant).value,
        "aggregate": asdict(aggregate),
        "most": {entry.kind: entry.size for entry in envelope.lists},
        "noise": interval(aggregate, (terms for _, terms in answer.terms)),
        "figures": [_figure(total, aggregate) for total in answer.totals],
    }
    return write_file(host, summary)


def _figure(total: Total, aggregate: Aggregate) -> dict[str, Any]:
    told: dict[str, Any] = {
        "category": total.category,
        "contributors": total.contributors,
        "count": total.records,
    }
    if aggregate.value:
        told |= {"total": total.value, "amount": None if total.value is None else amount(total.value, aggregate)}
    return told


def interval(aggregate: Aggregate, terms: Iterable[Terms]) -> dict[str, Any] | None:
    """How far the noise of all participants moves count and total, in about 95 of 100 answers; None without noise.

    What participants round, clip or contribute as nothing comes on top.
    """
    noises = [one.epsilon_millis for one in terms if one.epsilon_millis]
    if not noises:
        return None
    of_count, of_total = sensitivities(aggregate)
    widths: dict[str, Any] = {"count": _width(of_count, noises)}
    if aggregate.value:
        width = _width(of_total, noises)
        widths |= {"total": width, "amount": amount(width, aggregate)}
    return widths


def _width(sensitivity: int, noises: Iterable[int]) -> int:
    """Of the sum of discrete Laplace noises, each with the variance 2 a / (1 - a)^2 for a = exp(-epsilon / s)."""
    variance = 0.0
    for epsilon_millis in noises:
        rate = epsilon_millis / (1000 * sensitivity)
        variance += 2 * math.exp(-rate) / math.expm1(-rate) ** 2
    return math.ceil(DEVIATIONS * math.sqrt(variance))
