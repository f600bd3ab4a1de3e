"""Totals under Paillier of three served nodes over TLS, at the real size: against the files, and against ElGamal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal

import pytest

pytest.importorskip("gmpy2", reason="the extra `paillier` is not installed")
pytest.importorskip("phe", reason="the extra `paillier` is not installed")

from nodes.error_table import ExitCode
from nodes.exercise_node import introduce
from psi import paillier
from tests.e2e.figures import OFFENCES, figure_rules, hold_accounts
from tests.e2e.harness import make_node
from tests.e2e.test_totals import MONEY, NAMES, OVERLAP, SIZE, Circle, as_told, by, expected, of_quarter, quarter

ASKED = (*MONEY, *by("offence", OFFENCES[:3]), "--minimum", "1")


@pytest.fixture(scope="module")
def circle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Circle]:
    folder = tmp_path_factory.mktemp("circle")
    nodes = [make_node(folder / name, name) for name in NAMES[:3]]
    introduce(*nodes)
    held = hold_accounts(tmp_path_factory.mktemp("accounts"), nodes, SIZE, OVERLAP)
    with ExitStack() as stack:
        for node in nodes:
            stack.callback(node.stop)
            node.serve()
        yield Circle(nodes, held)


def allow(circle: Circle, *, but: str = "") -> None:
    """Rules of all nodes name both schemes; those of one ElGamal alone."""
    for node in circle.nodes:
        others = [other.agency for other in circle.nodes if other is not node]
        told = [figure_rules(one, way) for one in others for way in ("incoming", "outgoing")]
        if node.agency != but:
            told = [rule.replace('"totals"]\nreveals', '"totals", "totals-paillier"]\nreveals') for rule in told]
            assert all("totals-paillier" in rule for rule in told)
        node.write_rules(*told)


def test_both_schemes_tell_what_the_files_say(circle: Circle) -> None:
    allow(circle)
    told = {
        scheme: circle.told(*ASKED, *quarter(1), "--to-all", "--scheme", scheme) for scheme in ("elgamal", "paillier")
    }
    found = expected(of_quarter(circle.held, 1), "offence")
    assert any(found[word][0] == 3 for word in OFFENCES[:3])
    truth = {word: found[word] if found[word][0] == 3 else (found[word][0], None, Decimal()) for word in OFFENCES[:3]}
    assert as_told(told["elgamal"]) == as_told(told["paillier"]) == truth
    for scheme, result in told.items():
        assert result["scheme"] == scheme
        for key in ("participants", "recipients", "aggregate", "most", "noise", "figures"):
            assert result[key] == told["elgamal"][key]


def test_each_books_what_the_other_scheme_would(circle: Circle) -> None:
    """Charged like any total, remembered like any total, and under the name that rules have for it."""
    allow(circle)
    north, south, _ = circle.nodes
    asked = (*ASKED, *quarter(2))
    first = circle.told(*asked, "--scheme", "paillier")
    sessions = {row["session"] for row in south.ledger() if row.get("query") == "totals-paillier"}
    [session] = [one for one in sessions if one.startswith(first["session"])]
    rows = [row for row in south.ledger() if row.get("session") == session]
    assert [row["event"] for row in rows][:3] == ["request-received", "decision", "disclosure"]
    assert (rows[2]["charged"], rows[2]["exact"]) == (3, 1)
    again = circle.told(*asked)  # the same question, under the other scheme, over the same records
    assert as_told(again) == as_told(first)
    narrower = circle.ask(*asked, "--where", "amount>=100", "--json")
    assert (narrower.code, narrower.error["code"]) == (ExitCode.REFUSED_BY_OWN_RULES, "overlapping-total")
    kept = [json.loads(path.read_text()) for path in (south.home / "results").glob("*.json")]
    [own] = [one for one in kept if one["session"] == first["session"]]
    assert all(figure.get("amount") is None for figure in own["figures"])
    assert [figure["count"] for figure in own["figures"]] == [figure["count"] for figure in first["figures"]]
    assert north.must("ledger", "verify")


@pytest.mark.parametrize("place", [0, 1])
def test_a_rule_that_names_totals_alone_allows_elgamal_alone(circle: Circle, place: int) -> None:
    allow(circle, but=circle.nodes[place].agency)
    outcome = circle.ask(*ASKED, *quarter(3), "--scheme", "paillier", "--json")
    assert outcome.code == (ExitCode.REFUSED_BY_OWN_RULES, ExitCode.REFUSED_BY_PARTNER)[place]
    assert outcome.error["code"] == ("refused-by-own-rules", "refused")[place]
    assert circle.told(*ASKED, *quarter(3))["scheme"] == "elgamal"


def test_explain_says_what_this_scheme_lacks(circle: Circle, monkeypatch: pytest.MonkeyPatch) -> None:
    allow(circle)
    explained = circle.ask(*ASKED, "--scheme", "paillier", "--explain", "--json").json
    assert (explained["query"], explained["scheme"]) == ("totals-paillier", "paillier")
    assert any("Nothing proves that a figure is within its bounds" in caveat for caveat in explained["caveats"])
    assert not any("Nothing proves" in caveat for caveat in circle.ask(*ASKED, "--explain", "--json").json["caveats"])
    monkeypatch.setattr(paillier, "available", lambda: False)
    outcome = circle.ask(*ASKED, "--scheme", "paillier", "--explain", "--json")
    assert (outcome.code, outcome.error["code"]) == (ExitCode.CONFIGURATION, "scheme-missing")
    assert "extra `paillier`" in outcome.error["message"]
