"""What may be asked of a count, a sum or a total, and the terms on which it is answered.

Both sides check the question by the same rules, so that no honest node sends what another refuses. That no total can
leave the range of the discrete logarithm is seen here, before anything is encrypted.
"""

from __future__ import annotations

import re
from typing import Final

from protocol.codec import MAX_CATEGORIES
from protocol.errors import EnvelopeError, RangeError, TermsError
from protocol.messages import Aggregate, Envelope, Filter, Terms
from protocol.vocabulary import Comparison, Query
from psi.elgamal import MAX_TOTAL
from psi.noise import noise_tail

MAX_PER_PERSON: Final = 64
MAX_FILTERS: Final = 16
MAX_FILTER_VALUES: Final = 400  # of all filters together
MAX_MINIMUM: Final = 1_000_000_000
MAX_EPSILON_MILLIS: Final = 100_000
MAX_WORD_BYTES: Final = 64  # so that 200 categories and their filters stay within a signed payload
AGGREGATES: Final = frozenset({Query.COUNT, Query.SUM, Query.TOTALS})
CURRENCY: Final = re.compile(r"[A-Z]{3}")  # ISO 4217
COLUMN: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}")


def asked_aggregate(envelope: Envelope) -> Aggregate:
    """What a checked envelope of count, sum or totals asks for. Raises EnvelopeError where it asks for nothing."""
    if envelope.aggregate is None:
        raise EnvelopeError("expected what is to be counted or summed, got nothing")
    return envelope.aggregate


def check_aggregate(envelope: Envelope) -> None:
    """See that the envelope says what is counted or summed exactly where its query does that, and says it well.

    Raises:
        EnvelopeError: it does not.
        RangeError: a total, with its noise, could leave the range that can be decrypted.
    """
    aggregate = envelope.aggregate
    if (envelope.query in AGGREGATES) is not (aggregate is not None):
        raise EnvelopeError("expected what is counted or summed in a question that counts or sums, and nowhere else")
    if aggregate is not None:
        elements = sum(entry.size for entry in envelope.lists)
        check_question(aggregate, Query(envelope.query), elements, len(envelope.participants))


def check_question(aggregate: Aggregate, query: Query, elements: int, participants: int) -> None:
    """See that what is to be counted or summed is said well, for so many of the requester's elements.

    Raises:
        As `check_aggregate`.
    """
    _check_value(aggregate, query)
    _check_categories(aggregate)
    if len(aggregate.filters) > MAX_FILTERS:
        raise EnvelopeError(f"expected at most {MAX_FILTERS} filters, got {len(aggregate.filters)}")
    if sum(len(condition.values) for condition in aggregate.filters) > MAX_FILTER_VALUES:
        raise EnvelopeError(f"expected at most {MAX_FILTER_VALUES} values in all filters together")
    for condition in aggregate.filters:
        _check_filter(condition)
    if not 1 <= aggregate.per_person <= MAX_PER_PERSON:
        raise EnvelopeError(f"expected 1 to {MAX_PER_PERSON} identifiers per person, got {aggregate.per_person}")
    if aggregate.minimum > MAX_MINIMUM or aggregate.epsilon_millis > MAX_EPSILON_MILLIS:
        raise EnvelopeError(f"expected a minimum up to {MAX_MINIMUM} and an epsilon up to {MAX_EPSILON_MILLIS / 1000}")
    if query is Query.TOTALS:
        # Each participant keeps its own part, noise included, within the range.
        check_range(aggregate, elements * participants, 0)
    else:
        check_range(aggregate, elements, aggregate.epsilon_millis)


def sensitivities(aggregate: Aggregate) -> tuple[int, int]:
    """How far one person can move the count and the total of a category; the latter is 0 for a count."""
    return aggregate.per_person, aggregate.per_person * max(abs(aggregate.low), abs(aggregate.high))


def check_range(aggregate: Aggregate, elements: int, epsilon_millis: int) -> None:
    """See that no count or total of so many identifiers, with its noise, leaves the range that can be decrypted.

    Args:
        elements: how many identifiers can be counted or summed at most.
        epsilon_millis: of the noise, 0 for none.

    Raises:
        RangeError: it could: a coarser unit or a narrower range is needed.
    """
    bound = largest(aggregate, elements, epsilon_millis)
    if bound > MAX_TOTAL:
        raise RangeError(f"expected elements x range + noise of at most {MAX_TOTAL} units, got {bound}")


