"""Who may ask what: `decide` over the ordered rules of rules.toml.

The first rule that speaks about a request decides it; no rule, no answer. A request that exceeds the deciding rule's
limits is refused, and later rules are not tried. An error while deciding refuses. A rule file that is missing, open to
others or wrong refuses everything until it is repaired, and `RuleBook.check` says what is wrong with it.

All keys of a rule are required, so that a file cut off anywhere never allows more than the whole one. A rule says in a
table of its own, `[rules.aggregates]`, how closely counts, sums and totals are told; a rule without it allows none of
them, whatever queries it names.
A partner is told nothing but `Reason.POLICY`, whatever the reason: which rule exists is nobody's business but ours.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from nodes.config import AGENCY_ID
from nodes.errors import NodeError, RefusedByRulesError, RulesError
from nodes.fields import NAME, Fields, parse_toml
from nodes.home import Home, read_private
from protocol.aggregate.terms import AGGREGATES, MAX_EPSILON_MILLIS, MAX_MINIMUM, MAX_PER_PERSON
from protocol.identifiers import KINDS
from protocol.messages import Envelope
from protocol.vocabulary import Query, Reveals, Role, Variant

ANY: Final = "*"
EPOCH_INTERSECT: Final = "epoch-intersect"  # an intersect under the key of an epoch; `intersect` has fresh keys
TOTALS_PAILLIER: Final = "totals-paillier"  # totals under Paillier, where nothing stops cheats; `totals` is ElGamal
_NAMED: Final = {
    (Query.INTERSECT.value, Variant.EPOCH_KEY.value): EPOCH_INTERSECT,
    (Query.TOTALS.value, Variant.PAILLIER.value): TOTALS_PAILLIER,
}
_FIGURES: Final = AGGREGATES | {TOTALS_PAILLIER}
MAX_RULES: Final = 1024
MAX_ELEMENTS: Final = 1_000_000_000_000  # per day; only a guard against slips of the finger
MAX_PERIOD_DAYS: Final = 366  # how long the state remembers what was told
MAX_PERIOD_EPSILON_MILLIS: Final = 100_000_000


def called(query: str, variant: str) -> str:
    """What a question is called in rules and ledgers: by its query, and some variants by a name of their own."""
    return _NAMED.get((query, variant), query)


def asked_as(envelope: Envelope) -> str:
    """See `called`."""
    return called(envelope.query, envelope.variant)


class Direction(StrEnum):
    """Whose question it is."""

    INCOMING = "incoming"
    OUTGOING = "outgoing"


class Ground(StrEnum):
    """Why a decision is what it is. For the ledger and the operator, never for the partner."""

    ALLOWED = "allowed"
    NO_RULE = "no-rule"
    REFUSED_BY_RULE = "refused-by-rule"
    TOO_MANY_ELEMENTS = "too-many-elements"
    TOO_MANY_PER_PERSON = "too-many-per-person"
    BAD_RULES = "bad-rules"
    EVALUATION_FAILED = "evaluation-failed"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a decision may depend on.

    Args:
        partner: agency id of the other side.
        data_set: of the responder.
        lists: identifier kind and declared number of elements, in envelope order.
        per_person: of a count, sum or total, how many identifiers of one person may count; else 0.
    """

    direction: Direction
    partner: str
    query: str
    reveals: str
    data_set: str
    lists: tuple[tuple[str, int], ...]
    purpose: str
    instrument: str
    per_person: int = 0

    @classmethod
    def incoming(cls, envelope: Envelope, agency: str) -> Facts:
        """Return the facts of a partner's envelope to this agency that has passed the protocol's own checks."""
        return cls(
            direction=Direction.INCOMING,
            partner=envelope.participant(Role.REQUESTER).agency,
            query=asked_as(envelope),
            reveals=envelope.reveals,
            data_set=envelope.data_set_of(agency),
            lists=tuple((entry.kind, entry.size) for entry in envelope.lists),
            purpose=envelope.legal_basis.purpose,
            instrument=envelope.legal_basis.instrument,
            per_person=envelope.aggregate.per_person if envelope.aggregate is not None else 0,
        )


@dataclass(frozen=True, slots=True)
class AggregateLimits:
    """How closely counts, sums and totals are told to a partner from a data set; the last three over a period of days.

    Args:
        minimum: smallest number of persons of whom a count is told, per answer and category.
        epsilon_millis: noise on every figure, in thousandths of epsilon; 0 for none unless the question asks for some.
        rounding: counts are told as multiples of it; 0 for as they are.
        max_per_person: identifiers of one person that may count.
        max_exact_answers: answers without noise, suppressed or not.
        max_epsilon_millis: what all figures with noise may spend.
        period_days: for which both are counted, the day of the question included; and how long no total is contributed
            to that could, beside an earlier one, isolate what the two have not in common.
        max_share_percent: of a cell of a total, that one identifier may hold; 100 for any.
    """

    minimum: int
    epsilon_millis: int
    rounding: int
    max_per_person: int
    max_exact_answers: int
    max_epsilon_millis: int
    period_days: int
    max_share_percent: int


