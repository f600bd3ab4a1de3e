"""Rules: first match decides, default deny, every doubt refuses, and no cut-off file allows more than the whole one."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nodes
from nodes.errors import PermissionsError, RefusedByRulesError, RulesError
from nodes.home import write_private
from nodes.policy import (
    AggregateLimits,
    Decision,
    Direction,
    Facts,
    Ground,
    Obligations,
    Rule,
    RuleBook,
    asked_as,
    decide,
    parse_rules,
)
from protocol.messages import Envelope, LegalBasis, List, Participant
from tests.agency import make_agency

SAMPLE = Path(nodes.__file__).parents[1] / "docs" / "samples" / "rules.toml"
RULES = parse_rules(SAMPLE.read_bytes())
FACTS = Facts(
    direction=Direction.INCOMING,
    partner="fiu-east",
    query="intersect",
    reveals="shared-identifiers",
    data_set="sanctions",
    lists=(("passport", 200_000), ("iban", 7)),
    purpose="sanctions-enforcement",
    instrument="Regulation (EU) 2021/0001, article 12",
)
ALLOWED = Decision(True, Ground.ALLOWED, "north-asks-sanctions", Obligations(1_000_000, 7_200_000))


def test_the_sample_allows_what_it_says() -> None:
    assert [rule.id for rule in RULES] == [
        "never-wallets", "north-asks-sanctions", "east-keeps-an-index", "customs-learn-figures", "we-ask",
        "we-ask-for-figures",
    ]  # fmt: skip
    assert decide(FACTS, RULES) == ALLOWED
    assert decide(FACTS, RULES).enforce() == ALLOWED.obligations


@pytest.mark.parametrize(
    "change",
    [
        {"direction": Direction.OUTGOING, "partner": "fiu-west"},
        {"partner": "fiu-west"},
        {"partner": "FIU-EAST"},
        {"partner": "*"},
        {"query": "count"},
        {"query": "totals"},
        {"reveals": "everything"},
        {"data_set": "sanction"},
        {"data_set": ""},
        {"lists": (("passport", 1), ("national-id", 1))},
        {"lists": ()},
        {"purpose": "curiosity"},
        {"instrument": "regulation (eu) 2021/0001, article 12"},
    ],
)
def test_what_no_rule_allows_is_refused(change: dict[str, Any]) -> None:
    assert decide(replace(FACTS, **change), RULES) == Decision(False, Ground.NO_RULE)


def test_a_question_within_an_epoch_is_not_one_with_fresh_keys() -> None:
    """Who may ask in the one way may not ask in the other, unless a rule says so."""
    small = replace(FACTS, lists=(("passport", 1_000),))
    for query in ("epoch-sync", "epoch-intersect"):
        assert decide(replace(small, query=query), RULES).rule_id == "east-keeps-an-index"
        assert decide(replace(small, query=query, partner="customs-south"), RULES).ground is Ground.NO_RULE
        assert decide(replace(small, query=query), (RULES[1],)).ground is Ground.NO_RULE
    assert decide(small, RULES).rule_id == "north-asks-sanctions"
    assert decide(small, (RULES[2],)).ground is Ground.NO_RULE


COUNT = replace(
    FACTS, partner="customs-south", query="count", reveals="count", data_set="accounts", lists=(("iban", 7),),
    per_person=1,
)  # fmt: skip


def test_figures_need_a_rule_that_says_how_closely() -> None:
    """A rule for any query, written before there were figures, allows none of them; a refusing one refuses them too."""
    told = decide(COUNT, RULES).enforce().aggregates
    assert told == AggregateLimits(10, 0, 5, 1, 4, 8_000, 30, 100)
    rule = next(rule for rule in RULES if rule.id == "customs-learn-figures")
    anything = replace(rule, queries=frozenset({"*"}), obligations=replace(rule.obligations, aggregates=None))
    assert decide(COUNT, (anything,)) == Decision(False, Ground.NO_RULE)
    assert decide(replace(COUNT, query="intersect"), (anything,)).allowed
    assert decide(COUNT, (anything, rule)).rule_id == rule.id
    assert decide(COUNT, (replace(anything, allow=False), rule)).ground is Ground.REFUSED_BY_RULE
    assert anything.lacks(COUNT) == {"aggregates": "count"}


def test_only_a_rule_that_names_paillier_allows_it() -> None:
    rule = next(rule for rule in RULES if rule.id == "customs-learn-figures")
    anything = replace(rule, queries=frozenset({"*"}), reveals=frozenset({"*"}))
    named = replace(anything, queries=frozenset({"totals-paillier"}))
    total = replace(COUNT, query="totals", reveals="totals")
    under_paillier = replace(total, query="totals-paillier")
    assert decide(total, (anything,)).allowed
    assert decide(under_paillier, (anything,)) == Decision(False, Ground.NO_RULE)
    assert anything.lacks(under_paillier) == {"queries": "totals-paillier"}
    assert decide(under_paillier, (anything, named)).allowed
    assert decide(under_paillier, (replace(anything, allow=False), named)).ground is Ground.REFUSED_BY_RULE


def test_no_more_identifiers_of_a_person_count_than_the_rule_says() -> None:
    assert decide(replace(COUNT, per_person=2), RULES) == Decision(
        False, Ground.TOO_MANY_PER_PERSON, "customs-learn-figures"
    )


def test_no_rules_refuse_everything() -> None:
    assert decide(FACTS, ()) == Decision(False, Ground.NO_RULE)


def test_limits_of_the_deciding_rule_hold() -> None:
    over = replace(FACTS, lists=(("iban", 0), ("passport", 200_001)))
    assert decide(over, RULES) == Decision(False, Ground.TOO_MANY_ELEMENTS, "north-asks-sanctions")
    # A later rule with higher limits does not rescue what the first one decided.
    generous = replace(RULES[1], id="later", max_elements_per_list=10**9)
    assert decide(over, (*RULES, generous)).allowed is False
    assert decide(over, (generous, *RULES)).rule_id == "later"


def test_order_decides_and_a_refusal_needs_only_one_kind() -> None:
    wallets = replace(FACTS, lists=(("passport", 1), ("crypto-wallet", 1)))
    assert decide(wallets, RULES) == Decision(False, Ground.REFUSED_BY_RULE, "never-wallets")
    all_kinds = replace(RULES[1], kinds=frozenset({"*"}))
    assert decide(wallets, (all_kinds, RULES[0])).allowed is True
    assert decide(wallets, (RULES[0], all_kinds)).allowed is False


def test_an_error_while_deciding_refuses() -> None:
    broken = replace(FACTS, lists=(("passport", "many"),))  # type: ignore[arg-type]
    assert decide(broken, RULES) == Decision(False, Ground.EVALUATION_FAILED)
    assert decide(FACTS, (None,)) == Decision(False, Ground.EVALUATION_FAILED)  # type: ignore[arg-type]


@pytest.mark.parametrize("ground", [ground for ground in Ground if ground not in (Ground.ALLOWED, Ground.BAD_RULES)])
def test_a_refusal_raises_and_tells_the_partner_only_policy(ground: Ground) -> None:
    with pytest.raises(RefusedByRulesError, match=f"{ground} by rule r1") as caught:
        Decision(False, ground, "r1").enforce()
    assert caught.value.reason == "policy"


def test_broken_rules_are_said_to_be_broken_and_where() -> None:
    with pytest.raises(RulesError, match=r"^rules\.toml: rules\[0\]: effect: expected") as caught:
        Decision(False, Ground.BAD_RULES, detail="rules.toml: rules[0]: effect: expected a").enforce()
    assert caught.value.reason == "policy"


def test_facts_of_a_partners_envelope() -> None:
    key = bytes(32)
    basis = LegalBasis("p", "i", "r", "c", "o", "oc", "h", "routine")
    asked = Participant("fiu-home", "responder", "sanctions", key)
    envelope = Envelope(
        version=1, suite="s", query="intersect", variant="fresh-keys", reveals="shared-identifiers", realm="exercise",
        participants=(Participant("fiu-east", "requester", "", key), asked), recipients=("fiu-east",), operator="op",
        lists=(List("passport", 3), List("iban", 0)), profile_hash=bytes(64), legal_basis=basis, not_before_ms=0,
        not_after_ms=1, nonce=key, seed_commitment=b"", coin_commitment=b"", snapshot_commitment=b"",
    )  # fmt: skip
    assert Facts.incoming(envelope, "fiu-home") == Facts(
        Direction.INCOMING, "fiu-east", "intersect", "shared-identifiers", "sanctions",
        (("passport", 3), ("iban", 0)), "p", "i",
    )  # fmt: skip
    for query, variant, name in (
        ("intersect", "fresh-keys", "intersect"),
        ("intersect", "epoch-key", "epoch-intersect"),
        ("epoch-sync", "epoch-key", "epoch-sync"),
        ("totals", "fresh-keys", "totals"),
        ("totals", "paillier", "totals-paillier"),
    ):
        other = replace(envelope, query=query, variant=variant)
        assert Facts.incoming(other, "fiu-home").query == asked_as(other) == name


ONE = """
[[rules]]
id = "a"
effect = "allow"
direction = "incoming"
partners = ["p1"]
queries = ["intersect"]
reveals = ["shared-identifiers"]
data_sets = ["d"]
kinds = ["passport"]
purposes = ["x"]
instruments = ["y"]
max_elements_per_list = 5000
max_elements_per_day = 6_000
max_duration_seconds = 70
"""


def test_every_key_of_a_rule_is_required() -> None:
    parse_rules(ONE.encode())
    for line in ONE.strip().splitlines()[1:]:
        with pytest.raises(RulesError, match="the key is required"):
            parse_rules(ONE.replace(line + "\n", "").encode())


FIGURES = (
    ONE.replace('["intersect"]', '["count"]')
    + """