def largest(aggregate: Aggregate, elements: int, epsilon_millis: int) -> int:
    """No count and no total of so many identifiers, with its noise, is larger in absolute value.

    Args:
        epsilon_millis: of the noise, 0 for none; it is larger than allowed for with a probability of 2^-64.
    """
    bound = elements * max(abs(aggregate.low), abs(aggregate.high), 1)
    if epsilon_millis:
        sensitivity = max(sensitivities(aggregate))
        bound += noise_tail(sensitivity, epsilon_millis) if sensitivity <= MAX_TOTAL else sensitivity
    return bound


def check_terms(terms: Terms | None, aggregate: Aggregate | None) -> None:
    """See that the data owner's terms stand exactly where something is counted or summed, and loosen nothing.

    Raises:
        TermsError: they do not.
    """
    if terms is None or aggregate is None:
        if terms is not None or aggregate is not None:
            raise TermsError("expected terms with an answer that counts or sums, and with no other")
        return
    stricter = terms.epsilon_millis <= (aggregate.epsilon_millis or MAX_EPSILON_MILLIS)
    if aggregate.epsilon_millis and not terms.epsilon_millis:
        stricter = False
    if not stricter or terms.minimum < aggregate.minimum:
        raise TermsError("expected terms as strict as those asked for, got looser ones")
    if max(terms.minimum, terms.rounding) > MAX_MINIMUM:
        raise TermsError(f"expected a minimum and a rounding up to {MAX_MINIMUM}")


def check_answerable(envelope: Envelope, terms: Terms | None) -> None:
    """See that a checked question can be answered on these terms: whether they fit it, and that with their noise, which
    may be more than was asked for, nothing can overflow.

    Raises:
        TermsError, RangeError: by their names.
    """
    check_terms(terms, envelope.aggregate)
    if terms is not None and envelope.aggregate is not None and envelope.query != Query.TOTALS:
        check_range(envelope.aggregate, sum(entry.size for entry in envelope.lists), terms.epsilon_millis)


def stricter(aggregate: Aggregate, minimum: int, epsilon_millis: int, rounding: int) -> Terms:
    """The terms that a data owner with these rules of its own will answer on."""
    noises = [epsilon for epsilon in (aggregate.epsilon_millis, epsilon_millis) if epsilon]
    return Terms(max(aggregate.minimum, minimum), min(noises, default=0), rounding)


def _check_value(aggregate: Aggregate, query: Query) -> None:
    counts = not aggregate.value
    if (query is Query.COUNT and not counts) or (query is Query.SUM and counts):
        raise EnvelopeError(f"expected {'no value' if query is Query.COUNT else 'a value'} to sum in a {query.value}")
    if query is Query.COUNT and aggregate.category:
        raise EnvelopeError("expected a count without categories: a sum counts each of its own")
    if counts:
        if aggregate.currency or aggregate.unit or aggregate.low or aggregate.high:
            raise EnvelopeError("expected neither currency nor unit nor range where nothing is summed")
        return
    if not COLUMN.fullmatch(aggregate.value) or not CURRENCY.fullmatch(aggregate.currency):
        raise EnvelopeError("expected the name of a column to sum and a currency of three letters")
    if not 1 <= aggregate.unit <= MAX_TOTAL:
        raise EnvelopeError("expected at least one minor unit in a unit")
    if not -MAX_TOTAL <= aggregate.low <= 0 <= aggregate.high <= MAX_TOTAL or aggregate.low == aggregate.high:
        raise EnvelopeError("expected a range that holds 0 and more")


def _check_categories(aggregate: Aggregate) -> None:
    categories = aggregate.categories
    if not aggregate.category:
        if categories:
            raise EnvelopeError("expected no categories without the column that has them")
        return
    if not COLUMN.fullmatch(aggregate.category):
        raise EnvelopeError("expected the name of the column that has the categories")
    if not 1 <= len(categories) <= MAX_CATEGORIES or len(set(categories)) != len(categories):
        raise EnvelopeError(f"expected 1 to {MAX_CATEGORIES} different categories")
    _check_words(categories)


def _check_filter(condition: Filter) -> None:
    if not COLUMN.fullmatch(condition.column) or condition.test not in set(Comparison):
        raise EnvelopeError("expected a filter on a column with a test that the protocol lists")
    one = condition.test != Comparison.ONE_OF
    if not condition.values or (one and len(condition.values) > 1):
        raise EnvelopeError("expected one value in a filter from or until, and at least one in one-of")
    if len(set(condition.values)) != len(condition.values):
        raise EnvelopeError("expected different values in a filter")
    _check_words(condition.values)


def _check_words(words: tuple[str, ...]) -> None:
    if any(not word.strip() or len(word.encode()) > MAX_WORD_BYTES for word in words):
        raise EnvelopeError(f"expected words of 1 to {MAX_WORD_BYTES} bytes in categories and filters")