@dataclass(frozen=True, slots=True)
class Obligations:
    """What whoever carries out an allowed request must do."""

    max_elements_per_day: int
    max_duration_ms: int
    aggregates: AggregateLimits | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a request is allowed, why, by which rule (empty if by none), and on which terms.

    `detail` is for this node's own operator: what is wrong with rules.toml, or what the nearest rule lacks.
    """

    allowed: bool
    ground: Ground
    rule_id: str = ""
    obligations: Obligations | None = None
    detail: str = field(default="", compare=False)

    def __str__(self) -> str:
        by = f" by rule {self.rule_id}" if self.rule_id else ""
        return f"{self.ground}{by}{f'; {self.detail}' if self.detail else ''}"

    def enforce(self) -> Obligations:
        """Return the terms of an allowed request.

        Raises:
            RulesError: rules.toml has a mistake. RefusedByRulesError: it is not allowed.
            The message is for this node's own operator.
        """
        if self.ground is Ground.BAD_RULES:
            raise RulesError(self.detail)
        if not self.allowed or self.obligations is None:
            raise RefusedByRulesError(f"expected a request that rules.toml allows, got: {self}")
        return self.obligations


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. A selector is a set of words, or ANY."""

    id: str
    allow: bool
    direction: Direction
    partners: frozenset[str]
    queries: frozenset[str]
    reveals: frozenset[str]
    data_sets: frozenset[str]
    kinds: frozenset[str]
    purposes: frozenset[str]
    instruments: frozenset[str]
    max_elements_per_list: int
    obligations: Obligations

    def speaks_about(self, facts: Facts) -> bool:
        """Tell whether this rule decides: an allowing one must cover all identifier kinds, a refusing one any."""
        return self.direction is facts.direction and not self.lacks(facts)

    def lacks(self, facts: Facts) -> dict[str, str]:
        """Return what this rule does not cover, by the keys of rules.toml; its direction apart."""
        kinds = {kind for kind, _ in facts.lists}
        covered = kinds <= self.kinds if self.allow else bool(kinds & self.kinds)
        by_name = self.allow and facts.query == TOTALS_PAILLIER  # nobody is led to the weaker scheme by a "*"
        asked = {
            "partners": (self.partners, facts.partner),
            "queries": (self.queries - {ANY} if by_name else self.queries, facts.query),
            "reveals": (self.reveals, facts.reveals),
            "data_sets": (self.data_sets, facts.data_set),
            "purposes": (self.purposes, facts.purpose),
            "instruments": (self.instruments, facts.instrument),
        }
        missing = {key: word for key, (selector, word) in asked.items() if not _selects(selector, word)}
        if not covered and ANY not in self.kinds:
            missing["kinds"] = ", ".join(sorted(kinds - self.kinds))
        if self.allow and facts.query in _FIGURES and self.obligations.aggregates is None:
            missing["aggregates"] = facts.query
        return missing


def decide(facts: Facts, rules: tuple[Rule, ...]) -> Decision:
    """Decide by the first rule that speaks about the facts. Pure; never raises; refuses when in doubt."""
    try:
        if not facts.lists:
            return Decision(False, Ground.NO_RULE)
        for rule in rules:
            if rule.speaks_about(facts):
                if not rule.allow:
                    return Decision(False, Ground.REFUSED_BY_RULE, rule.id)
                if max(size for _, size in facts.lists) > rule.max_elements_per_list:
                    return Decision(False, Ground.TOO_MANY_ELEMENTS, rule.id)
                limits = rule.obligations.aggregates
                if limits is not None and facts.per_person > limits.max_per_person:
                    return Decision(False, Ground.TOO_MANY_PER_PERSON, rule.id)
                return Decision(True, Ground.ALLOWED, rule.id, rule.obligations)
    except Exception:  # whatever it is, the request was not understood
        return Decision(False, Ground.EVALUATION_FAILED)
    return Decision(False, Ground.NO_RULE)


class RuleBook:
    """The rules on disk, read again whenever the file changes. Safe to use from several threads."""

    def __init__(self, home: Home) -> None:
        self._path = home.rules_file
        self._lock = threading.Lock()
        self._seen: object = None
        self._rules: tuple[Rule, ...] = ()

    def decide(self, facts: Facts) -> Decision:
        """Decide by the rules as they are on disk now."""
        try:
            rules = self.check()
        except NodeError as error:
            return Decision(False, Ground.BAD_RULES, detail=str(error))
        decision = decide(facts, rules)
        if facts.direction is Direction.OUTGOING and decision.ground is Ground.NO_RULE:
            return replace(decision, detail=_nearest(facts, rules))
        return decision

    def check(self) -> tuple[Rule, ...]:
        """Return the rules.

        Raises:
            RulesError, PermissionsError, StorageError: everything is refused until this is repaired.
        """
        with self._lock:
            try:
                status = self._path.lstat()
            except OSError as cause:
                raise RulesError(f"rules.toml: expected a file, got: {cause.strerror}") from None
            stamp = (status.st_ino, status.st_mtime_ns, status.st_size, status.st_mode, status.st_uid)
            if stamp != self._seen:
                self._seen = None  # stays so if the file is wrong: the next request reads it again
                self._rules = parse_rules(read_private(self._path))
                self._seen = stamp
            return self._rules