[rules.aggregates]
minimum = 10
epsilon_millis = 0
rounding = 5
max_per_person = 1
max_exact_answers = 4
max_epsilon_millis = 8_000
period_days = 30
max_share_percent = 100
"""
)


def test_every_key_of_the_aggregates_is_required() -> None:
    assert parse_rules(FIGURES.encode())[0].obligations.aggregates == AggregateLimits(10, 0, 5, 1, 4, 8_000, 30, 100)
    for line in FIGURES.partition("[rules.aggregates]\n")[2].splitlines():
        with pytest.raises(RulesError, match="the key is required"):
            parse_rules(FIGURES.replace(line + "\n", "").encode())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (FIGURES.partition("[rules.agg")[2], "", r"unclosed|expected valid TOML"),
        ("[rules.aggregates]", "[rules.aggregate]", r"expected a table \[rules.aggregates\], since queries has count"),
        ('effect = "allow"', 'effect = "refuse"', "in a rule that refuses, got one"),
        ("minimum = 10", "minimum = 0", "a whole number from 1"),
        ("rounding = 5", "rounding = -5", "out of range"),
        ("max_per_person = 1", "max_per_person = 65", "from 1 to 64, got a number out of range"),
        ("epsilon_millis = 0", "epsilon_millis = 0.5", "got a decimal number"),
        ("period_days = 30", "period_days = 367", "from 1 to 366"),
        ("period_days = 30", "period_days = 30\nmax_budget = 1", "only known keys"),
        ("max_share_percent = 100\n", "max_share_percent = 1", "a line break behind the last line"),
    ],
)
def test_each_mistake_in_the_aggregates_refuses_the_whole_file(old: str, new: str, message: str) -> None:
    assert old in FIGURES
    with pytest.raises(RulesError, match=message):
        parse_rules(FIGURES.replace(old, new).encode())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('effect = "allow"', 'effect = "Allow"', "one of allow, refuse"),
        ('direction = "incoming"', 'direction = "both"', "one of incoming, outgoing"),
        ('["p1"]', '["*", "p1"]', "alone or a list of words, got both"),
        ('["p1"]', '["P1"]', "partners: expected .* names"),
        ('["p1"]', "[]", "partners: expected a list of 1 to"),
        ('["p1"]', '["p1", "p1"]', "each entry once"),
        ('["p1"]', '"p1"', "partners: expected a list"),
        ('["p1"]', "[1]", "partners: .*got a whole number"),
        ('["intersect"]', '["interesct"]', "queries: .*unknown word"),
        ('["shared-identifiers"]', '["all"]', "reveals: .*unknown word"),
        ('["passport"]', '["passports"]', "kinds: .*unknown word"),
        ("= 5000", "= -1", "out of range"),
        ("= 5000", "= 5000.0", "a decimal number"),
        ("= 70", "= 0", "out of range"),
        ("= 70", "= 70\nmore = 1", "only known keys"),
        ('id = "a"', 'id = "a b"', "id"),
        ("[[rules]]", "[rules]", "rules: expected a list"),
        ("[[rules]]", "default = 'allow'\n[[rules]]", "only known keys"),
        ("= 70\n", "= 70\n" + ONE, "one id twice"),
    ],
)
def test_each_mistake_refuses_the_whole_file(old: str, new: str, message: str) -> None:
    assert old in ONE
    with pytest.raises(RulesError, match=message):
        parse_rules(ONE.replace(old, new).encode())


def _allows(rules: tuple[Rule, ...], facts: Facts) -> tuple[int, ...]:
    """Numbers that are greater where more is allowed."""
    decision = decide(facts, rules)
    if decision.obligations is None:
        return (False, *(-LARGE,) * 9)
    told = decision.obligations.aggregates if facts.per_person else None
    figures = (0,) * 7
    if told is not None:
        noise = -LARGE if told.epsilon_millis == 0 else -told.epsilon_millis
        figures = (-told.minimum, -noise, -told.rounding, told.max_per_person, told.max_exact_answers,
                   told.max_epsilon_millis, -told.period_days)  # fmt: skip
    return (True, decision.obligations.max_elements_per_day, decision.obligations.max_duration_ms, *figures)


def test_a_file_cut_off_anywhere_never_allows_more_than_the_whole() -> None:
    """An editor that crashed, a disk that was full: every prefix of the sample, in bytes."""
    whole = SAMPLE.read_bytes()
    asked = [
        replace(FACTS, direction=direction, lists=((kind, size),))
        for direction in Direction
        for kind in ("passport", "crypto-wallet")
        for size in (0, 1, 200_000, 200_001, 1_000_000)
    ]
    asked += [replace(COUNT, direction=direction, per_person=number) for direction in Direction for number in (1, 4)]
    full = [_allows(RULES, facts) for facts in asked]
    assert sum(allowed for allowed, *_ in full) > 7
    understood = 0
    for length in range(len(whole)):
        try:
            rules = parse_rules(whole[:length])
        except RulesError:
            continue
        understood += 1
        for facts, bound in zip(asked, full, strict=True):
            got = _allows(rules, facts)
            assert all(part <= limit for part, limit in zip(got, bound, strict=True)), (length, facts)
    assert 0 < understood < len(whole)


LARGE = 10**18
WORDS = st.sampled_from(["a", "b", "c"])
SELECTORS = st.one_of(st.just(frozenset({"*"})), st.frozensets(WORDS, min_size=1))


@given(
    st.lists(
        st.builds(
            Rule, st.just("r"), st.booleans(), st.sampled_from(Direction), SELECTORS, SELECTORS, SELECTORS, SELECTORS,
            SELECTORS, SELECTORS, SELECTORS, st.integers(0, 3), st.just(Obligations(1, 1)),
        ),
        max_size=4,
    ),
    st.builds(
        Facts, st.sampled_from(Direction), WORDS, WORDS, WORDS, WORDS,
        st.lists(st.tuples(WORDS, st.integers(0, 4)), max_size=3).map(tuple), WORDS, WORDS,
    ),
)  # fmt: skip
def test_whatever_is_allowed_is_covered_by_one_rule(rules: list[Rule], facts: Facts) -> None:
    """Written from the meaning of a rule, not from `decide`."""
    decision = decide(facts, tuple(rules))
    assert decision.ground is not Ground.EVALUATION_FAILED
    if not decision.allowed:
        return
    asked = {
        "partners": {facts.partner}, "queries": {facts.query}, "reveals": {facts.reveals},
        "data_sets": {facts.data_set}, "kinds": {kind for kind, _ in facts.lists},
        "purposes": {facts.purpose}, "instruments": {facts.instrument},
    }  # fmt: skip
    assert any(
        rule.allow
        and rule.direction == facts.direction
        and all("*" in getattr(rule, name) or words <= getattr(rule, name) for name, words in asked.items())
        and all(size <= rule.max_elements_per_list for _, size in facts.lists)
        for rule in rules
    )


class TestRuleBook:
    @pytest.fixture
    def book(self, tmp_path: Path) -> RuleBook:
        home = make_agency(tmp_path / "node").home
        write_private(home.rules_file, SAMPLE.read_bytes())
        self.path = home.rules_file
        return RuleBook(home)

    def test_changes_count_at_the_next_request(self, book: RuleBook) -> None:
        assert book.decide(FACTS) == ALLOWED
        write_private(self.path, SAMPLE.read_bytes().replace(b'"fiu-east"', b'"fiu-west"'))
        assert book.decide(FACTS).ground is Ground.NO_RULE
        self.path.write_bytes(SAMPLE.read_bytes())  # in place, as some editors write
        assert book.decide(FACTS) == ALLOWED

    def test_a_broken_file_refuses_everything_until_repaired(self, book: RuleBook) -> None:
        assert book.decide(FACTS) == ALLOWED
        self.path.write_bytes(SAMPLE.read_bytes().replace(b'"refuse"', b'"refsue"'))
        for _ in range(2):
            assert book.decide(FACTS) == Decision(False, Ground.BAD_RULES)
            with pytest.raises(RulesError, match=r"rules\.toml: rules\[0\]: effect: expected one of allow, refuse"):
                book.check()
        self.path.write_bytes(SAMPLE.read_bytes())
        assert book.decide(FACTS) == ALLOWED

    def test_a_broken_file_tells_the_own_operator_what_is_wrong(self, book: RuleBook) -> None:
        self.path.write_bytes(SAMPLE.read_bytes().replace(b'"refuse"', b'"refsue"'))
        with pytest.raises(RulesError, match=r"rules\.toml: rules\[0\]: effect: expected one of allow, refuse"):
            book.decide(FACTS).enforce()

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"partner": "fiu-west"}, 'no-rule; the nearest rule is we-ask, which lacks partners "fiu-west"'),
            (
                {"partner": "fiu-west", "query": "epoch-intersect"},
                'no-rule; the nearest rule is we-ask, which lacks partners "fiu-west"; queries "epoch-intersect"',
            ),
        ],
    )
    def test_own_rules_say_which_is_nearest_and_what_it_lacks(
        self, book: RuleBook, change: dict[str, Any], message: str
    ) -> None:
        asked = replace(FACTS, direction=Direction.OUTGOING, **change)
        with pytest.raises(RefusedByRulesError, match=f"{re.escape(message)}$"):
            book.decide(asked).enforce()

    def test_the_nearest_rule_is_named_with_the_kinds_it_lacks(self, book: RuleBook) -> None:
        write_private(self.path, SAMPLE.read_bytes().replace(b'kinds = ["*"]', b'kinds = ["iban"]'))
        with pytest.raises(RefusedByRulesError, match=r'is we-ask, which lacks kinds "passport"$'):
            book.decide(replace(FACTS, direction=Direction.OUTGOING)).enforce()
        self.path.write_bytes(b"")
        with pytest.raises(RefusedByRulesError, match=r"rules\.toml allows nothing outgoing$"):
            book.decide(replace(FACTS, direction=Direction.OUTGOING)).enforce()

    def test_a_partners_question_is_not_explained(self, book: RuleBook) -> None:
        assert book.decide(replace(FACTS, partner="fiu-west")).detail == ""

    def test_a_file_that_others_can_write_refuses_everything(self, book: RuleBook) -> None:
        assert book.decide(FACTS) == ALLOWED
        self.path.chmod(0o666)
        assert book.decide(FACTS) == Decision(False, Ground.BAD_RULES)
        with pytest.raises(PermissionsError, match="chmod 0600"):
            book.check()

    def test_a_missing_file_refuses_everything(self, book: RuleBook) -> None:
        self.path.unlink()
        assert book.decide(FACTS) == Decision(False, Ground.BAD_RULES)
        with pytest.raises(RulesError, match="expected a file"):
            book.check()
