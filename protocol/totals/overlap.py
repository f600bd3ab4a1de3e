"""Whether a question for a total, asked beside one that was answered, could isolate what the two have not in common.

Two totals over other participants differ by one agency's contribution; two whose records differ by a few, by these.
Neither the snapshot nor the period helps, so a node refuses the second for a time that its rules state
(docs/protocol.md, "totals").
"""

from __future__ import annotations

import re
from typing import Final

from protocol.messages import Aggregate, Envelope, Filter
from protocol.totals.plan import Plan
from protocol.vocabulary import Comparison

_INTEGER: Final = re.compile(r"-?[0-9]+")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def conflicts(asked: Envelope, answered: Envelope) -> bool:
    """Whether `asked` must be refused because `answered`, a checked envelope of totals, was answered before.

    The same question of the same participants does not conflict: over the same records its answer is the same but for
    the noise, for which budgets are; over other records, see `same_question`. Another one conflicts unless both
    certainly speak of different records or cells.
    """
    if same_question(asked, answered):
        return False
    return _may_share_records(Plan.of(asked).aggregate, Plan.of(answered).aggregate)


def same_question(a: Envelope, b: Envelope) -> bool:
    """Whether two questions ask the same participants for the same figures."""

    def who(envelope: Envelope) -> list[tuple[str, str, bytes]]:
        return [(p.agency, p.data_set, p.signing_key) for p in envelope.participants]

    return (who(a), a.lists, a.aggregate, a.recipients) == (who(b), b.lists, b.aggregate, b.recipients)


def _may_share_records(a: Aggregate, b: Aggregate) -> bool:
    if a.category and a.category == b.category and not set(a.categories) & set(b.categories):
        return False
    return not any(_exclude(f, g) for f in a.filters for g in b.filters if f.column == g.column)


def _exclude(f: Filter, g: Filter) -> bool:
    """Whether no record can pass both. Bounds of dates compare as text, those of amounts as numbers."""
    match f.test, g.test:
        case Comparison.ONE_OF, Comparison.ONE_OF:
            return not set(f.values) & set(g.values)
        case Comparison.FROM, Comparison.UNTIL:
            return _below(g.values[0], f.values[0])
        case Comparison.UNTIL, Comparison.FROM:
            return _below(f.values[0], g.values[0])
    return False


def _below(a: str, b: str) -> bool:
    """Whether a is certainly below b: two integers, or two dates as YYYY-MM-DD."""
    if _INTEGER.fullmatch(a) and _INTEGER.fullmatch(b):
        return int(a) < int(b)
    return bool(_DATE.fullmatch(a) and _DATE.fullmatch(b)) and a < b