def _nearest(facts: Facts, rules: tuple[Rule, ...]) -> str:
    """Say which allowing rule lacks least, and what: own rules and own question, for the own operator."""
    candidates = [rule for rule in rules if rule.allow and rule.direction is facts.direction]
    if not candidates or not facts.lists:
        return f"rules.toml allows nothing {facts.direction}" if facts.lists else ""
    rule = min(candidates, key=lambda candidate: len(candidate.lacks(facts)))
    lacks = "; ".join(f'{key} "{word}"' for key, word in rule.lacks(facts).items())
    return f"the nearest rule is {rule.id}, which lacks {lacks}"


def parse_rules(data: bytes) -> tuple[Rule, ...]:
    """Parse rules.toml.

    Raises:
        RulesError: names the rule and key, what was expected and what was found.
    """
    with parse_toml(data, RulesError, "rules.toml") as root:
        rules = tuple(_rule(table) for table in root.tables("rules", max_items=MAX_RULES))
        if len({rule.id for rule in rules}) != len(rules):
            raise root.fail("rules", "a different id for each rule", "one id twice")
        if any(rule.obligations.aggregates for rule in rules) and not data.endswith(b"\n"):
            raise root.fail("rules", "a line break behind the last line", "none: the file may be cut off in a number")
    return rules


def _rule(table: Fields) -> Rule:
    with table:
        allow = table.choice("effect", ["allow", "refuse"]) == "allow"
        queries = _words(table, "queries", [*Query, EPOCH_INTERSECT, TOTALS_PAILLIER])
        aggregates = _aggregates(table.table("aggregates")) if "aggregates" in table else None
        if aggregates is None and allow and (named := sorted(queries & _FIGURES)):
            raise table.fail("aggregates", f"a table [rules.aggregates], since queries has {named[0]}", "none")
        if aggregates is not None and not allow:
            raise table.fail("aggregates", "no table [rules.aggregates] in a rule that refuses", "one")
        return Rule(
            id=table.text("id", pattern=NAME, max_bytes=64),
            allow=allow,
            direction=Direction(table.choice("direction", list(Direction))),
            partners=_selector(table, "partners", AGENCY_ID),
            queries=queries,
            reveals=_words(table, "reveals", list(Reveals)),
            data_sets=_selector(table, "data_sets", NAME),
            kinds=_words(table, "kinds", list(KINDS)),
            purposes=_selector(table, "purposes", None),
            instruments=_selector(table, "instruments", None),
            max_elements_per_list=table.integer("max_elements_per_list", 0, MAX_ELEMENTS),
            obligations=Obligations(
                max_elements_per_day=table.integer("max_elements_per_day", 0, MAX_ELEMENTS),
                max_duration_ms=1000 * table.integer("max_duration_seconds", 1, 604_800),
                aggregates=aggregates,
            ),
        )


def _aggregates(table: Fields) -> AggregateLimits:
    with table:
        return AggregateLimits(
            minimum=table.integer("minimum", 1, MAX_MINIMUM),
            epsilon_millis=table.integer("epsilon_millis", 0, MAX_EPSILON_MILLIS),
            rounding=table.integer("rounding", 0, MAX_MINIMUM),
            max_per_person=table.integer("max_per_person", 1, MAX_PER_PERSON),
            max_exact_answers=table.integer("max_exact_answers", 0, MAX_ELEMENTS),
            max_epsilon_millis=table.integer("max_epsilon_millis", 0, MAX_PERIOD_EPSILON_MILLIS),
            period_days=table.integer("period_days", 1, MAX_PERIOD_DAYS),
            max_share_percent=table.integer("max_share_percent", 1, 100),
        )


def _selector(table: Fields, key: str, pattern: re.Pattern[str] | None) -> frozenset[str]:
    texts = table.texts(key)
    if ANY in texts and len(texts) > 1:
        raise table.fail(key, f'either "{ANY}" alone or a list of words', "both")
    if pattern is not None and not all(text == ANY or pattern.fullmatch(text) for text in texts):
        raise table.fail(key, f'"{ANY}" alone or names', "text of another form")
    return frozenset(texts)


def _words(table: Fields, key: str, words: list[str]) -> frozenset[str]:
    """A selector over words that this version knows: a misspelt one would silently never match."""
    selected = _selector(table, key, None)
    if not selected <= {ANY, *words}:
        raise table.fail(key, f'"{ANY}" alone or some of {", ".join(words)}', "an unknown word")
    return selected


def _selects(selector: frozenset[str], word: str) -> bool:
    return word in selector or ANY in selector
